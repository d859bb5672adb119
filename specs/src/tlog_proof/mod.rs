#![doc = include_str!("../../tlog_proof.md")]

#[cfg(test)]
mod tests;

use crate::Blame;
use crate::checkpoint::{CheckpointError, UnverifiedCheckpoint};
use crate::codec::{self, CodecError};
use crate::hash::Hash;
use crate::merkle::LeafIndex;
use crate::merkle::verify::{ProofError, verify_inclusion};
use crate::note::MAX_NOTE_BYTES;
use crate::policy::{Checkpoint, Policy, PolicyError};

/// The longest `extra` data: as long as an entry can be.
pub const MAX_EXTRA_BYTES: usize = 65_535;
/// The longest file: a note, the extra line in base64, and 63 hashes, with room for the rest.
pub const MAX_PROOF_BYTES: usize = MAX_NOTE_BYTES + 100_000;

/// The longest path: no tree of at most 2^63 - 1 leaves is deeper.
pub const MAX_PATH: usize = 63;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Why a proof file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// Longer than [`MAX_PROOF_BYTES`].
    #[error("the proof is longer than the {limit} bytes allowed")]
    TooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("the proof is not UTF-8")]
    NotUtf8,
    /// The first line is another.
    #[error("the proof does not begin with {HEADER}")]
    Header,
    /// The line after `extra ` does not decode.
    #[error("the extra data: {0}")]
    Extra(CodecError),
    /// No `index` line, or not a position.
    #[error("the index line is missing or has no position in a tree")]
    Index,
    /// A line of the path is not a hash.
    #[error("a hash of the path: {0}")]
    Hash(CodecError),
    /// More hashes than any tree is deep.
    #[error("the path is longer than {MAX_PATH} hashes")]
    LongPath,
    /// The empty line before the checkpoint is missing.
    #[error("the proof ends before its checkpoint")]
    NoCheckpoint,
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The policy does not accept the checkpoint.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The path does not lead from the leaf to the root.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}

impl TlogProofError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Checkpoint(error) => error.blame(),
            Self::Policy(error) => error.blame(),
            Self::Inclusion(error) => error.blame(),
            _ => Blame::Malformed,
        }
    }
}

/// A proof that a leaf is in a log, parsed and unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// What the reader may need to rebuild the leaf. Authenticated by nothing.
    pub extra: Option<Vec<u8>>,
    /// The position of the leaf.
    pub index: LeafIndex,
    /// The path from the leaf's sibling to the root.
    pub inclusion: Vec<Hash>,
    /// The checkpoint with its cosignatures.
    pub checkpoint: UnverifiedCheckpoint,
}

impl TlogProof {
    /// From a file; `to_bytes` gives the same bytes back.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(TlogProofError::TooLong {
                limit: MAX_PROOF_BYTES,
            });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| TlogProofError::NotUtf8)?;
        // SPEC(TPR-1)
        let (header, mut rest) = text.split_once('\n').ok_or(TlogProofError::Header)?;
        if header != HEADER {
            return Err(TlogProofError::Header);
        }
        // SPEC(TPR-2)
        let mut extra = None;
        if let Some(after) = rest.strip_prefix("extra ") {
            let (encoded, after) = after.split_once('\n').ok_or(TlogProofError::Index)?;
            let bytes = codec::base64_bytes(encoded, MAX_EXTRA_BYTES);
            extra = Some(bytes.map_err(TlogProofError::Extra)?);
            rest = after;
        }
        // SPEC(TPR-3)
        let (index, mut rest) = rest
            .strip_prefix("index ")
            .and_then(|rest| rest.split_once('\n'))
            .ok_or(TlogProofError::Index)?;
        let index = codec::decimal(index)
            .ok()
            .and_then(LeafIndex::new)
            .ok_or(TlogProofError::Index)?;
        // SPEC(TPR-4)
        let mut inclusion = Vec::new();
        loop {
            let (line, after) = rest.split_once('\n').ok_or(TlogProofError::NoCheckpoint)?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if inclusion.len() == MAX_PATH {
                return Err(TlogProofError::LongPath);
            }
            inclusion.push(Hash::from_base64(line).map_err(TlogProofError::Hash)?);
        }
        Ok(Self {
            extra,
            index,
            inclusion,
            checkpoint: UnverifiedCheckpoint::parse(rest.as_bytes())?,
        })
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            text = format!("{text}extra {}\n", codec::to_base64(extra));
        }
        text = format!("{text}index {}\n", self.index);
        for hash in &self.inclusion {
            text.push_str(&hash.to_base64());
            text.push('\n');
        }
        text.push('\n');
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.checkpoint.to_bytes());
        bytes
    }

    /// Verifies the checkpoint under `policy` and that `leaf`, a leaf hash which the caller
    /// computed from its own data, is at the index. Freshness is for the caller to check.
    pub fn verify(self, leaf: &Hash, policy: &Policy) -> Result<Checkpoint, TlogProofError> {
        // SPEC(TPR-5)
        let checkpoint = policy.verify(self.checkpoint)?;
        verify_inclusion(leaf, self.index, &checkpoint.head(), &self.inclusion)?;
        Ok(checkpoint)
    }
}
