//! A person who runs the binary: a home, a policy and a log in memory.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it serves tests only")]

#[path = "../../../log-server/tests/support/planted.rs"]
pub(crate) mod planted;
pub(crate) mod schema;
pub(crate) mod secrets;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use plainsight_specs::label::Label;
use plainsight_specs::time::Timestamp;

use crate::tiny_log::{Served, TOKEN, TinyLog, serve};

pub(crate) fn clock() -> Timestamp {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    Timestamp::from_seconds(now).unwrap()
}

pub(crate) fn alice() -> Label {
    Label::email("alice@example.org").unwrap()
}

/// A person with a home, a policy and a log.
pub(crate) struct Person {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) served: Served,
}

impl Person {
    pub(crate) fn new() -> Self {
        Self::at(TinyLog::new(clock()))
    }

    /// A person at a log that has a past.
    pub(crate) fn at(log: TinyLog) -> Self {
        let served = serve(log);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("policy"), TinyLog::policy(&served.url)).unwrap();
        std::fs::write(dir.path().join("policy.toml"), TinyLog::annotations()).unwrap();
        std::fs::write(dir.path().join("token"), format!("{TOKEN}\n")).unwrap();
        Self { dir, served }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = plainsight();
        command
            .args(args)
            .args(["--log", &self.served.url])
            .arg("--policy")
            .arg(self.path("policy"))
            .arg("--home")
            .arg(self.path("home"));
        command
    }

    /// What no command may print, as it is now.
    pub(crate) fn secrets(&self) -> Vec<planted::Planted> {
        secrets::of(self.dir.path(), &self.served.log())
    }

    /// Runs a command, and returns its exit code and what it printed: no secret, whatever it was.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, String) {
        let before = self.secrets();
        let output = self.command(args).output().unwrap();
        for secrets in [before, self.secrets()] {
            secrets::not_in(&secrets, args, &output);
        }
        if args.contains(&"--json") {
            let command = args[..2].join(" ");
            for line in std::str::from_utf8(&output.stdout).unwrap().lines() {
                schema::check(&command, line);
            }
        }
        printed(&output)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name).display().to_string()
    }
}

pub(crate) fn plainsight() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plainsight"));
    for name in [
        "PLAINSIGHT_LOG",
        "PLAINSIGHT_POLICY",
        "PLAINSIGHT_HOME",
        "PLAINSIGHT_TOKEN_FILE",
    ] {
        command.env_remove(name);
    }
    // As talkative as it can be made.
    for name in ["RUST_LOG", "RUST_BACKTRACE"] {
        command.env(name, if name == "RUST_LOG" { "trace" } else { "full" });
    }
    command
}

pub(crate) fn printed(output: &Output) -> (i32, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

/// Every command that help names, as "noun verb", and those that are one word.
pub(crate) fn verbs() -> Vec<String> {
    let mut found = Vec::new();
    for noun in listed(&[]) {
        let verbs = listed(&[&noun]);
        if verbs.is_empty() {
            found.push(noun);
        } else {
            found.extend(verbs.iter().map(|verb| format!("{noun} {verb}")));
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// The commands that the help of a command lists.
fn listed(command: &[&str]) -> Vec<String> {
    let output = plainsight().args(command).arg("--help").output().unwrap();
    let (code, help) = printed(&output);
    assert_eq!(code, 0, "{help}");
    let Some((_, commands)) = help.split_once("Commands:") else {
        return Vec::new();
    };
    let commands = commands.split("Options:").next().unwrap();
    let named = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let first = named.filter_map(|line| line.split_whitespace().next());
    first
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}
