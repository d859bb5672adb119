//! Files that accuse an honest log: each would convict it if one comparison were left out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod tiny_log;

use plainsight_specs::evidence::{Evidence, EvidenceError, Gap, Interval, Offence, Proof};
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::index::TransitionProof;
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::rules::{Replay, Rule};
use serde_json::json;
use tiny_log::*;

/// Evidence about the entry at `offender`, from the last epoch before it.
fn evidence(log: &TinyLog, offender: usize) -> Evidence {
    let epoch = (0..offender)
        .rev()
        .find(|place| log.entries[*place][0] == 1)
        .unwrap();
    let mut at_epoch = Replay::new(log.origin.clone());
    at_epoch.step_all(&log.entries[..=epoch]);
    let size = log.size();
    let consistency = plainsight_specs::merkle::build::consistency_proof(
        plainsight_specs::merkle::TreeSize::new(offender as u64 + 1).unwrap(),
        size,
        &log.tiles,
    );
    let offence = Offence {
        checkpoint: &log.signed(),
        log_key: &log.log_key(),
        before: log.frontier_at(epoch),
        entries: log.entries[epoch..=offender].to_vec(),
        consistency: consistency.unwrap(),
        genesis: plainsight_specs::evidence::IncludedEntry {
            entry: log.entries[0].clone(),
            inclusion: log.inclusion(0),
        },
        at_epoch: Some(at_epoch),
    };
    Evidence::of_entry(offence, |leaf| {
        let mut entries = log.entries.iter();
        entries.find(|entry| leaf_hash(entry) == *leaf).cloned()
    })
    .unwrap()
}

fn interval(evidence: &mut Evidence) -> &mut Interval {
    match &mut evidence.proof {
        Proof::Interval(interval) => interval,
        other => panic!("{other:?}"),
    }
}

fn honest() -> (TinyLog, TreeHead, Vec<u8>) {
    let mut log = TinyLog::new();
    log.push_key_set(&label("alice@example.org"), 0);
    log.epoch();
    let (head, signed) = (log.head(), log.signed().to_bytes());
    log.push_key_set(&label("bob@example.org"), 0);
    log.epoch();
    (log, head, signed)
}

#[test]
fn two_heads_of_two_sizes_are_no_fork() {
    let (log, _, older) = honest();
    let evidence = Evidence {
        rule: Rule::Fork,
        log_key: log.log_key(),
        proof: Proof::Fork {
            first: older,
            second: log.signed().to_bytes(),
        },
    };
    assert_eq!(
        evidence.verify().unwrap_err(),
        EvidenceError::NoContradiction
    );
}

#[test]
fn a_head_that_was_extended_is_not_rewritten() {
    let (log, head, older) = honest();
    let evidence = Evidence {
        rule: Rule::Extension,
        log_key: log.log_key(),
        proof: Proof::Extension {
            older,
            newer: log.signed().to_bytes(),
            root: head.root,
            consistency: log.consistency(head.size.get()),
        },
    };
    assert_eq!(
        evidence.verify().unwrap_err(),
        EvidenceError::NoContradiction
    );
}

/// A log with an honest release after an epoch, and the evidence of a void one in its place.
fn about_a_release() -> (TinyLog, Evidence) {
    let mut log = TinyLog::new();
    log.epoch();
    let mut twin = TinyLog::new();
    twin.epoch();
    twin.push_statement(&twin.next(release("1.0", &[b"one"])), PROTECTIONS);
    twin.epoch();
    log.push_statement(&log.next(release("1.0", &[b"one"])), RELEASES);
    log.epoch();
    let mut evidence = evidence(&twin, 2);
    assert_eq!(evidence.verify().unwrap().rule, Rule::Signature);
    // The same about the honest one.
    let changed = interval(&mut evidence);
    changed.checkpoint = log.signed().to_bytes();
    changed.entries[1].clone_from(&log.entries[2]);
    changed.consistency = log.consistency(3);
    changed
        .anchor
        .as_mut()
        .unwrap()
        .genesis
        .as_mut()
        .unwrap()
        .inclusion = log.inclusion(0);
    (log, evidence)
}

#[test]
fn keys_of_a_genesis_that_is_not_there_sign_nothing() {
    let (log, mut evidence) = about_a_release();
    assert_eq!(evidence.verify().unwrap_err(), EvidenceError::NoOffence);
    // With it the release would be signed by a key that is none of the role's.
    let mut other = log.genesis_draft();
    other.roles.releases = role(PROTECTIONS);
    let anchor = interval(&mut evidence).anchor.as_mut().unwrap();
    anchor.genesis.as_mut().unwrap().entry = other.build().unwrap().to_bytes();
    let error = evidence.verify().unwrap_err();
    assert!(matches!(error, EvidenceError::Merkle(_)), "{error}");
}

#[test]
fn an_interval_goes_no_further_than_its_offender() {
    let mut log = TinyLog::new();
    log.epoch();
    log.push_statement(&log.next(release("1.0", &[b"one"])), PROTECTIONS);
    log.push_key_set(&label("alice@example.org"), 0);
    log.epoch();
    let mut evidence = evidence(&log, 2);
    assert!(evidence.verify().is_ok());
    let index = log.index_of(&label("alice@example.org"), 0);
    let changed = interval(&mut evidence);
    changed.entries.push(log.entries[3].clone());
    changed.consistency = log.consistency(4);
    let anchor = changed.anchor.as_mut().unwrap();
    anchor.searched.push(index);
    anchor.searched.sort_unstable();
    let mut before = Replay::new(log.origin.clone());
    before.step_all(&log.entries[..2]);
    anchor.proof = before.index().prove(&anchor.searched);
    assert_eq!(evidence.verify().unwrap_err(), EvidenceError::NoOffence);
}

#[test]
fn searched_indexes_have_one_order() {
    let mut log = TinyLog::new();
    log.epoch();
    log.push_statement(&log.next(release("1.0", &[b"one"])), PROTECTIONS);
    log.epoch();
    let mut evidence = evidence(&log, 2);
    let anchor = interval(&mut evidence).anchor.as_mut().unwrap();
    assert!(anchor.searched.len() > 1);
    anchor.searched.reverse();
    let mut before = Replay::new(log.origin.clone());
    before.step_all(&log.entries[..2]);
    anchor.proof = before.index().prove(&anchor.searched);
    assert!(matches!(
        evidence.verify().unwrap_err(),
        EvidenceError::Parts(_)
    ));
}

#[test]
fn a_transition_inserts_what_the_entries_insert() {
    let mut log = TinyLog::new();
    log.epoch();
    log.push_key_set(&label("alice@example.org"), 0);
    let mut twin = TinyLog::new();
    twin.epoch();
    twin.push_key_set(&label("alice@example.org"), 0);
    let mut wrong = twin.next_epoch();
    wrong.index_root = Hash::ZERO;
    twin.push(wrong.to_bytes().to_vec());
    log.epoch();
    let mut evidence = evidence(&twin, 3);
    assert_eq!(evidence.verify().unwrap().rule, Rule::EpochRoot);
    // The same about the honest epoch, with a transition to another root.
    let changed = interval(&mut evidence);
    changed.checkpoint = log.signed().to_bytes();
    changed.entries[2].clone_from(&log.entries[3]);
    changed.consistency = log.consistency(4);
    let anchor = changed.anchor.as_mut().unwrap();
    let mut transition = anchor.transition.as_ref().unwrap().to_json();
    transition["values"] = json!([sha256(b"another value").to_base64()]);
    let text = transition.to_string();
    let parsed = plainsight_specs::json::parse(text.as_bytes()).unwrap();
    anchor.transition = Some(TransitionProof::from_json(parsed).unwrap());
    assert_eq!(
        evidence.verify().unwrap_err(),
        EvidenceError::NotShown(Gap::Root)
    );
}
