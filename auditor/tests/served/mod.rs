//! A log in memory behind HTTP, honest or not, and an auditor that follows it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use plainsight_auditor::{Config, Identity, LogConfig, Node, add_log, init};
use plainsight_client::http::{Answer, BaseUrl, Http, Patience, Post};
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::evidence::{Evidence, Finding};
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::rules::Judged;
use plainsight_specs::tile::{TILE_WIDTH, TilePath, bundle_to_bytes};
use plainsight_specs::witness::AddCheckpoint;
use serde_json::Value;

use crate::tiny_log::{ORIGIN, TinyLog};

pub fn now_ms() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// The right epoch for the next position, now.
pub fn epoch(log: &mut TinyLog) -> Judged {
    let epoch = log.replay.next_epoch(now_ms());
    log.push(epoch.to_bytes().to_vec())
}

#[derive(Debug, Default)]
struct Objects {
    files: BTreeMap<String, Vec<u8>>,
    down: bool,
}

/// What a log shows at an address.
#[derive(Debug, Clone)]
pub struct Site {
    objects: Arc<Mutex<Objects>>,
    pub url: String,
}

impl Site {
    pub async fn open() -> Self {
        let objects = Arc::new(Mutex::new(Objects::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(show).with_state(objects.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { objects, url }
    }

    /// Shows the tiles and bundles of the log as it is now.
    pub fn serve(&self, log: &TinyLog) {
        let mut objects = self.objects.lock().unwrap();
        let size = log.size().get();
        for level in 0..3 {
            let hashes = size >> (8 * u32::from(level));
            for index in 0..hashes.div_ceil(256) {
                let path = TilePath::hashes_at(level, index, log.size()).unwrap();
                let tile = log.tiles.get(&path).unwrap();
                let bytes = tile.iter().flat_map(|hash| *hash.as_bytes()).collect();
                objects.files.insert(path.to_string(), bytes);
            }
        }
        for (index, bundle) in log.entries.chunks(usize::from(TILE_WIDTH)).enumerate() {
            let path = TilePath::entries_at(index as u64, log.size()).unwrap();
            let bytes = bundle_to_bytes(bundle).unwrap();
            objects.files.insert(path.to_string(), bytes);
        }
    }

    /// Shows the log as it is now, and publishes its head.
    pub fn publish(&self, log: &TinyLog) {
        self.serve(log);
        self.put("checkpoint", log.signed().to_bytes());
    }

    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        let mut objects = self.objects.lock().unwrap();
        objects.files.insert(path.into(), bytes);
    }

    pub fn get(&self, path: &str) -> Vec<u8> {
        self.objects.lock().unwrap().files[path].clone()
    }

    /// Shows nothing of what it showed.
    pub fn clear(&self) {
        self.objects.lock().unwrap().files.clear();
    }

    pub fn down(&self, down: bool) {
        self.objects.lock().unwrap().down = down;
    }
}

async fn show(State(objects): State<Arc<Mutex<Objects>>>, uri: Uri) -> impl IntoResponse {
    let objects = objects.lock().unwrap();
    if objects.down {
        return (StatusCode::BAD_GATEWAY, Vec::new());
    }
    match objects.files.get(uri.path().trim_start_matches('/')) {
        Some(bytes) => (StatusCode::OK, bytes.clone()),
        None => (StatusCode::NOT_FOUND, Vec::new()),
    }
}

/// Makes an auditor's folder that follows the log shown at `site`.
pub fn folder(dir: &Path, log: &TinyLog, site: &Site) -> Config {
    let identity = Identity {
        name: "audit.example/test".into(),
        organisation: "Test".into(),
        jurisdiction: "CH".into(),
    };
    init(dir, &identity).unwrap();
    let log = LogConfig {
        vkey: log.log_key().to_string(),
        url: site.url.clone(),
    };
    let mut config = add_log(dir, &log).unwrap();
    config.listen = "127.0.0.1:0".parse().unwrap();
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

/// A running auditor as strangers see it.
pub struct Auditor {
    pub node: Node,
    pub http: Http,
    pub base: BaseUrl,
}

impl Auditor {
    pub async fn start(config: &Config) -> Self {
        Self::start_on(config, plainsight_auditor::pulse::Disk::system()).await
    }

    pub async fn start_on(config: &Config, disk: plainsight_auditor::pulse::Disk) -> Self {
        let node = Node::start_on(config.clone(), disk).await.unwrap();
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
            checkpoint: plainsight_specs::checkpoint::UnverifiedCheckpoint::parse(
                &checkpoint.to_bytes(),
            )
            .unwrap(),
        };
        self.post("add-checkpoint", &body.to_bytes()).await
    }

    pub async fn shown(&self, checkpoint: &SignedCheckpoint) -> Value {
        let answer = self.post("v1/checkpoint", &checkpoint.to_bytes()).await;
        assert_eq!(answer.status, 200);
        serde_json::from_slice(&answer.body).unwrap()
    }
}
