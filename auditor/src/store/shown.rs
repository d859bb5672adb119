//! Heads that the log signed and that others showed, or the log itself: the newest of each peer, and
//! without a source all that are not yet, or badly, explained, by whatever way they came.

use plainsight_specs::merkle::{TreeHead, TreeSize};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{LogId, Store, StoreError, from_db, hash, indexed, size, text, to_db};
use crate::peers::{HeadVerdict, ShownHead};

/// Heads of one log that are kept without being explained, at most: about 40 MB. An honest log that
/// is audited hours behind its tip stays below it.
pub const MAX_UNEXPLAINED: u32 = 65_536;
/// A log on hold is so until as few heads as this are unexplained.
pub const CALM: u32 = MAX_UNEXPLAINED / 16;
/// Of those without a source, this many are listed.
const LISTED: u32 = 64;

/// What became of a head that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is there, as before or now.
    There,
    /// The log has contradicted itself, and is convicted: one conviction is enough.
    Convicted,
    /// As many as can be are there, and this one is not.
    NoRoom,
}

impl Store {
    /// Keeps a head that the log signed and that is not explained, whoever showed it, if fewer than
    /// `room` are there. It is durable when this returns. None is ever dropped for another.
    pub async fn keep_unexplained(
        &self,
        log: LogId,
        head: TreeHead,
        note: &[u8],
        room: u32,
        time: u64,
    ) -> Result<Kept, StoreError> {
        if self.is_kept(log, head).await? {
            return Ok(Kept::There);
        }
        if self.conviction(log).await?.is_some() {
            return Ok(Kept::Convicted);
        }
        let _turn = self.turns.lock().await;
        let nothing = crate::audit::State::nothing_signed();
        let mut transaction = self.begin().await?;
        let kept = sqlx::query(
            "INSERT INTO shown (log, source, size, root, note, verdict, detail, own_size, own_root,
                                time)
             SELECT $1, '', $2, $3, $4, $5, $6, $7, $8, $9
             WHERE (SELECT count(*) FROM shown WHERE log = $10 AND source = '') < $11
             ON CONFLICT DO NOTHING",
        )
        .bind(log.0)
        .bind(to_db(head.size.get()))
        .bind(head.root.as_bytes().as_slice())
        .bind(note)
        .bind(HeadVerdict::Unproven.as_str())
        .bind("it is kept, and held against the log as more of it is held")
        .bind(to_db(nothing.size.get()))
        .bind(nothing.root.as_bytes().as_slice())
        .bind(to_db(time))
        .bind(log.0)
        .bind(i64::from(room))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        if kept.rows_affected() == 1 || self.is_kept(log, head).await? {
            Ok(Kept::There)
        } else {
            Ok(Kept::NoRoom)
        }
    }

    async fn is_kept(&self, log: LogId, head: TreeHead) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT 1 FROM shown WHERE log = $1 AND source = '' AND size = $2 AND root = $3",
        )
        .bind(log.0)
        .bind(to_db(head.size.get()))
        .bind(head.root.as_bytes().as_slice())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.is_some())
    }

    /// How many heads without a source are kept of a log.
    pub async fn unexplained(&self, log: LogId) -> Result<u32, StoreError> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM shown WHERE log = $1 AND source = ''")
                .bind(log.0)
                .fetch_one(&self.pool)
                .await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Keeps the newest head of a peer, in the place of the one before.
    pub async fn keep_shown(&self, log: LogId, shown: &ShownHead) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("DELETE FROM shown WHERE log = $1 AND source = $2")
            .bind(log.0)
            .bind(&shown.source)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO shown (log, source, size, root, note, verdict, detail, evidence,
                                own_size, own_root, time)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(log.0)
        .bind(&shown.source)
        .bind(to_db(shown.head.size.get()))
        .bind(shown.head.root.as_bytes().as_slice())
        .bind(shown.note.as_slice())
        .bind(shown.verdict.as_str())
        .bind(text(&shown.detail))
        .bind(&shown.evidence)
        .bind(to_db(shown.own.size.get()))
        .bind(shown.own.root.as_bytes().as_slice())
        .bind(to_db(shown.time))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Says what was found out about a head that is kept; nothing, if it is not.
    pub async fn judge_unexplained(&self, log: LogId, shown: &ShownHead) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE shown SET verdict = $1, detail = $2, evidence = $3, own_size = $4, own_root = $5,
                              time = $6
             WHERE log = $7 AND source = '' AND size = $8 AND root = $9",
        )
        .bind(shown.verdict.as_str())
        .bind(text(&shown.detail))
        .bind(&shown.evidence)
        .bind(to_db(shown.own.size.get()))
        .bind(shown.own.root.as_bytes().as_slice())
        .bind(to_db(shown.time))
        .bind(log.0)
        .bind(to_db(shown.head.size.get()))
        .bind(shown.head.root.as_bytes().as_slice())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets heads that were explained: they are heads of the tree that is held.
    pub async fn forget_explained(&self, log: LogId, heads: &[TreeHead]) -> Result<(), StoreError> {
        if heads.is_empty() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        for head in heads {
            sqlx::query(
                "DELETE FROM shown WHERE log = $1 AND source = '' AND size = $2 AND root = $3",
            )
            .bind(log.0)
            .bind(to_db(head.size.get()))
            .bind(head.root.as_bytes().as_slice())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The heads that peers show, then the newest of the others, those that convict first.
    pub async fn shown(&self, log: LogId) -> Result<Vec<ShownHead>, StoreError> {
        let peers =
            sqlx::query("SELECT * FROM shown WHERE log = $1 AND source > '' ORDER BY source DESC")
                .bind(log.0)
                .fetch_all(&self.pool)
                .await?;
        let others = sqlx::query(
            "SELECT * FROM shown WHERE log = $1 AND source = ''
             ORDER BY evidence IS NULL, time DESC, size DESC LIMIT $2",
        )
        .bind(log.0)
        .bind(i64::from(LISTED))
        .fetch_all(&self.pool)
        .await?;
        peers.iter().chain(&others).map(shown_head).collect()
    }

    /// The first heads that are not explained and now can be, since so much is held: they were not
    /// yet held against as much.
    pub async fn explicable(
        &self,
        log: LogId,
        held: TreeSize,
        limit: u32,
    ) -> Result<Vec<ShownHead>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM shown WHERE log = $1 AND source = '' AND verdict = 'unproven'
               AND size <= $2 AND own_size < $3 ORDER BY size, root LIMIT $4",
        )
        .bind(log.0)
        .bind(to_db(held.get()))
        .bind(to_db(held.get()))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(shown_head).collect()
    }

    /// The first head above a size that is not explained.
    pub async fn unexplained_above(
        &self,
        log: LogId,
        size: TreeSize,
    ) -> Result<Option<ShownHead>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM shown WHERE log = $1 AND source = '' AND verdict = 'unproven'
               AND size > $2 ORDER BY size, root LIMIT 1",
        )
        .bind(log.0)
        .bind(to_db(size.get()))
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(shown_head).transpose()
    }

    /// A kept head of the same size with another root.
    pub async fn rival(&self, log: LogId, head: TreeHead) -> Result<Option<ShownHead>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM shown WHERE log = $1 AND source = '' AND size = $2 AND root <> $3 LIMIT 1",
        )
        .bind(log.0)
        .bind(to_db(head.size.get()))
        .bind(head.root.as_bytes().as_slice())
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(shown_head).transpose()
    }

    /// Of two kept heads of one size, the second, if there are two.
    pub async fn any_rival(&self, log: LogId) -> Result<Option<ShownHead>, StoreError> {
        let row = sqlx::query(
            "SELECT second.* FROM shown AS first JOIN shown AS second
               ON second.log = first.log AND second.source = '' AND second.size = first.size
                  AND second.root > first.root
             WHERE first.log = $1 AND first.source = '' LIMIT 1",
        )
        .bind(log.0)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(shown_head).transpose()
    }

    /// Whether an alert of this kind about a log lasts.
    pub async fn lasts(&self, log: LogId, code: &str) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT 1 FROM alerts WHERE log = $1 AND code = $2 AND resolved IS NULL LIMIT 1",
        )
        .bind(log.0)
        .bind(code)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.is_some())
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
            "UPDATE alerts SET resolved = $1
             WHERE log IS NOT DISTINCT FROM $2 AND code = $3 AND subject = $4 AND resolved IS NULL",
        )
        .bind(to_db(time))
        .bind(log.map(|log| log.0))
        .bind(code)
        .bind(indexed(subject))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

fn shown_head(row: &AnyRow) -> Result<ShownHead, StoreError> {
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
