//! What an owner is told when somebody else's version stands where the next one was to be.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod person;
mod tiny_log;

use person::Person;
use plainsight_specs::label::Label;
use tiny_log::TinyLog;

const ME: &str = "me@example.org";

/// An owner whose version 0 is published, and who is watched for or not.
fn owner(is_watched: bool) -> (Person, String) {
    let person = Person::new();
    let notes = TinyLog::watching(&person.served.url, 0..2);
    std::fs::write(person.path("policy.toml"), notes).unwrap();
    let token = person.path("token").display().to_string();
    assert_eq!(person.run(&["keys", "new", ME, "--device", "phone"]).0, 0);
    let (code, text) = person.run(&["keys", "publish", ME, "--token-file", &token]);
    assert_eq!(code, 0, "{text}");
    if is_watched {
        let (code, text) = person.run(&["keys", "watch", ME]);
        assert_eq!(code, 0, "{text}");
    }
    (person, token)
}

fn plant(person: &Person) {
    let label = Label::email(ME).unwrap();
    person.served.log().log_next(&label, "ghost", false);
}

#[test]
fn a_ghost_in_the_place_of_the_next_version_is_named_and_not_an_auditors_refusal() {
    let (person, token) = owner(true);
    plant(&person);
    // The rotation, and the version that waits since.
    for args in [
        &["rotate", ME][..],
        &["publish", ME],
        &["publish", ME, "--json"],
    ] {
        let (code, text) = person.run(&[&["keys"], args, &["--token-file", &token]].concat());
        assert_eq!(code, 1, "{text}");
        for said in [
            "version 1 is in the log already, and it is not the one made in this home (proved)",
            "plainsight keys monitor",
            "plainsight keys reset",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        assert!(!text.contains("409"), "{text}");
        assert!(!text.contains("waits in this home"), "{text}");
    }
    assert_eq!(person.run(&["keys", "monitor"]).0, 1);
}

#[test]
fn without_watches_the_logs_refusal_names_the_same_next_steps() {
    let (person, token) = owner(false);
    plant(&person);
    let (code, text) = person.run(&["keys", "rotate", ME, "--token-file", &token]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("plainsight keys monitor"), "{text}");
    assert!(text.contains("plainsight keys reset"), "{text}");
    assert!(!text.contains("waits in this home"), "{text}");
}

#[test]
fn an_auditors_refusal_that_the_log_does_not_bear_out_stays_the_auditors() {
    let (person, token) = owner(true);
    person.served.log().guards[0].lie = tiny_log::GuardLie::Late;
    let (code, text) = person.run(&["keys", "rotate", ME, "--token-file", &token]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("guard0"), "{text}");
    assert!(!text.contains("is in the log already"), "{text}");
}
