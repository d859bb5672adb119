//! Rules that a log broke, and what its auditor's operator said about them.

use plainsight_specs::merkle::TreeSize;
use plainsight_specs::rules::Rule;
use sqlx::AnyConnection;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{LogId, Store, StoreError, from_db, text, to_db};
use crate::alert;
use crate::audit::Break;

/// A break as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBreak {
    /// The rule and where.
    pub found: Break,
    /// When it was seen, in POSIX seconds.
    pub seen: u64,
    /// The address of its evidence.
    pub evidence: Option<String>,
    /// Why there is none.
    pub unproven: Option<String>,
    /// The operator's public reason to go on.
    pub reason: Option<String>,
}

impl KeptBreak {
    /// Whether cosigning has stopped because of it.
    pub fn is_open(&self) -> bool {
        self.reason.is_none()
    }
}

impl Store {
    /// All breaks of a log, the first in its order first; at most `limit`.
    pub async fn breaks(&self, log: LogId, limit: u32) -> Result<Vec<KeptBreak>, StoreError> {
        let rows = sqlx::query("SELECT * FROM breaks WHERE log = $1 ORDER BY at, seen LIMIT $2")
            .bind(log.0)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(kept).collect()
    }

    /// The breaks at positions, or about heads of sizes, from `first` to before `end`.
    pub async fn breaks_between(
        &self,
        log: LogId,
        first: TreeSize,
        end: TreeSize,
    ) -> Result<Vec<Break>, StoreError> {
        let rows = sqlx::query("SELECT * FROM breaks WHERE log = $1 AND at >= $2 AND at < $3")
            .bind(log.0)
            .bind(to_db(first.get()))
            .bind(to_db(end.get()))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok(kept(row)?.found)).collect()
    }

    /// The first conviction about heads: nothing that it says is undone, so that one is enough.
    pub async fn conviction(&self, log: LogId) -> Result<Option<KeptBreak>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM breaks WHERE log = $1 AND rule IN ('fork', 'extension')
             ORDER BY seen, at LIMIT 1",
        )
        .bind(log.0)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(kept).transpose()
    }

    /// A break as it is kept.
    pub async fn kept_break(
        &self,
        log: LogId,
        found: &Break,
    ) -> Result<Option<KeptBreak>, StoreError> {
        let row = sqlx::query("SELECT * FROM breaks WHERE log = $1 AND at = $2 AND rule = $3")
            .bind(log.0)
            .bind(to_db(found.at))
            .bind(found.rule.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(kept).transpose()
    }

    /// The first break that nobody acknowledged.
    pub async fn open_break(&self, log: LogId) -> Result<Option<Break>, StoreError> {
        let row = sqlx::query(
            "SELECT * FROM breaks WHERE log = $1 AND acknowledged IS NULL ORDER BY at, seen LIMIT 1",
        )
        .bind(log.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.as_ref().map(kept).transpose()?.map(|kept| kept.found))
    }

    /// The first breaks by entries of the first `size` for which evidence was neither made nor
    /// given up.
    pub async fn breaks_without_evidence(
        &self,
        log: LogId,
        size: TreeSize,
        limit: u32,
    ) -> Result<Vec<Break>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM breaks
             WHERE log = $1 AND at < $2 AND evidence IS NULL AND unproven IS NULL
               AND rule NOT IN ('fork', 'extension', 'end')
             ORDER BY at LIMIT $3",
        )
        .bind(log.0)
        .bind(to_db(size.get()))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(kept(row)?.found)).collect()
    }

    /// The addresses of all evidence about a log.
    pub async fn evidence_of(&self, log: LogId) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT DISTINCT evidence FROM breaks WHERE log = $1 AND evidence IS NOT NULL",
        )
        .bind(log.0)
        .fetch_all(&self.pool)
        .await?)
    }

    /// Remembers that evidence is being put together, before that begins; gives how often it was begun
    /// before and not ended.
    pub async fn begin_proof(&self, log: LogId, found: &Break) -> Result<u32, StoreError> {
        let times: i64 = sqlx::query_scalar(
            "INSERT INTO proofs_begun (log, at, rule, times) VALUES ($1, $2, $3, 1)
             ON CONFLICT (log, at, rule) DO UPDATE SET times = proofs_begun.times + 1
             RETURNING times",
        )
        .bind(log.0)
        .bind(to_db(found.at))
        .bind(found.rule.as_str())
        .fetch_one(&self.pool)
        .await?;
        Ok(u32::try_from(times.saturating_sub(1)).unwrap_or(u32::MAX))
    }

    /// Forgets that evidence was begun: whatever came of it, this program lived.
    pub async fn end_proof(&self, log: LogId, found: &Break) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM proofs_begun WHERE log = $1 AND at = $2 AND rule = $3")
            .bind(log.0)
            .bind(to_db(found.at))
            .bind(found.rule.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Whether the entry at `position` is void.
    pub async fn is_void(&self, log: LogId, position: u64) -> Result<bool, StoreError> {
        let breaks = sqlx::query("SELECT * FROM breaks WHERE log = $1 AND at = $2")
            .bind(log.0)
            .bind(to_db(position))
            .fetch_all(&self.pool)
            .await?;
        for row in &breaks {
            if !kept(row)?.found.is_about_head() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps a break with the address of its evidence, or with why there is none, and tells of it
    /// if it is new; one that is known keeps its first evidence.
    pub async fn keep_break(
        &self,
        log: LogId,
        found: &Break,
        evidence: Result<&str, &str>,
        time: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let known = sqlx::query("SELECT 1 FROM breaks WHERE log = $1 AND at = $2 AND rule = $3")
            .bind(log.0)
            .bind(to_db(found.at))
            .bind(found.rule.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        let (id, why) = (evidence.ok(), evidence.err());
        insert(&mut transaction, log, found, id, why, time).await?;
        if known.is_none() {
            // In the same step, so that each break is told of once, whatever dies meanwhile.
            let alert = alert::broken(found);
            super::alerts::insert(&mut transaction, Some(log), &alert, time).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Acknowledges a break; gives whether it was there and open.
    pub async fn acknowledge(
        &self,
        log: LogId,
        found: &Break,
        reason: &str,
        time: u64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE breaks SET acknowledged = $1, reason = $2
             WHERE log = $3 AND at = $4 AND rule = $5 AND acknowledged IS NULL",
        )
        .bind(to_db(time))
        .bind(text(reason))
        .bind(log.0)
        .bind(to_db(found.at))
        .bind(found.rule.as_str())
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

pub(super) async fn insert(
    connection: &mut AnyConnection,
    log: LogId,
    found: &Break,
    evidence: Option<&str>,
    unproven: Option<&str>,
    time: u64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO breaks (log, at, rule, seen, evidence, unproven) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (log, at, rule) DO UPDATE SET
            evidence = coalesce(breaks.evidence, excluded.evidence),
            unproven = CASE WHEN coalesce(breaks.evidence, excluded.evidence) IS NULL
                            THEN coalesce(excluded.unproven, breaks.unproven) END",
    )
    .bind(log.0)
    .bind(to_db(found.at))
    .bind(found.rule.as_str())
    .bind(to_db(time))
    .bind(evidence)
    .bind(unproven.map(text))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) fn kept(row: &AnyRow) -> Result<KeptBreak, StoreError> {
    let rule = Rule::parse(row.try_get("rule")?).ok_or(StoreError::Corrupt("rule"))?;
    Ok(KeptBreak {
        found: Break {
            at: from_db(row.try_get("at")?).ok_or(StoreError::Corrupt("at"))?,
            rule,
        },
        seen: from_db(row.try_get("seen")?).ok_or(StoreError::Corrupt("seen"))?,
        evidence: row.try_get("evidence")?,
        unproven: row.try_get("unproven")?,
        reason: row.try_get("reason")?,
    })
}
