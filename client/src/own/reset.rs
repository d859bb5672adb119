//! Beginning anew: the owner whose secrets are lost makes a version that no key of before signs.
//! To everybody else that is what a provider's own key set would look like, and they are told so:
//! chapter `keyset`, a *reset*.
//!
//! In scope: what the log shows before it, and making the version. Out of scope: asking the person
//! ([`crate::report`] has the words), and publishing ([`crate::publish`]).

use plainsight_specs::hash::Hash;
use plainsight_specs::history::LoggedVersion;
use plainsight_specs::keyset::{Continuity, KeySet};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::time::Timestamp;

use super::{Next, OwnError, OwnKeys};
use crate::contact::page;
use crate::failure::Failure;
use crate::reader::{HeadSeen, Reader};

/// How many of the newest versions a person is shown at the most.
pub const SHOWN: u32 = 16;

/// What the log shows for a label before a reset.
#[derive(Debug, Clone)]
pub struct LoggedBefore {
    /// At which head.
    pub head: HeadSeen,
    /// The latest version.
    pub latest: Version,
    /// The newest versions, ascending, as far as they are listed; [`SHOWN`] at the most.
    pub versions: Vec<LoggedVersion>,
}

/// What the owner says of versions that this home did not make and would have to know, had nobody but
/// this home published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// Nothing: then a home that has keys, or has begun anew already, makes no reset.
    Unsaid,
    /// The owner made them, in a home that is lost: they are not judged any more.
    Mine,
    /// Somebody else made them: they stay alarms.
    NotMine,
}

impl LoggedBefore {
    /// The hash of the latest key set; `None` if the log does not open it.
    fn prev(&self) -> Option<Hash> {
        let listed = self
            .versions
            .iter()
            .find(|listed| listed.version == self.latest);
        listed.and_then(|listed| listed.key_set.as_ref().map(KeySet::hash))
    }
}

/// What the log shows for a label, proved; `None` if it proves that there is nothing.
pub async fn look(reader: &mut Reader<'_>, label: &Label) -> Result<Option<LoggedBefore>, Failure> {
    let (mut history, _) = page(reader, label, Version::FIRST).await?;
    let Some(latest) = history.latest() else {
        reader.accept(history.head());
        return Ok(None);
    };
    if history
        .versions()
        .last()
        .is_none_or(|last| last.version < latest)
    {
        reader.accept(history.head());
        let from = latest.get().saturating_sub(SHOWN - 1);
        (history, _) = page(reader, label, Version::new(from)).await?;
    }
    let head = reader.accept(history.head());
    // A version may have come in between.
    let latest = history.latest().unwrap_or(latest);
    let listed = history.versions();
    let shown = usize::try_from(SHOWN).unwrap_or(usize::MAX);
    Ok(Some(LoggedBefore {
        head,
        latest,
        versions: listed[listed.len().saturating_sub(shown)..].to_vec(),
    }))
}

impl OwnKeys {
    /// Stages the version after `before` with all new keys, signed by its own identity key alone.
    /// A version that waited for a place that is taken is dropped. A home that knows what to expect in
    /// the log must say whose the versions are that it did not expect.
    pub fn reset(
        &mut self,
        before: &LoggedBefore,
        devices: &[String],
        strangers: Strangers,
        now: Timestamp,
    ) -> Result<(), OwnError> {
        let latest = before.latest;
        let prev = before.prev();
        let own = self.hash_of(latest);
        if own.is_some() && (prev.is_none() || own == prev) {
            return Err(OwnError::NotLost(latest));
        }
        let waiting = self
            .pending
            .as_ref()
            .map(|pending| pending.key_set.version());
        if let Some(waiting) = waiting.filter(|waiting| *waiting > latest) {
            return Err(OwnError::StillPending(waiting));
        }
        match (self.expects(), strangers) {
            (true, Strangers::Unsaid) => {
                return Err(OwnError::WhoseAreThey {
                    newest: self.newest().map(|newest| newest.key_set.version()),
                    latest,
                });
            }
            (false, Strangers::Mine | Strangers::NotMine) => {
                return Err(OwnError::NothingKnown);
            }
            (true, Strangers::Mine | Strangers::NotMine) | (false, Strangers::Unsaid) => {}
        }
        let version = latest.next().ok_or(OwnError::LastVersion)?;
        let is_lost = !self.expects() || strangers == Strangers::Mine;
        let next = Next {
            version,
            prev,
            signer: None,
            devices: Vec::new(),
        };
        self.stage(next, devices, now)?;
        // The log holds another key set in the place of what waited, for ever.
        let staged = self.pending.iter().map(|pending| &pending.key_set);
        let kept: Vec<KeySet> = self
            .newest()
            .map(|newest| &newest.key_set)
            .into_iter()
            .chain(staged)
            .cloned()
            .collect();
        self.secrets.retain(|secret| {
            let record = secret.record();
            kept.iter().any(|key_set| key_set.keys().contains(&record))
        });
        if is_lost {
            self.began = Some(version);
        }
        Ok(())
    }

    /// Whether this home knows what to expect in the log: it has published, or has begun anew.
    fn expects(&self) -> bool {
        self.newest().is_some() || self.began.is_some()
    }

    /// The reset that waits to be published, if one does.
    pub fn waiting_reset(&self) -> Option<Version> {
        let waiting = &self.pending.as_ref()?.key_set;
        let newest = self.newest().map(|newest| &newest.key_set);
        let is_reset = matches!(waiting.continuity(newest), Continuity::Reset(_));
        is_reset.then(|| waiting.version())
    }
}
