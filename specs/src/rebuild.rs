#![doc = include_str!("../rebuild.md")]

mod list;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use list::{MAX_LISTED, MAX_REBUILDERS, RebuildList};

use crate::Blame;
use crate::dsse::{DsseError, Envelope};
use crate::ed25519::{PublicKey, SecretKey};
use crate::hash::Hash;
use crate::json::{JsonError, Object};
use crate::statement::{
    PAYLOAD_TYPE, Reference, STATEMENT_TYPE, StatementError, Subjects, in_toto, references_to_json,
    subject_to_json, take_references,
};
use crate::time::Timestamp;

/// The longest result, in bytes.
pub const MAX_RESULT: usize = 8192;
/// The predicate type of a result.
pub const PREDICATE_TYPE: &str = "urn:plainsight:rebuild:v1";

/// Why a result was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// Nothing was parsed.
    #[error("the rebuild result has more than {MAX_RESULT} bytes")]
    TooLong,
    /// The envelope, or the Statement in it.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// `result` is another word.
    #[error("not a result of a rebuild: {0:?}")]
    Outcome(String),
    /// A mismatch with the file itself.
    #[error("a mismatch whose built file is the released one")]
    SameFile,
    /// None of the keys that were asked about signed it.
    #[error("no known rebuilder signed it")]
    Unknown,
}

impl RebuildError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Unknown => Blame::Unproven,
            Self::Statement(error) => error.blame(),
            Self::TooLong | Self::Outcome(_) | Self::SameFile => Blame::Malformed,
        }
    }
}

impl From<JsonError> for RebuildError {
    fn from(error: JsonError) -> Self {
        Self::Statement(error.into())
    }
}

impl From<DsseError> for RebuildError {
    fn from(error: DsseError) -> Self {
        Self::Statement(error.into())
    }
}

/// What came of building a file again, from the least grave to the gravest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The same file, byte for byte.
    Match,
    /// None at all: nothing is known.
    Unbuildable,
    /// Another file.
    Mismatch {
        /// SHA-256 of what was built.
        built: Hash,
    },
}

impl Outcome {
    /// The word in JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Unbuildable => "unbuildable",
            Self::Mismatch { .. } => "mismatch",
        }
    }

    fn take(predicate: &mut Object, file: &Hash) -> Result<Self, RebuildError> {
        let word = predicate.string("result")?;
        match word.as_str() {
            "match" => Ok(Self::Match),
            "unbuildable" => Ok(Self::Unbuildable),
            "mismatch" => {
                let built = predicate.hex_hash("built")?;
                if built == *file {
                    return Err(RebuildError::SameFile);
                }
                Ok(Self::Mismatch { built })
            }
            _ => Err(RebuildError::Outcome(word)),
        }
    }
}

/// What a rebuilder says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildClaim {
    /// SHA-256 of the file as it was released.
    pub file: Hash,
    /// What came of it.
    pub outcome: Outcome,
    /// When.
    pub time: Timestamp,
    /// What shows how, at most 64.
    pub references: Vec<Reference>,
}

impl RebuildClaim {
    /// Whether it counts in place of another one by the same key about the same file.
    pub fn supersedes(&self, other: &Self) -> bool {
        // SPEC(REB-6)
        (self.time, self.outcome) > (other.time, other.outcome)
    }

    /// Prints the in-toto Statement, to be signed in an envelope of type [`PAYLOAD_TYPE`].
    pub fn payload(&self) -> Vec<u8> {
        let mut predicate = serde_json::json!({
            "result": self.outcome.as_str(),
            "time": self.time.to_string(),
            "refs": references_to_json(&self.references),
        });
        if let (Some(members), Outcome::Mismatch { built }) =
            (predicate.as_object_mut(), self.outcome)
        {
            members.insert("built".into(), built.to_hex().into());
        }
        serde_json::json!({
            "_type": STATEMENT_TYPE,
            "subject": [subject_to_json(&self.file)],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        })
        .to_string()
        .into_bytes()
    }

    /// Prints the envelope, signed by each of `signers`.
    pub fn sign(&self, signers: &[&SecretKey]) -> Vec<u8> {
        Envelope::build(PAYLOAD_TYPE, &self.payload(), signers)
    }
}

/// A result that parsed. Whose it is, is asked for a set of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedRebuild {
    envelope: Envelope,
    claim: RebuildClaim,
}

impl UnverifiedRebuild {
    /// Parses a result that fills `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, RebuildError> {
        // SPEC(REB-1): before anything is parsed.
        if bytes.len() > MAX_RESULT {
            return Err(RebuildError::TooLong);
        }
        let envelope = Envelope::parse(bytes)?;
        let (predicate_type, mut statement) = in_toto(&envelope)?;
        // SPEC(REB-2)
        if predicate_type != PREDICATE_TYPE {
            return Err(StatementError::PredicateType(predicate_type).into());
        }
        // SPEC(REB-3)
        let file = Subjects::take(&mut statement)?.single()?;
        // SPEC(REB-4)
        let mut predicate = statement.object("predicate")?;
        let claim = RebuildClaim {
            file,
            outcome: Outcome::take(&mut predicate, &file)?,
            time: predicate.time("time")?,
            references: take_references(&mut predicate)?,
        };
        predicate.finish()?;
        Ok(Self { envelope, claim })
    }

    /// What it says, whoever says it.
    pub fn claim(&self) -> &RebuildClaim {
        &self.claim
    }

    /// The result of those of `keys` that signed it.
    pub fn verify(self, keys: &[PublicKey]) -> Result<Rebuild, RebuildError> {
        // SPEC(REB-5)
        let by = self.envelope.valid_signers(keys);
        if by.is_empty() {
            return Err(RebuildError::Unknown);
        }
        Ok(Rebuild {
            claim: self.claim,
            by,
        })
    }
}

/// A result of known rebuilders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    claim: RebuildClaim,
    by: BTreeSet<PublicKey>,
}

impl Rebuild {
    /// What it says.
    pub fn claim(&self) -> &RebuildClaim {
        &self.claim
    }

    /// The known keys that signed it, at least one.
    pub fn by(&self) -> &BTreeSet<PublicKey> {
        &self.by
    }
}
