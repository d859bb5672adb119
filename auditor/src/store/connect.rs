//! Connections, and the settings that durability depends on. One text of SQL serves both engines:
//! what they differ in is here, in the migrations, and nowhere else.

use std::path::Path;
use std::str::FromStr as _;
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AnyPool, ConnectOptions as _, Row as _};

use super::address::{escaped, with_password};
use super::{DatabaseAddress, StoreError};
use crate::config::read_secret;

/// Without the engine's own lock: only who audits from a database migrates it, and of two that do
/// so at once one fails on the number of the migration.
static SQLITE: LazyLock<Migrator> =
    LazyLock::new(|| unlocked(sqlx::migrate!("./migrations/sqlite")));
static POSTGRES: LazyLock<Migrator> =
    LazyLock::new(|| unlocked(sqlx::migrate!("./migrations/postgres")));

fn unlocked(mut migrator: Migrator) -> Migrator {
    migrator.set_locking(false);
    migrator
}

/// How long a connection is waited for.
pub(super) const ACQUIRE: Duration = Duration::from_secs(10);

/// Waits for other connections' locks; a write-ahead log; every commit on the disk: a cosignature
/// must not outlive the memory of it, and the write-ahead log alone loses the last commits when power
/// fails.
const SQLITE_SESSION: [&str; 4] = [
    "PRAGMA busy_timeout = 20000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
];

/// Durable commits; nothing that holds a lock or takes for ever; and a peer that is gone is noticed.
const POSTGRES_SESSION: [&str; 7] = [
    "SET synchronous_commit = on",
    "SET idle_in_transaction_session_timeout = '30s'",
    "SET lock_timeout = '20s'",
    "SET statement_timeout = '120s'",
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
];

/// The settings of `PostgreSQL` without which a power cut takes back what was committed.
const DURABLE: [&str; 3] = ["fsync", "full_page_writes", "synchronous_commit"];

impl DatabaseAddress {
    /// What begins a transaction that writes, and what it does first: one writer at a time, on both
    /// engines, so that what was read in it still holds when it commits.
    pub(super) fn begin(&self) -> (&'static str, &'static str) {
        match self {
            // The lock is taken at once: taken later, it could fail in the midst.
            Self::Sqlite(_) => ("BEGIN IMMEDIATE", "SELECT term FROM writer"),
            Self::Postgres { .. } => ("BEGIN", "SELECT term FROM writer FOR UPDATE"),
        }
    }

    /// The byte of a key entry's kind, as a constant: an index over such entries is found by it.
    pub(super) fn key_kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "x'02'",
            Self::Postgres { .. } => r"'\x02'::bytea",
        }
    }

    fn options(&self) -> Result<AnyConnectOptions, StoreError> {
        sqlx::any::install_default_drivers();
        let url = match self {
            Self::Sqlite(path) => sqlite_url(path)?,
            Self::Postgres {
                url,
                password_file: None,
            } => url.clone(),
            Self::Postgres {
                url,
                password_file: Some(path),
            } => {
                let password = read_secret(path).map_err(|error| StoreError::Setting {
                    setting: "the password file",
                    found: error.to_string(),
                    expected: "a file that only its owner can read",
                })?;
                let password = password.trim_end_matches(['\r', '\n']);
                with_password(url, password).map_err(|_| StoreError::Setting {
                    setting: "the database's URL",
                    found: "another".into(),
                    expected: "one with a user and no password",
                })?
            }
        };
        Ok(AnyConnectOptions::from_str(&url)?)
    }

    fn session(&self) -> &'static [&'static str] {
        match self {
            Self::Sqlite(_) => &SQLITE_SESSION,
            Self::Postgres { .. } => &POSTGRES_SESSION,
        }
    }

    /// A pool of connections that may write.
    pub(super) async fn pool(&self, connections: u32) -> Result<AnyPool, StoreError> {
        self.pool_with(connections, &[]).await
    }

    async fn pool_with(
        &self,
        connections: u32,
        further: &'static [&'static str],
    ) -> Result<AnyPool, StoreError> {
        let session = self.session();
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    for setting in session.iter().chain(further) {
                        sqlx::raw_sql(*setting).execute(&mut *connection).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(self.options()?)
            .await?;
        Ok(pool)
    }

    /// One connection, after it was checked that its commits are durable.
    pub(super) async fn connect(&self) -> Result<AnyConnection, StoreError> {
        if let Self::Sqlite(path) = self {
            make_private(path).map_err(sqlx::Error::Io)?;
        }
        let connected = tokio::time::timeout(ACQUIRE, self.options()?.connect()).await;
        let mut connection = connected.map_err(|_| StoreError::Timeout)??;
        for setting in self.session() {
            sqlx::raw_sql(*setting).execute(&mut connection).await?;
        }
        match self {
            Self::Sqlite(_) => {
                pragma(&mut connection, "PRAGMA journal_mode", "wal").await?;
                pragma(&mut connection, "PRAGMA synchronous", "2").await?;
            }
            Self::Postgres { .. } => durable(&mut connection).await?,
        }
        Ok(connection)
    }

    /// Brings the schema up to date; a newer or unknown one is refused.
    pub(super) async fn migrate(&self, pool: &AnyPool) -> Result<(), StoreError> {
        let migrator = match self {
            Self::Sqlite(_) => &SQLITE,
            Self::Postgres { .. } => &POSTGRES,
        };
        if self.file().is_some() {
            return Ok(migrator.run(pool).await?);
        }
        // An index over all entries takes as long as it takes.
        let patient = self.pool_with(1, &["SET statement_timeout = 0"]).await?;
        let migrated = migrator.run(&patient).await;
        patient.close().await;
        Ok(migrated?)
    }
}

fn sqlite_url(path: &Path) -> Result<String, StoreError> {
    let path = std::path::absolute(path).map_err(sqlx::Error::Io)?;
    let path = escaped(path.as_os_str().as_encoded_bytes(), b"/.-_");
    Ok(format!("sqlite://{path}?mode=rwc"))
}

/// Makes the file, if it is not there, for its owner only; what `SQLite` puts beside it is like it.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
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
