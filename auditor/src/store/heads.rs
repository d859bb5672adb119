//! Signed heads: the one mirrored, the one being followed and the one cosigned.

use plainsight_specs::merkle::{TreeHead, TreeSize};

use super::{LogId, Store, StoreError, from_db, to_db};

impl Store {
    /// Keeps the signed head that is followed next, so that a later one can be held against it.
    pub async fn keep_target(&self, log: LogId, note: &[u8]) -> Result<(), StoreError> {
        sqlx::query("UPDATE logs SET target = $1 WHERE id = $2")
            .bind(note)
            .bind(log.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Keeps a signed head of which everything is held.
    pub async fn keep_mirrored(&self, log: LogId, note: &[u8]) -> Result<(), StoreError> {
        sqlx::query("UPDATE logs SET mirrored = $1 WHERE id = $2")
            .bind(note)
            .bind(log.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Moves the head signed last from `from` to `to`, if it still is `from`. Nothing may be
    /// shown of the signature in `note` unless this returns without error.
    pub async fn swap_signed(
        &self,
        log: LogId,
        from: TreeHead,
        to: TreeHead,
        note: &[u8],
        time: u64,
    ) -> Result<(), StoreError> {
        let _turn = self.turns.lock().await;
        // SPEC(WIT-6): one statement, so check and write are one step whoever else is connected. The last
        // condition cannot fail if the caller is right.
        let mut transaction = self.begin().await?;
        let moved = sqlx::query(
            "UPDATE logs SET signed_size = $1, signed_root = $2, signed_note = $3, signed_time = $4
             WHERE id = $5 AND signed_size = $6 AND signed_root = $7
               AND (signed_size < $8 OR (signed_size = $9 AND signed_root = $10))",
        )
        .bind(to_db(to.size.get()))
        .bind(to.root.as_bytes().as_slice())
        .bind(note)
        .bind(to_db(time))
        .bind(log.0)
        .bind(to_db(from.size.get()))
        .bind(from.root.as_bytes().as_slice())
        .bind(to_db(to.size.get()))
        .bind(to_db(to.size.get()))
        .bind(to.root.as_bytes().as_slice())
        .execute(&mut *transaction)
        .await?;
        if moved.rows_affected() != 1 {
            return Err(StoreError::Lost("the head signed last"));
        }
        super::marks::keep_cosigned(&mut transaction, log, to, note, time).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Remembers that we had signed a head that we do not know of.
    pub async fn keep_rolled_back(&self, log: LogId, size: TreeSize) -> Result<(), StoreError> {
        sqlx::query("UPDATE logs SET rolled_back = $1 WHERE id = $2")
            .bind(to_db(size.get()))
            .bind(log.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// How many entries of a log are held and replayed.
    pub async fn held(&self, log: LogId) -> Result<u64, StoreError> {
        let held: i64 = sqlx::query_scalar("SELECT held FROM logs WHERE id = $1")
            .bind(log.0)
            .fetch_one(&self.pool)
            .await?;
        from_db(held).ok_or(StoreError::Corrupt("held"))
    }
}
