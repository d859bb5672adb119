//! Rebuilds: results by others that auditors carry, and how many the policy asks for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod reading;
mod tiny_log;

use plainsight_client::failure::Verdict;
use plainsight_client::reader::Reader;
use plainsight_client::rebuilds::RebuildsUnmet;
use plainsight_client::release::{self, Unmet};
use plainsight_client::report::{FileReport, Report as _};
use plainsight_client::trust::TrustPolicy;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::sha256;
use plainsight_specs::rebuild::{Outcome, RebuildClaim, RebuildList};
use plainsight_specs::time::Timestamp;
use tiny_log::{Served, TinyLog, product};

use reading::{SERDE, ask, log, now, source, trust, unmet, verify_by};

/// A result as auditors carry it.
fn rebuilt(seed: u8, file: &[u8], outcome: Outcome, ago_s: u64) -> Vec<u8> {
    let time = Timestamp::from_seconds(now().seconds() - ago_s).unwrap();
    let claim = RebuildClaim {
        file: sha256(file),
        outcome,
        time,
        references: Vec::new(),
    };
    claim.sign(&[&SecretKey::from_seed(&[seed; 32])])
}

/// Lets an auditor carry results about a file.
fn carry(served: &Served, auditor: u8, file: &[u8], results: &[Vec<u8>]) {
    let list = RebuildList {
        next: None,
        results: results.to_vec(),
    };
    let path = format!("guard{auditor}/v1/rebuilds/{}", sha256(file).to_hex());
    let mut log = served.log();
    let head = log.heads.last_mut().unwrap();
    head.files.insert(path, list.to_json());
}

/// Two organisations, one of which has two keys, and a rule that asks for both.
fn rebuild_notes(served: &Served) -> String {
    let mut notes = format!(
        "[release]\nrebuilds = 2\n{}",
        TinyLog::watching(&served.url, 0..2)
    );
    for (seed, organisation) in [(61, "A"), (62, "A"), (63, "B")] {
        let key = SecretKey::from_seed(&[seed; 32]).public();
        let key = plainsight_specs::codec::to_base64(key.as_bytes());
        let name = format!("r{seed}");
        notes += "[[rebuilder]]\n";
        for (member, value) in [
            ("name", name.as_str()),
            ("organisation", organisation),
            ("key", &key),
        ] {
            notes += &[member, " = \"", value, "\"\n"].concat();
        }
    }
    notes
}

#[tokio::test]
async fn rebuilds_by_as_many_organisations_as_the_policy_asks_for() {
    let served = log();
    let notes = rebuild_notes(&served);
    let file = b"serde one";
    let look = async || {
        let question = ask(file, Some(product(SERDE)), None);
        let found = verify_by(&served, &notes, question, now()).await;
        let report = FileReport {
            path: "file".into(),
            found,
            standing: None,
            explain: true,
        };
        (
            unmet(&report.found),
            report.verdict(),
            report.lines().join("\n"),
        )
    };
    let too_few = |found| Unmet::Rebuilds(RebuildsUnmet::TooFew { wanted: 2, found });
    // Nobody carries anything: every auditor is named, and nothing is installed.
    let (found, verdict, text) = look().await;
    assert_eq!((found, verdict), (vec![too_few(0)], Verdict::PolicyNotMet));
    assert!(
        text.contains("w0 did not say") && text.contains("w1 did not say"),
        "{text}"
    );
    // Two keys of one organisation are one, and a stranger is nobody.
    let of = |seed, outcome, ago| rebuilt(seed, file, outcome, ago);
    let same = [
        of(61, Outcome::Match, 9),
        of(62, Outcome::Match, 9),
        of(64, Outcome::Match, 9),
    ];
    carry(&served, 0, file, &same);
    carry(&served, 1, file, &[]);
    assert_eq!(look().await.0, [too_few(1)]);
    // A result about another file does not count, nor one that could not be built.
    let other = rebuilt(63, b"serde two", Outcome::Match, 9);
    carry(&served, 1, file, &[other]);
    assert_eq!(look().await.0, [too_few(1)]);
    carry(&served, 1, file, &[of(63, Outcome::Unbuildable, 9)]);
    assert_eq!(look().await.0, [too_few(1)]);
    // What the auditors carry is put together.
    carry(&served, 1, file, &[of(63, Outcome::Match, 5)]);
    let (found, verdict, text) = look().await;
    assert_eq!((found, verdict), (vec![], Verdict::Verified), "{text}");
    assert!(
        text.contains("Rebuild: r63 (B) built the same file"),
        "{text}"
    );
    assert!(
        !text.contains("built from the source that is published"),
        "{text}"
    );
    // One mismatch that one auditor carries is not outvoted.
    let built = sha256(b"what the source gives");
    carry(
        &served,
        0,
        file,
        &[
            of(61, Outcome::Match, 9),
            of(62, Outcome::Mismatch { built }, 9),
        ],
    );
    let (found, verdict, text) = look().await;
    assert_eq!(found, [Unmet::Rebuilds(RebuildsUnmet::Mismatch)]);
    assert_eq!(verdict, Verdict::PolicyNotMet);
    assert!(text.contains("built ANOTHER file"), "{text}");
    // Unless the same rebuilder corrected it, wherever the correction is carried.
    carry(
        &served,
        1,
        file,
        &[of(63, Outcome::Match, 5), of(62, Outcome::Match, 4)],
    );
    assert_eq!(look().await.0, []);
    // What is dated far ahead does not count for ever.
    let ahead = RebuildClaim {
        file: sha256(file),
        outcome: Outcome::Mismatch { built },
        time: now().plus(90_000),
        references: Vec::new(),
    };
    let ahead = ahead.sign(&[&SecretKey::from_seed(&[61; 32])]);
    carry(&served, 0, file, &[ahead, of(61, Outcome::Match, 9)]);
    assert_eq!(look().await.0, []);
    // Nobody is asked about rebuilds by a policy that does not ask for them.
    let before = served.asked().len();
    verify_by(&served, "", ask(file, Some(product(SERDE)), None), now()).await;
    let asked = served.asked().split_off(before);
    assert!(
        asked.iter().all(|path| !path.contains("rebuilds")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_bundle_shows_no_rebuilds() {
    let served = log();
    let notes = rebuild_notes(&served);
    let (source, plain) = (source(&served), trust(&served));
    let mut reader = Reader::open(&source, &plain, None, now()).await.unwrap();
    let question = ask(b"serde one", Some(product(SERDE)), None);
    let (_, bundle) = release::bundle(&mut reader, question.clone())
        .await
        .unwrap();
    let remembered = reader.memory().clone();
    let trust = TrustPolicy::parse(&TinyLog::policy(&served.url), Some(&notes)).unwrap();
    let found = release::verify_bundle(&trust, &remembered, now(), question, &bundle).unwrap();
    let not_asked = RebuildsUnmet::NotAsked { wanted: 2 };
    assert_eq!(unmet(&found), [Unmet::Rebuilds(not_asked)]);
}

#[test]
fn a_rule_that_nobody_could_meet_is_refused() {
    let key = |seed| {
        let key = SecretKey::from_seed(&[seed; 32]).public();
        plainsight_specs::codec::to_base64(key.as_bytes())
    };
    let rebuilder = |organisation: &str, key: &str| {
        format!("[[rebuilder]]\nname = \"r\"\norganisation = \"{organisation}\"\nkey = \"{key}\"\n")
    };
    let parse = |wanted: u32, rebuilders: &[String]| {
        let notes = format!("[release]\nrebuilds = {wanted}\n{}", rebuilders.concat());
        TrustPolicy::parse("quorum none\n", Some(&notes))
    };
    let (one, two) = (rebuilder("A", &key(1)), rebuilder("B", &key(2)));
    assert!(parse(2, &[one.clone(), two]).is_ok());
    assert!(
        parse(2, &[one.clone(), rebuilder("A", &key(2))]).is_err(),
        "one organisation"
    );
    assert!(
        parse(1, &[one.clone(), one.clone()]).is_err(),
        "a key twice"
    );
    assert!(parse(1, &[rebuilder("A", "AAAA")]).is_err(), "no key");
    assert!(parse(1, &[]).is_err(), "nobody");
    let many = |number: u8| -> Vec<String> {
        let all = 1..=number;
        all.map(|seed| rebuilder("A", &key(seed))).collect()
    };
    assert!(parse(1, &many(64)).is_ok());
    assert!(parse(1, &many(65)).is_err(), "more than are carried");
    // What is trusted is pinned, and a policy that asks for nothing says what it always said.
    let essence = |policy: TrustPolicy| policy.essence();
    let asked = essence(parse(1, &[one]).unwrap());
    assert!(asked.contains(&"release.rebuilds 1".to_owned()));
    assert!(
        asked
            .iter()
            .any(|line| line.starts_with("rebuilder r: A, "))
    );
    let without = essence(TrustPolicy::parse("quorum none\n", None).unwrap());
    assert!(without.iter().all(|line| !line.contains("rebuil")));
}
