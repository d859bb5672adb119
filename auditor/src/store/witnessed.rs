//! What the plain witness keeps: of each log the head that it cosigned last.

use plainsight_specs::merkle::TreeHead;
use sqlx::Row as _;

use super::{Store, StoreError, from_db, hash, size, to_db};
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

impl Store {
    /// Adds a log, if it is not there.
    pub async fn add_witnessed(&self, origin: &str) -> Result<(), StoreError> {
        let nothing = State::nothing_signed();
        sqlx::query(
            "INSERT INTO witnessed (origin, size, root) VALUES (?, 0, ?)
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
        let row = sqlx::query("SELECT * FROM witnessed WHERE origin = ?")
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
        let moved = sqlx::query(
            "UPDATE witnessed SET size = ?, root = ?, note = ?, time = ?
             WHERE origin = ? AND size = ? AND root = ? AND broken IS NULL AND rolled_back IS NULL
               AND (size < ? OR (size = ? AND root = ?))",
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
        .execute(&self.pool)
        .await?;
        if moved.rows_affected() == 1 {
            Ok(())
        } else {
            Err(StoreError::Lost("the head witnessed last"))
        }
    }

    /// Remembers that a log contradicted itself, and tells of it once.
    pub async fn break_witnessed(
        &self,
        origin: &str,
        evidence: Option<&str>,
        alert: &Alert,
        time: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let new = sqlx::query(
            "UPDATE witnessed SET broken = ?, evidence = ? WHERE origin = ? AND broken IS NULL",
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
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let new = sqlx::query(
            "UPDATE witnessed SET rolled_back = ? WHERE origin = ? AND rolled_back IS NULL",
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
