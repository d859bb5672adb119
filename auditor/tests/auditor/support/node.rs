//! A running auditor as strangers see it.

use std::path::Path;
use std::time::Duration;

use plainsight_auditor::peers::{Peer, PeerConfig};
use plainsight_auditor::progress::Progress;
use plainsight_auditor::pulse::Disk;
use plainsight_auditor::{Clock, Config, Identity, LogConfig, Node, add_log, init};
use plainsight_client::http::{Answer, BaseUrl, Http, Patience, Post};
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::evidence::{Evidence, Finding};
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::witness::AddCheckpoint;
use serde_json::Value;

use super::Site;
use crate::tiny_log::{ORIGIN, TinyLog};

/// Set to run the tests of a whole auditor on `PostgreSQL`; one that looks into the database's file says
/// that it is skipped then.
const ON_POSTGRES: &str = "PLAINSIGHT_AUDITOR_TESTS_ON_POSTGRES";

/// Makes an auditor's folder that follows the log shown at `site`.
pub fn folder(dir: &Path, log: &TinyLog, site: &Site) -> Config {
    folder_named(dir, "audit.example/test", log, site)
}

/// The same under another name.
pub fn folder_named(dir: &Path, name: &str, log: &TinyLog, site: &Site) -> Config {
    let identity = Identity {
        name: name.into(),
        organisation: "Test".into(),
        jurisdiction: "CH".into(),
    };
    init(dir, &identity).unwrap();
    let log = LogConfig::new(log.log_key().to_string(), &site.url);
    let mut config = add_log(dir, &log).unwrap();
    config.listen = "127.0.0.1:0".parse().unwrap();
    if std::env::var_os(ON_POSTGRES).is_some() {
        let cluster = plainsight_cluster::shared().unwrap();
        config.database = cluster.database().parse().unwrap();
    }
    config.poll_interval_ms = 30;
    config
}

/// Waits until something is so.
pub async fn until(what: &str, so: impl Fn() -> bool) {
    for _ in 0..1200 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("waited in vain for {what}");
}

/// A running auditor as another one's peer.
pub fn peer_of(auditor: &Auditor) -> Peer {
    Peer::new(&PeerConfig {
        vkey: auditor.node.verifier_key.to_string(),
        url: auditor.base.to_string(),
    })
    .unwrap()
}

/// A running auditor as strangers see it.
#[derive(Debug)]
pub struct Auditor {
    pub node: Node,
    pub http: Http,
    pub base: BaseUrl,
}

impl Auditor {
    pub async fn start(config: &Config) -> Self {
        Self::start_with(config, Clock::system(), Disk::system()).await
    }

    pub async fn start_at(config: &Config, clock: Clock) -> Self {
        Self::start_with(config, clock, Disk::system()).await
    }

    pub async fn start_on(config: &Config, disk: Disk) -> Self {
        Self::start_with(config, Clock::system(), disk).await
    }

    async fn start_with(config: &Config, clock: Clock, disk: Disk) -> Self {
        let node = Node::start_with(config.clone(), clock, Progress::default(), disk);
        let node = node.await.unwrap();
        let base = BaseUrl::parse(&format!("http://{}", node.local_addr)).unwrap();
        Self {
            node,
            http: Http::new(Patience::default()).unwrap(),
            base,
        }
    }

    pub async fn stop(self) {
        self.node.shutdown().await;
    }

    /// The mirror of the test's log.
    pub fn mirror(&self) -> Source {
        let base = self.base.join(&sha256(ORIGIN.as_bytes()).to_hex());
        Source::new(self.http.clone(), BaseUrl::parse(&base).unwrap())
    }

    pub async fn text(&self, path: &str) -> String {
        let bytes = self.http.read(&self.base.join(path), 1 << 26).await;
        String::from_utf8(bytes.unwrap()).unwrap()
    }

    pub async fn json(&self, path: &str) -> Value {
        let bytes = self.http.read(&self.base.join(path), 1 << 26).await;
        serde_json::from_slice(&bytes.unwrap()).unwrap()
    }

    pub async fn log(&self) -> Value {
        self.json("v1/logs").await[0].clone()
    }

    /// Waits until the log's status is as wanted.
    pub async fn wait(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut log = Value::Null;
        for _ in 0..600 {
            log = self.log().await;
            if wanted(&log) {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!(
            "waited in vain for {what}: {log:#} {:#}",
            self.json("v1/alerts").await
        );
    }

    /// Waits until the page of all logs is as wanted.
    pub async fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut logs = Value::Null;
        for _ in 0..600 {
            logs = self.json("v1/logs").await;
            if wanted(&logs) {
                return logs;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("waited in vain for {what}: {logs:#}");
    }

    /// Waits until this size is cosigned and all is well.
    pub async fn wait_ok(&self, size: TreeSize) -> Value {
        self.wait(&format!("size {size} to be cosigned"), |log| {
            log["verdict"] == "ok" && log["cosigned"]["size"] == size.get()
        })
        .await
    }

    pub async fn wait_stopped(&self, rule: &str) -> Value {
        self.wait(&format!("a stop by {rule} with evidence"), |log| {
            log["verdict"] == "stopped"
                && log["rule"] == rule
                && !log["evidence"].as_array().unwrap().is_empty()
        })
        .await
    }

    /// The alerts' codes, the newest first.
    pub async fn alerts(&self) -> Vec<String> {
        let alerts = self.json("v1/alerts").await;
        let codes = alerts.as_array().unwrap().iter();
        codes
            .map(|alert| alert["code"].as_str().unwrap().to_owned())
            .collect()
    }

    pub async fn wait_alert(&self, code: &str) -> Value {
        for _ in 0..600 {
            let alerts = self.json("v1/alerts").await;
            let found = alerts.as_array().unwrap().iter();
            if let Some(alert) = found.clone().find(|alert| alert["code"] == code) {
                return alert.clone();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!(
            "waited in vain for {code}: {:#}",
            self.json("v1/alerts").await
        );
    }

    /// The evidence of the log's first break, verified by nothing but the file.
    pub async fn finding(&self) -> Finding {
        let log = self.log().await;
        let id = log["evidence"][0].as_str().unwrap().to_owned();
        let path = self.base.join(&format!("v1/evidence/{id}"));
        let file = self.http.read(&path, 1 << 26).await.unwrap();
        assert_eq!(sha256(&file).to_hex(), id);
        Evidence::parse(&file).unwrap().verify().unwrap()
    }

    pub async fn post(&self, path: &str, body: &[u8]) -> Answer {
        let url = self.base.join(path);
        let post = Post {
            url: &url,
            content_type: "text/plain",
            body,
            bearer: None,
            limit: 1 << 20,
        };
        self.http.send(post).await.unwrap()
    }

    pub async fn ask(&self, old: u64, proof: Vec<Hash>, checkpoint: &SignedCheckpoint) -> Answer {
        let body = AddCheckpoint {
            old: TreeSize::new(old).unwrap(),
            proof,
            checkpoint: UnverifiedCheckpoint::parse(&checkpoint.to_bytes()).unwrap(),
        };
        self.post("add-checkpoint", &body.to_bytes()).await
    }

    pub async fn shown(&self, checkpoint: &SignedCheckpoint) -> Value {
        let answer = self.post("v1/checkpoint", &checkpoint.to_bytes()).await;
        assert_eq!(answer.status, 200);
        serde_json::from_slice(&answer.body).unwrap()
    }
}
