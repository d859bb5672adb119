#![doc = include_str!("../../witness.md")]

#[cfg(test)]
mod tests;

use crate::Blame;
use crate::checkpoint::{CheckpointError, UnverifiedCheckpoint};
use crate::codec::{self, CodecError};
use crate::hash::Hash;
use crate::merkle::TreeSize;
use crate::note::{NoteError, SignatureLine, lines_to_string, parse_lines};

/// The longest request body. Old size and 63 hashes take 2,860 bytes, a checkpoint's text about
/// 320; the rest holds 36 ML-DSA-44 lines of 3.5 KB (signature 2,420 bytes, 3.2 KB in base64, and
/// a name), or 16 lines of any type that C2SP has assigned.
pub const MAX_BODY_BYTES: usize = 128 * 1024;
/// The longest consistency proof that C2SP allows, in hashes.
pub const MAX_PROOF: usize = 63;
/// The longest answer: one witness's own lines.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// How many lines an answer may have: a few keys of one witness.
pub const MAX_ANSWER_LINES: usize = 16;
/// The media type of a body that is the witness's size, and of no other 409.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// Why a request or an answer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// Longer than its bound.
    #[error("longer than the {limit} bytes allowed")]
    TooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The first line is not `old <size>`.
    #[error("the first line is not the old size")]
    OldSize,
    /// A line of the proof is not a hash.
    #[error("a hash of the proof: {0}")]
    Hash(CodecError),
    /// More than 63 hashes.
    #[error("the proof is longer than {MAX_PROOF} hashes")]
    LongProof,
    /// The empty line before the checkpoint is missing.
    #[error("the request ends before its checkpoint")]
    NoCheckpoint,
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A line of the answer.
    #[error(transparent)]
    Line(#[from] NoteError),
    /// The body of a 409 is not a size.
    #[error("not a tree size on a line")]
    Size,
}

impl WitnessError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Checkpoint(error) => error.blame(),
            Self::Line(error) => error.blame(),
            _ => Blame::Malformed,
        }
    }
}

/// The body of `POST <submission prefix>/add-checkpoint`, parsed and unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness is thought to have cosigned last; 0 for none.
    pub old: TreeSize,
    /// The consistency proof from the old size; at most 63 hashes.
    pub proof: Vec<Hash>,
    /// The checkpoint, perhaps with signatures by others than the log.
    pub checkpoint: UnverifiedCheckpoint,
}

impl AddCheckpoint {
    /// From a request body; `to_bytes` gives the same bytes back. A failure is a 400.
    pub fn parse(bytes: &[u8]) -> Result<Self, WitnessError> {
        // SPEC(WIT-1)
        let text = bounded(bytes, MAX_BODY_BYTES)?;
        // SPEC(WIT-2)
        let (old, mut rest) = text
            .strip_prefix("old ")
            .and_then(|rest| rest.split_once('\n'))
            .ok_or(WitnessError::OldSize)?;
        let old = parse_number(old).ok_or(WitnessError::OldSize)?;
        // SPEC(WIT-3)
        let mut proof = Vec::new();
        loop {
            let (line, after) = rest.split_once('\n').ok_or(WitnessError::NoCheckpoint)?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == MAX_PROOF {
                return Err(WitnessError::LongProof);
            }
            proof.push(Hash::from_base64(line).map_err(WitnessError::Hash)?);
        }
        Ok(Self {
            old,
            proof,
            checkpoint: UnverifiedCheckpoint::parse(rest.as_bytes())?,
        })
    }

    /// The body.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            text.push_str(&hash.to_base64());
            text.push('\n');
        }
        text.push('\n');
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.checkpoint.to_bytes());
        bytes
    }
}

/// The lines of a 200 answer: at least one. Lines of keys that the reader does not know are
/// for it to ignore.
pub fn parse_cosignature_lines(bytes: &[u8]) -> Result<Vec<SignatureLine>, WitnessError> {
    // SPEC(WIT-4)
    let text = bounded(bytes, MAX_ANSWER_BYTES)?;
    Ok(parse_lines(text, MAX_ANSWER_LINES)?)
}

/// The body of a 200 answer.
pub fn cosignature_lines_to_bytes(lines: &[SignatureLine]) -> Vec<u8> {
    lines_to_string(lines).into_bytes()
}

/// The size in the body of a 409 of the media type [`SIZE_MEDIA_TYPE`].
pub fn parse_size(bytes: &[u8]) -> Result<TreeSize, WitnessError> {
    // SPEC(WIT-5)
    bounded(bytes, 32)?
        .strip_suffix('\n')
        .and_then(parse_number)
        .ok_or(WitnessError::Size)
}

/// The body of a 409 that states the witness's size.
pub fn size_to_bytes(size: TreeSize) -> Vec<u8> {
    format!("{size}\n").into_bytes()
}

fn bounded(bytes: &[u8], limit: usize) -> Result<&str, WitnessError> {
    if bytes.len() > limit {
        return Err(WitnessError::TooLong { limit });
    }
    std::str::from_utf8(bytes).map_err(|_| WitnessError::NotUtf8)
}

fn parse_number(text: &str) -> Option<TreeSize> {
    codec::decimal(text).ok().and_then(TreeSize::new)
}
