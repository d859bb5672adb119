//! Verifies the whole of a log: what `plainsight-log check` runs.
//!
//! From the database alone the log is replayed by the auditors' rules, and everything else is
//! compared with that: every root that was ever signed, every public object, every private row.
//! Nothing is repaired, and nothing is written. A server may run meanwhile; what it commits after
//! the check began is not looked at.

use std::collections::BTreeSet;

use plainsight_specs::checkpoint::{Origin, UnverifiedCheckpoint};
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::entry::{Entry, KeyEntry};
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::keyset::KeySet;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;
use plainsight_specs::rules::Replay;
use plainsight_specs::tile::{Edge, TILE_WIDTH, TileKind, TilePath, bundle_to_bytes};

use crate::config::Config;
use crate::objects::{ObjectError, Objects};
use crate::recovery::entries;
use crate::signer::{KeyError, Keys};
use crate::source::label_hash;
use crate::store::{CheckpointRow, Head, KeyRow, Store, StoreError};

/// Rows read at a time.
const PAGE: u32 = 1_000;
/// Faults listed; more are only counted by their absence from the list.
const MAX_FAULTS: usize = 100;

/// Why a log could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The public objects.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// A key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The configuration's origin is none.
    #[error(transparent)]
    Origin(#[from] plainsight_specs::checkpoint::CheckpointError),
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Entries that are sequenced.
    pub entries: u64,
    /// The size that is published.
    pub published: u64,
    /// Checkpoints that were ever signed.
    pub checkpoints: u64,
    /// Public objects that were compared.
    pub objects: u64,
    /// Private rows that were compared.
    pub rows: u64,
    /// Objects that no signed size needs: a publication that was cut short. Right in themselves.
    pub early: u64,
    /// Files that never got a final name.
    pub leftovers: u64,
    /// What is wrong.
    pub faults: Vec<String>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} entries, {} published", self.entries, self.published)?;
        writeln!(
            f,
            "{} checkpoints, {} objects, {} private rows compared",
            self.checkpoints, self.objects, self.rows
        )?;
        writeln!(
            f,
            "{} early objects, {} leftovers",
            self.early, self.leftovers
        )?;
        for fault in &self.faults {
            writeln!(f, "fault: {fault}")?;
        }
        match self.faults.len() {
            0 => f.write_str("all is well"),
            faults => write!(f, "{faults} faults"),
        }
    }
}

impl Report {
    fn fault(&mut self, text: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(text);
        }
    }
}

/// Checks the log of a configuration.
pub async fn check(config: &Config) -> Result<Report, CheckError> {
    let origin = Origin::parse(&config.origin)?;
    let store = Store::open_read_only(&config.database).await?;
    let checked = Check {
        keys: Keys::load(config, &origin)?,
        origin,
        objects: Objects::open(&config.objects)?,
        // Before the head: what is signed afterwards is not looked at.
        progress: store.progress().await?,
        newest: store.newest_checkpoint().await?,
        head: store.head().await?,
        store,
        report: Report::default(),
        expected: BTreeSet::new(),
    }
    .run()
    .await;
    checked
}

struct Check {
    keys: Keys,
    origin: Origin,
    store: Store,
    objects: Objects,
    progress: crate::store::Progress,
    newest: Option<CheckpointRow>,
    head: Head,
    report: Report,
    /// Names of the objects that signed sizes need.
    expected: BTreeSet<String>,
}

/// The log as it is walked.
struct Walk {
    replay: Replay,
    edge: Edge,
    /// Leaf hashes and entries since the last signed size.
    leaves: Vec<Hash>,
    /// Entries of the bundle that is not full yet.
    bundle: Vec<Vec<u8>>,
    signed: std::vec::IntoIter<CheckpointRow>,
    next: Option<CheckpointRow>,
    keys: std::vec::IntoIter<KeyRow>,
    statements: std::vec::IntoIter<crate::store::StatementRow>,
}

impl Check {
    async fn run(mut self) -> Result<Report, CheckError> {
        let log = self.store.log().await?;
        let vkey = self.keys.signer.verifier_key();
        if log.origin != self.origin.as_str() || log.vkey != vkey.to_string() {
            self.report
                .fault("the keys are of another log than the database".into());
        }
        self.check_order();
        let signed = self.store.checkpoints_above(TreeSize::ZERO, 1).await?;
        let mut walk = Walk {
            replay: Replay::new(self.origin.clone()),
            edge: Edge::new(),
            leaves: Vec::new(),
            bundle: Vec::new(),
            next: None,
            signed: signed.into_iter(),
            keys: Vec::new().into_iter(),
            statements: Vec::new().into_iter(),
        };
        walk.next = walk.signed.next();
        while walk.replay.size() < self.head.tree.size {
            let start = walk.replay.size().get();
            let segment = self.store.segment_at(start).await?;
            let Some(segment) = segment.filter(|segment| segment.start == start) else {
                self.report.fault(format!("no segment begins at {start}"));
                break;
            };
            for entry in segment.entries()? {
                self.step(&mut walk, entry, &vkey).await?;
            }
        }
        if walk.replay.head() != self.head.tree {
            self.report
                .fault("the segments do not hash to the head's root".into());
        }
        if let Some(row) = walk.next {
            let size = row.tree.size;
            self.report
                .fault(format!("size {size} was signed and is not sequenced"));
        }
        self.report.entries = walk.replay.size().get();
        self.report.published = self.progress.published.get();
        self.check_surplus_rows().await?;
        self.check_public().await?;
        self.check_others().await?;
        self.store.close().await;
        Ok(self.report)
    }

    /// I4: published <= signed <= materialised <= sequenced.
    fn check_order(&mut self) {
        let signed = self
            .newest
            .as_ref()
            .map_or(TreeSize::ZERO, |row| row.tree.size);
        let sizes = [
            self.progress.published,
            signed,
            self.progress.materialised,
            self.head.tree.size,
        ];
        if !sizes.is_sorted() {
            self.report.fault(format!(
                "published, signed, materialised and sequenced are out of order: {sizes:?}"
            ));
        }
    }

    async fn step(
        &mut self,
        walk: &mut Walk,
        entry: &[u8],
        vkey: &VerifierKey,
    ) -> Result<(), CheckError> {
        let judged = walk.replay.step(entry);
        let at = judged.position;
        if let Some(rule) = judged.verdict() {
            self.report
                .fault(format!("entry {at} breaks the rule {rule}"));
        }
        match &judged.entry {
            Some(Entry::Key(key)) => {
                let row = self.next_key(walk, at.get()).await?;
                self.check_key(at.get(), key, row);
            }
            Some(Entry::Statement(statement)) => {
                let row = self.next_statement(walk, at.get()).await?;
                let statement = statement.statement();
                let is_right = row.is_some_and(|row| {
                    row.position == at
                        && row.leaf == judged.leaf
                        && row.stream == statement.stream().as_bytes()
                        && row.seq == statement.seq().get()
                });
                self.report.rows += 1;
                if !is_right {
                    self.report
                        .fault(format!("the row of statement {at} is missing or wrong"));
                }
            }
            _ => {}
        }
        walk.leaves.push(leaf_hash(entry));
        walk.bundle.push(entry.to_vec());
        if walk.bundle.len() == usize::from(TILE_WIDTH) {
            let bundle = std::mem::take(&mut walk.bundle);
            if at.size_with() <= self.progress.materialised {
                self.check_bundle(at.get() / 256, &bundle).await?;
            }
        }
        let size = at.size_with();
        if walk.next.as_ref().is_some_and(|row| row.tree.size == size) {
            self.check_signed(walk, vkey).await?;
        }
        Ok(())
    }

    /// A size that was signed: root, note, and the objects that it needs.
    async fn check_signed(
        &mut self,
        walk: &mut Walk,
        vkey: &VerifierKey,
    ) -> Result<(), CheckError> {
        let Some(row) = walk.next.take() else {
            return Ok(());
        };
        let size = row.tree.size;
        self.report.checkpoints += 1;
        if row.tree != walk.replay.head() || walk.replay.final_epoch().is_none() {
            self.report.fault(format!(
                "what was signed at size {size} is not what the database holds, or ends at no epoch"
            ));
        }
        for note in [Some(&row.note), row.cosigned.as_ref()]
            .into_iter()
            .flatten()
        {
            if !is_signed(note, &row.tree, vkey) {
                self.report
                    .fault(format!("the note of size {size} is not the log's"));
            }
        }
        let leaves = std::mem::take(&mut walk.leaves);
        match walk.edge.append(&leaves) {
            Ok(tiles) => {
                for (path, bytes) in tiles {
                    self.compare(&path, &bytes).await?;
                }
            }
            Err(error) => self.report.fault(error.to_string()),
        }
        if !walk.bundle.is_empty() {
            let bundle = walk.bundle.clone();
            self.check_bundle(size.get() / 256, &bundle).await?;
        }
        if walk.signed.len() == 0 {
            let more = self.store.checkpoints_above(size, PAGE).await?;
            let newest = self.newest.as_ref().map(|row| row.tree.size);
            let more: Vec<_> = more
                .into_iter()
                .filter(|row| Some(row.tree.size) <= newest)
                .collect();
            walk.signed = more.into_iter();
        }
        walk.next = walk.signed.next();
        Ok(())
    }

    async fn next_key(&self, walk: &mut Walk, at: u64) -> Result<Option<KeyRow>, StoreError> {
        if walk.keys.len() == 0 {
            walk.keys = self.store.keys_from(at, PAGE).await?.into_iter();
        }
        Ok(walk.keys.next())
    }

    async fn next_statement(
        &self,
        walk: &mut Walk,
        at: u64,
    ) -> Result<Option<crate::store::StatementRow>, StoreError> {
        if walk.statements.len() == 0 {
            walk.statements = self.store.statements_from(at, PAGE).await?.into_iter();
        }
        Ok(walk.statements.next())
    }

    /// The row opens the entry: label, version and key set lead to its index and commitment.
    fn check_key(&mut self, at: u64, entry: &KeyEntry, row: Option<KeyRow>) {
        self.report.rows += 1;
        let opened = row.filter(|row| row.position.get() == at).and_then(|row| {
            let key_set = KeySet::parse(&row.key_set).ok()?;
            let opening = Opening::from_bytes(row.opening.try_into().ok()?);
            let (label, version) = (key_set.label(), key_set.version());
            let index = self
                .keys
                .vrf
                .evaluate(&label.vrf_input(version))
                .index_key();
            let commitment = commit(&opening, label, version, key_set.bytes());
            let is_right = label_hash(label) == row.label_hash
                && version.get() == row.version
                && index == entry.index
                && commitment == entry.commitment;
            is_right.then_some(())
        });
        if opened.is_none() {
            self.report.fault(format!(
                "the row of key entry {at} is missing or does not open it"
            ));
        }
    }

    async fn check_bundle(&mut self, index: u64, bundle: &[Vec<u8>]) -> Result<(), CheckError> {
        let path = u16::try_from(bundle.len())
            .ok()
            .and_then(|width| TilePath::entries(index, width));
        if let (Some(path), Ok(bytes)) = (path, bundle_to_bytes(bundle)) {
            self.compare(&path, &bytes).await?;
        }
        Ok(())
    }

    async fn compare(&mut self, path: &TilePath, bytes: &[u8]) -> Result<(), CheckError> {
        self.report.objects += 1;
        self.expected.insert(path.to_string());
        match self.objects.get(path).await {
            Ok(Some(found)) if found == bytes => {}
            Ok(Some(_)) => self
                .report
                .fault(format!("{path} holds other bytes than the log's")),
            Ok(None) => self.report.fault(format!("{path} is missing")),
            Err(ObjectError::TooLong { .. }) => self.report.fault(format!("{path} is too long")),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Rows beyond those that the entries asked for.
    async fn check_surplus_rows(&mut self) -> Result<(), CheckError> {
        let found = self.store.count_rows(self.head.tree.size).await?;
        if found != self.report.rows {
            let asked = self.report.rows;
            self.report
                .fault(format!("{found} private rows for {asked} entries"));
        }
        Ok(())
    }

    /// The public checkpoint is one that was signed, and not behind the progress.
    async fn check_public(&mut self) -> Result<(), CheckError> {
        let public = match self.objects.checkpoint().await {
            Ok(public) => public,
            Err(ObjectError::Checkpoint) => {
                self.report
                    .fault("the published checkpoint does not parse".into());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let size = public
            .as_ref()
            .map_or(TreeSize::ZERO, |note| note.head().size);
        if size < self.progress.published {
            self.report.fault(format!(
                "the public checkpoint is of size {size}, behind what was published"
            ));
        }
        if let Some(public) = public {
            let row = self.store.checkpoint(size).await?;
            if row.is_none_or(|row| row.tree != public.head()) {
                self.report.fault(format!(
                    "the public checkpoint of size {size} was never signed"
                ));
            }
        }
        Ok(())
    }

    /// Objects that no signed size needs, and files that never got a final name.
    async fn check_others(&mut self) -> Result<(), CheckError> {
        for name in self.objects.names().await? {
            if self.expected.contains(&name) || name == "checkpoint" {
                continue;
            }
            let Ok(path) = TilePath::parse(&name) else {
                self.report.fault(format!("{name} is no object of a log"));
                continue;
            };
            let expected = self.recompute(&path).await?;
            self.report.early += 1;
            match expected {
                Some(bytes)
                    if self
                        .objects
                        .get(&path)
                        .await?
                        .is_some_and(|found| found == bytes) => {}
                _ => self
                    .report
                    .fault(format!("{name} is not what the log holds there")),
            }
        }
        self.report.leftovers = self.objects.leftovers().await?.len() as u64;
        Ok(())
    }

    /// The bytes of an object, from the entries alone; `None` beyond what is sequenced.
    async fn recompute(&self, path: &TilePath) -> Result<Option<Vec<u8>>, CheckError> {
        let level = match path.kind() {
            TileKind::Hashes { level } => u32::from(level),
            TileKind::Entries => 0,
        };
        let range = 256u64.checked_pow(level).and_then(|unit| {
            let from = path.index().checked_mul(256)?.checked_mul(unit)?;
            Some(from..from.checked_add(u64::from(path.width()).checked_mul(unit)?)?)
        });
        let Some(range) = range.filter(|range| range.end <= self.store_size()) else {
            return Ok(None);
        };
        let entries = entries(&self.store, range.start, range.end).await?;
        if path.kind() == TileKind::Entries {
            return Ok(bundle_to_bytes(&entries).ok());
        }
        let mut out = Vec::new();
        let unit = entries.len() / usize::from(path.width());
        for part in entries.chunks(unit.max(1)) {
            let mut edge = Edge::new();
            let leaves: Vec<_> = part.iter().map(|entry| leaf_hash(entry)).collect();
            if edge.append(&leaves).is_err() {
                return Ok(None);
            }
            out.extend_from_slice(edge.root().as_bytes());
        }
        Ok(Some(out))
    }

    fn store_size(&self) -> u64 {
        self.head.tree.size.get()
    }
}

fn is_signed(note: &[u8], tree: &TreeHead, vkey: &VerifierKey) -> bool {
    UnverifiedCheckpoint::parse(note)
        .and_then(|note| note.verify_log(std::slice::from_ref(vkey)))
        .is_ok_and(|signed| signed.head() == *tree)
}
