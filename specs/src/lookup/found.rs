//! The version that an answer claims: its entry, what opens it, and when it was logged.

use serde_json::{Map, Value, json};

use super::members::{take_key_set, take_opening, take_position, take_version};
use super::{LookupError, LookupRequest, Rung};
use crate::codec::to_base64;
use crate::commitment::{self, Opening};
use crate::entry::{Entry, Genesis, KeyEntry};
use crate::hash::{Hash, leaf_hash};
use crate::head::{MAX_ENTRY, MAX_PROOF, hashes};
use crate::json::{self, Object};
use crate::keyset::KeySet;
use crate::label::{Label, Version};
use crate::merkle::verify::verify_inclusion;
use crate::merkle::{LeafIndex, TreeHead};

/// The latest version as answered.
#[derive(Debug)]
pub struct FoundAnswer {
    /// Which.
    pub version: Version,
    /// The key entry.
    pub entry: Vec<u8>,
    /// What it was committed with; absent only in a history, if withheld.
    pub opening: Option<Opening>,
    /// What it commits to; absent only in a history, if withheld.
    pub key_set: Option<Vec<u8>>,
    /// When it was logged, if asked for.
    pub logged: Option<LoggedAnswer>,
}

/// Where an entry stands, and an epoch after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedAnswer {
    /// The entry's position.
    pub position: LeafIndex,
    /// Its inclusion.
    pub inclusion: Vec<Hash>,
    /// An epoch entry.
    pub epoch: Vec<u8>,
    /// Its position.
    pub epoch_position: LeafIndex,
    /// Its inclusion.
    pub epoch_inclusion: Vec<Hash>,
}

/// The latest key set of a label, proved.
#[derive(Debug, Clone)]
pub struct Found {
    key_set: KeySet,
    entry: KeyEntry,
    logged: Option<Logged>,
}

/// When an entry was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// Its position in the log.
    pub position: LeafIndex,
    /// The time of an epoch after it, in milliseconds: it was logged no later.
    pub no_later_than_ms: u64,
}

/// Checks that `entry` is the key entry that the index holds for a version.
pub(crate) fn verify_entry(entry: &[u8], rung: &Rung) -> Result<KeyEntry, LookupError> {
    // SPEC(LOOKUP-4, HISTORY-1)
    match Entry::parse(entry) {
        Ok(Entry::Key(key)) if key.index == rung.index && rung.value == Some(leaf_hash(entry)) => {
            Ok(key)
        }
        _ => Err(LookupError::Decoy {
            version: rung.version,
        }),
    }
}

/// Opens a key entry: the key set of this label and version that it commits to.
pub(crate) fn open(
    entry: &KeyEntry,
    genesis: &Genesis,
    label: &Label,
    version: Version,
    opening: &Opening,
    key_set: &[u8],
) -> Result<KeySet, LookupError> {
    // SPEC(LOOKUP-5)
    commitment::check(&entry.commitment, opening, label, version, key_set)
        .map_err(|_| LookupError::Commitment { version })?;
    // SPEC(LOOKUP-6)
    let refused = |source| LookupError::KeySet { version, source };
    let key_set = KeySet::parse(key_set).map_err(refused)?;
    key_set.check_genesis(genesis).map_err(refused)?;
    if key_set.label() != label || key_set.version() != version {
        return Err(LookupError::OtherKeySet { version });
    }
    Ok(key_set)
}

impl FoundAnswer {
    pub(super) fn take(answer: &mut Object, version: json::Json) -> Result<Self, LookupError> {
        let logged = match answer.take("logged") {
            None => None,
            Some(logged) => Some(LoggedAnswer::take(logged.into_object("logged")?)?),
        };
        Ok(Self {
            version: take_version(version, "version")?,
            entry: answer.base64("entry", MAX_ENTRY)?,
            opening: take_opening(answer)?,
            key_set: take_key_set(answer)?,
            logged,
        })
    }

    pub(super) fn add_to(&self, members: &mut Map<String, Value>) {
        members.insert("version".into(), json!(self.version.get()));
        members.insert("entry".into(), json!(to_base64(&self.entry)));
        if let Some(opening) = &self.opening {
            members.insert("opening".into(), json!(to_base64(opening.as_bytes())));
        }
        if let Some(key_set) = &self.key_set {
            members.insert("key_set".into(), json!(to_base64(key_set)));
        }
        if let Some(logged) = &self.logged {
            members.insert("logged".into(), logged.to_value());
        }
    }

    pub(super) fn verify(
        &self,
        genesis: &Genesis,
        request: &LookupRequest,
        rungs: &[Rung],
        head: &TreeHead,
    ) -> Result<Found, LookupError> {
        let version = self.version;
        let rung = rungs
            .iter()
            .find(|rung| rung.version == version)
            .ok_or(LookupError::Decoy { version })?;
        let entry = verify_entry(&self.entry, rung)?;
        let (Some(opening), Some(key_set)) = (&self.opening, &self.key_set) else {
            return Err(LookupError::Withheld { version });
        };
        let key_set = open(&entry, genesis, &request.label, version, opening, key_set)?;
        let logged = match &self.logged {
            Some(logged) => Some(logged.verify(version, &leaf_hash(&self.entry), head)?),
            None if request.logged => return Err(LookupError::LoggedEpoch { version }),
            None => None,
        };
        Ok(Found {
            key_set,
            entry,
            logged,
        })
    }
}

impl LoggedAnswer {
    fn take(mut logged: Object) -> Result<Self, LookupError> {
        let parsed = Self {
            position: take_position(&mut logged, "position")?,
            inclusion: logged.base64_hashes("inclusion", MAX_PROOF)?,
            epoch: logged.base64("epoch", MAX_ENTRY)?,
            epoch_position: take_position(&mut logged, "epoch_position")?,
            epoch_inclusion: logged.base64_hashes("epoch_inclusion", MAX_PROOF)?,
        };
        logged.finish()?;
        Ok(parsed)
    }

    fn to_value(&self) -> Value {
        json!({
            "position": self.position.get(),
            "inclusion": hashes(&self.inclusion),
            "epoch": to_base64(&self.epoch),
            "epoch_position": self.epoch_position.get(),
            "epoch_inclusion": hashes(&self.epoch_inclusion),
        })
    }

    fn verify(
        &self,
        version: Version,
        leaf: &Hash,
        head: &TreeHead,
    ) -> Result<Logged, LookupError> {
        // SPEC(LOOKUP-7)
        verify_inclusion(leaf, self.position, head, &self.inclusion)
            .map_err(|source| LookupError::Position { version, source })?;
        let Ok(Entry::Epoch(epoch)) = Entry::parse(&self.epoch) else {
            return Err(LookupError::LoggedEpoch { version });
        };
        if self.epoch_position <= self.position {
            return Err(LookupError::LoggedEpoch { version });
        }
        let epoch_leaf = leaf_hash(&self.epoch);
        verify_inclusion(
            &epoch_leaf,
            self.epoch_position,
            head,
            &self.epoch_inclusion,
        )
        .map_err(|source| LookupError::Position { version, source })?;
        Ok(Logged {
            position: self.position,
            no_later_than_ms: epoch.time_ms,
        })
    }
}

impl Found {
    /// The key set.
    pub fn key_set(&self) -> &KeySet {
        &self.key_set
    }

    /// The entry that commits to it.
    pub fn entry(&self) -> &KeyEntry {
        &self.entry
    }

    /// When it was logged, if asked for.
    pub fn logged(&self) -> Option<&Logged> {
        self.logged.as_ref()
    }
}
