//! What the program says and how it ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Output};

use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::note::{Algorithm, KeyName, Signer};

fn run(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plainsight-auditor"))
        .args(arguments)
        .env("PLAINSIGHT_AUDITOR_DIR", dir)
        .env("PLAINSIGHT_AUDITOR_LISTEN", "127.0.0.1:1")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn noted(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn init(dir: &Path) -> Output {
    run(
        dir,
        &[
            "init",
            "--name",
            "audit.example/c",
            "--organisation",
            "Example",
            "--jurisdiction",
            "IS",
        ],
    )
}

fn log_key(name: &str) -> String {
    let secret = SecretKey::from_seed(&[3; 32]);
    let signer = Signer::new(KeyName::parse(name).unwrap(), Algorithm::Ed25519, secret);
    signer.unwrap().verifier_key().to_string()
}

#[test]
fn init_prints_the_key_for_programs_and_the_next_steps_for_people() {
    let dir = tempfile::tempdir().unwrap();
    let made = init(dir.path());
    assert!(made.status.success());
    let key = said(&made);
    assert_eq!(key.lines().count(), 1);
    assert!(key.starts_with("audit.example/c+"));
    let next = noted(&made);
    assert!(
        next.contains("audit.example/c/watch+") && next.contains("add-log"),
        "{next}"
    );
}

#[test]
fn one_log_is_one_log() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let key = log_key("log.example/one");
    let add = ["add-log", "--vkey", &key, "--url", "http://127.0.0.1:1"];
    assert_eq!(said(&run(dir.path(), &add)), "1 log is followed\n");
    let key = log_key("log.example/two");
    let add = ["add-log", "--vkey", &key, "--url", "http://127.0.0.1:1"];
    assert_eq!(said(&run(dir.path(), &add)), "2 logs are followed\n");
    let checked = run(dir.path(), &["config", "check"]);
    assert!(checked.status.success());
    let checked = said(&checked);
    assert!(
        checked.contains("listens at 127.0.0.1:1\n"),
        "from the environment: {checked}"
    );
    assert!(
        checked.ends_with("the configuration can be used\n"),
        "{checked}"
    );
}

#[test]
fn a_configuration_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let path = dir.path().join("auditor.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\nalert_fil = \"x\"\n")).unwrap();
    let checked = run(dir.path(), &["config", "check"]);
    assert!(!checked.status.success());
    assert!(noted(&checked).contains("alert_fil"), "{}", noted(&checked));
}

#[cfg(unix)]
#[test]
fn a_token_that_others_can_read_is_named_before_the_node_is_started() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let path = dir.path().join("auditor.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let page = "\n[dashboard]\ntoken_file = \"admin.token\"\n";
    std::fs::write(&path, text + page).unwrap();
    let token = dir.path().join("admin.token");
    std::fs::write(&token, "a token that is long enough\n").unwrap();
    let check = |mode| {
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
        run(dir.path(), &["config", "check"])
    };
    let checked = check(0o644);
    assert!(!checked.status.success());
    assert!(noted(&checked).contains("chmod 600"), "{}", noted(&checked));
    let checked = check(0o600);
    assert!(checked.status.success(), "{}", noted(&checked));
    assert!(said(&checked).contains("acknowledged with the token\n"));
}

#[test]
fn what_init_witness_says_is_a_configuration_that_can_be_used() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let made = run(dir.path(), &["init-witness", "--name", "witness.example/c"]);
    assert!(said(&made).starts_with("witness.example/c+") && said(&made).lines().count() == 1);
    let path = dir.path().join("auditor.toml");
    let next = noted(&made);
    let (_, table) = next.split_once("\n\n").unwrap();
    let table = table
        .replace("the log's verifier key", &log_key("log.example/foreign"))
        .replace(
            "where its tiles are, if they are to be read there too",
            "http://127.0.0.1:1",
        );
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n{table}")).unwrap();
    let checked = run(dir.path(), &["config", "check"]);
    assert!(checked.status.success(), "{}", noted(&checked));
    assert!(said(&checked).contains("plain witness: witness.example/c+"));
    assert!(said(&checked).contains("  log.example/foreign at http://127.0.0.1:1"));
}

#[test]
fn a_test_message_reaches_every_channel_or_the_exit_code_says_so() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let none = run(dir.path(), &["alert", "test"]);
    assert!(!none.status.success() && noted(&none).contains("no channel"));
    let path = dir.path().join("auditor.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let with_file = format!("{text}\nalert_file = \"alerts.jsonl\"\n");
    std::fs::write(&path, &with_file).unwrap();
    let told = run(dir.path(), &["alert", "test"]);
    assert!(told.status.success() && said(&told).starts_with("ok   file\n"));
    let line = std::fs::read_to_string(dir.path().join("alerts.jsonl")).unwrap();
    assert!(line.contains("\"event\":\"test\""), "{line}");
    let hook = "[[hook]]\nname = \"gone\"\nprogram = \"/nonexistent/hook\"\n";
    std::fs::write(&path, format!("{with_file}{hook}")).unwrap();
    let told = run(dir.path(), &["alert", "test"]);
    assert_eq!(told.status.code(), Some(1));
    assert!(said(&told).contains("fail gone: "), "{}", said(&told));
}

#[test]
fn keys_for_web_hooks_are_made_once_and_print_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("hook.key");
    let keygen = [
        "alert",
        "keygen",
        "--ed25519",
        "--out",
        out.to_str().unwrap(),
    ];
    let made = run(dir.path(), &keygen);
    assert!(said(&made).starts_with("whpk_"), "{}", said(&made));
    assert!(std::fs::read_to_string(&out).unwrap().starts_with("whsk_"));
    assert!(
        !run(dir.path(), &keygen).status.success(),
        "never overwritten"
    );
}

#[cfg(unix)]
#[test]
fn the_doctor_finds_a_key_that_others_can_read_and_says_what_to_do() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let healthy = run(dir.path(), &["doctor"]);
    assert!(healthy.status.success(), "{}", said(&healthy));
    assert!(said(&healthy).contains("warn logs: none is followed"));
    let key = dir.path().join("cosigner.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ill = run(dir.path(), &["doctor"]);
    assert_eq!(ill.status.code(), Some(1));
    let lines = said(&ill);
    assert!(
        lines.contains("fail permissions: ") && lines.contains("next: chmod 600"),
        "{lines}"
    );
    // Whatever fails: each line begins with how it is, or is a next step.
    for line in lines.lines() {
        let known = ["ok ", "warn ", "fail ", "     next: "];
        assert!(known.iter().any(|known| line.starts_with(known)), "{line}");
    }
}

#[test]
fn no_alert_is_listed_where_none_is() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    assert_eq!(
        said(&run(dir.path(), &["alert", "list"])),
        "no alert is open\n"
    );
    let ack = ["alert", "ack", "00", "--reason", "none"];
    assert!(!run(dir.path(), &ack).status.success());
}

#[test]
fn doctor_tries_whether_the_file_of_alerts_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let path = dir.path().join("auditor.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    for (file, fails) in [("gone/alerts.jsonl", true), ("alerts.jsonl", false)] {
        std::fs::write(&path, format!("alert_file = \"{file}\"\n{config}")).unwrap();
        let lines = said(&run(dir.path(), &["doctor"]));
        assert_eq!(lines.contains("cannot be written"), fails, "{lines}");
        assert!(!dir.path().join(file).exists());
    }
}

#[test]
fn whoever_reads_only_the_first_alerts_gets_them() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = Command::new(env!("CARGO_BIN_EXE_plainsight-auditor"))
        .args(["alert", "list"])
        .env("PLAINSIGHT_AUDITOR_DIR", dir.path())
        .stdout(writer)
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", noted(&ended));
}

#[test]
fn a_log_that_has_moved_is_told_how() {
    let dir = tempfile::tempdir().unwrap();
    assert!(init(dir.path()).status.success());
    let key = log_key("log.example/moved");
    for (url, is_new) in [("http://127.0.0.1:1", true), ("http://127.0.0.1:2", false)] {
        let added = run(dir.path(), &["add-log", "--vkey", &key, "--url", url]);
        assert_eq!(added.status.success(), is_new);
        assert_eq!(noted(&added).contains("gets its new url"), !is_new);
    }
}

#[test]
fn the_document_of_the_interface_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let printed = run(dir.path(), &["openapi"]);
    assert!(
        said(&printed) == include_str!("../openapi.json"),
        "as it is checked in"
    );
}

#[cfg(unix)]
#[test]
fn the_database_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    assert!(init(dir.path()).status.success());
    assert!(run(dir.path(), &["alert", "list"]).status.success());
    let file = std::fs::metadata(dir.path().join("auditor.sqlite3")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
}

#[cfg(unix)]
#[test]
fn root_leaves_no_files_in_somebody_elses_folder() {
    let dir = tempfile::tempdir().unwrap();
    assert!(init(dir.path()).status.success());
    if std::os::unix::fs::chown(dir.path(), Some(65_534), None).is_err() {
        println!("SKIPPED: only root can give a folder to somebody else");
        return;
    }
    let before = std::fs::read_dir(dir.path()).unwrap().count();
    for words in [vec!["serve"], vec!["alert", "test"], vec!["check"]] {
        let refused = run(dir.path(), &words);
        assert!(!refused.status.success(), "{words:?}");
        let why = noted(&refused);
        assert!(why.contains("runuser -u"), "{why}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), before);
    // Reading is anybody's who can.
    assert!(run(dir.path(), &["config", "check"]).status.success());
}
