#![doc = include_str!("../../merkle.md")]

pub mod build;
pub mod verify;

mod frontier;
mod subtree;

use crate::codec::MAX_NUMBER;
use crate::hash::Hash;

pub use frontier::Frontier;
pub(crate) use subtree::subtree_root;

/// How many leaves a tree has; at most 2^63 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TreeSize(u64);

/// The position of a leaf, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LeafIndex(u64);

impl TreeSize {
    /// The empty tree.
    pub const ZERO: Self = Self(0);

    /// `None` above 2^63 - 1.
    // SPEC(MERKLE-1)
    pub fn new(leaves: u64) -> Option<Self> {
        (leaves <= MAX_NUMBER).then_some(Self(leaves))
    }

    /// The number of leaves.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The position of the last leaf, if there is one.
    pub fn last(self) -> Option<LeafIndex> {
        self.0.checked_sub(1).map(LeafIndex)
    }
}

impl LeafIndex {
    /// `None` for a position that no tree of at most 2^63 - 1 leaves has.
    pub fn new(position: u64) -> Option<Self> {
        (position < MAX_NUMBER).then_some(Self(position))
    }

    /// The position.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The size of the tree in which this leaf is the last.
    pub fn size_with(self) -> TreeSize {
        TreeSize(self.0 + 1)
    }
}

impl std::fmt::Display for TreeSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A size and the root of the tree of that size. Says nothing about who claims it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHead {
    /// Number of leaves.
    pub size: TreeSize,
    /// RFC 6962 root hash.
    pub root: Hash,
}
