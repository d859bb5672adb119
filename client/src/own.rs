//! One's own keys: what was published, what is about to be, and the secrets behind it. Nothing
//! here touches a disk or the network. An owner who has lost the secrets begins anew by a [`reset`].

pub mod reset;

use std::collections::BTreeMap;

use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::KeyEntry;
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::index::IndexKey;
use plainsight_specs::keyset::{
    IDENTITY_ALGORITHM, KeyRecord, KeySet, KeySetDraft, KeySetError, Role,
};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::lookup::Rung;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::time::Timestamp;
use zeroize::Zeroizing;

/// The algorithm of device keys: what a sender encrypts to.
pub const DEVICE_ALGORITHM: &str = "x25519";

/// The owner's side of a label.
#[derive(Debug)]
pub struct OwnKeys {
    label: Label,
    /// Versions that are known to be logged, ascending: dense from 0, or from a reset on.
    published: Vec<OwnVersion>,
    /// The next version: signed, durable, and perhaps sent.
    pending: Option<Pending>,
    /// Of every key of the newest version and of the pending one.
    secrets: Vec<OwnSecret>,
    /// The last version that a monitor found to be one's own.
    checked: Option<Version>,
    /// The reset with which this home began, or began anew. What was logged before it and is none
    /// of these versions is not this home's to judge.
    began: Option<Version>,
    /// Where versions stand in the index, as the log proved it once. An auditor can be asked about
    /// these without the log.
    indexes: BTreeMap<Version, IndexKey>,
}

/// A version of one's own that is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnVersion {
    /// The key set.
    pub key_set: KeySet,
    /// Where the log says that it stands.
    pub position: Option<LeafIndex>,
}

/// A version of one's own that may or may not be logged yet.
#[derive(Debug)]
pub struct Pending {
    /// The key set, signed.
    pub key_set: KeySet,
    /// Chosen by this client, so that nobody else can have chosen it.
    pub opening: Opening,
}

impl Pending {
    /// The leaf hash of its entry, if it is logged at `index`.
    pub fn leaf(&self, index: IndexKey) -> Hash {
        let key_set = &self.key_set;
        let entry = KeyEntry {
            index,
            commitment: commit(
                &self.opening,
                key_set.label(),
                key_set.version(),
                key_set.bytes(),
            ),
        };
        leaf_hash(&entry.to_bytes())
    }
}

/// The seed of one key.
pub struct OwnSecret {
    /// The key's id in the key set.
    pub id: String,
    /// Its role.
    pub role: Role,
    /// 32 bytes: of RFC 8032 for identity keys, the scalar's bytes for X25519.
    pub seed: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for OwnSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnSecret")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why one's own keys cannot be changed as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnError {
    /// No randomness.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
    /// The key set would break its own rules.
    #[error("the key set would not be acceptable: {0}")]
    KeySet(#[from] KeySetError),
    /// A device that is not there.
    #[error("no device is named {0:?}")]
    NoDevice(String),
    /// A device that is there already.
    #[error("a device named {0:?} is there already")]
    DeviceTwice(String),
    /// Version 0 still waits to be published.
    #[error("version {0} has not been published yet")]
    StillPending(Version),
    /// A reset where none is needed: the newest version in the log is of this home.
    #[error("version {0}, the latest in the log, was made in this home, which has its keys")]
    NotLost(Version),
    /// A reset in a home that has keys, or has begun anew: whose are the versions that it did not make?
    #[error("{}", unexpected(*.newest, *.latest))]
    WhoseAreThey {
        /// The newest version of this home.
        newest: Option<Version>,
        /// The latest version in the log.
        latest: Version,
    },
    /// Something was said of versions that this home did not make, and it knows of none that it made.
    #[error(
        "this home has never published keys of this label, so that it tells none apart as its own"
    )]
    NothingKnown,
    /// There is nothing to publish.
    #[error("nothing waits to be published")]
    NothingPending,
    /// No identity key of the newest version is at hand.
    #[error("the secret of the newest identity key is not in this home")]
    NoIdentity,
    /// 2^32 versions.
    #[error("there is no version after the last one")]
    LastVersion,
}

fn unexpected(newest: Option<Version>, latest: Version) -> String {
    match newest {
        Some(newest) => format!(
            "this home is not lost: it has the keys of version {newest}; it is the versions after that, up \
             to {latest}, that were not made in it"
        ),
        None => format!(
            "this home began a reset before, and version {latest}, which was not made in it, took the place"
        ),
    }
}

/// What a version that is about to be made follows.
struct Next {
    version: Version,
    /// Hash of the key set before.
    prev: Option<Hash>,
    /// An identity key of the key set before.
    signer: Option<SecretKey>,
    /// Keys that are kept.
    devices: Vec<KeyRecord>,
}

impl Next {
    fn first() -> Self {
        Self {
            version: Version::FIRST,
            prev: None,
            signer: None,
            devices: Vec::new(),
        }
    }
}

/// Which devices come and go with a rotation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceChange {
    /// To be added, each with a new key.
    pub add: Vec<String>,
    /// To be removed. A name in both lists gets a new key.
    pub remove: Vec<String>,
}

impl OwnKeys {
    /// A new label: version 0 with one identity key and a key for each device, to be published.
    pub fn create(label: Label, devices: &[String], now: Timestamp) -> Result<Self, OwnError> {
        let mut own = Self::none(label);
        own.stage(Next::first(), devices, now)?;
        Ok(own)
    }

    /// A label of which nothing is at hand: what a reset begins with in a new home.
    pub fn none(label: Label) -> Self {
        Self::restore(label, Vec::new(), None, Vec::new(), None)
    }

    /// From what was kept.
    pub fn restore(
        label: Label,
        published: Vec<OwnVersion>,
        pending: Option<Pending>,
        secrets: Vec<OwnSecret>,
        checked: Option<Version>,
    ) -> Self {
        Self {
            label,
            published,
            pending,
            secrets,
            checked,
            began: None,
            indexes: BTreeMap::new(),
        }
    }

    /// The same, begun by a reset at this version.
    #[must_use]
    pub fn with_began(mut self, began: Option<Version>) -> Self {
        self.began = began;
        self
    }

    /// The same, with the indexes that were proved before.
    #[must_use]
    pub fn with_indexes(mut self, indexes: BTreeMap<Version, IndexKey>) -> Self {
        self.indexes = indexes;
        self
    }

    /// Notes indexes that the log proved to be this label's.
    pub fn note_indexes(&mut self, rungs: &[Rung]) {
        let proved = rungs.iter().map(|rung| (rung.version, rung.index));
        self.indexes.extend(proved);
    }

    /// The indexes that were proved to be this label's.
    pub fn indexes(&self) -> &BTreeMap<Version, IndexKey> {
        &self.indexes
    }

    /// Stages the next version: a new identity key, and devices as asked. It is signed with the
    /// previous identity key too, so that nobody takes it for a reset.
    pub fn rotate(&mut self, change: &DeviceChange, now: Timestamp) -> Result<(), OwnError> {
        if let Some(pending) = &self.pending {
            return Err(OwnError::StillPending(pending.key_set.version()));
        }
        let Some(newest) = self.newest() else {
            return self.stage(Next::first(), &change.add, now);
        };
        let previous = newest.key_set.clone();
        let version = previous.version();
        let mut devices: Vec<KeyRecord> = previous
            .keys()
            .iter()
            .filter(|key| key.role != Role::Identity)
            .cloned()
            .collect();
        for name in &change.remove {
            let place = devices.iter().position(|key| key.id == *name);
            devices.remove(place.ok_or_else(|| OwnError::NoDevice(name.clone()))?);
        }
        let next = Next {
            version: version.next().ok_or(OwnError::LastVersion)?,
            prev: Some(previous.hash()),
            signer: Some(self.identity_of(&previous)?),
            devices,
        };
        self.stage(next, &change.add, now)
    }

    fn stage(&mut self, next: Next, add: &[String], now: Timestamp) -> Result<(), OwnError> {
        let Next {
            version,
            prev,
            signer: before,
            mut devices,
        } = next;
        let identity = OwnSecret::random(format!("identity-{version}"), Role::Identity)?;
        let signer = SecretKey::from_seed(&identity.seed);
        let mut keys = vec![identity.record()];
        let mut fresh = vec![identity];
        keys.append(&mut devices);
        for name in add {
            if keys.iter().any(|key| key.id == *name) {
                return Err(OwnError::DeviceTwice(name.clone()));
            }
            let device = OwnSecret::random(name.clone(), Role::Device)?;
            keys.push(device.record());
            fresh.push(device);
        }
        let draft = KeySetDraft {
            label: self.label.clone(),
            version,
            prev,
            created: now,
            keys,
        };
        let bytes = match &before {
            None => draft.sign(&[&signer]),
            Some(before) => draft.sign(&[&signer, before]),
        };
        let opening = Opening::from_bytes(random()?);
        self.pending = Some(Pending {
            key_set: KeySet::parse(&bytes)?,
            opening,
        });
        self.secrets.append(&mut fresh);
        Ok(())
    }

    fn identity_of(&self, key_set: &KeySet) -> Result<SecretKey, OwnError> {
        self.secrets
            .iter()
            .filter(|secret| secret.role == Role::Identity)
            .map(|secret| SecretKey::from_seed(&secret.seed))
            .find(|secret| key_set.identity_keys().contains(&secret.public()))
            .ok_or(OwnError::NoIdentity)
    }

    /// Moves the pending version to the published ones, and forgets secrets that no key of it has.
    pub fn published(&mut self, position: Option<LeafIndex>) -> Result<(), OwnError> {
        let pending = self.pending.take().ok_or(OwnError::NothingPending)?;
        let keys = pending.key_set.keys();
        self.secrets
            .retain(|secret| keys.contains(&secret.record()));
        self.published.push(OwnVersion {
            key_set: pending.key_set,
            position,
        });
        Ok(())
    }

    /// Notes that the log was found to hold one's own versions up to this one.
    pub fn note_checked(&mut self, version: Version) {
        self.checked = self.checked.max(Some(version));
    }

    /// Whose keys.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// The published versions, ascending.
    pub fn versions(&self) -> &[OwnVersion] {
        &self.published
    }

    /// The newest published version.
    pub fn newest(&self) -> Option<&OwnVersion> {
        self.published.last()
    }

    /// The version that waits to be published.
    pub fn pending(&self) -> Option<&Pending> {
        self.pending.as_ref()
    }

    /// The secrets.
    pub fn secrets(&self) -> &[OwnSecret] {
        &self.secrets
    }

    /// The last version that was found to be one's own.
    pub fn checked(&self) -> Option<Version> {
        self.checked
    }

    /// The reset with which this home began, or began anew.
    pub fn began(&self) -> Option<Version> {
        self.began
    }

    /// Whether a version was logged before this home began and is not of this home.
    pub fn is_before(&self, version: Version) -> bool {
        Some(version) < self.began && self.hash_of(version).is_none()
    }

    /// Whether a version was published from this home.
    pub fn is_published(&self, version: Version) -> bool {
        let mut published = self.published.iter();
        published.any(|own| own.key_set.version() == version)
    }

    /// The same, and as far as is known at this position.
    pub fn is_published_at(&self, version: Version, position: LeafIndex) -> bool {
        let mut published = self.published.iter();
        published.any(|own| {
            own.key_set.version() == version && own.position.is_none_or(|at| at == position)
        })
    }

    /// The hash of one's own key set of a version, published or pending.
    pub fn hash_of(&self, version: Version) -> Option<Hash> {
        let published = self.published.iter().map(|own| &own.key_set);
        let pending = self.pending.iter().map(|pending| &pending.key_set);
        let mut all = published.chain(pending);
        all.find(|key_set| key_set.version() == version)
            .map(KeySet::hash)
    }
}

impl OwnSecret {
    fn random(id: String, role: Role) -> Result<Self, OwnError> {
        Ok(Self {
            id,
            role,
            seed: Zeroizing::new(random()?),
        })
    }

    /// The public half, as it stands in a key set.
    pub fn record(&self) -> KeyRecord {
        let (alg, key) = match self.role {
            Role::Identity => {
                let public = SecretKey::from_seed(&self.seed).public();
                (IDENTITY_ALGORITHM, public.as_bytes().to_vec())
            }
            Role::Device | Role::Recovery | Role::Escrow => {
                let public = curve25519_dalek::MontgomeryPoint::mul_base_clamped(*self.seed);
                (DEVICE_ALGORITHM, public.to_bytes().to_vec())
            }
        };
        KeyRecord {
            id: self.id.clone(),
            role: self.role,
            alg: alg.into(),
            key,
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], OwnError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| OwnError::Random(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
