//! H6: segments leave the database only after their bundles were read back, on either engine, and
//! whatever moment the server is killed at. The log starts, answers, goes on and checks without them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use plainsight_log_server::store::{DatabaseAddress, Store};
use plainsight_specs::publish::Wait;
use support::postgres;
use support::publisher::Random;
use support::{Client, Made, key_item, key_set, make_on};

/// Entries of a log of which some are too old to stay in the database.
const ENTRIES: u32 = 4_800;
const BATCH: u32 = 400;

async fn publish(made: &Made, client: &Client, from: u32, to: u32) {
    let items = (from..to).map(|i| {
        let key_set = key_set(&format!("{i}@example.org"), 0, None, 7);
        key_item(&key_set, 7)
    });
    let items = items.collect();
    let results = client
        .publish(&made.tokens.keys, items, Wait::Published)
        .await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

async fn publish_all(made: &Made, client: &Client) {
    for part in 0..ENTRIES / BATCH {
        publish(made, client, part * BATCH, (part + 1) * BATCH).await;
    }
}

/// The position of the oldest segment that the database holds.
async fn oldest(made: &Made) -> u64 {
    let store = Store::open_read_only(&made.config.database).await.unwrap();
    let oldest = store.oldest_segment().await.unwrap();
    store.close().await;
    oldest.expect("the newest are always there")
}

/// The log is well, some of it is in the bundles alone, and it takes more entries.
async fn goes_on(made: &mut Made) {
    let found = plainsight_log_server::check(&made.config).await.unwrap();
    assert!(found.is_well() && found.pruned > 0, "{found}");
    made.config.gc.every_s = 3_600;
    let server = made.start().await;
    assert_eq!(server.read_only(), None);
    publish(made, &Client::new(&server.url()), 10_000, 10_010).await;
    server.shutdown().await;
    made.check().await;
}

async fn pruned_on(database: Option<DatabaseAddress>) {
    let mut made = make_on(database).await;
    made.config.gc.every_s = 1;
    made.config.gc.prune = true;
    let server = made.start().await;
    publish_all(&made, &Client::new(&server.url())).await;
    for _ in 0..300 {
        if oldest(&made).await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.shutdown().await;
    assert!(oldest(&made).await > 0, "nothing was pruned");
    goes_on(&mut made).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_leave_a_file_and_the_log_goes_on_from_the_bundles() {
    pruned_on(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_leave_postgres_and_the_log_goes_on_from_the_bundles() {
    let Some(cluster) = postgres::shared() else {
        return;
    };
    pruned_on(Some(cluster.database().parse().unwrap())).await;
}

fn spawn(made: &Made) -> Child {
    Command::new(env!("CARGO_BIN_EXE_plainsight-log"))
        .args(["serve", "--dir"])
        .arg(made.config.database.file().unwrap().parent().unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The server collects for the first time a second after its start, and is killed about then.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_pruning_loses_nothing() {
    let mut made = make_on(None).await;
    let server = made.start().await;
    publish_all(&made, &Client::new(&server.url())).await;
    server.shutdown().await;

    made.config.gc.every_s = 1;
    made.config.gc.prune = true;
    made.config.gc.grace_s = 0;
    let dir = made.config.database.file().unwrap().parent().unwrap();
    let toml = made.config.to_toml(dir).unwrap();
    std::fs::write(dir.join("plainsight-log.toml"), toml).unwrap();
    let mut random = Random(0x9a_4e11);
    // Until it has come through once, and a number of times in any case.
    for kill in 0..60 {
        if kill >= 8 && oldest(&made).await > 0 {
            break;
        }
        let mut child = spawn(&made);
        let life = 900 + random.below(400) + kill * 20;
        tokio::time::sleep(Duration::from_millis(life)).await;
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        if kill % 4 == 3 {
            made.check().await;
        }
    }
    assert!(oldest(&made).await > 0, "nothing was pruned");
    goes_on(&mut made).await;
}
