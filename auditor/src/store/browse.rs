//! Questions that only the pages for people ask.

use sqlx::Row as _;

use super::{KeptAlert, KeptBreak, LogId, Store, StoreError, alerts, breaks};

impl Store {
    /// Alerts that last and that nobody acknowledged, the gravest first, then the newest.
    pub async fn open_alert_list(&self, limit: u32) -> Result<Vec<KeptAlert>, StoreError> {
        let rows = sqlx::query(
            "SELECT alerts.*, logs.origin AS origin FROM alerts LEFT JOIN logs ON logs.id = alerts.log
             WHERE alerts.resolved IS NULL AND alerts.acknowledged IS NULL
             ORDER BY CASE alerts.severity WHEN 'tamper' THEN 0 WHEN 'identity' THEN 1
                      WHEN 'policy' THEN 2 WHEN 'availability' THEN 3 ELSE 4 END,
                      alerts.id DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(alerts::kept).collect()
    }

    /// The newest alerts older than the one in row `before`, the newest first.
    pub async fn alerts_before(
        &self,
        before: u64,
        limit: u32,
    ) -> Result<Vec<KeptAlert>, StoreError> {
        let rows = sqlx::query(
            "SELECT alerts.*, logs.origin AS origin FROM alerts LEFT JOIN logs ON logs.id = alerts.log
             WHERE alerts.id < $1 ORDER BY alerts.id DESC LIMIT $2",
        )
        .bind(super::to_db(before))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(alerts::kept).collect()
    }

    /// The alert of this id.
    pub async fn alert(&self, id: &str) -> Result<Option<KeptAlert>, StoreError> {
        let row = sqlx::query(
            "SELECT alerts.*, logs.origin AS origin FROM alerts LEFT JOIN logs ON logs.id = alerts.log
             WHERE alerts.name = $1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(alerts::kept).transpose()
    }

    /// The breaks at a position, or about heads of that size.
    pub async fn breaks_at(&self, log: LogId, at: u64) -> Result<Vec<KeptBreak>, StoreError> {
        let rows = sqlx::query("SELECT * FROM breaks WHERE log = $1 AND at = $2 ORDER BY seen")
            .bind(log.0)
            .bind(super::to_db(at))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(breaks::kept).collect()
    }

    /// The newest evidence about breaks of a log: addresses, rules and places, the newest first.
    pub async fn newest_evidence(
        &self,
        log: LogId,
        limit: u32,
    ) -> Result<Vec<KeptBreak>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM breaks WHERE log = $1 AND evidence IS NOT NULL
             ORDER BY seen DESC, at DESC LIMIT $2",
        )
        .bind(log.0)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(breaks::kept).collect()
    }

    /// The break that this evidence is about, with its log's origin.
    pub async fn break_of_evidence(
        &self,
        id: &str,
    ) -> Result<Option<(String, KeptBreak)>, StoreError> {
        let row = sqlx::query(
            "SELECT breaks.*, logs.origin AS origin FROM breaks JOIN logs ON logs.id = breaks.log
             WHERE breaks.evidence = $1 LIMIT 1",
        )
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref()
            .map(|row| Ok((row.try_get("origin")?, breaks::kept(row)?)))
            .transpose()
    }
}
