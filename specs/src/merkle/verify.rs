//! Verifies RFC 6962 proofs by the steps of RFC 9162 sections 2.1.3.2 and 2.1.4.2.
//!
//! Out of scope: building proofs, which is [`super::build`]; who vouches for a head, which is
//! [`crate::policy`]. No library verifies here (SPEC(MERKLE-9)): `rs_merkle` accepts forged leaves at duplicate
//! indexes, indexes out of range and hashes after the end, and the tests hold its forgeries
//! against these functions.

use super::{LeafIndex, TreeHead, TreeSize};
use crate::Blame;
use crate::hash::{self, Hash};

/// Why a proof does not hold. A proof that fails is refused and is evidence of nothing, since
/// anyone could have sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
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
    /// The proof has another length than the sizes fix.
    #[error("{got} hashes in a proof of {expected}")]
    Length {
        /// Hashes given.
        got: usize,
        /// Hashes that a proof for these sizes has.
        expected: usize,
    },
    /// The hashes do not lead to the root of the (newer) tree.
    #[error("the proof does not lead to the root of the tree of {size} leaves")]
    Root {
        /// The tree's size.
        size: TreeSize,
    },
    /// The hashes do not lead to the root of the older tree.
    #[error("the proof does not lead to the root of the older tree of {size} leaves")]
    OlderRoot {
        /// The older tree's size.
        size: TreeSize,
    },
}

impl ProofError {
    /// Always [`Blame::Unproven`].
    pub fn blame(&self) -> Blame {
        Blame::Unproven
    }
}

/// How many hashes an inclusion proof has: one for each level below the point where the leaf's
/// path leaves the right edge, and above it one for each full subtree to the left.
pub fn inclusion_length(index: LeafIndex, size: TreeSize) -> Option<usize> {
    let last = size.get().checked_sub(1)?;
    let index = index.get();
    if index > last {
        return None;
    }
    let inner = u64::BITS - (index ^ last).leading_zeros();
    let border = index.checked_shr(inner).unwrap_or(0).count_ones();
    usize::try_from(inner + border).ok()
}

/// How many hashes a consistency proof has; 0 when the older tree is empty or the whole.
pub fn consistency_length(older: TreeSize, newer: TreeSize) -> Option<usize> {
    if older > newer {
        return None;
    }
    let Some(last) = older.last() else {
        return Some(0);
    };
    if older == newer {
        return Some(0);
    }
    // The path of the older tree's last leaf, from the level of the largest full subtree that
    // ends the older tree; that subtree's own hash comes first unless it is the whole older tree.
    let full = older.get().trailing_zeros() as usize;
    let seed = usize::from(!older.get().is_power_of_two());
    Some(inclusion_length(last, newer)? - full + seed)
}

/// Checks that the leaf with hash `leaf` is at `index` of the tree with this head.
pub fn verify_inclusion(
    leaf: &Hash,
    index: LeafIndex,
    head: &TreeHead,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let size = head.size;
    // SPEC(MERKLE-2): step 1.
    let Some(expected) = inclusion_length(index, size) else {
        return Err(ProofError::IndexOutOfRange { index, size });
    };
    // SPEC(MERKLE-3): the length is fixed before anything is hashed.
    check_length(proof, expected)?;
    // SPEC(MERKLE-4)
    let mut path = Path::new(index.get(), size.get() - 1);
    let mut root = *leaf;
    for sibling in proof {
        root = match path.step() {
            Side::Left => hash::node_hash(sibling, &root),
            Side::Right => hash::node_hash(&root, sibling),
        };
    }
    if root != head.root {
        return Err(ProofError::Root { size });
    }
    Ok(())
}

/// Checks that the tree with head `older` is a prefix of the tree with head `newer`.
///
/// The empty tree is a prefix of every tree and proves nothing about it: the proof is empty, and
/// `older.root` is the root of the empty tree.
pub fn verify_consistency(
    older: &TreeHead,
    newer: &TreeHead,
    proof: &[Hash],
) -> Result<(), ProofError> {
    let Some(expected) = consistency_length(older.size, newer.size) else {
        return Err(ProofError::OlderIsLarger {
            older: older.size,
            newer: newer.size,
        });
    };
    check_length(proof, expected)?;
    // SPEC(MERKLE-5)
    if older.size == TreeSize::ZERO && older.root != hash::empty_root() {
        return Err(ProofError::OlderRoot { size: older.size });
    }
    // SPEC(MERKLE-6)
    if older.size == newer.size && older.root != newer.root {
        return Err(ProofError::Root { size: newer.size });
    }
    let Some(last) = older.size.last().filter(|_| older.size < newer.size) else {
        return Ok(());
    };
    // SPEC(MERKLE-7): step 2 puts the older root in front when the older tree is one full subtree.
    let (seed, rest) = match proof.split_first() {
        Some(split) if !older.size.get().is_power_of_two() => (*split.0, split.1),
        _ => (older.root, proof),
    };
    let full = older.size.get().trailing_zeros();
    let mut path = Path::new(last.get() >> full, (newer.size.get() - 1) >> full);
    let (mut older_root, mut newer_root) = (seed, seed);
    for sibling in rest {
        match path.step() {
            Side::Left => {
                older_root = hash::node_hash(sibling, &older_root);
                newer_root = hash::node_hash(sibling, &newer_root);
            }
            Side::Right => newer_root = hash::node_hash(&newer_root, sibling),
        }
    }
    if older_root != older.root {
        return Err(ProofError::OlderRoot { size: older.size });
    }
    if newer_root != newer.root {
        return Err(ProofError::Root { size: newer.size });
    }
    Ok(())
}

fn check_length(proof: &[Hash], expected: usize) -> Result<(), ProofError> {
    if proof.len() == expected {
        return Ok(());
    }
    Err(ProofError::Length {
        got: proof.len(),
        expected,
    })
}

/// On which side of the path the next hash of a proof stands.
enum Side {
    Left,
    Right,
}

/// The way from a node up to the root: `node` and `last` are `fn` and `sn` of RFC 9162, the
/// positions of the path and of the right edge among the nodes of the current level.
struct Path {
    node: u64,
    last: u64,
}

impl Path {
    fn new(node: u64, last: u64) -> Self {
        Self { node, last }
    }

    /// Goes up to the next level at which the path has a sibling. The length of the proof has
    /// been checked, so there is one.
    fn step(&mut self) -> Side {
        let side = if self.node & 1 == 1 || self.node == self.last {
            // A right edge without sibling is its own parent: these levels have no hash.
            let lonely = self.node.trailing_zeros().min(u64::BITS - 1);
            self.node >>= lonely;
            self.last >>= lonely;
            Side::Left
        } else {
            Side::Right
        };
        self.node >>= 1;
        self.last >>= 1;
        side
    }
}
