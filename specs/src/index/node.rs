//! The hashes of the tree's nodes.

use super::IndexKey;
use crate::hash::{self, Hash, Padded};

const LEAF: u8 = 0x02;
const PARENT: u8 = 0x03;

/// `H(02 || index || value)`.
// SPEC(INDEX-2)
pub fn leaf(index: &IndexKey, value: &Hash) -> Hash {
    hash::prefixed_pair(LEAF, index.as_bytes(), value.as_bytes())
}

/// `H(03 || left || right)`; an empty child is [`Hash::ZERO`].
// SPEC(INDEX-3)
pub fn parent(left: &Hash, right: &Hash) -> Hash {
    hash::prefixed_pair(PARENT, left.as_bytes(), right.as_bytes())
}

/// What [`leaf`] hashes.
pub(super) fn leaf_message(index: &IndexKey, value: &Hash) -> Padded {
    Padded::pair(LEAF, index.as_bytes(), value.as_bytes())
}

/// What [`parent`] hashes.
pub(super) fn parent_message(left: &Hash, right: &Hash) -> Padded {
    Padded::pair(PARENT, left.as_bytes(), right.as_bytes())
}

/// The hash at `top` of the inner node whose hash at `bottom` is `hash`, when the nodes between
/// have no other child. `below` is any index under the node.
pub(super) fn lift(hash: Hash, below: &IndexKey, bottom: usize, top: usize) -> Hash {
    (top..bottom).rev().fold(hash, |child, depth| {
        if below.bit(depth) {
            parent(&Hash::ZERO, &child)
        } else {
            parent(&child, &Hash::ZERO)
        }
    })
}

/// The hash at `depth` of the smallest tree that holds exactly `leaves`, which are in order and
/// share their first `depth` bits.
// SPEC(INDEX-4)
pub(super) fn minimal(leaves: &[(IndexKey, Hash)], depth: usize) -> Hash {
    match leaves {
        [] => Hash::ZERO,
        [(index, value)] => leaf(index, value),
        [(first, _), .., (last, _)] => {
            let fork = first.shared_bits(last);
            let (left, right) =
                leaves.split_at(leaves.partition_point(|(index, _)| !index.bit(fork)));
            let joined = parent(&minimal(left, fork + 1), &minimal(right, fork + 1));
            lift(joined, first, fork, depth)
        }
    }
}
