//! The owner's blind watch: auditors that never learn the label are asked what became of the indexes at
//! which a ghost would have to appear. Chapter [`plainsight_specs::watch`].
//!
//! Every answer is verified, held against what the log itself shows, and against what the others say.
//! Silence is an alarm. Out of scope: opening what was logged, which is [`crate::monitor`]'s.

mod check;
mod feed;
mod flow;
mod guard;
mod register;
mod served;

pub use check::{Looked, check};
pub use feed::{Fed, Feed, feed};
pub use flow::{LookedAt, behind, look};
pub use guard::{Guard, MIN_GUARDS, guards};
pub use register::{Registered, announce, cancel, register};
pub use served::{Standing, standing_at};

use plainsight_specs::index::IndexKey;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::{LeafIndex, TreeHead};
use plainsight_specs::time::Timestamp;
use plainsight_specs::watch::{
    RungsAnswer, RungsRequest, WatchError, WatchToken, WatchedIndexes, WatchedRungs,
};

use crate::failure::{Failure, Refusal};
use crate::reader::{HeadSeen, MAX_ANSWER, Purpose, Reader};

/// A report older than this, in seconds, is silence; so is a size that stands still for so long while
/// the log grows.
pub const PATIENCE_S: u64 = 6 * 3600;

/// A watch that one auditor keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The auditor's name in the policy.
    pub auditor: String,
    /// Who holds this owns the watch.
    pub token: WatchToken,
    /// The version that was the latest.
    pub latest: Version,
    /// What is watched, ascending by version.
    pub rungs: Vec<(Version, IndexKey)>,
    /// The head of the newest report.
    pub seen: TreeHead,
    /// When a report covered more than the one before.
    pub grew: Timestamp,
    /// When the auditor forgets it.
    pub expires: Timestamp,
}

/// What a look at the watches of a label showed.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Whose.
    pub label: Label,
    /// The version that is watched from.
    pub latest: Version,
    /// The log's head.
    pub head: HeadSeen,
    /// What each auditor did.
    pub guards: Vec<Guarded>,
    /// What must not be.
    pub alarms: Vec<WatchAlarm>,
}

/// What one auditor did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarded {
    /// Its name in the policy.
    pub auditor: String,
    /// How many indexes it watches now.
    pub watched: usize,
    /// Up to which size it has looked.
    pub size: u64,
    /// Whether the watch was made just now.
    pub new: bool,
    /// When it forgets the watch.
    pub expires: Timestamp,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchAlarm {
    /// The log's index holds a version that is not the owner's and that contacts are not known to be
    /// shown: it waits for the next rotation.
    Planted {
        /// Which.
        version: Version,
        /// Whether the log proves, by its ladder, that contacts are shown an earlier one.
        hidden: bool,
    },
    /// The log's index holds a version that is not the owner's, and contacts are shown it.
    Served {
        /// Which.
        version: Version,
        /// What contacts are shown as the latest: this one or a later one.
        latest: Version,
        /// Where it was logged, if the log lists it.
        position: Option<LeafIndex>,
        /// It was logged no later than this, in milliseconds, if the log proves it.
        no_later_than_ms: Option<u64>,
    },
    /// An auditor saw a version that this owner did not publish.
    Hit {
        /// Who saw it.
        auditor: String,
        /// Which.
        version: Version,
        /// Where it was logged.
        position: LeafIndex,
        /// Whether somebody had announced it with the watch's own token.
        announced: bool,
    },
    /// An auditor signed that nothing is there, though it is shown that something is.
    Denied {
        /// Who signed.
        auditor: String,
        /// Which version.
        version: Version,
        /// The size up to which it said so.
        size: u64,
    },
    /// The log shows another latest version than the owner's.
    OtherLatest {
        /// What it shows; none if nothing.
        shown: Option<Version>,
    },
    /// What an auditor has looked at is not shown to be of the history that this reader is shown.
    Apart {
        /// Who.
        auditor: String,
        /// What does not hold.
        why: String,
    },
    /// Of two auditors one lists an insertion, of whomever, and the other does not.
    Differ {
        /// Who lists it.
        lists: String,
        /// Who leaves it out.
        leaves_out: String,
        /// Where it was logged.
        position: LeafIndex,
    },
    /// An auditor does not answer as it must.
    Silent {
        /// Who.
        auditor: String,
        /// What happened.
        why: String,
    },
    /// An auditor's reports cover no more though the log grows.
    Still {
        /// Who.
        auditor: String,
        /// Up to which size it has looked.
        size: u64,
    },
}

impl WatchAlarm {
    /// All that [`Self::kind`] says.
    pub const KINDS: [&'static str; 9] = [
        "planted",
        "served",
        "hit",
        "denied",
        "other-latest",
        "apart",
        "differ",
        "silent",
        "still",
    ];

    /// In one word, as machines read it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Planted { .. } => "planted",
            Self::Served { .. } => "served",
            Self::Hit { .. } => "hit",
            Self::Denied { .. } => "denied",
            Self::OtherLatest { .. } => "other-latest",
            Self::Apart { .. } => "apart",
            Self::Differ { .. } => "differ",
            Self::Silent { .. } => "silent",
            Self::Still { .. } => "still",
        }
    }

    /// A version in the index that is not the owner's; what contacts are shown is yet to be asked.
    fn planted(version: Version) -> Self {
        Self::Planted {
            version,
            hidden: false,
        }
    }

    /// Whether it is silence, and not something that was seen.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::Still { .. })
    }
}

impl Watch {
    /// What is watched, as registered.
    pub fn indexes(&self) -> Result<WatchedIndexes, WatchError> {
        let mut indexes: Vec<IndexKey> = self.rungs.iter().map(|(_, index)| *index).collect();
        indexes.sort_unstable();
        WatchedIndexes::new(indexes)
    }

    /// The index of a version among those watched.
    pub fn index_of(&self, version: Version) -> Option<IndexKey> {
        let found = self.rungs.iter().find(|(rung, _)| *rung == version);
        found.map(|(_, index)| *index)
    }

    /// The version that an index stands for.
    pub fn version_at(&self, index: &IndexKey) -> Option<Version> {
        let found = self.rungs.iter().find(|(_, rung)| rung == index);
        found.map(|(version, _)| *version)
    }
}

/// The rungs to watch from a version on, proved by the log at a head that the reader accepts.
pub async fn rungs(
    reader: &mut Reader<'_>,
    label: &Label,
    latest: Version,
) -> Result<(WatchedRungs, HeadSeen), Failure> {
    let request = RungsRequest {
        label: label.clone(),
        latest,
        since: Some(reader.since()),
    };
    let body = reader
        .log()
        .ask("v1/rungs", &request.to_json(), MAX_ANSWER)
        .await?;
    let answer = RungsAnswer::parse(&body).map_err(Failure::refused)?;
    let seen = answer
        .verify(&reader.trust(Purpose::Contacts), &request)
        .map_err(|error| reader.refuse(error, &answer.head.checkpoint))?;
    let head = reader.accept(seen.head());
    Ok((seen, head))
}

/// Refuses what an auditor signed longer ago than the reader's patience, or in the future: a report
/// of tomorrow would be repeated until then.
fn refuse_time(reader: &Reader<'_>, time: Timestamp) -> Result<(), Failure> {
    let (now, genesis) = (reader.now(), &reader.memory().genesis);
    // SPEC(WATCH-9)
    let (age, ahead) = (now.since(time), time.since(now));
    if age > PATIENCE_S {
        return Err(Failure::Question(format!(
            "its newest report is {age} s old"
        )));
    }
    if ahead > genesis.max_clock_skew_ms() / 1000 {
        return Err(Failure::Question(format!(
            "its newest report is dated {ahead} s ahead of this clock"
        )));
    }
    Ok(())
}

impl From<WatchError> for Failure {
    fn from(error: WatchError) -> Self {
        Self::refused(Refusal::Watch(error))
    }
}
