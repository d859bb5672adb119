//! The log's private state in SQL: what is sequenced, what was signed, and what opens it.
//!
//! [`Store`] reads, from a pool. [`Writer`] writes, on one connection, under a *term*: a fencing
//! token that every write is conditional on, so that a writer that was replaced can change nothing
//! any more. A writer whose write failed, or whose result is unknown, is dropped; the next one
//! bumps the term first, which ends any orphaned transaction, and reads what really is there.
//!
//! `SQLite` or `PostgreSQL`, by the address, with one text of SQL; also what speaks `PostgreSQL`'s
//! protocol and shares that text. Settings that durability depends on are asserted: with less, a
//! power cut may drop a commit that was already signed, and the log would fork. One log a database.
//! Out of scope: public objects (see [`crate::objects`]), and who should write when (see
//! `crate::election`): safety is here, by term and compare-and-swap alone.

mod address;
mod answers;
#[cfg(test)]
mod conformance;
mod connect;
mod create;
#[cfg(test)]
pub(crate) mod fault;
mod lease;
mod read;
mod rows;
mod tokens;
mod write;

pub use address::{AddressError, DatabaseAddress};
pub use answers::{KeptAnswer, NewAnswer};
pub(crate) use create::private_file;
pub use create::{NewLog, WriterLock};
pub use lease::{AdvisoryLock, Lease};
pub use read::MAX_LABELS;
pub use rows::{
    Batch, CheckpointRow, Head, KeyRow, LogRow, NewKey, NewStatement, Progress, Segment,
    StatementRow, TokenRole,
};
pub use tokens::TokenRow;
pub use write::Writer;

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::{AnyPool, Connection as _};

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
    /// The database did not answer in time. Whether a write took place is unknown.
    #[error("the database does not answer")]
    Timeout,
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
    /// There is a log in this database already.
    #[error("this database holds a log already; a log is never overwritten")]
    Exists,
    /// There is no log in this database.
    #[error("no log was made here; run `plainsight-log init`")]
    Missing,
}

/// Reads the private state of one log.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    address: DatabaseAddress,
    /// Held while a session is open that keeps an answer.
    keeping: Arc<tokio::sync::Mutex<()>>,
    #[cfg(test)]
    faults: fault::Faults,
}

impl Store {
    /// Opens the database of a log that [`Store::create`] made. Brings an older schema up to
    /// date; a newer or unknown one is refused.
    pub async fn open(address: &DatabaseAddress, connections: u32) -> Result<Self, StoreError> {
        address.must_exist()?;
        let mut connection = address.connect().await?;
        address.migrate(&mut connection).await?;
        connection.close().await?;
        Self::open_unmigrated(address, connections).await
    }

    /// Opens the database for reading only: nothing is created or brought up to date.
    pub async fn open_read_only(address: &DatabaseAddress) -> Result<Self, StoreError> {
        Self::open_replica(address, 1).await
    }

    /// The same, for a replica that answers readers and never writes.
    pub async fn open_replica(
        address: &DatabaseAddress,
        connections: u32,
    ) -> Result<Self, StoreError> {
        address.must_exist()?;
        Self::open_unmigrated(address, connections).await
    }

    async fn open_unmigrated(
        address: &DatabaseAddress,
        connections: u32,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            pool: address.pool(connections).await?,
            address: address.clone(),
            keeping: Arc::default(),
            #[cfg(test)]
            faults: fault::Faults::default(),
        })
    }

    #[cfg(test)]
    pub(crate) fn faults(&self) -> &fault::Faults {
        &self.faults
    }

    /// Where the database is.
    pub fn address(&self) -> &DatabaseAddress {
        &self.address
    }

    /// Whether processes on several machines may use it at once.
    pub fn is_shared(&self) -> bool {
        matches!(self.address, DatabaseAddress::Postgres(_))
    }

    /// Ends every connection of the pool.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl DatabaseAddress {
    fn must_exist(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(path) if !path.is_file() => Err(StoreError::Missing),
            _ => Ok(()),
        }
    }
}

/// `($1, $2), ($3, $4)` for two rows of two columns: both engines number their parameters.
fn placeholders(rows: usize, columns: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(rows * (columns * 7 + 4));
    let mut number = 0;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            number += 1;
            let comma = if column == 0 { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(text, "{comma}${number}");
        }
        text.push(')');
    }
    text
}

/// SQL integers are signed; sizes and positions fit by the protocol's bound of 2^63 - 1.
fn to_sql(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Corrupt(format!("{value} is above 2^63 - 1")))
}

fn from_sql(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Corrupt(format!("{value} is negative")))
}
