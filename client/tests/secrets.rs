//! No command prints a secret: not a seed, not an opening, not the secret of a watch, not the token. Every
//! test that runs commands looks for them in all that is printed; here is that the look finds them, and
//! that a label is printed only where it was asked about.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod person;
mod tiny_log;

use std::process::Output;

use person::{Person, plainsight, printed, secrets};
use tiny_log::{Lie, TinyLog};

const ME: &str = "me@example.org";
const ALICE: &str = "alice@example.org";

/// A home with everything in it that is secret, one version of the own keys still waiting.
fn person() -> Person {
    let person = Person::new();
    person
        .served
        .log()
        .log_next(&person::alice(), "phone", true);
    let notes = TinyLog::watching(&person.served.url, 0..2);
    std::fs::write(person.path("policy.toml"), notes).unwrap();
    let token = person.path("token").display().to_string();
    for args in [
        &["contact", "verify", ALICE][..],
        &["keys", "new", ME, "--device", "phone"],
        &["keys", "publish", ME, "--token-file", &token],
        &["keys", "watch", ME],
    ] {
        let (code, text) = person.run(args);
        assert_eq!(code, 0, "{text}");
    }
    // Without the token: announced, and it waits.
    let (code, text) = person.run(&["keys", "rotate", ME]);
    assert_eq!(code, 2, "{text}");
    person
}

fn files(dir: &std::path::Path, all: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else {
            all.push(path);
        }
    }
}

#[test]
fn the_look_for_secrets_finds_them_where_they_are() {
    let person = person();
    let secrets = person.secrets();
    // Both identity keys and the phone's, two watches, the openings of both versions, and the token.
    assert_eq!(secrets.len(), 3 + 2 + 2 + 1);
    let mut all = Vec::new();
    files(person.dir.path(), &mut all);
    let found = secrets.iter().filter(|secret| {
        all.iter().any(|file| {
            let stdout = std::fs::read(file).unwrap();
            let output = Output {
                status: std::process::ExitStatus::default(),
                stdout,
                stderr: Vec::new(),
            };
            let one = std::slice::from_ref(*secret);
            std::panic::catch_unwind(|| secrets::not_in(one, &["x"], &output)).is_err()
        })
    });
    assert_eq!(
        found.count(),
        secrets.len() - 1,
        "only the published opening is kept nowhere"
    );
}

#[test]
fn a_label_is_printed_only_where_it_was_asked_about() {
    let person = person();
    let nothing = person.file("nothing", b"{}");
    let all = |person: &Person| {
        let commands: [&[&str]; 12] = [
            &["log", "status"],
            &["log", "submit", &nothing, "--auditor", "http://127.0.0.1:9"],
            &["policy", "show"],
            &["policy", "check"],
            &["policy", "accept"],
            &["release", "verify", &nothing],
            &["release", "verify", &nothing, "--bundle", &nothing],
            &["release", "list", "pkg:cargo/serde"],
            &["release", "watch", "pkg:cargo/serde"],
            &["protection", "status", "backup", "--region", "GB"],
            &["evidence", "verify", &nothing],
            &["completions", "bash"],
        ];
        for args in commands {
            for form in [&[][..], &["--json"], &["--quiet"]] {
                let mut command = person.command(&[args, form].concat());
                if args[0] == "completions" {
                    command = plainsight();
                    command.args(args);
                }
                let (_, text) = printed(&command.output().unwrap());
                for label in [ME, ALICE] {
                    assert!(!text.contains(label), "{args:?}: {text}");
                }
            }
        }
    };
    all(&person);
    for lie in [Lie::Malformed, Lie::BrokenProof, Lie::SizeAhead] {
        person.served.log().lie = lie;
        all(&person);
        // What the log did is said, and of whom it was asked is not.
        let (code, text) = person.run(&["contact", "verify", ALICE]);
        assert_ne!(code, 0, "{text}");
        assert!(!text.contains(ALICE), "{text}");
    }
    // What is no label is not repeated, whatever it is.
    let (code, text) = person.run(&["contact", "verify", "alice at example.org"]);
    assert_eq!(code, 2, "{text}");
    assert!(!text.contains("alice at"), "{text}");
}
