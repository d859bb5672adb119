//! Start-up: reads the log back from the database, compares it with what was signed and what is
//! public, and refuses to write if they contradict each other.
//!
//! The same code runs after a clean stop, after a kill, and after a write whose result is
//! unknown: what is in memory is then dropped, never patched. The refusals are the signs of a
//! restored backup, of a lost commit or of another log's files.

use plainsight_specs::entry::Genesis;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::policy::PolicyError;
use plainsight_specs::rules::Replay;

use crate::clock::now_ms;
use crate::directory::PublishedHead;
use crate::objects::ObjectError;
use crate::shared::{Shared, View};
use crate::source::SourceError;
use crate::store::{CheckpointRow, Head, StoreError, Writer};

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
    /// Objects that were public are missing: all are written again.
    pub(crate) rebuild: bool,
}

/// Reads everything back. Sets what readers are answered from on the way.
pub(crate) async fn recover(shared: &Shared, writer: &mut Writer) -> Result<Recovered, WriteError> {
    let (store, objects) = (&shared.source.store, &shared.source.objects);
    let log = store.log().await?;
    if log.origin != shared.origin.as_str() || log.vkey != shared.vkey.to_string() {
        return refuse("the key or origin is not the one that this log was made with");
    }
    if log.vrf_key != shared.keys.vrf.public().as_bytes() {
        return refuse("the VRF key is not the one that this log was made with");
    }
    let progress = store.progress().await?;
    let head = store.head().await?;
    let public = objects.checkpoint().await?;
    let public_head = public
        .as_ref()
        .map(plainsight_specs::checkpoint::UnverifiedCheckpoint::head);
    if public_head.is_some_and(|public| public.size > head.tree.size) {
        return refuse("a larger checkpoint is published than the database knows of");
    }

    // Killed between publishing and noting it: what is public is published.
    let published = match public_head {
        Some(public) if public.size > progress.published => public.size,
        _ => progress.published,
    };
    let replayed = replay(shared, &head, public_head, published).await?;
    if let Some(at_published) = replayed.at_published {
        let row = store.checkpoint(published).await?;
        let row = row.ok_or_else(|| StoreError::Corrupt("no note for what is published".into()))?;
        let note = match (&row.cosigned, &public) {
            (Some(cosigned), _) => cosigned.clone(),
            (None, Some(public)) if public.head() == row.tree => public.to_bytes(),
            (None, _) => row.note.clone(),
        };
        if published > progress.published {
            writer.cosigned(published, &note).await?;
            writer.published(published, now_ms()).await?;
        }
        shared.set_signed(published);
        let head = PublishedHead::gather(note, row.tree, &shared.source).await;
        match head {
            Ok(head) => show(shared, at_published, head).await,
            Err(SourceError::Missing(path)) => {
                tracing::warn!(path, "a public object is missing; all are written again");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let newest = store.newest_checkpoint().await?;
    if let Some(newest) = &newest {
        shared.set_signed(newest.tree.size);
    }
    shared.set_sequenced(head.tree.size);
    shared.epoch.send_replace(replayed.at_epoch);
    // From here on readers are served, whether the log may be written or not.
    if let Some(reason) = log.frozen {
        return refuse(&format!("the log is frozen: {reason}"));
    }
    let skew = replayed
        .replay
        .genesis()
        .map_or(0, Genesis::max_clock_skew_ms);
    if now_ms().saturating_add(skew) < head.last_ms {
        return refuse("the clock is before the log's last epoch");
    }
    let missing = public_head.map_or(TreeSize::ZERO, |public| public.size) < published
        || (published > TreeSize::ZERO && shared.view.read().await.is_none());
    Ok(Recovered {
        replay: replayed.replay,
        head,
        unpublished: newest.filter(|row| row.tree.size > published),
        rebuild: missing,
    })
}

struct Replayed {
    replay: Replay,
    at_published: Option<Replay>,
    at_epoch: Option<TreeHead>,
}

/// Replays every entry and compares the root at every size that was signed or published.
async fn replay(
    shared: &Shared,
    head: &Head,
    public: Option<TreeHead>,
    published: TreeSize,
) -> Result<Replayed, WriteError> {
    let store = &shared.source.store;
    let mut replay = Replay::new(shared.origin.clone());
    let (mut at_published, mut at_epoch) = (None, None);
    let mut signed = Signed::new();
    while replay.size() < head.tree.size {
        let start = replay.size().get();
        let segment = store.segment_at(start).await?;
        let segment = segment
            .filter(|segment| segment.start == start)
            .ok_or_else(|| StoreError::Corrupt(format!("no segment begins at {start}")))?;
        for entry in segment.entries()? {
            if let Some(rule) = replay.step(entry).verdict() {
                let at = replay.size();
                return refuse(&format!("an entry before {at} breaks the rule {rule}"));
            }
            let size = replay.size();
            let expected = signed.at(shared, size).await?;
            if expected.is_some_and(|root| root != replay.head())
                || public.is_some_and(|public| public.size == size && public != replay.head())
            {
                return refuse(&format!(
                    "what was signed at size {size} is not what the database holds"
                ));
            }
            if size == published {
                at_published = Some(replay.clone());
            }
            if size == head.epoch_size {
                at_epoch = Some(replay.head());
            }
        }
    }
    if replay.head() != head.tree {
        return refuse("the segments do not hash to the head's root");
    }
    if signed
        .at(
            shared,
            TreeSize::new(i64::MAX.cast_unsigned()).unwrap_or_default(),
        )
        .await?
        .is_some()
    {
        return refuse("a larger size was signed than the database holds");
    }
    Ok(Replayed {
        replay,
        at_published,
        at_epoch,
    })
}

/// The signed heads in order, read a page at a time.
struct Signed {
    page: std::collections::VecDeque<CheckpointRow>,
    above: TreeSize,
    is_last: bool,
}

impl Signed {
    const PAGE: u32 = 256;

    fn new() -> Self {
        Self {
            page: std::collections::VecDeque::new(),
            above: TreeSize::ZERO,
            is_last: false,
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

/// Sets what readers are answered from.
pub(crate) async fn show(shared: &Shared, replay: Replay, head: PublishedHead) {
    let size = head.tree.size;
    *shared.view.write().await = Some(View { replay, head });
    shared.published.send_replace(size);
}

/// Moves what readers are answered from to a newer head.
pub(crate) async fn advance(shared: &Shared, head: PublishedHead) -> Result<(), WriteError> {
    let mut view = shared.view.write().await;
    let replay = match view.take() {
        Some(view) => view.replay,
        None => Replay::new(shared.origin.clone()),
    };
    let replay = read_up_to(shared, replay, head.tree).await?;
    let size = head.tree.size;
    *view = Some(View { replay, head });
    drop(view);
    shared.published.send_replace(size);
    Ok(())
}

async fn read_up_to(
    shared: &Shared,
    mut replay: Replay,
    target: TreeHead,
) -> Result<Replay, WriteError> {
    while replay.size() < target.size {
        let start = replay.size().get();
        let segment = shared.source.store.segment_at(start).await?;
        let segment =
            segment.ok_or_else(|| StoreError::Corrupt(format!("entry {start} is not there")))?;
        let skip = usize::try_from(start - segment.start).unwrap_or(usize::MAX);
        for entry in segment.entries()?.into_iter().skip(skip) {
            if replay.size() == target.size {
                break;
            }
            replay.step(entry);
        }
    }
    if replay.head() != target || replay.final_epoch().is_none() {
        return refuse("what was published is not what the database holds");
    }
    Ok(replay)
}

/// The entries from `from` to before `to`, out of the segments.
pub(crate) async fn entries(
    store: &crate::store::Store,
    from: u64,
    to: u64,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut found = Vec::new();
    let mut next = from;
    while next < to {
        let segment = store.segment_at(next).await?;
        let segment =
            segment.ok_or_else(|| StoreError::Corrupt(format!("entry {next} is not there")))?;
        let skip = usize::try_from(next - segment.start).unwrap_or(usize::MAX);
        let wanted = usize::try_from(to - next).unwrap_or(usize::MAX);
        let entries = segment.entries()?;
        let before = found.len();
        found.extend(
            entries
                .into_iter()
                .skip(skip)
                .take(wanted)
                .map(<[u8]>::to_vec),
        );
        next += (found.len() - before) as u64;
    }
    Ok(found)
}

pub(crate) fn refuse<T>(why: &str) -> Result<T, WriteError> {
    Err(WriteError::Refused(why.to_owned()))
}
