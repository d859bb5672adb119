//! What a desk is asked, and what it answers.

use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::hash::Hash;
use plainsight_specs::index::IndexKey;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::note::SignatureLine;
use tokio::sync::oneshot;

use super::IndexAnswer;
use crate::audit::Answer;
use crate::compare::Comparison;
use crate::evidence::AccuseError;

/// What a desk is asked.
#[derive(Debug)]
pub enum Command {
    /// C2SP `add-checkpoint`, the log's signature verified.
    AddCheckpoint {
        /// The size that the log thinks was signed last.
        old: TreeSize,
        /// From there.
        proof: Vec<Hash>,
        /// The checkpoint.
        checkpoint: SignedCheckpoint,
        /// The answer.
        reply: oneshot::Sender<Reply>,
    },
    /// A head that somebody was shown, the log's signature verified.
    Shown {
        /// The checkpoint.
        checkpoint: SignedCheckpoint,
        /// The answer.
        reply: oneshot::Sender<Opinion>,
    },
    /// Index proofs at the head signed last.
    Index {
        /// What is searched.
        indexes: Vec<IndexKey>,
        /// The answer, or why there is none now.
        reply: oneshot::Sender<Result<IndexAnswer, &'static str>>,
    },
    /// Whether these are in the index, as far as the log was replayed.
    Holds {
        /// What is searched.
        indexes: Vec<IndexKey>,
        /// The answer; `None` while the log is being followed.
        reply: oneshot::Sender<Option<Vec<bool>>>,
    },
    /// A comparison of our own came to its end.
    Compared {
        /// The head.
        checkpoint: SignedCheckpoint,
        /// How it fits.
        found: Result<Comparison, AccuseError>,
        /// Who wants to know.
        asker: Asker,
    },
}

/// Who wants a head to be compared.
#[derive(Debug)]
pub enum Asker {
    /// A reader who was shown it.
    Reader(oneshot::Sender<Opinion>),
    /// We do, about a head that a reader was shown earlier.
    Ourselves,
    /// A log that asked for a cosignature with a proof that does not hold.
    Log,
}

/// The answer to `add-checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// 200.
    Cosigned(SignatureLine),
    /// Anything else.
    Refused(Answer),
}

/// What is thought of a head that somebody was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// `same`, `consistent`, `ahead`, `fork` or `unproven`.
    pub verdict: &'static str,
    /// The address of the evidence.
    pub evidence: Option<String>,
    /// For people.
    pub detail: String,
}
