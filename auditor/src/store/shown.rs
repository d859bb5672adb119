//! Heads that others showed: the newest of each peer, and of readers those that are not yet, or
//! badly, explained.

use plainsight_specs::merkle::{TreeHead, TreeSize};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{LogId, Store, StoreError, from_db, hash, size, to_db};
use crate::peers::{HeadVerdict, ShownHead};

/// Heads of readers that are kept of one log.
const MAX_READERS: u32 = 64;

impl Store {
    /// Keeps a head that was shown: of a peer only this one, of readers the newest few.
    pub async fn keep_shown(&self, log: LogId, shown: &ShownHead) -> Result<(), StoreError> {
        let keep = if shown.source.is_empty() {
            MAX_READERS
        } else {
            1
        };
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "INSERT OR REPLACE INTO shown (log, source, size, root, note, verdict, detail, evidence,
                                           own_size, own_root, time)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(log.0)
        .bind(&shown.source)
        .bind(to_db(shown.head.size.get()))
        .bind(shown.head.root.as_bytes().as_slice())
        .bind(shown.note.as_slice())
        .bind(shown.verdict.as_str())
        .bind(&shown.detail)
        .bind(&shown.evidence)
        .bind(to_db(shown.own.size.get()))
        .bind(shown.own.root.as_bytes().as_slice())
        .bind(to_db(shown.time))
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM shown WHERE log = ? AND source = ? AND rowid NOT IN
               (SELECT rowid FROM shown WHERE log = ? AND source = ? ORDER BY rowid DESC LIMIT ?)",
        )
        .bind(log.0)
        .bind(&shown.source)
        .bind(log.0)
        .bind(&shown.source)
        .bind(keep)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets a reader's head, which was explained.
    pub async fn forget_shown(&self, log: LogId, head: TreeHead) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM shown WHERE log = ? AND source = '' AND size = ? AND root = ?")
            .bind(log.0)
            .bind(to_db(head.size.get()))
            .bind(head.root.as_bytes().as_slice())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// All heads that are kept, those of readers last.
    pub async fn shown(&self, log: LogId) -> Result<Vec<ShownHead>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM shown WHERE log = ? ORDER BY source DESC, rowid DESC")
                .bind(log.0)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(shown_head).collect()
    }

    /// A reader's head that could not be explained and now can be, since more is held.
    pub async fn explicable(
        &self,
        log: LogId,
        held: TreeSize,
    ) -> Result<Option<ShownHead>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM shown WHERE log = ? AND source = '' AND verdict = 'unproven'
               AND size <= ? AND own_size < ? ORDER BY rowid LIMIT 1",
        )
        .bind(log.0)
        .bind(to_db(held.get()))
        .bind(to_db(held.get()))
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(shown_head).transpose()
    }

    /// Ends one fact that lasted.
    pub async fn resolve_subject(
        &self,
        log: Option<LogId>,
        code: &str,
        subject: &str,
        time: u64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE alerts SET resolved = ?
             WHERE log IS ? AND code = ? AND subject = ? AND resolved IS NULL",
        )
        .bind(to_db(time))
        .bind(log.map(|log| log.0))
        .bind(code)
        .bind(subject)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

fn shown_head(row: &SqliteRow) -> Result<ShownHead, StoreError> {
    let verdict: &str = row.try_get("verdict")?;
    Ok(ShownHead {
        source: row.try_get("source")?,
        head: TreeHead {
            size: size(row, "size")?,
            root: hash(row.try_get("root")?, "root")?,
        },
        note: row.try_get("note")?,
        verdict: HeadVerdict::parse(verdict).ok_or(StoreError::Corrupt("verdict"))?,
        detail: row.try_get("detail")?,
        evidence: row.try_get("evidence")?,
        own: TreeHead {
            size: size(row, "own_size")?,
            root: hash(row.try_get("own_root")?, "own_root")?,
        },
        time: from_db(row.try_get("time")?).ok_or(StoreError::Corrupt("time"))?,
    })
}
