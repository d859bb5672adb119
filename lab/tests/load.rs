//! Load on a small scale: every count is right, and nothing is left running.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const LAB: &str = env!("CARGO_BIN_EXE_plainsight-lab");

fn load(args: &[&str], dir: &Path) -> (Value, String, bool) {
    let output = Command::new(LAB)
        .args(["load", "--json"])
        .args(args)
        .arg("--dir")
        .arg(dir)
        .output()
        .unwrap();
    let noted = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (report, noted, output.status.success())
}

/// The command lines of processes that name this folder.
fn processes_of(dir: &Path) -> usize {
    let dir = dir.display().to_string();
    let lines = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = lines.filter_map(|item| std::fs::read(item.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(&dir))
        .count()
}

#[test]
fn every_phase_counts_what_it_sent_and_look_ups_verify() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("load");
    let (report, noted, succeeded) = load(
        &[
            "--phases",
            "publish,open,single,cold,warm,mixed",
            "--labels=40",
            "--items=130",
            "--batch=32",
            "--rate=160",
            "--open-seconds=1",
            "--singles=25",
            "--lookups=60",
            "--warm-labels=5",
            "--warm-lookups=50",
            "--connections=4",
        ],
        &dir,
    );
    assert!(succeeded, "{report:#}\n{noted}");
    let phases = report["phases"].as_array().unwrap();
    // Requests and items of each phase.
    let expected = [
        ("labels", 2, 40),
        ("publish", 5, 130),
        ("open", 5, 160),
        ("single", 25, 25),
        ("cold", 60, 60),
        ("warm", 50, 50),
        ("mixed: publish", 5, 160),
    ];
    assert_eq!(phases.len(), expected.len() + 1, "{report:#}");
    for (phase, (name, requests, items)) in phases.iter().zip(expected) {
        assert_eq!(phase["name"], name);
        assert_eq!(phase["requests"], requests, "{name}");
        assert_eq!(phase["items"], items, "{name}");
        assert_eq!(phase["errors"], serde_json::json!({}), "{name}");
    }
    let looked_up = phases.last().unwrap();
    assert_eq!(looked_up["name"], "mixed: look up");
    assert_eq!(looked_up["requests"], looked_up["items"]);
    assert!(looked_up["items"].as_u64().unwrap() > 0);
    assert_eq!(report["verified"]["asked"], 16);
    assert_eq!(report["verified"]["held"], 16);
    assert_eq!(report["disk"]["key_sets"], 515);
    assert!(report["disk"]["objects"]["files"].as_u64().unwrap() > 0);
    assert_eq!(processes_of(&dir), 0);

    // A second network does not touch the first one's folder.
    let (_, noted, succeeded) = load(&[], &dir);
    assert!(
        !succeeded && noted.contains("holds a network already"),
        "{noted}"
    );
}

#[test]
fn waits_for_publication_and_tells_what_was_logged_before() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("load");
    let cache = dir.join("cache");
    let args = [
        "--phases=publish",
        "--auditors=0",
        "--items=20",
        "--batch=10",
        "--wait=published",
        "--cache",
        cache.to_str().unwrap(),
    ];
    let (report, noted, succeeded) = load(&args, &dir);
    assert!(succeeded, "{report:#}\n{noted}");
    assert_eq!(report["phases"][0]["items"], 20);
    assert!(report.get("verified").is_none(), "nobody vouches for it");

    // The same people again, at the same log: their first positions are no new items.
    let network = dir.join("network/log");
    let mut log = Log::start(&network);
    let token = plainsight_token(&network);
    let output = Command::new(LAB)
        .args(["load", "--json", "--phases=publish,cold", "--items=30"])
        .args(["--batch=10", "--lookups=30", "--url", &log.url])
        .args(["--pid", &log.child.id().to_string(), "--token", &token])
        .arg("--cache")
        .arg(&cache)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["phases"][0]["items"], 10, "{report:#}");
    let errors = &report["phases"][0]["errors"];
    assert_eq!(errors, &serde_json::json!({ "logged before": 20 }));
    assert_eq!(report["phases"][1]["items"], 30, "{report:#}");
    assert!(report["phases"][0]["log"]["rss_after"].as_u64().unwrap() > 0);
    assert!(!output.status.success());
    log.end();
}

#[test]
fn an_interrupt_ends_the_children_too() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("load");
    let mut child = Command::new(LAB)
        .args(["load", "--phases=publish", "--items=2000", "--dir"])
        .arg(&dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while !dir.join("network/log/stderr").exists() {
        assert!(Instant::now() < deadline, "it does not start a log");
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(&child);
    let status = child.wait().unwrap();
    assert!(!status.success(), "it was interrupted");
    assert_eq!(processes_of(&dir), 0);
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The log of an earlier run, started again.
struct Log {
    child: Child,
    url: String,
}

impl Log {
    fn start(dir: &Path) -> Self {
        use std::io::BufRead as _;
        let mut child = Command::new(LAB)
            .args(["load-child", "log"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = format!("http://{}", line.trim());
        Self { child, url }
    }

    fn end(&mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // It has ended already, or it ends now.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Another token of a log.
fn plainsight_token(dir: &Path) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use plainsight_log_server::store::{Store, TokenRole};
        let config = plainsight_log_server::Config::load(dir).unwrap();
        let store = Store::open(&config.database, 1).await.unwrap();
        plainsight_log_server::add_token(&store, "again", TokenRole::Keys)
            .await
            .unwrap()
    })
}
