//! Verifies the whole of a log: what `plainsight-log check` runs.
//!
//! From the database alone the log is replayed by the auditors' rules, and everything else is
//! compared with that: every root that was ever signed, every public object, every private row.
//! Nothing is repaired, and nothing is written. A server may run meanwhile; what it commits after
//! the check began is not looked at.

mod objects;
mod report;

pub use report::Report;

use std::collections::BTreeSet;

use plainsight_specs::checkpoint::{Origin, UnverifiedCheckpoint};
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::entry::{Entry, KeyEntry};
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::keyset::KeySet;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;
use plainsight_specs::rules::Replay;
use plainsight_specs::tile::{Edge, TILE_WIDTH};

use crate::config::Config;
use crate::objects::{ObjectError, Objects};
use crate::signer::{KeyError, Keys};
use crate::source::label_hash;
use crate::store::{CheckpointRow, Head, KeyRow, Store, StoreError};

/// Rows read at a time.
const PAGE: u32 = 1_000;

/// Why a log could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Entries that are neither in the database nor among the objects.
    #[error(transparent)]
    Source(#[from] crate::source::SourceError),
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

/// Checks the log of a configuration.
pub async fn check(config: &Config) -> Result<Report, CheckError> {
    let origin = Origin::parse(&config.origin)?;
    let store = Store::open_read_only(&config.database).await?;
    Check {
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
    .await
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
            let key_set = KeySet::parse(row.key_set.as_deref()?).ok()?;
            let opening = Opening::from_bytes(row.opening?.try_into().ok()?);
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
}

fn is_signed(note: &[u8], tree: &TreeHead, vkey: &VerifierKey) -> bool {
    UnverifiedCheckpoint::parse(note)
        .and_then(|note| note.verify_log(std::slice::from_ref(vkey)))
        .is_ok_and(|signed| signed.head() == *tree)
}
