//! What readers are answered from: the log as of its newest published head.
//!
//! Index and head are swapped together, under a lock that is held for computation only: never
//! while something is read or written. Every replica follows what is published, whoever publishes.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use plainsight_specs::index::Tree;
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::rules::Replay;

use crate::directory::{DirectoryError, Published, PublishedHead};
use crate::recovery::{WriteError, refuse};
use crate::shared::Shared;
use crate::store::CheckpointRow;

/// The pause after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// The log at its newest published head, once something is published and was read.
#[derive(Debug, Default)]
pub(crate) struct View(RwLock<Option<Shown>>);

#[derive(Debug)]
struct Shown {
    replay: Replay,
    head: Arc<PublishedHead>,
}

impl View {
    /// The newest published head.
    pub(crate) fn head(&self) -> Option<Arc<PublishedHead>> {
        self.with(|shown| Arc::clone(&shown.head))
    }

    /// A copy of the log's state at that head, to go on from.
    pub(crate) fn replay(&self) -> Option<Replay> {
        self.with(|shown| shown.replay.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&Shown) -> T) -> Option<T> {
        // A writer that panicked left the old state or the new one, by the order in `advance`.
        let shown = self.0.read().unwrap_or_else(PoisonError::into_inner);
        shown.as_ref().map(work)
    }

    fn set(&self, replay: Replay, head: PublishedHead) {
        let head = Arc::new(head);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Shown { replay, head });
    }

    /// Steps over `entries` to `head`. If they do not lead there, nothing is shown any more.
    fn advance(&self, entries: &[Vec<u8>], head: PublishedHead) -> Result<(), WriteError> {
        let mut guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(mut shown) = guard.take() else {
            return refuse("nothing is shown that could be moved on");
        };
        for entry in entries {
            shown.replay.step(entry);
        }
        if shown.replay.head() != head.tree || shown.replay.final_epoch().is_none() {
            return refuse("what was published is not what the database holds");
        }
        shown.head = Arc::new(head);
        *guard = Some(shown);
        Ok(())
    }
}

impl Published for View {
    fn read<T>(
        &self,
        work: impl FnOnce(&Tree, &Arc<PublishedHead>) -> T,
    ) -> Result<T, DirectoryError> {
        self.with(|shown| work(shown.replay.index(), &shown.head))
            .ok_or(DirectoryError::NothingPublished)
    }
}

/// Shows every head as it is published, until the caller ends it.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let mut newest = shared.newest.subscribe();
    let poll = shared.config.replica.poll();
    loop {
        let row = newest.borrow_and_update().clone();
        if let Some(row) = row.filter(|row| row.tree.size > *shared.published.borrow()) {
            if let Err(error) = show(&shared, row).await {
                tracing::error!(%error, "what was published cannot be shown");
                tokio::time::sleep(PAUSE).await;
            }
            continue;
        }
        tokio::select! {
            // The sender lives in `shared`.
            _ = newest.changed() => {}
            () = tokio::time::sleep(poll), if shared.source.store.is_shared() => {
                match shared.source.store.published_checkpoint().await {
                    Ok(row) => shared.show(row),
                    Err(error) => tracing::warn!(%error, "the newest checkpoint is not known"),
                }
            }
        }
    }
}

/// Moves what readers are answered from to the head of a checkpoint that was published.
pub(crate) async fn show(shared: &Arc<Shared>, row: CheckpointRow) -> Result<(), WriteError> {
    // One at a time: the next one goes on where the last one came to.
    let _turn = shared.showing.lock().await;
    let tree = row.tree;
    let note = row.cosigned.unwrap_or(row.note);
    let head = PublishedHead::gather(note, tree, &shared.source).await?;
    let shown = shared.view.head().map(|head| head.tree);
    if shown.is_some_and(|shown| shown.size >= tree.size) {
        return Ok(());
    }
    if let Some(shown) = shown {
        let entries = shared
            .source
            .entries(shown.size.get(), tree.size.get())
            .await?;
        let shared = Arc::clone(shared);
        let moved = tokio::task::spawn_blocking(move || shared.view.advance(&entries, head));
        moved
            .await
            .map_err(|_| crate::objects::ObjectError::Cancelled)??;
    } else {
        let replay = read_from_nothing(shared, tree).await?;
        shared.view.set(replay, head);
    }
    shared.set_signed(tree.size);
    shared.published.send_replace(tree.size);
    Ok(())
}

async fn read_from_nothing(shared: &Shared, target: TreeHead) -> Result<Replay, WriteError> {
    let mut replay = Replay::new(shared.origin.clone());
    while replay.size() < target.size {
        let next = replay.size().get();
        for entry in shared.source.entries_from(next, target.size.get()).await? {
            replay.step(&entry);
        }
    }
    if replay.head() != target || replay.final_epoch().is_none() {
        return refuse("what was published is not what the database holds");
    }
    Ok(replay)
}
