//! Answers of a quorum that lies as a whole: the index is shown to hold what no rule lets into it. What
//! a reader asked for must still be what it is given, or nothing.
//!
//! Under an honest quorum none of these can be made, so that nothing but these tests misses the
//! comparisons that refuse them. And answers that are valid, of something else than was asked for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod tiny_log;

use plainsight_specs::bundle::{BundleError, UnverifiedBundle, searched};
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::entry::{Entry, KeyEntry};
use plainsight_specs::hash::{Hash, leaf_hash, sha256};
use plainsight_specs::head::{HeadError, Step};
use plainsight_specs::index::{IndexKey, Tree};
use plainsight_specs::ladder;
use plainsight_specs::lookup::{LookupAnswer, LookupError, LookupRequest};
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::policy::Policy;
use plainsight_specs::query::{
    ArtifactAnswer, LatestAnswer, QueryError, StreamAnswer, StreamRequest, StreamState,
};
use plainsight_specs::statement::{Body, Purl, ReleaseVersion, Seq, artifact_index};
use plainsight_specs::tlog_proof::TlogProof;
use tiny_log::*;

/// The log's index, changed, under an epoch that states it.
fn over(log: &mut TinyLog, change: &[(IndexKey, Hash)]) -> Tree {
    log.epoch();
    let kept = log.replay.index().iter();
    let mut values: std::collections::BTreeMap<IndexKey, Hash> =
        kept.map(|(index, value)| (*index, *value)).collect();
    values.extend(change.iter().copied());
    let mut tree = Tree::new();
    let values: Vec<_> = values.into_iter().collect();
    tree.insert_batch(&values).unwrap();
    let mut epoch = log.next_epoch();
    (epoch.index_root, epoch.index_size) = (tree.root(), tree.len());
    log.push(epoch.to_bytes().to_vec());
    tree
}

fn version(text: &str) -> ReleaseVersion {
    ReleaseVersion::parse(text).unwrap()
}

// Key sets.

fn request() -> LookupRequest {
    LookupRequest {
        label: label("alice@example.org"),
        since: None,
        logged: true,
    }
}

fn look_up(log: &TinyLog, answer: &LookupAnswer) -> LookupError {
    let (policy, genesis) = (log.policy(), log.genesis());
    let answer = LookupAnswer::parse(&answer.to_json()).unwrap();
    answer
        .verify(&trust(&policy, &genesis, None), &request())
        .unwrap_err()
}

/// The answer about Alice's version 0 with another entry, proved from `tree`.
fn with_entry(log: &TinyLog, tree: &Tree, entry: Vec<u8>) -> LookupAnswer {
    let alice = request().label;
    let mut answer = log.lookup(&alice, Some(0), None);
    answer.index = tree.prove(&[log.index_of(&alice, 0), log.index_of(&alice, 1)]);
    let found = answer.found.as_mut().unwrap();
    found.entry = entry;
    if let Some(logged) = &mut found.logged {
        let position = log.entries.iter().position(|other| *other == found.entry);
        logged.position = LeafIndex::new(position.unwrap_or(0) as u64).unwrap();
        logged.inclusion = log.inclusion(position.unwrap_or(0));
    }
    answer
}

#[test]
fn an_entry_of_another_index_is_not_the_one_that_was_searched() {
    let (mut log, alice) = (TinyLog::new(), request().label);
    log.push_key_set(&alice, 0);
    // It opens to Alice's keys, and stands elsewhere.
    let key_set = log
        .opening(&alice, plainsight_specs::label::Version::FIRST)
        .1;
    log.push_key_set_at(IndexKey::private(sha256(b"x")), &alice, 0, key_set);
    let decoy = log.entries.last().unwrap().clone();
    let held = [(log.index_of(&alice, 0), leaf_hash(&decoy))];
    let tree = over(&mut log, &held);
    let error = look_up(&log, &with_entry(&log, &tree, decoy));
    assert!(matches!(error, LookupError::Decoy { .. }), "{error}");
}

#[test]
fn an_entry_at_the_index_must_be_the_one_that_the_index_holds() {
    let (mut log, alice) = (TinyLog::new(), request().label);
    log.push_key_set(&alice, 0);
    log.epoch();
    // The right index, a commitment to forged keys, and nothing in the index says so.
    let (version, forged) = (
        plainsight_specs::label::Version::FIRST,
        key_set(&alice, 0, 66),
    );
    let commitment = commit(&Opening::from_bytes([7; 16]), &alice, version, &forged);
    let index = log.index_of(&alice, 0);
    let entry = KeyEntry { index, commitment }.to_bytes().to_vec();
    let mut answer = with_entry(&log, &log.replay.index().clone(), entry);
    let found = answer.found.as_mut().unwrap();
    (found.opening, found.key_set) = (Some(Opening::from_bytes([7; 16])), Some(forged));
    let error = look_up(&log, &answer);
    assert!(matches!(error, LookupError::Decoy { .. }), "{error}");
}

#[test]
fn an_epoch_of_before_does_not_say_when_it_was_logged() {
    let (mut log, alice) = (TinyLog::new(), request().label);
    log.epoch();
    log.push_key_set(&alice, 0);
    log.epoch();
    let mut answer = log.lookup(&alice, Some(0), None);
    let logged = answer.found.as_mut().unwrap().logged.as_mut().unwrap();
    logged.epoch = log.entries[1].clone();
    logged.epoch_position = LeafIndex::new(1).unwrap();
    logged.epoch_inclusion = log.inclusion(1);
    assert_eq!(look_up(&log, &answer).step(), Step::Logged);
}

#[test]
fn an_answer_of_another_log_that_the_reader_trusts_is_refused() {
    let (mut log, mut other) = (TinyLog::new(), TinyLog::new());
    log.epoch();
    let mut draft = other.genesis_draft();
    draft.origin = plainsight_specs::checkpoint::Origin::parse("log.example/other").unwrap();
    other.origin = draft.origin.clone();
    other.signer = plainsight_specs::note::Signer::new(
        plainsight_specs::note::KeyName::parse("log.example/other").unwrap(),
        plainsight_specs::note::Algorithm::Ed25519,
        secret(20),
    )
    .unwrap();
    other.epoch();
    let both = format!(
        "log {}\nlog {}\nwitness a {}\nquorum a\n",
        log.log_key(),
        other.log_key(),
        log.auditor.verifier_key()
    );
    let (policy, genesis) = (Policy::parse(&both).unwrap(), log.genesis());
    let trust = trust(&policy, &genesis, None);
    assert!(log.head_block(None).verify(&trust).is_ok());
    assert_eq!(
        other.head_block(None).verify(&trust).unwrap_err(),
        HeadError::OtherLog
    );
}

// Streams.

fn with_releases(versions: &[&str]) -> TinyLog {
    let mut log = TinyLog::new();
    for version in versions {
        log.push_statement(&log.next(release(version, &[version.as_bytes()])), RELEASES);
    }
    log
}

fn asked(version: Option<&str>) -> StreamRequest {
    StreamRequest {
        stream: product().stream(),
        since: None,
        version: version.map(|text| ReleaseVersion::parse(text).unwrap()),
        digest: None,
    }
}

fn verify_stream(
    log: &TinyLog,
    answer: &StreamAnswer,
    request: &StreamRequest,
) -> Result<StreamState, QueryError> {
    let (policy, genesis) = (log.policy(), log.genesis());
    StreamAnswer::parse(&answer.to_json())?.verify(&trust(&policy, &genesis, None), request)
}

/// The answer that says `entry` of the asked version and `latest` of the stream.
fn answer(
    log: &TinyLog,
    tree: &Tree,
    request: &StreamRequest,
    entry: Option<&[u8]>,
    latest: (u32, &[u8]),
) -> StreamAnswer {
    let seq = Seq::new(latest.0);
    StreamAnswer {
        head: log.head_block(None),
        index: tree.prove(&request.searched(request.version.as_ref(), Some(seq))),
        entry: entry.map(<[u8]>::to_vec),
        yank: None,
        latest: Some(LatestAnswer {
            seq,
            entry: latest.1.to_vec(),
        }),
    }
}

#[test]
fn a_release_of_another_version_or_product_is_not_the_one_asked_for() {
    let mut log = with_releases(&["1.0", "1.1"]);
    let mut other = release("9.9", &[b"evil"]);
    if let Body::Release(release) = &mut other {
        release.product.purl = Purl::parse("pkg:cargo/other").unwrap();
    }
    log.push_statement(&log.next(other), RELEASES);
    let (first, last, strange) = (
        log.entries[1].clone(),
        log.entries[2].clone(),
        log.entries[3].clone(),
    );
    for (wanted, shown) in [("7.0", &first), ("9.9", &strange)] {
        let request = asked(Some(wanted));
        let index = request.stream.version_index(&version(wanted));
        let tree = over(&mut log, &[(index, leaf_hash(shown))]);
        let shown = answer(&log, &tree, &request, Some(shown), (1, &last));
        assert_eq!(
            verify_stream(&log, &shown, &request).unwrap_err(),
            QueryError::OtherEntry { what: "release" },
            "{wanted}"
        );
    }
}

#[test]
fn the_latest_statement_must_say_that_it_is_the_latest() {
    let mut log = with_releases(&["1.0", "1.1"]);
    let first = log.entries[1].clone();
    let request = asked(None);
    let held = [(request.stream.seq_index(Seq::new(1)), leaf_hash(&first))];
    let tree = over(&mut log, &held);
    let shown = answer(&log, &tree, &request, None, (1, &first));
    let error = verify_stream(&log, &shown, &request).unwrap_err();
    let what = "latest statement";
    assert_eq!(error, QueryError::OtherEntry { what });
}

#[test]
fn the_last_rung_decides_as_every_rung() {
    // The ladder of 1 ends with a look at 2.
    let mut log = with_releases(&["1.0", "1.1", "1.2"]);
    log.epoch();
    let (request, second) = (asked(None), log.entries[2].clone());
    let tree = log.replay.index().clone();
    let shown = answer(&log, &tree, &request, None, (1, &second));
    let error = verify_stream(&log, &shown, &request).unwrap_err();
    assert_eq!(
        error,
        QueryError::OtherSeq {
            shown: Some(Seq::new(2)),
            claimed: Some(Seq::new(1))
        }
    );
}

#[test]
fn an_artifact_must_be_listed_by_the_release_that_is_shown() {
    let mut log = with_releases(&["1.0"]);
    let (first, evil) = (log.entries[1].clone(), sha256(b"evil"));
    let tree = over(&mut log, &[(artifact_index(&evil), leaf_hash(&first))]);
    let shown = ArtifactAnswer {
        head: log.head_block(None),
        index: tree.prove(&[artifact_index(&evil)]),
        entry: Some(first),
    };
    let (policy, genesis) = (log.policy(), log.genesis());
    let error = shown.verify(&trust(&policy, &genesis, None), &evil);
    let other = QueryError::OtherEntry { what: "release" };
    assert_eq!(error.unwrap_err(), other);
}

// Bundles.

struct Parts {
    entry: Vec<u8>,
    latest: Option<u32>,
    at: Option<u64>,
}

fn open(log: &TinyLog, tree: &Tree, parts: &Parts) -> Result<Option<Seq>, BundleError> {
    let stream = product().stream();
    let Entry::Statement(statement) = Entry::parse(&parts.entry).unwrap() else {
        panic!("a statement")
    };
    let mut keys = searched(statement.statement()).unwrap();
    let latest = parts.latest.map(Seq::new);
    let rungs = latest.map(|latest| ladder::rungs_for(Some(latest)));
    keys.extend(rungs.iter().flatten().map(|seq| stream.seq_index(*seq)));
    let head = log.head_block(None);
    let last = log.size().last().unwrap();
    let proof = TlogProof {
        extra: None,
        index: parts.at.map_or(last, |at| LeafIndex::new(at).unwrap()),
        inclusion: head.epoch_proof.clone(),
        checkpoint: UnverifiedCheckpoint::parse(&head.checkpoint).unwrap(),
    };
    let bundle = UnverifiedBundle::new(proof, head.epoch, parts.entry.clone(), tree.prove(&keys));
    let (policy, genesis) = (log.policy(), log.genesis());
    let parsed = UnverifiedBundle::parse(&bundle.to_json())?;
    let bundle = parsed.verify(&trust(&policy, &genesis, None))?;
    Ok(bundle.latest)
}

#[test]
fn a_bundle_holds_what_was_logged_and_nothing_else() {
    let mut log = with_releases(&["1.0", "1.1"]);
    log.epoch();
    let tree = log.replay.index().clone();
    let honest = || Parts {
        entry: log.entries[1].clone(),
        latest: Some(1),
        at: None,
    };
    assert_eq!(open(&log, &tree, &honest()), Ok(Some(Seq::new(1))));
    // The provider's own special build of a logged version, whose files were all shipped.
    let special = statement_entry(
        &TinyLog::new().next(release("1.0", &[b"1.0", b"1.1"])),
        RELEASES,
    );
    let parts = Parts {
        entry: special,
        ..honest()
    };
    assert_eq!(open(&log, &tree, &parts), Err(BundleError::OtherEntry));
    // The epoch's place is that of the last entry.
    let parts = Parts {
        at: Some(1),
        ..honest()
    };
    assert_eq!(open(&log, &tree, &parts), Err(BundleError::NotLast));
}

#[test]
fn a_bundle_shows_every_file_and_no_latest_before_its_own() {
    let mut log = with_releases(&["1.0", "1.1"]);
    log.epoch();
    let (stream, second) = (product().stream(), log.entries[2].clone());
    let without = |log: &mut TinyLog, gone: IndexKey| {
        let kept = log.replay.index().iter();
        let kept: Vec<_> = kept
            .filter(|(index, _)| **index != gone)
            .map(|(index, value)| (*index, *value))
            .collect();
        let mut kept = kept;
        kept.sort_unstable();
        let mut tree = Tree::new();
        tree.insert_batch(&kept).unwrap();
        let mut epoch = log.next_epoch();
        (epoch.index_root, epoch.index_size) = (tree.root(), tree.len());
        log.push(epoch.to_bytes().to_vec());
        tree
    };
    let parts = |latest| Parts {
        entry: second.clone(),
        latest,
        at: None,
    };
    let tree = without(&mut log, stream.digest_index(&sha256(b"1.1")));
    assert_eq!(
        open(&log, &tree, &parts(None)),
        Err(BundleError::MissingDigest)
    );
    let tree = without(&mut log, stream.seq_index(Seq::new(1)));
    assert_eq!(
        open(&log, &tree, &parts(Some(0))),
        Err(BundleError::LatestBefore)
    );
}
