//! One's own keys on disk: everything of a label in one file, so that a key set and the secrets
//! behind it can never be apart.

use std::collections::BTreeMap;

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::codec::{base64_array, to_base64};
use plainsight_specs::commitment::Opening;
use plainsight_specs::index::IndexKey;
use plainsight_specs::keyset::Role;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::LeafIndex;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::pins::key_set;
use super::{Home, HomeError, file, label_file};
use crate::own::{OwnKeys, OwnSecret, OwnVersion, Pending};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    label: String,
    published: Vec<KeptVersion>,
    pending: Option<KeptPending>,
    secrets: Vec<KeptSecret>,
    checked: Option<u32>,
    #[serde(default)]
    began: Option<u32>,
    #[serde(default)]
    indexes: BTreeMap<u32, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptVersion {
    key_set: String,
    position: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptPending {
    key_set: String,
    opening: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptSecret {
    id: String,
    role: String,
    seed: String,
}

impl Drop for KeptSecret {
    fn drop(&mut self) {
        self.seed.zeroize();
    }
}

impl Home {
    /// One's own keys of a label.
    pub fn own_keys(&self, origin: &Origin, label: &Label) -> Result<Option<OwnKeys>, HomeError> {
        let path = self.log_dir(origin).join("own").join(label_file(label));
        let Some(kept) = file::read_secret_json::<Kept>(&path)? else {
            return Ok(None);
        };
        kept.restore(label)
            .map(Some)
            .ok_or_else(|| HomeError::damaged(&path, "not one's own keys of this label"))
    }

    /// Keeps one's own keys.
    pub fn keep_own_keys(&self, origin: &Origin, own: &OwnKeys) -> Result<(), HomeError> {
        let path = self
            .log_dir(origin)
            .join("own")
            .join(label_file(own.label()));
        file::replace_json(&path, &Kept::of(own))
    }

    /// The labels of which one has keys, in order.
    pub fn own_labels(&self, origin: &Origin) -> Result<Vec<Label>, HomeError> {
        let dir = self.log_dir(origin).join("own");
        let mut labels = Vec::new();
        for path in file::json_files(&dir)? {
            let Some(kept) = file::read_secret_json::<Kept>(&path)? else {
                continue;
            };
            let label = Label::from_typed(&kept.label);
            labels.push(label.map_err(|error| HomeError::damaged(&path, error))?);
        }
        labels.sort();
        Ok(labels)
    }
}

impl Kept {
    fn of(own: &OwnKeys) -> Self {
        Self {
            label: own.label().display(),
            published: own
                .versions()
                .iter()
                .map(|own| KeptVersion {
                    key_set: to_base64(own.key_set.bytes()),
                    position: own.position.map(LeafIndex::get),
                })
                .collect(),
            pending: own.pending().map(|pending| KeptPending {
                key_set: to_base64(pending.key_set.bytes()),
                opening: to_base64(pending.opening.as_bytes()),
            }),
            secrets: own
                .secrets()
                .iter()
                .map(|secret| KeptSecret {
                    id: secret.id.clone(),
                    role: secret.role.as_str().into(),
                    seed: to_base64(secret.seed.as_slice()),
                })
                .collect(),
            checked: own.checked().map(Version::get),
            began: own.began().map(Version::get),
            indexes: own
                .indexes()
                .iter()
                .map(|(version, index)| (version.get(), index.to_hex()))
                .collect(),
        }
    }

    fn restore(&self, label: &Label) -> Option<OwnKeys> {
        let published = self
            .published
            .iter()
            .map(|kept| {
                let position = match kept.position {
                    None => None,
                    Some(position) => Some(LeafIndex::new(position)?),
                };
                Some(OwnVersion {
                    key_set: key_set(&kept.key_set, label)?,
                    position,
                })
            })
            .collect::<Option<Vec<_>>>()?;
        let pending = match &self.pending {
            None => None,
            Some(kept) => Some(Pending {
                key_set: key_set(&kept.key_set, label)?,
                opening: Opening::from_bytes(base64_array(&kept.opening).ok()?),
            }),
        };
        let secrets = self
            .secrets
            .iter()
            .map(|kept| {
                let seed = Zeroizing::new(base64_array(&kept.seed).ok()?);
                Some(OwnSecret {
                    id: kept.id.clone(),
                    role: Role::parse(&kept.role)?,
                    seed,
                })
            })
            .collect::<Option<Vec<_>>>()?;
        let checked = self.checked.map(Version::new);
        let indexes = self.indexes.iter().map(|(version, index)| {
            Some((Version::new(*version), IndexKey::from_hex(index).ok()?))
        });
        let indexes = indexes.collect::<Option<_>>()?;
        let own = OwnKeys::restore(label.clone(), published, pending, secrets, checked);
        let own = own.with_began(self.began.map(Version::new));
        Some(own.with_indexes(indexes))
    }
}

#[cfg(test)]
mod tests {
    use plainsight_specs::time::Timestamp;

    use super::*;
    use crate::own::DeviceChange;

    #[test]
    fn ones_own_keys_survive_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let origin = Origin::parse("log.example").unwrap();
        let label = Label::email("a@example.org").unwrap();
        let now = Timestamp::from_seconds(1_800_000_000).unwrap();
        assert!(home.own_labels(&origin).unwrap().is_empty());
        let mut own = OwnKeys::create(label.clone(), &["phone".into()], now).unwrap();
        own.published(LeafIndex::new(7)).unwrap();
        own.note_checked(Version::FIRST);
        own.rotate(&DeviceChange::default(), now).unwrap();
        home.keep_own_keys(&origin, &own).unwrap();
        let mut again = home.own_keys(&origin, &label).unwrap().unwrap();
        assert_eq!(again.versions(), own.versions());
        assert_eq!(again.checked(), Some(Version::FIRST));
        let (a, b) = (own.pending().unwrap(), again.pending().unwrap());
        assert_eq!(a.key_set, b.key_set);
        assert_eq!(a.opening, b.opening);
        assert_eq!(home.own_labels(&origin).unwrap(), [label]);
        // The secrets came along: the next rotation is signed by the key of this one.
        again.published(LeafIndex::new(9)).unwrap();
        again.rotate(&DeviceChange::default(), now).unwrap();
    }
}
