//! A checkpoint that a reader's policy accepts, and how one leads to the next.

use crate::Blame;
use crate::checkpoint::{Origin, SignedCheckpoint};
use crate::cosignature::Cosignature;
use crate::hash::Hash;
use crate::merkle::TreeHead;
use crate::merkle::verify::{ProofError, verify_consistency};
use crate::note::SignatureLine;
use crate::time::Timestamp;

/// A checkpoint that the log signed and a quorum of the policy cosigned. Made only by
/// [`super::Policy::verify`] and its kin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    signed: SignedCheckpoint,
    cosignatures: Vec<Cosignature>,
    freshest: Option<Timestamp>,
}

/// Why a checkpoint is not fresh. Alerted, and never an accusation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StaleError {
    /// The policy has `quorum none`, so that no time can be relied on.
    #[error("the policy has no quorum, so nothing is fresh")]
    NoQuorum,
    /// Older than the reader's maximum age.
    #[error("the quorum cosigned at {time}, {age} seconds ago, and {max_age} are allowed")]
    TooOld {
        /// When the quorum cosigned.
        time: Timestamp,
        /// Seconds since then.
        age: u64,
        /// The reader's maximum.
        max_age: u64,
    },
    /// Further ahead of the reader's clock than the skew.
    #[error("the quorum cosigned at {time}, beyond the skew of {skew} seconds from now")]
    Future {
        /// When the quorum cosigned.
        time: Timestamp,
        /// The skew allowed, in seconds.
        skew: u64,
    },
    /// The last epoch claims to be later than the cosignatures, beyond the skew.
    #[error("the epoch's {epoch_ms} ms are beyond the skew of {skew_ms} ms from {time}")]
    EpochAhead {
        /// When the quorum cosigned.
        time: Timestamp,
        /// The epoch's time, in milliseconds.
        epoch_ms: u64,
        /// The skew allowed, in milliseconds.
        skew_ms: u64,
    },
}

impl StaleError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::NoQuorum => Blame::Misuse,
            Self::TooOld { .. } | Self::Future { .. } | Self::EpochAhead { .. } => {
                Blame::Unavailable
            }
        }
    }
}

/// Why a checkpoint does not follow an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtendError {
    /// The two are of different logs.
    #[error("a checkpoint of {newer} cannot follow one of {older}")]
    OtherOrigin {
        /// The log of the checkpoint held.
        older: Origin,
        /// The log of the one offered.
        newer: Origin,
    },
    /// The consistency proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl ExtendError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::OtherOrigin { .. } => Blame::Misuse,
            Self::Proof(error) => error.blame(),
        }
    }
}

impl Checkpoint {
    pub(super) fn new(
        signed: SignedCheckpoint,
        cosignatures: Vec<Cosignature>,
        freshest: Option<Timestamp>,
    ) -> Self {
        Self {
            signed,
            cosignatures,
            freshest,
        }
    }

    /// The log.
    pub fn origin(&self) -> &Origin {
        self.signed.origin()
    }

    /// The head.
    pub fn head(&self) -> TreeHead {
        self.signed.head()
    }

    /// The checkpoint as the log signed it.
    pub fn signed(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// The cosignatures by witnesses of the policy, verified: the newest of each.
    pub fn cosignatures(&self) -> &[Cosignature] {
        &self.cosignatures
    }

    /// The largest time such that the cosignatures not older than it satisfy the quorum alone;
    /// `None` if the policy has `quorum none`.
    pub fn freshest(&self) -> Option<Timestamp> {
        self.freshest
    }

    /// Whether the quorum cosigned within `max_age` seconds before `now`, and not later than
    /// `skew` seconds after it. Returns when it did.
    pub fn check_fresh(
        &self,
        now: Timestamp,
        max_age: u64,
        skew: u64,
    ) -> Result<Timestamp, StaleError> {
        let time = self.freshest.ok_or(StaleError::NoQuorum)?;
        // SPEC(POL-18)
        let age = now.since(time);
        if age > max_age {
            return Err(StaleError::TooOld { time, age, max_age });
        }
        if time.since(now) > skew {
            return Err(StaleError::Future { time, skew });
        }
        Ok(time)
    }

    /// Whether the time of the checkpoint's last epoch, in milliseconds, is not later than that
    /// of the cosignatures by more than `skew_ms`.
    pub fn check_epoch_time(&self, epoch_ms: u64, skew_ms: u64) -> Result<(), StaleError> {
        let time = self.freshest.ok_or(StaleError::NoQuorum)?;
        let latest = time.seconds().saturating_mul(1000).saturating_add(skew_ms);
        // SPEC(POL-19)
        if epoch_ms > latest {
            return Err(StaleError::EpochAhead {
                time,
                epoch_ms,
                skew_ms,
            });
        }
        Ok(())
    }

    /// A note of the text and of the lines that were verified, and no others.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lines: Vec<SignatureLine> = self
            .cosignatures
            .iter()
            .map(|cosignature| cosignature.line.clone())
            .collect();
        self.signed.to_bytes_with(&lines)
    }

    /// Moves from this checkpoint to `newer` of the same log, if the proof shows that its tree
    /// holds all of this one's. Equal sizes take equal roots and an empty proof.
    pub fn extend(&self, newer: Self, proof: &[Hash]) -> Result<Self, ExtendError> {
        // SPEC(POL-20)
        if self.origin() != newer.origin() {
            return Err(ExtendError::OtherOrigin {
                older: self.origin().clone(),
                newer: newer.origin().clone(),
            });
        }
        verify_consistency(&self.head(), &newer.head(), proof)?;
        Ok(newer)
    }
}
