//! What the tests of a running log share: a log to start, publishers, and an auditor that can be
//! told to misbehave.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on fails"
)]

pub mod auditor;
pub mod postgres;
pub mod publisher;

use std::path::Path;

use plainsight_log_server::store::{DatabaseAddress, Store, TokenRole};
use plainsight_log_server::{Config, InitOptions, Server, add_token, init};
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::commitment::Opening;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::Genesis;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::head::{GenesisAnswer, Trust};
use plainsight_specs::history::{History, HistoryAnswer, HistoryRequest};
use plainsight_specs::keyset::{KeyRecord, KeySet, KeySetDraft, Role};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::lookup::{Lookup, LookupAnswer, LookupRequest};
use plainsight_specs::merkle::{LeafIndex, TreeHead};
use plainsight_specs::note::VerifierKey;
use plainsight_specs::policy::Policy;
use plainsight_specs::publish::{
    Logged, PublishAnswer, PublishError, PublishItem, PublishRequest, Wait,
};
use plainsight_specs::query::{StreamAnswer, StreamRequest, StreamState};
use plainsight_specs::statement::{
    Artifact, Audience, Body, Name, Product, Purl, Release, ReleaseVersion, Seq, StatementDraft,
};
use plainsight_specs::time::Timestamp;

pub const ORIGIN: &str = "log.test/1";

/// The key of every role in these tests.
pub fn publisher() -> SecretKey {
    SecretKey::from_seed(&[77; 32])
}

/// A log that was made in a folder of its own.
pub struct Made {
    pub dir: tempfile::TempDir,
    pub config: Config,
    pub vkey: VerifierKey,
    pub tokens: Tokens,
}

pub struct Tokens {
    pub keys: String,
    pub releases: String,
    pub protections: String,
    pub root: String,
}

impl Tokens {
    pub fn of(&self, role: TokenRole) -> &str {
        match role {
            TokenRole::Keys => &self.keys,
            TokenRole::Releases => &self.releases,
            TokenRole::Protections => &self.protections,
            TokenRole::Root => &self.root,
        }
    }
}

/// Makes a log that publishes quickly.
pub async fn make() -> Made {
    make_on(None).await
}

/// Makes such a log on a database of its own, or on a file.
pub async fn make_on(database: Option<DatabaseAddress>) -> Made {
    let dir = tempfile::tempdir().unwrap();
    let mut options = InitOptions::new(&dir.path().join("log"), ORIGIN, ([127, 0, 0, 1], 0).into());
    options.root = vec![publisher().public()];
    options.releases = vec![publisher().public()];
    options.protections = vec![publisher().public()];
    options.database = database;
    let made = init(&options).await.unwrap();
    let mut config = made.config;
    config.publication.tick_ms = 20;
    config.publication.retry_ms = 50;
    config.publication.round_ms = 2_000;
    config.publication.auditor_timeout_ms = 1_000;
    let store = Store::open(&config.database, 1).await.unwrap();
    let tokens = Tokens {
        keys: add_token(&store, "keys", TokenRole::Keys).await.unwrap(),
        releases: add_token(&store, "releases", TokenRole::Releases)
            .await
            .unwrap(),
        protections: add_token(&store, "protections", TokenRole::Protections)
            .await
            .unwrap(),
        root: add_token(&store, "root", TokenRole::Root).await.unwrap(),
    };
    store.close().await;
    Made {
        dir,
        config,
        vkey: made.vkey,
        tokens,
    }
}

impl Made {
    /// Writes a policy that the log asks auditors by.
    pub fn set_policy(&mut self, text: &str) {
        let path = self.dir.path().join("policy");
        std::fs::write(&path, text).unwrap();
        self.config.policy = Some(path);
    }

    pub async fn start(&self) -> Server {
        Server::start(self.config.clone()).await.unwrap()
    }

    pub async fn check(&self) {
        let report = plainsight_log_server::check(&self.config).await.unwrap();
        assert_eq!(report.faults, Vec::<String>::new());
    }
}

pub fn opening(seed: u8) -> Opening {
    Opening::from_bytes([seed; 16])
}

/// A key set signed by its own identity key and, if there is one, by the previous one's.
pub fn key_set(name: &str, version: u32, previous: Option<&[u8]>, seed: u8) -> Vec<u8> {
    let secret = SecretKey::from_seed(&[seed; 32]);
    KeySetDraft {
        label: Label::email(name).unwrap(),
        version: Version::new(version),
        prev: previous.map(|bytes| KeySet::parse(bytes).unwrap().hash()),
        created: Timestamp::parse("2026-11-24T05:00:00Z").unwrap(),
        keys: vec![KeyRecord {
            id: "main".into(),
            role: Role::Identity,
            alg: "ed25519".into(),
            key: secret.public().as_bytes().to_vec(),
        }],
    }
    .sign(&[&secret])
}

pub fn key_item(key_set: &[u8], seed: u8) -> PublishItem {
    PublishItem::KeySet {
        key_set: key_set.to_vec(),
        opening: opening(seed),
    }
}

pub fn product() -> Product {
    Product {
        purl: Purl::parse("pkg:generic/plainsight.example/app").unwrap(),
        channel: Name::parse("stable").unwrap(),
        arch: Name::parse("x86_64").unwrap(),
    }
}

/// A release of one file that is its own version's name.
pub fn release(version: &str, seq: u32, prev: Option<Hash>, signer: &SecretKey) -> Vec<u8> {
    StatementDraft {
        seq: Seq::new(seq),
        prev,
        body: Body::Release(Release {
            product: product(),
            version: ReleaseVersion::parse(version).unwrap(),
            audience: Audience::All,
            emergency: false,
            published: Timestamp::parse("2026-11-24T05:00:00Z").unwrap(),
            references: Vec::new(),
            artifacts: vec![Artifact {
                name: None,
                digest: sha256(version.as_bytes()),
                size: 5,
            }],
        }),
    }
    .sign(&[signer])
}

/// A client of one running log.
pub struct Client {
    pub http: reqwest::Client,
    pub url: String,
}

impl Client {
    pub fn new(url: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(std::time::Duration::from_secs(20))
            .build()
            .unwrap();
        Self {
            http,
            url: url.to_owned(),
        }
    }

    /// Status and body of a publish request.
    pub async fn send(
        &self,
        token: &str,
        items: Vec<PublishItem>,
        wait: Wait,
    ) -> Result<(u16, Vec<u8>), reqwest::Error> {
        let response = self
            .http
            .post(format!("{}/v1/publish", self.url))
            .bearer_auth(token)
            .header("content-type", "application/json")
            .body(PublishRequest { items, wait }.to_json())
            .send()
            .await?;
        let status = response.status().as_u16();
        Ok((status, response.bytes().await?.to_vec()))
    }

    pub async fn publish(
        &self,
        token: &str,
        items: Vec<PublishItem>,
        wait: Wait,
    ) -> Vec<Result<Logged, PublishError>> {
        let (status, body) = self.send(token, items, wait).await.unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        PublishAnswer::parse(&body).unwrap().results
    }

    pub async fn publish_one(
        &self,
        token: &str,
        item: PublishItem,
    ) -> Result<LeafIndex, PublishError> {
        let mut results = self.publish(token, vec![item], Wait::Published).await;
        assert_eq!(results.len(), 1);
        results.remove(0).map(|logged| logged.position)
    }

    pub async fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let response = self
            .http
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        (
            response.status().as_u16(),
            response.bytes().await.unwrap().to_vec(),
        )
    }

    pub async fn post(&self, path: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(body);
        let response = request.send().await.unwrap();
        (
            response.status().as_u16(),
            response.bytes().await.unwrap().to_vec(),
        )
    }

    pub async fn checkpoint(&self) -> UnverifiedCheckpoint {
        let (status, body) = self.get("/checkpoint").await;
        assert_eq!(status, 200);
        UnverifiedCheckpoint::parse(&body).unwrap()
    }
}

/// A reader with a policy and a memory.
pub struct Reader<'a> {
    pub client: &'a Client,
    pub policy: Policy,
    pub genesis: Genesis,
    pub seen: TreeHead,
}

impl<'a> Reader<'a> {
    pub async fn meet(client: &'a Client, policy: &Policy) -> Self {
        let (status, body) = client.get("/v1/genesis").await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let answer = GenesisAnswer::parse(&body).unwrap();
        let (head, genesis) = answer.verify(policy, now(), 600).unwrap();
        Self {
            client,
            policy: policy.clone(),
            genesis,
            seen: head.tree_head(),
        }
    }

    fn trust(&self) -> Trust<'_> {
        Trust {
            policy: &self.policy,
            genesis: &self.genesis,
            remembered: Some(self.seen),
            now: now(),
            max_age_s: 600,
        }
    }

    pub async fn look_up(&mut self, name: &str) -> Lookup {
        let request = LookupRequest {
            label: Label::email(name).unwrap(),
            since: Some(self.seen.size),
            logged: true,
        };
        let (status, body) = self.client.post("/v1/lookup", request.to_json()).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let answer = LookupAnswer::parse(&body).unwrap();
        let lookup = answer.verify(&self.trust(), &request).unwrap();
        self.seen = lookup.head().tree_head();
        lookup
    }

    pub async fn history(&mut self, name: &str, from: u32) -> History {
        let request = HistoryRequest {
            label: Label::email(name).unwrap(),
            from: Version::new(from),
            since: Some(self.seen.size),
        };
        let (status, body) = self.client.post("/v1/history", request.to_json()).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let answer = HistoryAnswer::parse(&body).unwrap();
        let history = answer.verify(&self.trust(), &request).unwrap();
        self.seen = history.head().tree_head();
        history
    }

    pub async fn stream(&mut self, version: Option<&str>, digest: Option<Hash>) -> StreamState {
        let request = StreamRequest {
            stream: product().stream(),
            since: Some(self.seen.size),
            version: version.map(|version| ReleaseVersion::parse(version).unwrap()),
            digest,
        };
        let (status, body) = self.client.post("/v1/stream", request.to_json()).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let answer = StreamAnswer::parse(&body).unwrap();
        let state = answer.verify(&self.trust(), &request).unwrap();
        self.seen = state.head().tree_head();
        state
    }
}

pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_seconds(since.as_secs()).unwrap()
}

/// The code of a problem document.
pub fn problem(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap();
    let urn = value["type"].as_str().unwrap();
    urn.strip_prefix("urn:plainsight:error:")
        .unwrap()
        .to_owned()
}

pub fn exists(path: &Path) -> bool {
    path.exists()
}
