//! Every rule about entries: broken by one lie, void in its effect, and proved by evidence that
//! a stranger accepts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod tiny_log;

use plainsight_specs::entry::{Close, KeyEntry, LogKey};
use plainsight_specs::evidence::{Evidence, EvidenceError, IncludedEntry, Offence, Proof};
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::index::IndexKey;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::rules::{Judged, Replay, Rule};
use plainsight_specs::statement::{Body, ProtectionState, PublisherKeys, Seq};
use tiny_log::*;

/// A log with something of everything, ending at an epoch.
fn busy() -> TinyLog {
    let mut log = TinyLog::new();
    log.push_key_set(&label("alice@example.org"), 0);
    log.push_statement(&log.next(release("1.0.0", &[b"one"])), RELEASES);
    log.push_statement(&log.next(protection(ProtectionState::Offered)), PROTECTIONS);
    log.push_statement(&log.next(canary()), PROTECTIONS);
    log.epoch();
    log.push_key_set(&label("bob@example.org"), 0);
    log.push_statement(&log.next(release("1.1.0", &[b"two", b"three"])), RELEASES);
    log.epoch();
    assert!(log.judged.iter().all(|judged| !judged.is_void()));
    log
}

#[test]
fn entries_judged_together_are_judged_as_one_by_one() {
    let mut log = busy();
    for number in 0..600u16 {
        let index = IndexKey::private(sha256(&number.to_be_bytes()));
        let commitment = Hash::ZERO;
        log.push(KeyEntry { index, commitment }.to_bytes().to_vec());
    }
    log.epoch();
    // Twice in one run, against the tree, malformed, and in the wrong namespace.
    for seed in [1, 2, 1] {
        log.push(random_key(seed).to_bytes().to_vec());
    }
    log.push(log.entries[10].clone());
    log.push(vec![0x02; 64]);
    log.push(vec![0x09]);
    let public = IndexKey::public(sha256(&[9]));
    let commitment = Hash::ZERO;
    let public = KeyEntry {
        index: public,
        commitment,
    };
    log.push(public.to_bytes().to_vec());
    log.epoch();
    // Absent from the tree when the run began, and inserted into it within the run.
    log.push(random_key(2).to_bytes().to_vec());
    log.push(random_key(3).to_bytes().to_vec());
    log.epoch();
    let mut replay = Replay::new(log.origin.clone());
    let together = replay.step_all(&log.entries);
    let told = |judged: &Judged| {
        let inserts = judged.inserts.clone();
        (judged.position, judged.leaf, judged.broken.clone(), inserts)
    };
    let broken = together.iter().filter(|judged| judged.is_void()).count();
    assert_eq!(broken, 6);
    assert!(together.iter().map(told).eq(log.judged.iter().map(told)));
    assert_eq!(replay.head(), log.head());
    assert_eq!(replay.index().root(), log.replay.index().root());
}

fn random_key(seed: u8) -> KeyEntry {
    KeyEntry {
        index: IndexKey::private(sha256(&[seed])),
        commitment: Hash::ZERO,
    }
}

/// The evidence an auditor writes when the last entry but `after` broke a rule.
fn evidence(log: &TinyLog, offender: usize) -> Result<Evidence, EvidenceError> {
    let signed = log.signed();
    let epoch = (0..offender).rev().find(|position| {
        let judged = &log.judged[*position];
        !judged.is_void() && log.entries[*position].first() == Some(&0x01)
    });
    let is_closed = |epoch: usize| epoch > 0 && log.entries[epoch - 1].first() == Some(&0x04);
    let start = epoch.map_or(0, |epoch| if is_closed(epoch) { epoch - 1 } else { epoch });
    let at_epoch = epoch.map(|epoch| {
        let mut replay = Replay::new(log.origin.clone());
        for entry in &log.entries[..=epoch] {
            replay.step(entry);
        }
        replay
    });
    Evidence::of_entry(
        Offence {
            checkpoint: &signed,
            log_key: &log.log_key(),
            before: log.frontier_at(start),
            entries: log.entries[start..=offender].to_vec(),
            consistency: log.consistency(offender as u64 + 1),
            genesis: IncludedEntry {
                entry: log.entries[0].clone(),
                inclusion: log.inclusion(0),
            },
            at_epoch,
        },
        |leaf| {
            log.entries
                .iter()
                .find(|entry| leaf_hash(entry) == *leaf)
                .cloned()
        },
    )
}

/// Asserts that `judged` is void by `rules`, that nothing came of it, and that the evidence, read
/// back from its file, says so.
fn assert_broken(log: &mut TinyLog, judged: &Judged, rules: &[Rule]) {
    assert_eq!(judged.broken, rules);
    // SPEC(RULE-1)
    assert!(judged.inserts.is_empty());
    let offender = usize::try_from(judged.position.get()).unwrap();
    if judged
        .entry
        .as_ref()
        .is_none_or(|entry| entry.kind().byte() != 0x01)
    {
        log.epoch();
    }
    let written = evidence(log, offender).unwrap();
    assert_eq!(written.rule, rules[0]);
    let read = Evidence::parse(&written.to_json()).unwrap();
    assert_eq!(read.to_json(), written.to_json());
    let finding = read.verify().unwrap();
    assert_eq!(finding.rule, rules[0]);
    assert_eq!(finding.position, Some(judged.position));
    assert_eq!(finding.log_key, log.log_key());
}

#[test]
fn malformed() {
    for entry in [
        vec![0x09],
        vec![0x02; 64],
        vec![0x02; 66],
        b"\x03{}".to_vec(),
        vec![0x01; 48],
    ] {
        let mut log = busy();
        let judged = log.push(entry);
        assert_broken(&mut log, &judged, &[Rule::Malformed]);
    }
}

#[test]
fn a_second_genesis() {
    let mut log = busy();
    let judged = log.push(log.entries[0].clone());
    assert_broken(&mut log, &judged, &[Rule::Genesis]);
}

#[test]
fn a_first_entry_that_is_not_the_genesis() {
    let mut log = TinyLog::empty();
    let judged = log.push(random_key(1).to_bytes().to_vec());
    assert_eq!(judged.broken, [Rule::Genesis]);
    assert!(log.replay.genesis().is_none());
    // Without a genesis no key is in force; key entries still insert.
    let statement = log.push_statement(&log.next(canary()), PROTECTIONS);
    assert_eq!(statement.broken, [Rule::Signature]);
    assert_eq!(log.push(random_key(2).to_bytes().to_vec()).inserts.len(), 1);
    assert_broken(&mut log, &judged, &[Rule::Genesis]);
}

#[test]
fn the_genesis_of_another_origin() {
    let mut log = TinyLog::empty();
    let mut draft = log.genesis_draft();
    draft.origin = plainsight_specs::checkpoint::Origin::parse("log.example/other").unwrap();
    let judged = log.push(draft.build().unwrap().to_bytes());
    assert_broken(&mut log, &judged, &[Rule::Genesis]);
}

fn close(origin: &str) -> Vec<u8> {
    let origin = plainsight_specs::checkpoint::Origin::parse(origin).unwrap();
    let name = KeyName::parse(origin.as_str()).unwrap();
    let key = Signer::new(name, Algorithm::Ed25519, secret(60))
        .unwrap()
        .verifier_key();
    let vrf = plainsight_specs::vrf::SecretKey::from_seed(&[61; 32]).public();
    Close::build(LogKey::new(origin, key).unwrap(), vrf).to_bytes()
}

#[test]
fn anything_but_one_epoch_after_a_close() {
    let mut log = busy();
    assert_eq!(log.push(close("log.example/next")).broken, []);
    let judged = log.push(random_key(1).to_bytes().to_vec());
    assert_broken(&mut log, &judged, &[Rule::AfterClose]);

    let mut log = busy();
    log.push(close("log.example/next"));
    assert_eq!(log.epoch().broken, []);
    let judged = log.epoch();
    assert_broken(&mut log, &judged, &[Rule::AfterClose]);
    let malformed = log.push(vec![0x09]);
    assert_eq!(malformed.broken, [Rule::Malformed, Rule::AfterClose]);
}

#[test]
fn a_void_epoch_is_not_the_one_after_a_close() {
    let mut log = busy();
    log.push(close("log.example/next"));
    let mut wrong = log.next_epoch();
    wrong.index_size += 1;
    assert_eq!(
        log.push(wrong.to_bytes().to_vec()).broken,
        [Rule::EpochSize]
    );
    assert_eq!(log.epoch().broken, []);
}

#[test]
fn a_close_that_names_its_own_log() {
    let mut log = busy();
    let judged = log.push(close(ORIGIN));
    assert_broken(&mut log, &judged, &[Rule::Malformed]);
}

#[test]
fn a_key_entry_among_the_statements() {
    let mut log = busy();
    let mut key = random_key(1);
    key.index = IndexKey::public(sha256(b"hidden"));
    let judged = log.push(key.to_bytes().to_vec());
    assert_broken(&mut log, &judged, &[Rule::Namespace]);
}

#[test]
fn an_index_inserted_twice() {
    let mut log = busy();
    let index = log.index_of(&label("alice@example.org"), 0);
    let judged = log.push(
        KeyEntry {
            index,
            commitment: Hash::ZERO,
        }
        .to_bytes()
        .to_vec(),
    );
    assert_broken(&mut log, &judged, &[Rule::DuplicateIndex]);

    // Within one interval too, and the first insertion stays.
    let mut log = busy();
    let first = log.push(random_key(1).to_bytes().to_vec());
    let again = KeyEntry {
        index: first.inserts[0],
        commitment: sha256(b"other"),
    };
    let judged = log.push(again.to_bytes().to_vec());
    // SPEC(RULE-2)
    assert_eq!(log.replay.value(&first.inserts[0]), Some(first.leaf));
    assert_broken(&mut log, &judged, &[Rule::DuplicateIndex]);
}

#[test]
fn an_epoch_with_the_wrong_size_root_or_time() {
    let mut log = busy();
    log.push_key_set(&label("carol@example.org"), 0);
    let mut epoch = log.next_epoch();
    epoch.index_size += 1;
    let judged = log.push(epoch.to_bytes().to_vec());
    assert_broken(&mut log, &judged, &[Rule::EpochSize]);

    let mut log = busy();
    log.push_key_set(&label("carol@example.org"), 0);
    log.push_statement(&log.next(release("2.0.0", &[b"four"])), RELEASES);
    let mut epoch = log.next_epoch();
    epoch.index_root = sha256(b"wrong");
    let judged = log.push(epoch.to_bytes().to_vec());
    assert_broken(&mut log, &judged, &[Rule::EpochRoot]);

    let mut log = busy();
    let mut epoch = log.next_epoch();
    epoch.time_ms = 1;
    let judged = log.push(epoch.to_bytes().to_vec());
    assert_broken(&mut log, &judged, &[Rule::Time]);
}

#[test]
fn the_first_epoch_can_be_wrong_too() {
    let mut log = TinyLog::new();
    log.push_key_set(&label("carol@example.org"), 0);
    let mut epoch = log.next_epoch();
    epoch.index_root = sha256(b"wrong");
    let judged = log.push(epoch.to_bytes().to_vec());
    assert_broken(&mut log, &judged, &[Rule::EpochRoot]);
}

#[test]
fn a_statement_signed_by_another_role() {
    let mut log = busy();
    let judged = log.push_statement(&log.next(release("2.0.0", &[b"four"])), PROTECTIONS);
    assert_broken(&mut log, &judged, &[Rule::Signature]);
}

fn new_keys(role_name: plainsight_specs::entry::RoleName, seed: u8) -> Body {
    Body::PublisherKeys(PublisherKeys {
        role: role_name,
        keys: role(seed),
    })
}

#[test]
fn publisher_keys_replace_the_keys_in_force() {
    use plainsight_specs::entry::{RoleName, StatementEntry};
    let mut log = busy();
    let change = log.next(new_keys(RoleName::Releases, 50));
    assert_eq!(log.push_statement(&change, ROOT).broken, []);
    log.epoch();
    let release = log.next(release("2.0.0", &[b"four"]));
    let judged = log.push_statement(&release, RELEASES);
    assert_broken(&mut log, &judged, &[Rule::Signature]);
    assert_eq!(log.push_statement(&release, 50).broken, []);

    // A new root must sign as well as the old one.
    let change = log.next(new_keys(RoleName::Root, 51));
    let judged = log.push_statement(&change, ROOT);
    assert_broken(&mut log, &judged, &[Rule::Signature]);
    let judged = log.push_statement(&change, 51);
    assert_broken(&mut log, &judged, &[Rule::Signature]);
    let both = change.sign(&[&secret(ROOT), &secret(51)]);
    let judged = log.push(StatementEntry::from_envelope(&both).unwrap().to_bytes());
    assert_eq!(judged.broken, []);
    log.epoch();
    let judged = log.push_statement(&log.next(new_keys(RoleName::Releases, 52)), ROOT);
    assert_broken(&mut log, &judged, &[Rule::Signature]);
    assert_eq!(
        log.push_statement(&log.next(new_keys(RoleName::Releases, 52)), 51)
            .broken,
        []
    );
}

#[test]
fn a_gap_or_a_fork_in_a_stream() {
    for seq in [0, 1, 3, u32::MAX] {
        let mut log = busy();
        let mut draft = log.next(release("2.0.0", &[b"four"]));
        draft.seq = Seq::new(seq);
        let judged = log.push_statement(&draft, RELEASES);
        assert_broken(&mut log, &judged, &[Rule::Seq]);
        // SPEC(RULE-1): the next legal statement is the one that was due before.
        let next = log.next(release("2.0.0", &[b"four"]));
        assert_eq!(next.seq.get(), 2);
        assert_eq!(log.push_statement(&next, RELEASES).broken, []);
    }
}

#[test]
fn a_statement_that_does_not_name_its_predecessor() {
    for prev in [None, Some(sha256(b"other"))] {
        let mut log = busy();
        let mut draft = log.next(release("2.0.0", &[b"four"]));
        draft.prev = prev;
        let judged = log.push_statement(&draft, RELEASES);
        assert_broken(&mut log, &judged, &[Rule::Prev]);
    }
    let mut log = TinyLog::new();
    let mut draft = log.next(canary());
    draft.prev = Some(sha256(b"other"));
    let judged = log.push_statement(&draft, PROTECTIONS);
    assert_broken(&mut log, &judged, &[Rule::Prev]);
}

#[test]
fn a_second_build_under_one_version() {
    let mut log = busy();
    let judged = log.push_statement(&log.next(release("1.1.0", &[b"two", b"evil"])), RELEASES);
    assert_broken(&mut log, &judged, &[Rule::VersionConflict]);

    // The same set again is legal, in any order, and inserts only what is new.
    let judged = log.push_statement(&log.next(release("1.1.0", &[b"three", b"two"])), RELEASES);
    assert_eq!(judged.broken, []);
    assert_eq!(judged.inserts.len(), 1);
}

#[test]
fn a_yank_of_what_was_never_logged_like_that() {
    for body in [yank("9.9.9", &[b"two", b"three"]), yank("1.1.0", &[b"two"])] {
        let mut log = busy();
        let judged = log.push_statement(&log.next(body), RELEASES);
        assert_broken(&mut log, &judged, &[Rule::Yank]);
    }
    let mut log = busy();
    for _ in 0..2 {
        let judged = log.push_statement(&log.next(yank("1.1.0", &[b"three", b"two"])), RELEASES);
        assert_eq!(judged.broken, []);
    }
}

#[test]
fn all_broken_rules_are_reported_in_order() {
    let mut log = busy();
    let mut draft = log.next(release("1.0.0", &[b"evil"]));
    draft.prev = None;
    let judged = log.push_statement(&draft, PROTECTIONS);
    let rules = [Rule::Signature, Rule::Prev, Rule::VersionConflict];
    assert_broken(&mut log, &judged, &rules);

    let mut log = busy();
    let mut epoch = log.next_epoch();
    (epoch.index_size, epoch.index_root, epoch.time_ms) = (0, Hash::ZERO, 0);
    let judged = log.push(epoch.to_bytes().to_vec());
    assert_broken(
        &mut log,
        &judged,
        &[Rule::EpochSize, Rule::EpochRoot, Rule::Time],
    );
}

#[test]
fn an_honest_entry_is_never_convicted() {
    let log = busy();
    for offender in 1..log.entries.len() {
        assert_eq!(
            evidence(&log, offender).unwrap_err(),
            EvidenceError::NoOffence,
            "{offender}"
        );
    }
}

#[test]
fn every_part_of_an_interval_matters() {
    let mut log = busy();
    let judged = log.push_statement(&log.next(release("1.1.0", &[b"evil"])), RELEASES);
    log.epoch();
    let offender = usize::try_from(judged.position.get()).unwrap();
    let good = evidence(&log, offender).unwrap();
    let mutate = |change: &dyn Fn(&mut plainsight_specs::evidence::Interval)| {
        let mut evidence = good.clone();
        let Proof::Interval(interval) = &mut evidence.proof else {
            panic!("an interval")
        };
        change(interval);
        evidence.verify().unwrap_err()
    };
    mutate(&|interval| interval.entries[0][20] ^= 1);
    mutate(&|interval| {
        interval.entries.pop();
    });
    mutate(&|interval| interval.consistency[0] = sha256(b"x"));
    mutate(&|interval| interval.before = plainsight_specs::merkle::Frontier::new());
    mutate(&|interval| interval.anchor = None);
    mutate(&|interval| interval.checkpoint[0] ^= 1);
    let not_shown = |error: EvidenceError| matches!(error, EvidenceError::NotShown(_));
    assert!(not_shown(mutate(&|interval| interval
        .anchor
        .as_mut()
        .unwrap()
        .known
        .clear())));
    assert!(not_shown(mutate(&|interval| interval
        .anchor
        .as_mut()
        .unwrap()
        .genesis = None)));
    mutate(&|interval| {
        interval.anchor.as_mut().unwrap().searched.pop();
    });
    let mut other = good.clone();
    other.rule = Rule::Seq;
    let said = EvidenceError::OtherRule {
        said: Rule::Seq,
        proves: Rule::VersionConflict,
    };
    assert_eq!(other.verify().unwrap_err(), said);
}

#[test]
fn two_heads_of_one_size_are_a_fork() {
    // SPEC(RULE-16)
    let (mut one, mut two) = (TinyLog::new(), TinyLog::new());
    one.push(random_key(1).to_bytes().to_vec());
    two.push(random_key(2).to_bytes().to_vec());
    one.epoch();
    two.epoch();
    let key = one.log_key();
    let evidence =
        Evidence::of_heads(&key, &one.signed(), &two.signed(), Hash::ZERO, vec![]).unwrap();
    let read = Evidence::parse(&evidence.to_json()).unwrap();
    assert_eq!(read.verify().unwrap().rule, Rule::Fork);
    let same = Evidence::of_heads(&key, &one.signed(), &one.signed(), Hash::ZERO, vec![]);
    assert_eq!(same.unwrap_err(), EvidenceError::NoContradiction);
}

#[test]
fn a_head_that_rewrites_history_is_shown_by_the_real_root() {
    // SPEC(RULE-17)
    let (mut one, mut two) = (TinyLog::new(), TinyLog::new());
    one.push(random_key(1).to_bytes().to_vec());
    one.epoch();
    two.push(random_key(2).to_bytes().to_vec());
    two.epoch();
    let (size, root) = (two.size(), two.head().root);
    two.push(random_key(3).to_bytes().to_vec());
    two.epoch();
    assert_eq!(size, one.size());
    let proof = two.consistency(size.get());
    let key = one.log_key();
    let make = |root, proof| Evidence::of_heads(&key, &one.signed(), &two.signed(), root, proof);
    let evidence = make(root, proof.clone()).unwrap();
    let read = Evidence::parse(&evidence.to_json()).unwrap();
    assert_eq!(read.verify().unwrap().rule, Rule::Extension);
    // A proof that merely fails is not evidence.
    assert!(matches!(
        make(sha256(b"x"), proof),
        Err(EvidenceError::Merkle(_))
    ));
    assert!(make(one.head().root, vec![]).is_err());
}

#[test]
fn a_head_must_end_at_an_epoch() {
    // SPEC(RULE-18)
    let mut log = TinyLog::new();
    let end = |log: &TinyLog, last: Option<IncludedEntry>| Evidence {
        rule: Rule::End,
        log_key: log.log_key(),
        proof: Proof::End {
            checkpoint: log.signed().to_bytes(),
            last,
        },
    };
    assert_eq!(log.size(), TreeSize::new(1).unwrap());
    assert_eq!(end(&log, None).verify().unwrap().rule, Rule::End);
    log.push_key_set(&label("alice@example.org"), 0);
    let last = |log: &TinyLog| {
        let at = log.entries.len() - 1;
        Some(IncludedEntry {
            entry: log.entries[at].clone(),
            inclusion: log.inclusion(at),
        })
    };
    let evidence = end(&log, last(&log));
    let read = Evidence::parse(&evidence.to_json()).unwrap();
    assert_eq!(read.verify().unwrap().rule, Rule::End);
    assert!(end(&log, None).verify().is_err());
    log.epoch();
    assert_eq!(
        end(&log, last(&log)).verify().unwrap_err(),
        EvidenceError::NoOffence
    );
}

#[test]
fn evidence_of_another_log_convicts_nobody() {
    let mut log = TinyLog::new();
    log.push_key_set(&label("alice@example.org"), 0);
    let name = KeyName::parse("log.example/innocent").unwrap();
    let innocent = Signer::new(name, Algorithm::Ed25519, secret(10))
        .unwrap()
        .verifier_key();
    let checkpoint = log.signed().to_bytes();
    let evidence = Evidence {
        rule: Rule::End,
        log_key: innocent,
        proof: Proof::End {
            checkpoint,
            last: None,
        },
    };
    assert_eq!(evidence.verify().unwrap_err(), EvidenceError::OtherOrigin);
}

#[test]
fn a_head_whose_last_epoch_is_void_has_no_final_epoch() {
    // SPEC(RULE-19)
    let mut log = busy();
    assert!(log.replay.final_epoch().is_some());
    let mut wrong = log.next_epoch();
    wrong.index_size += 1;
    log.push(wrong.to_bytes().to_vec());
    assert!(log.replay.final_epoch().is_none());
    log.epoch();
    assert!(log.replay.final_epoch().is_some());
}
