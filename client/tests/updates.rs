//! Releases, protections, the log's status and handing a head in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod tiny_log;

use plainsight_client::failure::{Failure, Verdict};
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::protection::{self, ProtectionFound, refusal};
use plainsight_client::reader::{Memory, Purpose, Reader};
use plainsight_client::rebuilds::RebuildsUnmet;
use plainsight_client::release::{self, FileFound, FileQuestion, FileState, Unmet};
use plainsight_client::report::{FileReport, Report as _, StreamReport};
use plainsight_client::source::Source;
use plainsight_client::status::{self, AuditorVerdict};
use plainsight_client::streams::{self, Listed, Place};
use plainsight_client::trust::TrustPolicy;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::evidence::{Evidence, Proof};
use plainsight_specs::hash::sha256;
use plainsight_specs::head::Step;
use plainsight_specs::label::Label;
use plainsight_specs::rebuild::{Outcome, RebuildClaim, RebuildList};
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::{
    Artifact, Audience, Body, Name, Product, ProtectionState, Region, Release, ReleaseVersion, Seq,
};
use plainsight_specs::time::Timestamp;
use tiny_log::{Lie, Served, TinyLog, product, serve};

const SERDE: &str = "pkg:cargo/serde";

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).unwrap()
}

fn http() -> Http {
    Http::new(Patience {
        attempts: 1,
        ..Patience::default()
    })
    .unwrap()
}

fn trust(served: &Served) -> TrustPolicy {
    TrustPolicy::parse(&TinyLog::policy(&served.url), None).unwrap()
}

fn source(served: &Served) -> Source {
    Source::new(http(), BaseUrl::parse(&served.url).unwrap())
}

fn log() -> Served {
    let mut log = TinyLog::new(now());
    log.release(&product(SERDE), "1.0.0", &[b"serde one"]);
    log.release(&product(SERDE), "1.1.0", &[b"serde two"]);
    serve(log)
}

fn ask(file: &[u8], product: Option<Product>, version: Option<&str>) -> FileQuestion {
    FileQuestion {
        digest: sha256(file),
        size: file.len() as u64,
        product,
        version: version.map(|version| ReleaseVersion::parse(version).unwrap()),
    }
}

async fn verify(served: &Served, question: FileQuestion) -> Result<FileFound, Failure> {
    let (source, trust) = (source(served), trust(served));
    let mut reader = Reader::open(&source, &trust, None, now()).await?;
    release::verify(&mut reader, question).await
}

#[tokio::test]
async fn a_logged_file_is_verified_with_and_without_its_stream() {
    let served = log();
    for asked in [None, Some(product(SERDE))] {
        let found = verify(&served, ask(b"serde one", asked, None))
            .await
            .unwrap();
        let FileState::Logged(logged) = &found.state else {
            panic!("{found:?}")
        };
        assert_eq!(logged.release.version.as_str(), "1.0.0");
        assert_eq!(logged.latest_version.as_ref().unwrap().as_str(), "1.1.0");
    }
}

#[tokio::test]
async fn an_unlogged_file_is_proved_absent() {
    let served = log();
    for asked in [None, Some(product(SERDE)), Some(product("pkg:cargo/toml"))] {
        let found = verify(&served, ask(b"a special build", asked, None))
            .await
            .unwrap();
        assert!(matches!(found.state, FileState::Absent), "{found:?}");
    }
}

#[tokio::test]
async fn another_file_under_a_logged_version_is_found_out() {
    let served = log();
    let question = ask(b"a special build", Some(product(SERDE)), Some("1.1.0"));
    let found = verify(&served, question).await.unwrap();
    assert!(
        matches!(found.state, FileState::OtherFile { .. }),
        "{found:?}"
    );
    let question = ask(b"serde one", Some(product(SERDE)), Some("1.1.0"));
    let found = verify(&served, question).await.unwrap();
    assert!(
        matches!(found.state, FileState::OtherFile { .. }),
        "an old file as a new version"
    );
}

#[tokio::test]
async fn a_yanked_release_is_not_to_be_installed() {
    let served = log();
    served.log().yank(&product(SERDE), "1.0.0", b"serde one");
    for asked in [None, Some(product(SERDE))] {
        let found = verify(&served, ask(b"serde one", asked, None))
            .await
            .unwrap();
        let FileState::Yanked { reason, .. } = found.state else {
            panic!("{found:?}")
        };
        assert_eq!(reason.unwrap().as_str(), "it eats data");
    }
}

#[tokio::test]
async fn a_broken_proof_about_a_file_is_refuted() {
    let served = log();
    served.log().lie = Lie::BrokenProof;
    for asked in [None, Some(product(SERDE))] {
        let refused = verify(&served, ask(b"serde one", asked, None))
            .await
            .unwrap_err();
        assert_eq!(refused.verdict(), Verdict::Refuted);
        assert_eq!(refused.step(), Some(Step::Index));
    }
}

#[tokio::test]
async fn a_bundle_verifies_its_file_offline_and_no_other() {
    let served = log();
    let (source, trust) = (source(&served), trust(&served));
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let question = ask(b"serde one", None, None);
    let (found, bundle) = release::bundle(&mut reader, question.clone())
        .await
        .unwrap();
    assert!(matches!(found.state, FileState::Logged(_)));
    let genesis = &reader.memory().genesis;
    let verify = |question| release::verify_bundle(&trust, genesis, now(), question, &bundle);
    let found = verify(question.clone()).unwrap();
    assert!(matches!(found.state, FileState::Logged(_)));
    let other = verify(ask(b"serde two", None, None)).unwrap();
    assert!(matches!(other.state, FileState::OtherFile { .. }));
    let stream = verify(ask(b"serde one", Some(product("pkg:cargo/toml")), None)).unwrap();
    assert!(matches!(stream.state, FileState::OtherFile { .. }));
    let late = now().plus(8 * 86_400);
    let stale = release::verify_bundle(&trust, genesis, late, question.clone(), &bundle);
    assert_eq!(stale.unwrap_err().verdict(), Verdict::Undecided);
    let damaged = release::verify_bundle(&trust, genesis, now(), question, &bundle[1..]);
    assert_eq!(damaged.unwrap_err().verdict(), Verdict::Undecided);
}

#[tokio::test]
async fn a_release_of_several_files_has_no_bundle_from_here() {
    let served = log();
    served
        .log()
        .release(&product(SERDE), "2.0.0", &[b"a", b"b"]);
    let (source, trust) = (source(&served), trust(&served));
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let refused = release::bundle(&mut reader, ask(b"b", None, None))
        .await
        .unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Usage);
}

async fn protection(served: &Served, region: &str) -> ProtectionFound {
    let (source, trust) = (source(served), trust(served));
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let (feature, region) = (
        Name::parse("e2e-backup").unwrap(),
        Region::parse(region).unwrap(),
    );
    protection::status(&mut reader, feature, region)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_withdrawn_protection_is_reported_for_its_region_only() {
    let served = log();
    assert_eq!(protection(&served, "GB").await.verdict(), Verdict::NotFound);
    served
        .log()
        .protect("e2e-backup", None, ProtectionState::Offered);
    served
        .log()
        .protect("e2e-backup", Some("GB"), ProtectionState::Offered);
    served
        .log()
        .protect("e2e-backup", Some("GB"), ProtectionState::Withdrawn);
    let found = protection(&served, "GB").await;
    assert_eq!(
        found.verdict(),
        Verdict::Verified,
        "reported, and no accusation"
    );
    assert_eq!(
        found.said().unwrap().protection.state,
        ProtectionState::Withdrawn
    );
    assert!(
        found.lines()[0].starts_with("WITHDRAWN: e2e-backup in GB"),
        "{:?}",
        found.lines()
    );
    let found = protection(&served, "NO").await;
    assert_eq!(
        found.said().unwrap().protection.state,
        ProtectionState::Offered
    );
}

#[tokio::test]
async fn the_status_is_consistent_with_the_head_seen_last() {
    let served = log();
    let (source, trust) = (source(&served), trust(&served));
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    served
        .log()
        .release(&product(SERDE), "1.2.0", &[b"serde three"]);
    let first = reader.memory().head;
    let status = status::status(&mut reader).await.unwrap();
    assert!(status.head.head.size > first.size);
    assert_eq!(reader.memory().head, status.head.head);
    // A log that tells another story from here on, and one with another genesis.
    let mut other = TinyLog::new(now());
    for n in 0..9 {
        other.log_next(&Label::opaque(&[n]).unwrap(), "phone", true);
    }
    let remembered = Some(reader.memory().clone());
    let split = serve(other);
    let source = self::source(&split);
    let mut reader = Reader::open(&source, &trust, remembered, now())
        .await
        .unwrap();
    let refused = status::status(&mut reader).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Refuted);
    assert_eq!(refused.step(), Some(Step::Consistency));
}

#[tokio::test]
async fn another_genesis_than_the_remembered_one_is_refuted() {
    let served = log();
    let (source, trust) = (source(&served), trust(&served));
    let reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let mut other = serde_json::to_value(
        String::from_utf8(reader.memory().genesis.to_bytes()[1..].to_vec()).unwrap(),
    )
    .unwrap();
    other = other
        .as_str()
        .unwrap()
        .replace("\"heartbeat_s\":60", "\"heartbeat_s\":61")
        .into();
    let mut entry = vec![0];
    entry.extend_from_slice(other.as_str().unwrap().as_bytes());
    let Ok(plainsight_specs::entry::Entry::Genesis(genesis)) =
        plainsight_specs::entry::Entry::parse(&entry)
    else {
        panic!("not a genesis")
    };
    let remembered = Memory {
        genesis: *genesis,
        head: reader.memory().head,
        checkpoint: None,
    };
    let mut reader = Reader::open(&source, &trust, Some(remembered), now())
        .await
        .unwrap();
    let refused = status::status(&mut reader).await.unwrap_err();
    assert!(refused.to_string().contains("another genesis"), "{refused}");
    assert_eq!(refused.verdict(), Verdict::Refuted);
}

#[tokio::test]
async fn a_head_that_is_handed_in_comes_back_with_a_verdict_and_checked_evidence() {
    let served = log();
    let auditor = BaseUrl::parse(&served.url).unwrap();
    let head = served.log().heads.last().unwrap().head;
    let shown = served.log().checkpoint(head);
    served.log().verdict = Some(r#"{"verdict":"same","detail":"the very same"}"#.into());
    let answer = status::submit(&http(), &auditor, &shown).await.unwrap();
    assert_eq!(answer.verdict, AuditorVerdict::Same);
    assert_eq!(
        plainsight_client::report::Report::verdict(&answer),
        Verdict::Verified
    );
    // Two heads of one size, both signed.
    let mut forked = head;
    forked.root = sha256(b"another tree");
    let log_key = trust(&served).policy().logs()[0].key.clone();
    let second = served.log().checkpoint(forked);
    let proof = Proof::Fork {
        first: shown.clone(),
        second,
    };
    let evidence = Evidence {
        rule: Rule::Fork,
        log_key,
        proof,
    };
    let (id, bytes) = (evidence.id().to_hex(), evidence.to_json());
    served.log().evidence.insert(id.clone(), bytes);
    served.log().verdict = Some(format!(
        r#"{{"verdict":"fork","evidence":"{id}","detail":"two roots"}}"#
    ));
    let answer = status::submit(&http(), &auditor, &shown).await.unwrap();
    assert_eq!(
        plainsight_client::report::Report::verdict(&answer),
        Verdict::Refuted
    );
    assert_eq!(answer.evidence.unwrap().finding.rule, Rule::Fork);
    // Evidence that does not hold is not passed on as such.
    served.log().evidence.insert(id, b"{}".to_vec());
    let answer = status::submit(&http(), &auditor, &shown).await.unwrap();
    assert_eq!(answer.evidence, None);
    served.log().verdict = Some(r#"{"verdict":"guilty"}"#.into());
    let refused = status::submit(&http(), &auditor, &shown).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Undecided);
}

/// A reader with notes of their own.
async fn verify_by(
    served: &Served,
    notes: &str,
    question: FileQuestion,
    at: Timestamp,
) -> FileFound {
    let trust = TrustPolicy::parse(&TinyLog::policy(&served.url), Some(notes)).unwrap();
    let source = source(served);
    let mut reader = Reader::open(&source, &trust, None, at).await.unwrap();
    release::verify(&mut reader, question).await.unwrap()
}

fn unmet(found: &FileFound) -> Vec<Unmet> {
    match &found.state {
        FileState::Logged(logged) => logged.unmet.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_release_for_some_only_is_not_installed_unless_the_policy_says_so() {
    let served = log();
    let narrow = Body::Release(Release {
        product: product(SERDE),
        version: ReleaseVersion::parse("1.2.0").unwrap(),
        audience: Audience::parse("region:GB").unwrap(),
        emergency: false,
        published: now(),
        references: Vec::new(),
        artifacts: vec![Artifact {
            name: None,
            digest: sha256(b"for some"),
            size: 8,
        }],
    });
    served.log().state(narrow);
    let question = || ask(b"for some", Some(product(SERDE)), None);
    let found = verify_by(&served, "", question(), now()).await;
    assert_eq!(unmet(&found), [Unmet::Audience]);
    let report = FileReport {
        path: "file".into(),
        found,
        standing: None,
        explain: true,
    };
    assert_eq!(report.verdict(), Verdict::PolicyNotMet);
    let text = report.lines().join("\n");
    assert!(text.starts_with("POLICY NOT MET"), "{text}");
    assert!(
        text.contains("9. audience: region:GB, NOT what your policy asks for."),
        "{text}"
    );
    assert!(report.to_pin().is_none());
    let any = "[release]\naudience = \"any\"\n";
    assert_eq!(unmet(&verify_by(&served, any, question(), now()).await), []);
}

#[tokio::test]
async fn a_minimum_age_is_proved_from_the_log_itself() {
    let served = log();
    let question = || ask(b"serde one", Some(product(SERDE)), None);
    // Two days later, with an epoch at each day, and more entries than a bundle holds.
    let day = 86_400;
    for days in 1..=2 {
        served.log().now = now().plus(days * day);
        for n in 0..200 {
            let label = Label::opaque(format!("{days}.{n}").as_bytes()).unwrap();
            let key_set = served.log().draft(&label, None, Vec::new(), true);
            served.log().log_key_set(&key_set, [7; 16]);
        }
        served.log().publish();
    }
    let later = now().plus(2 * day);
    let rule = |seconds| format!("[release]\nmin_age_s = {seconds}\n");
    let found = verify_by(&served, &rule(2 * day), question(), later).await;
    assert_eq!(unmet(&found), []);
    let min_age_s = 2 * day + 1;
    let found = verify_by(&served, &rule(min_age_s), question(), later).await;
    assert_eq!(unmet(&found), [Unmet::TooYoung { min_age_s }]);
    // A log that leaves the young release out of what it serves does not make it old.
    let tile = served
        .log()
        .snapshot()
        .files
        .keys()
        .find(|path| path.starts_with("tile/entries/000"))
        .unwrap()
        .clone();
    let heads = served.log().heads.len();
    let bundle = served.log().heads[heads - 1]
        .files
        .get_mut(&tile)
        .unwrap()
        .clone();
    let mut entries: Vec<Vec<u8>> = plainsight_specs::tile::parse_bundle(&bundle, 256)
        .unwrap()
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect();
    let last = entries.len() - 1;
    entries[last] = entries[last - 1].clone();
    let forged = plainsight_specs::tile::bundle_to_bytes(&entries).unwrap();
    served.log().heads[heads - 1].files.insert(tile, forged);
    let trust = TrustPolicy::parse(&TinyLog::policy(&served.url), Some(&rule(min_age_s))).unwrap();
    let source = source(&served);
    let mut reader = Reader::open(&source, &trust, None, later).await.unwrap();
    let refused = release::verify(&mut reader, question()).await.unwrap_err();
    assert_eq!(refused.step(), Some(Step::Logged), "{refused}");
    assert_eq!(refused.verdict(), Verdict::Refuted);
}

#[tokio::test]
async fn a_stream_is_listed_backwards_and_watched_from_where_it_was() {
    let served = log();
    let (source, trust) = (source(&served), trust(&served));
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let stream = product(SERDE).stream();
    let mut list = async |limit, after| {
        streams::list(&mut reader, &stream, Purpose::Releases, limit, after).await
    };
    let seqs = |listed: &Listed| -> Vec<u32> {
        let statements = listed.statements.iter();
        statements.map(|statement| statement.seq().get()).collect()
    };
    let all = list(10, None).await.unwrap();
    assert_eq!(seqs(&all), [1, 0]);
    assert_eq!(seqs(&list(1, None).await.unwrap()), [1]);
    assert!(seqs(&list(10, all.latest).await.unwrap()).is_empty());
    served.log().yank(&product(SERDE), "1.0.0", b"serde one");
    let new = list(10, all.latest).await.unwrap();
    assert_eq!(seqs(&new), [2]);
    let report = StreamReport {
        name: "serde".into(),
        listed: new,
        watched: true,
    };
    assert_eq!(report.verdict(), Verdict::Refuted);
    let text = report.lines().join("\n");
    assert!(
        text.contains("version 1.0.0 was taken back: it eats data"),
        "{text}"
    );
    // What was proved once does not go away.
    let ahead = Place {
        seq: Seq::new(9),
        leaf: sha256(b"anything"),
    };
    let refused = list(10, Some(ahead)).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Refuted);
}

#[tokio::test]
async fn who_was_refused_what_is_offered_has_a_file_to_show() {
    let served = log();
    served
        .log()
        .protect("e2e-backup", None, ProtectionState::Offered);
    let found = protection(&served, "GB").await;
    let bytes = found.refusal().unwrap();
    let (source, trust) = (source(&served), trust(&served));
    let reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let genesis = &reader.memory().genesis;
    assert!(refusal::is_refusal(&bytes));
    let shown = refusal::check(&trust, genesis, &bytes).unwrap();
    assert_eq!(shown.protection.state, ProtectionState::Offered);
    assert_eq!(shown.refused, now());
    let text = String::from_utf8(bytes).unwrap();
    let broken = text.replacen("\"answer\":\"eyJ", "\"answer\":\"eyK", 1);
    assert_ne!(broken, text);
    assert!(refusal::check(&trust, genesis, broken.as_bytes()).is_err());
    let nobody = TrustPolicy::parse(
        &TinyLog::policy(&served.url).replace("2 w0 w1 w2", "3 w0 w1 w2"),
        None,
    )
    .unwrap();
    assert!(
        refusal::check(&nobody, genesis, text.as_bytes()).is_ok(),
        "all three cosigned"
    );
    served
        .log()
        .protect("e2e-backup", Some("GB"), ProtectionState::Withdrawn);
    assert!(protection(&served, "GB").await.refusal().is_none());
}

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
    let genesis = reader.memory().genesis.clone();
    let trust = TrustPolicy::parse(&TinyLog::policy(&served.url), Some(&notes)).unwrap();
    let found = release::verify_bundle(&trust, &genesis, now(), question, &bundle).unwrap();
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
