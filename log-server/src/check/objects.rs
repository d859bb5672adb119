//! The public objects against the database.

use plainsight_specs::hash::leaf_hash;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::tile::{Edge, TileKind, TilePath, bundle_to_bytes};

use super::{Check, CheckError};
use crate::objects::ObjectError;
use crate::source::LogSource;

impl Check {
    pub(super) async fn check_bundle(
        &mut self,
        index: u64,
        bundle: &[Vec<u8>],
    ) -> Result<(), CheckError> {
        let path = u16::try_from(bundle.len())
            .ok()
            .and_then(|width| TilePath::entries(index, width));
        if let (Some(path), Ok(bytes)) = (path, bundle_to_bytes(bundle)) {
            self.compare(&path, &bytes).await?;
        }
        Ok(())
    }

    pub(super) async fn compare(
        &mut self,
        path: &TilePath,
        bytes: &[u8],
    ) -> Result<(), CheckError> {
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

    /// The public checkpoint is one that was signed, and not behind the progress.
    pub(super) async fn check_public(&mut self) -> Result<(), CheckError> {
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
    pub(super) async fn check_others(&mut self) -> Result<(), CheckError> {
        let names = self.objects.names().await?;
        // A server may have gone on meanwhile: objects are only ever written of what is committed.
        let sequenced = self.store.head().await?.tree.size;
        for name in names {
            if self.expected.contains(&name) || name == "checkpoint" {
                continue;
            }
            let Ok(path) = TilePath::parse(&name) else {
                self.report.fault(format!("{name} is no object of a log"));
                continue;
            };
            let expected = self.recompute(&path, sequenced).await?;
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
    async fn recompute(
        &self,
        path: &TilePath,
        sequenced: TreeSize,
    ) -> Result<Option<Vec<u8>>, CheckError> {
        let level = match path.kind() {
            TileKind::Hashes { level } => u32::from(level),
            TileKind::Entries => 0,
        };
        let range = 256u64.checked_pow(level).and_then(|unit| {
            let from = path.index().checked_mul(256)?.checked_mul(unit)?;
            Some(from..from.checked_add(u64::from(path.width()).checked_mul(unit)?)?)
        });
        let Some(range) = range.filter(|range| range.end <= sequenced.get()) else {
            return Ok(None);
        };
        let source = LogSource {
            store: self.store.clone(),
            objects: self.objects.clone(),
        };
        let entries = source.entries(range.start, range.end).await?;
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
}
