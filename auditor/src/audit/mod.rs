//! What an auditor decides about the heads of one log: a pure function from what it knows and what
//! happens to what is to be done.
//!
//! Effects are carried out in order, and nothing after a [`Effect::Persist`] that failed is. A
//! cosignature leaves only by [`Effect::Cosign`], which always follows the `Persist` of its head,
//! so that what was signed is on disk before anyone sees it. Out of scope: fetching, storing and
//! signing themselves, which are in [`crate::follow`] and [`crate::store`].

#[cfg(test)]
mod tests;

use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::hash::{self, Hash};
use plainsight_specs::merkle::verify::verify_consistency;
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use plainsight_specs::rules::Rule;

/// How many requests may wait for heads of one log.
pub const MAX_WAITING: usize = 64;

/// Why nothing of a log is cosigned that signed more heads than can be kept unexplained.
const UNSHOWN: &str =
    "this log signs heads that it does not show; no more of them can be kept here";

/// Why nothing is cosigned while the own clock is off.
const CLOCK_OFF: &str = "this auditor's own clock is wrong; its operator was told";

/// Tells requests apart, so that each is answered once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A rule that a log broke, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Break {
    /// The position of the entry, or the size of the head for the rules about heads.
    pub at: u64,
    /// The rule.
    pub rule: Rule,
}

impl Break {
    /// Whether it is about a head and not about an entry.
    pub fn is_about_head(&self) -> bool {
        matches!(self.rule, Rule::Fork | Rule::Extension | Rule::End)
    }

    /// Whether an operator may acknowledge it.
    pub fn can_be_acknowledged(&self) -> bool {
        let position = LeafIndex::new(self.at).filter(|_| !self.is_about_head());
        self.rule.can_be_acknowledged(position)
    }
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule {} {}", self.rule, self.at)
    }
}

/// Whether this auditor's own past allows it to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The log's published checkpoint was not seen since the start, or other auditors were not
    /// asked yet what they saw of us.
    Unchecked,
    /// It carries no cosignature of ours that we do not know of.
    Clear,
    /// It carries one over a head of this size: our state is older than our signatures.
    RolledBack(TreeSize),
}

/// What is remembered outside the database of what was signed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Nothing that the database does not know of; or nothing was ever signed.
    Fits,
    /// There is none, though the database has signed: nobody can tell whether it is an old copy, before
    /// somebody else's memory was heard.
    Missing,
    /// It cannot be read, so that only the operator can tell.
    Unreadable,
}

/// What is known about one log.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any of them may hold"
)]
pub struct State {
    /// The newest head that was cosigned; the empty tree if none was.
    pub signed: TreeHead,
    /// The newest head of which everything is held and replayed.
    pub held: TreeSize,
    /// The first break that nobody acknowledged.
    pub open: Option<Break>,
    /// Whether we may sign at all.
    pub standing: Standing,
    /// Whether the log signed more heads than it shows, so that no more of them can be kept.
    pub unshown: bool,
    /// Whether our own clock is off, as others say.
    pub clock_off: bool,
    /// How far an epoch may be ahead of our clock; from the genesis.
    pub skew_ms: u64,
    /// What is remembered outside the database of what was signed last.
    pub memory: Memory,
    /// Whether all peers were asked once, answer or not. True where there are none.
    pub peers_asked: bool,
    published_seen: bool,
    waiting: Vec<(RequestId, TreeHead)>,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A log asks for a cosignature. Its signature on the checkpoint was verified.
    Asked {
        /// Which request.
        request: RequestId,
        /// The size that the log thinks we signed last.
        old: TreeSize,
        /// From there to the checkpoint.
        proof: Vec<Hash>,
        /// The checkpoint.
        checkpoint: SignedCheckpoint,
    },
    /// The log's published checkpoint was read, its signature verified.
    Published {
        /// The checkpoint.
        checkpoint: SignedCheckpoint,
        /// Whether a valid cosignature of our own is on it.
        ours: bool,
    },
    /// The log said that it has published no checkpoint yet.
    NothingPublished,
    /// A head that somebody else was shown, or shows, extends what is held. Its signature was
    /// verified.
    Shown(SignedCheckpoint),
    /// A valid cosignature of our own on this head was found at a peer.
    OwnFound(SignedCheckpoint),
    /// What is remembered outside the database was looked at again.
    Recalled(Memory),
    /// Every peer was asked once.
    PeersAsked,
    /// The entries up to here are held and replayed.
    Held(TreeSize),
    /// A head was compared with the entries held, all of which were replayed.
    Examined {
        /// The head, not larger than what is held.
        checkpoint: SignedCheckpoint,
        /// The root of that size in our own tree.
        own_root: Hash,
        /// The time of the epoch that ends it, if one that is not void does.
        epoch_ms: Option<u64>,
        /// Our clock.
        now_ms: u64,
    },
    /// The log did not show what belongs to this head.
    NotFollowed(TreeHead),
    /// The breaks that nobody acknowledged were read again; this is the first.
    Open(Option<Break>),
    /// Whether the log signed more heads than it shows was found out again.
    Unshown(bool),
    /// Whether our own clock is off was found out again.
    ClockOff(bool),
    /// A request will take no answer any more.
    GaveUp(RequestId),
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Fetch, verify and replay everything up to this head.
    Follow(SignedCheckpoint),
    /// Compare this head with what is held: [`Event::Examined`].
    Examine(SignedCheckpoint),
    /// The log signed this head, and it contradicts what is held: look for evidence.
    Accuse(SignedCheckpoint),
    /// Store that this head is signed, if the one signed last still is `from`.
    Persist {
        /// What was read.
        from: TreeHead,
        /// What is written.
        to: SignedCheckpoint,
    },
    /// Give the cosignature on this head to these requests.
    Cosign {
        /// The head.
        checkpoint: SignedCheckpoint,
        /// Who asked; nobody if the head was read where the log publishes it.
        requests: Vec<RequestId>,
    },
    /// Answer a request.
    Answer(RequestId, Answer),
    /// Tell the operator.
    Warn(Warning),
}

/// Answers other than a cosignature, by C2SP tlog-witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 400.
    Malformed(&'static str),
    /// 409 with the size that was signed last.
    OtherSize(TreeSize),
    /// 422: the consistency proof does not hold.
    BadProof(String),
    /// 422: the log broke a rule.
    Broken(Break),
    /// 422: the head is not one to be signed.
    Unfit(&'static str),
    /// 503: later.
    Later(&'static str),
}

/// What only the operator has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// An epoch is ahead of our clock.
    ClockAhead {
        /// The epoch's time.
        epoch_ms: u64,
        /// Ours.
        now_ms: u64,
    },
    /// Our state is older than our signatures.
    RolledBack {
        /// What our state says we signed last.
        signed: TreeSize,
        /// What we did sign.
        seen: TreeSize,
    },
}

impl State {
    /// What is known at the start.
    pub fn new(signed: TreeHead, held: TreeSize, open: Option<Break>) -> Self {
        Self {
            signed,
            held,
            open,
            standing: Standing::Unchecked,
            unshown: false,
            clock_off: false,
            skew_ms: 0,
            memory: Memory::Fits,
            peers_asked: true,
            published_seen: false,
            waiting: Vec::new(),
        }
    }

    /// The head of a log that was never signed.
    pub fn nothing_signed() -> TreeHead {
        TreeHead {
            size: TreeSize::ZERO,
            root: hash::empty_root(),
        }
    }

    /// Whether somebody waits for this head.
    pub fn is_awaited(&self, head: TreeHead) -> bool {
        self.waiting.iter().any(|(_, awaited)| *awaited == head)
    }

    /// Whether the published checkpoint was seen since the start.
    pub fn has_seen_published(&self) -> bool {
        self.published_seen
    }

    fn clear_if_all_was_looked_at(&mut self) {
        // SPEC(WIT-7)
        let looked = self.published_seen && self.peers_asked;
        // SPEC(WIT-17)
        let remembered = self.memory == Memory::Fits;
        if self.standing == Standing::Unchecked && looked && remembered {
            self.standing = Standing::Clear;
        }
    }

    /// Somebody else remembers a head that we signed, and not one that we do not know of.
    fn is_remembered(&mut self) {
        if self.memory == Memory::Missing {
            self.memory = Memory::Fits;
        }
        self.clear_if_all_was_looked_at();
    }

    /// Why nothing is signed before everything was looked at.
    fn unchecked(&self) -> &'static str {
        match self.memory {
            Memory::Fits => "not yet compared with the log",
            Memory::Missing | Memory::Unreadable => {
                "nobody remembers what this auditor signed last; its operator was told"
            }
        }
    }

    /// Our own cosignature was found on a head; if it is one that we do not know of, ours is an
    /// old copy of ourselves.
    fn own_found(&mut self, head: TreeHead) -> Option<Warning> {
        let signed = self.signed;
        let unknown = head.size > signed.size || (head.size == signed.size && head != signed);
        if !unknown {
            return None;
        }
        let newest = match self.standing {
            Standing::RolledBack(known) => known.max(head.size),
            _ => head.size,
        };
        self.standing = Standing::RolledBack(newest);
        Some(Warning::RolledBack {
            signed: signed.size,
            seen: newest,
        })
    }

    fn no_longer_waiting(&mut self, head: TreeHead) -> Vec<RequestId> {
        let (done, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|(_, awaited)| *awaited == head);
        self.waiting = waiting;
        done.into_iter().map(|(request, _)| request).collect()
    }
}

/// Decides. Changes nothing but `state`.
pub fn step(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::Asked {
            request,
            old,
            proof,
            checkpoint,
        } => asked(state, request, old, &proof, checkpoint),
        Event::Published { checkpoint, ours } => published(state, checkpoint, ours),
        Event::NothingPublished => {
            state.published_seen = true;
            state.clear_if_all_was_looked_at();
            Vec::new()
        }
        Event::Shown(checkpoint) => {
            if checkpoint.head() == state.signed {
                return Vec::new();
            }
            vec![look_at(state, checkpoint)]
        }
        Event::OwnFound(checkpoint) => {
            if let Some(warning) = state.own_found(checkpoint.head()) {
                return vec![Effect::Warn(warning), look_at(state, checkpoint)];
            }
            state.is_remembered();
            Vec::new()
        }
        Event::Recalled(memory) => {
            state.memory = memory;
            state.clear_if_all_was_looked_at();
            Vec::new()
        }
        Event::PeersAsked => {
            state.peers_asked = true;
            state.clear_if_all_was_looked_at();
            Vec::new()
        }
        Event::Held(size) => {
            state.held = state.held.max(size);
            Vec::new()
        }
        Event::Examined {
            checkpoint,
            own_root,
            epoch_ms,
            now_ms,
        } => examined(state, checkpoint, own_root, epoch_ms, now_ms),
        Event::NotFollowed(head) => state
            .no_longer_waiting(head)
            .into_iter()
            .map(|request| {
                Effect::Answer(
                    request,
                    Answer::Later("the log does not show all of this head"),
                )
            })
            .collect(),
        Event::Open(open) => {
            state.open = open;
            Vec::new()
        }
        Event::Unshown(unshown) => {
            state.unshown = unshown;
            Vec::new()
        }
        Event::ClockOff(clock_off) => {
            state.clock_off = clock_off;
            Vec::new()
        }
        Event::GaveUp(request) => {
            state.waiting.retain(|(waiting, _)| *waiting != request);
            Vec::new()
        }
    }
}

/// C2SP tlog-witness, in the order of its text.
fn asked(
    state: &mut State,
    request: RequestId,
    old: TreeSize,
    proof: &[Hash],
    checkpoint: SignedCheckpoint,
) -> Vec<Effect> {
    let answer = |answer| vec![Effect::Answer(request, answer)];
    let head = checkpoint.head();
    if old > head.size {
        return answer(Answer::Malformed("the old size is above the checkpoint's"));
    }
    match state.standing {
        Standing::Unchecked => return answer(Answer::Later(state.unchecked())),
        Standing::RolledBack(_) => {
            return answer(Answer::Later(
                "this auditor's state is older than its own cosignatures",
            ));
        }
        Standing::Clear => {}
    }
    if old != state.signed.size {
        return answer(Answer::OtherSize(state.signed.size));
    }
    if let Err(error) = verify_consistency(&state.signed, &head, proof) {
        // A bad proof is nobody's evidence; what the log signed may be. Both heads are real.
        return vec![
            Effect::Answer(request, Answer::BadProof(error.to_string())),
            Effect::Accuse(checkpoint),
        ];
    }
    if let Some(open) = state.open {
        return answer(Answer::Broken(open));
    }
    if state.unshown {
        return answer(Answer::Later(UNSHOWN));
    }
    if state.clock_off {
        return answer(Answer::Later(CLOCK_OFF));
    }
    if state.waiting.len() >= MAX_WAITING {
        return answer(Answer::Later("too many requests wait for this log"));
    }
    state.waiting.push((request, head));
    vec![look_at(state, checkpoint)]
}

fn published(state: &mut State, checkpoint: SignedCheckpoint, ours: bool) -> Vec<Effect> {
    let head = checkpoint.head();
    state.published_seen = true;
    if let Some(warning) = ours.then(|| state.own_found(head)).flatten() {
        return vec![Effect::Warn(warning), look_at(state, checkpoint)];
    }
    if ours && head == state.signed {
        state.is_remembered();
    }
    state.clear_if_all_was_looked_at();
    if head == state.signed {
        return Vec::new();
    }
    vec![look_at(state, checkpoint)]
}

fn look_at(state: &State, checkpoint: SignedCheckpoint) -> Effect {
    if checkpoint.head().size > state.held {
        Effect::Follow(checkpoint)
    } else {
        Effect::Examine(checkpoint)
    }
}

fn examined(
    state: &mut State,
    checkpoint: SignedCheckpoint,
    own_root: Hash,
    epoch_ms: Option<u64>,
    now_ms: u64,
) -> Vec<Effect> {
    let head = checkpoint.head();
    let requests = state.no_longer_waiting(head);
    let tell = |answer: Answer| -> Vec<Effect> {
        requests
            .iter()
            .map(|request| Effect::Answer(*request, answer.clone()))
            .collect()
    };
    let contradicts = head.size == state.signed.size && head.root != state.signed.root;
    if own_root != head.root || contradicts {
        let mut effects = tell(Answer::BadProof("it contradicts an earlier head".into()));
        effects.push(Effect::Accuse(checkpoint));
        return effects;
    }
    if head.size < state.signed.size {
        return tell(Answer::OtherSize(state.signed.size));
    }
    if state.standing != Standing::Clear {
        return tell(Answer::Later(state.unchecked()));
    }
    if let Some(open) = state.open {
        return tell(Answer::Broken(open));
    }
    if state.unshown {
        return tell(Answer::Later(UNSHOWN));
    }
    // SPEC(WIT-18)
    if state.clock_off {
        return tell(Answer::Later(CLOCK_OFF));
    }
    if !checkpoint.extensions().is_empty() {
        return tell(Answer::Unfit("its checkpoint has extension lines"));
    }
    let Some(epoch_ms) = epoch_ms.filter(|_| head.size.get() >= 2) else {
        return tell(Answer::Unfit("it does not end at an epoch that follows"));
    };
    if epoch_ms > now_ms.saturating_add(state.skew_ms) {
        let mut effects = tell(Answer::Later("its epoch is ahead of this auditor's clock"));
        effects.push(Effect::Warn(Warning::ClockAhead { epoch_ms, now_ms }));
        return effects;
    }
    let from = std::mem::replace(&mut state.signed, head);
    vec![
        Effect::Persist {
            from,
            to: checkpoint.clone(),
        },
        Effect::Cosign {
            checkpoint,
            requests,
        },
    ]
}
