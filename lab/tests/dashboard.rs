//! The dashboard in a real browser, over a running network with lying logs: the tests are
//! `auditor/tests/browser/*.test.js`, run by Node.
//!
//! It needs Node, its modules (`npm ci` in `auditor/tests/browser`) and Chromium. Where one is missing it
//! says so and is skipped, unless `PLAINSIGHT_REQUIRE_BROWSER` is set. Screenshots are kept in the
//! target directory, in `dashboard-shots`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;

const LAB: &str = env!("CARGO_BIN_EXE_plainsight-lab");

/// What is missing, if something is.
fn missing(folder: &Path, chromium: &Path) -> Option<String> {
    if Command::new("node").arg("--version").output().is_err() {
        return Some("there is no node".into());
    }
    if !folder.join("node_modules/playwright-core").exists() {
        return Some(format!("run `npm ci` in {}", folder.display()));
    }
    (!chromium.exists()).then(|| format!("there is no {}", chromium.display()))
}

#[test]
fn the_dashboard_shows_every_lie_to_a_person() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("../auditor/tests/browser");
    let chromium = std::env::var("PLAINSIGHT_CHROMIUM");
    let chromium = chromium.unwrap_or_else(|_| "/usr/bin/chromium".into());
    if let Some(what) = missing(&folder, Path::new(&chromium)) {
        assert!(
            std::env::var_os("PLAINSIGHT_REQUIRE_BROWSER").is_none(),
            "{what}, and PLAINSIGHT_REQUIRE_BROWSER is set"
        );
        println!("skipped: {what}");
        return;
    }
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard-shots");
    let output = Command::new("node")
        .arg("--test")
        .arg(folder.join("dashboard.test.js"))
        .env("PLAINSIGHT_LAB", LAB)
        .env("PLAINSIGHT_CHROMIUM", &chromium)
        .env("PLAINSIGHT_SHOTS", &shots)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    println!("screenshots: {}", shots.display());
}
