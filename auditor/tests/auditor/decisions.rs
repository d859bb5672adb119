//! What an auditor decides, over thousands of orders of events that nobody thought of: honest and
//! forked heads, asked for, published, shown, held, examined, in any order, with any clock.

use plainsight_auditor::audit::{Answer, Break, Effect, Event, RequestId, Standing, State, step};
use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::rules::Rule;
use std::collections::BTreeSet;

use crate::support::{forked, grow};
use crate::tiny_log::TinyLog;

/// Orders of events, and events of each.
const ORDERS: u64 = 3_000;
const EVENTS: usize = 60;
const NOW_MS: u64 = 1_800_000_000_000;

/// A generator of the family xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// A head of one of two histories, with the proof from each smaller size.
struct Shown {
    signed: SignedCheckpoint,
    branch: usize,
}

/// Every head of a log of which another history was signed too.
struct Stage {
    logs: [TinyLog; 2],
    heads: Vec<Shown>,
}

impl Stage {
    fn new() -> Self {
        let (mut one, mut other) = forked();
        for n in 0..8 {
            for log in [&mut one, &mut other] {
                grow(log, n..n + 1);
            }
        }
        let mut heads = Vec::new();
        for (branch, log) in [&one, &other].into_iter().enumerate() {
            // Those that end at an epoch, and a few that do not.
            let is_shown = |size: &usize| log.entries[size - 1][0] == 1 || size.is_multiple_of(7);
            for size in (2..=log.entries.len()).filter(is_shown) {
                let head = TreeHead {
                    size: TreeSize::new(size as u64).unwrap(),
                    root: log.frontier_at(size).root(),
                };
                let signed = SignedCheckpoint::sign(&log.origin, head, &log.signer).unwrap();
                heads.push(Shown { signed, branch });
            }
        }
        Self {
            logs: [one, other],
            heads,
        }
    }

    fn proof(&self, shown: &Shown, older: TreeSize) -> Vec<Hash> {
        let size = shown.signed.head().size;
        let log = &self.logs[shown.branch];
        plainsight_specs::merkle::build::consistency_proof(older, size, &log.tiles)
            .unwrap_or_default()
    }
}

/// What was seen from outside, and must hold together.
#[derive(Default)]
struct Outside {
    signed: Vec<TreeHead>,
    open: BTreeSet<RequestId>,
    to_examine: Vec<SignedCheckpoint>,
}

impl Outside {
    fn note(&mut self, before: &State, event: &Event, effects: Vec<Effect>) {
        let mut persisted = None;
        for effect in effects {
            match effect {
                Effect::Persist { from, to } => {
                    assert_eq!(from, before.signed, "what was read is what is replaced");
                    persisted = Some(to.head());
                }
                Effect::Cosign {
                    checkpoint,
                    requests,
                } => {
                    let head = checkpoint.head();
                    assert_eq!(persisted, Some(head), "on the disk before it is signed");
                    self.may_sign(before, event, head);
                    self.signed.push(head);
                    for request in requests {
                        assert!(self.open.remove(&request), "{request:?} is answered twice");
                    }
                }
                Effect::Answer(request, answer) => {
                    assert!(self.open.remove(&request), "{request:?} is answered twice");
                    if let Answer::OtherSize(size) = answer {
                        assert_eq!(size, before.signed.size);
                    }
                }
                Effect::Follow(checkpoint) | Effect::Examine(checkpoint) => {
                    self.to_examine.push(checkpoint);
                }
                Effect::Accuse(_) | Effect::Warn(_) => {}
            }
        }
    }

    fn may_sign(&self, before: &State, event: &Event, head: TreeHead) {
        let Event::Examined {
            own_root,
            epoch_ms,
            now_ms,
            ..
        } = event
        else {
            panic!("signed without a look: {event:?}");
        };
        assert_eq!(before.standing, Standing::Clear);
        assert_eq!(before.open, None, "nothing is signed over an open break");
        assert_eq!(*own_root, head.root, "only what is held is signed");
        let epoch_ms = epoch_ms.unwrap();
        assert!(epoch_ms <= now_ms + before.skew_ms);
        for earlier in &self.signed {
            assert!(earlier.size <= head.size, "never back");
            assert!(
                earlier.size < head.size || earlier.root == head.root,
                "one root a size"
            );
        }
    }
}

#[test]
fn no_order_of_events_makes_it_sign_two_trees() {
    let stage = Stage::new();
    let mut signed = 0;
    for order in 1..=ORDERS {
        signed += one_order(
            &stage,
            &mut Random(order.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        );
    }
    assert!(
        signed > ORDERS as usize / 2,
        "hardly anything was signed: {signed}"
    );
}

/// Plays one order; gives how often it signed.
fn one_order(stage: &Stage, random: &mut Random) -> usize {
    let mut state = State::new(State::nothing_signed(), TreeSize::ZERO, None);
    let mut outside = Outside::default();
    // What is held is of one history, whichever came first.
    let own = &stage.logs[random.below(2)];
    for number in 0..EVENTS {
        let shown = &stage.heads[random.below(stage.heads.len())];
        let event = match random.below(12) {
            0..=2 => asked(stage, shown, &state, &mut outside, number, random),
            3 | 4 => Event::Published {
                checkpoint: shown.signed.clone(),
                ours: random.below(40) == 0,
            },
            5 => Event::Shown(shown.signed.clone()),
            6 => Event::Held(shown.signed.head().size),
            7..=9 => examined(own, shown, &state, &mut outside, random),
            10 => match random.below(4) {
                0 => Event::Open(Some(Break {
                    at: 1,
                    rule: Rule::Seq,
                })),
                1 => Event::NothingPublished,
                2 => Event::NotFollowed(shown.signed.head()),
                _ => Event::PeersAsked,
            },
            _ => match random.below(3) {
                0 => Event::Open(None),
                1 => Event::GaveUp(RequestId(random.below(EVENTS) as u64)),
                _ => Event::OwnFound(shown.signed.clone()),
            },
        };
        // Each event that says that our own signature was found on a head that we do not know of
        // ends the signing, which is tested elsewhere: here it comes rarely.
        if matches!(event, Event::OwnFound(_)) && random.below(10) > 0 {
            continue;
        }
        if let Event::GaveUp(request) = event {
            outside.open.remove(&request);
        }
        let before = state.clone();
        let effects = step(&mut state, event.clone());
        outside.note(&before, &event, effects);
    }
    outside.signed.len()
}

fn asked(
    stage: &Stage,
    shown: &Shown,
    state: &State,
    outside: &mut Outside,
    number: usize,
    random: &mut Random,
) -> Event {
    let request = RequestId(number as u64);
    outside.open.insert(request);
    let old = match random.below(4) {
        0 => TreeSize::new(random.below(9) as u64).unwrap(),
        _ => state.signed.size,
    };
    let mut proof = stage.proof(shown, old);
    if random.below(8) == 0 {
        proof.pop();
    }
    Event::Asked {
        request,
        old,
        proof,
        checkpoint: shown.signed.clone(),
    }
}

/// The look at a head: one that was to be looked at, mostly.
fn examined(
    own: &TinyLog,
    shown: &Shown,
    state: &State,
    outside: &mut Outside,
    random: &mut Random,
) -> Event {
    let checkpoint = match outside.to_examine.pop() {
        Some(checkpoint) if random.below(8) > 0 => checkpoint,
        _ => shown.signed.clone(),
    };
    let size = checkpoint.head().size.get() as usize;
    let own_root = if own.entries.len() >= size {
        own.frontier_at(size).root()
    } else {
        Hash::from_bytes([9; 32])
    };
    let is_epoch = |log: &TinyLog| log.entries.get(size - 1).is_some_and(|entry| entry[0] == 1);
    let ahead = match random.below(10) {
        0 => state.skew_ms + 1,
        _ => 0,
    };
    Event::Examined {
        checkpoint,
        own_root,
        epoch_ms: is_epoch(own).then_some(NOW_MS + ahead),
        now_ms: NOW_MS,
    }
}
