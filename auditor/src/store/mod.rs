//! What must survive a crash, in `SQLite`: entries, tiles, the head signed last,
//! breaks and alerts.
//!
//! Every write is one transaction, made durable before it returns. What moves only forward is
//! written against what was read, so that two writers, or a writer that was restored from an old
//! copy, notice each other. Out of scope: what any of it means.

mod alerts;
#[cfg(test)]
mod alerts_tests;
mod breaks;
mod browse;
mod deliveries;
mod entries;
mod heads;
mod marks;
mod rebuilds;
mod shown;
#[cfg(test)]
mod tests;
mod watches;
mod witnessed;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plainsight_specs::Blame;
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::{Frontier, TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;
use sqlx::Row as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};

pub use alerts::{FLOOD, KeptAlert, MAX_OPEN_OF_CODE, QUIET_S};
pub use breaks::KeptBreak;
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
            Self::OtherKey { .. } | Self::UnknownLog(_) => Blame::Misuse,
            Self::Database(_) | Self::Corrupt(_) | Self::Lost(_) => Blame::Unavailable,
        }
    }
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
    pool: SqlitePool,
    /// Long writers wait here, in turn: the database lets one in at a time and is not fair, and
    /// a log that catches up must not keep another's signature waiting.
    turns: Arc<tokio::sync::Mutex<()>>,
}

impl Store {
    /// Opens the database, and makes it if it is not there.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A cosignature must not outlive the memory of it: WAL alone loses the last commits
            // when power fails.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(20));
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_with(options)
            .await?;
        for schema in [
            include_str!("schema.sql"),
            include_str!("alerts.sql"),
            include_str!("watches.sql"),
            include_str!("rebuilds.sql"),
            include_str!("marks.sql"),
        ] {
            sqlx::raw_sql(schema).execute(&pool).await?;
        }
        Ok(Self {
            pool,
            turns: Arc::default(),
        })
    }

    /// The same database by connections of its own: whoever uses up those keeps nobody waiting who has
    /// these.
    pub async fn apart(&self) -> Result<Self, StoreError> {
        let options = self.pool.connect_options();
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_with(options.as_ref().clone())
            .await?;
        Ok(Self {
            pool,
            turns: Arc::clone(&self.turns),
        })
    }

    /// What the database says of its own pages: nothing, or what is damaged.
    pub async fn quick_check(&self) -> Result<Option<String>, StoreError> {
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
             VALUES (?, ?, 0, ?, 0, ?) ON CONFLICT (origin) DO NOTHING",
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

    async fn row_of(&self, origin: &Origin) -> Result<Option<SqliteRow>, StoreError> {
        Ok(sqlx::query("SELECT * FROM logs WHERE origin = ?")
            .bind(origin.as_str())
            .fetch_optional(&self.pool)
            .await?)
    }

    /// The id of a log that is in the database.
    pub async fn known_log(&self, origin: &str) -> Result<LogId, StoreError> {
        sqlx::query_scalar("SELECT id FROM logs WHERE origin = ?")
            .bind(origin)
            .fetch_optional(&self.pool)
            .await?
            .map(LogId)
            .ok_or_else(|| StoreError::UnknownLog(origin.into()))
    }
}

/// The row of a log whose key is still among `keys`.
fn known_row(row: &SqliteRow, origin: &Origin, keys: &[VerifierKey]) -> Result<LogRow, StoreError> {
    let known: String = row.try_get("vkey")?;
    if keys.iter().any(|key| key.to_string() == known) {
        return log_row(row);
    }
    Err(StoreError::OtherKey {
        origin: origin.clone(),
        known,
    })
}

fn log_row(row: &SqliteRow) -> Result<LogRow, StoreError> {
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

fn size(row: &SqliteRow, column: &'static str) -> Result<TreeSize, StoreError> {
    from_db(row.try_get(column)?)
        .and_then(TreeSize::new)
        .ok_or(StoreError::Corrupt(column))
}

fn hash(bytes: &[u8], column: &'static str) -> Result<Hash, StoreError> {
    let bytes: &[u8; 32] = bytes.try_into().map_err(|_| StoreError::Corrupt(column))?;
    Ok(Hash::from_bytes(*bytes))
}

/// Sizes and positions are below 2^63, and so fit the database's integers.
fn to_db(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_db(number: i64) -> Option<u64> {
    u64::try_from(number).ok()
}
