//! The right edge of a growing log in tiles: turns new leaf hashes into the files to write.

use super::{LEVELS, TILE_HEIGHT, TILE_WIDTH, TileError, TileKind, TilePath, TileSet};
use crate::hash::{self, Hash};
use crate::merkle::build::BuildError;
use crate::merkle::{TreeSize, subtree_root};

/// The partial tile of each level of a tree, and so all that is needed to extend it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edge {
    size: TreeSize,
    /// For each level the hashes of its partial tile, fewer than 256. The last level is not empty.
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge of the tree of `size` leaves, from the tiles that
    /// [`tiles_for_root`](crate::merkle::build::tiles_for_root) names.
    pub fn from_tiles(size: TreeSize, tiles: &TileSet) -> Result<Self, BuildError> {
        let mut levels = Vec::new();
        for path in TilePath::right_edge(size) {
            let TileKind::Hashes { level } = path.kind() else {
                continue;
            };
            let hashes = tiles.get(&path).ok_or(BuildError::MissingTile(path))?;
            levels.resize(usize::from(level), Vec::new());
            levels.push(hashes.to_vec());
        }
        Ok(Self { size, levels })
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut below = None;
        for level in &self.levels {
            let mut hashes = level.clone();
            // What the levels below hold is the incomplete subtree after the full ones of this
            // level; RFC 6962 splits both alike, since it is not larger than one of them.
            hashes.extend(below);
            below = subtree_root(&hashes);
        }
        below.unwrap_or_else(hash::empty_root)
    }

    /// Appends leaf hashes and gives the hash tiles to write: every tile that became full, and
    /// every partial tile that the new size has and the old size had not. Nothing is appended to
    /// a tree that would have more than 2^63 - 1 leaves.
    pub fn append(&mut self, leaves: &[Hash]) -> Result<Vec<(TilePath, Vec<u8>)>, TileError> {
        let size = u64::try_from(leaves.len())
            .ok()
            .and_then(|more| self.size.get().checked_add(more))
            .and_then(TreeSize::new)
            .ok_or(TileError::Full)?;
        let mut written = Vec::new();
        let mut arrived = leaves.to_vec();
        for level in 0..LEVELS {
            if arrived.is_empty() {
                break;
            }
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::new());
            }
            if let Some(tile) = self.levels.get_mut(place) {
                let full = self
                    .size
                    .get()
                    .checked_shr(TILE_HEIGHT * (u32::from(level) + 1));
                let mut tiles = full.unwrap_or(0)..;
                arrived = extend(tile, &arrived, |hashes| {
                    let path = TilePath::hashes_at(level, tiles.next()?, size)?;
                    written.push((path, to_bytes(hashes)));
                    Some(())
                });
            }
        }
        self.size = size;
        Ok(written)
    }
}

/// Adds `arrived` to a partial tile and hands out each tile that becomes full and the partial one
/// that is left. The roots of the full ones arrive at the level above.
fn extend(
    tile: &mut Vec<Hash>,
    arrived: &[Hash],
    mut write: impl FnMut(&[Hash]) -> Option<()>,
) -> Vec<Hash> {
    let mut roots = Vec::new();
    let mut rest = arrived;
    while !rest.is_empty() {
        let room = usize::from(TILE_WIDTH).saturating_sub(tile.len());
        let (now, later) = rest.split_at(room.min(rest.len()));
        tile.extend_from_slice(now);
        rest = later;
        write(tile);
        if tile.len() == usize::from(TILE_WIDTH) {
            // SPEC(TILE-7)
            roots.extend(subtree_root(tile));
            tile.clear();
        }
    }
    roots
}

fn to_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}
