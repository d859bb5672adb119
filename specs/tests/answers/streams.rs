//! Streams of statements, and artifacts.

use super::*;

pub(super) fn with_releases() -> TinyLog {
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

pub(super) fn version(text: &str) -> ReleaseVersion {
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

pub(super) fn held(log: &TinyLog, index: &IndexKey) -> Option<Vec<u8>> {
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
