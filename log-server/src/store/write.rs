//! Writing, under a term.

use std::time::Duration;

use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use sqlx::{Any, AnyConnection, AssertSqlSafe, Connection as _, Transaction};

use super::answers::insert_answers;
use super::{
    Batch, DatabaseAddress, NewKey, NewStatement, Store, StoreError, placeholders, to_sql,
};

/// Rows of one INSERT, so that a full one is the same text each time.
const ROWS_A_STATEMENT: usize = 256;
/// How long a write may take before its result is taken for unknown.
const WRITE: Duration = Duration::from_secs(15);

/// The one writer. After any error it must be dropped: what the database holds is then unknown.
///
/// Every write is a transaction that first moves the beat of the lease, and so holds the lease's
/// row until it ends: whoever takes over waits for it, and whoever was replaced moves nothing.
#[derive(Debug)]
pub struct Writer {
    connection: AnyConnection,
    address: DatabaseAddress,
    term: u64,
    #[cfg(test)]
    faults: super::fault::Faults,
}

impl Store {
    pub(super) fn writer(&self, connection: AnyConnection, term: u64) -> Writer {
        Writer {
            connection,
            address: self.address.clone(),
            term,
            #[cfg(test)]
            faults: self.faults.clone(),
        }
    }

    /// Erases what opens one version of a label. Whether there was such a version.
    ///
    /// In a file the bytes are overwritten, and the write-ahead log is emptied if nobody reads it
    /// just now; `PostgreSQL` overwrites them when it vacuums the table.
    pub async fn forget(&self, label_hash: &Hash, version: u32) -> Result<bool, StoreError> {
        let mut connection = self.address.connect().await?;
        let (before, after) = self.address.erasing();
        for setting in before {
            sqlx::raw_sql(*setting).execute(&mut connection).await?;
        }
        let done = sqlx::query(
            "UPDATE key_version SET opening = NULL, key_set = NULL \
             WHERE label_hash = $1 AND version = $2",
        )
        .bind(label_hash.as_bytes().as_slice())
        .bind(i64::from(version))
        .execute(&mut connection)
        .await?;
        for setting in after {
            sqlx::raw_sql(*setting).execute(&mut connection).await?;
        }
        connection.close().await?;
        Ok(done.rows_affected() == 1)
    }
}

impl Writer {
    /// The term this writer holds.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// The commit point of sequencing: head, segment and private rows, all or nothing.
    pub async fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.write("commit", async |transaction| {
            let moved = sqlx::query(
                "UPDATE head SET size = $1, root = $2, epoch_size = $3, last_ms = $4 \
                 WHERE size = $5",
            )
            .bind(to_sql(batch.head.tree.size.get())?)
            .bind(batch.head.tree.root.as_bytes().as_slice())
            .bind(to_sql(batch.head.epoch_size.get())?)
            .bind(to_sql(batch.head.last_ms)?)
            .bind(to_sql(batch.old_size.get())?)
            .execute(&mut **transaction)
            .await?;
            if moved.rows_affected() != 1 {
                return Ok(0);
            }
            sqlx::query("INSERT INTO segment VALUES ($1, $2, $3)")
                .bind(to_sql(batch.segment.start)?)
                .bind(to_sql(batch.segment.count)?)
                .bind(batch.segment.body.as_slice())
                .execute(&mut **transaction)
                .await?;
            insert_keys(transaction, &batch.keys).await?;
            insert_statements(transaction, &batch.statements).await?;
            insert_answers(transaction, &batch.answers).await?;
            Ok(1)
        })
        .await
    }

    /// P5: all objects of `size` are durable.
    pub async fn materialised(&mut self, size: TreeSize) -> Result<(), StoreError> {
        let size = to_sql(size.get())?;
        self.write("materialised", async |transaction| {
            let moved =
                sqlx::query("UPDATE progress SET materialised = $1 WHERE materialised <= $1")
                    .bind(size)
                    .execute(&mut **transaction)
                    .await?;
            Ok(moved.rows_affected())
        })
        .await
    }

    /// P6: the signed note, stored before a byte of it leaves. The primary key refuses a second
    /// root at a size; a size below the newest one is refused here.
    pub async fn signed(
        &mut self,
        tree: &TreeHead,
        note: &[u8],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let (size, term, now_ms) = (
            to_sql(tree.size.get())?,
            to_sql(self.term)?,
            to_sql(now_ms)?,
        );
        self.write("signed", async |transaction| {
            let done = sqlx::query(
                "INSERT INTO checkpoint (size, root, note, term, signed_at) \
                 SELECT $1, $2, $3, $4, $5 \
                 WHERE NOT EXISTS (SELECT 1 FROM checkpoint WHERE size >= $1)",
            )
            .bind(size)
            .bind(tree.root.as_bytes().as_slice())
            .bind(note)
            .bind(term)
            .bind(now_ms)
            .execute(&mut **transaction)
            .await?;
            Ok(done.rows_affected())
        })
        .await
    }

    /// P7: the note with the cosignatures that satisfied the policy, before it is published.
    pub async fn cosigned(&mut self, size: TreeSize, note: &[u8]) -> Result<(), StoreError> {
        let size = to_sql(size.get())?;
        self.write("cosigned", async |transaction| {
            let done = sqlx::query("UPDATE checkpoint SET cosigned = $1 WHERE size = $2")
                .bind(note)
                .bind(size)
                .execute(&mut **transaction)
                .await?;
            Ok(done.rows_affected())
        })
        .await
    }

    /// P9: the checkpoint of `size` is public.
    pub async fn published(&mut self, size: TreeSize, now_ms: u64) -> Result<(), StoreError> {
        let (size, now_ms) = (to_sql(size.get())?, to_sql(now_ms)?);
        self.write("published", async |transaction| {
            let marked = sqlx::query(
                "UPDATE checkpoint SET published_at = coalesce(published_at, $1) WHERE size = $2",
            )
            .bind(now_ms)
            .bind(size)
            .execute(&mut **transaction)
            .await?;
            let moved = sqlx::query("UPDATE progress SET published = $1 WHERE published <= $1")
                .bind(size)
                .execute(&mut **transaction)
                .await?;
            Ok(moved.rows_affected().min(marked.rows_affected()))
        })
        .await
    }

    /// What an auditor last cosigned. Only a hint for the next request, so a lost one does no
    /// harm.
    pub async fn auditor_at(&mut self, vkey: &str, size: TreeSize) -> Result<(), StoreError> {
        let size = to_sql(size.get())?;
        self.write("auditor", async |transaction| {
            let done = sqlx::query(
                "INSERT INTO auditor VALUES ($1, $2) \
                 ON CONFLICT (vkey) DO UPDATE SET size = excluded.size",
            )
            .bind(vkey)
            .bind(size)
            .execute(&mut **transaction)
            .await?;
            Ok(done.rows_affected())
        })
        .await
    }

    /// Stops the log for good until a person has looked: nothing is written any more.
    pub async fn freeze(&mut self, reason: &str) -> Result<(), StoreError> {
        self.write("freeze", async |transaction| {
            let done = sqlx::query("UPDATE log SET state = 'frozen', reason = $1")
                .bind(reason)
                .execute(&mut **transaction)
                .await?;
            Ok(done.rows_affected())
        })
        .await
    }

    /// Deletes at most `limit` of the oldest segments that end at or below `size`. For entries
    /// whose bundles are full, published, read again and compared: the bundles are then the only
    /// copy. How many were deleted.
    pub async fn delete_segments(&mut self, size: TreeSize, limit: u32) -> Result<u64, StoreError> {
        let size = to_sql(size.get())?;
        let mut deleted = 0;
        self.write("delete", async |transaction| {
            let done = sqlx::query(
                "DELETE FROM segment WHERE start IN (SELECT start FROM segment \
                 WHERE start + entries <= $1 ORDER BY start LIMIT $2)",
            )
            .bind(size)
            .bind(i64::from(limit))
            .execute(&mut **transaction)
            .await?;
            deleted = done.rows_affected();
            Ok(1)
        })
        .await?;
        Ok(deleted)
    }

    /// Shows that this writer lives. Every write does; this is for times without any.
    pub async fn beat(&mut self) -> Result<(), StoreError> {
        self.write("beat", async |_| Ok(1)).await
    }

    /// Lets go of the lease and ends the connection in good order.
    pub async fn release(mut self) -> Result<(), StoreError> {
        self.write("release", async |transaction| {
            let done = sqlx::query("UPDATE lease SET holder = ''")
                .execute(&mut **transaction)
                .await?;
            Ok(done.rows_affected())
        })
        .await?;
        Ok(self.connection.close().await?)
    }

    /// Ends the connection, and lets go of nothing: what a crash leaves behind.
    pub async fn abandon(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }

    /// One transaction under the term, which must change one row of what it is about.
    async fn write(
        &mut self,
        what: &'static str,
        work: impl AsyncFnOnce(&mut Transaction<'_, Any>) -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        let term = self.term;
        #[cfg(not(test))]
        let _ = what;
        #[cfg(test)]
        let fault = self.faults.next(what)?;
        let done = tokio::time::timeout(WRITE, async {
            let begin = self.address.begin();
            let mut transaction = self.connection.begin_with(begin).await?;
            let held = sqlx::query("UPDATE lease SET beat = beat + 1 WHERE term = $1")
                .bind(to_sql(term)?)
                .execute(&mut *transaction)
                .await?;
            if held.rows_affected() != 1 || work(&mut transaction).await? != 1 {
                return Err(StoreError::Fenced { term });
            }
            Ok(transaction.commit().await?)
        });
        done.await.map_err(|_| StoreError::Timeout)??;
        #[cfg(test)]
        fault.after()?;
        Ok(())
    }
}

async fn insert_keys(
    transaction: &mut Transaction<'_, Any>,
    keys: &[NewKey],
) -> Result<(), StoreError> {
    for keys in keys.chunks(ROWS_A_STATEMENT) {
        let sql = format!(
            "INSERT INTO key_version VALUES {}",
            placeholders(keys.len(), 5)
        );
        let mut insert = sqlx::query(AssertSqlSafe(sql));
        for key in keys {
            insert = insert
                .bind(to_sql(key.position.get())?)
                .bind(key.label_hash.as_bytes().as_slice())
                .bind(i64::from(key.version))
                .bind(key.opening.as_slice())
                .bind(key.key_set.as_slice());
        }
        insert
            .persistent(keys.len() == ROWS_A_STATEMENT)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn insert_statements(
    transaction: &mut Transaction<'_, Any>,
    statements: &[NewStatement],
) -> Result<(), StoreError> {
    for statements in statements.chunks(ROWS_A_STATEMENT) {
        let rows = placeholders(statements.len(), 4);
        let mut insert = sqlx::query(AssertSqlSafe(format!(
            "INSERT INTO statement VALUES {rows}"
        )));
        for statement in statements {
            insert = insert
                .bind(to_sql(statement.position.get())?)
                .bind(statement.leaf.as_bytes().as_slice())
                .bind(statement.stream.as_slice())
                .bind(i64::from(statement.seq));
        }
        insert
            .persistent(statements.len() == ROWS_A_STATEMENT)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
