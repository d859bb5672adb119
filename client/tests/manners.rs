//! What every command keeps to: the schema of its JSON, what it asks of others, and quietness.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod person;
mod tiny_log;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;

use person::{Person, alice, plainsight, printed};
use plainsight_specs::out_of_band::ContactCode;
use plainsight_specs::statement::ProtectionState;
use tiny_log::product;

const ME: &str = "me@example.org";
const ALICE: &str = "alice@example.org";

/// Everything that the table of `privacy.md` says a command asks of the log or of an auditor.
fn stated(command: &str) -> BTreeSet<String> {
    let table = include_str!("../privacy.md");
    let (noun, verb) = command.split_once(' ').unwrap();
    let row = table.lines().find(|line| {
        let Some(cell) = line
            .strip_prefix("| `")
            .and_then(|line| line.split(" | ").next())
        else {
            return false;
        };
        let names: Vec<&str> = cell
            .split(", ")
            .map(|name| name.trim_matches('`'))
            .collect();
        names[0] == command
            || (names[0].starts_with(noun)
                && names[0].split(' ').count() == 2
                && names[1..].contains(&verb))
    });
    let row = row.unwrap_or_else(|| panic!("{command} is not in the table"));
    let words = row.split('`').skip(1).step_by(2);
    words
        .filter(|word| word.starts_with("v1/") || *word == "tile/")
        .map(str::to_owned)
        .collect()
}

impl Person {
    /// Runs a command as text and as JSON, and holds what it asked against the table.
    fn keeps(&self, row: &str, args: &[&str], expected: i32) {
        for form in [&[][..], &["--json"]] {
            let before = self.served.asked().len();
            let all: Vec<&str> = args.iter().chain(form).copied().collect();
            let (code, text) = self.run(&all);
            assert_eq!(code, expected, "{all:?}: {text}");
            let stated = stated(row);
            for asked in &self.served.asked()[before..] {
                let path = asked.trim_start_matches('/');
                let is_first = path.starts_with("v1/genesis?") || path == "v1/genesis";
                let is_stated = stated
                    .iter()
                    .any(|stated| path.starts_with(stated.as_str()));
                assert!(
                    is_stated || (is_first && before == 0),
                    "{all:?} asks {asked}"
                );
                for label in [ALICE, ME, "alice", "me%40"] {
                    assert!(!asked.contains(label), "{asked} names somebody");
                }
            }
        }
    }
}

#[test]
fn commands_about_people_keep_to_the_schema_and_the_table_of_what_others_learn() {
    let person = Person::new();
    let path = |name: &str| person.path(name).display().to_string();
    let token = path("token");
    person.keeps("log status", &["log", "status"], 0);
    person.keeps("contact verify", &["contact", "verify", ALICE], 6);
    let first = person.served.log().log_next(&alice(), "phone", true);
    person.keeps("contact verify", &["contact", "verify", ALICE], 0);
    let (code, _) = person.run(&["keys", "new", ME, "--device", "phone", "--json"]);
    assert_eq!(code, 0);
    person.keeps("keys new", &["keys", "new", ME, "--device", "phone"], 2);
    person.keeps("keys show", &["keys", "show", ME], 0);
    let publish = ["keys", "publish", ME, "--token-file", &token, "--json"];
    assert_eq!(person.run(&publish).0, 0);
    let rotate = ["keys", "rotate", ME, "--token-file", &token];
    person.keeps("keys rotate", &rotate, 0);
    person.keeps("keys monitor", &["keys", "monitor"], 0);
    person.keeps("keys history", &["keys", "history", ME], 0);
    person.keeps("keys code", &["keys", "code"], 0);
    person.keeps("contact number", &["contact", "number", ALICE], 0);
    person.served.log().log_next(&alice(), "tablet", true);
    person.keeps("contact verify", &["contact", "verify", ALICE], 5);
    let posted = ContactCode::of(
        &plainsight_specs::checkpoint::Origin::parse(tiny_log::ORIGIN).unwrap(),
        &first,
    );
    let posted = posted.to_string();
    let verify = ["contact", "verify", ALICE, "--code", &posted];
    person.keeps("contact verify --code", &verify, 0);
    person.served.log().log_next(&alice(), "ghost", false);
    person.keeps("contact verify", &["contact", "verify", ALICE], 5);
    person.keeps("contact accept", &["contact", "accept", ALICE], 3);
    person.keeps("contact list", &["contact", "list"], 0);
    let book = path("book.json");
    person.keeps("contact export", &["contact", "export", "--out", &book], 0);
    person.keeps("contact revoke", &["contact", "revoke", ALICE], 0);
    person.keeps("contact verify", &["contact", "verify", ALICE], 1);
    person.keeps("contact forget", &["contact", "forget", ALICE], 0);
    person.keeps("contact import", &["contact", "import", &book], 0);
    let me = plainsight_client::label::typed(ME).unwrap();
    person.served.log().log_next(&me, "ghost", false);
    person.keeps("keys monitor", &["keys", "monitor"], 1);
}

#[test]
fn the_other_commands_keep_to_the_schema_and_the_table_of_what_others_learn() {
    let person = Person::new();
    let path = |name: &str| person.path(name).display().to_string();
    for verb in ["show", "check"] {
        let expected = i32::from(verb == "check");
        person.keeps(&format!("policy {verb}"), &["policy", verb], expected);
    }
    person.keeps("policy accept", &["policy", "accept"], 0);
    let stream = product("pkg:generic/app");
    person.served.log().release(&stream, "1.0", &[b"app"]);
    let (file, other) = (person.file("app", b"app"), person.file("other", b"other"));
    person.keeps("release verify", &["release", "verify", &file], 0);
    person.keeps(
        "release verify",
        &["release", "verify", &file, "--explain"],
        0,
    );
    person.keeps("release verify", &["release", "verify", &other], 6);
    let bundle = path("bundle");
    person.keeps(
        "release bundle",
        &["release", "bundle", &file, "--out", &bundle],
        0,
    );
    let offline = ["release", "verify", &file, "--bundle", &bundle];
    person.keeps("release verify --bundle", &offline, 0);
    person.keeps("release list", &["release", "list", "pkg:generic/app"], 0);
    person.keeps("release watch", &["release", "watch", "pkg:generic/app"], 0);
    person.keeps(
        "release watch",
        &["release", "watch", "pkg:generic/none"],
        6,
    );
    person
        .served
        .log()
        .protect("backup", None, ProtectionState::Offered);
    let status = ["protection", "status", "backup", "--region", "GB"];
    person.keeps("protection status", &status, 0);
    let refusal = path("refusal.json");
    let refused = [&status[..], &["--refused", &refusal]].concat();
    person.keeps("protection status", &refused, 0);
    person.keeps("evidence verify", &["evidence", "verify", &refusal], 0);
    person
        .served
        .log()
        .protect("backup", Some("GB"), ProtectionState::Withdrawn);
    let watch = ["protection", "watch", "backup", "--region", "GB", "--json"];
    assert_eq!(person.run(&watch).0, 1, "withdrawn");
    person.keeps("protection watch", &watch[..5], 0);
    person.keeps("protection status", &refused, 2);
    person.served.log().verdict = Some(r#"{"verdict":"ahead"}"#.into());
    let head = person.served.log().heads.last().unwrap().head;
    let note = person.served.log().checkpoint(head);
    let note = person.file("note", &note);
    let auditor = person.served.url.clone();
    person.keeps(
        "log submit",
        &["log", "submit", &note, "--auditor", &auditor],
        3,
    );
}

#[test]
fn quiet_says_the_verdict_and_no_more() {
    let person = Person::new();
    let (code, text) = person.run(&["log", "status", "--quiet"]);
    assert_eq!(code, 0);
    assert_eq!(text.lines().count(), 1, "{text}");
    let (code, text) = person.run(&["contact", "accept", ALICE, "--quiet"]);
    assert_eq!(code, 2);
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_label_can_be_typed_where_nobody_sees_it() {
    let person = Person::new();
    let mut command = person.command(&["contact", "verify", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"Alice@example.org\n")
        .unwrap();
    let (code, text) = printed(&child.wait_with_output().unwrap());
    assert_eq!(code, 6, "{text}");
    assert!(text.contains(ALICE), "{text}");
}

#[test]
fn completions_and_manual_pages_are_made_from_what_can_be_typed() {
    let run = |args: &[&str]| printed(&plainsight().args(args).output().unwrap());
    for shell in ["bash", "zsh", "fish"] {
        let (code, text) = run(&["completions", shell]);
        assert_eq!(code, 0);
        assert!(text.contains("monitor"), "{shell}");
    }
    let dir = tempfile::tempdir().unwrap();
    let man = dir.path().join("man1").display().to_string();
    assert_eq!(run(&["man", &man]).0, 0);
    let page = std::fs::read_to_string(dir.path().join("man1/plainsight-contact-verify.1"));
    assert!(page.unwrap().contains("alice@example.org"));
}

#[test]
fn every_command_has_help_with_an_example() {
    let (_, text) = printed(&plainsight().arg("--help").output().unwrap());
    let nouns = text
        .split("Commands:")
        .nth(1)
        .unwrap()
        .split("Options:")
        .next()
        .unwrap();
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    for noun in nouns.lines().filter_map(first) {
        if ["help", "completions", "man"].contains(&noun.as_str()) {
            continue;
        }
        let (_, text) = printed(&plainsight().args([&noun, "--help"]).output().unwrap());
        let verbs = text
            .split("Commands:")
            .nth(1)
            .unwrap()
            .split("Options:")
            .next()
            .unwrap();
        let verbs = verbs
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        for verb in verbs.filter_map(first).filter(|verb| verb != "help") {
            let help = plainsight()
                .args([&noun, &verb, "--help"])
                .output()
                .unwrap();
            let (code, text) = printed(&help);
            assert_eq!(code, 0);
            assert!(
                text.contains("Example: plainsight"),
                "{noun} {verb} has no example"
            );
        }
    }
}
