//! Why a look-up or a history is refused, at which step, and who is to blame.

use crate::Blame;
use crate::head::{HeadError, Step};
use crate::index::IndexError;
use crate::json::JsonError;
use crate::keyset::KeySetError;
use crate::label::{LabelError, Version};
use crate::ladder::LadderError;
use crate::merkle::verify::ProofError;
use crate::vrf::VrfError;

/// Why a look-up or a history is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The head is not accepted.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The request or answer is not the JSON it should be.
    #[error("it does not parse: {0}")]
    Json(#[from] JsonError),
    /// The answer's index proof does not parse.
    #[error("the index proof does not parse: {0}")]
    IndexForm(IndexError),
    /// The request's label is not canonical.
    #[error("the label is not acceptable: {0}")]
    Label(#[from] LabelError),
    /// Not one VRF proof for each rung.
    #[error("{got} VRF proofs for a ladder of {expected} rungs")]
    RungCount {
        /// Proofs given.
        got: usize,
        /// Rungs of the claimed version's ladder.
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
    /// The index proof does not hold.
    #[error("the index proof does not hold: {0}")]
    Index(IndexError),
    /// The ladder leads elsewhere.
    #[error("the index does not show the claimed version to be the latest: {0}")]
    Ladder(LadderError),
    /// The ladder leads to another version.
    #[error("the index shows {shown:?} to be the latest version, not {claimed:?}")]
    OtherVersion {
        /// What the ladder shows.
        shown: Option<Version>,
        /// What the answer claims.
        claimed: Option<Version>,
    },
    /// The entry is not the one that the index holds.
    #[error("the entry given for version {version} is not the one that the index holds: a decoy")]
    Decoy {
        /// Which version.
        version: Version,
    },
    /// The opening or the key set is missing.
    #[error("version {version} is not opened: the log withholds its key set")]
    Withheld {
        /// Which version.
        version: Version,
    },
    /// The entry commits to something else.
    #[error("the entry of version {version} commits to another key set")]
    Commitment {
        /// Which version.
        version: Version,
    },
    /// The key set breaks its own rules.
    #[error("the key set of version {version} is not acceptable: {source}")]
    KeySet {
        /// Which version.
        version: Version,
        /// Why.
        source: KeySetError,
    },
    /// The key set is of another label or version.
    #[error("the key set given for version {version} names another label or version")]
    OtherKeySet {
        /// Which version.
        version: Version,
    },
    /// When it was logged is not shown.
    #[error("where version {version} stands in the log is not shown: {source}")]
    Position {
        /// Which version.
        version: Version,
        /// Why.
        source: ProofError,
    },
    /// The epoch after it is not one, or not after it.
    #[error("no epoch after version {version} is shown")]
    LoggedEpoch {
        /// Which version.
        version: Version,
    },
    /// A history lists versions out of order, or outside of what was asked.
    #[error("the history lists version {version} out of place")]
    VersionOrder {
        /// Which version.
        version: Version,
    },
}

impl LookupError {
    /// The steps of a look-up and of a history, after those of the head.
    pub const STEPS: [Step; 6] = [
        Step::Vrf,
        Step::Index,
        Step::Ladder,
        Step::Commitment,
        Step::KeySet,
        Step::Logged,
    ];

    /// The step that failed.
    pub fn step(&self) -> Step {
        match self {
            Self::Head(error) => error.step(),
            Self::Json(_) | Self::IndexForm(_) | Self::Label(_) | Self::VersionOrder { .. } => {
                Step::Parse
            }
            Self::RungCount { .. } | Self::Vrf { .. } => Step::Vrf,
            Self::Index(_) | Self::Decoy { .. } => Step::Index,
            Self::Ladder(_) | Self::OtherVersion { .. } => Step::Ladder,
            Self::Withheld { .. } | Self::Commitment { .. } => Step::Commitment,
            Self::KeySet { .. } | Self::OtherKeySet { .. } => Step::KeySet,
            Self::Position { .. } | Self::LoggedEpoch { .. } => Step::Logged,
        }
    }

    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Head(error) => error.blame(),
            Self::Json(_) | Self::IndexForm(_) | Self::VersionOrder { .. } => Blame::Malformed,
            Self::Label(_) => Blame::Misuse,
            Self::Withheld { .. } => Blame::Unavailable,
            _ => Blame::Unproven,
        }
    }
}
