//! Where answers and proofs take their parts from, without knowing of SQL or folders.

use std::future::Future;

use plainsight_specs::commitment::Opening;
use plainsight_specs::hash::Hash;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::build::{self, BuildError};
use plainsight_specs::merkle::{LeafIndex, TreeSize};
use plainsight_specs::tile::{TileError, TilePath, TileSet, parse_bundle};

use crate::objects::{ObjectError, Objects};
use crate::store::{Store, StoreError};

/// Why a part could not be had. Never the asker's fault.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The private state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The public objects.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// An object that the head implies is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// An object is not what its name says.
    #[error("{path}: {source}")]
    Tile {
        /// The object.
        path: TilePath,
        /// What is wrong with it.
        source: TileError,
    },
    /// A proof cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Tiles and entry bundles of a log.
pub trait Tiles: Sync {
    /// The bytes of a tile or bundle; `None` if it is not there.
    fn tile(
        &self,
        path: &TilePath,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, SourceError>> + Send;
}

/// The private rows that answers open entries with.
pub trait Rows: Tiles {
    /// What opens the key entry of this label and version.
    fn key(
        &self,
        label: &Label,
        version: Version,
    ) -> impl Future<Output = Result<Option<OpenKey>, SourceError>> + Send;

    /// Where the statement entry with this leaf hash is.
    fn statement(
        &self,
        leaf: &Hash,
    ) -> impl Future<Output = Result<Option<LeafIndex>, SourceError>> + Send;

    /// The position of an epoch after `position`, if one is known.
    fn epoch_after(
        &self,
        position: LeafIndex,
    ) -> impl Future<Output = Result<Option<LeafIndex>, SourceError>> + Send;
}

/// What opens a key entry; the parts that were erased are absent.
pub struct OpenKey {
    /// Where the entry is.
    pub position: LeafIndex,
    /// The opening of its commitment.
    pub opening: Option<Opening>,
    /// The key set that it commits to.
    pub key_set: Option<Vec<u8>>,
}

impl Tiles for Objects {
    async fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.get(path).await?.map(|bytes| bytes.to_vec()))
    }
}

/// The database and the folder of one log.
#[derive(Debug, Clone)]
pub struct LogSource {
    /// Private state.
    pub store: Store,
    /// Public objects.
    pub objects: Objects,
}

impl LogSource {
    /// The entries from `from` to before `to`.
    pub(crate) async fn entries(&self, from: u64, to: u64) -> Result<Vec<Vec<u8>>, SourceError> {
        let mut found = Vec::new();
        let mut next = from;
        while next < to {
            let more = self.entries_from(next, to).await?;
            next += more.len() as u64;
            found.extend(more);
        }
        Ok(found)
    }

    /// At least one entry from `from` on, and none from `to` on: what one segment holds, or one
    /// bundle where the segment was deleted for it.
    pub(crate) async fn entries_from(
        &self,
        from: u64,
        to: u64,
    ) -> Result<Vec<Vec<u8>>, SourceError> {
        let wanted = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        let rest = |start: u64, entries: Vec<&[u8]>| -> Vec<Vec<u8>> {
            let skip = usize::try_from(from - start).unwrap_or(usize::MAX);
            let rest = entries.into_iter().skip(skip).take(wanted);
            rest.map(<[u8]>::to_vec).collect()
        };
        if let Some(segment) = self.store.segment_at(from).await? {
            return Ok(rest(segment.start, segment.entries()?));
        }
        let missing = || SourceError::Missing(format!("entry {from}"));
        let path = TilePath::entries(from / 256, 256).ok_or_else(missing)?;
        let bytes = self.tile(&path).await?.ok_or_else(missing)?;
        let entries = parse_bundle(&bytes, path.width())
            .map_err(|source| SourceError::Tile { path, source })?;
        Ok(rest(from - from % 256, entries))
    }
}

impl Tiles for LogSource {
    async fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, SourceError> {
        self.objects.tile(path).await
    }
}

impl Rows for LogSource {
    async fn key(&self, label: &Label, version: Version) -> Result<Option<OpenKey>, SourceError> {
        let row = self
            .store
            .key_version(&label_hash(label), version.get())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let opening = row
            .opening
            .map(<[u8; 16]>::try_from)
            .transpose()
            .map_err(|_| StoreError::Corrupt("an opening is not 16 bytes".into()))?;
        Ok(Some(OpenKey {
            position: row.position,
            opening: opening.map(Opening::from_bytes),
            key_set: row.key_set,
        }))
    }

    async fn statement(&self, leaf: &Hash) -> Result<Option<LeafIndex>, SourceError> {
        let row = self.store.statement_with_leaf(leaf).await?;
        Ok(row.map(|row| row.position))
    }

    async fn epoch_after(&self, position: LeafIndex) -> Result<Option<LeafIndex>, SourceError> {
        // Every signed size ends at an epoch.
        let rows = self
            .store
            .checkpoints_above(position.size_with(), 1)
            .await?;
        Ok(rows.first().and_then(|row| row.tree.size.last()))
    }
}

/// How the private rows name a label.
pub(crate) fn label_hash(label: &Label) -> Hash {
    plainsight_specs::hash::sha256(label.as_bytes())
}

/// The entry at `position` of the tree of `size` leaves.
pub async fn entry<T: Tiles>(
    tiles: &T,
    position: LeafIndex,
    size: TreeSize,
) -> Result<Vec<u8>, SourceError> {
    let index = position.get() / 256;
    let path = TilePath::entries_at(index, size)
        .ok_or_else(|| SourceError::Missing(format!("entry {position}")))?;
    let (path, bytes) = widest(tiles, path).await?;
    let entries =
        parse_bundle(&bytes, path.width()).map_err(|source| SourceError::Tile { path, source })?;
    usize::try_from(position.get() % 256)
        .ok()
        .and_then(|place| entries.get(place).copied())
        .map(<[u8]>::to_vec)
        .ok_or_else(|| SourceError::Missing(format!("entry {position}")))
}

/// The inclusion proof of `position` in the tree of `size` leaves.
pub async fn inclusion<T: Tiles>(
    tiles: &T,
    position: LeafIndex,
    size: TreeSize,
) -> Result<Vec<Hash>, SourceError> {
    let set = gather(tiles, build::tiles_for_inclusion(position, size)).await?;
    Ok(build::inclusion_proof(position, size, &set)?)
}

/// The consistency proof between two sizes.
pub async fn consistency<T: Tiles>(
    tiles: &T,
    older: TreeSize,
    newer: TreeSize,
) -> Result<Vec<Hash>, SourceError> {
    let set = gather(tiles, build::tiles_for_consistency(older, newer)).await?;
    Ok(build::consistency_proof(older, newer, &set)?)
}

/// The tiles of these paths.
pub async fn gather<T: Tiles>(tiles: &T, paths: Vec<TilePath>) -> Result<TileSet, SourceError> {
    let mut set = TileSet::new();
    for path in paths {
        let (path, bytes) = widest(tiles, path).await?;
        set.insert(path, &bytes)
            .map_err(|source| SourceError::Tile { path, source })?;
    }
    Ok(set)
}

/// A partial tile, or the full one that took its place.
async fn widest<T: Tiles>(tiles: &T, path: TilePath) -> Result<(TilePath, Vec<u8>), SourceError> {
    if let Some(bytes) = tiles.tile(&path).await? {
        return Ok((path, bytes));
    }
    match tiles.tile(&path.full()).await? {
        Some(bytes) => Ok((path.full(), bytes)),
        None => Err(SourceError::Missing(path.to_string())),
    }
}
