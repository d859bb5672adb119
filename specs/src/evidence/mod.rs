#![doc = include_str!("../../evidence.md")]

mod build;
mod interval;
mod view;

pub use build::Offence;
pub use interval::{Anchor, Interval, MAX_KNOWN};

use serde_json::{Map, Value, json};

use crate::Blame;
use crate::checkpoint::{CheckpointError, SignedCheckpoint, UnverifiedCheckpoint};
use crate::codec::{CodecError, to_base64};
use crate::entry::Entry;
use crate::hash::{Hash, leaf_hash, sha256};
use crate::head::{MAX_CHECKPOINT, MAX_ENTRY, MAX_PROOF, hashes};
use crate::index::IndexError;
use crate::json::{self, JsonError, Object};
use crate::merkle::verify::{ProofError, verify_consistency, verify_inclusion};
use crate::merkle::{LeafIndex, TreeHead, TreeSize};
use crate::note::{NoteError, VerifierKey};
use crate::rules::Rule;

/// The value of `format`.
pub const FORMAT: &str = "plainsight-evidence/v1";
/// The longest evidence file that is read, in bytes.
pub const MAX_EVIDENCE: usize = 64 * 1024 * 1024;

/// What an evidence file holds. It proves nothing before [`Evidence::verify`].
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The rule it is meant to prove broken.
    pub rule: Rule,
    /// The key that signed the checkpoints.
    pub log_key: VerifierKey,
    /// What ties the offence to the key.
    pub proof: Proof,
}

/// The kinds of evidence.
#[derive(Debug, Clone)]
pub enum Proof {
    /// Two checkpoints of one size.
    Fork {
        /// A checkpoint, as served.
        first: Vec<u8>,
        /// Another of the same size.
        second: Vec<u8>,
    },
    /// A checkpoint that does not extend an older one.
    Extension {
        /// The older checkpoint.
        older: Vec<u8>,
        /// The newer one.
        newer: Vec<u8>,
        /// The root of the older size in the newer tree.
        root: Hash,
        /// From that root to the newer head.
        consistency: Vec<Hash>,
    },
    /// A checkpoint that ends badly.
    End {
        /// The checkpoint.
        checkpoint: Vec<u8>,
        /// The last entry and its inclusion, if the size is above 1.
        last: Option<IncludedEntry>,
    },
    /// Entries from an epoch to one that breaks a rule.
    Interval(Box<Interval>),
}

/// An entry with its inclusion; the position is known from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncludedEntry {
    /// The entry.
    pub entry: Vec<u8>,
    /// Its inclusion.
    pub inclusion: Vec<Hash>,
}

/// What an evidence file turned out to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule that was broken.
    pub rule: Rule,
    /// The key whose holder broke it.
    pub log_key: VerifierKey,
    /// Where the offending entry stands, if the rule is about entries.
    pub position: Option<LeafIndex>,
    /// What is proved, in a sentence.
    pub proves: String,
    /// What is not, in a sentence.
    pub does_not_show: String,
}

/// Why a file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Longer than any evidence.
    #[error("an evidence file has at most {MAX_EVIDENCE} bytes")]
    TooLong,
    /// Not the JSON it should be.
    #[error("the file does not parse: {0}")]
    Json(#[from] JsonError),
    /// Another format.
    #[error("not a {FORMAT} file")]
    Format,
    /// A kind or a rule that this protocol does not have.
    #[error("unknown {what} {value:?}")]
    Unknown {
        /// Kind or rule.
        what: &'static str,
        /// What the file says.
        value: String,
    },
    /// The log key does not parse or is not of type 0x01.
    #[error("the log key is not usable: {0}")]
    LogKey(NoteError),
    /// A checkpoint does not parse or is not signed by the log key.
    #[error("a checkpoint does not hold: {0}")]
    Checkpoint(CheckpointError),
    /// A checkpoint's origin is not the name of the log key.
    #[error("a checkpoint is of another origin than the log key's name")]
    OtherOrigin,
    /// The two checkpoints agree.
    #[error("the two checkpoints do not contradict each other")]
    NoContradiction,
    /// A proof that ties the parts together does not hold.
    #[error("the parts are not tied together: {0}")]
    Merkle(#[from] ProofError),
    /// The compact range does not fit its size.
    #[error("the compact range does not parse: {0}")]
    Frontier(CodecError),
    /// An index proof does not hold.
    #[error("the index proof does not hold: {0}")]
    Index(#[from] IndexError),
    /// Parts that need each other are not all there.
    #[error("{0}")]
    Parts(&'static str),
    /// Something that the verdict depends on is not shown.
    #[error("the file does not show {0}, on which the verdict depends")]
    NotShown(Gap),
    /// The last entry breaks no rule.
    #[error("the entry that is accused breaks no rule")]
    NoOffence,
    /// It breaks another rule than the file says.
    #[error("the file is said to prove {said}, and proves {proves}")]
    OtherRule {
        /// What the file says.
        said: Rule,
        /// What it proves.
        proves: Rule,
    },
}

/// What an interval would have to show and does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Whether an index was inserted.
    Index,
    /// The state of a stream.
    Stream,
    /// The digests of a release.
    Release,
    /// The publisher keys in force.
    Roles,
    /// The root at an epoch.
    Root,
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Index => "what the index held",
            Self::Stream => "where a stream stood",
            Self::Release => "what a release listed",
            Self::Roles => "the publisher's keys in force",
            Self::Root => "the root at an epoch",
        })
    }
}

impl EvidenceError {
    /// Who is to blame: never the log, since nothing is proved.
    pub fn blame(&self) -> Blame {
        match self {
            Self::TooLong
            | Self::Json(_)
            | Self::Format
            | Self::Unknown { .. }
            | Self::LogKey(_)
            | Self::Frontier(_)
            | Self::Parts(_) => Blame::Malformed,
            _ => Blame::Unproven,
        }
    }
}

impl Evidence {
    /// From the bytes of a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if bytes.len() > MAX_EVIDENCE {
            return Err(EvidenceError::TooLong);
        }
        let mut file = json::parse_object(bytes)?;
        if file.string("format")? != FORMAT {
            return Err(EvidenceError::Format);
        }
        let kind = file.string("kind")?;
        let rule = file.string("rule")?;
        let log_key = file.string("log_key")?;
        let proof = match kind.as_str() {
            "fork" => Proof::Fork {
                first: take_checkpoint(&mut file, "first")?,
                second: take_checkpoint(&mut file, "second")?,
            },
            "extension" => Proof::Extension {
                older: take_checkpoint(&mut file, "older")?,
                newer: take_checkpoint(&mut file, "newer")?,
                root: file.base64_hash("root")?,
                consistency: file.base64_hashes("consistency", MAX_PROOF)?,
            },
            "end" => {
                let checkpoint = take_checkpoint(&mut file, "checkpoint")?;
                let last = match file.take("entry") {
                    None => None,
                    Some(entry) => Some(IncludedEntry {
                        entry: base64_entry(entry, "entry")?,
                        inclusion: file.base64_hashes("inclusion", MAX_PROOF)?,
                    }),
                };
                Proof::End { checkpoint, last }
            }
            "interval" => Proof::Interval(Box::new(Interval::take(&mut file)?)),
            _ => {
                return Err(EvidenceError::Unknown {
                    what: "kind",
                    value: kind,
                });
            }
        };
        file.finish()?;
        Ok(Self {
            rule: Rule::parse(&rule).ok_or(EvidenceError::Unknown {
                what: "rule",
                value: rule,
            })?,
            log_key: VerifierKey::parse(&log_key).map_err(EvidenceError::LogKey)?,
            proof,
        })
    }

    /// The bytes of a file.
    pub fn to_json(&self) -> Vec<u8> {
        let mut file = Map::new();
        file.insert("format".into(), json!(FORMAT));
        file.insert("rule".into(), json!(self.rule.as_str()));
        file.insert("log_key".into(), json!(self.log_key.to_string()));
        let kind = match &self.proof {
            Proof::Fork { first, second } => {
                file.insert("first".into(), text(first));
                file.insert("second".into(), text(second));
                "fork"
            }
            Proof::Extension {
                older,
                newer,
                root,
                consistency,
            } => {
                file.insert("older".into(), text(older));
                file.insert("newer".into(), text(newer));
                file.insert("root".into(), json!(root.to_base64()));
                file.insert("consistency".into(), hashes(consistency));
                "extension"
            }
            Proof::End { checkpoint, last } => {
                file.insert("checkpoint".into(), text(checkpoint));
                if let Some(last) = last {
                    file.insert("entry".into(), json!(to_base64(&last.entry)));
                    file.insert("inclusion".into(), hashes(&last.inclusion));
                }
                "end"
            }
            Proof::Interval(interval) => {
                interval.add_to(&mut file);
                "interval"
            }
        };
        file.insert("kind".into(), json!(kind));
        Value::Object(file).to_string().into_bytes()
    }

    /// The address of the file: the SHA-256 of its bytes.
    pub fn id(&self) -> Hash {
        sha256(&self.to_json())
    }

    /// What the file proves, checked from nothing but the file.
    pub fn verify(&self) -> Result<Finding, EvidenceError> {
        let (rule, position) = match &self.proof {
            Proof::Fork { first, second } => (self.verify_fork(first, second)?, None),
            Proof::Extension {
                older,
                newer,
                root,
                consistency,
            } => (
                self.verify_extension(older, newer, root, consistency)?,
                None,
            ),
            Proof::End { checkpoint, last } => (self.verify_end(checkpoint, last.as_ref())?, None),
            Proof::Interval(interval) => {
                let checkpoint = self.signed(interval.checkpoint())?;
                let (rule, position) = interval.verify(&checkpoint)?;
                (rule, Some(position))
            }
        };
        // SPEC(EV-2)
        if rule != self.rule {
            return Err(EvidenceError::OtherRule {
                said: self.rule,
                proves: rule,
            });
        }
        Ok(self.finding(rule, position))
    }

    /// A checkpoint, if the log key signed it.
    fn signed(&self, checkpoint: &[u8]) -> Result<SignedCheckpoint, EvidenceError> {
        // SPEC(EV-1)
        let unverified =
            UnverifiedCheckpoint::parse(checkpoint).map_err(EvidenceError::Checkpoint)?;
        if unverified.origin().as_str() != self.log_key.name().as_str() {
            return Err(EvidenceError::OtherOrigin);
        }
        unverified
            .verify_log(std::slice::from_ref(&self.log_key))
            .map_err(EvidenceError::Checkpoint)
    }

    fn verify_fork(&self, first: &[u8], second: &[u8]) -> Result<Rule, EvidenceError> {
        let (first, second) = (self.signed(first)?.head(), self.signed(second)?.head());
        // SPEC(EV-3)
        if first.size != second.size || first.root == second.root {
            return Err(EvidenceError::NoContradiction);
        }
        Ok(Rule::Fork)
    }

    fn verify_extension(
        &self,
        older: &[u8],
        newer: &[u8],
        root: &Hash,
        consistency: &[Hash],
    ) -> Result<Rule, EvidenceError> {
        let (older, newer) = (self.signed(older)?.head(), self.signed(newer)?.head());
        // SPEC(EV-4)
        if older.size == TreeSize::ZERO || older.size > newer.size || older.root == *root {
            return Err(EvidenceError::NoContradiction);
        }
        let real = TreeHead {
            size: older.size,
            root: *root,
        };
        verify_consistency(&real, &newer, consistency)?;
        Ok(Rule::Extension)
    }

    fn verify_end(
        &self,
        checkpoint: &[u8],
        last: Option<&IncludedEntry>,
    ) -> Result<Rule, EvidenceError> {
        let head = self.signed(checkpoint)?.head();
        // SPEC(EV-5)
        match (head.size.last(), last) {
            (Some(position), Some(last)) if head.size.get() >= 2 => {
                verify_inclusion(&leaf_hash(&last.entry), position, &head, &last.inclusion)?;
                if matches!(Entry::parse(&last.entry), Ok(Entry::Epoch(_))) {
                    return Err(EvidenceError::NoOffence);
                }
                Ok(Rule::End)
            }
            (_, None) if head.size.get() < 2 => Ok(Rule::End),
            _ => Err(EvidenceError::Parts(
                "the last entry is given if the size is above 1",
            )),
        }
    }

    fn finding(&self, rule: Rule, position: Option<LeafIndex>) -> Finding {
        let at = position.map_or_else(String::new, |position| format!(", at position {position}"));
        let proves = format!(
            "The holder of the key {} broke the rule \"{rule}\"{at}: {}.",
            self.log_key,
            rule.meaning()
        );
        let mut does_not_show = String::from(
            "It does not show who holds that key, who was deceived, or why; and it convicts the \
             log only for somebody who knows the key to be the log's.",
        );
        if position.is_some() {
            does_not_show.push_str(
                " Nor that the epoch it starts from is right: if that one is wrong, the log broke \
                 a rule there instead.",
            );
        }
        Finding {
            rule,
            log_key: self.log_key.clone(),
            position,
            proves,
            does_not_show,
        }
    }
}

fn text(note: &[u8]) -> Value {
    json!(String::from_utf8_lossy(note))
}

fn take_checkpoint(file: &mut Object, member: &str) -> Result<Vec<u8>, JsonError> {
    let note = file.string(member)?.into_bytes();
    if note.len() > MAX_CHECKPOINT {
        let expected = "a checkpoint within its bound";
        return Err(JsonError::Wrong {
            member: member.into(),
            expected,
        });
    }
    Ok(note)
}

fn base64_entry(value: json::Json, member: &str) -> Result<Vec<u8>, JsonError> {
    crate::codec::base64_bytes(&value.into_string(member)?, MAX_ENTRY).map_err(|source| {
        JsonError::Codec {
            member: member.into(),
            source,
        }
    })
}
