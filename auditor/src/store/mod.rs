//! What must survive a crash, in `SQLite` or `PostgreSQL`: entries, tiles, the head signed last,
//! breaks and alerts.
//!
//! Every write is one transaction, made durable before it returns. What moves only forward is
//! written against what was read, so that two writers, or a writer that was restored from an old
//! copy, notice each other. One process audits from a database ([`Store::claim`]); an operator's
//! decisions may come from another. Out of scope: what any of it means.

mod address;
mod alerts;
#[cfg(test)]
mod alerts_tests;
mod breaks;
mod browse;
mod claim;
mod connect;
mod deliveries;
mod entries;
#[cfg(test)]
mod fresh;
mod heads;
#[cfg(test)]
mod looks_tests;
mod marks;
mod rebuilds;
mod shown;
#[cfg(test)]
mod tests;
mod watches;
mod witnessed;

use std::sync::Arc;

use plainsight_specs::Blame;
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::{Frontier, TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;
use sqlx::any::AnyRow;
use sqlx::{AnyPool, Connection as _, Row as _};

pub use address::{AddressError, DatabaseAddress};
pub use alerts::{FLOOD, KeptAlert, MAX_OPEN_OF_CODE, QUIET_S};
pub use breaks::KeptBreak;
pub use claim::Claim;
pub use deliveries::{Event, Waiting};
pub use entries::Chunk;
pub use marks::{CosignedHead, Mark, MarkedEntry, StreamRow};
pub use rebuilds::{KeptResult, PlacedResult, WaitingMismatch};
pub use shown::{CALM, Kept, MAX_UNEXPLAINED};
pub use watches::{Announced, KeptWatch, NewWatch};
pub use witnessed::Witnessed;

/// Why something was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema is not one that this program knows, or could not be brought up to date.
    #[error("the schema of the database: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// A setting that durability or secrecy depends on is not in force.
    #[error("{setting} is {found}, must be {expected}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What was found.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The database did not answer in time.
    #[error("the database does not answer")]
    Timeout,
    /// Another process audits from this database.
    #[error("another auditor uses this database ({what}); two must never cosign from one")]
    Claimed {
        /// The lock that it holds.
        what: String,
    },
    /// Another process has claimed the database meanwhile.
    #[error("another auditor has taken this database over; this one writes nothing any more")]
    Replaced,
    /// A value in the database cannot be what was written there.
    #[error("the database holds a wrong value: {0}")]
    Corrupt(&'static str),
    /// What was read has changed before it was written.
    #[error("{0} was changed by somebody else meanwhile")]
    Lost(&'static str),
    /// The log is known under another key.
    #[error(
        "log {origin} is known here under the key {known}, which has to stay among its keys: what \
         it signed is held against it"
    )]
    OtherKey {
        /// The log.
        origin: Origin,
        /// The key that was configured first.
        known: String,
    },
    /// No such log in the database.
    #[error("log {0} is not in the database")]
    UnknownLog(String),
}

impl StoreError {
    /// Never the log's fault.
    pub fn blame(&self) -> Blame {
        match self {
            Self::OtherKey { .. }
            | Self::UnknownLog(_)
            | Self::Claimed { .. }
            | Self::Replaced
            | Self::Setting { .. }
            | Self::Schema(_) => Blame::Misuse,
            Self::Database(_) | Self::Corrupt(_) | Self::Lost(_) | Self::Timeout => {
                Blame::Unavailable
            }
        }
    }
}

/// Whether the database could not be reached or was being shut down: nothing is wrong with what is kept.
pub(crate) fn is_outage(error: &(dyn std::error::Error + 'static)) -> bool {
    // Lost connections, no room or memory on the server, a server that goes down or comes up.
    const PASSING: [&str; 3] = ["08", "53", "57P"];
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(said) => said
                    .code()
                    .is_some_and(|code| PASSING.iter().any(|class| code.starts_with(class))),
                _ => false,
            };
        }
        cause = error.source();
    }
    false
}

/// Which log, in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(i64);

/// What is stored about a log, apart from its entries.
#[derive(Debug, Clone)]
pub struct LogRow {
    /// Which log.
    pub id: LogId,
    /// The compact range over the entries held.
    pub frontier: Frontier,
    /// The newest signed head of which everything is held.
    pub mirrored: Option<Vec<u8>>,
    /// The signed head that was being followed last.
    pub target: Option<Vec<u8>>,
    /// The head cosigned last.
    pub signed: TreeHead,
    /// Its note with our own line.
    pub signed_note: Option<Vec<u8>>,
    /// When it was cosigned, in POSIX seconds.
    pub signed_time: Option<u64>,
    /// A head that we had signed and do not know of.
    pub rolled_back: Option<TreeSize>,
}

/// Connections of one pool.
const CONNECTIONS: u32 = 4;

/// The database. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    address: DatabaseAddress,
    /// What this process has claimed.
    term: Arc<claim::Term>,
    /// Long writers wait here, in turn: the database lets one in at a time and is not fair, and
    /// a log that catches up must not keep another's signature waiting.
    turns: Arc<tokio::sync::Mutex<()>>,
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings an older schema up to date.
    pub async fn open(address: &DatabaseAddress) -> Result<Self, StoreError> {
        // Before anything else: whether what is written here lasts.
        address.connect().await?.close().await?;
        let pool = address.pool(CONNECTIONS).await?;
        address.migrate(&pool).await?;
        Ok(Self {
            pool,
            address: address.clone(),
            term: Arc::default(),
            turns: Arc::default(),
        })
    }

    /// The same database by connections of its own: whoever uses up those keeps nobody waiting who has
    /// these.
    pub async fn apart(&self) -> Result<Self, StoreError> {
        Ok(Self {
            pool: self.address.pool(CONNECTIONS).await?,
            ..self.clone()
        })
    }

    /// Where it is.
    pub fn address(&self) -> &DatabaseAddress {
        &self.address
    }

    /// What the database says of its own pages: nothing, or what is damaged.
    pub async fn quick_check(&self) -> Result<Option<String>, StoreError> {
        if self.address.file().is_none() {
            // The server looks after its pages.
            return Ok(None);
        }
        let said: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&self.pool)
            .await?;
        Ok((said != "ok").then_some(said))
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The log with this origin; it is added under the first of its keys if it is new, and refused if
    /// the key that it was added under is no longer among them.
    pub async fn log(&self, origin: &Origin, keys: &[VerifierKey]) -> Result<LogRow, StoreError> {
        if let Some(row) = self.row_of(origin).await? {
            return known_row(&row, origin, keys);
        }
        let empty = TreeHead {
            size: TreeSize::ZERO,
            root: plainsight_specs::hash::empty_root(),
        };
        sqlx::query(
            "INSERT INTO logs (origin, vkey, held, frontier, signed_size, signed_root)
             VALUES ($1, $2, 0, $3, 0, $4) ON CONFLICT (origin) DO NOTHING",
        )
        .bind(origin.as_str())
        .bind(keys.first().map(ToString::to_string).unwrap_or_default())
        .bind(Frontier::new().to_bytes())
        .bind(empty.root.as_bytes().as_slice())
        .execute(&self.pool)
        .await?;
        let row = self.row_of(origin).await?;
        known_row(
            &row.ok_or_else(|| StoreError::UnknownLog(origin.to_string()))?,
            origin,
            keys,
        )
    }

    async fn row_of(&self, origin: &Origin) -> Result<Option<AnyRow>, StoreError> {
        Ok(sqlx::query("SELECT * FROM logs WHERE origin = $1")
            .bind(origin.as_str())
            .fetch_optional(&self.pool)
            .await?)
    }

    /// The id of a log that is in the database.
    pub async fn known_log(&self, origin: &str) -> Result<LogId, StoreError> {
        sqlx::query_scalar("SELECT id FROM logs WHERE origin = $1")
            .bind(origin)
            .fetch_optional(&self.pool)
            .await?
            .map(LogId)
            .ok_or_else(|| StoreError::UnknownLog(origin.into()))
    }
}

/// The row of a log whose key is still among `keys`.
fn known_row(row: &AnyRow, origin: &Origin, keys: &[VerifierKey]) -> Result<LogRow, StoreError> {
    let known: String = row.try_get("vkey")?;
    if keys.iter().any(|key| key.to_string() == known) {
        return log_row(row);
    }
    Err(StoreError::OtherKey {
        origin: origin.clone(),
        known,
    })
}

fn log_row(row: &AnyRow) -> Result<LogRow, StoreError> {
    let frontier = Frontier::from_bytes(row.try_get("frontier")?)
        .map_err(|_| StoreError::Corrupt("frontier"))?;
    if frontier.size() != size(row, "held")? {
        return Err(StoreError::Corrupt("held"));
    }
    let rolled_back: Option<i64> = row.try_get("rolled_back")?;
    Ok(LogRow {
        id: LogId(row.try_get("id")?),
        frontier,
        mirrored: row.try_get("mirrored")?,
        target: row.try_get("target")?,
        signed: TreeHead {
            size: size(row, "signed_size")?,
            root: hash(row.try_get("signed_root")?, "signed_root")?,
        },
        signed_note: row.try_get("signed_note")?,
        signed_time: row
            .try_get::<Option<i64>, _>("signed_time")?
            .and_then(|time| u64::try_from(time).ok()),
        rolled_back: rolled_back
            .map(|size| from_db(size).and_then(TreeSize::new))
            .map(|size| size.ok_or(StoreError::Corrupt("rolled_back")))
            .transpose()?,
    })
}

fn size(row: &AnyRow, column: &'static str) -> Result<TreeSize, StoreError> {
    from_db(row.try_get(column)?)
        .and_then(TreeSize::new)
        .ok_or(StoreError::Corrupt(column))
}

fn hash(bytes: &[u8], column: &'static str) -> Result<Hash, StoreError> {
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| StoreError::Corrupt(column))?;
    Ok(Hash::from_bytes(*bytes))
}

/// The longest text that an index holds, in bytes: `PostgreSQL` takes 2704 in a row of one.
const MAX_INDEXED: usize = 512;

/// Text without the one character that `PostgreSQL` does not take.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Text that an index takes: what is too long ends in its hash.
fn indexed(long: &str) -> String {
    if long.len() <= MAX_INDEXED {
        return text(long);
    }
    let cut: String = long.chars().take(MAX_INDEXED / 4).collect();
    let hash = plainsight_specs::hash::sha256(long.as_bytes());
    format!("{}… {}", text(&cut), hash.to_hex())
}

/// Sizes and positions are below 2^63, and so fit the database's integers.
fn to_db(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_db(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}
