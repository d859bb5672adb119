//! What an offline bundle shows, and as of when: its head is held against the one remembered.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod person;
mod tiny_log;

use person::{Person, clock};
use tiny_log::{TinyLog, product};

const SERDE: &str = "pkg:cargo/serde";

/// A home at a log that holds two releases, the second of `second`.
fn person(second: &[u8]) -> (Person, String) {
    let mut log = TinyLog::new(clock());
    log.release(&product(SERDE), "1.0.0", &[b"serde one"]);
    log.release(&product(SERDE), "1.1.0", &[second]);
    let person = Person::at(log);
    let file = person.file("serde.crate", second);
    (person, file)
}

fn bundle(person: &Person, file: &str) -> String {
    let out = person.path("bundle").display().to_string();
    let (code, text) = person.run(&["release", "bundle", file, "--out", &out]);
    assert_eq!(code, 0, "{text}");
    out
}

#[test]
fn a_bundle_says_as_of_when_and_whether_this_home_has_seen_a_newer_head() {
    let (person, file) = person(b"serde two");
    let bundle = bundle(&person, &file);
    let verify = ["release", "verify", &file, "--bundle", &bundle];
    let (code, text) = person.run(&verify);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("the latest of its stream, as of 20"),
        "{text}"
    );
    assert!(
        text.contains("the one that this home verified last"),
        "{text}"
    );
    assert!(!text.contains("NEWER"), "{text}");
    person
        .served
        .log()
        .release(&product(SERDE), "1.2.0", &[b"serde three"]);
    assert_eq!(person.run(&["log", "status"]).0, 0);
    for explain in [&[][..], &["--explain"]] {
        let (code, text) = person.run(&[&verify[..], explain].concat());
        assert_eq!(code, 0, "{text}");
        let newer =
            "this home has verified a NEWER head, of size 8: what was logged since, a yank or a";
        let told = text.matches(newer).count();
        assert_eq!(told, 1 + explain.len(), "{text}");
    }
    let (_, json) = person.run(&[&verify[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["remembered_size"], &json["head"]["size"]),
        (&8.into(), &6.into())
    );
}

#[test]
fn a_bundle_newer_than_the_remembered_head_is_not_said_to_extend_it() {
    let (other, file) = person(b"serde two");
    let mut log = TinyLog::new(clock());
    log.release(&product(SERDE), "1.0.0", &[b"serde one"]);
    let person = Person::at(log);
    assert_eq!(person.run(&["log", "status"]).0, 0);
    let bundle = bundle(&other, &file);
    let (code, text) = person.run(&["release", "verify", &file, "--bundle", &bundle]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains(
            "that its head extends the one of size 4 that this home verified last is not shown"
        ),
        "{text}"
    );
}

#[test]
fn a_bundle_whose_head_contradicts_the_remembered_one_ends_with_evidence() {
    let (other, file) = person(b"serde two, for you");
    let bundle = bundle(&other, &file);
    let (person, _) = person(b"serde two");
    assert_eq!(person.run(&["log", "status"]).0, 0);
    let verify = ["release", "verify", &file, "--bundle", &bundle];
    let (code, text) = person.run(&verify);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("REFUTED at step consistency"), "{text}");
    assert!(text.contains("The log has signed two histories"), "{text}");
    assert!(!text.contains("VERIFIED"), "{text}");
    let (code, json) = person.run(&[&verify[..], &["--json"]].concat());
    assert_eq!(code, 1, "{json}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let evidence = json["evidence"].as_str().unwrap();
    let (code, text) = person.run(&["evidence", "verify", evidence]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("fork"), "{text}");
    // The head that was refused can be handed in, and nothing of it was remembered.
    assert!(json["kept"].as_str().unwrap().ends_with(".checkpoint"));
    let (code, text) = person.run(&["log", "status"]);
    assert_eq!(code, 0, "{text}");
}
