//! A verifier in another language, written from the chapters alone, reads a whole network and the
//! evidence of the story, and comes to the same verdicts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

/// The evidence files that the story's auditors wrote.
fn evidence(story: &Path) -> Vec<PathBuf> {
    let stages = std::fs::read_dir(story)
        .unwrap()
        .map(|stage| stage.unwrap().path());
    stages
        .filter(|stage| stage.is_dir())
        .flat_map(|stage| {
            std::fs::read_dir(stage)
                .unwrap()
                .map(|file| file.unwrap().path())
        })
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect()
}

#[test]
fn a_second_implementation_agrees() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3 here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let network = dir.path().join("network");
    let _up = Up(Command::new(LAB)
        .args(["up", "--port-base", "0", "--dir"])
        .arg(&network)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap());
    let story = dir.path().join("story");
    let told = Command::new(LAB)
        .args(["story", "--dir"])
        .arg(&story)
        .output()
        .unwrap();
    assert!(told.status.success());
    let evidence = evidence(&story);
    assert_eq!(evidence.len(), 8);

    let description = network.join("network.json");
    let deadline = Instant::now() + Duration::from_mins(2);
    while !description.exists() {
        assert!(Instant::now() < deadline, "the network did not come up");
        std::thread::sleep(Duration::from_millis(100));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3")
        .arg("-B")
        .arg(root.join("second-opinion/verify.py"))
        .arg(&description)
        .args(["--people", "12", "--vectors"])
        .arg(root.join("../specs/vectors"))
        .arg("--evidence")
        .args(&evidence)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let noted = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{noted}");
    assert!(said.ends_with("all holds\n"), "{said}");
}
