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

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plainsight_log_server::store::Store;
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::hash::sha256;
use plainsight_specs::label::Label;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::publish::{PublishAnswer, Wait};
use support::auditor::FakeAuditor;
use support::{Client, Made, key_item, key_set, make};

const KILLS: u32 = 50;
const CHECK_EVERY: u32 = 10;
const PUBLISHERS: usize = 4;
const SEED: u64 = 0x5eed_0f91_1a15;

/// xorshift64*: the moments of the kills follow from the seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

/// What a publisher was told.
struct Acked {
    name: String,
    version: u32,
    key_set: Vec<u8>,
    seed: u8,
    position: LeafIndex,
}

/// One publisher: logs version after version of one label after the other, and repeats what it
/// had no answer for.
struct Publisher {
    id: usize,
    label: u32,
    version: u32,
    previous: Option<Vec<u8>>,
    random: Random,
}

impl Publisher {
    fn name(&self) -> String {
        format!("{}-{}@example.org", self.id, self.label)
    }

    fn seed(&self) -> u8 {
        u8::try_from(self.id + 1).unwrap()
    }

    /// Publishes until the server is gone.
    async fn run(&mut self, client: &Client, token: &str, acked: &Mutex<Vec<Acked>>) {
        loop {
            let key_set = key_set(
                &self.name(),
                self.version,
                self.previous.as_deref(),
                self.seed(),
            );
            let wait = match self.random.below(4) {
                0 => Wait::Published,
                _ => Wait::Sequenced,
            };
            let sent = client
                .send(token, vec![key_item(&key_set, self.seed())], wait)
                .await;
            let body = match sent {
                Ok((200, body)) => body,
                Ok((503, _)) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
                Ok((status, body)) => panic!("{status} {}", String::from_utf8_lossy(&body)),
                Err(_) => return,
            };
            let position = PublishAnswer::parse(&body)
                .unwrap()
                .results
                .remove(0)
                .unwrap();
            acked.lock().unwrap().push(Acked {
                name: self.name(),
                version: self.version,
                key_set: key_set.clone(),
                seed: self.seed(),
                position,
            });
            if self.random.below(3) == 0 {
                (self.label, self.version, self.previous) = (self.label + 1, 0, None);
            } else {
                (self.version, self.previous) = (self.version + 1, Some(key_set));
            }
            tokio::time::sleep(Duration::from_millis(self.random.below(4))).await;
        }
    }
}

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

/// Shows the auditor every checkpoint that is published, until the server is gone.
async fn watch(client: &Client, auditor: &FakeAuditor) {
    loop {
        let Ok(response) = client
            .http
            .get(format!("{}/checkpoint", client.url))
            .send()
            .await
        else {
            return;
        };
        let is_there = response.status() == 200;
        let Ok(body) = response.bytes().await else {
            return;
        };
        if is_there {
            auditor.show(UnverifiedCheckpoint::parse(&body).unwrap().head());
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// What must hold while no server runs.
async fn verify(made: &Made, auditor: &FakeAuditor, acked: &Mutex<Vec<Acked>>) {
    made.check().await;
    assert_eq!(auditor.contradictions(), Vec::<String>::new());
    let store = Store::open_read_only(&made.config.database).await.unwrap();
    for (size, head) in auditor.seen() {
        let signed = store.checkpoint(size).await.unwrap();
        assert_eq!(
            signed.map(|row| row.tree),
            Some(head),
            "seen but not in the history"
        );
    }
    let acked = std::mem::take(&mut *acked.lock().unwrap());
    let mut positions = BTreeMap::new();
    for item in &acked {
        let label = Label::email(&item.name).unwrap();
        let row = store
            .key_version(&sha256(label.as_bytes()), item.version)
            .await
            .unwrap();
        let row = row.expect("acknowledged and lost");
        assert_eq!(row.position, item.position);
        assert_eq!(row.key_set, Some(item.key_set.clone()));
        assert_eq!(row.opening, Some(vec![item.seed; 16]));
        assert_eq!(
            positions.insert(item.position, &item.name),
            None,
            "one position, two items"
        );
    }
    store.close().await;
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
    let mut publishers: Vec<_> = (0..PUBLISHERS)
        .map(|id| Publisher {
            id,
            label: 0,
            version: 0,
            previous: None,
            random: Random(SEED + 1 + id as u64),
        })
        .collect();
    let (mut total, mut starts) = (0, 0);
    for kill in 1..=KILLS {
        let mut child = spawn(&made);
        // One in four dies within the first moments of its start.
        let life = match random.below(4) {
            0 => random.below(60),
            _ => 60 + random.below(400),
        };
        let killed = async {
            tokio::time::sleep(Duration::from_millis(life)).await;
        };
        let busy = async {
            let Some(url) = address(&mut child).await else {
                return;
            };
            starts += 1;
            let client = Client::new(&url);
            let work = publishers
                .iter_mut()
                .map(|publisher| publisher.run(&client, &made.tokens.keys, &acked));
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
