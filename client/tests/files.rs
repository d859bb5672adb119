//! Files that are named: those that cannot be read to an end, those that would be made in a folder that
//! is not there, and what a stream or a version that was not named leaves open.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod person;
mod tiny_log;

use std::io::Write as _;
use std::process::Stdio;

use person::{Person, printed};
use tiny_log::product;

const SERDE: &str = "pkg:cargo/serde";

fn person() -> (Person, String) {
    let person = Person::new();
    let serde = product(SERDE);
    person.served.log().release(&serde, "1.0.0", &[b"serde"]);
    let file = person.file("serde.crate", b"serde");
    (person, file)
}

fn with_input(person: &Person, args: &[&str], input: &[u8]) -> (i32, String) {
    let mut child = person
        .command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    printed(&child.wait_with_output().unwrap())
}

#[test]
#[cfg(unix)]
fn a_pipe_or_a_device_is_refused_and_never_waited_for() {
    let (person, file) = person();
    let pipe = person.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let pipe = pipe.display().to_string();
    let out = person.path("out").display().to_string();
    for special in [&pipe[..], "/dev/zero", "/dev/stdin"] {
        let commands: [&[&str]; 7] = [
            &["release", "verify", special],
            &["release", "verify", &file, "--bundle", special],
            &["release", "bundle", special, "--out", &out],
            &["evidence", "verify", special],
            &["log", "submit", special, "--auditor", "http://127.0.0.1:9"],
            &["contact", "import", special],
            &["log", "status", "--policy", special],
        ];
        for args in commands {
            let mut command = person.command(args);
            if args.contains(&"--policy") {
                command = person::plainsight();
                command.args(args).arg("--home").arg(person.path("other"));
            }
            // Nobody ever writes to any of them.
            let (code, text) = printed(&command.stdin(Stdio::null()).output().unwrap());
            assert_eq!(code, 2, "{args:?}: {text}");
            let said = "that is no regular file; to read what a command writes, give -";
            assert!(text.contains(said), "{args:?}: {text}");
        }
    }
    let folder = person.dir.path().display().to_string();
    let (code, text) = person.run(&["release", "verify", &folder]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("that is a folder"), "{text}");
}

#[test]
fn standard_input_is_read_when_it_is_named() {
    let (person, file) = person();
    let (code, text) = with_input(&person, &["release", "verify", "-"], b"serde");
    assert_eq!(code, 0, "{text}");
    let (code, text) = with_input(&person, &["release", "verify", "-"], b"other");
    assert_eq!(code, 6, "{text}");
    let out = person.path("bundle").display().to_string();
    assert_eq!(
        person.run(&["release", "bundle", &file, "--out", &out]).0,
        0
    );
    let bundle = std::fs::read(&out).unwrap();
    let verify = ["release", "verify", &file, "--bundle", "-"];
    let (code, text) = with_input(&person, &verify, &bundle);
    assert_eq!(code, 0, "{text}");
    let both = ["release", "verify", "-", "--bundle", "-"];
    let (code, text) = with_input(&person, &both, &bundle);
    assert_eq!(code, 2, "{text}");
}

#[test]
fn a_folder_that_is_not_there_is_not_made_and_nothing_is_asked() {
    let (person, file) = person();
    assert_eq!(person.run(&["log", "status"]).0, 0);
    let own = ["keys", "new", "me@example.org", "--device", "phone"];
    assert_eq!(person.run(&own).0, 0);
    let token = person.path("token").display().to_string();
    let publish = ["keys", "publish", "me@example.org", "--token-file", &token];
    assert_eq!(person.run(&publish).0, 0);
    let before = person.served.asked().len();
    let out = person.path("no/such/folder/x").display().to_string();
    let commands: [&[&str]; 4] = [
        &["release", "bundle", &file, "--out", &out],
        &["contact", "export", "--out", &out],
        &["keys", "code", "--svg", &out],
        &[
            "protection",
            "status",
            "e2e",
            "--region",
            "GB",
            "--refused",
            &out,
        ],
    ];
    for args in commands {
        let (code, text) = person.run(args);
        assert_eq!(code, 2, "{args:?}: {text}");
        assert!(text.contains("its folder is not there"), "{args:?}: {text}");
    }
    assert!(!person.path("no").exists());
    assert_eq!(person.served.asked().len(), before);
    let folder = person.dir.path().display().to_string();
    let (code, text) = person.run(&["release", "bundle", &file, "--out", &folder]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("that is a folder"), "{text}");
}

#[test]
fn what_stands_beside_a_file_that_is_written_is_left_alone() {
    let (person, file) = person();
    let mine = person.path("bundle.tmp");
    std::fs::write(&mine, b"mine").unwrap();
    let out = person.path("bundle.json").display().to_string();
    assert_eq!(
        person.run(&["release", "bundle", &file, "--out", &out]).0,
        0
    );
    assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
}

#[test]
fn a_stream_that_is_not_there_says_nothing_against_the_file() {
    let (person, file) = person();
    let verify = |stream| person.run(&["release", "verify", &file, "--stream", stream]);
    let (code, text) = verify("pkg:cargo/srede");
    assert_eq!(code, 6, "{text}");
    for said in [
        "NOT FOUND: this log is proved to have no stream pkg:cargo/srede (stable, any)",
        "Is that the stream you meant?",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("made for you"), "{text}");
    // Channel and architecture are those of `release list` if they are not given.
    let (code, text) = verify(SERDE);
    assert_eq!(code, 0, "{text}");
    for verb in ["list", "watch"] {
        let (code, text) = person.run(&["release", verb, "pkg:cargo/srede"]);
        assert_eq!(code, 6, "{text}");
        assert!(text.contains("no such stream was ever begun"), "{text}");
    }
    let json = [
        "release",
        "verify",
        &file,
        "--stream",
        "pkg:cargo/srede",
        "--json",
    ];
    let (_, text) = person.run(&json);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["state"], "no-stream");
}

#[test]
fn a_file_that_is_in_two_versions_is_said_to_be() {
    let (person, file) = person();
    let serde = product(SERDE);
    person.served.log().release(&serde, "1.1.0", &[b"other"]);
    let (code, text) = person.run(&["release", "verify", &file]);
    assert_eq!(code, 0, "{text}");
    let first =
        "1.0.0 is the first version of its stream that lists the file; whether others list it";
    assert!(text.contains(first), "{text}");
    person.served.log().release(&serde, "1.2.0", &[b"serde"]);
    let also = "The very same file is in version 1.2.0, the latest of its stream; to ask about that one: \
                --stream pkg:cargo/serde@1.2.0 --channel stable --arch any";
    let (code, text) = person.run(&["release", "verify", &file]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(also), "{text}");
    // The first is taken back: what is said of it is not said of the other.
    person.served.log().yank(&serde, "1.0.0", b"serde");
    let (code, text) = person.run(&["release", "verify", &file]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("1.0.0 is the first version of its stream"),
        "{text}"
    );
    let named = [
        "release",
        "verify",
        &file,
        "--stream",
        "pkg:cargo/serde@1.2.0",
    ];
    let (code, text) = person.run(&named);
    assert_eq!(code, 0, "{text}");
    let named = [
        "release",
        "verify",
        &file,
        "--stream",
        "pkg:cargo/serde@1.0.0",
    ];
    let (code, text) = person.run(&named);
    assert_eq!(code, 1, "{text}");
}
