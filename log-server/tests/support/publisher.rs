//! Publishers that repeat what they had no answer for, and what must hold of all that they were told.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use plainsight_log_server::store::Store;
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::hash::sha256;
use plainsight_specs::label::Label;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::publish::{PublishAnswer, Wait};

use super::auditor::FakeAuditor;
use super::{Client, Made, key_item, key_set};

/// xorshift64*: the moments of the kills follow from the seed.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

/// What a publisher was told.
pub struct Acked {
    name: String,
    version: u32,
    key_set: Vec<u8>,
    seed: u8,
    position: LeafIndex,
}

/// What became of a request.
pub enum Sent {
    Acked,
    Later,
    Gone,
}

/// One publisher: logs version after version of one label after the other, and repeats what it
/// had no answer for.
pub struct Publisher {
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

    pub fn new(id: usize, seed: u64) -> Self {
        Self {
            id,
            label: 0,
            version: 0,
            previous: None,
            random: Random(seed + 1 + id as u64),
        }
    }

    /// Publishes until the server is gone.
    pub async fn until_gone(&mut self, client: &Client, token: &str, acked: &Mutex<Vec<Acked>>) {
        loop {
            match self.once(client, token, acked).await {
                Sent::Gone => return,
                Sent::Later => tokio::time::sleep(Duration::from_millis(20)).await,
                Sent::Acked => {
                    tokio::time::sleep(Duration::from_millis(self.random.below(4))).await;
                }
            }
        }
    }

    /// Publishes what is next, or once more what had no answer.
    pub async fn once(&mut self, client: &Client, token: &str, acked: &Mutex<Vec<Acked>>) -> Sent {
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
        let item = key_item(&key_set, self.seed());
        let body = match client.send(token, vec![item], wait).await {
            Ok((200, body)) => body,
            Ok((503, _)) => return Sent::Later,
            Ok((status, body)) => panic!("{status} {}", String::from_utf8_lossy(&body)),
            Err(_) => return Sent::Gone,
        };
        let position = PublishAnswer::parse(&body)
            .unwrap()
            .results
            .remove(0)
            .unwrap()
            .position;
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
        Sent::Acked
    }
}

/// Shows the auditor every checkpoint that is published, until the server is gone.
pub async fn watch(client: &Client, auditor: &FakeAuditor) {
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
pub async fn verify(made: &Made, auditor: &FakeAuditor, acked: &Mutex<Vec<Acked>>) {
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
