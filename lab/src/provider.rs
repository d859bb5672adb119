//! The provider's side of publishing: tokens, role keys, and batches over HTTP.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::source::Source;
use plainsight_specs::commitment::Opening;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::StatementEntry;
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::publish::{PublishAnswer, PublishItem, PublishRequest, Wait};
use plainsight_specs::statement::{Body, Seq, StatementDraft};

/// Bound of an answer to a batch, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// The tokens of a log's publishers, by role.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For key sets.
    pub keys: String,
    /// For releases and yanks.
    pub releases: String,
    /// For protections and canaries.
    pub protections: String,
    /// For publisher keys.
    pub root: String,
}

/// The keys that sign a provider's statements.
#[derive(Debug)]
pub struct RoleSecrets {
    /// For releases and yanks.
    pub releases: SecretKey,
    /// For protections and canaries.
    pub protections: SecretKey,
}

impl RoleSecrets {
    /// Reads the keys that `plainsight-log init` made in `dir`.
    pub fn read(dir: &Path) -> Result<Self> {
        let read = |name: &str| -> Result<SecretKey> {
            let path = dir.join("keys").join(name);
            let seed = plainsight_log_server::signer::read_seed(&path)
                .with_context(|| format!("reading {}", path.display()))?;
            Ok(SecretKey::from_seed(&seed))
        };
        Ok(Self {
            releases: read("releases.key")?,
            protections: read("protections.key")?,
        })
    }
}

/// A statement as its publisher sends it, with the leaf hash that the next one of its stream names.
#[derive(Debug)]
pub struct Signed {
    /// The DSSE envelope.
    pub envelope: Vec<u8>,
    /// The leaf hash of the entry it becomes.
    pub leaf: Hash,
}

/// Signs the statement that follows `last` in its stream.
pub fn sign(body: Body, last: Option<(Seq, Hash)>, key: &SecretKey) -> Result<Signed> {
    let seq = match last {
        None => Seq::ZERO,
        Some((seq, _)) => seq.next().context("the stream is full")?,
    };
    let draft = StatementDraft {
        seq,
        prev: last.map(|(_, leaf)| leaf),
        body,
    };
    let envelope = draft.sign(&[key]);
    let entry = StatementEntry::from_envelope(&envelope)?;
    Ok(Signed {
        envelope,
        leaf: leaf_hash(&entry.to_bytes()),
    })
}

/// Sends batches to a log.
#[derive(Debug, Clone)]
pub struct Publisher {
    log: Source,
    token: String,
}

impl Publisher {
    /// For one token.
    pub fn new(log: &BaseUrl, token: &str) -> Result<Self> {
        let http = Http::new(Patience {
            answer: Duration::from_mins(1),
            ..Patience::default()
        })?;
        Ok(Self {
            log: Source::new(http, log.clone()),
            token: token.to_owned(),
        })
    }

    /// Publishes the items, and fails if any is refused.
    pub async fn publish(&self, items: Vec<PublishItem>, wait: Wait) -> Result<Vec<LeafIndex>> {
        let request = PublishRequest { items, wait }.to_json();
        loop {
            let token = Some(self.token.as_str());
            let answer = self
                .log
                .send("v1/publish", &request, token, MAX_ANSWER)
                .await?;
            match answer.status {
                200 => {
                    let answer = PublishAnswer::parse(&answer.body)?;
                    let positions = answer.results.into_iter();
                    let positions = positions.map(|result| Ok(result?.position));
                    return positions.collect();
                }
                // Publishing again what is logged already gets the same position.
                503 => tokio::time::sleep(Duration::from_millis(200)).await,
                status => bail!(
                    "the log answered {status}: {}",
                    String::from_utf8_lossy(&answer.body)
                ),
            }
        }
    }

    /// Publishes one key set.
    pub async fn key_set(&self, key_set: Vec<u8>, opening: [u8; 16]) -> Result<LeafIndex> {
        let item = PublishItem::KeySet {
            key_set,
            opening: Opening::from_bytes(opening),
        };
        let positions = self.publish(vec![item], Wait::Published).await?;
        positions
            .first()
            .copied()
            .context("the log answered nothing")
    }

    /// Publishes one statement.
    pub async fn statement(&self, envelope: Vec<u8>) -> Result<LeafIndex> {
        let item = PublishItem::Statement { envelope };
        let positions = self.publish(vec![item], Wait::Published).await?;
        positions
            .first()
            .copied()
            .context("the log answered nothing")
    }
}

/// Random bytes for openings and keys.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(bytes)
}
