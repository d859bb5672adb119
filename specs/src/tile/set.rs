//! Hash tiles by place, as fetched or stored; nothing here says that they are the log's.

use std::collections::BTreeMap;

use super::{TileError, TileKind, TilePath};
use crate::hash::Hash;

/// Hash tiles, one for each place, the widest that was given.
#[derive(Debug, Clone, Default)]
pub struct TileSet {
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl TileSet {
    /// Without tiles.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the tile of this path. Of two tiles at one place the wider stays; both must begin
    /// with the same hashes.
    pub fn insert(&mut self, path: TilePath, bytes: &[u8]) -> Result<(), TileError> {
        let TileKind::Hashes { level } = path.kind() else {
            return Err(TileError::NotHashes);
        };
        // SPEC(TILE-4)
        let expected = usize::from(path.width()) * Hash::LEN;
        let (hashes, rest) = bytes.as_chunks::<32>();
        if bytes.len() != expected || !rest.is_empty() {
            let got = bytes.len();
            return Err(TileError::Length { got, expected });
        }
        let hashes: Vec<Hash> = hashes.iter().copied().map(Hash::from_bytes).collect();
        let held = self.tiles.entry((level, path.index())).or_default();
        if held.iter().zip(&hashes).any(|(one, other)| one != other) {
            return Err(TileError::Contradiction);
        }
        if hashes.len() > held.len() {
            *held = hashes;
        }
        Ok(())
    }

    /// The hashes of this tile, exactly as many as its path says; `None` if no tile as wide is
    /// there.
    pub fn get(&self, path: &TilePath) -> Option<&[Hash]> {
        let TileKind::Hashes { level } = path.kind() else {
            return None;
        };
        let hashes = self.tiles.get(&(level, path.index()))?;
        hashes.get(..usize::from(path.width()))
    }
}
