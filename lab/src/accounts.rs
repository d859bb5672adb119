//! A thousand people with several devices each: the key sets that a messenger would publish.

use anyhow::{Context as _, Result};
use plainsight_specs::commitment::Opening;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::Hash;
use plainsight_specs::keyset::{KeyRecord, KeySet, KeySetDraft, Role};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::publish::PublishItem;
use plainsight_specs::time::Timestamp;

use crate::clock;
use crate::provider::random;

/// Somebody with keys.
#[derive(Debug)]
pub struct Account {
    label: Label,
    identity: SecretKey,
    devices: usize,
    latest: Option<KeySet>,
}

/// The first key set of somebody whom nobody else knows.
pub fn first_key_set(label: &Label) -> Result<Vec<u8>> {
    let identity = SecretKey::from_seed(&random()?);
    let mut account = Account {
        label: label.clone(),
        identity,
        devices: 2,
        latest: None,
    };
    account.next_key_set(clock::now()?)
}

/// A first key set that says which one it continues: there must have been a log before this one.
pub fn continued_key_set(label: &Label, prev: Hash) -> Result<Vec<u8>> {
    let first = KeySet::parse(&first_key_set(label)?)?;
    let identity = SecretKey::from_seed(&random()?);
    let mut keys = first.keys().to_vec();
    for key in keys.iter_mut().filter(|key| key.role == Role::Identity) {
        key.key = identity.public().as_bytes().to_vec();
    }
    let draft = KeySetDraft {
        label: label.clone(),
        version: Version::FIRST,
        prev: Some(prev),
        created: first.created(),
        keys,
    };
    Ok(draft.sign(&[&identity]))
}

impl Account {
    /// Somebody who has published nothing yet.
    pub fn new(number: usize) -> Result<Self> {
        let label = match number % 4 {
            // A quarter use an account number that is no address.
            3 => Label::uuid(&format!(
                "{:08x}-0000-4000-8000-{:012x}",
                number,
                number * 7
            ))?,
            _ => Label::email(&format!("person{number:04}@mail.example"))?,
        };
        let identity = SecretKey::from_seed(&random()?);
        Ok(Self {
            label,
            identity,
            devices: 1 + number % 5,
            latest: None,
        })
    }

    /// Whose keys these are.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// What publishes the next key set.
    pub fn next(&mut self, created: Timestamp) -> Result<PublishItem> {
        let key_set = self.next_key_set(created)?;
        Ok(PublishItem::KeySet {
            key_set,
            opening: Opening::from_bytes(random()?),
        })
    }

    /// The next key set, with fresh keys for every device, signed by the identity key.
    fn next_key_set(&mut self, created: Timestamp) -> Result<Vec<u8>> {
        let mut keys = vec![KeyRecord {
            id: "identity".into(),
            role: Role::Identity,
            alg: "ed25519".into(),
            key: self.identity.public().as_bytes().to_vec(),
        }];
        for device in 0..self.devices {
            keys.push(KeyRecord {
                id: format!("device-{device}"),
                role: Role::Device,
                alg: "x25519".into(),
                key: random::<32>()?.to_vec(),
            });
        }
        let version = match &self.latest {
            None => Version::FIRST,
            Some(latest) => latest.version().next().context("no version is left")?,
        };
        let draft = KeySetDraft {
            label: self.label.clone(),
            version,
            prev: self.latest.as_ref().map(KeySet::hash),
            created,
            keys,
        };
        let key_set = draft.sign(&[&self.identity]);
        self.latest = Some(KeySet::parse(&key_set)?);
        Ok(key_set)
    }
}
