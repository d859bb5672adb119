//! An operator's public word that a break is known, and that cosigning may go on.

use plainsight_specs::Blame;

use crate::alert;
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
    #[error(
        "a reason is one line of 1 to {MAX_REASON} bytes, without signs that turn the direction of text"
    )]
    Reason,
    /// There is no such open break.
    #[error("{0} is not among this log's open breaks")]
    NotOpen(Break),
    /// There is no such open alert.
    #[error("no alert has the id {0}, or it is acknowledged already")]
    NoAlert(String),
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

pub(crate) fn checked(reason: &str) -> Result<&str, AcknowledgeError> {
    let reason = reason.trim();
    let is_line = !reason.chars().any(|c| c.is_control() || turns(c));
    if reason.is_empty() || reason.len() > MAX_REASON || !is_line {
        return Err(AcknowledgeError::Reason);
    }
    Ok(reason)
}

/// Whether a sign is not seen and turns the direction of what stands around it, so that a reason would
/// be read as something else.
fn turns(sign: char) -> bool {
    matches!(sign, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Acknowledges an alert, which changes nothing about cosigning: it is known, and need not be told
/// again. The reason is shown wherever the alert is.
pub async fn acknowledge_alert(
    config: &Config,
    id: &str,
    reason: &str,
) -> Result<(), AcknowledgeError> {
    checked(reason)?;
    let store = Store::open(&config.database()).await?;
    let done = record_alert(&store, id, reason).await;
    store.close().await;
    done
}

/// The same in a database that is open.
pub(crate) async fn record_alert(
    store: &Store,
    id: &str,
    reason: &str,
) -> Result<(), AcknowledgeError> {
    let reason = checked(reason)?;
    if store.acknowledge_alert(id, reason, clock::now_s()).await? {
        Ok(())
    } else {
        Err(AcknowledgeError::NoAlert(id.into()))
    }
}

/// Acknowledges a break of the log `origin`. A running auditor notices at its next poll.
pub async fn acknowledge(
    config: &Config,
    origin: &str,
    found: Break,
    reason: &str,
) -> Result<(), AcknowledgeError> {
    checked(reason)?;
    let store = Store::open(&config.database()).await?;
    let done = record_break(&store, origin, found, reason).await;
    store.close().await;
    done
}

/// The same in a database that is open.
pub(crate) async fn record_break(
    store: &Store,
    origin: &str,
    found: Break,
    reason: &str,
) -> Result<(), AcknowledgeError> {
    let reason = checked(reason)?;
    if !found.can_be_acknowledged() {
        return Err(AcknowledgeError::Never(found));
    }
    let log = store.known_log(origin).await?;
    let done = store
        .acknowledge(log, &found, reason, clock::now_s())
        .await?;
    if done {
        let subject = alert::broken_subject(&found);
        store
            .acknowledge_fact(log, alert::RULE_BROKEN, &subject, reason, clock::now_s())
            .await?;
    }
    if done {
        Ok(())
    } else {
        Err(AcknowledgeError::NotOpen(found))
    }
}
