//! Somebody who publishes keys, and remembers what the log acknowledged.

use anyhow::{Context as _, Result};
use plainsight_specs::commitment::Opening;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::keyset::{KeyRecord, KeySet, KeySetDraft, Role};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::{LeafIndex, TreeSize};
use plainsight_specs::publish::PublishItem;
use plainsight_specs::time::Timestamp;

use super::op::Dice;
use super::world::{is_at_least, label, not_shown};

/// A version that is logged, as far as its owner knows.
#[derive(Debug, Clone)]
struct Acknowledged {
    key_set: KeySet,
    position: LeafIndex,
}

/// Somebody.
#[derive(Debug)]
pub(super) struct Person {
    label: Label,
    identity: SecretKey,
    dice: Dice,
    acknowledged: Vec<Acknowledged>,
    /// Sent, and not acknowledged: sent again, the same bytes, until it is.
    pending: Option<(KeySet, [u8; 16])>,
}

impl Person {
    pub(super) fn new(number: u8, dice: &mut Dice) -> Result<Self> {
        let mut dice = Dice::new(dice.roll());
        Ok(Self {
            label: label(number)?,
            identity: SecretKey::from_seed(&bytes(&mut dice)),
            dice,
            acknowledged: Vec::new(),
            pending: None,
        })
    }

    pub(super) fn label(&self) -> &Label {
        &self.label
    }

    /// What it sends: what waits, or the next version.
    pub(super) fn next(&mut self, created: Timestamp) -> Result<PublishItem> {
        let (key_set, opening) = match self.pending.take() {
            Some(pending) => pending,
            None => (self.draft(created)?, small(&mut self.dice)),
        };
        let item = PublishItem::KeySet {
            key_set: key_set.bytes().to_vec(),
            opening: Opening::from_bytes(opening),
        };
        self.pending = Some((key_set, opening));
        Ok(item)
    }

    fn draft(&mut self, created: Timestamp) -> Result<KeySet> {
        let record = |id: &str, role, alg: &str, key| KeyRecord {
            id: id.into(),
            role,
            alg: alg.into(),
            key,
        };
        let latest = self.acknowledged.last().map(|latest| &latest.key_set);
        let identity = self.identity.public().as_bytes().to_vec();
        let draft = KeySetDraft {
            label: self.label.clone(),
            version: match latest {
                None => Version::FIRST,
                Some(latest) => latest.version().next().context("no version is left")?,
            },
            prev: latest.map(KeySet::hash),
            created,
            keys: vec![
                record("identity", Role::Identity, "ed25519", identity),
                record(
                    "device",
                    Role::Device,
                    "x25519",
                    bytes(&mut self.dice).to_vec(),
                ),
            ],
        };
        Ok(KeySet::parse(&draft.sign(&[&self.identity]))?)
    }

    /// The log said that what waits is logged.
    pub(super) fn acknowledged(&mut self, position: LeafIndex) {
        if let Some((key_set, _)) = self.pending.take() {
            self.acknowledged.push(Acknowledged { key_set, position });
        }
    }

    /// The position of what was acknowledged last.
    pub(super) fn newest_position(&self) -> Option<u64> {
        self.acknowledged.last().map(|newest| newest.position.get())
    }

    /// Whether a look-up at a head of `size` showed what it must.
    pub(super) fn is_shown(
        &self,
        version: Option<Version>,
        key_set: Option<&[u8]>,
        size: TreeSize,
    ) -> Result<()> {
        let mut latest_first = self.acknowledged.iter().rev();
        let Some(newest) = latest_first.find(|one| one.position.get() < size.get()) else {
            return Ok(());
        };
        let due = newest.key_set.version();
        if !is_at_least(version, due) {
            return not_shown(format!(
                "{}: {version:?} shown at {size}, {due} acknowledged",
                self.label
            ));
        }
        let same = self
            .acknowledged
            .iter()
            .find(|one| Some(one.key_set.version()) == version);
        if same.is_some_and(|same| Some(same.key_set.bytes()) != key_set) {
            return not_shown(format!("{}: another key set as {version:?}", self.label));
        }
        Ok(())
    }
}

fn bytes(dice: &mut Dice) -> [u8; 32] {
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&dice.roll().to_be_bytes());
    }
    bytes
}

fn small(dice: &mut Dice) -> [u8; 16] {
    let mut opening = [0; 16];
    for chunk in opening.chunks_mut(8) {
        chunk.copy_from_slice(&dice.roll().to_be_bytes());
    }
    opening
}
