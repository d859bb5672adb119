//! What is said when little could be checked: under no quorum, at a first contact, of a version that
//! waits, and of a file that nobody sent.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod person;
mod tiny_log;

use person::Person;
use tiny_log::{Lie, product};

const ME: &str = "me@example.org";

fn publishing<'a>(verb: &'a str, token: &'a str) -> [&'a str; 5] {
    ["keys", verb, ME, "--token-file", token]
}

#[test]
fn under_no_quorum_keys_are_published_and_nothing_is_verified() {
    let person = Person::new();
    let token = person.path("token").display().to_string();
    let policy = std::fs::read_to_string(person.path("policy")).unwrap();
    let policy = policy.replace("quorum all-of-them", "quorum none");
    std::fs::write(person.path("policy"), policy).unwrap();
    assert_eq!(person.run(&["keys", "new", ME, "--device", "phone"]).0, 0);
    let (code, text) = person.run(&publishing("publish", &token));
    assert_eq!(code, 3, "{text}");
    for said in [
        "PUBLISHED, NOT VERIFIED: the log says that it took version 0 of e-mail me@example.org at position 2",
        "step freshness",
        "Not checked: whether the log shows it",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let (code, text) = person.run(&[&publishing("rotate", &token)[..], &["--json"]].concat());
    assert_eq!(code, 3, "{text}");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["published"], 1);
    assert_eq!(line["not_verified"]["step"], "freshness");
    assert_eq!(person.served.log().keys.values().next().unwrap().len(), 2);
}

#[test]
fn what_the_log_took_and_then_hides_is_published_and_undecided() {
    let person = Person::new();
    let token = person.path("token").display().to_string();
    assert_eq!(person.run(&["keys", "new", ME, "--device", "phone"]).0, 0);
    person.served.log().cosigning = 1;
    let (code, text) = person.run(&publishing("publish", &token));
    assert_eq!(code, 4, "{text}");
    assert!(text.starts_with("PUBLISHED, NOT VERIFIED"), "{text}");
    assert!(text.contains("POLICY NOT MET at step quorum"), "{text}");
}

#[test]
fn a_rotation_that_failed_says_that_its_version_waits() {
    let person = Person::new();
    let token = person.path("token").display().to_string();
    assert_eq!(person.run(&["keys", "new", ME, "--device", "phone"]).0, 0);
    assert_eq!(person.run(&publishing("publish", &token)).0, 0);
    for lie in [Lie::Malformed, Lie::None] {
        person.served.log().lie = lie;
        let (code, text) = match lie {
            Lie::None => person.run(&["keys", "publish", ME]),
            _ => person.run(&publishing("rotate", &token)),
        };
        assert_ne!(code, 0, "{text}");
        let waits =
            "Version 1 is made and waits in this home; to publish it: plainsight keys publish me@";
        assert!(text.contains(waits), "{text}");
    }
    let (code, text) = person.run(&publishing("publish", &token));
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_first_head_extends_nothing_and_the_second_does() {
    let person = Person::new();
    let (code, text) = person.run(&["log", "status"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.starts_with("VERIFIED: the first head of this log that this home sees"),
        "{text}"
    );
    assert!(
        text.contains("Not checked: that it extends an earlier one"),
        "{text}"
    );
    let (code, text) = person.run(&["log", "status"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("extends the one seen last, of size 2, and ends at"),
        "{text}"
    );
    let (_, json) = person.run(&["log", "status", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["since"], 2);
}

#[test]
fn a_file_that_is_cut_off_is_nobodys_answer() {
    let person = Person::new();
    person
        .served
        .log()
        .release(&product("pkg:cargo/serde"), "1.0.0", &[b"serde"]);
    let file = person.file("serde.crate", b"serde");
    let out = person.path("bundle").display().to_string();
    let (code, text) = person.run(&["release", "bundle", &file, "--out", &out]);
    assert_eq!(code, 0, "{text}");
    let bundle = std::fs::read(&out).unwrap();
    let cut = person.file("cut", &bundle[..bundle.len() / 2]);
    for form in [&[][..], &["--json"]] {
        let verify = ["release", "verify", &file, "--bundle", &cut];
        let (code, text) = person.run(&[&verify[..], form].concat());
        assert_eq!(code, 3, "{text}");
        assert!(
            text.contains("Check that this is the bundle that came with the file, and all of it."),
            "{text}"
        );
        assert!(!text.contains("whoever answered"), "{text}");
        assert!(text.contains(&cut), "{text}");
    }
    let record = person.file(
        "record",
        b"{\"format\":\"plainsight-record/v1\",\"origin\":\"x\"}",
    );
    let (code, text) = person.run(&["evidence", "verify", &record]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("whoever made or copied the file"), "{text}");
}
