//! The one pass over the entries.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::note::VerifierKey;
use plainsight_specs::rules::Replay;
use plainsight_specs::tile::{Edge, TilePath};

use super::chunk::{self, Place};
use super::notes::Signed;
use super::partials::Partials;
use super::rows::Rows;
use super::{CheckError, Missing, Progress, Report};
use crate::objects::{ObjectError, Objects, end};
use crate::signer::Keys;
use crate::store::{Head, Store};

/// Chunks of entries read ahead.
const AHEAD: usize = 2;
/// Objects compared at a time: each waits for the store.
const COMPARED: usize = 16;

/// A check, as far as it is.
pub(super) struct Walk {
    pub(super) store: Store,
    pub(super) objects: Objects,
    pub(super) vkey: VerifierKey,
    pub(super) progress: crate::store::Progress,
    pub(super) head: Head,
    pub(super) report: Report,
    pub(super) partials: Partials,
    /// Objects up to this size must be there.
    needed: u128,
    missing: Missing,
    pub(super) signed: Signed,
    rows: Rows,
    replay: Replay,
    edge: Edge,
    /// Whether every root so far was the one that was signed.
    is_proven: bool,
}

impl Walk {
    pub(super) async fn begin(
        origin: Origin,
        keys: Arc<Keys>,
        store: Store,
        objects: Objects,
        missing: Missing,
    ) -> Result<Self, CheckError> {
        // Before the head: what is signed afterwards is not looked at.
        let progress = store.progress().await?;
        let newest = store.newest_checkpoint().await?;
        let head = store.head().await?;
        let log = store.log().await?;
        objects.raise_published(progress.published);
        let vkey = keys.signer.verifier_key();
        let mut report = Report::default();
        if log.origin != origin.as_str() || log.vkey != vkey.to_string() {
            report.fault("the keys are of another log than the database".into());
        }
        let signed = newest.map_or(TreeSize::ZERO, |row| row.tree.size);
        // I4: published <= signed <= materialised <= sequenced.
        let sizes = [
            progress.published,
            signed,
            progress.materialised,
            head.tree.size,
        ];
        if !sizes.is_sorted() {
            report.fault(format!(
                "published, signed, materialised and sequenced are out of order: {sizes:?}"
            ));
        }
        Ok(Self {
            signed: Signed::new(signed),
            rows: Rows::new(keys),
            replay: Replay::new(origin),
            edge: Edge::new(),
            partials: Partials::new(progress.materialised),
            needed: u128::from(progress.materialised.get()),
            is_proven: true,
            store,
            objects,
            vkey,
            progress,
            head,
            report,
            missing,
        })
    }

    pub(super) async fn run(mut self, told: Option<&Progress>) -> Result<Report, CheckError> {
        let size = self.head.tree.size.get();
        self.want_partials().await?;
        self.walk(size, told).await?;
        if self.replay.head() != self.head.tree || self.edge.root() != self.head.tree.root {
            self.is_proven = false;
            self.report
                .fault("the entries do not hash to the head's root".into());
        }
        if let Some(size) = self.signed.next_size(&self.store).await? {
            self.is_proven = false;
            self.report
                .fault(format!("size {size} was signed and is not sequenced"));
        }
        self.rows
            .surplus(&self.store, size, &mut self.report)
            .await?;
        self.report.entries = self.replay.size().get();
        self.report.published = self.progress.published.get();
        self.report.is_proven = self.is_proven;
        self.check_partials().await?;
        self.check_public().await?;
        self.check_list().await?;
        Ok(self.report)
    }

    async fn walk(&mut self, size: u64, told: Option<&Progress>) -> Result<(), CheckError> {
        let unit = chunk::BUNDLES * 256;
        let (store, objects) = (self.store.clone(), self.objects.clone());
        // Tasks of their own: a future that is put off here would keep the connection that the
        // rows wait for.
        let read = |number| {
            let from = number * unit;
            let (store, objects) = (store.clone(), objects.clone());
            let read =
                async move { chunk::read(&store, &objects, from, size.min(from + unit)).await };
            tokio::spawn(read)
        };
        let mut chunks = stream::iter(0..size.div_ceil(unit))
            .map(read)
            .buffered(AHEAD);
        while let Some(read) = chunks.next().await {
            let places = read.map_err(|_| CheckError::Cancelled)??;
            for place in places {
                if !self.place(place).await? {
                    return Ok(());
                }
            }
            self.rows.flush(&mut self.report).await?;
            if let Some(told) = told {
                told(self.replay.size().get(), size);
            }
        }
        Ok(())
    }

    /// One bundle's place; whether there is a way on.
    async fn place(&mut self, place: Place) -> Result<bool, CheckError> {
        let path = place.path;
        let is_needed = path.is_full() && end(&path) <= self.needed;
        let found = match place.entries(is_needed) {
            Ok(Some(found)) => found,
            Ok(None) => {
                self.report.fault(format!(
                    "neither the database nor the bundle holds the entries of {path}"
                ));
                return Ok(false);
            }
            Err(fault) => {
                self.report.fault(fault);
                return Ok(false);
            }
        };
        if path.is_full() {
            self.report.objects += 1;
        }
        if let Some(fault) = found.fault {
            self.report.fault(fault);
        }
        if let Some(bundle) = found.missing {
            self.missing(path, bundle).await?;
        }
        let mut leaves = Vec::with_capacity(found.entries.len());
        for entry in &found.entries {
            leaves.push(self.step(entry).await?);
        }
        if found.is_pruned {
            self.report.pruned += leaves.len() as u64;
        }
        self.partials.bundle(path, &found.entries);
        match self.edge.append(&leaves) {
            Ok(tiles) => self.tiles(tiles).await?,
            Err(error) => self.report.fault(error.to_string()),
        }
        Ok(true)
    }

    async fn step(&mut self, entry: &[u8]) -> Result<Hash, CheckError> {
        self.report.entry_bytes += entry.len() as u64;
        let judged = self.replay.step(entry);
        let at = judged.position;
        if let Some(rule) = judged.verdict() {
            self.report
                .fault(format!("entry {at} breaks the rule {rule}"));
        }
        self.rows
            .entry(&self.store, &judged, &mut self.report)
            .await?;
        let size = at.size_with();
        if let Some(row) = self.signed.at(&self.store, size).await? {
            self.report.checkpoints += 1;
            if row.tree != self.replay.head() || self.replay.final_epoch().is_none() {
                self.is_proven = false;
                self.report.fault(format!(
                    "what was signed at size {size} is not what the entries hash to, \
                     or ends at no epoch"
                ));
            }
            self.check_notes(&row);
            self.partials.signed(size);
        }
        Ok(judged.leaf)
    }

    /// Tiles that became full are compared; partial ones later, if anything asks for them.
    async fn tiles(&mut self, tiles: Vec<(TilePath, Vec<u8>)>) -> Result<(), CheckError> {
        let mut full = Vec::new();
        for (path, bytes) in tiles {
            let bytes = Bytes::from(bytes);
            self.partials.tile(path, &bytes);
            if path.is_full() {
                full.push((path, bytes));
            }
        }
        let objects = &self.objects;
        let compared: Vec<_> = stream::iter(full)
            .map(|(path, bytes)| async move {
                let found = objects.get(&path).await;
                (path, bytes, found)
            })
            .buffer_unordered(COMPARED)
            .collect()
            .await;
        for (path, bytes, found) in compared {
            self.compare(path, bytes, found).await?;
        }
        Ok(())
    }

    /// An object with what it should be. It may be missing if nobody was told of it yet.
    pub(super) async fn compare(
        &mut self,
        path: TilePath,
        bytes: Bytes,
        found: Result<Option<Bytes>, ObjectError>,
    ) -> Result<(), CheckError> {
        self.report.objects += 1;
        match found {
            Ok(Some(found)) if found == bytes => {}
            Ok(Some(_)) => self
                .report
                .fault(format!("{path} holds other bytes than the log's")),
            Ok(None) if end(&path) <= self.needed => self.missing(path, bytes).await?,
            Ok(None) => {}
            Err(ObjectError::TooLong { .. }) => self.report.fault(format!("{path} is too long")),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn missing(&mut self, path: TilePath, bytes: Bytes) -> Result<(), CheckError> {
        match self.missing {
            Missing::Report => {
                self.report.missing += 1;
                self.report.fault(format!("{path} is missing"));
            }
            Missing::Write => {
                self.objects.put(vec![(path, bytes)]).await?;
                self.report.rewritten += 1;
            }
        }
        Ok(())
    }
}
