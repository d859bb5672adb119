//! Crash safety as a table: each durable write of the database, failed, and failed but persisted,
//! on both engines. Afterwards, without a restart: the same request gets its position, it is
//! published, the whole log checks, and the auditor has seen one story.

use std::time::Duration;

use plainsight_specs::publish::{PublishAnswer, Wait};

use crate::store::DatabaseAddress;
use crate::store::fault::Fault;

use crate::support::auditor::FakeAuditor;
use crate::support::publisher::{Publisher, Sent};
use crate::support::{Client, Made, key_item, key_set, make_on};

/// Every write of one publication, in its order.
const WRITES: [&str; 6] = [
    "commit",
    "materialised",
    "signed",
    "auditor",
    "cosigned",
    "published",
];

async fn made_on(database: Option<DatabaseAddress>) -> (Made, FakeAuditor) {
    let mut made = make_on(database).await;
    let auditor = FakeAuditor::start("auditor.test/a", 9, &made.vkey).await;
    made.set_policy(&format!(
        "log {}\n{}quorum auditor.test/a\n",
        made.vkey,
        auditor.policy_line()
    ));
    (made, auditor)
}

/// Publishes and waits for publication, again and again until there is an answer.
async fn publish(client: &Client, token: &str, name: &str) {
    let key_set = key_set(name, 0, None, 1);
    loop {
        let items = vec![key_item(&key_set, 1)];
        let (status, body) = client.send(token, items, Wait::Published).await.unwrap();
        if status == 200 {
            let results = PublishAnswer::parse(&body).unwrap().results;
            assert!(results[0].is_ok(), "{results:?}");
            return;
        }
        assert_eq!(status, 503, "{}", String::from_utf8_lossy(&body));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn every_write_fails_once(database: Option<DatabaseAddress>) {
    let (made, auditor) = made_on(database).await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let faults = server.store().faults();
    for write in WRITES {
        for fault in [Fault::Failed, Fault::FailedButPersisted] {
            faults.plan(write, fault);
            publish(
                &client,
                &made.tokens.keys,
                &format!("{write}.{fault:?}@example.org"),
            )
            .await;
            assert!(faults.are_over(), "{write} did not fail");
            assert_eq!(server.read_only(), None, "{write} {fault:?}");
        }
    }
    server.shutdown().await;
    made.check().await;
    assert_eq!(auditor.contradictions(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_fails_once_on_sqlite() {
    every_write_fails_once(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_fails_once_on_postgres() {
    if let Some(cluster) = crate::support::postgres::shared() {
        every_write_fails_once(Some(cluster.database().parse().unwrap())).await;
    }
}

/// Two writes of one publication fail, in every pair: the second one in the term that mends the
/// first.
#[tokio::test(flavor = "multi_thread")]
async fn every_pair_of_writes_fails() {
    let (made, auditor) = made_on(None).await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let faults = server.store().faults();
    for (at, first) in WRITES.into_iter().enumerate() {
        for second in WRITES.into_iter().skip(at + 1) {
            faults.plan(first, Fault::FailedButPersisted);
            faults.plan(second, Fault::Failed);
            publish(
                &client,
                &made.tokens.keys,
                &format!("{first}.{second}@example.org"),
            )
            .await;
            assert_eq!(server.read_only(), None, "{first} {second}");
        }
    }
    server.shutdown().await;
    made.check().await;
    assert_eq!(auditor.contradictions(), Vec::<String>::new());
}

/// A term that ends while many publish gives each of them an answer, or none and no lie.
#[tokio::test(flavor = "multi_thread")]
async fn commits_that_fail_under_load_lose_nothing() {
    let (made, auditor) = made_on(None).await;
    let server = made.start().await;
    let client = Client::new(&server.url());
    let faults = server.store().faults();
    let acked = std::sync::Mutex::new(Vec::new());
    let mut publishers: Vec<_> = (0..8).map(|id| Publisher::new(id, 0xfa_0175)).collect();
    let work = publishers.iter_mut().map(async |publisher| {
        loop {
            if !matches!(
                publisher.once(&client, &made.tokens.keys, &acked).await,
                Sent::Acked
            ) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let trouble = async {
        for fault in [Fault::Failed, Fault::FailedButPersisted]
            .into_iter()
            .cycle()
            .take(6)
        {
            let before = acked.lock().unwrap().len();
            faults.plan("commit", fault);
            while !faults.are_over() || acked.lock().unwrap().len() < before + 40 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::select! {
        _ = futures::future::join_all(work) => {}
        () = trouble => {}
    }
    server.shutdown().await;
    crate::support::publisher::verify(&made, &auditor, &acked).await;
}
