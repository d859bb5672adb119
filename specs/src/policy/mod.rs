#![doc = include_str!("../../policy.md")]

mod checkpoint;
mod file;
mod quorum;
#[cfg(test)]
mod tests;
mod worth;

use crate::Blame;
use crate::checkpoint::{CheckpointError, Origin, SignedCheckpoint, UnverifiedCheckpoint};
use crate::cosignature::{Cosignature, CosignatureError};
use crate::note::{Algorithm, NoteError, VerifierKey, known_key};
use crate::time::Timestamp;

pub use checkpoint::{Checkpoint, ExtendError, StaleError};
pub use file::{Group, LogEntry, MAX_OF_EACH, MAX_POLICY_BYTES, Member, Witness};
pub use worth::{Fewest, MAX_PARTIES, fewest_parties};

/// Why a policy file was refused, or why a checkpoint does not satisfy a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Longer than [`MAX_POLICY_BYTES`].
    #[error("the policy is longer than the {limit} bytes allowed")]
    TooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// A control character other than tab and LF.
    #[error("the policy has a control character other than tab and line feed")]
    ControlCharacter,
    /// The last line does not end in LF.
    #[error("the last line of the policy does not end in a line feed")]
    LastLine,
    /// No `quorum` line.
    #[error("the policy has no quorum line")]
    NoQuorum,
    /// A line of the file.
    #[error("line {line}: {source}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        source: Box<PolicyError>,
    },
    /// Neither a log, a witness, a group nor the quorum; or with too few or too many fields.
    #[error("not a log, witness, group or quorum with its fields")]
    Form,
    /// A verifier key.
    #[error(transparent)]
    Key(#[from] NoteError),
    /// A log key that cannot sign checkpoints, or a witness key that cannot cosign them.
    #[error("a key for {0} does not serve here")]
    KeyType(Algorithm),
    /// The same public key twice among the logs or among the witnesses, whatever its names.
    #[error("the same public key stands on an earlier line")]
    DuplicateKey,
    /// The name is taken, or is `none`.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// No earlier line defines the name.
    #[error("the name {0:?} is not defined on an earlier line")]
    Undefined(String),
    /// The name is a member already, here or of another group.
    #[error("the name is member of a group already")]
    MemberTwice,
    /// Not `all`, `any` or a number from 1 to the number of members.
    #[error("the threshold is not all, any or a number from 1 to the number of members")]
    Threshold,
    /// A second `quorum` line.
    #[error("a second quorum line")]
    QuorumTwice,
    /// More than [`MAX_OF_EACH`] logs, witnesses or groups.
    #[error("more than {limit} of these")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// No listed log has this origin.
    #[error("the policy lists no log {0}")]
    UnknownLog(Origin),
    /// The checkpoint, or the log's signature on it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A line of a known witness that does not verify.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
    /// Not enough witnesses have cosigned.
    #[error("the quorum is not met; cosigned by {}", names(signed))]
    Quorum {
        /// The witnesses that have, by their names in the policy.
        signed: Vec<String>,
    },
}

/// Names for a sentence.
fn names(signed: &[String]) -> String {
    if signed.is_empty() {
        "nobody that counts".into()
    } else {
        signed.join(", ")
    }
}

impl PolicyError {
    /// Who is to blame. What is wrong with a policy file is the reader's own doing.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Checkpoint(error) => error.blame(),
            // SPEC(POL-11): a line that does not even parse as its key's is as bad as a wrong one.
            Self::Cosignature(_) | Self::UnknownLog(_) | Self::Quorum { .. } => Blame::Unproven,
            _ => Blame::Misuse,
        }
    }
}

/// Whom a reader trusts: any one of the logs, and a quorum of witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    text: String,
    logs: Vec<LogEntry>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

impl Policy {
    /// From a policy file.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let (file, quorum) = file::File::parse(text)?;
        Ok(Self {
            text: text.into(),
            logs: file.logs,
            witnesses: file.witnesses,
            groups: file.groups,
            quorum,
        })
    }

    /// The file, as it was.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The logs, in the order of the file.
    pub fn logs(&self) -> &[LogEntry] {
        &self.logs
    }

    /// The witnesses, in the order of the file.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// The groups, in the order of the file, so that members come before their group.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The witness or group that must have cosigned; `None` for `quorum none`.
    pub fn quorum(&self) -> Option<Member> {
        self.quorum
    }

    /// The keys of the listed log of that origin.
    pub fn log_keys(&self, origin: &Origin) -> Vec<VerifierKey> {
        self.logs
            .iter()
            .map(|log| &log.key)
            .filter(|key| origin.is_name_of(key))
            .cloned()
            .collect()
    }

    /// Verifies the log's signature and the quorum.
    pub fn verify(&self, checkpoint: UnverifiedCheckpoint) -> Result<Checkpoint, PolicyError> {
        // SPEC(POL-10)
        let keys = self.log_keys(checkpoint.origin());
        if keys.is_empty() {
            return Err(PolicyError::UnknownLog(checkpoint.origin().clone()));
        }
        self.verify_signed(checkpoint.verify_log(&keys)?)
    }

    /// Verifies the quorum of a checkpoint whose log is known otherwise than by this policy, and
    /// whose log signature was verified with that log's keys.
    pub fn verify_signed(&self, signed: SignedCheckpoint) -> Result<Checkpoint, PolicyError> {
        let cosigned = self.cosignatures(&signed)?;
        // SPEC(POL-12)
        if !self.satisfied_since(&cosigned, None) {
            return Err(PolicyError::Quorum {
                signed: cosigned
                    .into_iter()
                    .map(|(witness, _)| witness.name.clone())
                    .collect(),
            });
        }
        let freshest = self.freshest(&cosigned);
        let cosignatures = cosigned
            .into_iter()
            .map(|(_, cosignature)| cosignature)
            .collect();
        Ok(Checkpoint::new(signed, cosignatures, freshest))
    }

    /// The newest cosignature of each witness that has one, in the order of the lines.
    fn cosignatures(
        &self,
        signed: &SignedCheckpoint,
    ) -> Result<Vec<(&Witness, Cosignature)>, PolicyError> {
        let mut found: Vec<(&Witness, Cosignature)> = Vec::new();
        for line in signed.other_lines() {
            let keys = self.witnesses.iter().map(|witness| &witness.key);
            let Some(key) = known_key(line, keys)? else {
                continue;
            };
            // SPEC(POL-14)
            if key.algorithm() == Algorithm::MlDsa44 {
                continue;
            }
            // SPEC(POL-11)
            let cosignature = Cosignature::verify(line, signed.text(), key)?;
            let Some(witness) = self.witnesses.iter().find(|other| other.key == *key) else {
                continue;
            };
            // SPEC(POL-15)
            match found.iter_mut().find(|(earlier, _)| *earlier == witness) {
                None => found.push((witness, cosignature)),
                Some((_, earlier)) if earlier.time < cosignature.time => *earlier = cosignature,
                Some(_) => {}
            }
        }
        Ok(found)
    }

    /// Whether the cosignatures not older than `since` satisfy the quorum alone.
    fn satisfied_since(
        &self,
        cosigned: &[(&Witness, Cosignature)],
        since: Option<Timestamp>,
    ) -> bool {
        self.satisfied(|name| {
            cosigned.iter().any(|(witness, cosignature)| {
                witness.name == name && since.is_none_or(|since| cosignature.time >= since)
            })
        })
    }

    /// The largest time such that the cosignatures not older than it satisfy the quorum alone.
    fn freshest(&self, cosigned: &[(&Witness, Cosignature)]) -> Option<Timestamp> {
        // SPEC(POL-17)
        self.quorum?;
        // SPEC(POL-16)
        cosigned
            .iter()
            .map(|(_, cosignature)| cosignature.time)
            .filter(|time| self.satisfied_since(cosigned, Some(*time)))
            .max()
    }
}
