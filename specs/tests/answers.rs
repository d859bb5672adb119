//! Look-ups, histories, stream queries and bundles: honest answers verify, and every lie fails at
//! the step that names it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

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

// Histories.

fn history(log: &TinyLog, from: u32, latest: u32, listed: &[u32]) -> HistoryAnswer {
    let mut lookup = log.lookup(&alice(), Some(latest), None);
    let mut keys: Vec<IndexKey> = ladder::rungs_for(Some(Version::new(latest)))
        .into_iter()
        .map(|version: Version| log.index_of(&alice(), version.get()))
        .collect();
    keys.extend(
        listed
            .iter()
            .map(|version| log.index_of(&alice(), *version)),
    );
    lookup.index = log.replay.index().prove(&keys);
    assert!(from <= latest);
    let versions = listed
        .iter()
        .map(|version| {
            let position = log.position_of(&log.index_of(&alice(), *version));
            let version = Version::new(*version);
            let (opening, key_set) = log.opening(&alice(), version);
            VersionAnswer {
                version,
                vrf: log.vrf.prove(&alice().vrf_input(version)).0,
                entry: log.entries[position].clone(),
                opening: Some(opening),
                key_set: Some(key_set),
                position: LeafIndex::new(position as u64).unwrap(),
                inclusion: log.inclusion(position),
            }
        })
        .collect();
    HistoryAnswer { lookup, versions }
}

fn verify_history(
    log: &TinyLog,
    answer: &HistoryAnswer,
    from: u32,
) -> Result<plainsight_specs::history::History, LookupError> {
    let (policy, genesis) = (log.policy(), log.genesis());
    let request = HistoryRequest {
        label: alice(),
        from: Version::new(from),
        since: None,
    };
    assert_eq!(HistoryRequest::parse(&request.to_json()).unwrap(), request);
    let answer = HistoryAnswer::parse(&answer.to_json())?;
    answer.verify(&trust(&policy, &genesis, None), &request)
}

#[test]
fn an_honest_history_opens_every_version() {
    let log = with_alice();
    let history = verify_history(&log, &history(&log, 0, 2, &[0, 1, 2]), 0).unwrap();
    assert_eq!(history.latest(), Some(Version::new(2)));
    assert_eq!(history.versions().len(), 3);
    assert!(
        history
            .versions()
            .iter()
            .all(|version| version.key_set.is_some())
    );
    assert_eq!(history.holes(), []);
}

#[test]
fn a_version_that_is_not_listed_is_a_hole() {
    // SPEC(HISTORY-3)
    let log = with_alice();
    let history = verify_history(&log, &history(&log, 0, 2, &[0, 2]), 0).unwrap();
    assert_eq!(history.holes(), [Version::new(1)]);
}

#[test]
fn a_withheld_opening_leaves_the_version_unread() {
    let log = with_alice();
    let mut answer = history(&log, 1, 2, &[1, 2]);
    answer.versions[0].opening = None;
    let history = verify_history(&log, &answer, 1).unwrap();
    assert!(history.versions()[0].key_set.is_none());
    assert!(history.versions()[1].key_set.is_some());
}

#[test]
fn a_decoy_at_another_index_proves_nothing() {
    // SPEC(HISTORY-1)
    let mut log = with_alice();
    let harmless = key_set(&alice(), 1, 40);
    log.push_key_set_at(IndexKey::private(sha256(b"decoy")), &alice(), 1, harmless);
    let decoy = log.entries.len() - 1;
    log.epoch();
    let mut answer = history(&log, 0, 2, &[0, 1, 2]);
    answer.versions[1].entry = log.entries[decoy].clone();
    answer.versions[1].position = LeafIndex::new(decoy as u64).unwrap();
    answer.versions[1].inclusion = log.inclusion(decoy);
    let error = verify_history(&log, &answer, 0).unwrap_err();
    assert_eq!(
        error,
        LookupError::Decoy {
            version: Version::new(1)
        }
    );
}

#[test]
fn versions_out_of_place_are_refused() {
    let log = with_alice();
    for (from, listed) in [
        (1, vec![0, 1, 2]),
        (0, vec![1, 0, 2]),
        (0, vec![0, 0, 1, 2]),
    ] {
        let answer = history(&log, 0, 2, &listed);
        let error = verify_history(&log, &answer, from).unwrap_err();
        assert!(
            matches!(error, LookupError::VersionOrder { .. }),
            "{listed:?}"
        );
    }
    // SPEC(HISTORY-2)
    let mut answer = history(&log, 0, 2, &[0, 1, 2]);
    answer.versions[1].position = LeafIndex::new(1).unwrap();
    assert_eq!(
        verify_history(&log, &answer, 0).unwrap_err().step(),
        Step::Logged
    );
}

// Streams.

fn with_releases() -> TinyLog {
    let mut log = TinyLog::new();
    for (version, files) in [("1.0", vec![&b"one"[..]]), ("1.1", vec![b"two", b"three"])] {
        log.push_statement(&log.next(release(version, &files)), RELEASES);
    }
    log.push_statement(&log.next(release("1.2", &[b"one"])), RELEASES);
    log.push_statement(&log.next(yank("1.2", &[b"one"])), RELEASES);
    log.epoch();
    assert!(log.judged.iter().all(|judged| !judged.is_void()));
    log
}

fn version(text: &str) -> ReleaseVersion {
    ReleaseVersion::parse(text).unwrap()
}

fn stream_request(version: Option<&str>, digest: Option<Hash>) -> StreamRequest {
    StreamRequest {
        stream: product().stream(),
        since: None,
        version: version.map(|text| ReleaseVersion::parse(text).unwrap()),
        digest,
    }
}

fn held(log: &TinyLog, index: &IndexKey) -> Option<Vec<u8>> {
    let leaf = log.replay.value(index)?;
    log.entries
        .iter()
        .find(|entry| leaf_hash(entry) == leaf)
        .cloned()
}

fn answer(log: &TinyLog, request: &StreamRequest, found: Option<&str>) -> StreamAnswer {
    let stream = &request.stream;
    let found = found.map(version);
    let latest = log.replay.last_of(stream).map(|(seq, _)| seq);
    let searched = request.searched(found.as_ref(), latest);
    StreamAnswer {
        head: log.head_block(None),
        index: log.replay.index().prove(&searched),
        entry: found
            .as_ref()
            .and_then(|found| held(log, &stream.version_index(found))),
        yank: found
            .as_ref()
            .and_then(|found| held(log, &stream.yank_index(found))),
        latest: latest.map(|seq| LatestAnswer {
            seq,
            entry: held(log, &stream.seq_index(seq)).unwrap(),
        }),
    }
}

fn verify_stream(
    log: &TinyLog,
    answer: &StreamAnswer,
    request: &StreamRequest,
) -> Result<plainsight_specs::query::StreamState, QueryError> {
    let (policy, genesis) = (log.policy(), log.genesis());
    assert_eq!(StreamRequest::parse(&request.to_json()).unwrap(), *request);
    StreamAnswer::parse(&answer.to_json())?.verify(&trust(&policy, &genesis, None), request)
}

#[test]
fn a_release_is_installed_only_if_its_version_lists_the_file() {
    // SPEC(QUERY-5)
    let log = with_releases();
    let check = |asked: Option<&str>, file: &[u8], found: Option<&str>| {
        let request = stream_request(asked, Some(sha256(file)));
        let state = verify_stream(&log, &answer(&log, &request, found), &request).unwrap();
        (
            state.may_install(&sha256(file)),
            state.shipped().is_some(),
            state.yank().is_some(),
        )
    };
    assert_eq!(check(Some("1.1"), b"two", Some("1.1")), (true, true, false));
    assert_eq!(
        check(Some("1.1"), b"one", Some("1.1")),
        (false, true, false)
    );
    assert_eq!(
        check(Some("1.1"), b"evil", Some("1.1")),
        (false, false, false)
    );
    assert_eq!(check(Some("1.2"), b"one", Some("1.2")), (false, true, true));
    assert_eq!(check(Some("7"), b"one", Some("7")), (false, true, false));
    // By digest alone: the first version that shipped it.
    assert_eq!(check(None, b"three", Some("1.1")), (true, true, false));
    assert_eq!(check(None, b"one", Some("1.0")), (true, true, false));
    assert_eq!(check(None, b"evil", None), (false, false, false));
}

#[test]
fn the_latest_statement_is_proved_by_ladder() {
    let log = with_releases();
    let request = stream_request(None, None);
    let good = answer(&log, &request, None);
    let state = verify_stream(&log, &good, &request).unwrap();
    assert_eq!(state.latest().unwrap().seq, Seq::new(3));
    let mut older = answer(&log, &request, None);
    let seq = Seq::new(1);
    let entry = held(&log, &request.stream.seq_index(seq)).unwrap();
    older.latest = Some(LatestAnswer { seq, entry });
    older.index = log.replay.index().prove(&request.searched(None, Some(seq)));
    assert_eq!(
        verify_stream(&log, &older, &request).unwrap_err().step(),
        Step::Ladder
    );
    let mut none = answer(&log, &request, None);
    none.latest = None;
    assert!(verify_stream(&log, &none, &request).is_err());
}

#[test]
fn withheld_or_swapped_entries_are_refused() {
    let log = with_releases();
    let request = stream_request(Some("1.2"), Some(sha256(b"one")));
    let broken = |change: &dyn Fn(&mut StreamAnswer)| {
        let mut answer = answer(&log, &request, Some("1.2"));
        change(&mut answer);
        verify_stream(&log, &answer, &request).unwrap_err()
    };
    assert_eq!(
        broken(&|answer| answer.yank = None),
        QueryError::OtherEntry { what: "yank" }
    );
    assert_eq!(
        broken(&|answer| answer.entry = None),
        QueryError::OtherEntry { what: "release" }
    );
    let other = held(&log, &request.stream.version_index(&version("1.0")));
    let swapped = broken(&|answer| answer.entry.clone_from(&other));
    assert_eq!(swapped, QueryError::OtherEntry { what: "release" });
    assert_eq!(
        broken(&|answer| answer.head.epoch_proof.clear()).step(),
        Step::Epoch
    );
    // By digest alone, another version that lists the file too.
    let request = stream_request(None, Some(sha256(b"one")));
    let error = verify_stream(&log, &answer(&log, &request, Some("1.2")), &request).unwrap_err();
    assert_eq!(error, QueryError::OtherEntry { what: "release" });
}

#[test]
fn an_artifact_is_found_or_proved_absent() {
    let log = with_releases();
    let (policy, genesis) = (log.policy(), log.genesis());
    let ask = |file: &[u8], entry: Option<Vec<u8>>| {
        let digest = sha256(file);
        let index = log.replay.index().prove(&[artifact_index(&digest)]);
        let answer = ArtifactAnswer {
            head: log.head_block(None),
            index,
            entry,
        };
        ArtifactAnswer::parse(&answer.to_json())
            .unwrap()
            .verify(&trust(&policy, &genesis, None), &digest)
            .map(|(_, release)| release.is_some())
    };
    let one = held(&log, &artifact_index(&sha256(b"one")));
    assert_eq!(ask(b"one", one.clone()), Ok(true));
    assert_eq!(ask(b"evil", None), Ok(false));
    let other = Err(QueryError::OtherEntry { what: "release" });
    assert_eq!(ask(b"one", None), other);
    assert_eq!(ask(b"evil", one), other);
}

// Bundles.

fn bundle(log: &TinyLog, of: &str, latest: Option<Seq>) -> UnverifiedBundle {
    let stream = product().stream();
    let entry = held(log, &stream.version_index(&version(of))).unwrap();
    let plainsight_specs::entry::Entry::Statement(statement) =
        plainsight_specs::entry::Entry::parse(&entry).unwrap()
    else {
        panic!("a statement")
    };
    let mut keys = searched(statement.statement()).unwrap();
    let rungs = latest
        .map(|latest| ladder::rungs_for(Some(latest)))
        .unwrap_or_default();
    keys.extend(rungs.into_iter().map(|seq| stream.seq_index(seq)));
    let head = log.head_block(None);
    let proof = TlogProof {
        extra: None,
        index: log.size().last().unwrap(),
        inclusion: head.epoch_proof.clone(),
        checkpoint: plainsight_specs::checkpoint::UnverifiedCheckpoint::parse(&head.checkpoint)
            .unwrap(),
    };
    UnverifiedBundle::new(proof, head.epoch, entry, log.replay.index().prove(&keys))
}

#[test]
fn a_bundle_verifies_without_a_network() {
    let log = with_releases();
    let (policy, genesis) = (log.policy(), log.genesis());
    let check = |bundle: &UnverifiedBundle, now: u64| {
        let mut trust = trust(&policy, &genesis, Some(log.head()));
        trust.now = Timestamp::from_seconds(now).unwrap();
        let bundle = UnverifiedBundle::parse(&bundle.to_json())?.verify(&trust)?;
        Ok::<_, BundleError>((bundle.release.seq(), bundle.latest))
    };
    let third = Seq::new(3);
    assert_eq!(
        check(&bundle(&log, "1.1", None), NOW),
        Ok((Seq::new(1), None))
    );
    assert_eq!(
        check(&bundle(&log, "1.1", Some(third)), NOW),
        Ok((Seq::new(1), Some(third)))
    );
    assert_eq!(
        check(&bundle(&log, "1.2", None), NOW),
        Err(BundleError::Yanked)
    );
    let error = check(&bundle(&log, "1.1", Some(Seq::new(0))), NOW).unwrap_err();
    assert!(
        matches!(error, BundleError::Ladder(_) | BundleError::Surplus),
        "{error}"
    );
    let stale = check(&bundle(&log, "1.1", None), NOW + 2 * DAY).unwrap_err();
    assert!(
        matches!(stale, BundleError::Head(HeadError::Stale(_))),
        "{stale}"
    );
    // The entry of another log under this head.
    let mut elsewhere = TinyLog::new();
    elsewhere.push_statement(&elsewhere.next(release("1.1", &[b"evil"])), RELEASES);
    elsewhere.epoch();
    let evil = bundle(&elsewhere, "1.1", None).to_json();
    let honest = bundle(&log, "1.1", None).to_json();
    let (evil, honest): (serde_json::Value, serde_json::Value) = (
        serde_json::from_slice(&evil).unwrap(),
        serde_json::from_slice(&honest).unwrap(),
    );
    for member in ["entry", "index", "epoch", "proof"] {
        let mut mixed = honest.clone();
        mixed[member] = evil[member].clone();
        let mixed = UnverifiedBundle::parse(mixed.to_string().as_bytes()).unwrap();
        assert!(check(&mixed, NOW).is_err(), "{member}");
    }
}
