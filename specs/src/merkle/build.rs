//! Builds RFC 6962 roots and proofs from tiles.
//!
//! Each function has a companion that names the tiles it needs, so that a caller plans, fetches
//! and then computes. Out of scope: whether the tiles are the log's, which only a comparison with
//! a signed root shows.

use std::collections::BTreeSet;

use super::subtree::subtree_root;
use super::{LeafIndex, TreeSize};
use crate::Blame;
use crate::hash::{self, Hash};
use crate::tile::{Edge, TILE_HEIGHT, TilePath, TileSet};

pub use super::frontier::Frontier;
pub use super::subtree::Rfc6962;

/// Why a root or a proof was not built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// This tile is not in the set, or is too narrow there.
    #[error("tile {0} is missing")]
    MissingTile(TilePath),
    /// The tree has no leaf at this position.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    IndexOutOfRange {
        /// The position.
        index: LeafIndex,
        /// The tree's size.
        size: TreeSize,
    },
    /// The tree that should be a prefix is the larger one.
    #[error("a tree of {older} leaves is no prefix of one of {newer}")]
    OlderIsLarger {
        /// Size of the tree that should be a prefix.
        older: TreeSize,
        /// Size of the tree that should extend it.
        newer: TreeSize,
    },
}

impl BuildError {
    /// A missing tile is an outage; the rest is the caller's.
    pub fn blame(&self) -> Blame {
        match self {
            Self::MissingTile(_) => Blame::Unavailable,
            Self::IndexOutOfRange { .. } | Self::OlderIsLarger { .. } => Blame::Misuse,
        }
    }
}

/// The leaves from `start` to before `end` that one node of an RFC 6962 tree covers: `start` is a
/// multiple of the smallest power of two that is not below `end - start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    start: u64,
    end: u64,
}

impl Range {
    /// Where RFC 6962 splits the node: at the largest power of two below its length.
    fn split(self) -> (Self, Self) {
        let length = self.end - self.start;
        let middle = self.start + (1 << (length - 1).ilog2());
        let Self { start, end } = self;
        (Self { start, end: middle }, Self { start: middle, end })
    }

    /// The full subtrees that make up the node, the largest and leftmost first.
    fn full_subtrees(self) -> impl Iterator<Item = FullSubtree> {
        let mut start = self.start;
        std::iter::from_fn(move || {
            let height = (self.end - start).checked_ilog2()?;
            let subtree = FullSubtree {
                height,
                index: start >> height,
            };
            start += 1 << height;
            Some(subtree)
        })
    }
}

/// A node over 2^height leaves, the `index`-th of its height.
#[derive(Debug, Clone, Copy)]
struct FullSubtree {
    height: u32,
    index: u64,
}

impl FullSubtree {
    /// The tile that holds the hashes under the node, and which of them.
    fn place(self, size: TreeSize) -> Option<(TilePath, std::ops::Range<usize>)> {
        let level = u8::try_from(self.height / TILE_HEIGHT).ok()?;
        let within = self.height % TILE_HEIGHT;
        let first = self.index << within;
        let path = TilePath::hashes_at(level, first >> TILE_HEIGHT, size)?;
        let offset = usize::try_from(first & 0xff).ok()?;
        Some((path, offset..offset + (1 << within)))
    }

    fn hash(self, size: TreeSize, tiles: &TileSet) -> Result<Option<Hash>, BuildError> {
        let Some((path, places)) = self.place(size) else {
            return Ok(None);
        };
        let hashes = tiles
            .get(&path)
            .and_then(|hashes| hashes.get(places))
            .ok_or(BuildError::MissingTile(path))?;
        Ok(subtree_root(hashes))
    }
}

/// The root of the tree of the first `size` leaves.
pub fn root(size: TreeSize, tiles: &TileSet) -> Result<Hash, BuildError> {
    Ok(Edge::from_tiles(size, tiles)?.root())
}

/// The inclusion proof of RFC 6962 section 2.1.1 for leaf `index` of the tree of `size` leaves.
pub fn inclusion_proof(
    index: LeafIndex,
    size: TreeSize,
    tiles: &TileSet,
) -> Result<Vec<Hash>, BuildError> {
    let nodes = inclusion_nodes(index, size).ok_or(BuildError::IndexOutOfRange { index, size })?;
    hashes(&nodes, size, tiles)
}

/// The consistency proof of RFC 6962 section 2.1.2; empty when the older tree is empty or the
/// whole.
pub fn consistency_proof(
    older: TreeSize,
    newer: TreeSize,
    tiles: &TileSet,
) -> Result<Vec<Hash>, BuildError> {
    let nodes =
        consistency_nodes(older, newer).ok_or(BuildError::OlderIsLarger { older, newer })?;
    hashes(&nodes, newer, tiles)
}

/// The tiles that [`root`] needs: the partial ones at the right edge.
pub fn tiles_for_root(size: TreeSize) -> Vec<TilePath> {
    TilePath::right_edge(size).collect()
}

/// The tiles that [`inclusion_proof`] needs, none for a leaf that is not there.
pub fn tiles_for_inclusion(index: LeafIndex, size: TreeSize) -> Vec<TilePath> {
    paths(&inclusion_nodes(index, size).unwrap_or_default(), size)
}

/// The tiles that [`consistency_proof`] needs, none for sizes in the wrong order.
pub fn tiles_for_consistency(older: TreeSize, newer: TreeSize) -> Vec<TilePath> {
    paths(&consistency_nodes(older, newer).unwrap_or_default(), newer)
}

/// The siblings of the way from the root to the leaf, the lowest first: PATH of RFC 6962.
fn inclusion_nodes(index: LeafIndex, size: TreeSize) -> Option<Vec<Range>> {
    let index = index.get();
    if index >= size.get() {
        return None;
    }
    let mut node = Range {
        start: 0,
        end: size.get(),
    };
    let mut siblings = Vec::new();
    while node.end - node.start > 1 {
        let (left, right) = node.split();
        if index < left.end {
            siblings.push(right);
            node = left;
        } else {
            siblings.push(left);
            node = right;
        }
    }
    siblings.reverse();
    Some(siblings)
}

/// SUBPROOF of RFC 6962, the lowest node first.
fn consistency_nodes(older: TreeSize, newer: TreeSize) -> Option<Vec<Range>> {
    if older > newer {
        return None;
    }
    let older = older.get();
    let mut node = Range {
        start: 0,
        end: newer.get(),
    };
    let mut siblings = Vec::new();
    if older == 0 {
        return Some(siblings);
    }
    while node.end != older {
        let (left, right) = node.split();
        if older <= left.end {
            siblings.push(right);
            node = left;
        } else {
            siblings.push(left);
            node = right;
        }
    }
    // The node that ends the older tree: known to the verifier when it is the whole of it.
    if node.start > 0 {
        siblings.push(node);
    }
    siblings.reverse();
    Some(siblings)
}

fn hashes(nodes: &[Range], size: TreeSize, tiles: &TileSet) -> Result<Vec<Hash>, BuildError> {
    nodes
        .iter()
        .map(|node| node_root(*node, size, tiles))
        .collect()
}

fn node_root(node: Range, size: TreeSize, tiles: &TileSet) -> Result<Hash, BuildError> {
    let mut full = Vec::new();
    for subtree in node.full_subtrees() {
        full.extend(subtree.hash(size, tiles)?);
    }
    let joined = full
        .into_iter()
        .rev()
        .reduce(|right, left| hash::node_hash(&left, &right));
    Ok(joined.unwrap_or_else(hash::empty_root))
}

fn paths(nodes: &[Range], size: TreeSize) -> Vec<TilePath> {
    let mut paths = BTreeSet::new();
    for node in nodes {
        for subtree in node.full_subtrees() {
            paths.extend(subtree.place(size).map(|(path, _)| path));
        }
    }
    paths.into_iter().collect()
}
