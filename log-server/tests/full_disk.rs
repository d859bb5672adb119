//! The disk of the database fills up under load and is given room again: a real one of a few
//! mebibytes. Publishers are told to come back, readers are answered all the while, and nothing
//! that was acknowledged is lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plainsight_specs::label::Label;
use plainsight_specs::lookup::LookupRequest;
use support::auditor::FakeAuditor;
use support::publisher::{Publisher, Sent, verify};
use support::{Client, make_on};

const SEED: u64 = 0xf011;
/// Far above what it takes, for a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(1);

/// A file system in memory, which ends with its value.
struct SmallDisk {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` where nobody lets us mount one.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs"])
            .arg(&path)
            .output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self {
            path,
            _folder: folder,
        })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount")
            .arg("--lazy")
            .arg(&self.path)
            .status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Takes every byte that is left.
fn fill(path: &Path) {
    let mut filler = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    let mut piece = vec![1; 64 << 10];
    while !piece.is_empty() {
        if filler.write_all(&piece).is_err() {
            piece.truncate(piece.len() / 2);
        }
    }
}

async fn is_answered(client: &Client) {
    let request = LookupRequest {
        label: Label::email("0-0@example.org").unwrap(),
        since: None,
        logged: true,
    };
    let (status, body) = client.post("/v1/lookup", request.to_json()).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_database_stops_publishing_and_nothing_else() {
    let Some(disk) = SmallDisk::mount() else {
        assert!(
            std::env::var_os("PLAINSIGHT_REQUIRE_MOUNT").is_none(),
            "a file system cannot be mounted here"
        );
        eprintln!("skipped: only root can mount a small file system");
        return;
    };
    let mut made = make_on(Some(disk.path.join("log.db").into())).await;
    let auditor = FakeAuditor::start("auditor.test/a", 9, &made.vkey).await;
    made.set_policy(&format!(
        "log {}\n{}quorum auditor.test/a\n",
        made.vkey,
        auditor.policy_line()
    ));
    let server = made.start().await;
    let client = Client::new(&server.url());
    let acked = Arc::new(Mutex::new(Vec::new()));
    let mut publisher = Publisher::new(0, SEED);
    let token = made.tokens.keys.clone();
    for _ in 0..40 {
        let sent = publisher.once(&client, &token, &acked).await;
        assert!(matches!(sent, Sent::Acked));
    }
    while client.get("/checkpoint").await.0 != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // Full, again whenever something was given free, until publishers are refused for good.
    let filler = disk.path.join("filler");
    let began = Instant::now();
    let mut refused = 0;
    while refused < 5 {
        assert!(began.elapsed() < PATIENCE, "it goes on without a disk");
        fill(&filler);
        match publisher.once(&client, &token, &acked).await {
            Sent::Acked => refused = 0,
            Sent::Later => refused += 1,
            Sent::Gone => panic!("it is gone"),
        }
        is_answered(&client).await;
    }

    std::fs::remove_file(&filler).unwrap();
    let began = Instant::now();
    let mut more = 0;
    while more < 20 {
        assert!(began.elapsed() < PATIENCE, "it does not recover");
        match publisher.once(&client, &token, &acked).await {
            Sent::Acked => more += 1,
            Sent::Later => tokio::time::sleep(Duration::from_millis(50)).await,
            Sent::Gone => panic!("it is gone"),
        }
    }
    is_answered(&client).await;
    server.shutdown().await;
    verify(&made, &auditor, &acked).await;
}
