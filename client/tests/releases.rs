//! Files: verified with and without their stream, offline, and by the policy's own rules.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod reading;
mod tiny_log;

use plainsight_client::failure::Verdict;
use plainsight_client::reader::Reader;
use plainsight_client::release::{self, AskedVersion, FileFound, FileState, Unmet};
use plainsight_client::report::{FileReport, Report as _};
use plainsight_client::trust::TrustPolicy;
use plainsight_specs::bundle::UnverifiedBundle;
use plainsight_specs::hash::sha256;
use plainsight_specs::head::Step;
use plainsight_specs::label::Label;
use plainsight_specs::statement::{Artifact, Audience, Body, Release, ReleaseVersion};
use tiny_log::{Lie, TinyLog, product};

use reading::{SERDE, ask, log, now, source, trust, unmet, verify, verify_by};

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
    let absent = async |asked| {
        let found = verify(&served, ask(b"a special build", asked, None)).await;
        found.unwrap().state
    };
    for asked in [None, Some(product(SERDE))] {
        let state = absent(asked).await;
        assert!(matches!(state, FileState::Absent), "{state:?}");
    }
    let state = absent(Some(product("pkg:cargo/toml"))).await;
    assert!(matches!(state, FileState::NoStream), "{state:?}");
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
}

/// What is printed about a file.
fn printed(found: FileFound) -> String {
    let report = FileReport {
        path: "serde.crate".into(),
        found,
        standing: None,
        explain: true,
    };
    report.lines().join("\n")
}

#[tokio::test]
async fn a_file_of_another_version_than_the_one_asked_for_is_named_and_not_suspected() {
    let served = log();
    let asked = |version| ask(b"serde one", Some(product(SERDE)), Some(version));
    let cases = [
        (
            "1.0.1",
            Verdict::NotFound,
            AskedVersion::Absent,
            "NOT FOUND: version 1.0.1 of",
        ),
        (
            "1.1.0",
            Verdict::Refuted,
            AskedVersion::OtherFiles,
            "is not version 1.1.0 of",
        ),
    ];
    for yank in [false, true] {
        if yank {
            served.log().yank(&product(SERDE), "1.0.0", b"serde one");
        }
        for (version, verdict, known, words) in cases {
            let found = verify(&served, asked(version)).await.unwrap();
            let FileState::OtherRelease {
                release,
                asked,
                yanked,
            } = &found.state
            else {
                panic!("{found:?}")
            };
            assert_eq!(release.version.as_str(), "1.0.0");
            assert_eq!((*asked, *yanked), (known, yank));
            let text = printed(found.clone());
            assert!(text.contains(words), "{text}");
            assert!(text.contains("byte for byte version 1.0.0"), "{text}");
            assert!(!text.contains("made for you"), "{text}");
            assert_eq!(
                text.contains("--stream pkg:cargo/serde@1.0.0"),
                !yank,
                "{text}"
            );
            let report = FileReport {
                path: "f".into(),
                found,
                standing: None,
                explain: false,
            };
            assert_eq!(report.verdict(), verdict);
        }
    }
    // What is in no release stays suspect.
    let strange = ask(b"a special build", Some(product(SERDE)), Some("1.0.1"));
    let found = verify(&served, strange).await.unwrap();
    assert!(matches!(found.state, FileState::Absent), "{found:?}");
    let text = printed(found);
    assert!(text.contains("made for you"), "{text}");
}

#[tokio::test]
async fn a_log_that_lies_about_the_other_version_is_refuted() {
    let served = log();
    served.log().lie = Lie::BrokenProof;
    let question = ask(b"serde one", Some(product(SERDE)), Some("1.0.1"));
    let refused = verify(&served, question).await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Refuted);
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
    let remembered = reader.memory();
    let verify = |question| release::verify_bundle(&trust, remembered, now(), question, &bundle);
    let found = verify(question.clone()).unwrap();
    assert!(matches!(found.state, FileState::Logged(_)));
    let other = verify(ask(b"serde two", None, None)).unwrap();
    assert!(matches!(other.state, FileState::OtherFile { .. }));
    let stream = verify(ask(b"serde one", Some(product("pkg:cargo/toml")), None)).unwrap();
    assert!(matches!(
        stream.state,
        FileState::OtherRelease {
            asked: AskedVersion::NotShown,
            ..
        }
    ));
    let late = now().plus(8 * 86_400);
    let stale = release::verify_bundle(&trust, remembered, late, question.clone(), &bundle);
    assert_eq!(stale.unwrap_err().verdict(), Verdict::Undecided);
    let damaged = release::verify_bundle(&trust, remembered, now(), question, &bundle[1..]);
    assert_eq!(damaged.unwrap_err().verdict(), Verdict::Undecided);
}

#[tokio::test]
async fn one_bundle_verifies_each_file_of_its_release_and_no_other() {
    let served = log();
    let files: [&[u8]; 3] = [b"linux", b"windows", b"macos"];
    served.log().release(&product(SERDE), "2.0.0", &files);
    served.log().release(&product(SERDE), "2.1.0", &[b"later"]);
    let (source, trust) = (source(&served), trust(&served));
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    let (_, bundle) = release::bundle(&mut reader, ask(b"windows", None, None))
        .await
        .unwrap();
    let remembered = reader.memory();
    let verify = |file: &[u8]| {
        release::verify_bundle(&trust, remembered, now(), ask(file, None, None), &bundle).unwrap()
    };
    for file in files {
        let FileState::Logged(logged) = verify(file).state else {
            panic!("{file:?}")
        };
        assert_eq!((logged.seq.get(), logged.latest.unwrap().get()), (2, 3));
    }
    for other in [&b"later"[..], b"bsd"] {
        let state = verify(other).state;
        assert!(matches!(state, FileState::OtherFile { .. }), "{state:?}");
    }
    // The same bytes as the log would make of it at once.
    let parsed = UnverifiedBundle::parse(&bundle).unwrap();
    assert_eq!(parsed.to_json(), bundle);
}

#[tokio::test]
async fn a_bundle_of_several_files_waits_for_one_head_and_not_for_ever() {
    let served = log();
    served
        .log()
        .release(&product(SERDE), "2.0.0", &[b"a", b"b"]);
    let (source, trust) = (source(&served), trust(&served));
    let mut reader = Reader::open(&source, &trust, None, now()).await.unwrap();
    served.log().lie = Lie::Restless;
    let question = ask(b"b", Some(product(SERDE)), Some("2.0.0"));
    let failed = release::bundle(&mut reader, question.clone())
        .await
        .unwrap_err();
    assert_eq!(failed.verdict(), Verdict::Undecided);
    assert!(failed.to_string().contains("grows faster"), "{failed}");
    served.log().lie = Lie::None;
    let (found, bundle) = release::bundle(&mut reader, question).await.unwrap();
    assert!(matches!(found.state, FileState::Logged(_)));
    assert!(!bundle.is_empty());
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
