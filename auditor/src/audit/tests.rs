//! The table of C2SP tlog-witness, and the two promises: stored before given out, and never two
//! heads that conflict.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::leaf_hash;
use plainsight_specs::merkle::build::{consistency_proof, root};
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::tile::{Edge, TileSet};

use super::*;

const NOW: u64 = 1_800_000_000_000;

/// A tree of up to 40 leaves and another that differs from leaf 5 on.
struct Trees {
    signer: Signer,
    honest: TileSet,
    forked: TileSet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Honest,
    Forked,
}

impl Trees {
    fn new() -> Self {
        let name = KeyName::parse("log.example").unwrap();
        let secret = SecretKey::from_seed(&[1; 32]);
        let tiles = |fork: u64| {
            let mut set = TileSet::new();
            let mut edge = Edge::new();
            for n in 0..40u64 {
                let entry = [n, if n >= 5 { fork } else { 0 }].map(u64::to_be_bytes);
                for (path, bytes) in edge.append(&[leaf_hash(&entry.concat())]).unwrap() {
                    set.insert(path, &bytes).unwrap();
                }
            }
            set
        };
        Self {
            signer: Signer::new(name, Algorithm::Ed25519, secret).unwrap(),
            honest: tiles(0),
            forked: tiles(1),
        }
    }

    fn tiles(&self, which: Which) -> &TileSet {
        match which {
            Which::Honest => &self.honest,
            Which::Forked => &self.forked,
        }
    }

    fn root(&self, which: Which, size: u64) -> Hash {
        root(TreeSize::new(size).unwrap(), self.tiles(which)).unwrap()
    }

    fn signed(&self, which: Which, size: u64) -> SignedCheckpoint {
        let head = TreeHead {
            size: TreeSize::new(size).unwrap(),
            root: self.root(which, size),
        };
        SignedCheckpoint::sign(&Origin::parse("log.example").unwrap(), head, &self.signer).unwrap()
    }

    fn proof(&self, which: Which, older: u64, newer: u64) -> Vec<Hash> {
        let (older, newer) = (TreeSize::new(older).unwrap(), TreeSize::new(newer).unwrap());
        consistency_proof(older, newer, self.tiles(which)).unwrap_or_default()
    }

    /// A state that has signed the honest head of this size.
    fn after(&self, size: u64) -> State {
        let mut state = State::new(State::nothing_signed(), TreeSize::ZERO, None);
        step(&mut state, Event::NothingPublished);
        if size > 0 {
            step(&mut state, Event::Held(TreeSize::new(size).unwrap()));
            let effects = step(&mut state, self.examined(Which::Honest, size));
            assert_eq!(effects.len(), 2);
        }
        state
    }

    fn asked(&self, old: u64, which: Which, size: u64) -> Event {
        Event::Asked {
            request: RequestId(1),
            old: TreeSize::new(old).unwrap(),
            proof: self.proof(which, old, size),
            checkpoint: self.signed(which, size),
        }
    }

    /// As the desk does it: the own tree is the honest one.
    fn examined(&self, which: Which, size: u64) -> Event {
        Event::Examined {
            checkpoint: self.signed(which, size),
            own_root: self.root(Which::Honest, size),
            epoch_ms: Some(NOW),
            now_ms: NOW,
        }
    }
}

fn answer(effects: &[Effect]) -> &Answer {
    match effects {
        [Effect::Answer(RequestId(1), answer), ..] => answer,
        other => panic!("no answer comes first: {other:?}"),
    }
}

#[test]
fn an_old_size_above_the_checkpoint_is_malformed() {
    let trees = Trees::new();
    let effects = step(&mut trees.after(8), trees.asked(9, Which::Honest, 8));
    assert!(matches!(answer(&effects), Answer::Malformed(_)));
}

#[test]
fn what_was_signed_holds_even_against_the_own_mirror() {
    // A mirror that is of another tree than what was signed: damaged, or put back.
    let trees = Trees::new();
    let mut state = trees.after(8);
    let signed = state.signed;
    let effects = step(
        &mut state,
        Event::Examined {
            checkpoint: trees.signed(Which::Forked, 8),
            own_root: trees.root(Which::Forked, 8),
            epoch_ms: Some(NOW),
            now_ms: NOW,
        },
    );
    assert!(matches!(effects.as_slice(), [Effect::Accuse(_)]));
    assert_eq!(state.signed, signed);
}

#[test]
fn another_old_size_is_answered_with_the_own() {
    let trees = Trees::new();
    for old in [0, 7, 9] {
        let effects = step(&mut trees.after(8), trees.asked(old, Which::Honest, 10));
        assert_eq!(
            *answer(&effects),
            Answer::OtherSize(TreeSize::new(8).unwrap())
        );
        assert_eq!(effects.len(), 1);
    }
    let effects = step(&mut trees.after(0), trees.asked(3, Which::Honest, 10));
    assert_eq!(*answer(&effects), Answer::OtherSize(TreeSize::ZERO));
}

#[test]
fn a_bad_proof_is_refused_and_never_signed() {
    let trees = Trees::new();
    let asked = |proof, which, size| Event::Asked {
        request: RequestId(1),
        old: TreeSize::new(8).unwrap(),
        proof,
        checkpoint: trees.signed(which, size),
    };
    let good = trees.proof(Which::Honest, 8, 10);
    let mut long = good.clone();
    long.push(Hash::ZERO);
    for event in [
        asked(Vec::new(), Which::Honest, 10),
        asked(long, Which::Honest, 10),
        asked(good, Which::Forked, 10),
        asked(trees.proof(Which::Forked, 8, 10), Which::Forked, 10),
        asked(Vec::new(), Which::Forked, 8),
        asked(vec![Hash::ZERO], Which::Honest, 8),
    ] {
        let mut state = trees.after(8);
        let effects = step(&mut state, event);
        assert!(matches!(answer(&effects), Answer::BadProof(_)));
        assert!(matches!(effects.as_slice(), [_, Effect::Accuse(_)]));
        assert_eq!(state.signed, trees.signed(Which::Honest, 8).head());
    }
    let with_proof = Event::Asked {
        request: RequestId(1),
        old: TreeSize::ZERO,
        proof: vec![Hash::ZERO],
        checkpoint: trees.signed(Which::Honest, 8),
    };
    let effects = step(&mut trees.after(0), with_proof);
    assert!(matches!(answer(&effects), Answer::BadProof(_)));
}

#[test]
fn a_head_is_followed_examined_stored_and_then_signed() {
    let trees = Trees::new();
    let mut state = trees.after(8);
    let checkpoint = trees.signed(Which::Honest, 10);
    let effects = step(&mut state, trees.asked(8, Which::Honest, 10));
    assert_eq!(effects, [Effect::Follow(checkpoint.clone())]);
    assert!(state.is_awaited(checkpoint.head()));
    step(&mut state, Event::Held(TreeSize::new(10).unwrap()));
    let effects = step(&mut state, trees.examined(Which::Honest, 10));
    let from = trees.signed(Which::Honest, 8).head();
    assert_eq!(
        effects,
        [
            Effect::Persist {
                from,
                to: checkpoint.clone()
            },
            Effect::Cosign {
                checkpoint,
                requests: vec![RequestId(1)]
            }
        ]
    );
}

#[test]
fn the_same_head_again_gets_a_fresh_cosignature() {
    let trees = Trees::new();
    let mut state = trees.after(8);
    let effects = step(&mut state, trees.asked(8, Which::Honest, 8));
    assert_eq!(effects, [Effect::Examine(trees.signed(Which::Honest, 8))]);
    let effects = step(&mut state, trees.examined(Which::Honest, 8));
    assert!(matches!(effects[0], Effect::Persist { .. }));
    assert!(matches!(effects[1], Effect::Cosign { .. }));
}

#[test]
fn a_request_that_was_overtaken_learns_the_new_size() {
    let trees = Trees::new();
    let mut state = trees.after(8);
    step(&mut state, trees.asked(8, Which::Honest, 10));
    step(&mut state, Event::Held(TreeSize::new(12).unwrap()));
    step(&mut state, trees.examined(Which::Honest, 12));
    let effects = step(&mut state, trees.examined(Which::Honest, 10));
    assert_eq!(
        *answer(&effects),
        Answer::OtherSize(TreeSize::new(12).unwrap())
    );
    assert_eq!(state.signed.size.get(), 12);
}

#[test]
fn an_open_break_stops_cosigning_and_is_named() {
    let trees = Trees::new();
    let mut state = trees.after(8);
    let found = Break {
        at: 3,
        rule: Rule::Seq,
    };
    step(&mut state, Event::Open(Some(found)));
    let effects = step(&mut state, trees.asked(8, Which::Honest, 8));
    assert_eq!(
        effects,
        [Effect::Answer(RequestId(1), Answer::Broken(found))]
    );
    assert_eq!(found.to_string(), "rule seq 3");
    step(&mut state, Event::Held(TreeSize::new(10).unwrap()));
    assert_eq!(step(&mut state, trees.examined(Which::Honest, 10)), []);
    // A bad proof is a bad proof all the same: the order is C2SP's.
    let effects = step(&mut state, trees.asked(8, Which::Forked, 10));
    assert!(matches!(answer(&effects), Answer::BadProof(_)));
    step(&mut state, Event::Open(None));
    assert_eq!(step(&mut state, trees.examined(Which::Honest, 10)).len(), 2);
}

#[test]
fn nothing_is_signed_of_a_log_that_signs_more_than_it_shows() {
    let trees = Trees::new();
    let mut state = trees.after(8);
    assert!(step(&mut state, Event::Unshown(true)).is_empty());
    let effects = step(&mut state, trees.asked(8, Which::Honest, 10));
    assert!(matches!(answer(&effects), Answer::Later(_)));
    assert_eq!(step(&mut state, trees.examined(Which::Honest, 10)), []);
    // It passes.
    step(&mut state, Event::Unshown(false));
    assert_eq!(step(&mut state, trees.examined(Which::Honest, 10)).len(), 2);
}

#[test]
fn a_head_that_does_not_end_at_an_epoch_is_not_signed() {
    let trees = Trees::new();
    let mut state = trees.after(8);
    step(&mut state, trees.asked(8, Which::Honest, 8));
    let no_epoch = Event::Examined {
        checkpoint: trees.signed(Which::Honest, 8),
        own_root: trees.root(Which::Honest, 8),
        epoch_ms: None,
        now_ms: NOW,
    };
    let effects = step(&mut state, no_epoch);
    assert!(matches!(answer(&effects), Answer::Unfit(_)));
    assert_eq!(effects.len(), 1);
}

#[test]
fn an_epoch_ahead_of_the_clock_waits() {
    let trees = Trees::new();
    let mut state = trees.after(8);
    state.skew_ms = 1000;
    let ahead = |epoch_ms| Event::Examined {
        checkpoint: trees.signed(Which::Honest, 10),
        own_root: trees.root(Which::Honest, 10),
        epoch_ms: Some(epoch_ms),
        now_ms: NOW,
    };
    step(&mut state, trees.asked(8, Which::Honest, 10));
    let effects = step(&mut state, ahead(NOW + 1001));
    assert!(matches!(answer(&effects), Answer::Later(_)));
    assert!(matches!(
        effects[1],
        Effect::Warn(Warning::ClockAhead { .. })
    ));
    assert_eq!(step(&mut state, ahead(NOW + 1000)).len(), 2);
}

#[test]
fn a_cosignature_of_ours_that_we_do_not_know_ends_signing() {
    let trees = Trees::new();
    for (which, size) in [(Which::Honest, 10), (Which::Forked, 8)] {
        let mut state = trees.after(8);
        let published = Event::Published {
            checkpoint: trees.signed(which, size),
            ours: true,
        };
        let effects = step(&mut state, published);
        assert!(matches!(
            effects[0],
            Effect::Warn(Warning::RolledBack { .. })
        ));
        step(&mut state, Event::Held(TreeSize::new(12).unwrap()));
        for event in [
            trees.asked(8, Which::Honest, 12),
            trees.examined(Which::Honest, 12),
        ] {
            let effects = step(&mut state, event);
            assert!(
                !effects
                    .iter()
                    .any(|effect| matches!(effect, Effect::Cosign { .. }))
            );
        }
    }
}

#[test]
fn nothing_is_signed_before_the_first_look_at_the_log() {
    let trees = Trees::new();
    let mut state = State::new(State::nothing_signed(), TreeSize::new(8).unwrap(), None);
    let effects = step(&mut state, trees.asked(0, Which::Honest, 8));
    assert!(matches!(answer(&effects), Answer::Later(_)));
    assert_eq!(step(&mut state, trees.examined(Which::Honest, 8)), []);
    let published = Event::Published {
        checkpoint: trees.signed(Which::Honest, 8),
        ours: false,
    };
    assert_eq!(
        step(&mut state, published),
        [Effect::Examine(trees.signed(Which::Honest, 8))]
    );
    assert_eq!(step(&mut state, trees.examined(Which::Honest, 8)).len(), 2);
}

#[test]
fn requests_that_wait_are_bounded_and_answered_once() {
    let trees = Trees::new();
    let mut state = trees.after(8);
    for n in 0..=MAX_WAITING as u64 {
        let Event::Asked {
            old,
            proof,
            checkpoint,
            ..
        } = trees.asked(8, Which::Honest, 10)
        else {
            unreachable!()
        };
        let request = RequestId(n);
        let effects = step(
            &mut state,
            Event::Asked {
                request,
                old,
                proof,
                checkpoint,
            },
        );
        let refused = matches!(effects[0], Effect::Answer(_, Answer::Later(_)));
        assert_eq!(refused, n == MAX_WAITING as u64);
    }
    step(&mut state, Event::GaveUp(RequestId(0)));
    let effects = step(
        &mut state,
        Event::NotFollowed(trees.signed(Which::Honest, 10).head()),
    );
    assert_eq!(effects.len(), MAX_WAITING - 1);
    let head = trees.signed(Which::Honest, 10).head();
    assert_eq!(step(&mut state, Event::NotFollowed(head)), []);
}

/// Whatever happens in whatever order, with two conflicting trees on offer.
#[test]
fn no_sequence_of_events_makes_it_sign_two_heads_that_conflict() {
    let trees = Trees::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |bound: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % bound
    };
    let mut signatures = 0;
    for _ in 0..300 {
        // The own tree is either one; what it is does not change.
        let own = if next(2) == 0 {
            Which::Honest
        } else {
            Which::Forked
        };
        let mut state = trees.after(0);
        let mut signed: Vec<TreeHead> = Vec::new();
        let mut stored = state.signed;
        for _ in 0..60 {
            let which = if next(3) == 0 {
                Which::Forked
            } else {
                Which::Honest
            };
            let size = next(30) + 1;
            let event = match next(8) {
                0..=2 => {
                    let old = if next(4) == 0 {
                        next(30)
                    } else {
                        state.signed.size.get()
                    };
                    trees.asked(old.min(size), which, size)
                }
                3 | 4 => Event::Examined {
                    checkpoint: trees.signed(which, size),
                    own_root: trees.root(own, size),
                    epoch_ms: (next(5) > 0).then_some(NOW),
                    now_ms: NOW,
                },
                5 => Event::Published {
                    checkpoint: trees.signed(which, size),
                    ours: next(9) == 0,
                },
                6 => Event::Held(TreeSize::new(size).unwrap()),
                _ => Event::Open((next(3) == 0).then_some(Break {
                    at: 1,
                    rule: Rule::Prev,
                })),
            };
            let effects = step(&mut state, event);
            for pair in effects.windows(2) {
                if let Effect::Persist { from, to } = &pair[0] {
                    assert_eq!(*from, stored, "a swap against what is stored");
                    stored = to.head();
                    assert!(
                        matches!(&pair[1], Effect::Cosign { checkpoint, .. } if checkpoint == to)
                    );
                }
            }
            for effect in &effects {
                if let Effect::Cosign { checkpoint, .. } = effect {
                    assert_eq!(checkpoint.head(), stored, "stored before it is given out");
                    signed.push(checkpoint.head());
                }
            }
        }
        signatures += signed.len();
        assert!(signed.is_sorted_by_key(|head| head.size));
        for head in &signed {
            assert_eq!(head.root, trees.root(own, head.size.get()));
        }
    }
    assert!(signatures > 500, "the test signs: {signatures}");
}

#[test]
fn nothing_is_signed_before_the_log_and_all_peers_were_looked_at() {
    let logs = Trees::new();
    let size = TreeSize::new(8).unwrap();
    for published_first in [true, false] {
        let mut state = State::new(State::nothing_signed(), size, None);
        state.peers_asked = false;
        let mut events = vec![Event::NothingPublished, Event::PeersAsked];
        if !published_first {
            events.reverse();
        }
        for event in events {
            assert_eq!(state.standing, Standing::Unchecked);
            let effects = step(&mut state, logs.asked(0, Which::Honest, 8));
            assert!(matches!(answer(&effects), Answer::Later(_)));
            assert_eq!(
                step(&mut state, logs.examined(Which::Honest, 8)),
                [],
                "an examined head is not signed either"
            );
            assert_eq!(step(&mut state, event), []);
        }
        assert_eq!(state.standing, Standing::Clear);
        assert_eq!(step(&mut state, logs.examined(Which::Honest, 8)).len(), 2);
    }
}

#[test]
fn an_own_signature_that_a_peer_remembers_stops_everything() {
    let logs = Trees::new();
    let mut state = logs.after(8);
    // Those that are known, or smaller, say nothing.
    for size in [3, 8] {
        let found = Event::OwnFound(logs.signed(Which::Honest, size));
        assert_eq!(step(&mut state, found), []);
    }
    let found = Event::OwnFound(logs.signed(Which::Honest, 12));
    let effects = step(&mut state, found);
    let Effect::Warn(Warning::RolledBack { signed, seen }) = &effects[0] else {
        panic!("no warning: {effects:?}")
    };
    assert_eq!((signed.get(), seen.get()), (8, 12));
    for event in [Event::NothingPublished, Event::PeersAsked] {
        step(&mut state, event);
        let effects = step(&mut state, logs.asked(8, Which::Honest, 8));
        assert!(matches!(answer(&effects), Answer::Later(_)));
    }
    // The largest is what is told.
    step(&mut state, Event::OwnFound(logs.signed(Which::Honest, 10)));
    assert_eq!(
        state.standing,
        Standing::RolledBack(TreeSize::new(12).unwrap())
    );
}

#[test]
fn a_head_that_a_peer_shows_is_followed_and_no_look_at_the_log() {
    let logs = Trees::new();
    let mut state = State::new(State::nothing_signed(), TreeSize::ZERO, None);
    let shown = logs.signed(Which::Honest, 8);
    assert_eq!(
        step(&mut state, Event::Shown(shown.clone())),
        [Effect::Follow(shown)]
    );
    assert_eq!(state.standing, Standing::Unchecked);
    let mut state = logs.after(8);
    let known = Event::Shown(logs.signed(Which::Honest, 8));
    assert_eq!(step(&mut state, known), []);
}

#[test]
fn without_memory_nothing_is_signed_before_somebody_remembers() {
    let logs = Trees::new();
    let looks = |memory| {
        let mut state = State::new(logs.after(8).signed, TreeSize::new(12).unwrap(), None);
        state.memory = memory;
        step(&mut state, Event::NothingPublished);
        step(&mut state, Event::PeersAsked);
        assert_eq!(state.standing, Standing::Unchecked);
        let effects = step(&mut state, logs.asked(8, Which::Honest, 8));
        assert!(matches!(answer(&effects), Answer::Later(_)));
        state
    };
    let published = |size, ours| Event::Published {
        checkpoint: logs.signed(Which::Honest, size),
        ours,
    };
    for says_nothing in [published(8, false), published(5, true)] {
        let mut state = looks(Memory::Missing);
        step(&mut state, says_nothing);
        assert_eq!(state.standing, Standing::Unchecked);
    }
    let by_a_peer = Event::OwnFound(logs.signed(Which::Honest, 8));
    for says_so in [published(8, true), by_a_peer] {
        let mut state = looks(Memory::Missing);
        step(&mut state, says_so.clone());
        assert_eq!(state.standing, Standing::Clear);
        // What cannot be read is the operator's affair.
        let mut state = looks(Memory::Unreadable);
        step(&mut state, says_so);
        assert_eq!(state.standing, Standing::Unchecked);
        step(&mut state, Event::Recalled(Memory::Fits));
        assert_eq!(state.standing, Standing::Clear);
    }
    // Who remembers more than the database ends it.
    let mut state = looks(Memory::Missing);
    step(&mut state, Event::OwnFound(logs.signed(Which::Honest, 12)));
    assert_eq!(
        state.standing,
        Standing::RolledBack(TreeSize::new(12).unwrap())
    );
}
