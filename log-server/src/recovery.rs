//! Start-up: reads the log back from the database, compares it with what was signed and what is
//! public, and refuses to write if they contradict each other.
//!
//! The same code runs after a clean stop, after a kill, and after a write whose result is
//! unknown: what is in memory is then dropped, never patched. The refusals are the signs of a
//! restored backup, of a lost commit or of another log's files.

use std::sync::Arc;

use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::entry::Genesis;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::policy::PolicyError;
use plainsight_specs::rules::Replay;

use crate::objects::ObjectError;
use crate::shared::Shared;
use crate::source::SourceError;
use crate::store::{CheckpointRow, Head, LogRow, StoreError, Writer};
use crate::view;

/// What is said of a database that is older than what is public.
pub(crate) const OLDER: &str = "a larger checkpoint is published than the database knows of";

/// Why the log is not, or no longer, written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// The database. What it holds is unknown until it is read again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The public objects.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// A part that should be there is not.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The policy's quorum cannot be checked: the cosignatures were accepted one by one.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// What is stored contradicts what was signed or published: a person must look.
    #[error("{0}")]
    Refused(String),
}

/// The log as of its last commit.
pub(crate) struct Recovered {
    pub(crate) replay: Replay,
    pub(crate) head: Head,
    /// A checkpoint that was signed and not published: it goes first.
    pub(crate) unpublished: Option<CheckpointRow>,
    /// The size of the newest checkpoint that was.
    pub(crate) published: TreeSize,
    /// Objects that were public are missing: all are written again.
    pub(crate) rebuild: bool,
}

/// Reads everything back: from what readers are answered from, which was compared when it was
/// read, or else from the first entry.
pub(crate) async fn recover(
    shared: &Arc<Shared>,
    writer: &mut Writer,
) -> Result<Recovered, WriteError> {
    let (store, objects) = (&shared.source.store, &shared.source.objects);
    let log = identity(shared).await?;
    let progress = store.progress().await?;
    let head = store.head().await?;
    let public = objects.checkpoint().await?;
    let public_head = public.as_ref().map(UnverifiedCheckpoint::head);
    if public_head.is_some_and(|public| public.size > head.tree.size) {
        return refuse(OLDER);
    }
    let replayed = replay(shared, &head, public_head).await?;

    // Killed between publishing and noting it: what is public is published.
    let mut published = progress.published;
    if let Some(public) = public.filter(|public| public.head().size > published) {
        published = public.head().size;
        writer.cosigned(published, &public.to_bytes()).await?;
        writer.published(published, shared.clock.now_ms()).await?;
    }
    let row = store.published_checkpoint().await?;
    if row.as_ref().map_or(TreeSize::ZERO, |row| row.tree.size) != published {
        return Err(StoreError::Corrupt("no note for what is published".into()).into());
    }
    let newest = store.newest_checkpoint().await?;
    if let Some(newest) = &newest {
        shared.set_signed(newest.tree.size);
    }
    shared.set_sequenced(head.tree.size);
    shared.epoch.send_replace(replayed.at_epoch);
    // From here on readers are served, whether the log may be written or not.
    let is_whole = show_published(shared, row).await?;
    if let Some(reason) = log.frozen {
        return refuse(&format!("the log is frozen: {reason}"));
    }
    let skew = replayed
        .replay
        .genesis()
        .map_or(0, Genesis::max_clock_skew_ms);
    if shared.clock.now_ms().saturating_add(skew) < head.last_ms {
        return refuse("the clock is before the log's last epoch");
    }
    let is_public = public_head.map_or(TreeSize::ZERO, |public| public.size) >= published;
    Ok(Recovered {
        replay: replayed.replay,
        head,
        published,
        unpublished: newest.filter(|row| row.tree.size > published),
        rebuild: !(is_whole && is_public),
    })
}

/// Whether the keys and the origin are those that the log was made with.
pub(crate) async fn identity(shared: &Shared) -> Result<LogRow, WriteError> {
    let log = shared.source.store.log().await?;
    if log.origin != shared.origin.as_str() || log.vkey != shared.vkey.to_string() {
        return refuse("the key or origin is not the one that this log was made with");
    }
    if log.vrf_key != shared.keys.vrf.public().as_bytes() {
        return refuse("the VRF key is not the one that this log was made with");
    }
    Ok(log)
}

/// Shows what is published, unless it is shown already. False if objects that it needs are
/// missing.
pub(crate) async fn show_published(
    shared: &Arc<Shared>,
    row: Option<CheckpointRow>,
) -> Result<bool, WriteError> {
    let shown = shared
        .view
        .head()
        .map_or(TreeSize::ZERO, |head| head.tree.size);
    let Some(row) = row.filter(|row| row.tree.size > shown) else {
        return Ok(true);
    };
    match view::show(shared, row).await {
        Ok(()) => Ok(true),
        Err(WriteError::Source(SourceError::Missing(path))) => {
            tracing::warn!(path, "a public object is missing; all are written again");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

struct Replayed {
    replay: Replay,
    at_epoch: Option<TreeHead>,
}

/// Replays every entry that readers are not yet answered from, and compares the root at every
/// size that was signed or published.
async fn replay(
    shared: &Shared,
    head: &Head,
    public: Option<TreeHead>,
) -> Result<Replayed, WriteError> {
    let mut replay = match shared.view.replay() {
        Some(shown) if shown.size() <= head.tree.size => shown,
        _ => Replay::new(shared.origin.clone()),
    };
    let is_other = |replay: &Replay| {
        public.is_some_and(|public| public.size == replay.size() && public != replay.head())
    };
    // What is shown already is not stepped through again.
    if is_other(&replay) {
        return differs(replay.size());
    }
    let mut signed = Signed::above(replay.size());
    let ends_at_epoch = |replay: &Replay| (replay.size() == head.epoch_size).then(|| replay.head());
    let mut at_epoch = ends_at_epoch(&replay);
    while replay.size() < head.tree.size {
        let start = replay.size().get();
        for entry in shared
            .source
            .entries_from(start, head.tree.size.get())
            .await?
        {
            signed.step(shared, &mut replay, &entry).await?;
            if is_other(&replay) {
                return differs(replay.size());
            }
            at_epoch = at_epoch.or_else(|| ends_at_epoch(&replay));
        }
    }
    if replay.head() != head.tree {
        return refuse("the segments do not hash to the head's root");
    }
    let largest = TreeSize::new(i64::MAX.cast_unsigned()).unwrap_or_default();
    if signed.at(shared, largest).await?.is_some() {
        return refuse("a larger size was signed than the database holds");
    }
    Ok(Replayed { replay, at_epoch })
}

/// A refusal: a head of this size was signed, and it is another one.
fn differs<T>(size: TreeSize) -> Result<T, WriteError> {
    refuse(&format!(
        "what was signed at size {size} is not what the database holds"
    ))
}

/// The signed heads in order, read a page at a time.
pub(crate) struct Signed {
    page: std::collections::VecDeque<CheckpointRow>,
    above: TreeSize,
    is_last: bool,
}

impl Signed {
    const PAGE: u32 = 256;

    /// Those of more entries than `above`.
    pub(crate) fn above(above: TreeSize) -> Self {
        Self {
            page: std::collections::VecDeque::new(),
            above,
            is_last: false,
        }
    }

    /// Steps over an entry. Refuses if it breaks a rule, if another head was signed at the size that
    /// is reached, or any at a smaller size that was not asked for.
    pub(crate) async fn step(
        &mut self,
        shared: &Shared,
        replay: &mut Replay,
        entry: &[u8],
    ) -> Result<(), WriteError> {
        if let Some(rule) = replay.step(entry).verdict() {
            let at = replay.size();
            return refuse(&format!("an entry before {at} breaks the rule {rule}"));
        }
        match self.at(shared, replay.size()).await? {
            Some(signed) if signed != replay.head() => differs(replay.size()),
            _ => Ok(()),
        }
    }

    /// The head that was signed at exactly `size`, or any that was signed at a smaller size that
    /// was not asked for. Sizes must be asked for in ascending order.
    async fn at(
        &mut self,
        shared: &Shared,
        size: TreeSize,
    ) -> Result<Option<TreeHead>, StoreError> {
        if self.page.is_empty() && !self.is_last {
            let rows = shared
                .source
                .store
                .checkpoints_above(self.above, Self::PAGE)
                .await?;
            self.is_last = rows.len() < Self::PAGE as usize;
            self.above = rows.last().map_or(self.above, |row| row.tree.size);
            self.page = rows.into();
        }
        match self.page.front() {
            Some(row) if row.tree.size <= size => Ok(self.page.pop_front().map(|row| row.tree)),
            _ => Ok(None),
        }
    }
}

pub(crate) fn refuse<T>(why: &str) -> Result<T, WriteError> {
    Err(WriteError::Refused(why.to_owned()))
}
