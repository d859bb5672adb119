//! The owner's look: every version that the log ever showed for one's own label since the last
//! look, opened with its proofs and compared with what one published oneself. Being offline for
//! years loses nothing, since the log cannot take a version back.
//!
//! A home that began by a reset does not judge what was logged before it.
//!
//! When the log does not answer, [`by_auditors`] asks those who hold its index too. What an alarm
//! rests on is kept as a [`record`].

pub mod by_auditors;
pub mod record;

use plainsight_specs::hash::Hash;
use plainsight_specs::history::{History, LoggedVersion};
use plainsight_specs::keyset::{KeyRecord, KeySet};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::{LeafIndex, TreeHead};

use crate::contact::page;
use crate::failure::Failure;
use crate::logged;
use crate::own::OwnKeys;
use crate::reader::{HeadSeen, Reader};
use record::Record;

/// What a monitor's look showed.
#[derive(Debug, Clone)]
pub struct Monitored {
    /// Whose keys.
    pub label: Label,
    /// At which head.
    pub head: HeadSeen,
    /// The first version that was looked at.
    pub from: Version,
    /// The latest version in the log.
    pub latest: Option<Version>,
    /// The newest version that was published from this home.
    pub newest: Option<Version>,
    /// How many versions are one's own.
    pub confirmed: usize,
    /// The reset with which this home began, if it did.
    pub began: Option<Version>,
    /// What was logged before that, among what was looked at, and is not of this home.
    pub before: Vec<LoggedVersion>,
    /// Whether a version waits that the log does not show yet.
    pub waiting: Option<Version>,
    /// What must not be there, or must not be missing.
    pub alarms: Vec<Alarm>,
    /// Files with which anybody can check what an alarm says, by their own policy.
    pub records: Vec<Record>,
    /// The auditors that answered instead of the log; none if the log did.
    pub auditors: Vec<String>,
    /// Why the log's own answer was not used; `None` if it was.
    pub log_failure: Option<Failure>,
}

/// Something that ends in exit code 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// A version that is not one's own: a ghost.
    Ghost {
        /// Which version.
        version: Version,
        /// Where it stands in the log.
        position: LeafIndex,
        /// It was logged no later than this, in milliseconds; unknown if the log shows no epoch.
        no_later_than_ms: Option<u64>,
        /// Every key of it that is in no version of one's own.
        strangers: Vec<KeyRecord>,
        /// Whether one of one's own identity keys signed it: then a secret has leaked.
        signed_by_own_key: bool,
    },
    /// A version whose opening the log withholds.
    Withheld {
        /// Which version.
        version: Version,
        /// Where it stands in the log.
        position: LeafIndex,
        /// It was logged no later than this, in milliseconds; unknown if the log shows no epoch.
        no_later_than_ms: Option<u64>,
    },
    /// A version that the log does not list though it has a later one.
    Hole {
        /// Which version.
        version: Version,
    },
    /// A version that was logged after one's newest, as an auditor proves while the log does not
    /// answer. What is in it cannot be had.
    Appeared {
        /// Which version: at the least so many there are.
        version: Version,
        /// The leaf hash of its entry.
        entry: Hash,
    },
    /// A version of one's own that the log does not show.
    Missing {
        /// Which version.
        version: Version,
        /// Where the log said that it stands.
        position: LeafIndex,
    },
}

impl Alarm {
    /// All that [`Self::kind`] says.
    pub const KINDS: [&'static str; 5] = ["ghost", "withheld", "hole", "appeared", "missing"];

    /// In one word, as machines read it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ghost { .. } => "ghost",
            Self::Withheld { .. } => "withheld",
            Self::Hole { .. } => "hole",
            Self::Appeared { .. } => "appeared",
            Self::Missing { .. } => "missing",
        }
    }

    /// The version it is about.
    pub fn version(&self) -> Version {
        match self {
            Self::Ghost { version, .. }
            | Self::Withheld { version, .. }
            | Self::Hole { version }
            | Self::Appeared { version, .. }
            | Self::Missing { version, .. } => *version,
        }
    }
}

/// Opens every version since the last look. What is found to be one's own is noted in `own`; an
/// alarm keeps the versions from it on to be looked at again.
pub async fn monitor(reader: &mut Reader<'_>, own: &mut OwnKeys) -> Result<Monitored, Failure> {
    let from = own.checked().unwrap_or(Version::FIRST);
    let mut look = Look {
        own,
        confirmed: 0,
        before: Vec::new(),
        alarms: Vec::new(),
        records: Vec::new(),
    };
    let mut next = from;
    loop {
        let (history, body) = page(reader, look.own.label(), next).await?;
        let head = reader.accept(history.head());
        let before = look.alarms.len();
        look.own.note_indexes(history.rungs());
        let holes = history.holes().iter();
        let holes: Vec<Version> = holes
            .copied()
            .filter(|hole| !look.own.is_before(*hole))
            .collect();
        let is_dense = holes.is_empty();
        look.alarms
            .extend(holes.into_iter().map(|version| Alarm::Hole { version }));
        for listed in history.versions() {
            look.compare(reader, &history.head().tree_head(), listed)
                .await;
        }
        if look.alarms.len() > before {
            let record = Record::of(reader, look.own.label(), next, &body);
            look.records.extend(record);
        }
        let listed = history.versions().last().map(|listed| listed.version);
        let more = listed.filter(|listed| Some(*listed) < history.latest());
        if let (Some(after), true) = (more.and_then(Version::next), is_dense) {
            next = after;
            continue;
        }
        look.missing(&history);
        let waiting = look.own.pending().map(|pending| pending.key_set.version());
        return Ok(Monitored {
            label: look.own.label().clone(),
            head,
            from,
            latest: history.latest(),
            newest: look.own.newest().map(|newest| newest.key_set.version()),
            confirmed: look.confirmed,
            began: look.own.began(),
            before: look.before,
            waiting,
            alarms: look.alarms,
            records: look.records,
            auditors: Vec::new(),
            log_failure: None,
        });
    }
}

struct Look<'o> {
    own: &'o mut OwnKeys,
    confirmed: usize,
    before: Vec<LoggedVersion>,
    alarms: Vec<Alarm>,
    records: Vec<Record>,
}

impl Look<'_> {
    async fn compare(&mut self, reader: &Reader<'_>, head: &TreeHead, listed: &LoggedVersion) {
        let (version, position) = (listed.version, listed.position);
        if self.own.is_before(version) {
            self.before.push(listed.clone());
            return;
        }
        let Some(key_set) = &listed.key_set else {
            let no_later_than_ms = logged::no_later_than(reader.log(), head, position).await;
            self.alarms.push(Alarm::Withheld {
                version,
                position,
                no_later_than_ms,
            });
            return;
        };
        if self.own.hash_of(version) == Some(key_set.hash()) {
            self.confirm(version, position);
            return;
        }
        let no_later_than_ms = logged::no_later_than(reader.log(), head, position).await;
        let strangers = self.strangers(key_set);
        let signed_by_own_key = self.signed_by_own_key(key_set);
        self.alarms.push(Alarm::Ghost {
            version,
            position,
            no_later_than_ms,
            strangers,
            signed_by_own_key,
        });
    }

    fn confirm(&mut self, version: Version, position: LeafIndex) {
        self.confirmed += 1;
        let pending = self.own.pending().map(|pending| pending.key_set.version());
        if pending == Some(version) {
            // Logged, though the log's answer never arrived. There is a pending version.
            let _adopted = self.own.published(Some(position));
        }
        if self.alarms.is_empty() {
            self.own.note_checked(version);
        }
    }

    fn strangers(&self, key_set: &KeySet) -> Vec<KeyRecord> {
        let is_own = |key: &KeyRecord| {
            let published = self.own.versions().iter().map(|own| &own.key_set);
            let pending = self
                .own
                .pending()
                .into_iter()
                .map(|pending| &pending.key_set);
            let mut keys = published.chain(pending).flat_map(KeySet::keys);
            keys.any(|own| own.key == key.key && own.role == key.role)
        };
        key_set
            .keys()
            .iter()
            .filter(|key| !is_own(key))
            .cloned()
            .collect()
    }

    fn signed_by_own_key(&self, key_set: &KeySet) -> bool {
        let before = key_set.version().previous();
        let mut own = self.own.versions().iter().map(|own| &own.key_set);
        let previous = own.find(|own| Some(own.version()) == before);
        previous.is_some_and(|previous| {
            key_set.continuity(Some(previous)) == plainsight_specs::keyset::Continuity::Signed
        })
    }

    /// What one published and the head should cover, but the log does not show.
    fn missing(&mut self, history: &History) {
        let size = history.head().tree_head().size.get();
        for own in self.own.versions() {
            let version = own.key_set.version();
            let Some(position) = own.position else {
                continue;
            };
            if Some(version) > history.latest() && position.get() < size {
                self.alarms.push(Alarm::Missing { version, position });
            }
        }
    }
}
