//! Connections, and the settings that durability depends on.
//!
//! One text of SQL serves both engines: what they differ in is here, in the migrations, and
//! nowhere else.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AnyPool, ConnectOptions as _, Row as _};

use super::{DatabaseAddress, StoreError};

/// Without the engine's own lock, which not every engine has: of two that migrate at once one
/// fails on the number of the migration, and finds it done when it tries again.
static SQLITE: LazyLock<Migrator> =
    LazyLock::new(|| unlocked(sqlx::migrate!("./migrations/sqlite")));
static POSTGRES: LazyLock<Migrator> =
    LazyLock::new(|| unlocked(sqlx::migrate!("./migrations/postgres")));

fn unlocked(mut migrator: Migrator) -> Migrator {
    migrator.set_locking(false);
    migrator
}

/// How long a connection is waited for.
const ACQUIRE: Duration = Duration::from_secs(10);

/// A session of `PostgreSQL`: durable commits, and no transaction that outlives a writer that was
/// paused in it, since its lock on the lease would keep the next one out.
const POSTGRES_SESSION: [&str; 3] = [
    "SET synchronous_commit = on",
    "SET idle_in_transaction_session_timeout = '1500ms'",
    "SET statement_timeout = '30s'",
];

/// Waits for other connections' locks; a write-ahead log; every commit on the disk.
const SQLITE_SESSION: [&str; 4] = [
    "PRAGMA busy_timeout = 10000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
];

/// Of a connection that writes. Labels are hashed, so each row's index page is another: the more
/// commits share a page before it is copied from the log into its place, the less is written.
/// 64 MiB of either.
const SQLITE_WRITER: [&str; 2] = [
    "PRAGMA wal_autocheckpoint = 16384",
    "PRAGMA cache_size = -65536",
];

/// Before and after rows are erased from a file: what is deleted is overwritten with zeros, and
/// the write-ahead log, which has the old page as well, begins anew if no reader is in it.
const SQLITE_ERASING: [&str; 2] = [
    "PRAGMA secure_delete = ON",
    "PRAGMA wal_checkpoint(TRUNCATE)",
];

/// The settings of `PostgreSQL` without which a power cut takes back what was committed. An engine
/// that does not know one of them has no such switch.
const DURABLE: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

impl DatabaseAddress {
    /// What begins a transaction that writes.
    pub(super) fn begin(&self) -> &'static str {
        match self {
            // The lock is taken at once: taken later, it could fail in the midst.
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
            Self::Postgres(_) => "BEGIN",
        }
    }

    /// What is said before and after something is erased.
    pub(super) fn erasing(&self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Sqlite(_) => SQLITE_ERASING.split_at(1),
            Self::Postgres(_) => (&[], &[]),
        }
    }

    fn options(&self) -> Result<AnyConnectOptions, StoreError> {
        sqlx::any::install_default_drivers();
        let url = match self {
            Self::Sqlite(path) => sqlite_url(path)?,
            Self::Postgres(url) => url.clone(),
        };
        Ok(AnyConnectOptions::from_str(&url)?)
    }

    fn session(&self) -> &'static [&'static str] {
        match self {
            Self::Sqlite(_) => &SQLITE_SESSION,
            Self::Postgres(_) => &POSTGRES_SESSION,
        }
    }

    /// A pool for reading.
    pub(super) async fn pool(&self, connections: u32) -> Result<AnyPool, StoreError> {
        let session = self.session();
        let read_only: &'static [&'static str] = match self {
            Self::Sqlite(_) => &["PRAGMA query_only = 1"],
            Self::Postgres(_) => &["SET default_transaction_read_only = on"],
        };
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    for setting in session.iter().chain(read_only) {
                        sqlx::raw_sql(*setting).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(self.options()?)
            .await?;
        Ok(pool)
    }

    /// A connection that may write, after it was checked that its commits are durable.
    pub(super) async fn connect(&self) -> Result<AnyConnection, StoreError> {
        let connected = tokio::time::timeout(ACQUIRE, self.options()?.connect()).await;
        let mut connection = connected.map_err(|_| StoreError::Timeout)??;
        for setting in self.session() {
            sqlx::raw_sql(*setting).execute(&mut connection).await?;
        }
        match self {
            Self::Sqlite(_) => {
                pragma(&mut connection, "PRAGMA journal_mode", "wal").await?;
                pragma(&mut connection, "PRAGMA synchronous", "2").await?;
                for setting in SQLITE_WRITER {
                    sqlx::raw_sql(setting).execute(&mut connection).await?;
                }
            }
            Self::Postgres(_) => durable(&mut connection).await?,
        }
        Ok(connection)
    }

    /// Brings the schema up to date; a newer or unknown one is refused.
    pub(super) async fn migrate(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        let migrator = match self {
            Self::Sqlite(_) => &SQLITE,
            Self::Postgres(_) => &POSTGRES,
        };
        Ok(migrator.run(connection).await?)
    }
}

/// Every byte that has a meaning in a URL is escaped.
fn sqlite_url(path: &Path) -> Result<String, StoreError> {
    use std::fmt::Write as _;
    let path = std::path::absolute(path).map_err(|source| StoreError::File {
        path: path.to_owned(),
        source,
    })?;
    let mut url = "sqlite://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                url.push(char::from(*byte));
            }
            _ => {
                // Writing to a string does not fail.
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    url.push_str("?mode=rw");
    Ok(url)
}

async fn pragma(
    connection: &mut AnyConnection,
    setting: &'static str,
    expected: &'static str,
) -> Result<(), StoreError> {
    let row = sqlx::query(setting).fetch_one(connection).await?;
    let found = match row.try_get::<String, _>(0) {
        Ok(text) => text,
        Err(_) => row.try_get::<i64, _>(0)?.to_string(),
    };
    if found == expected {
        return Ok(());
    }
    Err(StoreError::Setting {
        setting,
        found,
        expected,
    })
}

async fn durable(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let in_recovery = "SELECT CASE WHEN pg_is_in_recovery() THEN 1 ELSE 0 END";
    let row = sqlx::query(in_recovery).fetch_one(&mut *connection).await?;
    if row.try_get::<i32, _>(0)? != 0 {
        return Err(StoreError::Setting {
            setting: "pg_is_in_recovery()",
            found: "true".into(),
            expected: "false: a standby cannot be written",
        });
    }
    for setting in DURABLE {
        let row = sqlx::query("SELECT setting FROM pg_settings WHERE name = $1")
            .bind(setting)
            .fetch_optional(&mut *connection)
            .await?;
        let found: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
        if found.as_deref() == Some("off") {
            return Err(StoreError::Setting {
                setting,
                found: "off".into(),
                expected: "on",
            });
        }
    }
    Ok(())
}
