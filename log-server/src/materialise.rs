//! Writes the tiles and bundles that a size needs: a pure function of what is sequenced.
//!
//! Full ones as they fill up; partial ones only for sizes that are going to be signed, since
//! readers may ask for those of every signed size and of no other.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::merkle::build::tiles_for_root;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::tile::{Edge, TileError, TileKind, TilePath, bundle_to_bytes};

use crate::recovery::{WriteError, refuse};
use crate::source::{self, LogSource, SourceError};
use crate::store::StoreError;

/// Entries read at a time: bounds the memory of a long catch-up.
const CHUNK: u64 = 16_384;
/// Objects written at a time: each waits for the disk.
const WRITES: usize = 8;

/// Writes objects from a size on.
pub(crate) struct Materialiser {
    source: LogSource,
    edge: Edge,
}

impl Materialiser {
    /// Goes on from `size`, whose objects are all there; from nothing if they are not.
    pub(crate) async fn resume(source: LogSource, size: TreeSize) -> Result<Self, WriteError> {
        let edge = match source::gather(&source.objects, tiles_for_root(size)).await {
            Ok(tiles) => Edge::from_tiles(size, &tiles).map_err(SourceError::from)?,
            Err(SourceError::Missing(path)) => {
                tracing::warn!(path, "an object is missing; all are written again");
                Edge::new()
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { source, edge })
    }

    /// Starts from nothing: objects that are there are compared.
    pub(crate) fn from_nothing(source: LogSource) -> Self {
        Self {
            source,
            edge: Edge::new(),
        }
    }

    /// Writes what `head` needs and is not written, durably. After an error the materialiser
    /// must be dropped: its edge may be ahead of the objects.
    pub(crate) async fn up_to(&mut self, head: &TreeHead) -> Result<(), WriteError> {
        let size = head.size;
        while self.edge.size() < size {
            let from = self.edge.size().get();
            let to = size.get().min(from.saturating_add(CHUNK));
            // The bundle that the last size left partial is written again, wider.
            let bundles_from = from - from % 256;
            let entries = self.source.entries(bundles_from, to).await?;
            let new = usize::try_from(from - bundles_from).unwrap_or(usize::MAX);
            let leaves: Vec<Hash> = entries
                .iter()
                .skip(new)
                .map(|entry| leaf_hash(entry))
                .collect();
            let mut objects = self.edge.append(&leaves).map_err(|error| corrupt(&error))?;
            for (index, bundle) in (bundles_from / 256..).zip(entries.chunks(256)) {
                let width = u16::try_from(bundle.len()).unwrap_or(u16::MAX);
                if let Some(path) = TilePath::entries(index, width) {
                    objects.push((
                        path,
                        bundle_to_bytes(bundle).map_err(|error| corrupt(&error))?,
                    ));
                }
            }
            // A chunk's own right edge is no size that is signed.
            objects.retain(|(path, _)| path.is_full() || is_at_edge(path, size));
            self.write(objects).await?;
        }
        if self.edge.root() != head.root {
            return refuse("the tiles do not hash to the root that was sequenced");
        }
        Ok(())
    }

    async fn write(&self, objects: Vec<(TilePath, Vec<u8>)>) -> Result<(), WriteError> {
        stream::iter(objects)
            .map(|(path, bytes)| async move { self.source.objects.put(&path, bytes).await })
            .buffer_unordered(WRITES)
            .try_collect::<()>()
            .await?;
        Ok(())
    }
}

fn is_at_edge(path: &TilePath, size: TreeSize) -> bool {
    let at_edge = match path.kind() {
        TileKind::Hashes { level } => TilePath::hashes_at(level, path.index(), size),
        TileKind::Entries => TilePath::entries_at(path.index(), size),
    };
    at_edge == Some(*path)
}

fn corrupt(error: &TileError) -> WriteError {
    StoreError::Corrupt(error.to_string()).into()
}
