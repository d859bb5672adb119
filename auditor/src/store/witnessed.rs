//! What the plain witness keeps: of each log the head that it cosigned last.

use plainsight_specs::merkle::{TreeHead, TreeSize};
use sqlx::Row as _;

use super::{Kept, Store, StoreError, from_db, hash, size, to_db};
use crate::alert::Alert;
use crate::audit::State;

/// A log as the plain witness knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The head cosigned last; the empty tree if none was.
    pub head: TreeHead,
    /// Its note with the witness's line.
    pub note: Option<Vec<u8>>,
    /// When it was cosigned, in POSIX seconds.
    pub time: Option<u64>,
    /// Whether the witness had signed a head that it does not know of.
    pub rolled_back: bool,
    /// When the log contradicted itself, in POSIX seconds.
    pub broken: Option<u64>,
    /// The address of the evidence about that.
    pub evidence: Option<String>,
}

impl Witnessed {
    /// Whether a head that was signed is not known here: this is an old copy.
    pub fn is_behind(&self, signed: TreeHead) -> bool {
        signed.size > self.head.size || (signed.size == self.head.size && signed != self.head)
    }
}

impl Store {
    /// Keeps a head that a witnessed log signed and that is not cosigned, if fewer than `room` are
    /// there. It is durable when this returns, and never dropped for another.
    pub async fn keep_witnessed_head(
        &self,
        origin: &str,
        head: TreeHead,
        note: &[u8],
        room: u32,
        time: u64,
    ) -> Result<Kept, StoreError> {
        let _turn = self.turns.lock().await;
        let mut transaction = self.begin().await?;
        let kept = sqlx::query(
            "INSERT INTO witnessed_heads (origin, size, root, note, time)
             SELECT $1, $2, $3, $4, $5
             WHERE (SELECT count(*) FROM witnessed_heads WHERE origin = $6) < $7
             ON CONFLICT DO NOTHING",
        )
        .bind(origin)
        .bind(to_db(head.size.get()))
        .bind(head.root.as_bytes().as_slice())
        .bind(note)
        .bind(to_db(time))
        .bind(origin)
        .bind(i64::from(room))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        if kept.rows_affected() == 1 {
            return Ok(Kept::There);
        }
        let there = sqlx::query(
            "SELECT 1 FROM witnessed_heads WHERE origin = $1 AND size = $2 AND root = $3",
        )
        .bind(origin)
        .bind(to_db(head.size.get()))
        .bind(head.root.as_bytes().as_slice())
        .fetch_optional(&self.pool)
        .await?;
        Ok(there.map_or(Kept::NoRoom, |_| Kept::There))
    }

    /// The note of a kept head of the same size with another root.
    pub async fn witnessed_rival(
        &self,
        origin: &str,
        head: TreeHead,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT note FROM witnessed_heads WHERE origin = $1 AND size = $2 AND root <> $3 LIMIT 1",
        )
        .bind(origin)
        .bind(to_db(head.size.get()))
        .bind(head.root.as_bytes().as_slice())
        .fetch_optional(&self.pool)
        .await?)
    }

    /// The notes of the first kept heads that are not larger than `size`.
    pub async fn witnessed_heads(
        &self,
        origin: &str,
        size: TreeSize,
        limit: u32,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT note FROM witnessed_heads WHERE origin = $1 AND size <= $2
             ORDER BY size, root LIMIT $3",
        )
        .bind(origin)
        .bind(to_db(size.get()))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Forgets a kept head that was explained.
    pub async fn forget_witnessed_head(
        &self,
        origin: &str,
        head: TreeHead,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM witnessed_heads WHERE origin = $1 AND size = $2 AND root = $3")
            .bind(origin)
            .bind(to_db(head.size.get()))
            .bind(head.root.as_bytes().as_slice())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Forgets the kept heads that are not larger than `size`.
    pub async fn forget_witnessed_heads(
        &self,
        origin: &str,
        size: TreeSize,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM witnessed_heads WHERE origin = $1 AND size <= $2")
            .bind(origin)
            .bind(to_db(size.get()))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// How many heads of a witnessed log are kept.
    pub async fn witnessed_unexplained(&self, origin: &str) -> Result<u32, StoreError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM witnessed_heads WHERE origin = $1")
                .bind(origin)
                .fetch_one(&self.pool)
                .await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Adds a log, if it is not there.
    pub async fn add_witnessed(&self, origin: &str) -> Result<(), StoreError> {
        let nothing = State::nothing_signed();
        sqlx::query(
            "INSERT INTO witnessed (origin, size, root) VALUES ($1, 0, $2)
             ON CONFLICT (origin) DO NOTHING",
        )
        .bind(origin)
        .bind(nothing.root.as_bytes().as_slice())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// A log that was added.
    pub async fn witnessed(&self, origin: &str) -> Result<Witnessed, StoreError> {
        let row = sqlx::query("SELECT * FROM witnessed WHERE origin = $1")
            .bind(origin)
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| StoreError::UnknownLog(origin.into()))?;
        let number = |column| -> Result<Option<u64>, StoreError> {
            Ok(row.try_get::<Option<i64>, _>(column)?.and_then(from_db))
        };
        Ok(Witnessed {
            head: TreeHead {
                size: size(&row, "size")?,
                root: hash(row.try_get("root")?, "root")?,
            },
            note: row.try_get("note")?,
            time: number("time")?,
            rolled_back: number("rolled_back")?.is_some(),
            broken: number("broken")?,
            evidence: row.try_get("evidence")?,
        })
    }

    /// Moves the head cosigned last from `from` to `to`, if it still is `from`. Nothing may be
    /// shown of the signature in `note` unless this returns without error.
    pub async fn swap_witnessed(
        &self,
        origin: &str,
        from: TreeHead,
        to: TreeHead,
        note: &[u8],
        time: u64,
    ) -> Result<(), StoreError> {
        // SPEC(WIT-6)
        let mut transaction = self.begin().await?;
        let moved = sqlx::query(
            "UPDATE witnessed SET size = $1, root = $2, note = $3, time = $4
             WHERE origin = $5 AND size = $6 AND root = $7 AND broken IS NULL AND rolled_back IS NULL
               AND (size < $8 OR (size = $9 AND root = $10))",
        )
        .bind(to_db(to.size.get()))
        .bind(to.root.as_bytes().as_slice())
        .bind(note)
        .bind(to_db(time))
        .bind(origin)
        .bind(to_db(from.size.get()))
        .bind(from.root.as_bytes().as_slice())
        .bind(to_db(to.size.get()))
        .bind(to_db(to.size.get()))
        .bind(to.root.as_bytes().as_slice())
        .execute(&mut *transaction)
        .await?;
        if moved.rows_affected() != 1 {
            return Err(StoreError::Lost("the head witnessed last"));
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Remembers that a log contradicted itself, and tells of it once.
    pub async fn break_witnessed(
        &self,
        origin: &str,
        evidence: Option<&str>,
        alert: &Alert,
        time: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let new = sqlx::query(
            "UPDATE witnessed SET broken = $1, evidence = $2 WHERE origin = $3 AND broken IS NULL",
        )
        .bind(to_db(time))
        .bind(evidence)
        .bind(origin)
        .execute(&mut *transaction)
        .await?;
        if new.rows_affected() == 1 {
            super::alerts::insert(&mut transaction, None, alert, time).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Remembers that a head was signed that is not known here, and tells of it once.
    pub async fn roll_back_witnessed(
        &self,
        origin: &str,
        alert: &Alert,
        time: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let new = sqlx::query(
            "UPDATE witnessed SET rolled_back = $1 WHERE origin = $2 AND rolled_back IS NULL",
        )
        .bind(to_db(time))
        .bind(origin)
        .execute(&mut *transaction)
        .await?;
        if new.rows_affected() == 1 {
            super::alerts::insert(&mut transaction, None, alert, time).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
