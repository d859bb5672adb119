//! What stands in `deploy/`: the alert rules pass their own tests, the rules and the dashboard name
//! metrics that there are, and the service's file is one.
//!
//! `promtool` and `systemd-analyze` are used if they are there; `PLAINSIGHT_REQUIRE_PROMTOOL=1` and
//! `PLAINSIGHT_REQUIRE_SYSTEMD=1` make their absence a failure.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use plainsight_log_server::metrics::{AuditorAnswer, Fenced, Metrics, PutResult, Snapshot};

fn deploy(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(deploy(file)).unwrap()
}

/// Runs a tool in the folder; `None` if it is not there and need not be.
fn tool(name: &str, required: &str, words: &[&str]) -> Option<Output> {
    let run = Command::new(name)
        .args(words)
        .current_dir(deploy(""))
        .output();
    match run {
        Ok(output) => Some(output),
        Err(error) => {
            let is_required = std::env::var(required).is_ok_and(|value| value == "1");
            assert!(!is_required, "{name}: {error}, and {required} is set");
            eprintln!("skipped: {name} is not there");
            None
        }
    }
}

fn succeeded(output: &Output) {
    let written = [&output.stdout[..], &output.stderr].concat();
    let written = String::from_utf8_lossy(&written).into_owned();
    assert!(output.status.success(), "{written}");
}

#[test]
fn the_alert_rules_pass_their_tests() {
    const REQUIRED: &str = "PLAINSIGHT_REQUIRE_PROMTOOL";
    for words in [
        &["check", "rules", "alerts.yml"][..],
        &["test", "rules", "alerts_test.yml"],
    ] {
        if let Some(output) = tool("promtool", REQUIRED, words) {
            succeeded(&output);
        }
    }
}

/// Every series that there can be, as the log names it.
fn metrics() -> String {
    let metrics = Metrics::new();
    metrics.publish("published", Duration::ZERO);
    metrics.item(Ok(()));
    metrics.http("/v1/lookup", 503, Some("busy"), Duration::ZERO);
    metrics.auditor("a", AuditorAnswer::Cosigned);
    metrics.object_put(PutResult::Written);
    metrics.demoted(Fenced::Yes);
    metrics.encode(Snapshot::default()).unwrap()
}

/// The words of a text that can be names of metrics of the log.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("plainsight_log_") || word.starts_with("process_"))
        .collect()
}

#[test]
fn rules_and_dashboard_name_metrics_that_there_are() {
    let text = metrics();
    let known = names(&text);
    for file in ["alerts.yml", "alerts_test.yml", "dashboard.json"] {
        let file_text = read(file);
        let unknown: Vec<_> = names(&file_text)
            .into_iter()
            .filter(|name| !known.contains(name))
            .collect();
        assert_eq!(unknown, Vec::<&str>::new(), "{file}");
    }
}

#[test]
fn every_alert_has_a_test_and_every_metric_a_place_on_the_dashboard() {
    let rules = read("alerts.yml");
    let tests = read("alerts_test.yml");
    let alerts = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        let tested = format!("alertname: {alert}\n        exp_alerts:");
        assert!(tests.contains(&tested), "{alert} never fires in a test");
    }
    let dashboard = read("dashboard.json");
    let shown = names(&dashboard);
    let text = metrics();
    let missing: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next())
        .filter(|name| !shown.iter().any(|shown| shown.starts_with(name)))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn the_dashboard_is_json_and_its_panels_do_not_overlap() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let mut taken = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(titles.insert(title), "{title} twice");
        let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(x < 24 && taken.insert((x, y)), "{title}");
            }
        }
    }
}

#[test]
fn the_service_is_one_that_systemd_runs() {
    const REQUIRED: &str = "PLAINSIGHT_REQUIRE_SYSTEMD";
    // A copy that names a program which is there: that it exists is checked too.
    let dir = tempfile::tempdir().unwrap();
    let unit = dir.path().join("plainsight-log.service");
    let text = read("plainsight-log.service");
    let binary = env!("CARGO_BIN_EXE_plainsight-log");
    let text = text.replace("/usr/local/bin/plainsight-log", binary);
    std::fs::write(&unit, text).unwrap();
    let words = ["verify", unit.to_str().unwrap()];
    if let Some(output) = tool("systemd-analyze", REQUIRED, &words) {
        succeeded(&output);
        let written = String::from_utf8_lossy(&output.stderr);
        assert!(!written.contains("plainsight-log.service:"), "{written}");
    }
}
