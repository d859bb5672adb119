//! An operator's public word that a database is the newest that ever signed, where nobody else
//! remembers what was signed last.

use plainsight_specs::Blame;
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;

use crate::acknowledge::{AcknowledgeError, checked};
use crate::audit::Memory;
use crate::clock;
use crate::config::{Config, ConfigError};
use crate::desk::MEMORY_LOST;
use crate::high_water::{HighWater, Recalled};
use crate::plain;
use crate::store::{Store, StoreError};

/// Why a log was not resumed.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The reason.
    #[error(transparent)]
    Reason(#[from] AcknowledgeError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file.
    #[error("the folder high-water: {0}")]
    Io(#[from] std::io::Error),
    /// It is not followed or witnessed.
    #[error("no log {0} is in the configuration")]
    NoLog(String),
    /// It is known to be old.
    #[error(
        "this database is an old copy: its key has signed size {0}. Restore the newest database; if it \
         is lost, retire the key"
    )]
    Old(String),
    /// There is nothing to say.
    #[error("what was signed last is remembered; there is nothing to resume")]
    Remembered,
}

impl ResumeError {
    /// The operator's, unless the database failed.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Store(error) => error.blame(),
            _ => Blame::Misuse,
        }
    }
}

/// Takes the database's word for what was signed last of the log `origin`, and gives that size. A running
/// auditor notices at its next poll, a plain witness at its next start.
pub async fn resume(config: &Config, origin: &str, reason: &str) -> Result<TreeSize, ResumeError> {
    checked(reason)?;
    let store = Store::open(&config.database()).await?;
    let done = resume_in(&store, config, origin, reason).await;
    store.close().await;
    done
}

async fn resume_in(
    store: &Store,
    config: &Config,
    origin: &str,
    reason: &str,
) -> Result<TreeSize, ResumeError> {
    let is = |named: &Origin| named.as_str() == origin;
    if let Some(log) = config.logs.iter().find(|log| is(&log.origin)) {
        let row = store.log(&log.origin, &log.keys).await?;
        if let Some(size) = row.rolled_back {
            return Err(ResumeError::Old(size.to_string()));
        }
        let water = HighWater::of_auditor(&config.dir)?;
        let own = config.signer()?.verifier_key();
        let note = row.signed_note.unwrap_or_default();
        write(&water, &log.origin, &log.keys, &own, row.signed, &note)?;
        let now = clock::now_s();
        store
            .acknowledge_fact(row.id, MEMORY_LOST, "", reason, now)
            .await?;
        return Ok(row.signed.size);
    }
    let Some(witness) = &config.witness else {
        return Err(ResumeError::NoLog(origin.into()));
    };
    let Some(log) = witness.logs.iter().find(|log| is(&log.origin)) else {
        return Err(ResumeError::NoLog(origin.into()));
    };
    let kept = store.witnessed(origin).await?;
    if kept.rolled_back {
        return Err(ResumeError::Old("a larger one, or another head".into()));
    }
    let water = HighWater::of_witness(&config.dir)?;
    let own = config.witness_signer(witness)?.verifier_key();
    let note = kept.note.unwrap_or_default();
    write(&water, &log.origin, &log.keys, &own, kept.head, &note)?;
    let open = store.alerts(u32::MAX).await?;
    let open = open
        .iter()
        .filter(|alert| alert.code == plain::FORGOTTEN && alert.subject == origin);
    for alert in open.filter(|alert| alert.is_open()) {
        store
            .acknowledge_alert(&alert.id, reason, clock::now_s())
            .await?;
    }
    Ok(kept.head.size)
}

fn write(
    water: &HighWater,
    origin: &Origin,
    keys: &[VerifierKey],
    own: &VerifierKey,
    signed: TreeHead,
    note: &[u8],
) -> Result<(), ResumeError> {
    match water.read(origin, keys, own).recall(signed) {
        Recalled::Ahead(ahead) => Err(ResumeError::Old(ahead.head().size.to_string())),
        Recalled::As(Memory::Fits) => Err(ResumeError::Remembered),
        Recalled::As(Memory::Missing | Memory::Unreadable) => Ok(water.write(origin, note)?),
    }
}
