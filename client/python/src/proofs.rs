//! Proofs about the log itself (RFC 6962 and C2SP tlog-proof).

use plainsight_specs::Blame;
use plainsight_specs::hash::{self, Hash};
use plainsight_specs::head::Step;
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize, verify};
use plainsight_specs::tlog_proof::TlogProof;
use pyo3::prelude::*;

use crate::error::{misuse, refused};
use crate::policy::{Checkpoint, Policy};

/// The leaf hash of an entry.
#[pyfunction]
pub(crate) fn leaf_hash(entry: &[u8]) -> [u8; 32] {
    *hash::leaf_hash(entry).as_bytes()
}

/// Verifies that the leaf with this hash stands at `index` in the tree.
#[pyfunction]
pub(crate) fn verify_inclusion(
    leaf: [u8; 32],
    index: u64,
    size: u64,
    root: [u8; 32],
    proof: Vec<[u8; 32]>,
) -> PyResult<()> {
    let index = LeafIndex::new(index).ok_or_else(|| misuse("no log has that position"))?;
    let head = head(size, root)?;
    verify::verify_inclusion(&Hash::from_bytes(leaf), index, &head, &hashes(&proof))
        .map_err(|error| refused(error.blame(), None, &error))
}

/// Verifies that the newer tree contains the older one.
#[pyfunction]
pub(crate) fn verify_consistency(
    old_size: u64,
    old_root: [u8; 32],
    size: u64,
    root: [u8; 32],
    proof: Vec<[u8; 32]>,
) -> PyResult<()> {
    let (older, newer) = (head(old_size, old_root)?, head(size, root)?);
    verify::verify_consistency(&older, &newer, &hashes(&proof))
        .map_err(|error| refused(error.blame(), Some(Step::Consistency), &error))
}

/// Verifies a tlog-proof of the entry with this leaf hash: the policy and the inclusion. Returns
/// the checkpoint and the entry's position.
#[pyfunction]
pub(crate) fn verify_tlog_proof(
    proof: &[u8],
    leaf: [u8; 32],
    policy: &Policy,
) -> PyResult<(Checkpoint, u64)> {
    let failed = |blame: Blame, error: &dyn std::fmt::Display| refused(blame, None, &error);
    let proof = TlogProof::parse(proof).map_err(|error| failed(error.blame(), &error))?;
    let index = proof.index.get();
    let checkpoint = proof
        .verify(&Hash::from_bytes(leaf), &policy.0)
        .map_err(|error| failed(error.blame(), &error))?;
    Ok((Checkpoint::of(&policy.0, &checkpoint), index))
}

fn head(size: u64, root: [u8; 32]) -> PyResult<TreeHead> {
    Ok(TreeHead {
        size: TreeSize::new(size).ok_or_else(|| misuse("no log has that size"))?,
        root: Hash::from_bytes(root),
    })
}

fn hashes(proof: &[[u8; 32]]) -> Vec<Hash> {
    proof.iter().map(|hash| Hash::from_bytes(*hash)).collect()
}
