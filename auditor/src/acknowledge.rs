//! An operator's public word that a break is known, and that cosigning may go on.

use plainsight_specs::Blame;

use crate::audit::Break;
use crate::clock;
use crate::config::Config;
use crate::store::{Store, StoreError};

/// The longest reason, in bytes.
pub const MAX_REASON: usize = 2000;

/// Why a break was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AcknowledgeError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Forks, rewrites and a wrong genesis leave nothing to go on with.
    #[error("{0} cannot be acknowledged: nothing that follows can be trusted")]
    Never(Break),
    /// The reason is public and must say something.
    #[error("a reason has 1 to {MAX_REASON} bytes")]
    Reason,
    /// There is no such open break.
    #[error("{0} is not among this log's open breaks")]
    NotOpen(Break),
}

impl AcknowledgeError {
    /// The operator's, unless the database failed.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Store(error) => error.blame(),
            _ => Blame::Misuse,
        }
    }
}

/// Acknowledges a break of the log `origin`. A running auditor notices at its next poll.
pub async fn acknowledge(
    config: &Config,
    origin: &str,
    found: Break,
    reason: &str,
) -> Result<(), AcknowledgeError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > MAX_REASON {
        return Err(AcknowledgeError::Reason);
    }
    if !found.can_be_acknowledged() {
        return Err(AcknowledgeError::Never(found));
    }
    let store = Store::open(&config.database()).await?;
    let log = store.known_log(origin).await?;
    let done = store
        .acknowledge(log, &found, reason, clock::now_s())
        .await?;
    store.close().await;
    if done {
        Ok(())
    } else {
        Err(AcknowledgeError::NotOpen(found))
    }
}
