//! Who learns what from each command: every request is recorded whole, by whom it reached, and
//! held against the table of `privacy.md`, both ways.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod person;
mod tiny_log;
mod told;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use person::{Person, alice, plainsight, verbs};
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::evidence::{Evidence, Proof};
use plainsight_specs::hash::sha256;
use plainsight_specs::keyset::KeySet;
use plainsight_specs::note::VerifierKey;
use plainsight_specs::out_of_band::ContactCode;
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::ProtectionState;
use tiny_log::{Lie, Request, TinyLog, product};
use told::{Told, addressee, needles, table, told, words};

const ME: &str = "me@example.org";
const ALICE: &str = "alice@example.org";
const FIRST: &str = "the first one that needs a log, before anything else";
const SUBMITTING: &str = "any that verified a head, with `submit_heads`";

/// What was recorded so far, row by row.
#[derive(Default)]
struct Record {
    rows: RefCell<BTreeMap<String, BTreeMap<String, Told>>>,
    /// The secret of each watch, by whom it was told to.
    watches: RefCell<BTreeMap<String, BTreeSet<String>>>,
}

impl Record {
    /// Runs a command as text and as JSON, and writes what it told to a row of the table.
    fn run(&self, person: &Person, row: &str, args: &[&str], expected: i32) {
        for form in [&[][..], &["--json"]] {
            self.once(person, row, &[args, form].concat(), expected);
        }
    }

    fn once(&self, person: &Person, row: &str, args: &[&str], expected: i32) {
        let before = person.served.requests().len();
        let (code, text) = person.run(args);
        assert_eq!(code, expected, "{args:?}: {text}");
        self.requests(person, row, &person.served.requests()[before..]);
    }

    fn requests(&self, person: &Person, row: &str, requests: &[Request]) {
        let mut rows = self.rows.borrow_mut();
        let row = rows.entry(row.into()).or_default();
        let needles = needles(&person.served.log());
        for request in requests {
            let (who, told) = (addressee(request), told(request));
            let body = String::from_utf8_lossy(&request.body);
            for (word, needle) in &needles {
                let headers = format!("{:?}", request.headers);
                let is_in_head = request.uri.contains(needle) || headers.contains(needle);
                assert!(
                    !is_in_head || *word == "token",
                    "{needle} is in the head of {request:?}"
                );
                assert!(
                    told.words.contains(*word) || !(is_in_head || body.contains(needle)),
                    "{needle} ({word}) is in {request:?}"
                );
            }
            if told.words.contains("watch") {
                let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
                let mut watches = self.watches.borrow_mut();
                let told_to = watches.entry(body["token"].to_string()).or_default();
                told_to.insert(who.clone());
            }
            row.entry(who).or_default().add(told);
        }
    }

    /// Compares with the table, both ways.
    fn compare(&self) {
        let rows = self.rows.borrow();
        let table = table();
        let known = words();
        let mut differ = Vec::new();
        for (name, stated) in &table {
            let row = rows.get(name);
            let row = row.unwrap_or_else(|| panic!("no test runs {name:?}"));
            let [to_log, to_auditors] = stated;
            for word in to_log.words.iter().chain(&to_auditors.words) {
                assert!(known.contains(word), "{name}: what is {word}?");
            }
            let (mut log, mut auditors) = (Told::default(), Told::default());
            for (who, told) in row {
                let to = if who == "log" {
                    &mut log
                } else {
                    &mut auditors
                };
                to.add(told.clone());
            }
            for (who, told, stated) in [("log", &log, to_log), ("auditors", &auditors, to_auditors)]
            {
                if told != stated {
                    differ.push(format!("{name}, {who}: told {told:?}, stated {stated:?}"));
                }
            }
        }
        assert!(differ.is_empty(), "{}", differ.join("\n"));
        for name in rows.keys() {
            assert!(table.contains_key(name), "{name:?} is not in the table");
        }
        for (watch, told_to) in self.watches.borrow().iter() {
            assert_eq!(told_to.len(), 1, "{watch} is told to {told_to:?}");
        }
    }
}

fn origin() -> Origin {
    Origin::parse(tiny_log::ORIGIN).unwrap()
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A person who has met the log.
fn met(record: &Record) -> Person {
    let person = Person::new();
    let before = person.served.requests().len();
    assert_eq!(person.run(&["log", "status"]).0, 0);
    let requests = person.served.requests();
    // The first contact, and then the command's own question.
    record.requests(&person, FIRST, &requests[before..=before]);
    record.requests(&person, "log status", &requests[before + 1..]);
    person
}

fn about_contacts(record: &Record) {
    let person = met(record);
    let verify = ["contact", "verify", ALICE];
    let row = "contact verify";
    record.run(&person, row, &verify, 6);
    let first = person.served.log().log_next(&alice(), "phone", true);
    record.run(&person, row, &verify, 0);
    person.served.log().log_next(&alice(), "tablet", true);
    record.run(&person, row, &verify, 5);
    let code = |key_set: &KeySet| ContactCode::of(&origin(), key_set).to_string();
    let row = "contact verify --code";
    let first = code(&first);
    let older = [&verify[..], &["--code", &first]].concat();
    record.run(&person, row, &older, 0);
    let ghost = person.served.log().log_next(&alice(), "ghost", false);
    let ghost = code(&ghost);
    let latest = [&verify[..], &["--code", &ghost]].concat();
    record.run(&person, row, &latest, 0);
    record.run(&person, row, &older, 1);
    person.served.log().log_next(&alice(), "reset", false);
    let again = person.served.log().log_next(&alice(), "after", true);
    record.run(&person, "contact verify", &verify, 5);
    record.run(&person, row, &older, 1);
    record.run(&person, "contact accept", &["contact", "accept", ALICE], 3);
    let unconfirmed = ["contact", "accept", ALICE, "--unconfirmed"];
    record.once(&person, "contact accept", &unconfirmed, 0);
    record.run(&person, "contact list", &["contact", "list"], 0);
    let book = person.path("book.json").display().to_string();
    record.run(
        &person,
        "contact export",
        &["contact", "export", "--out", &book],
        0,
    );
    record.run(&person, "contact import", &["contact", "import", &book], 0);
    let token = person.path("token").display().to_string();
    record.once(
        &person,
        "keys new",
        &["keys", "new", ME, "--device", "phone"],
        0,
    );
    let publish = ["keys", "publish", ME, "--token-file", &token];
    record.once(&person, "keys publish", &publish, 0);
    record.run(&person, "contact number", &["contact", "number", ALICE], 0);
    record.run(&person, "contact revoke", &["contact", "revoke", ALICE], 0);
    let again = code(&again);
    let newest = [&verify[..], &["--code", &again]].concat();
    record.run(&person, row, &newest, 1);
    record.run(&person, "contact forget", &["contact", "forget", ALICE], 0);
}

fn about_own_keys(record: &Record) {
    let person = met(record);
    let token = person.path("token").display().to_string();
    let own = |verb| ["keys", verb, ME];
    let publishing = |verb| ["keys", verb, ME, "--token-file", &token];
    record.once(
        &person,
        "keys new",
        &["keys", "new", ME, "--device", "phone"],
        0,
    );
    copy_dir(&person.path("home"), &person.path("before"));
    record.once(&person, "keys publish", &publishing("publish"), 0);
    record.run(&person, "keys rotate", &publishing("rotate"), 0);
    for verb in ["history", "show", "code"] {
        record.run(&person, &format!("keys {verb}"), &own(verb), 0);
    }
    record.run(&person, "keys monitor", &own("monitor"), 0);
    // An old copy of the home publishes again what is logged, and finds what came after.
    std::fs::rename(person.path("home"), person.path("after")).unwrap();
    std::fs::rename(person.path("before"), person.path("home")).unwrap();
    record.once(&person, "keys publish", &publishing("publish"), 1);
    record.run(&person, "keys monitor", &["keys", "monitor"], 1);
    std::fs::remove_dir_all(person.path("home")).unwrap();
    std::fs::rename(person.path("after"), person.path("home")).unwrap();
    person.served.log().lie = Lie::GhostAfter;
    record.once(&person, "keys rotate", &publishing("rotate"), 1);
    let over = [&resetting(&token)[..], &["--not-mine"]].concat();
    record.once(&person, "keys reset", &over, 1);
    person.served.log().lie = Lie::None;
    record.once(&person, "keys reset", &over, 1);
}

fn resetting(token: &str) -> [&str; 8] {
    let [keys, reset, device, file] = ["keys", "reset", "--device", "--token-file"];
    [keys, reset, ME, device, "phone", "--yes", file, token]
}

fn about_watches(record: &Record) {
    let person = met(record);
    let notes = TinyLog::watching(&person.served.url, 0..2);
    std::fs::write(person.path("policy.toml"), notes).unwrap();
    assert_eq!(person.run(&["policy", "accept"]).0, 0);
    let token = person.path("token").display().to_string();
    assert_eq!(person.run(&["keys", "new", ME, "--device", "phone"]).0, 0);
    let publishing = |verb| ["keys", verb, ME, "--token-file", &token];
    assert_eq!(person.run(&publishing("publish")).0, 0);
    let watch = ["keys", "watch", ME];
    record.once(&person, "keys watch", &watch, 0);
    person.served.log().publish();
    record.run(&person, "keys watch", &watch, 0);
    let feed = ["keys", "watch", ME, "--feed"];
    record.once(&person, "keys watch --feed", &feed, 0);
    person.served.log().publish();
    record.run(&person, "keys watch --feed", &feed, 0);
    for row in ["keys rotate", "keys publish"] {
        record.once(&person, row, &publishing("rotate"), 0);
    }
    // An old copy of the watches, which the auditors were told to let go.
    copy_dir(&person.path("home"), &person.path("before"));
    let rotate = publishing("rotate");
    assert_eq!(person.run(&rotate).0, 0);
    let watches = |dir: &str| find(&person.path(dir), "watches").unwrap();
    std::fs::copy(watches("before"), watches("home")).unwrap();
    record.once(&person, "keys watch", &watch, 3);
    person.served.log().plant_ghosts();
    person.served.log().publish();
    record.once(&person, "keys watch --feed", &feed, 1);
    std::fs::remove_file(watches("home")).unwrap();
    record.once(&person, "keys watch", &watch, 1);
    std::fs::copy(watches("before"), watches("home")).unwrap();
    let over = [&resetting(&token)[..], &["--not-mine"]].concat();
    record.once(&person, "keys reset", &over, 1);
}

fn find(dir: &std::path::Path, name: &str) -> Option<std::path::PathBuf> {
    std::fs::read_dir(dir).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return find(&path, name);
        }
        path.to_string_lossy().contains(name).then_some(path)
    })
}

/// The log is away, and auditors answer for it.
fn about_a_silent_log(record: &Record) {
    let person = Person::new();
    let token = person.path("token").display().to_string();
    assert_eq!(person.run(&["keys", "new", ME, "--device", "phone"]).0, 0);
    let publish = ["keys", "publish", ME, "--token-file", &token];
    assert_eq!(person.run(&publish).0, 0);
    let note = |n| {
        let url = &person.served.url;
        format!("[[auditor]]\nname = \"w{n}\"\nurl = \"{url}/auditor{n}\"\n")
    };
    let notes = [note(0), note(1)].concat();
    std::fs::write(person.path("policy.toml"), notes).unwrap();
    assert_eq!(person.run(&["policy", "accept"]).0, 0);
    let before = person.served.requests().len();
    let mut command = plainsight();
    command.args(["keys", "monitor", "--log", "http://127.0.0.1:9", "--policy"]);
    command
        .arg(person.path("policy"))
        .arg("--home")
        .arg(person.path("home"));
    let (code, text) = person::printed(&command.output().unwrap());
    assert_eq!(code, 0, "{text}");
    let requests = &person.served.requests()[before..];
    let asked: BTreeSet<String> = requests.iter().map(addressee).collect();
    assert_eq!(asked, ["auditor0".into(), "auditor1".into()].into());
    record.requests(&person, "keys monitor", requests);
}

fn about_releases(record: &Record) {
    let person = met(record);
    let stream = product("pkg:generic/app");
    person.served.log().release(&stream, "1.0", &[b"app"]);
    let (file, other) = (person.file("app", b"app"), person.file("other", b"other"));
    let in_stream = [
        "--stream",
        "pkg:generic/app",
        "--channel",
        "stable",
        "--arch",
        "any",
    ];
    let verify = ["release", "verify", &file];
    record.run(&person, "release verify", &verify, 0);
    record.run(&person, "release verify", &["release", "verify", &other], 6);
    record.run(
        &person,
        "release verify",
        &[&verify[..], &in_stream].concat(),
        0,
    );
    let bundle = person.path("bundle").display().to_string();
    let make = ["release", "bundle", &file, "--out", &bundle];
    record.run(&person, "release bundle", &make, 0);
    record.run(
        &person,
        "release bundle",
        &[&make[..], &in_stream].concat(),
        0,
    );
    let offline = [&verify[..], &["--bundle", &bundle]].concat();
    record.run(&person, "release verify --bundle", &offline, 0);
    for verb in ["list", "watch"] {
        let args = ["release", verb, "pkg:generic/app"];
        record.run(&person, &format!("release {verb}"), &args, 0);
    }
    let mut notes = TinyLog::annotations().to_owned();
    notes.insert_str(0, "[release]\nmin_age_s = 60\n");
    std::fs::write(person.path("policy.toml"), notes).unwrap();
    record.run(&person, "policy accept", &["policy", "accept"], 0);
    record.run(&person, "policy show", &["policy", "show"], 0);
    record.run(&person, "policy check", &["policy", "check"], 1);
    record.run(&person, "release verify", &verify, 4);
    let key = SecretKey::from_seed(&[7; 32]).public();
    let key = plainsight_specs::codec::to_base64(key.as_bytes());
    let notes = [
        "[release]\nrebuilds = 1\n[[rebuilder]]\nname = \"r\"\norganisation = \"R\"\n",
        &format!("key = \"{key}\"\n"),
        &TinyLog::watching(&person.served.url, 0..2),
    ];
    std::fs::write(person.path("policy.toml"), notes.concat()).unwrap();
    assert_eq!(person.run(&["policy", "accept"]).0, 0);
    record.run(&person, "release verify", &verify, 4);
}

fn about_protections(record: &Record) {
    let person = met(record);
    let offered = ProtectionState::Offered;
    person.served.log().protect("backup", None, offered);
    let status = ["protection", "status", "backup", "--region", "GB"];
    record.run(&person, "protection status", &status, 0);
    let refusal = person.path("refusal.json").display().to_string();
    let refused = [&status[..], &["--refused", &refusal]].concat();
    record.run(&person, "protection status", &refused, 0);
    let evidence = ["evidence", "verify", &refusal];
    record.run(&person, "evidence verify", &evidence, 0);
    let watch = ["protection", "watch", "backup", "--region", "GB"];
    record.run(&person, "protection watch", &watch, 0);
    let withdrawn = ProtectionState::Withdrawn;
    person.served.log().protect("backup", Some("GB"), withdrawn);
    record.once(&person, "protection watch", &watch, 1);
}

/// An auditor that has evidence of a fork.
fn about_an_auditor(record: &Record) {
    let person = met(record);
    let (shown, proof) = {
        let log = person.served.log();
        let head = log.heads.last().unwrap().head;
        let other = plainsight_specs::merkle::TreeHead {
            root: sha256(b"another tree"),
            ..head
        };
        let (first, second) = (log.checkpoint(head), log.checkpoint(other));
        (first.clone(), Proof::Fork { first, second })
    };
    let policy = TinyLog::policy(&person.served.url);
    let log_key = VerifierKey::parse(policy.split(' ').nth(1).unwrap()).unwrap();
    let evidence = Evidence {
        rule: Rule::Fork,
        log_key,
        proof,
    };
    assert_eq!(evidence.verify().unwrap().rule, Rule::Fork);
    let id = evidence.id().to_hex();
    person
        .served
        .log()
        .evidence
        .insert(id.clone(), evidence.to_json());
    let verdict = format!(r#"{{"verdict":"fork","evidence":"{id}","detail":"two roots"}}"#);
    person.served.log().verdict = Some(verdict);
    let note = person.file("note", &shown);
    let auditor = format!("{}/auditor2", person.served.url);
    let submit = ["log", "submit", &note, "--auditor", &auditor];
    record.run(&person, "log submit", &submit, 1);
    let config = format!("submit_heads = {auditor:?}\n");
    std::fs::write(person.path("home").join("config.toml"), config).unwrap();
    person.served.log().publish();
    let before = person.served.requests().len();
    assert_eq!(person.run(&["log", "status"]).0, 1);
    let requests = &person.served.requests()[before..];
    let (own, handed): (Vec<_>, Vec<_>) = requests
        .iter()
        .cloned()
        .partition(|request| addressee(request) == "log");
    record.requests(&person, "log status", &own);
    record.requests(&person, SUBMITTING, &handed);
    let dir = person.path("man").display().to_string();
    record.once(&person, "completions", &["completions", "bash"], 0);
    record.once(&person, "man", &["man", &dir], 0);
}

#[test]
fn each_command_tells_others_what_the_table_says_and_nothing_else() {
    let record = Record::default();
    about_contacts(&record);
    about_own_keys(&record);
    about_watches(&record);
    about_a_silent_log(&record);
    about_releases(&record);
    about_protections(&record);
    about_an_auditor(&record);
    record.compare();
}

#[test]
fn every_command_has_its_row_in_the_table() {
    let table = table();
    for verb in verbs() {
        assert!(table.contains_key(&verb), "{verb} is not in the table");
    }
}
