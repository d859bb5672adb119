//! Who writes: a row with a term that only grows, and a beat that moves while its holder lives.
//!
//! Whoever would take over names the term and the beat that it has seen, so that of many one
//! succeeds, and none against a holder that moved meanwhile. That alone makes one writer. The
//! advisory lock keeps peace on top of it, where the engine has one: who has it takes over first.

use sqlx::{AnyConnection, Connection as _, Row as _};

use plainsight_specs::hash::sha256;

use super::{DatabaseAddress, Store, StoreError, Writer, WriterLock, from_sql, to_sql};

/// The lease as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The fencing token.
    pub term: u64,
    /// Moves with every write of the holder, and while it is idle.
    pub beat: u64,
    /// Where the holder is reached by the others; empty if it has let go.
    pub holder: String,
}

impl Store {
    /// The lease, as it is now.
    pub async fn lease(&self) -> Result<Lease, StoreError> {
        let row = sqlx::query("SELECT term, beat, holder FROM lease")
            .fetch_optional(&self.pool)
            .await?
            .ok_or(StoreError::Missing)?;
        Ok(Lease {
            term: from_sql(row.try_get("term")?)?,
            beat: from_sql(row.try_get("beat")?)?,
            holder: row.try_get("holder")?,
        })
    }

    /// Takes over as the writer if the lease is still as it was `seen`: a new term, which no
    /// write of an earlier one survives. Waits for a transaction that an earlier writer has open,
    /// so that what is read afterwards is all there is. `None` if another was faster.
    pub async fn take_over(
        &self,
        _lock: &WriterLock,
        seen: &Lease,
        holder: &str,
        now_ms: u64,
    ) -> Result<Option<Writer>, StoreError> {
        let mut connection = self.address().connect().await?;
        let taken = sqlx::query(
            "UPDATE lease SET term = term + 1, beat = beat + 1, holder = $1, taken_at = $2 \
             WHERE term = $3 AND beat = $4 RETURNING term",
        )
        .bind(holder)
        .bind(to_sql(now_ms)?)
        .bind(to_sql(seen.term)?)
        .bind(to_sql(seen.beat)?)
        .fetch_optional(&mut connection)
        .await?;
        let Some(row) = taken else {
            connection.close().await?;
            return Ok(None);
        };
        let term = from_sql(row.try_get("term")?)?;
        Ok(Some(self.writer(connection, term)))
    }
}

/// A lock of the engine's own, held by a session of `PostgreSQL` as long as it lives.
#[derive(Debug)]
pub struct AdvisoryLock {
    session: AnyConnection,
    key: i64,
    /// The number of the server's process.
    process: i32,
}

impl AdvisoryLock {
    /// Opens a session of its own for the lock of this log. `None` for an engine of one process.
    pub async fn open(address: &DatabaseAddress, origin: &str) -> Result<Option<Self>, StoreError> {
        if let DatabaseAddress::Sqlite(_) = address {
            return Ok(None);
        }
        let digest = sha256(format!("plainsight-log {origin}").as_bytes());
        let mut key = [0; 8];
        key.copy_from_slice(&digest.as_bytes()[..8]);
        let mut session = address.connect().await?;
        let process = process(&mut session).await?;
        Ok(Some(Self {
            session,
            key: i64::from_be_bytes(key),
            process,
        }))
    }

    /// Tries to take the lock, or takes it once more. An error means that the session is gone,
    /// and the lock with it.
    pub async fn try_take(&mut self) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1 ELSE 0 END")
            .bind(self.key)
            .fetch_one(&mut self.session)
            .await?;
        let taken = row.try_get::<i32, _>(0)? == 1;
        self.check().await?;
        Ok(taken)
    }

    /// Whether the session still lives. A pooler that gives each transaction another process of
    /// the server cannot hold a lock of a session, and is refused.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        let found = process(&mut self.session).await?;
        if found == self.process {
            return Ok(());
        }
        Err(StoreError::Setting {
            setting: "pg_backend_pid()",
            found: "another with each statement".into(),
            expected: "the same for the whole session; connect without a pooler, or turn the \
                       advisory lock off",
        })
    }

    /// Lets go.
    pub async fn close(self) {
        // A session that cannot be closed in good order has lost its lock all the same.
        let _ = self.session.close().await;
    }
}

async fn process(session: &mut AnyConnection) -> Result<i32, StoreError> {
    let row = sqlx::query("SELECT pg_backend_pid()")
        .fetch_one(session)
        .await?;
    Ok(row.try_get(0)?)
}
