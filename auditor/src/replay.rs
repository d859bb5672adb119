//! Moves the replay of a log on, chunk by chunk, away from the threads that answer requests.

use std::collections::BTreeMap;

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::entry::Entry;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::rules::{Judged, Replay, Rule};
use plainsight_specs::statement::Body;
use plainsight_specs::time::Timestamp;

use crate::alert::{self, Alert, Notices};
use crate::audit::Break;
use crate::mirror::Mirror;
use crate::progress::Task;
use crate::store::StoreError;

/// Entries that are read from the database at once.
const READ: u64 = 1024;

/// Why a replay did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread that replays died.
    #[error("the replay stopped unexpectedly")]
    Thread,
    /// Entries of the own mirror are missing.
    #[error("the mirror is incomplete: only {found} of {wanted} entries are there")]
    Incomplete {
        /// How many there are.
        found: TreeSize,
        /// How many there should be.
        wanted: TreeSize,
    },
}

/// The replay with what alone an auditor keeps beside it.
#[derive(Debug)]
pub struct Replayed {
    /// The replay.
    pub replay: Replay,
    /// Until when each canary says that it lives.
    pub canaries: BTreeMap<String, Timestamp>,
    /// What was worth a word.
    pub notices: Notices,
}

/// What a chunk's entries turned out to be.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// The first rule that each void entry breaks.
    pub breaks: Vec<Break>,
    /// What there is to tell.
    pub alerts: Vec<Alert>,
}

impl Replayed {
    /// Before the first entry.
    pub fn new(origin: Origin) -> Self {
        Self {
            replay: Replay::new(origin),
            canaries: BTreeMap::new(),
            notices: Notices::default(),
        }
    }

    /// Replays the first `size` entries of the own mirror.
    pub async fn from_mirror(
        origin: Origin,
        mirror: &Mirror,
        size: TreeSize,
        mut shown: Task,
    ) -> Result<Self, ReplayError> {
        let mut replayed = Self::new(origin);
        while replayed.replay.size() < size {
            // What they are was kept when they came.
            (replayed, _) = replayed.advance_from(mirror, size).await?;
            shown.reach(replayed.replay.size().get());
        }
        Ok(replayed)
    }

    /// Moves over the next entries of the own mirror towards `size`: some, not all.
    pub async fn advance_from(
        self,
        mirror: &Mirror,
        size: TreeSize,
    ) -> Result<(Self, Verdicts), ReplayError> {
        let found = self.replay.size();
        let end = found.get().saturating_add(READ).min(size.get());
        let range = found.get()..end;
        let entries = mirror.store.entries(mirror.log, range).await?;
        if entries.is_empty() {
            let wanted = size;
            return Err(ReplayError::Incomplete { found, wanted });
        }
        let (moved, verdicts, _) = self.advance(entries).await?;
        Ok((moved, verdicts))
    }

    /// Judges and moves over `entries`, which come back with what they are.
    pub async fn advance(
        mut self,
        entries: Vec<Vec<u8>>,
    ) -> Result<(Self, Verdicts, Vec<Vec<u8>>), ReplayError> {
        tokio::task::spawn_blocking(move || {
            let mut verdicts = Verdicts::default();
            for entry in &entries {
                let judged = self.replay.step(entry);
                self.note(&judged, &mut verdicts);
            }
            (self, verdicts, entries)
        })
        .await
        .map_err(|_| ReplayError::Thread)
    }

    fn note(&mut self, judged: &Judged, verdicts: &mut Verdicts) {
        if let Some(rule) = judged.verdict() {
            let found = Break {
                at: judged.position.get(),
                rule,
            };
            verdicts.alerts.push(alert::broken(&found));
            verdicts.breaks.push(found);
            return;
        }
        verdicts.alerts.append(&mut self.notices.of(judged));
        if let Some(Entry::Statement(entry)) = &judged.entry
            && let Body::Canary(canary) = entry.statement().body()
        {
            self.canaries
                .insert(canary.name.as_str().into(), canary.valid_until);
        }
    }

    /// The rule about heads that a head of `size` breaks when it ends here: an epoch that is void
    /// breaks a rule of its own.
    pub fn end_broken(last: Option<&[u8]>, size: TreeSize) -> Option<Break> {
        let is_epoch = last.is_some_and(|last| matches!(Entry::parse(last), Ok(Entry::Epoch(_))));
        (size.get() < 2 || !is_epoch).then_some(Break {
            at: size.get(),
            rule: Rule::End,
        })
    }
}
