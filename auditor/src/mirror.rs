//! Proofs about a log from what is held of it.

use plainsight_specs::entry::{Entry, Epoch};
use plainsight_specs::evidence::IncludedEntry;
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::build::{
    BuildError, consistency_proof, inclusion_proof, root, tiles_for_consistency,
    tiles_for_inclusion, tiles_for_root,
};
use plainsight_specs::merkle::{LeafIndex, TreeSize};

use crate::store::{LogId, Store, StoreError};

/// Why a proof cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A tile that should be held is not.
    #[error("the mirror is incomplete: {0}")]
    Build(#[from] BuildError),
    /// An entry that should be held is not.
    #[error("the mirror is incomplete: entry {0} is missing")]
    Entry(LeafIndex),
}

/// What is held of one log.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// The database.
    pub store: Store,
    /// Which log.
    pub log: LogId,
}

impl Mirror {
    /// The root of the first `size` entries.
    pub async fn root(&self, size: TreeSize) -> Result<Hash, MirrorError> {
        let tiles = self.store.tiles(self.log, &tiles_for_root(size)).await?;
        Ok(root(size, &tiles)?)
    }

    /// From one size to another.
    pub async fn consistency(
        &self,
        older: TreeSize,
        newer: TreeSize,
    ) -> Result<Vec<Hash>, MirrorError> {
        let paths = tiles_for_consistency(older, newer);
        let tiles = self.store.tiles(self.log, &paths).await?;
        Ok(consistency_proof(older, newer, &tiles)?)
    }

    /// The entry at `position`.
    pub async fn entry(&self, position: LeafIndex) -> Result<Vec<u8>, MirrorError> {
        let place = position.get();
        let found = self.store.entries(self.log, place..place + 1).await?;
        found.into_iter().next().ok_or(MirrorError::Entry(position))
    }

    /// The entry at `position` with its inclusion in the tree of `size`.
    pub async fn included(
        &self,
        position: LeafIndex,
        size: TreeSize,
    ) -> Result<IncludedEntry, MirrorError> {
        let paths = tiles_for_inclusion(position, size);
        let tiles = self.store.tiles(self.log, &paths).await?;
        Ok(IncludedEntry {
            entry: self.entry(position).await?,
            inclusion: inclusion_proof(position, size, &tiles)?,
        })
    }

    /// The epoch that ends the tree of `size`, if its last entry is one that is not void.
    pub async fn final_epoch(&self, size: TreeSize) -> Result<Option<Epoch>, MirrorError> {
        let Some(position) = size.last() else {
            return Ok(None);
        };
        let Ok(Entry::Epoch(epoch)) = Entry::parse(&self.entry(position).await?) else {
            return Ok(None);
        };
        let void = self.store.is_void(self.log, position.get()).await?;
        Ok((!void).then_some(epoch))
    }
}
