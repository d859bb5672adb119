//! Why something about a watch was refused.

use crate::Blame;
use crate::codec::CodecError;
use crate::head::HeadError;
use crate::index::IndexError;
use crate::json::JsonError;
use crate::label::{LabelError, Version};
use crate::note::NoteError;
use crate::vrf::VrfError;

/// Why something about a watch was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// Not the JSON it should be.
    #[error("it does not parse: {0}")]
    Json(#[from] JsonError),
    /// The origin cannot be one.
    #[error("the origin cannot be one")]
    Origin,
    /// The label is not canonical.
    #[error("the label is not acceptable: {0}")]
    Label(#[from] LabelError),
    /// Not 1 to 64 indexes.
    #[error("{0} indexes where 1 to 64 are watched")]
    IndexCount(usize),
    /// Not ascending, or not private.
    #[error("the indexes do not ascend, or are not all of the private namespace")]
    Indexes,
    /// The head is not accepted.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The index proof does not parse.
    #[error("the index proof does not parse: {0}")]
    IndexForm(IndexError),
    /// The index proof does not hold.
    #[error("the index proof does not hold: {0}")]
    Index(IndexError),
    /// Not one VRF proof for each rung.
    #[error("{got} VRF proofs for {expected} rungs to watch")]
    RungCount {
        /// Proofs given.
        got: usize,
        /// Rungs to watch.
        expected: usize,
    },
    /// A VRF proof does not hold.
    #[error("the VRF proof of version {version} does not hold: {source}")]
    Vrf {
        /// Which version.
        version: Version,
        /// Why.
        source: VrfError,
    },
    /// A token and a report come together and only if every index is absent.
    #[error("the answer is neither a whole registration nor a refusal")]
    Halfway,
    /// The text of a note is not one of those of this chapter.
    #[error("the text of the note is not the one expected: {0}")]
    Text(&'static str),
    /// A number or hash in it.
    #[error("the text of the note does not parse: {0}")]
    Codec(#[from] CodecError),
    /// The watch key did not sign it.
    #[error("the note is not signed by the watch key: {0}")]
    Note(#[from] NoteError),
    /// It is about another log, watch, head or bucket.
    #[error("the note is about another {0}")]
    Other(&'static str),
    /// A hit at an index that is not watched.
    #[error("the note reports an index that is not watched")]
    NotWatched,
    /// It covers less than an earlier one.
    #[error("the note covers {shown} entries, after one that covered {seen}")]
    Back {
        /// Covered before.
        seen: u64,
        /// Covered now.
        shown: u64,
    },
}

impl WatchError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Head(error) => error.blame(),
            Self::Json(_)
            | Self::Origin
            | Self::Label(_)
            | Self::IndexCount(_)
            | Self::Indexes
            | Self::IndexForm(_)
            | Self::Halfway
            | Self::Text(_)
            | Self::Codec(_) => Blame::Malformed,
            Self::Note(error) => error.blame(),
            Self::Index(_)
            | Self::RungCount { .. }
            | Self::Vrf { .. }
            | Self::Other(_)
            | Self::NotWatched => Blame::Unproven,
            // It may be a replica that lags.
            Self::Back { .. } => Blame::Unavailable,
        }
    }
}
