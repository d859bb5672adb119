//! What a dishonest log holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use plainsight_client::http::BaseUrl;
use plainsight_log_server::directory::{DirectoryError, Published, PublishedHead};
use plainsight_log_server::source::{OpenKey, Rows, SourceError, Tiles};
use plainsight_specs::checkpoint::{Origin, SignedCheckpoint};
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::{Entry, GenesisDraft, KeyEntry, RoleKeys, Roles, StatementEntry};
use plainsight_specs::hash::Hash;
use plainsight_specs::index::{IndexKey, Tree};
use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::build::consistency_proof;
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use plainsight_specs::note::{Algorithm, KeyName, Signer, VerifierKey};
use plainsight_specs::rules::{Judged, Replay};
use plainsight_specs::statement::Body;
use plainsight_specs::tile::{Edge, TileKind, TilePath, TileSet, bundle_to_bytes};
use plainsight_specs::vrf;

use crate::clock;
use crate::provider::{random, sign};

/// A log whose operator does as he likes.
#[derive(Clone)]
pub struct Liar {
    origin: Origin,
    /// The seed of the key that signs checkpoints, so that a fork signs as its twin does.
    log_seed: [u8; 32],
    vrf_seed: [u8; 32],
    role_seed: [u8; 32],
    entries: Vec<Vec<u8>>,
    replay: Replay,
    edge: Edge,
    tiles: BTreeMap<String, Vec<u8>>,
    tile_set: TileSet,
    keys: BTreeMap<(Label, Version), Opened>,
    statements: BTreeMap<Hash, LeafIndex>,
    epochs: BTreeSet<LeafIndex>,
    /// The auditors that it asks to cosign.
    pub auditors: Vec<BaseUrl>,
    /// What each auditor cosigned last, by its address.
    pub(super) cosigned: BTreeMap<String, TreeSize>,
    published: Option<(Arc<PublishedHead>, Tree)>,
    pub(super) lie: Option<Lie>,
}

impl Published for Liar {
    fn read<T>(
        &self,
        work: impl FnOnce(&Tree, &Arc<PublishedHead>) -> T,
    ) -> Result<T, DirectoryError> {
        let published = self.published.as_ref();
        let (head, index) = published.ok_or(DirectoryError::NothingPublished)?;
        Ok(work(index, head))
    }
}

impl std::fmt::Debug for Liar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Liar")
            .field("origin", &self.origin)
            .field("size", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// What opens a key entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Where the entry stands.
    pub position: LeafIndex,
    /// The opening.
    pub opening: [u8; 16],
    /// The key set.
    pub key_set: Vec<u8>,
}

/// A lie told to readers.
#[derive(Debug, Clone)]
pub enum Lie {
    /// When this label publishes again, log a ghost at the version's own index and what was
    /// published at another one, and show the latter in histories.
    Decoy {
        /// Whose keys.
        label: Label,
        /// The version that the ghost gets.
        version: Version,
        /// The ghost.
        ghost: Vec<u8>,
        /// Once it is logged: what is shown instead.
        shown: Option<Opened>,
    },
    /// In look-ups, show a key set that was never logged.
    NeverLogged {
        /// Whose keys.
        label: Label,
        /// What is shown instead.
        shown: Opened,
    },
}

impl Liar {
    /// A log with its genesis and nothing else.
    pub fn new(origin: &str) -> Result<Self> {
        let origin = Origin::parse(origin)?;
        let mut liar = Self {
            log_seed: random()?,
            vrf_seed: random()?,
            role_seed: random()?,
            entries: Vec::new(),
            replay: Replay::new(origin.clone()),
            edge: Edge::new(),
            tiles: BTreeMap::new(),
            tile_set: TileSet::new(),
            keys: BTreeMap::new(),
            statements: BTreeMap::new(),
            epochs: BTreeSet::new(),
            auditors: Vec::new(),
            cosigned: BTreeMap::new(),
            published: None,
            lie: None,
            origin,
        };
        let role = || RoleKeys::new(1, vec![liar.role_key().public()]);
        let genesis = GenesisDraft {
            origin: liar.origin.clone(),
            vrf_key: liar.vrf().public(),
            max_clock_skew_ms: 60_000,
            heartbeat_s: 3600,
            roles: Roles {
                root: role()?,
                releases: role()?,
                protections: role()?,
            },
            predecessor: None,
        }
        .build()?;
        liar.push(genesis.to_bytes())?;
        Ok(liar)
    }

    fn signer(&self) -> Result<Signer> {
        let name = KeyName::parse(self.origin.as_str())?;
        Ok(Signer::new(
            name,
            Algorithm::Ed25519,
            SecretKey::from_seed(&self.log_seed),
        )?)
    }

    /// The key that readers know the log by.
    pub fn vkey(&self) -> Result<VerifierKey> {
        Ok(self.signer()?.verifier_key())
    }

    /// The key behind the indexes.
    pub fn vrf(&self) -> vrf::SecretKey {
        vrf::SecretKey::from_seed(&self.vrf_seed)
    }

    fn role_key(&self) -> SecretKey {
        SecretKey::from_seed(&self.role_seed)
    }

    /// Appends an entry, whatever it is.
    pub fn push(&mut self, entry: Vec<u8>) -> Result<Judged> {
        let judged = self.replay.step(&entry);
        for (path, bytes) in self.edge.append(&[judged.leaf])? {
            self.tile_set.insert(path, &bytes)?;
            self.tiles.insert(path.to_string(), bytes);
        }
        match &judged.entry {
            Some(Entry::Statement(_)) => {
                self.statements.insert(judged.leaf, judged.position);
            }
            Some(Entry::Epoch(_)) => {
                self.epochs.insert(judged.position);
            }
            _ => {}
        }
        self.entries.push(entry);
        Ok(judged)
    }

    /// What opens the entry of a version.
    pub fn opened(&self, label: &Label, version: Version) -> Option<&Opened> {
        self.keys.get(&(label.clone(), version))
    }

    /// Logs a key set where it belongs.
    pub fn push_key_set(
        &mut self,
        label: &Label,
        version: Version,
        key_set: Vec<u8>,
    ) -> Result<Opened> {
        self.push_opened(
            label,
            version,
            Opened {
                position: self.next(),
                opening: random()?,
                key_set,
            },
        )
    }

    fn push_opened(&mut self, label: &Label, version: Version, opened: Opened) -> Result<Opened> {
        let index = self.vrf().evaluate(&label.vrf_input(version)).index_key();
        let opened = self.push_at(index, label, version, opened)?;
        self.keys.insert((label.clone(), version), opened.clone());
        Ok(opened)
    }

    /// Logs an entry that opens to (label, version) at an index of the liar's choice.
    fn push_at(
        &mut self,
        index: IndexKey,
        label: &Label,
        version: Version,
        opened: Opened,
    ) -> Result<Opened> {
        let opening = Opening::from_bytes(opened.opening);
        let commitment = commit(&opening, label, version, &opened.key_set);
        self.push(KeyEntry { index, commitment }.to_bytes().to_vec())?;
        Ok(opened)
    }

    fn next(&self) -> LeafIndex {
        LeafIndex::new(self.entries.len() as u64).unwrap_or_default()
    }

    /// Logs a key set that somebody published; or, if this is the moment for it, a ghost in its
    /// place and the key set where nobody will look.
    pub(super) fn take_key_set(&mut self, key_set: Vec<u8>, opening: [u8; 16]) -> Result<Opened> {
        let parsed = KeySet::parse(&key_set)?;
        let (label, version) = (parsed.label().clone(), parsed.version());
        let opened = Opened {
            position: self.next(),
            opening,
            key_set,
        };
        match self.lie.take() {
            Some(Lie::Decoy {
                label: whose,
                version: at,
                ghost,
                ..
            }) if whose == label && at == version => {
                let elsewhere = IndexKey::private(Hash::from_bytes(random()?));
                let shown = self.push_at(elsewhere, &label, version, opened)?;
                self.push_key_set(&label, version, ghost.clone())?;
                self.lie = Some(Lie::Decoy {
                    label,
                    version,
                    ghost,
                    shown: Some(shown.clone()),
                });
                Ok(shown)
            }
            lie => {
                self.lie = lie;
                self.push_opened(&label, version, opened)
            }
        }
    }

    /// Logs a statement that continues its stream, signed as it should be.
    pub fn push_statement(&mut self, body: Body) -> Result<Judged> {
        let last = self.replay.last_of(&body.stream());
        let signed = sign(body, last, &self.role_key())?;
        self.push(StatementEntry::from_envelope(&signed.envelope)?.to_bytes())
    }

    /// Logs the epoch that is due.
    pub fn push_epoch(&mut self) -> Result<Judged> {
        let epoch = self.replay.next_epoch(clock::now()?.seconds() * 1000);
        self.push(epoch.to_bytes().to_vec())
    }

    /// Logs an epoch with a root of the liar's choice.
    pub fn push_wrong_epoch(&mut self, root: Hash) -> Result<Judged> {
        let mut epoch = self.replay.next_epoch(clock::now()?.seconds() * 1000);
        epoch.index_root = root;
        self.push(epoch.to_bytes().to_vec())
    }

    /// The present tree.
    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.edge.size(),
            root: self.edge.root(),
        }
    }

    /// Signs the present tree.
    pub fn sign(&self) -> Result<SignedCheckpoint> {
        Ok(SignedCheckpoint::sign(
            &self.origin,
            self.head(),
            &self.signer()?,
        )?)
    }

    /// From an older size to the present tree.
    pub(super) fn consistency(&self, old: TreeSize) -> Result<Vec<Hash>> {
        Ok(consistency_proof(old, self.edge.size(), &self.tile_set)?)
    }

    /// Answers readers at this head from now on.
    pub(super) fn publish(&mut self, head: PublishedHead) {
        self.published = Some((Arc::new(head), self.replay.index().clone()));
    }

    /// The published head with its index.
    pub(super) fn published(&self) -> Option<&(Arc<PublishedHead>, Tree)> {
        self.published.as_ref()
    }

    /// Lies in answers from now on.
    pub fn tell(&mut self, lie: Lie) {
        self.lie = Some(lie);
    }

    /// The bytes of an entry.
    pub(super) fn entry(&self, position: LeafIndex) -> Result<Vec<u8>> {
        let place = usize::try_from(position.get())?;
        self.entries.get(place).cloned().context("no such entry")
    }

    /// The bytes of a tile or an entry bundle.
    pub(super) fn object(&self, path: &TilePath) -> Option<Vec<u8>> {
        if let TileKind::Hashes { .. } = path.kind() {
            return self.tiles.get(&path.to_string()).cloned();
        }
        let start = usize::try_from(path.index()).ok()?.checked_mul(256)?;
        let end = start.checked_add(usize::from(path.width()))?;
        bundle_to_bytes(self.entries.get(start..end)?).ok()
    }

    /// The log as it was with its first `size` entries, by the same keys: where a fork begins.
    pub fn rewound(&self, size: usize) -> Result<Self> {
        let mut twin = Self {
            entries: Vec::new(),
            replay: Replay::new(self.origin.clone()),
            edge: Edge::new(),
            tiles: BTreeMap::new(),
            tile_set: TileSet::new(),
            statements: BTreeMap::new(),
            epochs: BTreeSet::new(),
            published: None,
            ..self.clone()
        };
        for entry in self.entries.iter().take(size) {
            twin.push(entry.clone())?;
        }
        twin.keys
            .retain(|_, opened| opened.position.get() < size as u64);
        Ok(twin)
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never: the genesis is always there.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Tiles for Liar {
    async fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.object(path))
    }
}

impl Rows for Liar {
    async fn key(&self, label: &Label, version: Version) -> Result<Option<OpenKey>, SourceError> {
        Ok(self
            .keys
            .get(&(label.clone(), version))
            .map(|opened| OpenKey {
                position: opened.position,
                opening: Some(Opening::from_bytes(opened.opening)),
                key_set: Some(opened.key_set.clone()),
            }))
    }

    async fn statement(&self, leaf: &Hash) -> Result<Option<LeafIndex>, SourceError> {
        Ok(self.statements.get(leaf).copied())
    }

    async fn epoch_after(&self, position: LeafIndex) -> Result<Option<LeafIndex>, SourceError> {
        Ok(self.epochs.range(position..).next().copied())
    }
}
