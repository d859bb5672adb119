//! Alerts: one for each fact, as long as it lasts.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::{LogId, Store, StoreError, from_db, to_db};
use crate::alert::Alert;

/// An alert as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAlert {
    /// Numbers only grow.
    pub id: u64,
    /// The log it is about.
    pub origin: Option<String>,
    /// See [`crate::alert::Severity`].
    pub severity: String,
    /// What kind of thing.
    pub code: String,
    /// Which one.
    pub subject: String,
    /// For people.
    pub text: String,
    /// When it was raised, in POSIX seconds.
    pub time: u64,
    /// When it ended, for what can end.
    pub resolved: Option<u64>,
}

impl Store {
    /// Raises an alert; gives whether it is new.
    pub async fn raise(
        &self,
        log: Option<LogId>,
        alert: &Alert,
        time: u64,
    ) -> Result<bool, StoreError> {
        let mut connection = self.pool.acquire().await?;
        insert(&mut connection, log, alert, time).await
    }

    /// Ends what lasted: all open alerts of a log with this code.
    pub async fn resolve(&self, log: LogId, code: &str, time: u64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE alerts SET resolved = ? WHERE log = ? AND code = ? AND resolved IS NULL",
        )
        .bind(to_db(time))
        .bind(log.0)
        .bind(code)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The newest alerts, the newest first.
    pub async fn alerts(&self, limit: u32) -> Result<Vec<KeptAlert>, StoreError> {
        let rows = sqlx::query(
            "SELECT alerts.*, logs.origin AS origin FROM alerts LEFT JOIN logs ON logs.id = alerts.log
             ORDER BY alerts.id DESC LIMIT ?",
        )
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let mut alerts = Vec::with_capacity(rows.len());
        for row in &rows {
            let resolved: Option<i64> = row.try_get("resolved")?;
            alerts.push(KeptAlert {
                id: from_db(row.try_get("id")?).ok_or(StoreError::Corrupt("id"))?,
                origin: row.try_get("origin")?,
                severity: row.try_get("severity")?,
                code: row.try_get("code")?,
                subject: row.try_get("subject")?,
                text: row.try_get("text")?,
                time: from_db(row.try_get("time")?).ok_or(StoreError::Corrupt("time"))?,
                resolved: resolved.and_then(from_db),
            });
        }
        Ok(alerts)
    }
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    log: Option<LogId>,
    alert: &Alert,
    time: u64,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT INTO alerts (log, severity, code, subject, text, time) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO NOTHING",
    )
    .bind(log.map(|log| log.0))
    .bind(alert.severity.as_str())
    .bind(alert.code)
    .bind(&alert.subject)
    .bind(&alert.text)
    .bind(to_db(time))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}
