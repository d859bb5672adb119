//! The network as a stranger starts it: what it prints runs, and `network.json` is true.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const LAB: &str = env!("CARGO_BIN_EXE_plainsight-lab");

/// A network that ends with the test.
struct Up(Child);

impl Drop for Up {
    fn drop(&mut self) {
        // Either it has ended already, or it ends now.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn plainsight(home: &Path, args: &[&str]) -> (i32, String) {
    let output = Command::new(LAB)
        .args(["plainsight", "--home"])
        .arg(home)
        .args(args)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let noted = String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), said + &noted)
}

#[test]
fn a_network_comes_up_and_its_commands_run() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("net work");
    let mut up = Up(Command::new(LAB)
        .args(["up", "--port-base", "0", "--dir"])
        .arg(&dir)
        // As somebody starts the file itself, not by way of Cargo.
        .env_remove("CARGO_MANIFEST_DIR")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap());
    let mut lines = BufReader::new(up.0.stdout.take().unwrap());
    let (mut first, mut printed) = (String::new(), String::new());
    lines.read_line(&mut first).unwrap();
    assert!(first.contains("running"), "{first}");
    while !printed.contains("Ctrl-C") {
        assert_ne!(
            lines.read_line(&mut printed).unwrap(),
            0,
            "it ended: {printed}"
        );
    }

    let network: Value =
        serde_json::from_slice(&std::fs::read(dir.join("network.json")).unwrap()).unwrap();
    for member in ["origin", "log", "auditors", "policy", "tokens"] {
        assert!(!network[member].is_null(), "{member}");
    }
    let home = dir.join("home");
    let (code, said) = plainsight(&home, &["log", "status"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = plainsight(&home, &["contact", "verify", "person0001@mail.example"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = plainsight(&home, &["contact", "verify", "nobody@mail.example"]);
    assert_eq!(code, 6, "{said}");
    // Every command is printed as one line for a shell; the last words are the ones run here.
    let commands: Vec<_> = printed
        .lines()
        .filter(|line| line.contains(" plainsight --home "))
        .collect();
    assert!(commands.len() >= 9, "{printed}");
    assert!(
        commands.iter().all(|command| command.contains(" --home '")),
        "{printed}"
    );
    // As printed, each by a shell, in their order.
    let mut absent = 0;
    for command in commands {
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let noted = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => {}
            Some(6) => absent += 1,
            code => panic!("{command}: {code:?}: {said}{noted}"),
        }
    }
    assert_eq!(absent, 2, "nobody's keys, and a file that was never logged");
    // The policy of an example has one weak point, which three auditors cannot be without.
    let (code, said) = plainsight(&home, &["policy", "check"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("one thing is odd"), "{said}");

    // A second network does not touch the first one's folder.
    let again = Command::new(LAB)
        .arg("up")
        .arg("--dir")
        .arg(&dir)
        .output()
        .unwrap();
    assert!(!again.status.success());
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(said.contains("holds a network already"), "{said}");

    let pid = up.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let deadline = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = up.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it goes on after an interrupt");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}
