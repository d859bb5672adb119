//! The root of a few hashes that lie side by side, as `rs_merkle` computes it from our own data.

use rs_merkle::{Hasher, MerkleTree};

use crate::hash::{self, Hash};

/// The hashes of RFC 6962 for `rs_merkle`: its way of passing an odd hash up unchanged then gives
/// the trees of RFC 6962 for every number of leaves.
#[derive(Debug, Clone, Copy)]
pub struct Rfc6962;

impl Hasher for Rfc6962 {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        *hash::leaf_hash(data).as_bytes()
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        match right {
            Some(right) => {
                *hash::node_hash(&Hash::from_bytes(*left), &Hash::from_bytes(*right)).as_bytes()
            }
            None => *left,
        }
    }
}

/// The root over `hashes`, the nodes of one level of one tile; `None` without hashes.
pub(crate) fn subtree_root(hashes: &[Hash]) -> Option<Hash> {
    if let [only] = hashes {
        return Some(*only);
    }
    let leaves: Vec<[u8; 32]> = hashes.iter().map(|hash| *hash.as_bytes()).collect();
    MerkleTree::<Rfc6962>::from_leaves(&leaves)
        .root()
        .map(Hash::from_bytes)
}
