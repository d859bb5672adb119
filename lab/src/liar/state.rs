//! What a dishonest log holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use plainsight_client::http::BaseUrl;
use plainsight_log_server::directory::{DirectoryError, Published, PublishedHead};
use plainsight_log_server::source::{OpenKey, Rows, SourceError, Tiles};
use plainsight_specs::checkpoint::{Origin, SignedCheckpoint};
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::{
    Entry, Epoch, GenesisDraft, KeyEntry, RoleKeys, Roles, StatementEntry,
};
use plainsight_specs::hash::Hash;
use plainsight_specs::index::{IndexKey, Tree};
use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::build::{consistency_proof, inclusion_proof};
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use plainsight_specs::note::{Algorithm, KeyName, SignatureLine, Signer, VerifierKey};
use plainsight_specs::rules::{Judged, Replay, Rule};
use plainsight_specs::statement::{Body, Seq, Stream};
use plainsight_specs::tile::{Edge, TileKind, TilePath, TileSet, bundle_to_bytes};
use plainsight_specs::vrf;

use super::script::{Next, Script};
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
    /// The rules that its entries break, in their order.
    broken: Vec<Rule>,
    edge: Edge,
    tiles: BTreeMap<String, Vec<u8>>,
    tile_set: TileSet,
    keys: BTreeMap<(Label, Version), Opened>,
    statements: BTreeMap<Hash, LeafIndex>,
    epochs: BTreeSet<LeafIndex>,
    /// The auditors that it asks to cosign.
    pub auditors: Vec<BaseUrl>,
    /// Witnesses that cosign whatever it wants.
    pub colluders: Arc<Vec<Signer>>,
    /// What each auditor cosigned last, by its address.
    pub(super) cosigned: BTreeMap<String, TreeSize>,
    published: Option<(Arc<PublishedHead>, Tree)>,
    /// What it does to readers.
    pub script: Script,
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

impl Liar {
    /// A log with its genesis and nothing else.
    pub fn new(origin: &str) -> Result<Self> {
        Self::beginning(origin, |_| Ok(()))
    }

    /// A log with a genesis of the liar's choice, and nothing else.
    pub fn beginning(
        origin: &str,
        change: impl FnOnce(&mut GenesisDraft) -> Result<()>,
    ) -> Result<Self> {
        let origin = Origin::parse(origin)?;
        let mut liar = Self {
            log_seed: random()?,
            vrf_seed: random()?,
            role_seed: random()?,
            entries: Vec::new(),
            replay: Replay::new(origin.clone()),
            broken: Vec::new(),
            edge: Edge::new(),
            tiles: BTreeMap::new(),
            tile_set: TileSet::new(),
            keys: BTreeMap::new(),
            statements: BTreeMap::new(),
            epochs: BTreeSet::new(),
            auditors: Vec::new(),
            colluders: Arc::default(),
            cosigned: BTreeMap::new(),
            published: None,
            script: Script::default(),
            origin,
        };
        let role = || RoleKeys::new(1, vec![liar.role_key().public()]);
        let mut genesis = GenesisDraft {
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
        };
        change(&mut genesis)?;
        liar.push(genesis.build()?.to_bytes())?;
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

    /// The one key of all its roles.
    pub fn role_key(&self) -> SecretKey {
        SecretKey::from_seed(&self.role_seed)
    }

    /// Appends an entry, whatever it is.
    pub fn push(&mut self, entry: Vec<u8>) -> Result<Judged> {
        let judged = self.replay.step(&entry);
        self.broken.extend(&judged.broken);
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

    /// The index of a version of a label.
    pub fn index_of(&self, label: &Label, version: Version) -> IndexKey {
        self.vrf().evaluate(&label.vrf_input(version)).index_key()
    }

    pub(super) fn lines_of_colluders(
        &self,
        signed: &SignedCheckpoint,
    ) -> Result<Vec<SignatureLine>> {
        let now = clock::now()?;
        let colluders = self.colluders.iter();
        let lines = colluders.map(|signer| Ok(Cosignature::sign(signed, signer, now)?.line));
        lines.collect()
    }

    /// Where the statement with this leaf hash stands.
    pub fn statement_at(&self, leaf: &Hash) -> Option<LeafIndex> {
        self.statements.get(leaf).copied()
    }

    /// Seq and leaf hash of a stream's last statement.
    pub fn last_of(&self, stream: &Stream) -> Option<(Seq, Hash)> {
        self.replay.last_of(stream)
    }

    /// The rules that its entries break.
    pub fn broken(&self) -> &[Rule] {
        &self.broken
    }

    /// What follows from its entries.
    pub fn replay(&mut self) -> &mut Replay {
        &mut self.replay
    }

    /// The index as it was published.
    pub fn index(&self) -> Result<&Tree> {
        let (_, index) = self.published.as_ref().context("nothing is published")?;
        Ok(index)
    }

    /// The checkpoint as it was published.
    pub fn note(&self) -> Result<&[u8]> {
        let (head, _) = self.published.as_ref().context("nothing is published")?;
        Ok(&head.note)
    }

    /// The last epoch entry.
    pub fn last_epoch(&self) -> Result<Vec<u8>> {
        let last = self.epochs.last().context("there is no epoch")?;
        self.entry(*last)
    }

    /// The positions of its epochs.
    pub fn epochs(&self) -> impl Iterator<Item = LeafIndex> {
        self.epochs.iter().copied()
    }

    /// Who answers readers: it, or its twin.
    pub(super) fn spokesman(&self) -> &Self {
        self.script.twin.as_deref().unwrap_or(self)
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

    /// Logs a key set where nobody will look.
    pub fn push_aside(
        &mut self,
        label: &Label,
        version: Version,
        key_set: Vec<u8>,
    ) -> Result<Opened> {
        let opened = Opened {
            position: self.next(),
            opening: random()?,
            key_set,
        };
        let elsewhere = IndexKey::private(Hash::from_bytes(random()?));
        self.push_at(elsewhere, label, version, opened)
    }

    fn push_opened(&mut self, label: &Label, version: Version, opened: Opened) -> Result<Opened> {
        let index = self.index_of(label, version);
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
        match self.script.next.take() {
            Some((whose, at, next)) if whose == label && at == version => match next {
                Next::Ghost(ghost) => {
                    let elsewhere = IndexKey::private(Hash::from_bytes(random()?));
                    let shown = self.push_at(elsewhere, &label, version, opened)?;
                    self.push_key_set(&label, version, ghost)?;
                    self.script = Script::decoy(label, version, shown.clone());
                    Ok(shown)
                }
                Next::Nothing => {
                    self.push_padding()?;
                    Ok(opened)
                }
            },
            next => {
                self.script.next = next;
                self.push_opened(&label, version, opened)
            }
        }
    }

    /// Logs an entry that stands for nobody, as a real log may.
    pub fn push_padding(&mut self) -> Result<Judged> {
        let entry = KeyEntry {
            index: IndexKey::private(Hash::from_bytes(random()?)),
            commitment: Hash::from_bytes(random()?),
        };
        self.push(entry.to_bytes().to_vec())
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

    /// Logs an epoch that the liar has changed.
    pub fn push_wrong_epoch(&mut self, change: impl FnOnce(&mut Epoch)) -> Result<Judged> {
        let mut epoch = self.replay.next_epoch(clock::now()?.seconds() * 1000);
        change(&mut epoch);
        self.push(epoch.to_bytes().to_vec())
    }

    /// The present tree.
    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.edge.size(),
            root: self.edge.root(),
        }
    }

    /// Signs any head, as its own.
    pub fn sign_head(&self, head: TreeHead) -> Result<SignedCheckpoint> {
        Ok(SignedCheckpoint::sign(&self.origin, head, &self.signer()?)?)
    }

    /// Signs the present tree.
    pub fn sign(&self) -> Result<SignedCheckpoint> {
        Ok(SignedCheckpoint::sign(
            &self.origin,
            self.head(),
            &self.signer()?,
        )?)
    }

    /// The inclusion of an entry in the present tree.
    pub fn inclusion(&self, position: LeafIndex) -> Result<Vec<Hash>> {
        Ok(inclusion_proof(position, self.edge.size(), &self.tile_set)?)
    }

    /// From an older size to the present tree.
    pub fn consistency(&self, old: TreeSize) -> Result<Vec<Hash>> {
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

    /// The bytes of an entry.
    pub fn entry(&self, position: LeafIndex) -> Result<Vec<u8>> {
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
        let mut twin = self.with_entries(self.entries.iter().take(size).cloned())?;
        twin.keys
            .retain(|_, opened| opened.position.get() < size as u64);
        Ok(twin)
    }

    /// The log with another padding entry in place of this one, all else as it is: a history that was
    /// rewritten, by the same keys.
    pub fn rewritten(&self, position: LeafIndex) -> Result<Self> {
        let place = usize::try_from(position.get())?;
        let mut twin = self.with_entries(self.entries.iter().take(place).cloned())?;
        twin.push_padding()?;
        for entry in self.entries.iter().skip(place + 1) {
            // The index is another one, and so is what the epochs state; the rest stays.
            if let Ok(Entry::Epoch(epoch)) = Entry::parse(entry) {
                let epoch = twin.replay.next_epoch(epoch.time_ms);
                twin.push(epoch.to_bytes().to_vec())?;
            } else {
                twin.push(entry.clone())?;
            }
        }
        Ok(twin)
    }

    fn with_entries(&self, entries: impl Iterator<Item = Vec<u8>>) -> Result<Self> {
        let mut twin = Self {
            entries: Vec::new(),
            replay: Replay::new(self.origin.clone()),
            broken: Vec::new(),
            edge: Edge::new(),
            tiles: BTreeMap::new(),
            tile_set: TileSet::new(),
            statements: BTreeMap::new(),
            epochs: BTreeSet::new(),
            published: None,
            script: Script::default(),
            ..self.clone()
        };
        for entry in entries {
            twin.push(entry)?;
        }
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
