//! Removes what nobody needs any more: partial objects, and segments that bundles hold too.
//!
//! Both only after what takes their place was read back. The one writer does it now and then, and
//! `plainsight-log gc` does the objects' part at once. Out of scope: files that never got a final
//! name, which a writer removes when its term begins (see [`crate::objects`]).

mod partials;
mod prune;

pub use partials::{Collected, collect};
pub use prune::{PruneError, prune};

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::shared::Shared;
use crate::store::Writer;

/// Collects now and then, for the one writer.
pub(crate) struct Collecting(JoinHandle<()>);

impl Collecting {
    pub(crate) fn start(shared: Arc<Shared>, writer: Arc<Mutex<Writer>>) -> Self {
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(shared.config.gc.every()).await;
                // Nothing waits for it; what is left is removed the next time.
                once(&shared, &writer).await;
            }
        }))
    }

    /// Ends it, and lets go of the writer.
    pub(crate) async fn end(mut self) {
        self.0.abort();
        // Whether it was cancelled or had ended is all the same.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn once(shared: &Shared, writer: &Mutex<Writer>) {
    let gc = &shared.config.gc;
    let published = *shared.published.borrow();
    let objects = &shared.source.objects;
    match collect(objects, published, gc.grace(), SystemTime::now()).await {
        Ok(collected) => tracing::info!(
            removed = collected.removed,
            bytes = collected.removed_bytes,
            kept = collected.kept.len(),
            "partial objects were removed"
        ),
        Err(error) => tracing::warn!(%error, "partial objects could not be removed"),
    }
    if !gc.prune {
        return;
    }
    match prune(&shared.source, writer, published).await {
        Ok(deleted) => tracing::info!(deleted, "segments were deleted from the database"),
        Err(error) => tracing::warn!(%error, "segments could not be deleted"),
    }
}
