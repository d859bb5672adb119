//! The page scripts' own verifier, run by Node against the same vectors as the Rust one: an
//! implementation of its own, written from the chapters.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;

/// Whether there is a Node that can run the tests; 18 is the first with a test runner.
fn has_node() -> bool {
    let Ok(output) = Command::new("node").arg("--version").output() else {
        return false;
    };
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let major = version.trim_start_matches('v').split('.').next();
    major.is_some_and(|major| major.parse::<u32>().is_ok_and(|major| major >= 18))
}

#[test]
fn the_page_scripts_verify_what_the_chapters_say() {
    if !has_node() {
        assert!(
            std::env::var_os("PLAINSIGHT_REQUIRE_NODE").is_none(),
            "there is no Node 18 or later here, and PLAINSIGHT_REQUIRE_NODE is set"
        );
        println!("skipped: there is no Node 18 or later here");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|file| file.to_str().is_some_and(|name| name.ends_with(".test.js")))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let output = Command::new("node")
        .arg("--test")
        .args(&files)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
