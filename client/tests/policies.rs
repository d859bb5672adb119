//! The policy as a person sees it: drawn, weighed, pinned; and heads handed to an auditor.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod person;
mod tiny_log;

use person::{Person, alice};
use tiny_log::TinyLog;

#[test]
fn a_policy_is_drawn_and_weighed() {
    let person = Person::new();
    let (code, text) = person.run(&["policy", "show"]);
    assert_eq!(code, 0, "{text}");
    for words in [
        "all-of-them: 2 of 3",
        "├─ w0 (Northern Watch, NO)",
        "└─ w2 (nothing noted about it)",
        "It withstands no lying auditor of 3: two histories take 1, and a history that no \
         honest auditor has seen takes 2.",
        "If NO compels 1 auditor: it takes 1 more to vouch for what nobody honest has seen, it can \
         show two histories alone; it can stop nothing.",
        "If Civic Lab lies (1 auditor)",
        "If one law rules w2, whose jurisdiction you have not noted, and compels 1 auditor:",
        "If one organisation runs w2, whose organisation you have not noted, and lies (1 auditor):",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let (code, text) = person.run(&["policy", "show", "--compelled", "ch", "--json"]);
    assert_eq!(code, 0, "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["withstands"], 0);
    assert_eq!(json["suppose"][0]["party"]["auditors"][0], "w1");
    assert_eq!(person.run(&["policy", "show", "--compelled", "XX"]).0, 2);
    let (code, text) = person.run(&["policy", "check"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("One auditor that lies is enough"), "{text}");
    assert!(text.contains("of w2 are not noted"), "{text}");
    assert!(
        !text.contains("can show two histories alone"),
        "said once, of all of them: {text}"
    );
}

#[test]
fn a_changed_policy_is_an_error_until_it_is_accepted() {
    let person = Person::new();
    person.served.log().log_next(&alice(), "phone", true);
    let verify = ["contact", "verify", "alice@example.org"];
    assert_eq!(person.run(&verify).0, 0);
    let policy = TinyLog::policy(&person.served.url);
    let write = |text: &str| std::fs::write(person.path("policy"), text).unwrap();
    // Comments and addresses are not trust.
    write(&format!(
        "# mine\n{}",
        policy.replace("http://127.0.0.1", "http://localhost")
    ));
    assert_eq!(person.run(&verify).0, 0);
    write(&policy.replace("group all-of-them 2", "group all-of-them 1"));
    for _ in 0..2 {
        let asked = person.served.asked().len();
        let (code, text) = person.run(&verify);
        assert_eq!(code, 5, "{text}");
        assert!(text.contains("- group all-of-them 2 w0 w1 w2"), "{text}");
        assert!(text.contains("+ group all-of-them 1 w0 w1 w2"), "{text}");
        assert_eq!(
            person.served.asked().len(),
            asked,
            "nothing is asked under it"
        );
    }
    // The same file's text under another name changes nothing: the log is the same.
    std::fs::copy(person.path("policy"), person.path("other")).unwrap();
    let mut command = person::plainsight();
    command
        .args(["log", "status", "--policy"])
        .arg(person.path("other"));
    command.arg("--home").arg(person.path("home"));
    assert_eq!(command.output().unwrap().status.code(), Some(5));
    let (code, text) = person.run(&["policy", "accept"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("+ group all-of-them 1"), "{text}");
    assert_eq!(person.run(&verify).0, 0);
    let (code, text) = person.run(&["policy", "accept"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("nothing changed"), "{text}");
    // So do the reader's own notes.
    std::fs::write(
        person.path("policy.toml"),
        "max_age_contacts_s = 999999999\n",
    )
    .unwrap();
    assert_eq!(person.run(&verify).0, 5);
}

#[test]
fn verified_heads_are_handed_to_an_auditor_once_each() {
    let person = Person::new();
    person.served.log().log_next(&alice(), "phone", true);
    let auditor = Person::new();
    auditor.served.log().verdict = Some(r#"{"verdict":"same"}"#.into());
    std::fs::create_dir_all(person.path("home")).unwrap();
    let config = format!("submit_heads = {:?}\n", auditor.served.url);
    std::fs::write(person.path("home").join("config.toml"), config).unwrap();
    let verify = ["contact", "verify", "alice@example.org", "--json"];
    for _ in 0..2 {
        assert_eq!(person.run(&verify).0, 0);
    }
    assert_eq!(auditor.served.asked(), ["/v1/checkpoint"]);
    person.served.log().publish();
    let fork = r#"{"verdict":"fork","detail":"another root"}"#;
    auditor.served.log().verdict = Some(fork.into());
    let (code, text) = person.run(&verify[..3]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.starts_with("VERIFIED"),
        "the answer came first: {text}"
    );
    assert!(text.contains("the auditor has another history"), "{text}");
}

#[test]
fn an_auditor_that_cannot_be_reached_changes_nothing() {
    let person = Person::new();
    std::fs::create_dir_all(person.path("home")).unwrap();
    let config = "submit_heads = \"http://127.0.0.1:9\"\n";
    std::fs::write(person.path("home").join("config.toml"), config).unwrap();
    let (code, text) = person.run(&["log", "status"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("The head was not handed over"), "{text}");
}
