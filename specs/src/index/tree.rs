//! The tree in memory: an arena of leaves and of the nodes at which two leaves part.
//!
//! Inner nodes with one child are not stored, since a log may choose indexes that share long
//! prefixes: whatever the indexes are, n of them cost n leaves (64 bytes) and n - 1 forks (73
//! bytes). A fork keeps the hashes of its two children as its own hash needs them, so that an
//! insertion reads one fork for each level and hashes each touched node once.

use super::{IndexKey, node};
use crate::hash::Hash;

/// A node that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Leaf(u32),
    Fork(u32),
}

/// A [`Node`] in four bytes: the top bit marks a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link(u32);

impl Link {
    const LEAF: u32 = 1 << 31;

    pub(super) fn leaf(id: u32) -> Self {
        Self(id | Self::LEAF)
    }

    pub(super) fn fork(id: u32) -> Self {
        Self(id)
    }

    pub(super) fn node(self) -> Node {
        match self.0 & Self::LEAF {
            0 => Node::Fork(self.0),
            _ => Node::Leaf(self.0 & !Self::LEAF),
        }
    }
}

/// The index of a log: every index that its entries inserted, with its value.
///
/// Nothing is removed or changed. Out of scope: which entries insert what, which is
/// `rules`; keeping it on disk, which the caller does by its pairs.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    pub(super) root: Option<Link>,
    pub(super) root_hash: Hash,
    /// In the order of arrival.
    pub(super) leaves: Vec<(IndexKey, Hash)>,
    /// The length of `leaves`; the next leaf's id.
    pub(super) count: u32,
    // Fork `i` was made by the arrival of leaf `i + 1`, so that leaf lies under it for ever and
    // tells its prefix. The parts of a fork are apart, since a look-up reads no hashes.
    pub(super) children: Vec<[Link; 2]>,
    pub(super) depths: Vec<u8>,
    pub(super) hashes: Vec<[Hash; 2]>,
}

impl Tree {
    /// The most indexes that four-byte links can tell apart.
    const MAX_LEN: u32 = Link::LEAF;

    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many indexes there are.
    pub fn len(&self) -> u64 {
        u64::from(self.count)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The root hash; [`Hash::ZERO`] for the empty tree.
    pub fn root(&self) -> Hash {
        self.root_hash
    }

    /// The value at an index, if it is there.
    pub fn value(&self, index: &IndexKey) -> Option<Hash> {
        let mut link = self.root?;
        loop {
            match link.node() {
                Node::Fork(id) => {
                    let side = usize::from(index.bit(self.depth(id)));
                    link = self.children[id as usize][side];
                }
                Node::Leaf(id) => {
                    let (found, value) = &self.leaves[id as usize];
                    return (found == index).then_some(*value);
                }
            }
        }
    }

    /// Every index with its value, in ascending order.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            tree: self,
            ahead: self.root.into_iter().collect(),
        }
    }

    /// How many more indexes fit.
    pub(super) fn room(&self) -> usize {
        (Self::MAX_LEN - self.count) as usize
    }

    /// The depth at which the leaves under a fork part.
    pub(super) fn depth(&self, fork: u32) -> usize {
        usize::from(self.depths[fork as usize])
    }

    /// An index that lies under the node.
    pub(super) fn below(&self, node: Node) -> &IndexKey {
        let leaf = match node {
            Node::Leaf(id) => id,
            Node::Fork(id) => id + 1,
        };
        &self.leaves[leaf as usize].0
    }

    /// The hash of a fork's node at depth `top`, above the fork or at it.
    pub(super) fn fork_hash(&self, fork: u32, top: usize) -> Hash {
        let [left, right] = &self.hashes[fork as usize];
        let hash = node::parent(left, right);
        node::lift(hash, self.below(Node::Fork(fork)), self.depth(fork), top)
    }
}

impl<'a> IntoIterator for &'a Tree {
    type Item = (&'a IndexKey, &'a Hash);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Iterates over a [`Tree`] in ascending order of indexes.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    tree: &'a Tree,
    /// The nodes still to visit, the next one last.
    ahead: Vec<Link>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a IndexKey, &'a Hash);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.ahead.pop()?.node() {
                Node::Leaf(id) => {
                    let (index, value) = &self.tree.leaves[id as usize];
                    return Some((index, value));
                }
                Node::Fork(id) => {
                    let [left, right] = self.tree.children[id as usize];
                    self.ahead.extend([right, left]);
                }
            }
        }
    }
}
