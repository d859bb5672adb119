//! A whole auditor whose database is a server's: the server goes down and comes back, and another auditor
//! comes to the same database.

use crate::support::{Auditor, Site, folder, grow};
use crate::tiny_log::TinyLog;
use plainsight_auditor::check::check;
use plainsight_auditor::store::StoreError;
use plainsight_auditor::{Config, Node, StartError};
use plainsight_cluster::Cluster;
use serde_json::Value;
use std::time::Duration;

/// What is read, or nothing while the database is away.
async fn read(auditor: &Auditor, path: &str) -> Value {
    let bytes = auditor.http.read(&auditor.base.join(path), 1 << 26).await;
    bytes.map_or(Value::Null, |bytes| {
        serde_json::from_slice(&bytes).unwrap_or_default()
    })
}

async fn until_read(auditor: &Auditor, path: &str, so: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..1200 {
        last = read(auditor, path).await;
        if so(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("waited in vain at {path}: {last:#}");
}

async fn readiness(auditor: &Auditor) -> u16 {
    let ready = reqwest::get(auditor.base.join("readyz")).await;
    ready.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_database_is_about_this_auditor_and_ends_by_itself() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..50);
    site.publish(&log);
    let mut config: Config = folder(dir.path(), &log, &site);
    config.database = cluster.database().parse().unwrap();
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    let before = log.size().get();

    cluster.crash();
    grow(&mut log, 50..90);
    site.publish(&log);
    let answer = auditor
        .ask(before, log.consistency(before), &log.signed())
        .await;
    assert!(answer.status >= 500, "{answer:?}: nothing is signed");
    for _ in 0..1200 {
        if readiness(&auditor).await == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(readiness(&auditor).await, 503, "health says so");

    cluster.restart();
    let size = log.size().get();
    until_read(&auditor, "v1/logs", |logs| {
        logs[0]["cosigned"]["size"] == size
    })
    .await;
    let alerts = until_read(&auditor, "v1/alerts", |alerts| {
        let alerts = alerts.as_array();
        alerts.is_some_and(|alerts| alerts.iter().any(|alert| alert["code"] == "database"))
    })
    .await;
    for alert in alerts.as_array().unwrap() {
        assert_eq!(alert["severity"], "self", "{alert:#}");
        assert!(alert["log"].is_null(), "nothing about the log: {alert:#}");
    }
    auditor.stop().await;
    let checked = check(&config).await.unwrap();
    assert_eq!(checked[0].faults, Vec::<String>::new());
    assert_eq!(checked[0].size, log.size());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_auditor_does_not_start_on_the_same_database() {
    let Some(cluster) = plainsight_cluster::shared() else {
        return;
    };
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..5);
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    config.database = cluster.database().parse().unwrap();
    let auditor = Auditor::start(&config).await;
    // With the same key, from another machine.
    let refused = Node::start(config.clone()).await.unwrap_err();
    assert!(
        matches!(refused, StartError::Store(StoreError::Claimed { .. })),
        "{refused}"
    );
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
    Auditor::start(&config).await.stop().await;
}
