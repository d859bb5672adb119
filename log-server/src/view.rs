//! What readers are answered from: the log as of its newest published head.
//!
//! Index and head are replaced together, and whoever reads keeps what it began with: no look-up
//! waits for the log to be moved on. Every replica follows what is published, whoever publishes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use plainsight_specs::index::Tree;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::rules::Replay;

use crate::directory::{DirectoryError, Published, PublishedHead};
use crate::recovery::{Signed, WriteError, refuse};
use crate::shared::Shared;
use crate::store::CheckpointRow;

/// The pause after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// The log at its newest published head, once something is published and was read.
#[derive(Debug, Default)]
pub(crate) struct View {
    shown: RwLock<Option<Arc<Shown>>>,
    /// The log's state at that head, to go on from.
    replay: Mutex<Option<Replay>>,
}

/// What readers see: never changed, only replaced.
#[derive(Debug)]
struct Shown {
    index: Tree,
    head: Arc<PublishedHead>,
}

impl View {
    /// The newest published head.
    pub(crate) fn head(&self) -> Option<Arc<PublishedHead>> {
        self.shown().map(|shown| Arc::clone(&shown.head))
    }

    /// A copy of the log's state at that head, to go on from.
    pub(crate) fn replay(&self) -> Option<Replay> {
        self.lock().clone()
    }

    fn shown(&self) -> Option<Arc<Shown>> {
        // Nothing but a pointer is under this lock.
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Replay>> {
        // Whoever panics with it has taken the state out.
        self.replay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what `replay` has come to. If that is not `head`, what was shown stays.
    fn set(&self, replay: Replay, head: PublishedHead) -> Result<(), WriteError> {
        if replay.head() != head.tree || replay.final_epoch().is_none() {
            return refuse("what was published is not what the database holds");
        }
        let shown = Shown {
            // Shares its pages with the replay until that goes on.
            index: replay.index().clone(),
            head: Arc::new(head),
        };
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(shown));
        *self.lock() = Some(replay);
        Ok(())
    }

    /// Steps over `entries` to `head`.
    fn advance(&self, entries: &[Vec<u8>], head: PublishedHead) -> Result<(), WriteError> {
        let Some(mut replay) = self.lock().take() else {
            return refuse("nothing is shown that could be moved on");
        };
        for entry in entries {
            replay.step(entry);
        }
        self.set(replay, head)
    }

    /// The size that [`View::advance`] goes on from.
    fn size(&self) -> Option<TreeSize> {
        self.lock().as_ref().map(Replay::size)
    }
}

impl Published for View {
    fn read<T>(
        &self,
        work: impl FnOnce(&Tree, &Arc<PublishedHead>) -> T,
    ) -> Result<T, DirectoryError> {
        let shown = self.shown().ok_or(DirectoryError::NothingPublished)?;
        Ok(work(&shown.index, &shown.head))
    }
}

/// Shows every head as it is published, until the caller ends it.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let mut newest = shared.newest.subscribe();
    let poll = shared.config.replica.poll();
    let others_publish = shared.others_publish();
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
            () = tokio::time::sleep(poll), if others_publish => {
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
    if let Some(size) = shared.view.size() {
        let entries = shared.source.entries(size.get(), tree.size.get()).await?;
        let shared = Arc::clone(shared);
        let moved = tokio::task::spawn_blocking(move || shared.view.advance(&entries, head));
        moved
            .await
            .map_err(|_| crate::objects::ObjectError::Cancelled)??;
    } else {
        let replay = read_from_nothing(shared, tree.size).await?;
        shared.view.set(replay, head)?;
    }
    shared.set_signed(tree.size);
    shared.published.send_replace(tree.size);
    Ok(())
}

async fn read_from_nothing(shared: &Shared, target: TreeSize) -> Result<Replay, WriteError> {
    let mut replay = Replay::new(shared.origin.clone());
    let mut signed = Signed::above(TreeSize::ZERO);
    while replay.size() < target {
        let next = replay.size().get();
        for entry in shared.source.entries_from(next, target.get()).await? {
            // Whoever writes goes on from here, and holds nothing below against it again.
            signed.step(shared, &mut replay, &entry).await?;
        }
    }
    Ok(replay)
}
