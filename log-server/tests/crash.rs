//! Fifty times `kill -9` of the real binary, at random moments of start-up and of publishing over
//! HTTP. What must hold afterwards: the whole log checks, every acknowledged item is at its
//! position with its bytes, and nothing that the log's key ever signed contradicts anything else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::auditor::FakeAuditor;
use support::publisher::{Publisher, Random, verify, watch};
use support::{Client, Made, key_item, key_set, make};
use tokio::sync::Notify;

const KILLS: u32 = 50;
const CHECK_EVERY: u32 = 10;
const PUBLISHERS: usize = 4;
const SEED: u64 = 0x5eed_0f91_1a15;

fn spawn(made: &Made) -> Child {
    Command::new(env!("CARGO_BIN_EXE_plainsight-log"))
        .args(["serve", "--dir"])
        .arg(made.config.database.file().unwrap().parent().unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The address that the server prints; `None` if it was killed before.
async fn address(child: &mut Child) -> Option<String> {
    let stdout = child.stdout.take().unwrap();
    let first = move || BufReader::new(stdout).lines().next()?.ok();
    let line = tokio::task::spawn_blocking(first).await.unwrap()?;
    Some(line.strip_prefix("listening on ")?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing_and_contradict_nothing() {
    let mut made = make().await;
    let auditor = FakeAuditor::start("auditor.test/a", 9, &made.vkey).await;
    made.set_policy(&format!(
        "log {}\n{}quorum auditor.test/a\n",
        made.vkey,
        auditor.policy_line()
    ));
    let dir = made.config.database.file().unwrap().parent().unwrap();
    let toml = made.config.to_toml(dir).unwrap();
    std::fs::write(dir.join("plainsight-log.toml"), toml).unwrap();

    let mut random = Random(SEED);
    let acked = Arc::new(Mutex::new(Vec::new()));
    let mut publishers: Vec<_> = (0..PUBLISHERS).map(|id| Publisher::new(id, SEED)).collect();
    let (mut total, mut starts) = (0, 0);
    for kill in 1..=KILLS {
        let mut child = spawn(&made);
        // One in four dies within the first moments of its start, the others while they serve.
        let is_early = random.below(4) == 0;
        let life = Duration::from_millis(random.below(if is_early { 60 } else { 400 }));
        let served = Notify::new();
        let killed = async {
            if !is_early {
                served.notified().await;
            }
            tokio::time::sleep(life).await;
        };
        let busy = async {
            let Some(url) = address(&mut child).await else {
                return;
            };
            served.notify_one();
            starts += 1;
            let client = Client::new(&url);
            let work = publishers
                .iter_mut()
                .map(|publisher| publisher.until_gone(&client, &made.tokens.keys, &acked));
            tokio::join!(futures::future::join_all(work), watch(&client, &auditor));
        };
        tokio::select! {
            () = killed => {}
            () = busy => {}
        }
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        if kill % CHECK_EVERY == 0 {
            total += acked.lock().unwrap().len();
            verify(&made, &auditor, &acked).await;
        }
    }
    assert!(
        starts > KILLS / 3,
        "the kills came before anything was served: {starts}"
    );
    assert!(total > 100, "hardly anything was acknowledged: {total}");
    // And it goes on: everything that was acknowledged gets published.
    let server = made.start().await;
    assert_eq!(server.read_only(), None);
    let client = Client::new(&server.url());
    let last = key_set("last@example.org", 0, None, 1);
    client
        .publish_one(&made.tokens.keys, key_item(&last, 1))
        .await
        .unwrap();
    server.shutdown().await;
    verify(&made, &auditor, &acked).await;
}
