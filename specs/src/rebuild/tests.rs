use super::*;
use crate::hash::sha256;
use crate::statement::Uri;

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds).unwrap()
}

fn claim(outcome: Outcome, seconds: u64) -> RebuildClaim {
    RebuildClaim {
        file: sha256(b"file"),
        outcome,
        time: time(seconds),
        references: vec![Reference {
            kind: Uri::parse("urn:example:build-log").unwrap(),
            sha256: sha256(b"log"),
        }],
    }
}

fn mismatch() -> Outcome {
    Outcome::Mismatch {
        built: sha256(b"another file"),
    }
}

#[test]
fn every_outcome_comes_back_as_it_was_signed() {
    for outcome in [Outcome::Match, Outcome::Unbuildable, mismatch()] {
        let said = claim(outcome, 0);
        let bytes = said.sign(&[&secret(1), &secret(2)]);
        let parsed = UnverifiedRebuild::parse(&bytes).unwrap();
        assert_eq!(parsed.claim(), &said);
        let keys = [secret(2).public(), secret(3).public()];
        let rebuild = parsed.verify(&keys).unwrap();
        assert_eq!(rebuild.claim(), &said);
        assert_eq!(rebuild.by(), &[secret(2).public()].into());
    }
}

#[test]
fn a_result_that_no_known_key_signed_is_nobodys() {
    let bytes = claim(Outcome::Match, 0).sign(&[&secret(1)]);
    let parsed = UnverifiedRebuild::parse(&bytes).unwrap();
    let refused = parsed.verify(&[secret(2).public()]).unwrap_err();
    assert_eq!(refused, RebuildError::Unknown);
    assert_eq!(refused.blame(), Blame::Unproven);
}

#[test]
fn the_latest_counts_and_of_equal_times_the_gravest() {
    let (good, none, bad) = (Outcome::Match, Outcome::Unbuildable, mismatch());
    for (newer, older) in [
        (claim(good, 1), claim(bad, 0)),
        (claim(bad, 1), claim(good, 0)),
        (claim(bad, 0), claim(none, 0)),
        (claim(none, 0), claim(good, 0)),
    ] {
        assert!(newer.supersedes(&older), "{newer:?}");
        assert!(!older.supersedes(&newer), "{older:?}");
        assert!(!newer.supersedes(&newer));
    }
}

/// The signed payload with one thing replaced by another.
fn with(replaced: &str, by: &str) -> Result<UnverifiedRebuild, RebuildError> {
    let payload = String::from_utf8(claim(mismatch(), 0).payload()).unwrap();
    assert!(payload.contains(replaced), "{replaced} is not in {payload}");
    let payload = payload.replace(replaced, by);
    let bytes = Envelope::build(PAYLOAD_TYPE, payload.as_bytes(), &[&secret(1)]);
    UnverifiedRebuild::parse(&bytes)
}

#[test]
fn what_differs_is_refused() {
    let (file, built) = (sha256(b"file").to_hex(), sha256(b"another file").to_hex());
    assert!(with("mismatch", "mismatch").is_ok(), "as it is");
    assert_eq!(with(&built, &file), Err(RebuildError::SameFile));
    assert_eq!(
        with("\"mismatch\"", "\"similar\""),
        Err(RebuildError::Outcome("similar".into()))
    );
    for (replaced, by) in [
        ("mismatch", "match"),
        ("mismatch", "unbuildable"),
        ("\"built\"", "\"made\""),
        ("rebuild:v1", "rebuild:v2"),
        ("rebuild:v1", "release:v1"),
        ("Statement/v1", "Statement/v0.1"),
        ("\"refs\":", "\"extra\":1,\"refs\":"),
        ("\"time\":\"2027", "\"time\":\"27"),
        (
            "\"subject\":[",
            "\"subject\":[{\"digest\":{\"sha256\":\"00\"}},",
        ),
        (&file, "00"),
    ] {
        assert!(with(replaced, by).is_err(), "{replaced} as {by}");
    }
    // Others' members are in-toto's custom, and pass.
    assert!(with("\"_type\"", "\"more\":1,\"_type\"").is_ok());
    let other_type = Envelope::build("t", &claim(mismatch(), 0).payload(), &[&secret(1)]);
    assert!(UnverifiedRebuild::parse(&other_type).is_err());
}

#[test]
fn a_long_result_is_refused_before_it_is_parsed() {
    let mut bytes = claim(Outcome::Match, 0).sign(&[&secret(1)]);
    bytes.resize(MAX_RESULT, b' ');
    assert!(UnverifiedRebuild::parse(&bytes).is_ok());
    bytes.push(b' ');
    assert_eq!(UnverifiedRebuild::parse(&bytes), Err(RebuildError::TooLong));
}

#[test]
fn the_example_of_the_chapter_parses() {
    let chapter = include_str!("../../rebuild.md");
    let (_, rest) = chapter.split_once("```json\n").unwrap();
    let (payload, _) = rest.split_once("\n```").unwrap();
    let bytes = Envelope::build(PAYLOAD_TYPE, payload.as_bytes(), &[&secret(1)]);
    let parsed = UnverifiedRebuild::parse(&bytes).unwrap();
    assert_eq!(parsed.claim().payload(), payload.as_bytes());
    assert_eq!(parsed.claim().outcome.as_str(), "mismatch");
}

#[test]
fn lists_come_back_and_are_bounded() {
    let list = RebuildList {
        next: Some(7),
        results: vec![vec![1; MAX_RESULT]; MAX_LISTED],
    };
    let bytes = list.to_json();
    assert!(bytes.len() <= RebuildList::MAX_BYTES);
    assert_eq!(RebuildList::parse(&bytes), Ok(list.clone()));
    let without = RebuildList {
        next: None,
        ..RebuildList::default()
    };
    assert_eq!(RebuildList::parse(&without.to_json()), Ok(without));
    let mut more = list;
    more.results.push(Vec::new());
    assert!(RebuildList::parse(&more.to_json()).is_err());
    for wrong in ["{}", "{\"results\":[1]}", "{\"results\":[],\"x\":1}", "[]"] {
        assert!(RebuildList::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let padded = |length| {
        let mut list = vec![b' '; length];
        list[length - 14..].copy_from_slice(b"{\"results\":[]}");
        RebuildList::parse(&list)
    };
    assert!(padded(RebuildList::MAX_BYTES).is_ok());
    assert!(padded(RebuildList::MAX_BYTES + 1).is_err());
    let long = vec![b' '; RebuildList::MAX_BYTES + 1];
    assert!(RebuildList::parse(&long).is_err());
}
