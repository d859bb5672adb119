//! One reader of one log: its trust, its clock, and what it remembers. Every flow goes through
//! here, so that no answer is believed without the head that it hangs on.

use plainsight_specs::checkpoint::{Origin, UnverifiedCheckpoint};
use plainsight_specs::entry::Genesis;
use plainsight_specs::head::{GenesisAnswer, Head, Trust};
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::time::Timestamp;

use crate::failure::{Failure, Refusal};
use crate::source::Source;
use crate::trust::{TrustPolicy, Voucher};

/// Bound of an answer that holds a few entries and their proofs.
pub(crate) const MAX_ANSWER: usize = 2 * 1024 * 1024;

/// What a reader remembers of a log between one run and the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Verified at the first contact; the same for the life of the log.
    pub genesis: Genesis,
    /// The head verified last.
    pub head: TreeHead,
    /// The checkpoint of that head, with the cosignatures that were verified: what a reader hands
    /// to an auditor. `None` if an earlier version of this program kept no more than the head.
    pub checkpoint: Option<Vec<u8>>,
}

/// A log as one reader sees it. Made by a first contact or from memory.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    log: &'a Source,
    trust: &'a TrustPolicy,
    memory: Memory,
    /// Whether nothing of the log was known before.
    is_first: bool,
    now: Timestamp,
}

/// For what a head is needed, which decides how old it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Keys and protections.
    Contacts,
    /// Releases.
    Releases,
}

/// A head as it is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadSeen {
    /// Of which log.
    pub origin: Origin,
    /// Size and root.
    pub head: TreeHead,
    /// The time that the quorum vouches for.
    pub fresh: Timestamp,
    /// The reader's clock.
    pub now: Timestamp,
    /// The time of its last epoch, in milliseconds.
    pub epoch_ms: u64,
    /// The auditors that cosigned it.
    pub vouchers: Vec<Voucher>,
    /// The policy's other auditors.
    pub silent: Vec<String>,
}

impl HeadSeen {
    /// A verified head, with the reader's notes about its auditors.
    pub fn of(trust: &TrustPolicy, head: &Head, now: Timestamp) -> Self {
        let vouchers = trust.vouchers(head.checkpoint());
        Self {
            origin: head.checkpoint().origin().clone(),
            head: head.tree_head(),
            fresh: head.fresh(),
            now,
            epoch_ms: head.epoch().time_ms,
            silent: trust.silent(&vouchers),
            vouchers,
        }
    }
}

impl<'a> Reader<'a> {
    /// Goes on from what is remembered, or makes the first contact: the genesis and a head, both
    /// verified.
    pub async fn open(
        log: &'a Source,
        trust: &'a TrustPolicy,
        remembered: Option<Memory>,
        now: Timestamp,
    ) -> Result<Reader<'a>, Failure> {
        if let Some(memory) = remembered {
            return Ok(Self {
                log,
                trust,
                memory,
                is_first: false,
                now,
            });
        }
        let body = log.read("v1/genesis", MAX_ANSWER).await?;
        let answer = GenesisAnswer::parse(&body).map_err(Failure::refused)?;
        // A log is closed for good or alive; either way its releases may be read longest.
        let max_age_s = max_age(trust, Purpose::Releases).max(max_age(trust, Purpose::Contacts));
        let (head, genesis) = answer
            .verify(trust.policy(), now, max_age_s)
            .map_err(|error| refused_with(trust, error, &answer.head.checkpoint))?;
        let memory = Memory {
            genesis,
            head: head.tree_head(),
            checkpoint: Some(head.checkpoint().to_bytes()),
        };
        Ok(Self {
            log,
            trust,
            memory,
            is_first: true,
            now,
        })
    }

    /// Where it reads.
    pub fn log(&self) -> &'a Source {
        self.log
    }

    /// Whom it trusts.
    pub fn trust_policy(&self) -> &'a TrustPolicy {
        self.trust
    }

    /// What to remember: the genesis, and the newest head that passed every step.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Whether it began with a first contact: then no head was known before its first one.
    pub fn is_first(&self) -> bool {
        self.is_first
    }

    /// The reader's clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Sets the clock on, after something that takes time.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// How long a contact's reset stays unconfirmed, in seconds.
    pub(crate) fn reset_delay_s(&self) -> u64 {
        self.trust.annotations().reset_delay_s
    }

    /// The size to ask consistency from.
    pub(crate) fn since(&self) -> TreeSize {
        self.memory.head.size
    }

    /// What an answer to a question with [`Self::since`] is verified with.
    pub(crate) fn trust(&self, purpose: Purpose) -> Trust<'_> {
        Trust {
            policy: self.trust.policy(),
            genesis: &self.memory.genesis,
            remembered: Some(self.memory.head),
            now: self.now,
            max_age_s: max_age(self.trust, purpose),
        }
    }

    /// The same for an answer that proves no consistency.
    pub(crate) fn trust_without_memory(&self, purpose: Purpose) -> Trust<'_> {
        Trust {
            remembered: None,
            ..self.trust(purpose)
        }
    }

    /// Remembers a head whose whole answer was accepted, and shows it.
    pub(crate) fn accept(&mut self, head: &Head) -> HeadSeen {
        self.memory.head = head.tree_head();
        self.memory.checkpoint = Some(head.checkpoint().to_bytes());
        self.seen(head)
    }

    /// A head as it is shown to people.
    pub(crate) fn seen(&self, head: &Head) -> HeadSeen {
        HeadSeen::of(self.trust, head, self.now)
    }

    /// A refused answer, with the checkpoint it came with.
    pub(crate) fn refuse(&self, why: impl Into<Refusal>, checkpoint: &[u8]) -> Failure {
        refused_with(self.trust, why, checkpoint)
    }
}

fn max_age(trust: &TrustPolicy, purpose: Purpose) -> u64 {
    match purpose {
        Purpose::Contacts => trust.annotations().max_age_contacts_s,
        Purpose::Releases => trust.annotations().max_age_releases_s,
    }
}

/// Keeps the checkpoint only if the log signed it: anything else is noise that anybody can make.
fn refused_with(trust: &TrustPolicy, why: impl Into<Refusal>, checkpoint: &[u8]) -> Failure {
    let signed = UnverifiedCheckpoint::parse(checkpoint)
        .ok()
        .and_then(|unverified| {
            let keys = trust.policy().log_keys(unverified.origin());
            unverified.verify_log(&keys).ok()
        });
    Failure::Refused {
        why: Box::new(why.into()),
        shown: signed.map(|_| checkpoint.to_vec()),
    }
}
