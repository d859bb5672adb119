//! Three real server processes on one `PostgreSQL` and one folder of objects, while publishers
//! work through all of them and the writer is killed, paused and resumed, and the database goes
//! away and comes back. What must hold: somebody writes again each time, the whole log checks,
//! every acknowledged item is at its position with its bytes, and nothing that the log's key ever
//! signed contradicts anything else. The same without the database's advisory lock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plainsight_log_server::store::{Lease, Store};
use support::auditor::FakeAuditor;
use support::postgres::Cluster;
use support::publisher::{Acked, Publisher, Random, Sent, verify, watch};
use support::{Client, make_on};

const REPLICAS: usize = 3;
const PUBLISHERS: usize = 6;
const ROUNDS: usize = 12;
/// Far above what a fail-over takes, for a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server process.
struct Replica {
    child: Child,
    url: String,
}

impl Replica {
    fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plainsight-log"))
            .arg("serve")
            .arg("--config")
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().expect("it does not start").unwrap();
        let url = line.strip_prefix("listening on ").unwrap().to_owned();
        Self { child, url }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is done to the writer, or to what it stands on.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// It is killed, and another process is started in its place.
    Kill,
    /// It stands still until another writes, and then goes on.
    Pause,
    /// It is told to stop, and another process is started in its place.
    Stop,
    /// All sessions of the database end.
    Disconnect,
    /// The database crashes and is started again.
    Crash,
}

const BLOWS: [Blow; 5] = [
    Blow::Kill,
    Blow::Pause,
    Blow::Stop,
    Blow::Disconnect,
    Blow::Crash,
];

struct Scene {
    cluster: Cluster,
    store: Store,
    config: PathBuf,
    replicas: Vec<Replica>,
}

impl Scene {
    async fn lease(&self) -> Option<Lease> {
        self.store.lease().await.ok()
    }

    /// The replica that holds the lease.
    async fn writer(&self) -> usize {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < PATIENCE, "nobody writes");
            if let Some(lease) = self.lease().await {
                let found = self
                    .replicas
                    .iter()
                    .position(|replica| replica.url == lease.holder);
                if let Some(found) = found {
                    return found;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the term is another than `term`.
    async fn until_taken_over(&self, term: u64) {
        let begun = Instant::now();
        while self.lease().await.is_none_or(|lease| lease.term == term) {
            assert!(begun.elapsed() < PATIENCE, "nobody takes over");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn strike(&mut self, blow: Blow) {
        let writer = self.writer().await;
        let term = self.lease().await.map_or(0, |lease| lease.term);
        match blow {
            Blow::Kill => self.replicas[writer].child.kill().unwrap(),
            Blow::Stop => self.replicas[writer].signal("-TERM"),
            Blow::Pause => {
                self.replicas[writer].signal("-STOP");
                self.until_taken_over(term).await;
                self.replicas[writer].signal("-CONT");
            }
            Blow::Disconnect => {
                let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                              WHERE pid <> pg_backend_pid()";
                self.cluster.sql("postgres", others);
            }
            Blow::Crash => {
                self.cluster.crash();
                self.cluster.restart();
            }
        }
    }

    /// Puts processes in the place of those that have ended.
    fn replace(&mut self) {
        for replica in &mut self.replicas {
            if replica.child.try_wait().unwrap().is_some() {
                *replica = Replica::start(&self.config);
            }
        }
    }
}

async fn replicas_survive(advisory_lock: bool, seed: u64) {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let mut made = make_on(Some(cluster.database().parse().unwrap())).await;
    let auditor = FakeAuditor::start("auditor.test/a", 9, &made.vkey).await;
    made.set_policy(&format!(
        "log {}\n{}quorum auditor.test/a\n",
        made.vkey,
        auditor.policy_line()
    ));
    made.config.replica.advisory_lock = advisory_lock;
    let dir = made.dir.path().join("log");
    let config = dir.join("plainsight-log.toml");
    std::fs::write(&config, made.config.to_toml(&dir).unwrap()).unwrap();

    let store = Store::open(&made.config.database, 2).await.unwrap();
    let replicas = (0..REPLICAS).map(|_| Replica::start(&config)).collect();
    let mut scene = Scene {
        cluster,
        store,
        config,
        replicas,
    };
    let urls = Arc::new(Mutex::new(Vec::new()));
    let publish_urls = |scene: &Scene| {
        *urls.lock().unwrap() = scene.replicas.iter().map(|r| r.url.clone()).collect();
    };
    publish_urls(&scene);
    let acked: Arc<Mutex<Vec<Acked>>> = Arc::default();
    let is_over = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..PUBLISHERS)
        .map(|id| {
            let (urls, acked, is_over) =
                (Arc::clone(&urls), Arc::clone(&acked), Arc::clone(&is_over));
            let (token, auditor) = (made.tokens.keys.clone(), auditor.clone());
            tokio::spawn(async move {
                let mut publisher = Publisher::new(id, seed);
                let mut random = Random(seed + 100 + id as u64);
                while !is_over.load(Ordering::Relaxed) {
                    let url = {
                        let urls = urls.lock().unwrap();
                        urls[usize::try_from(random.below(urls.len() as u64)).unwrap()].clone()
                    };
                    let client = Client::new(&url);
                    for _ in 0..10 {
                        let sent = tokio::select! {
                            sent = publisher.once(&client, &token, &acked) => sent,
                            () = watch(&client, &auditor) => Sent::Gone,
                        };
                        if !matches!(sent, Sent::Acked) {
                            tokio::time::sleep(Duration::from_millis(20)).await;
                            break;
                        }
                    }
                }
            })
        })
        .collect();

    let mut random = Random(seed);
    let mut total = 0;
    for round in 0..ROUNDS {
        tokio::time::sleep(Duration::from_millis(200 + random.below(500))).await;
        let blow = BLOWS[round % BLOWS.len()];
        let begun = Instant::now();
        scene.strike(blow).await;
        let before = acked.lock().unwrap().len();
        while acked.lock().unwrap().len() < before + 2 * PUBLISHERS {
            assert!(
                begun.elapsed() < PATIENCE,
                "nothing is acknowledged after {blow:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!(
            "{blow:?}: acknowledged again after {} ms",
            begun.elapsed().as_millis()
        );
        scene.replace();
        publish_urls(&scene);
        total = acked.lock().unwrap().len();
    }
    is_over.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    assert!(total > 100, "hardly anything was acknowledged: {total}");
    for replica in &mut scene.replicas {
        replica.signal("-TERM");
        assert!(replica.child.wait().unwrap().success());
    }
    verify(&made, &auditor, &acked).await;
    scene.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_advisory_lock() {
    replicas_survive(true, 0x1ead_e401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_term_alone() {
    replicas_survive(false, 0x1ead_e402).await;
}
