//! The story as its reader runs it.

use std::process::Command;

use serde_json::Value;

const LAB: &str = env!("CARGO_BIN_EXE_plainsight-lab");

#[test]
fn every_honest_step_verifies_and_every_lie_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(LAB)
        .args(["story", "--json", "--dir"])
        .arg(dir.path().join("story"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let noted = String::from_utf8_lossy(&output.stderr);
    let steps: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let failed: Vec<_> = steps.iter().filter(|step| step["held"] != true).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{noted}");
    assert!(output.status.success(), "{noted}");
    let lies = steps.iter().filter(|step| step["kind"] == "lie").count();
    assert!(lies >= 10 && steps.len() > lies, "{said}");
    // The lies that convict: a fork, a second build, a wrong root, a rewritten history.
    let convicted = steps
        .iter()
        .filter(|step| step["evidence"].is_string())
        .count();
    assert_eq!(convicted, 8, "two auditors for each of four: {said}");
}
