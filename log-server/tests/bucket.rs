//! The real binary with its objects in a bucket, on a real S3 server in this process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "support/s3.rs"]
mod s3;
mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use plainsight_specs::publish::Wait;
use s3::{Conditions, S3};
use support::{Client, Made, key_item, key_set, make};

/// A log whose configuration says that its objects are in the bucket.
async fn made_in_bucket() -> Made {
    let mut made = make().await;
    made.config.objects = "s3://objects/logs/one".parse().unwrap();
    let dir = made.config.database.file().unwrap().parent().unwrap();
    let toml = made.config.to_toml(dir).unwrap();
    std::fs::write(dir.join("plainsight-log.toml"), toml).unwrap();
    made
}

fn command(made: &Made, s3: &S3, word: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plainsight-log"));
    command
        .args([word, "--dir"])
        .arg(made.config.database.file().unwrap().parent().unwrap())
        .envs(s3.environment());
    command
}

struct Running(Child, Client);

impl Running {
    async fn start(made: &Made, s3: &S3) -> Self {
        let mut child = command(made, s3, "serve")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let first = move || BufReader::new(stdout).lines().next();
        let line = tokio::task::spawn_blocking(first).await.unwrap();
        let line = line.expect("it did not start").unwrap();
        let client = Client::new(line.strip_prefix("listening on ").unwrap());
        Self(child, client)
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

async fn publish(running: &Running, made: &Made, range: std::ops::Range<u32>) {
    let items = range.map(|i| {
        let key_set = key_set(&format!("{i}@example.org"), 0, None, 7);
        key_item(&key_set, 7)
    });
    let results = running
        .1
        .publish(&made.tokens.keys, items.collect(), Wait::Published)
        .await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_a_bucket_survives_a_kill_checks_and_is_repaired() {
    let s3 = S3::start(Conditions::Kept).await;
    let made = made_in_bucket().await;
    let running = Running::start(&made, &s3).await;
    for part in 0..4 {
        publish(&running, &made, part * 100..part * 100 + 100).await;
    }
    let before = running.1.checkpoint().await.head();
    running.kill();
    let running = Running::start(&made, &s3).await;
    publish(&running, &made, 400..410).await;
    assert!(running.1.checkpoint().await.head().size > before.size);
    let (status, _) = running.1.get("/tile/entries/000").await;
    assert_eq!(status, 200);
    running.kill();

    let checked = output(command(&made, &s3, "check")).await;
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        checked.status.success() && text.contains("all is well"),
        "{text}"
    );

    let files = s3.folder().join("logs/one");
    std::fs::remove_file(files.join("tile/0/000")).unwrap();
    let checked = output(command(&made, &s3, "check")).await;
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        !checked.status.success() && text.contains("check --repair"),
        "{text}"
    );
    let mut repair = command(&made, &s3, "check");
    repair.arg("--repair");
    let repaired = output(repair).await;
    let text = String::from_utf8_lossy(&repaired.stdout).into_owned();
    assert!(
        repaired.status.success() && text.contains("written again"),
        "{text}"
    );

    let said = [&checked, &repaired].map(|output| String::from_utf8_lossy(&output.stderr));
    for text in said {
        assert!(!text.contains(s3::SECRET), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_ignores_conditions_is_refused_at_the_start() {
    for conditions in [Conditions::CreateIgnored, Conditions::UpdateIgnored] {
        let s3 = S3::start(conditions).await;
        let made = made_in_bucket().await;
        let refused = output(command(&made, &s3, "serve")).await;
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{text}");
        assert!(text.contains("cannot hold a log"), "{text}");
        assert!(!text.contains(s3::SECRET), "{text}");
    }
}
