//! The binary as a person runs it: exit codes, files in the home, words on the terminal.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod person;
mod tiny_log;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use person::{Person, alice, plainsight, printed};
use plainsight_specs::evidence::{Evidence, Proof};
use plainsight_specs::hash::sha256;
use plainsight_specs::label::Label;
use plainsight_specs::note::VerifierKey;
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::ProtectionState;
use tiny_log::{Lie, TinyLog, product};

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_contact_is_verified_pinned_changed_and_accepted() {
    let person = Person::new();
    let verify = ["contact", "verify", "Alice@Example.org"];
    let (code, text) = person.run(&verify);
    assert_eq!(code, 6, "{text}");
    assert!(text.contains("proved to have no key set"), "{text}");
    person.served.log().log_next(&alice(), "phone", true);
    let (code, text) = person.run(&verify);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("VERIFIED: version 0"), "{text}");
    assert!(text.contains("w0 (Northern Watch, NO)"), "{text}");
    assert_eq!(person.run(&verify).0, 0);
    let (code, text) = person.run(&["contact", "accept", "alice@example.org"]);
    assert_eq!(code, 2, "nothing waits: {text}");
    person.served.log().log_next(&alice(), "ghost", false);
    for _ in 0..2 {
        let (code, text) = person.run(&verify);
        assert_eq!(code, 5, "{text}");
        assert!(text.contains("Version 1 is a reset"), "{text}");
    }
    let (code, text) = person.run(&["contact", "accept", "alice@example.org"]);
    assert_eq!(code, 3, "the reset is young: {text}");
    assert!(text.contains("unconfirmed until"), "{text}");
    let anyway = ["contact", "accept", "alice@example.org", "--unconfirmed"];
    let (code, text) = person.run(&anyway);
    assert_eq!(code, 0, "{text}");
    let (code, text) = person.run(&verify);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn refused_heads_are_kept_and_never_remembered() {
    let person = Person::new();
    person.served.log().log_next(&alice(), "phone", true);
    let verify = ["contact", "verify", "alice@example.org", "--json"];
    assert_eq!(person.run(&verify).0, 0);
    let memory = || {
        let files = files_below(&person.path("home"));
        let memory = files
            .iter()
            .find(|path| path.ends_with("memory.json"))
            .unwrap();
        std::fs::read(memory).unwrap()
    };
    let before = memory();
    person.served.log().log_next(&alice(), "tablet", true);
    person.served.log().cosigning = 1;
    let (code, text) = person.run(&verify);
    assert_eq!(code, 4, "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["verdict"], "policy-not-met");
    assert_eq!(json["step"], "quorum");
    assert_eq!(memory(), before);
    let kept = json["kept"].as_str().unwrap();
    assert!(
        std::fs::read_to_string(kept)
            .unwrap()
            .starts_with(tiny_log::ORIGIN)
    );
    let auditor = &person.served.url;
    person.served.log().verdict = Some(r#"{"verdict":"consistent","detail":"older"}"#.into());
    let (code, text) = person.run(&["log", "submit", kept, "--auditor", auditor]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn lies_and_outages_have_their_exit_codes() {
    let person = Person::new();
    for _ in 0..2 {
        person.served.log().log_next(&alice(), "phone", true);
    }
    let verify = ["contact", "verify", "alice@example.org"];
    assert_eq!(person.run(&verify).0, 0);
    let expected = [
        (Lie::OldVersion, 1),
        (Lie::Decoy, 1),
        (Lie::BrokenProof, 1),
        (Lie::FalseCosignature, 1),
        (Lie::OldHead, 3),
        (Lie::Malformed, 3),
        (Lie::Huge, 3),
        (Lie::SizeAhead, 3),
        (Lie::Withhold, 3),
    ];
    for (lie, expected) in expected {
        person.served.log().lie = lie;
        let (code, text) = person.run(&verify);
        assert_eq!(code, expected, "{lie:?}: {text}");
        assert!(text.contains("Blame: "), "{lie:?}: {text}");
    }
    person.served.log().lie = Lie::None;
    assert_eq!(person.run(&verify).0, 0);
}

#[test]
fn own_keys_go_round() {
    let person = Person::new();
    let token = person.path("token").display().to_string();
    let me = "me@example.org";
    let new = ["keys", "new", me, "--device", "phone", "--device", "laptop"];
    let (code, text) = person.run(&new);
    assert_eq!(code, 0, "{text}");
    assert_eq!(person.run(&new).0, 2, "not twice");
    let (code, text) = person.run(&["keys", "publish", me]);
    assert_eq!(code, 2, "without the token: {text}");
    assert!(text.contains("--token-file"), "{text}");
    let (code, text) = person.run(&["keys", "publish", me, "--token-file", &token]);
    assert_eq!(code, 0, "{text}");
    let rotate = [
        "keys",
        "rotate",
        me,
        "--add-device",
        "tablet",
        "--remove-device",
        "phone",
        "--token-file",
        &token,
    ];
    let (code, text) = person.run(&rotate);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("version 1"), "{text}");
    let (code, text) = person.run(&["keys", "monitor"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = person.run(&["keys", "history", me]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("Version 0") && text.contains("Version 1"),
        "{text}"
    );
    let (code, text) = person.run(&["keys", "show", me, "--json"]);
    assert_eq!(code, 0, "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["versions"][0]["keys"][2]["id"], "tablet");
    let (code, text) = person.run(&["contact", "verify", me]);
    assert_eq!(code, 0, "others see the same: {text}");
    let label = Label::email(me).unwrap();
    person.served.log().log_next(&label, "ghost", false);
    let (code, text) = person.run(&["keys", "monitor", me]);
    assert_eq!(code, 1, "{text}");
    assert!(text.starts_with("ALARM"), "{text}");
    assert!(text.contains("ghost (device)"), "{text}");
    // Nothing in the home is for anybody else, and no file is named after a label.
    for path in files_below(&person.path("home")) {
        assert!(!path.display().to_string().contains(me));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }
}

#[test]
fn files_are_verified_byte_for_byte() {
    let person = Person::new();
    let serde = product("pkg:cargo/serde");
    person
        .served
        .log()
        .release(&serde, "1.0.0", &[b"serde one"]);
    let good = person.file("serde-1.0.0.crate", b"serde one");
    let bad = person.file("serde-1.0.0-special.crate", b"serde one, for you");
    let (code, text) = person.run(&["release", "verify", &good]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("The stream was not pinned"), "{text}");
    let (code, text) = person.run(&["release", "verify", &good]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Its stream is pinned since"), "{text}");
    assert_eq!(person.run(&["release", "verify", &bad]).0, 6);
    let stream = [
        "--stream",
        "pkg:cargo/serde@1.0.0",
        "--channel",
        "stable",
        "--arch",
        "any",
    ];
    let with_stream = |file: &str| {
        let args: Vec<&str> = ["release", "verify", file]
            .into_iter()
            .chain(stream)
            .collect();
        person.run(&args)
    };
    assert_eq!(with_stream(&good).0, 0);
    let (code, text) = with_stream(&bad);
    assert_eq!(code, 1, "{text}");
    let bundle = person.path("serde.bundle").display().to_string();
    let (code, text) = person.run(&["release", "bundle", &good, "--out", &bundle]);
    assert_eq!(code, 0, "{text}");
    // A build in a stream of its own, of a product that is relied on from another one.
    let mut special = serde.clone();
    special.channel = plainsight_specs::statement::Name::parse("special").unwrap();
    person
        .served
        .log()
        .release(&special, "1.0.1", &[b"serde one, for you"]);
    let (code, text) = person.run(&["release", "verify", &bad]);
    assert_eq!(code, 5, "{text}");
    person.served.log().yank(&serde, "1.0.0", b"serde one");
    let (code, text) = person.run(&["release", "verify", &good]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("it eats data"), "{text}");
    // Offline, the bundle still holds for what was the case when it was made.
    person.served.log().lie = Lie::Malformed;
    let (code, text) = person.run(&["release", "verify", &good, "--bundle", &bundle]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        person
            .run(&["release", "verify", &bad, "--bundle", &bundle])
            .0,
        1
    );
    assert_eq!(person.run(&["release", "verify", "/nowhere"]).0, 2);
}

#[test]
fn protections_and_the_log_have_a_status() {
    let person = Person::new();
    let status = ["protection", "status", "e2e-backup", "--region", "GB"];
    assert_eq!(person.run(&status).0, 6);
    person
        .served
        .log()
        .protect("e2e-backup", Some("GB"), ProtectionState::Withdrawn);
    let (code, text) = person.run(&status);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("WITHDRAWN"), "{text}");
    assert_eq!(
        person
            .run(&["protection", "status", "e2e-backup", "--region", "gb"])
            .0,
        2
    );
    let (code, text) = person.run(&["log", "status"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Vouched for by 3 of 3 auditors"), "{text}");
}

#[test]
fn evidence_needs_nothing_but_the_file() {
    let person = Person::new();
    let head = person.served.log().heads.last().unwrap().head;
    let mut forked = head;
    forked.root = sha256(b"another tree");
    let key = TinyLog::policy("").split(' ').nth(1).unwrap().to_owned();
    let first = person.served.log().checkpoint(head);
    let second = person.served.log().checkpoint(forked);
    let proof = Proof::Fork { first, second };
    let log_key = VerifierKey::parse(&key).unwrap();
    let evidence = Evidence {
        rule: Rule::Fork,
        log_key,
        proof,
    }
    .to_json();
    let file = person.file("fork.json", &evidence);
    let run = |file: &str| {
        let mut command = plainsight();
        command.env_clear().args(["evidence", "verify", file]);
        printed(&command.output().unwrap())
    };
    let (code, text) = run(&file);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("PROVED: "), "{text}");
    let text = String::from_utf8(evidence).unwrap();
    let same = text.replace("\"rule\":\"fork\"", "\"rule\":\"extension\"");
    assert_eq!(run(&person.file("other.json", same.as_bytes())).0, 1);
    assert_eq!(run(&person.file("half.json", &text.as_bytes()[..99])).0, 3);
    assert_eq!(run("/nowhere").0, 2);
}

#[test]
fn without_configuration_three_lines_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = plainsight();
    command
        .env("XDG_DATA_HOME", dir.path())
        .args(["log", "status"]);
    let (code, text) = printed(&command.output().unwrap());
    assert_eq!(code, 2);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains("plainsight --policy FILE"), "{text}");
    assert!(text.contains("plainsight/config.toml"), "{text}");
    // And with it nothing else has to be said.
    let person = Person::new();
    let home = dir.path().join("plainsight");
    let policy = person.path("policy");
    std::fs::write(
        home.join("config.toml"),
        format!("policy = {:?}\n", policy.display()),
    )
    .unwrap();
    let mut command = plainsight();
    command
        .env("XDG_DATA_HOME", dir.path())
        .args(["log", "status"]);
    let (code, text) = printed(&command.output().unwrap());
    assert_eq!(code, 0, "the policy's log line has the address: {text}");
}

#[test]
fn usage_errors_and_help_have_their_codes() {
    let run = |args: &[&str]| printed(&plainsight().args(args).output().unwrap());
    assert_eq!(run(&[]).0, 2);
    assert_eq!(run(&["contact"]).0, 2);
    assert_eq!(run(&["contact", "verify"]).0, 2);
    assert_eq!(run(&["--version"]).0, 0);
    let (code, text) = run(&["contact", "verify", "--help"]);
    assert_eq!(code, 0);
    assert!(
        text.contains("Example: plainsight contact verify"),
        "{text}"
    );
    let person = Person::new();
    assert_eq!(person.run(&["contact", "verify", "not a label"]).0, 2);
    std::fs::write(person.path("policy"), "quorum 2 of them\n").unwrap();
    let (code, text) = person.run(&["log", "status"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("line 1"), "{text}");
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let person = Person::new();
    let mut command = person.command(&["log", "status"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn commands_at_the_same_time_take_turns() {
    let person = Person::new();
    person.served.log().log_next(&alice(), "phone", true);
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = person.command(&["contact", "verify", "alice@example.org"]);
            command.stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_monitor_that_goes_on_tells_each_alarm_once_and_ends_by_a_signal() {
    let person = Person::new();
    let token = person.path("token").display().to_string();
    let me = "me@example.org";
    assert_eq!(person.run(&["keys", "new", me, "--device", "phone"]).0, 0);
    let (code, text) = person.run(&["keys", "publish", me, "--token-file", &token]);
    assert_eq!(code, 0, "{text}");
    let label = Label::email(me).unwrap();
    person.served.log().log_next(&label, "ghost", false);
    let told = person.path("told");
    let command = format!("cat >> {}.part && mv {0}.part {0}", told.display());
    let mut service = person.command(&["keys", "monitor", "--every", "10", "--on-alarm", &command]);
    let mut service = service.stdout(Stdio::piped()).spawn().unwrap();
    let start = std::time::Instant::now();
    while !told.exists() {
        assert!(service.try_wait().unwrap().is_none(), "it goes on");
        assert!(start.elapsed().as_secs() < 60, "the command was never run");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let alarm = std::fs::read_to_string(&told).unwrap();
    assert!(
        alarm.contains("foreign keys identity (identity), ghost (device)"),
        "{alarm}"
    );
    let record = alarm
        .split("evidence/")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let record = person.path("home").join("evidence").join(record);
    let pid = service.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .arg(pid)
            .status()
            .unwrap()
            .success()
    );
    let output = service.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "the last look's verdict");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("ALARM").count(), 1, "{text}");
    let (code, text) = person.run(&["evidence", "verify", &record.display().to_string()]);
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("PROVED: under your policy"), "{text}");
}

#[test]
fn without_the_log_the_auditors_are_asked() {
    let person = Person::new();
    let token = person.path("token").display().to_string();
    let me = "me@example.org";
    assert_eq!(person.run(&["keys", "new", me, "--device", "phone"]).0, 0);
    let (code, text) = person.run(&["keys", "publish", me, "--token-file", &token]);
    assert_eq!(code, 0, "{text}");
    let policy = TinyLog::policy("http://127.0.0.1:9");
    let key = policy.lines().nth(1).unwrap();
    let policy = policy.replace(key, &format!("{key} {}", person.served.url));
    std::fs::write(person.path("policy"), policy).unwrap();
    let mut command = plainsight();
    command
        .args(["keys", "monitor", "--policy"])
        .arg(person.path("policy"));
    command.arg("--home").arg(person.path("home"));
    let (code, text) = printed(&command.output().unwrap());
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("nothing was logged for e-mail me@example.org after version 0"),
        "{text}"
    );
}
