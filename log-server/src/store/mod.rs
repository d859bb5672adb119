//! The log's private state in SQL: what is sequenced, what was signed, and what opens it.
//!
//! [`Store`] reads, from a pool. [`Writer`] writes, on one connection, under a *term*: a fencing
//! token that every write is conditional on, so that a writer that was replaced can change nothing
//! any more. A writer whose write failed, or whose result is unknown, is dropped; the next one
//! bumps the term first, which ends any orphaned transaction, and reads what really is there.
//!
//! SQLite, with a write-ahead log and `synchronous=FULL`, both asserted: with less, a power cut
//! may drop a commit that was already signed, and the log would fork. One log a database.
//! Out of scope: public objects (see [`crate::objects`]).

#[cfg(test)]
mod conformance;
mod create;
mod read;
mod rows;
mod write;

pub(crate) use create::private_file;
pub use create::{NewLog, WriterLock};
pub use rows::{
    Batch, CheckpointRow, Head, KeyRow, LogRow, NewKey, NewStatement, Progress, Segment,
    StatementRow, TokenRole,
};
pub use write::Writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row as _, SqlitePool};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema is not one that this program knows, or could not be brought up to date.
    #[error("database schema: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// A setting that durability depends on is not in force.
    #[error("{setting} is {found}, must be {expected}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What the database says.
        found: String,
        /// What it must say.
        expected: &'static str,
    },
    /// Another writer took over, or the head is not the one this writer left.
    #[error("this writer was replaced (term {term})")]
    Fenced {
        /// The term that is no longer in force.
        term: u64,
    },
    /// Another process writes to this log.
    #[error("another process holds {path}")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A file could not be made or locked.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Rows that no run of this program writes.
    #[error("the database contradicts itself: {0}")]
    Corrupt(String),
    /// There is no log in this database.
    #[error("no log was made here; run `plainsight-log init`")]
    Missing,
}

/// Reads the private state of one log.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
    path: PathBuf,
}

impl Store {
    /// Opens the database of a log that [`Store::create`] made. Brings an older schema up to
    /// date; a newer or unknown one is refused.
    pub async fn open(path: &Path, connections: u32) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Missing);
        }
        MIGRATIONS.run(&mut connect(path).await?).await?;
        Self::open_unmigrated(path, connections).await
    }

    /// Opens the database for reading only: nothing is created or brought up to date.
    pub async fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        if !path.is_file() {
            return Err(StoreError::Missing);
        }
        Self::open_unmigrated(path, 1).await
    }

    async fn open_unmigrated(path: &Path, connections: u32) -> Result<Self, StoreError> {
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options(path).pragma("query_only", "1"))
            .await?;
        Ok(Self {
            pool,
            path: path.to_owned(),
        })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends every connection of the pool.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10))
        .foreign_keys(true)
}

/// A connection that may write, after it was checked that its commits are durable.
async fn connect(path: &Path) -> Result<sqlx::SqliteConnection, StoreError> {
    use sqlx::ConnectOptions as _;
    let mut connection = options(path).connect().await?;
    let journal: String = sqlx::query("PRAGMA journal_mode")
        .fetch_one(&mut connection)
        .await?
        .try_get(0)?;
    if journal != "wal" {
        return Err(StoreError::Setting {
            setting: "journal_mode",
            found: journal,
            expected: "wal",
        });
    }
    let synchronous: i64 = sqlx::query("PRAGMA synchronous")
        .fetch_one(&mut connection)
        .await?
        .try_get(0)?;
    if synchronous != 2 {
        return Err(StoreError::Setting {
            setting: "synchronous",
            found: synchronous.to_string(),
            expected: "2 (FULL)",
        });
    }
    Ok(connection)
}

/// SQL integers are signed; sizes and positions fit by the protocol's bound of 2^63 - 1.
fn to_sql(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Corrupt(format!("{value} is above 2^63 - 1")))
}

fn from_sql(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Corrupt(format!("{value} is negative")))
}
