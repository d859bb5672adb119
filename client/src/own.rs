//! One's own keys: what was published, what is about to be, and the secrets behind it. Nothing
//! here touches a disk or the network.

use std::collections::BTreeMap;

use plainsight_specs::commitment::Opening;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::Hash;
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
    /// Versions that are known to be logged, dense from 0.
    published: Vec<OwnVersion>,
    /// The next version: signed, durable, and perhaps sent.
    pending: Option<Pending>,
    /// Of every key of the newest version and of the pending one.
    secrets: Vec<OwnSecret>,
    /// The last version that a monitor found to be one's own.
    checked: Option<Version>,
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
        let mut own = Self {
            label,
            published: Vec::new(),
            pending: None,
            secrets: Vec::new(),
            checked: None,
            indexes: BTreeMap::new(),
        };
        let change = DeviceChange {
            add: devices.to_vec(),
            remove: Vec::new(),
        };
        own.stage(Version::FIRST, &change, now)?;
        Ok(own)
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
            indexes: BTreeMap::new(),
        }
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
        let newest = self.newest().map(|newest| newest.key_set.version());
        let version = match newest {
            None => Version::FIRST,
            Some(version) => version.next().ok_or(OwnError::LastVersion)?,
        };
        self.stage(version, change, now)
    }

    fn stage(
        &mut self,
        version: Version,
        change: &DeviceChange,
        now: Timestamp,
    ) -> Result<(), OwnError> {
        let previous = self.newest().map(|newest| newest.key_set.clone());
        let mut devices: Vec<KeyRecord> = previous
            .iter()
            .flat_map(KeySet::keys)
            .filter(|key| key.role != Role::Identity)
            .cloned()
            .collect();
        for name in &change.remove {
            let place = devices.iter().position(|key| key.id == *name);
            devices.remove(place.ok_or_else(|| OwnError::NoDevice(name.clone()))?);
        }
        let identity = OwnSecret::random(format!("identity-{version}"), Role::Identity)?;
        let signer = SecretKey::from_seed(&identity.seed);
        let mut keys = vec![identity.record()];
        let mut fresh = vec![identity];
        keys.append(&mut devices);
        for name in &change.add {
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
            prev: previous.as_ref().map(KeySet::hash),
            created: now,
            keys,
        };
        let bytes = match &previous {
            None => draft.sign(&[&signer]),
            Some(previous) => draft.sign(&[&signer, &self.identity_of(previous)?]),
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
mod tests {
    use plainsight_specs::keyset::Continuity;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_800_000_000).unwrap()
    }

    fn own() -> OwnKeys {
        let label = Label::email("a@example.org").unwrap();
        OwnKeys::create(label, &["phone".into(), "laptop".into()], now()).unwrap()
    }

    #[test]
    fn a_rotation_is_signed_by_the_previous_identity_key() {
        let mut own = own();
        let first = own.pending().unwrap().key_set.clone();
        assert_eq!(first.continuity(None), Continuity::First);
        own.published(None).unwrap();
        let change = DeviceChange {
            add: vec!["tablet".into()],
            remove: vec!["phone".into()],
        };
        own.rotate(&change, now()).unwrap();
        let second = &own.pending().unwrap().key_set;
        assert_eq!(second.continuity(Some(&first)), Continuity::Signed);
        let ids: Vec<_> = second.keys().iter().map(|key| key.id.as_str()).collect();
        assert_eq!(ids, ["identity-1", "laptop", "tablet"]);
        assert_ne!(second.identity_keys(), first.identity_keys());
    }

    #[test]
    fn secrets_of_keys_that_are_gone_are_forgotten_once_published() {
        let mut own = own();
        own.published(None).unwrap();
        let change = DeviceChange {
            add: vec!["phone".into()],
            remove: vec!["phone".into()],
        };
        let before = own.secrets()[1].record();
        own.rotate(&change, now()).unwrap();
        assert_eq!(
            own.secrets().len(),
            5,
            "both identities and both phones, until published"
        );
        own.published(None).unwrap();
        let ids: Vec<_> = own
            .secrets()
            .iter()
            .map(|secret| secret.id.as_str())
            .collect();
        assert_eq!(ids, ["laptop", "identity-1", "phone"]);
        assert!(own.secrets().iter().all(|secret| secret.record() != before));
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        let mut own = own();
        let none = DeviceChange::default();
        assert_eq!(
            own.rotate(&none, now()),
            Err(OwnError::StillPending(Version::FIRST))
        );
        own.published(None).unwrap();
        assert_eq!(own.published(None), Err(OwnError::NothingPending));
        let gone = DeviceChange {
            add: Vec::new(),
            remove: vec!["watch".into()],
        };
        assert_eq!(
            own.rotate(&gone, now()),
            Err(OwnError::NoDevice("watch".into()))
        );
        let twice = DeviceChange {
            add: vec!["phone".into()],
            remove: Vec::new(),
        };
        assert_eq!(
            own.rotate(&twice, now()),
            Err(OwnError::DeviceTwice("phone".into()))
        );
        assert!(own.pending().is_none(), "nothing is staged by a refusal");
        let odd = DeviceChange {
            add: vec!["my phone".into()],
            remove: Vec::new(),
        };
        assert!(matches!(own.rotate(&odd, now()), Err(OwnError::KeySet(_))));
    }

    #[test]
    fn a_later_rotation_without_the_identity_secret_is_refused() {
        let mut own = own();
        own.published(None).unwrap();
        own.secrets.retain(|secret| secret.role != Role::Identity);
        let refused = own.rotate(&DeviceChange::default(), now());
        assert_eq!(refused, Err(OwnError::NoIdentity));
    }
}
