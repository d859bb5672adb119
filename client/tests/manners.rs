//! What every command keeps to: its exit codes, the schema of its JSON, quietness, and what a
//! shell and `man` know of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod person;
mod tiny_log;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use person::{Person, alice, plainsight, printed, schema, verbs};
use plainsight_specs::evidence::{Evidence, Proof};
use plainsight_specs::hash::sha256;
use plainsight_specs::note::VerifierKey;
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::ProtectionState;
use tiny_log::{Lie, TinyLog, product};

const ME: &str = "me@example.org";
const ALICE: &str = "alice@example.org";
const VERDICTS: [&str; 7] = [
    "verified",
    "refuted",
    "usage",
    "undecided",
    "policy-not-met",
    "pin-changed",
    "not-found",
];

/// In which form the results are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
    Quiet,
}

/// A person who wants every result in one form.
struct Wanting {
    person: Person,
    form: Form,
    seen: RefCell<BTreeSet<(String, i32)>>,
}

impl Wanting {
    fn new(form: Form) -> Self {
        Self {
            person: Person::new(),
            form,
            seen: RefCell::default(),
        }
    }

    /// Runs a command, whose exit code must be this one in every form, and checks the form.
    fn run(&self, expected: i32, args: &[&str]) {
        let mut command = self.person.command(args);
        match self.form {
            Form::Text => {}
            Form::Json => drop(command.arg("--json")),
            Form::Quiet => drop(command.arg("--quiet")),
        }
        let output = command.output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        let code = output.status.code().unwrap();
        assert_eq!(code, expected, "{args:?}: {out}{err}");
        let name = args.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        assert!(
            !format!("{out}{err}").contains('\x1b'),
            "no colour in a pipe: {out}{err}"
        );
        match self.form {
            Form::Text => assert_eq!(
                out.is_empty(),
                !err.is_empty() && out.is_empty(),
                "{args:?}"
            ),
            Form::Json => {
                assert_eq!(err, "", "{args:?}");
                let line = out.trim_end_matches('\n');
                assert_eq!(line.lines().count(), 1, "{args:?}: {out}");
                schema::check(&name, line);
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(value["verdict"], VERDICTS[usize::try_from(code).unwrap()]);
            }
            Form::Quiet => {
                let lines = out.lines().count() + err.lines().count();
                assert_eq!(lines, 1, "{args:?}: {out}{err}");
            }
        }
        self.seen.borrow_mut().insert((name, code));
    }

    fn path(&self, name: &str) -> String {
        self.person.path(name).display().to_string()
    }
}

fn own_keys(one: &Wanting) {
    let token = one.path("token");
    let with_token = |verb| ["keys", verb, ME, "--token-file", &token];
    one.run(2, &["keys", "monitor"]);
    one.run(2, &["keys", "show", ME]);
    one.run(0, &["keys", "new", ME, "--device", "phone"]);
    one.run(2, &["keys", "new", ME, "--device", "phone"]);
    one.run(
        2,
        &["keys", "new", "you@example.org", "--device", "a device"],
    );
    one.run(2, &["keys", "watch", ME]);
    one.run(2, &["keys", "publish", ME]);
    one.run(0, &with_token("publish"));
    one.run(2, &with_token("publish"));
    one.run(2, &["keys", "watch", ME]);
    one.run(0, &with_token("rotate"));
    let no_such = [&with_token("rotate")[..], &["--remove-device", "none"]].concat();
    one.run(2, &no_such);
    for verb in ["history", "show", "code", "monitor"] {
        one.run(0, &["keys", verb, ME]);
    }
    let notes = TinyLog::watching(&one.person.served.url, 0..2);
    std::fs::write(one.person.path("policy.toml"), notes).unwrap();
    one.run(5, &["keys", "watch", ME]);
    one.run(0, &["policy", "accept"]);
    one.run(0, &["keys", "watch", ME]);
    let me = plainsight_client::label::typed(ME).unwrap();
    one.person.served.log().log_next(&me, "ghost", false);
    one.run(1, &["keys", "monitor"]);
    one.run(1, &["keys", "watch", ME]);
    let evidence = one.person.path("home").join("evidence");
    let record = std::fs::read_dir(evidence)
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    one.run(
        0,
        &["evidence", "verify", &record.path().display().to_string()],
    );
    let reset = [&with_token("reset")[..], &["--device", "phone", "--yes"]].concat();
    one.run(2, &reset);
    // The ghost stays, and so does its exit code.
    let over = [&reset[..], &["--not-mine"]].concat();
    one.run(1, &over);
    one.run(2, &over);
}

fn contacts(one: &Wanting) {
    let log = || one.person.served.log();
    let verify = ["contact", "verify", ALICE];
    one.run(6, &verify);
    one.run(2, &["contact", "accept", ALICE]);
    one.run(2, &["contact", "verify", "not a label"]);
    log().log_next(&alice(), "phone", true);
    one.run(0, &verify);
    one.run(0, &["contact", "list"]);
    one.run(0, &["contact", "number", ALICE]);
    one.run(2, &["contact", "verify", ALICE, "--code", "12345"]);
    one.run(
        1,
        &["contact", "verify", ALICE, "--code", &"12345 ".repeat(12)],
    );
    let book = one.path("book.json");
    one.run(0, &["contact", "export", "--out", &book]);
    one.run(0, &["contact", "import", &book]);
    one.run(2, &["contact", "import", &one.path("token")]);
    log().log_next(&alice(), "ghost", false);
    one.run(5, &verify);
    one.run(3, &["contact", "accept", ALICE]);
    one.run(0, &["contact", "accept", ALICE, "--unconfirmed"]);
    one.run(0, &["contact", "revoke", ALICE]);
    one.run(1, &verify);
    one.run(0, &["contact", "forget", ALICE]);
}

fn lies(one: &Wanting) {
    let verify = ["contact", "verify", ALICE];
    let lie = |lie| one.person.served.log().lie = lie;
    for (told, code) in [
        (Lie::OldVersion, 1),
        (Lie::Decoy, 1),
        (Lie::BrokenProof, 1),
        (Lie::FalseCosignature, 1),
        (Lie::OldHead, 3),
        (Lie::Malformed, 3),
        (Lie::Huge, 3),
        (Lie::SizeAhead, 3),
        (Lie::Withhold, 3),
    ] {
        lie(told);
        one.run(code, &verify);
    }
    lie(Lie::None);
    one.person.served.log().cosigning = 1;
    one.run(4, &verify);
    one.run(4, &["log", "status"]);
    one.person.served.log().cosigning = 3;
    one.person.served.log().age_s = 100_000;
    one.run(3, &verify);
    one.person.served.log().age_s = 2;
    let refused = std::fs::read_dir(one.person.path("home")).unwrap();
    assert!(refused.count() > 0);
}

fn releases(one: &Wanting) {
    let app = product("pkg:generic/app");
    one.person.served.log().release(&app, "1.0", &[b"app"]);
    let (file, other) = (
        one.person.file("app", b"app"),
        one.person.file("other", b"other"),
    );
    one.run(0, &["release", "verify", &file]);
    one.run(0, &["release", "verify", &file, "--explain"]);
    one.run(6, &["release", "verify", &other]);
    one.run(2, &["release", "verify", "/nowhere"]);
    one.run(2, &["release", "verify", &file, "--channel", "stable"]);
    one.run(
        0,
        &["release", "verify", &file, "--stream", "pkg:generic/app"],
    );
    let bundle = one.path("bundle");
    one.run(0, &["release", "bundle", &file, "--out", &bundle]);
    one.run(
        6,
        &["release", "bundle", &other, "--out", &one.path("none")],
    );
    one.run(0, &["release", "verify", &file, "--bundle", &bundle]);
    one.run(1, &["release", "verify", &other, "--bundle", &bundle]);
    one.run(3, &["release", "verify", &file, "--bundle", &other]);
    one.run(0, &["release", "list", "pkg:generic/app"]);
    one.run(6, &["release", "list", "pkg:generic/none"]);
    one.run(2, &["release", "list", "no product"]);
    one.run(0, &["release", "watch", "pkg:generic/app"]);
    one.person.served.log().yank(&app, "1.0", b"app");
    one.run(1, &["release", "watch", "pkg:generic/app"]);
    one.run(1, &["release", "verify", &file]);
}

fn protections(one: &Wanting) {
    let status = ["protection", "status", "backup", "--region", "GB"];
    one.run(6, &status);
    one.run(2, &["protection", "status", "backup", "--region", "gb"]);
    one.person
        .served
        .log()
        .protect("backup", None, ProtectionState::Offered);
    one.run(0, &status);
    let refusal = one.path("refusal.json");
    let refused = [&status[..], &["--refused", &refusal]].concat();
    one.run(0, &refused);
    one.run(0, &["evidence", "verify", &refusal]);
    let watch = ["protection", "watch", "backup", "--region", "GB"];
    // It reports on two streams, a line each, so that it is not held to one line.
    assert_eq!(one.person.run(&[&watch[..], &["--json"]].concat()).0, 0);
    let withdrawn = ProtectionState::Withdrawn;
    one.person
        .served
        .log()
        .protect("backup", Some("GB"), withdrawn);
    one.run(2, &refused);
    assert_eq!(one.person.run(&[&watch[..], &["--json"]].concat()).0, 1);
    one.seen.borrow_mut().insert(("protection watch".into(), 1));
}

fn auditors_and_policies(one: &Wanting) {
    one.run(0, &["log", "status"]);
    one.run(0, &["policy", "show"]);
    one.run(
        0,
        &[
            "policy",
            "show",
            "--compelled",
            "NO",
            "--lying",
            "Civic Lab",
        ],
    );
    one.run(2, &["policy", "show", "--compelled", "XX"]);
    one.run(1, &["policy", "check"]);
    one.run(0, &["policy", "accept"]);
    let (note, fork) = {
        let log = one.person.served.log();
        let head = log.heads.last().unwrap().head;
        let other = plainsight_specs::merkle::TreeHead {
            root: sha256(b"another tree"),
            ..head
        };
        let (first, second) = (log.checkpoint(head), log.checkpoint(other));
        let key = TinyLog::policy("").split(' ').nth(1).unwrap().to_owned();
        let evidence = Evidence {
            rule: Rule::Fork,
            log_key: VerifierKey::parse(&key).unwrap(),
            proof: Proof::Fork {
                first: first.clone(),
                second,
            },
        };
        (first, evidence.to_json())
    };
    let text = String::from_utf8(fork.clone()).unwrap();
    let same = text.replace("\"rule\":\"fork\"", "\"rule\":\"extension\"");
    let verify = |file: &str, bytes: &[u8], code| {
        one.run(code, &["evidence", "verify", &one.person.file(file, bytes)]);
    };
    verify("fork.json", &fork, 0);
    verify("other.json", same.as_bytes(), 1);
    verify("half.json", &fork[..99], 3);
    one.run(2, &["evidence", "verify", "/nowhere"]);
    let note = one.person.file("note", &note);
    let auditor = one.person.served.url.clone();
    let submit = ["log", "submit", &note, "--auditor", &auditor];
    one.run(3, &submit);
    for (verdict, code) in [("same", 0), ("ahead", 3), ("fork", 1), ("guilty", 3)] {
        one.person.served.log().verdict =
            Some(format!(r#"{{"verdict":"{verdict}","detail":"so"}}"#));
        one.run(code, &submit);
    }
    one.run(2, &["log", "submit", &note, "--auditor", "not an address"]);
    let asked = one.person.served.asked().len();
    let other = one.person.file("diary", b"dear diary");
    one.run(2, &["log", "submit", &other, "--auditor", &auditor]);
    assert_eq!(one.person.served.asked().len(), asked, "it is not sent");
}

/// Words that are not understood at all.
fn typed_wrongly(one: &Wanting) {
    if one.form == Form::Text {
        return;
    }
    let wrong: [&[&str]; 5] = [
        &["contact"],
        &["contact", "verify"],
        &["contact", "check", ALICE],
        &["log", "status", "--loud"],
        &["keys", "monitor", "--every", "1"],
    ];
    for args in wrong {
        one.run(2, args);
    }
}

#[test]
fn every_command_has_its_exit_codes_in_text_in_json_and_quietly() {
    let mut seen = Vec::new();
    for form in [Form::Text, Form::Json, Form::Quiet] {
        let one = Wanting::new(form);
        auditors_and_policies(&one);
        let two = Wanting::new(form);
        own_keys(&two);
        contacts(&two);
        two.person.served.log().log_next(&alice(), "phone", true);
        lies(&two);
        releases(&one);
        protections(&one);
        typed_wrongly(&one);
        let all = [one.seen.into_inner(), two.seen.into_inner()];
        seen.extend(all.into_iter().flatten());
    }
    let codes: BTreeSet<i32> = seen.iter().map(|(_, code)| *code).collect();
    assert_eq!(codes, (0..7).collect());
    for verb in verbs().iter().filter(|verb| verb.contains(' ')) {
        assert!(
            seen.iter().any(|(name, _)| name == verb),
            "{verb} was not run"
        );
        assert!(
            schema::has(&schema::name(verb)),
            "{verb} is not in the schema"
        );
    }
}

#[test]
fn the_schema_refuses_what_it_should() {
    let person = Person::new();
    let (_, text) = person.run(&["log", "status", "--json"]);
    let good: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(schema::faults("log-status", &good), Vec::<String>::new());
    for change in ["more", "less", "other"] {
        let mut bad = good.clone();
        match change {
            "more" => bad["more"] = 1.into(),
            "less" => drop(bad.as_object_mut().unwrap().remove("head")),
            _ => bad["head"]["root"] = "root".into(),
        }
        assert_eq!(schema::faults("log-status", &bad).len(), 1, "{change}");
    }
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

/// A command at a terminal, by a tool that many systems have.
fn at_terminal(command: &Command) -> Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| format!("'{}'", word.display())).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &words.join(" "), "/dev/null"]);
    script.stdin(Stdio::null()).env("TERM", "xterm");
    script
}

#[test]
fn colour_is_for_terminals_and_for_nobody_who_wants_none() {
    let person = Person::new();
    let status = |no_colour: &str| {
        let mut script = at_terminal(&person.command(&["log", "status"]));
        let output = script.env("NO_COLOR", no_colour).output().ok();
        output.map(|output| String::from_utf8(output.stdout).unwrap())
    };
    let Some(coloured) = status("") else {
        eprintln!("skipped: there is no program `script`");
        return;
    };
    assert!(coloured.contains("\x1b[1;32m"), "{coloured}");
    let plain = status("1").unwrap();
    assert!(
        plain.contains("VERIFIED") && !plain.contains('\x1b'),
        "{plain}"
    );
}

#[test]
fn somebody_who_waits_at_a_terminal_is_told() {
    let person = Person::new();
    person.served.log().lie = Lie::Slow;
    let mut script = at_terminal(&person.command(&["log", "status"]));
    let Ok(mut child) = script.stdout(Stdio::piped()).spawn() else {
        eprintln!("skipped: there is no program `script`");
        return;
    };
    let said = std::io::BufReader::new(child.stdout.take().unwrap());
    let first = std::io::BufRead::lines(said).next().unwrap().unwrap();
    assert!(first.starts_with("No answer yet"), "{first}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_went_wrong_is_said_with_a_step_that_fits() {
    let person = Person::new();
    let (file, diary) = (
        person.file("app", b"app"),
        person.file("diary", b"dear diary"),
    );
    let expected: [(&[&str], &str); 7] = [
        (
            &["release", "verify", &file, "--bundle", &diary],
            "the bundle that came with the file",
        ),
        (
            &["release", "verify", &file],
            "in the log of another provider",
        ),
        (
            &["release", "list", "serde"],
            "\"serde\" is not a package URL",
        ),
        (
            &["protection", "status", "backup", "--region", "Britain"],
            "\"Britain\" is not a region",
        ),
        (
            &["contact", "verify", "alice"],
            "See `plainsight contact verify --help`.",
        ),
        (&["keys", "monitor"], "`plainsight keys new` makes some"),
        (
            &["evidence", "verify", &diary],
            "Blame: whoever made the file.",
        ),
    ];
    for (args, words) in expected {
        let (_, text) = person.run(args);
        assert!(text.contains(words), "{args:?}: {text}");
    }
}

#[test]
fn completions_complete_and_every_command_has_a_manual_page() {
    let run = |args: &[&str]| printed(&plainsight().args(args).output().unwrap());
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let (code, script) = run(&["completions", shell]);
        assert_eq!(code, 0);
        let file = dir.path().join(shell);
        std::fs::write(&file, &script).unwrap();
        for verb in verbs() {
            let last = verb.rsplit(' ').next().unwrap();
            assert!(script.contains(last), "{shell} has no {verb}");
        }
        // Where the shell itself is at hand, it reads them.
        match Command::new(shell).arg("-n").arg(&file).output() {
            Ok(output) => assert!(output.status.success(), "{shell}: {output:?}"),
            Err(_) => eprintln!("skipped: there is no {shell}"),
        }
    }
    let complete = "source \"$1\"; COMP_WORDS=(plainsight contact ver); COMP_CWORD=2; \
                    _plainsight plainsight ver contact; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["-c", complete, "bash"])
        .arg(dir.path().join("bash"));
    match bash.output() {
        Ok(output) => assert_eq!(printed(&output), (0, "verify\n".into())),
        Err(_) => eprintln!("skipped: there is no bash"),
    }
    let man = dir.path().join("man1");
    assert_eq!(run(&["man", &man.display().to_string()]).0, 0);
    for verb in verbs() {
        let page = man.join(format!("plainsight-{}.1", verb.replace(' ', "-")));
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains("Example"), "{verb}");
    }
}
