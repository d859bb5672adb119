#![doc = include_str!("../head.md")]

use serde_json::{Map, Value, json};

use crate::Blame;
use crate::checkpoint::{CheckpointError, UnverifiedCheckpoint};
use crate::codec::to_base64;
use crate::entry::{Entry, Epoch, Genesis};
use crate::hash::{Hash, leaf_hash};
use crate::json::{self, JsonError, Object};
use crate::merkle::verify::{ProofError, verify_consistency, verify_inclusion};
use crate::merkle::{LeafIndex, TreeHead, TreeSize};
use crate::policy::{Checkpoint, Policy, PolicyError, StaleError};
use crate::time::Timestamp;

/// The longest checkpoint that is read, in bytes: room for 32 post-quantum signature lines.
pub const MAX_CHECKPOINT: usize = 128 * 1024;
/// The longest inclusion or consistency proof that is read, in hashes.
pub const MAX_PROOF: usize = 64;
/// The longest entry, in bytes.
pub const MAX_ENTRY: usize = 65_535;

/// The steps of verification, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The bytes are what the chapter says.
    Parse,
    /// The log signed the checkpoint.
    LogSignature,
    /// Enough cosigners of the policy signed it.
    Quorum,
    /// They did so recently.
    Freshness,
    /// It extends the head seen last.
    Consistency,
    /// It ends at an epoch.
    Epoch,
    /// The indexes looked up are those of this label.
    Vrf,
    /// What the index holds at them.
    Index,
    /// Which version, or statement, is the latest.
    Ladder,
    /// The entry commits to this key set.
    Commitment,
    /// The key set keeps its own rules.
    KeySet,
    /// The statement is the one asked for.
    Statement,
    /// When it was logged.
    Logged,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 13] = [
        Self::Parse,
        Self::LogSignature,
        Self::Quorum,
        Self::Freshness,
        Self::Consistency,
        Self::Epoch,
        Self::Vrf,
        Self::Index,
        Self::Ladder,
        Self::Commitment,
        Self::KeySet,
        Self::Statement,
        Self::Logged,
    ];

    /// The word shown to people and used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::LogSignature => "log-signature",
            Self::Quorum => "quorum",
            Self::Freshness => "freshness",
            Self::Consistency => "consistency",
            Self::Epoch => "epoch",
            Self::Vrf => "vrf",
            Self::Index => "index",
            Self::Ladder => "ladder",
            Self::Commitment => "commitment",
            Self::KeySet => "key-set",
            Self::Statement => "statement",
            Self::Logged => "logged",
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the reader brings to a verification: nothing of it comes from the answer.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// Whose signatures count.
    pub policy: &'a Policy,
    /// The log's genesis, verified once and remembered.
    pub genesis: &'a Genesis,
    /// The head verified last, if there was one. The request's `since` was its size.
    pub remembered: Option<TreeHead>,
    /// The reader's clock.
    pub now: Timestamp,
    /// The oldest acceptable quorum of cosignatures, in seconds.
    pub max_age_s: u64,
}

/// The head of an answer as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadBlock {
    /// The published checkpoint, as served.
    pub checkpoint: Vec<u8>,
    /// From the reader's last size; `None` if the request had no `since`.
    pub consistency: Option<Vec<Hash>>,
    /// The last entry.
    pub epoch: Vec<u8>,
    /// Its inclusion as the last leaf.
    pub epoch_proof: Vec<Hash>,
}

/// A head that passed every step.
#[derive(Debug, Clone)]
pub struct Head {
    checkpoint: Checkpoint,
    epoch: Epoch,
    fresh: Timestamp,
}

/// Why a head is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The answer is not the JSON it should be.
    #[error("the answer does not parse: {0}")]
    Json(#[from] JsonError),
    /// The checkpoint does not parse.
    #[error("the checkpoint does not parse: {0}")]
    Checkpoint(CheckpointError),
    /// The policy does not accept the checkpoint.
    #[error("{0}")]
    Policy(#[from] PolicyError),
    /// The checkpoint is of another log than the genesis.
    #[error("the checkpoint is of another log than the genesis at hand")]
    OtherLog,
    /// The quorum is too old, or in the future.
    #[error("{0}")]
    Stale(#[from] StaleError),
    /// Smaller than the head seen last.
    #[error("the log shows a head of size {shown} after one of size {seen}")]
    Rollback {
        /// The size remembered.
        seen: TreeSize,
        /// The size shown.
        shown: TreeSize,
    },
    /// No consistency proof, though one was asked for; or one nobody asked for.
    #[error("a consistency proof must be given if and only if it was asked for")]
    ConsistencyProofPresence,
    /// It does not extend the head seen last.
    #[error("the log does not show that its head extends the one seen last: {0}")]
    Consistency(ProofError),
    /// The last entry is not a well-formed epoch.
    #[error("the last entry is not an epoch")]
    NotAnEpoch,
    /// The last entry is not included where it is claimed.
    #[error("the epoch is not shown to be the last entry: {0}")]
    EpochInclusion(ProofError),
    /// The epoch is later than its cosigners' clocks.
    #[error("the epoch's time is ahead of its cosigners' clocks")]
    EpochAhead,
    /// The genesis does not parse or is of another origin.
    #[error("the first entry is not a genesis of this log")]
    NotAGenesis,
    /// The genesis is not included at position 0.
    #[error("the genesis is not shown to be the first entry: {0}")]
    GenesisInclusion(ProofError),
}

impl HeadError {
    /// The steps of every answer's head.
    pub const STEPS: [Step; 6] = [
        Step::Parse,
        Step::LogSignature,
        Step::Quorum,
        Step::Freshness,
        Step::Consistency,
        Step::Epoch,
    ];

    /// The step that failed.
    pub fn step(&self) -> Step {
        match self {
            Self::Json(_) | Self::Checkpoint(_) => Step::Parse,
            Self::Policy(PolicyError::Quorum { .. }) => Step::Quorum,
            Self::Policy(_) | Self::OtherLog => Step::LogSignature,
            Self::Stale(_) => Step::Freshness,
            Self::Rollback { .. } | Self::ConsistencyProofPresence | Self::Consistency(_) => {
                Step::Consistency
            }
            Self::NotAnEpoch
            | Self::EpochInclusion(_)
            | Self::EpochAhead
            | Self::NotAGenesis
            | Self::GenesisInclusion(_) => Step::Epoch,
        }
    }

    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Json(_) | Self::Checkpoint(_) | Self::ConsistencyProofPresence => {
                Blame::Malformed
            }
            // An old head may be an outage, and a smaller one a lagging replica.
            Self::Stale(_) | Self::Rollback { .. } => Blame::Unavailable,
            Self::Policy(_)
            | Self::OtherLog
            | Self::Consistency(_)
            | Self::NotAnEpoch
            | Self::EpochInclusion(_)
            | Self::EpochAhead
            | Self::NotAGenesis
            | Self::GenesisInclusion(_) => Blame::Unproven,
        }
    }
}

impl HeadBlock {
    /// Takes the members of the head out of an answer.
    pub fn take(answer: &mut Object) -> Result<Self, JsonError> {
        // SPEC(HEAD-1)
        let checkpoint = answer.string("checkpoint")?.into_bytes();
        if checkpoint.len() > MAX_CHECKPOINT {
            return Err(JsonError::Wrong {
                member: "checkpoint".into(),
                expected: "a checkpoint within its bound",
            });
        }
        let consistency = match answer.take("consistency") {
            None => None,
            Some(value) => Some(json::base64_hashes(value, "consistency", MAX_PROOF)?),
        };
        Ok(Self {
            checkpoint,
            consistency,
            epoch: answer.base64("epoch", MAX_ENTRY)?,
            epoch_proof: answer.base64_hashes("epoch_proof", MAX_PROOF)?,
        })
    }

    /// The members of the head, to which an answer adds its own.
    pub fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let note = String::from_utf8_lossy(&self.checkpoint).into_owned();
        members.insert("checkpoint".into(), json!(note));
        if let Some(proof) = &self.consistency {
            members.insert("consistency".into(), hashes(proof));
        }
        members.insert("epoch".into(), json!(to_base64(&self.epoch)));
        members.insert("epoch_proof".into(), hashes(&self.epoch_proof));
        members
    }

    /// Verifies every step of the head.
    pub fn verify(&self, trust: &Trust<'_>) -> Result<Head, HeadError> {
        let unverified =
            UnverifiedCheckpoint::parse(&self.checkpoint).map_err(HeadError::Checkpoint)?;
        // SPEC(HEAD-2)
        let checkpoint = trust.policy.verify(unverified)?;
        if checkpoint.origin() != trust.genesis.origin() {
            return Err(HeadError::OtherLog);
        }
        // SPEC(HEAD-3)
        let skew_s = trust.genesis.max_clock_skew_ms() / 1000;
        let fresh = checkpoint.check_fresh(trust.now, trust.max_age_s, skew_s)?;
        // SPEC(HEAD-4)
        let head = checkpoint.head();
        let remembered = trust.remembered.filter(|seen| seen.size > TreeSize::ZERO);
        match (remembered, &self.consistency) {
            (None, None) => {}
            (Some(seen), _) if head.size < seen.size => {
                return Err(HeadError::Rollback {
                    seen: seen.size,
                    shown: head.size,
                });
            }
            (Some(seen), Some(proof)) => {
                verify_consistency(&seen, &head, proof).map_err(HeadError::Consistency)?;
            }
            (Some(_), None) | (None, Some(_)) => return Err(HeadError::ConsistencyProofPresence),
        }
        // SPEC(HEAD-5)
        let epoch = epoch_at_end(&head, &self.epoch, &self.epoch_proof)?;
        let latest_ms = fresh
            .seconds()
            .saturating_mul(1000)
            .saturating_add(999)
            .saturating_add(trust.genesis.max_clock_skew_ms());
        if epoch.time_ms > latest_ms {
            return Err(HeadError::EpochAhead);
        }
        Ok(Head {
            checkpoint,
            epoch,
            fresh,
        })
    }
}

/// The epoch that `head` ends at, from the entry and its inclusion as the last leaf.
pub fn epoch_at_end(head: &TreeHead, entry: &[u8], inclusion: &[Hash]) -> Result<Epoch, HeadError> {
    let Ok(Entry::Epoch(epoch)) = Entry::parse(entry) else {
        return Err(HeadError::NotAnEpoch);
    };
    let last = head.size.last().ok_or(HeadError::NotAnEpoch)?;
    verify_inclusion(&leaf_hash(entry), last, head, inclusion)
        .map_err(HeadError::EpochInclusion)?;
    Ok(epoch)
}

impl Head {
    /// The checkpoint, with the cosignatures that met the quorum.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Size and root: what the reader remembers.
    pub fn tree_head(&self) -> TreeHead {
        self.checkpoint.head()
    }

    /// The epoch that the head ends at.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The time that the quorum vouches for.
    pub fn fresh(&self) -> Timestamp {
        self.fresh
    }
}

/// The answer to `GET /v1/genesis`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenesisAnswer {
    /// The head.
    pub head: HeadBlock,
    /// The entry at position 0.
    pub entry: Vec<u8>,
    /// Its inclusion.
    pub inclusion: Vec<Hash>,
}

impl GenesisAnswer {
    /// From the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut answer = json::parse_object(body)?;
        let parsed = Self {
            head: HeadBlock::take(&mut answer)?,
            entry: answer.base64("entry", MAX_ENTRY)?,
            inclusion: answer.base64_hashes("inclusion", MAX_PROOF)?,
        };
        answer.finish()?;
        Ok(parsed)
    }

    /// The body of an answer.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = self.head.members();
        members.insert("entry".into(), json!(to_base64(&self.entry)));
        members.insert("inclusion".into(), hashes(&self.inclusion));
        Value::Object(members).to_string().into_bytes()
    }

    /// Verifies the head and that the entry is the genesis of the log that it is of.
    pub fn verify(
        &self,
        policy: &Policy,
        now: Timestamp,
        max_age_s: u64,
    ) -> Result<(Head, Genesis), HeadError> {
        // SPEC(HEAD-6)
        let Ok(Entry::Genesis(genesis)) = Entry::parse(&self.entry) else {
            return Err(HeadError::NotAGenesis);
        };
        let trust = Trust {
            policy,
            genesis: &genesis,
            remembered: None,
            now,
            max_age_s,
        };
        let head = self.head.verify(&trust)?;
        let first = LeafIndex::default();
        verify_inclusion(
            &leaf_hash(&self.entry),
            first,
            &head.tree_head(),
            &self.inclusion,
        )
        .map_err(HeadError::GenesisInclusion)?;
        Ok((head, *genesis))
    }
}

/// An array of base64 hashes.
pub(crate) fn hashes(list: &[Hash]) -> Value {
    list.iter().map(Hash::to_base64).collect()
}
