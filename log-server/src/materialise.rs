//! Writes the tiles and bundles that a size needs: a pure function of what is sequenced.
//!
//! Full ones as they fill up; partial ones only for sizes that are going to be signed, since
//! readers may ask for those of every signed size and of no other.

use bytes::Bytes;
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::merkle::build::tiles_for_root;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::tile::{Edge, TileError, TileKind, TilePath, bundle_to_bytes};

use crate::recovery::{WriteError, refuse};
use crate::source::{self, LogSource, SourceError};
use crate::store::StoreError;

/// Entries read and written at a time: bounds the memory of a long catch-up.
const CHUNK: u64 = 4_096;

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
        let published = source.store.progress().await?.published;
        source.objects.raise_published(published);
        Ok(Self { source, edge })
    }

    /// Starts from nothing, where `published` was public once: objects that are there are
    /// compared.
    pub(crate) fn from_nothing(source: LogSource, published: TreeSize) -> Self {
        source.objects.raise_published(published);
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
            // Before any of it gets a final name.
            if to == size.get() && self.edge.root() != head.root {
                return refuse("the entries do not hash to the root that was sequenced");
            }
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
            let objects = objects
                .into_iter()
                .map(|(path, bytes)| (path, Bytes::from(bytes)));
            self.source.objects.put(objects.collect()).await?;
        }
        if self.edge.root() != head.root {
            return refuse("the tiles do not hash to the root that was sequenced");
        }
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
