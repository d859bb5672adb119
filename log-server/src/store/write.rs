//! Writing, under a term.

use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use sqlx::{Connection as _, QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::{Batch, Store, StoreError, TokenRole, WriterLock, connect, from_sql, to_sql};

/// Rows of one INSERT: five columns each stay far below SQLite's 32,766 parameters.
const ROWS_A_STATEMENT: usize = 1_000;

/// The one writer. After any error it must be dropped: what the database holds is then unknown.
#[derive(Debug)]
pub struct Writer {
    connection: SqliteConnection,
    term: u64,
}

impl Store {
    /// Takes over as the writer: a new term, which no earlier writer's writes survive.
    pub async fn take_over(&self, _lock: &WriterLock, now_ms: u64) -> Result<Writer, StoreError> {
        let mut connection = connect(&self.path).await?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let term = sqlx::query("UPDATE lease SET term = term + 1, taken_at = ? RETURNING term")
            .bind(to_sql(now_ms)?)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(StoreError::Missing)?
            .try_get::<i64, _>(0)?;
        sqlx::query("UPDATE head SET term = ?")
            .bind(term)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Writer {
            connection,
            term: from_sql(term)?,
        })
    }

    /// Adds a bearer token by its hash. A name is used once.
    pub async fn add_token(
        &self,
        hash: &Hash,
        name: &str,
        role: TokenRole,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut connection = connect(&self.path).await?;
        sqlx::query("INSERT INTO token VALUES (?, ?, ?, ?)")
            .bind(hash.as_bytes().as_slice())
            .bind(name)
            .bind(role.as_str())
            .bind(to_sql(now_ms)?)
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(())
    }
}

impl Writer {
    /// The term this writer holds.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// The commit point of sequencing: head, segment and private rows, all or nothing.
    pub async fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let term = self.term;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let moved = sqlx::query(
            "UPDATE head SET size = ?, root = ?, epoch_size = ?, last_ms = ? \
             WHERE term = ? AND size = ?",
        )
        .bind(to_sql(batch.head.tree.size.get())?)
        .bind(batch.head.tree.root.as_bytes().as_slice())
        .bind(to_sql(batch.head.epoch_size.get())?)
        .bind(to_sql(batch.head.last_ms)?)
        .bind(to_sql(term)?)
        .bind(to_sql(batch.old_size.get())?)
        .execute(&mut *transaction)
        .await?;
        if moved.rows_affected() != 1 {
            return Err(StoreError::Fenced { term });
        }
        sqlx::query("INSERT INTO segment VALUES (?, ?, ?)")
            .bind(to_sql(batch.segment.start)?)
            .bind(to_sql(batch.segment.count)?)
            .bind(batch.segment.body.as_slice())
            .execute(&mut *transaction)
            .await?;
        for keys in batch.keys.chunks(ROWS_A_STATEMENT) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO key_version ");
            insert.push_values(keys, |mut row, key| {
                row.push_bind(key.position.get().cast_signed())
                    .push_bind(key.label_hash.as_bytes().as_slice())
                    .push_bind(i64::from(key.version))
                    .push_bind(key.opening.as_slice())
                    .push_bind(key.key_set.as_slice());
            });
            insert
                .build()
                .persistent(false)
                .execute(&mut *transaction)
                .await?;
        }
        for statements in batch.statements.chunks(ROWS_A_STATEMENT) {
            let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO statement ");
            insert.push_values(statements, |mut row, statement| {
                row.push_bind(statement.position.get().cast_signed())
                    .push_bind(statement.leaf.as_bytes().as_slice())
                    .push_bind(statement.stream.as_slice())
                    .push_bind(i64::from(statement.seq));
            });
            insert
                .build()
                .persistent(false)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// P5: all objects of `size` are durable.
    pub async fn materialised(&mut self, size: TreeSize) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE progress SET materialised = ? \
             WHERE materialised <= ? AND (SELECT term FROM lease) = ?",
        )
        .bind(to_sql(size.get())?)
        .bind(to_sql(size.get())?)
        .bind(to_sql(self.term)?)
        .execute(&mut self.connection)
        .await?;
        self.once(done.rows_affected())
    }

    /// P6: the signed note, stored before a byte of it leaves. The primary key refuses a second
    /// root at a size; a size below the newest one is refused here.
    pub async fn signed(
        &mut self,
        tree: &TreeHead,
        note: &[u8],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO checkpoint SELECT ?, ?, ?, NULL, ?, ?, NULL \
             WHERE (SELECT term FROM lease) = ? \
             AND NOT EXISTS (SELECT 1 FROM checkpoint WHERE size >= ?)",
        )
        .bind(to_sql(tree.size.get())?)
        .bind(tree.root.as_bytes().as_slice())
        .bind(note)
        .bind(to_sql(self.term)?)
        .bind(to_sql(now_ms)?)
        .bind(to_sql(self.term)?)
        .bind(to_sql(tree.size.get())?)
        .execute(&mut self.connection)
        .await?;
        self.once(done.rows_affected())
    }

    /// P7: the note with the cosignatures that satisfied the policy, before it is published.
    pub async fn cosigned(&mut self, size: TreeSize, note: &[u8]) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE checkpoint SET cosigned = ? WHERE size = ? AND (SELECT term FROM lease) = ?",
        )
        .bind(note)
        .bind(to_sql(size.get())?)
        .bind(to_sql(self.term)?)
        .execute(&mut self.connection)
        .await?;
        self.once(done.rows_affected())
    }

    /// P9: the checkpoint of `size` is public.
    pub async fn published(&mut self, size: TreeSize, now_ms: u64) -> Result<(), StoreError> {
        let term = self.term;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let moved = sqlx::query(
            "UPDATE progress SET published = ? \
             WHERE published <= ? AND (SELECT term FROM lease) = ?",
        )
        .bind(to_sql(size.get())?)
        .bind(to_sql(size.get())?)
        .bind(to_sql(term)?)
        .execute(&mut *transaction)
        .await?;
        let marked = sqlx::query(
            "UPDATE checkpoint SET published_at = coalesce(published_at, ?) WHERE size = ?",
        )
        .bind(to_sql(now_ms)?)
        .bind(to_sql(size.get())?)
        .execute(&mut *transaction)
        .await?;
        if moved.rows_affected() != 1 || marked.rows_affected() != 1 {
            return Err(StoreError::Fenced { term });
        }
        transaction.commit().await?;
        Ok(())
    }

    /// What an auditor last cosigned. Only a hint for the next request, so a lost one does no
    /// harm.
    pub async fn auditor_at(&mut self, vkey: &str, size: TreeSize) -> Result<(), StoreError> {
        let done = sqlx::query(
            "INSERT INTO auditor SELECT ?, ? WHERE (SELECT term FROM lease) = ? \
             ON CONFLICT (vkey) DO UPDATE SET size = excluded.size",
        )
        .bind(vkey)
        .bind(to_sql(size.get())?)
        .bind(to_sql(self.term)?)
        .execute(&mut self.connection)
        .await?;
        self.once(done.rows_affected())
    }

    /// Stops the log for good until a person has looked: nothing is written any more.
    pub async fn freeze(&mut self, reason: &str) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE log SET state = 'frozen', reason = ? WHERE (SELECT term FROM lease) = ?",
        )
        .bind(reason)
        .bind(to_sql(self.term)?)
        .execute(&mut self.connection)
        .await?;
        self.once(done.rows_affected())
    }

    /// Ends the connection in good order.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }

    fn once(&self, rows: u64) -> Result<(), StoreError> {
        match rows {
            1 => Ok(()),
            _ => Err(StoreError::Fenced { term: self.term }),
        }
    }
}
