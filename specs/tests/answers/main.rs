//! Look-ups, histories, stream queries and bundles: honest answers verify, and every lie fails at
//! the step that names it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod bundles;
mod histories;
mod streams;
#[path = "../tiny_log/mod.rs"]
mod tiny_log;

use plainsight_specs::Blame;
use plainsight_specs::bundle::{BundleError, UnverifiedBundle, searched};
use plainsight_specs::commitment::Opening;
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::head::{GenesisAnswer, HeadError, Step};
use plainsight_specs::history::{HistoryAnswer, HistoryRequest, VersionAnswer};
use plainsight_specs::index::IndexKey;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder;
use plainsight_specs::lookup::{LookupAnswer, LookupError, LookupRequest};
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use plainsight_specs::policy::Policy;
use plainsight_specs::query::{
    ArtifactAnswer, LatestAnswer, QueryError, StreamAnswer, StreamRequest,
};
use plainsight_specs::statement::{ReleaseVersion, Seq, artifact_index};
use plainsight_specs::time::Timestamp;
use plainsight_specs::tlog_proof::TlogProof;
use tiny_log::*;

fn alice() -> Label {
    label("alice@example.org")
}

/// A log where alice has versions 0 to 2.
fn with_alice() -> TinyLog {
    let mut log = TinyLog::new();
    log.push_key_set(&alice(), 0);
    log.epoch();
    log.push_key_set(&alice(), 1);
    log.push_key_set(&label("bob@example.org"), 0);
    log.push_key_set(&alice(), 2);
    log.epoch();
    log
}

fn request(since: Option<u64>) -> LookupRequest {
    LookupRequest {
        label: alice(),
        since: since.and_then(TreeSize::new),
        logged: true,
    }
}

fn verify(log: &TinyLog, answer: &LookupAnswer) -> Result<Option<Version>, LookupError> {
    let (policy, genesis) = (log.policy(), log.genesis());
    // Through its bytes, as a reader has it.
    let answer = LookupAnswer::parse(&answer.to_json())?;
    let lookup = answer.verify(&trust(&policy, &genesis, None), &request(None))?;
    Ok(lookup.found().map(|found| found.key_set().version()))
}

#[test]
fn an_honest_lookup_verifies() {
    let log = with_alice();
    assert_eq!(
        verify(&log, &log.lookup(&alice(), Some(2), None)),
        Ok(Some(Version::new(2)))
    );
    let parsed = LookupRequest::parse(&request(Some(3)).to_json()).unwrap();
    assert_eq!(parsed, request(Some(3)));
    for bad in [
        &b"{}"[..],
        br#"{"label":"AA=="}"#,
        br#"{"label":"AWFAYg==","logged":false}"#,
        br#"{"label":"AWFAYg==","x":1}"#,
        br#"{"label":"AWFAYg==","since":-1}"#,
    ] {
        assert!(
            LookupRequest::parse(bad).is_err(),
            "{}",
            String::from_utf8_lossy(bad)
        );
    }
}

#[test]
fn an_absent_label_is_proved_absent() {
    let mut log = TinyLog::new();
    log.push_key_set(&label("bob@example.org"), 0);
    log.epoch();
    assert_eq!(verify(&log, &log.lookup(&alice(), None, None)), Ok(None));
}

#[test]
fn consistency_is_wanted_exactly_when_a_head_is_remembered() {
    let mut log = with_alice();
    let (policy, genesis) = (log.policy(), log.genesis());
    let seen = log.head();
    log.push_key_set(&label("carol@example.org"), 0);
    log.epoch();
    let check = |answer: &LookupAnswer, seen: Option<TreeHead>| {
        let trust = trust(&policy, &genesis, seen);
        answer
            .verify(&trust, &request(None))
            .map(|lookup| lookup.head().tree_head())
    };
    let since = Some(seen.size.get());
    let good = log.lookup(&alice(), Some(2), since);
    assert_eq!(check(&good, Some(seen)), Ok(log.head()));
    let presence = Err(LookupError::Head(HeadError::ConsistencyProofPresence));
    assert_eq!(check(&good, None), presence);
    assert_eq!(
        check(&log.lookup(&alice(), Some(2), None), Some(seen)),
        presence
    );
    let forked = TreeHead {
        root: sha256(b"another tree"),
        ..seen
    };
    let error = check(&good, Some(forked)).unwrap_err();
    assert_eq!(
        (error.step(), error.blame()),
        (Step::Consistency, Blame::Unproven)
    );
    let later = TreeHead {
        size: TreeSize::new(1000).unwrap(),
        root: seen.root,
    };
    let error = check(&good, Some(later)).unwrap_err();
    assert_eq!(
        (error.step(), error.blame()),
        (Step::Consistency, Blame::Unavailable)
    );
    // The same head again.
    let same = log.lookup(&alice(), Some(2), Some(log.size().get()));
    assert_eq!(check(&same, Some(log.head())), Ok(log.head()));
}

#[test]
fn the_head_must_be_signed_cosigned_and_fresh() {
    let log = with_alice();
    let (policy, genesis) = (log.policy(), log.genesis());
    let check = |checkpoint: Vec<u8>, policy: &Policy| {
        let mut answer = log.lookup(&alice(), Some(2), None);
        answer.head.checkpoint = checkpoint;
        answer
            .verify(&trust(policy, &genesis, None), &request(None))
            .unwrap_err()
    };
    let step = |checkpoint| check(checkpoint, &policy).step();
    assert_eq!(step(log.signed().to_bytes()), Step::Quorum);
    assert_eq!(step(log.checkpoint_at(NOW - DAY - 1)), Step::Freshness);
    assert_eq!(step(log.checkpoint_at(NOW + 61)), Step::Freshness);
    assert_eq!(step(b"junk".to_vec()), Step::Parse);
    let mut bad = log.checkpoint();
    let at = bad.len() - 20;
    bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
    assert_ne!(step(bad), Step::Freshness);
    let none = Policy::parse(&format!("log {}\nquorum none\n", log.log_key())).unwrap();
    assert_eq!(check(log.checkpoint(), &none).step(), Step::Freshness);
    let other = TinyLog::new();
    let unknown = format!("witness a {}\nquorum a\n", other.auditor.verifier_key());
    let unknown = Policy::parse(&unknown).unwrap();
    assert_eq!(check(log.checkpoint(), &unknown).step(), Step::LogSignature);
}

#[test]
fn the_last_entry_must_be_an_epoch_of_its_time() {
    let mut log = with_alice();
    let good = log.lookup(&alice(), Some(2), None);
    let mut wrong = log.lookup(&alice(), Some(2), None);
    wrong.head.epoch_proof[0] = sha256(b"x");
    assert_eq!(verify(&log, &wrong).unwrap_err().step(), Step::Epoch);
    log.push_key_set(&label("carol@example.org"), 0);
    let error = verify(&log, &log.lookup(&alice(), Some(2), None)).unwrap_err();
    assert_eq!(error, LookupError::Head(HeadError::NotAnEpoch));
    // An older head with its own epoch still verifies: freshness decides, not size.
    assert!(verify(&log, &good).is_ok());
    let mut ahead = log.next_epoch();
    ahead.time_ms = (NOW - 10 + 61) * 1000;
    log.push(ahead.to_bytes().to_vec());
    let error = verify(&log, &log.lookup(&alice(), Some(2), None)).unwrap_err();
    assert_eq!(error, LookupError::Head(HeadError::EpochAhead));
}

#[test]
fn a_lower_or_higher_version_is_not_the_latest() {
    let log = with_alice();
    for claimed in [0, 1] {
        let error = verify(&log, &log.lookup(&alice(), Some(claimed), None)).unwrap_err();
        assert_eq!(error.step(), Step::Ladder, "{claimed}");
    }
    assert_eq!(
        verify(&log, &log.lookup(&alice(), None, None))
            .unwrap_err()
            .step(),
        Step::Ladder
    );
    let mut answer = log.lookup(&alice(), Some(2), None);
    answer.found.as_mut().unwrap().version = Version::new(3);
    assert_eq!(verify(&log, &answer).unwrap_err().step(), Step::Vrf);
}

#[test]
fn vrf_proofs_of_another_label_or_key_are_refused() {
    let log = with_alice();
    let mut answer = log.lookup(&alice(), Some(2), None);
    answer.vrf.swap(0, 1);
    assert_eq!(verify(&log, &answer).unwrap_err().step(), Step::Vrf);
    let mut answer = log.lookup(&alice(), Some(2), None);
    answer.vrf.pop();
    assert_eq!(verify(&log, &answer).unwrap_err().step(), Step::Vrf);
    let mut answer = log.lookup(&alice(), Some(2), None);
    let bob = label("bob@example.org");
    answer.vrf = ladder::rungs_for(Some(Version::new(2)))
        .into_iter()
        .map(|rung: Version| log.vrf.prove(&bob.vrf_input(rung)).0)
        .collect();
    assert_eq!(verify(&log, &answer).unwrap_err().step(), Step::Vrf);
}

#[test]
fn a_key_that_was_never_logged_is_refused() {
    let log = with_alice();
    let mut answer = log.lookup(&alice(), Some(2), None);
    let found = answer.found.as_mut().unwrap();
    found.key_set = Some(key_set(&alice(), 2, 66));
    let error = verify(&log, &answer).unwrap_err();
    assert_eq!(
        (error.step(), error.blame()),
        (Step::Commitment, Blame::Unproven)
    );
    // With an entry that commits to it, but that the index does not hold.
    let mut fork = with_alice();
    let index = IndexKey::private(sha256(b"decoy"));
    fork.push_key_set_at(index, &alice(), 2, key_set(&alice(), 2, 66));
    let found = answer.found.as_mut().unwrap();
    found.entry = fork.entries.last().unwrap().clone();
    let error = verify(&log, &answer).unwrap_err();
    assert_eq!(
        error,
        LookupError::Decoy {
            version: Version::new(2)
        }
    );
    let mut answer = log.lookup(&alice(), Some(2), None);
    answer.index = fork.replay.index().prove(&[index]);
    assert_eq!(verify(&log, &answer).unwrap_err().step(), Step::Index);
}

#[test]
fn a_key_set_must_be_opened_and_be_of_this_label_and_version() {
    let mut log = TinyLog::new();
    let index = log.index_of(&alice(), 0);
    log.push_key_set_at(
        index,
        &alice(),
        0,
        key_set(&label("bob@example.org"), 0, 40),
    );
    log.epoch();
    let answer = log.lookup(&alice(), Some(0), None);
    let error = verify(&log, &answer).unwrap_err();
    assert_eq!(
        error,
        LookupError::OtherKeySet {
            version: Version::FIRST
        }
    );
    let log = with_alice();
    let mut answer = log.lookup(&alice(), Some(2), None);
    answer.found.as_mut().unwrap().opening = None;
    assert_eq!(
        verify(&log, &answer).unwrap_err(),
        LookupError::Withheld {
            version: Version::new(2)
        }
    );
    answer.found.as_mut().unwrap().opening = Some(Opening::from_bytes([9; 16]));
    assert_eq!(verify(&log, &answer).unwrap_err().step(), Step::Commitment);
}

#[test]
fn when_it_was_logged_is_proved() {
    let log = with_alice();
    let check = |change: &dyn Fn(&mut plainsight_specs::lookup::LoggedAnswer)| {
        let mut answer = log.lookup(&alice(), Some(2), None);
        change(answer.found.as_mut().unwrap().logged.as_mut().unwrap());
        verify(&log, &answer).unwrap_err().step()
    };
    assert_eq!(
        check(&|logged| logged.position = LeafIndex::new(1).unwrap()),
        Step::Logged
    );
    assert_eq!(
        check(&|logged| logged.epoch_position = logged.position),
        Step::Logged
    );
    assert_eq!(check(&|logged| logged.epoch.push(0)), Step::Logged);
    assert_eq!(
        check(&|logged| logged.epoch_inclusion.clear()),
        Step::Logged
    );
    let mut answer = log.lookup(&alice(), Some(2), None);
    answer.found.as_mut().unwrap().logged = None;
    assert_eq!(verify(&log, &answer).unwrap_err().step(), Step::Logged);
}

#[test]
fn answers_with_more_or_less_than_their_members_are_refused() {
    let log = with_alice();
    let good = String::from_utf8(log.lookup(&alice(), Some(2), None).to_json()).unwrap();
    assert!(LookupAnswer::parse(good.as_bytes()).is_ok());
    let more = format!("{},\"extra\":1}}", good.strip_suffix('}').unwrap());
    assert!(LookupAnswer::parse(more.as_bytes()).is_err());
    for cut in [0, 1, good.len() / 2, good.len() - 1] {
        assert!(LookupAnswer::parse(&good.as_bytes()[..cut]).is_err());
    }
    for member in [
        "checkpoint",
        "epoch",
        "epoch_proof",
        "vrf",
        "index",
        "entry",
    ] {
        let less = good.replace(&format!("\"{member}\":"), "\"x\":");
        assert!(LookupAnswer::parse(less.as_bytes()).is_err(), "{member}");
    }
}

#[test]
fn the_genesis_is_the_first_entry_of_this_log() {
    let log = with_alice();
    let policy = log.policy();
    let check = |answer: &GenesisAnswer| {
        let answer = GenesisAnswer::parse(&answer.to_json()).unwrap();
        answer
            .verify(&policy, now(), DAY)
            .map(|(_, genesis)| genesis)
    };
    assert_eq!(check(&log.genesis_answer()), Ok(log.genesis()));
    let mut other = log.genesis_draft();
    other.heartbeat_s = 61;
    let mut answer = log.genesis_answer();
    answer.entry = other.build().unwrap().to_bytes();
    assert!(matches!(
        check(&answer),
        Err(HeadError::GenesisInclusion(_))
    ));
    let mut answer = log.genesis_answer();
    answer.entry = log.entries[1].clone();
    assert_eq!(check(&answer), Err(HeadError::NotAGenesis));
}
