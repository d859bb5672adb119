//! Alerts: one for each fact, as long as it lasts, told once when it begins and once when it ends.
//!
//! What comes back before its end was told is the same alert again, so that an outage that
//! flickers is not told by the hour.

use plainsight_specs::hash::sha256_parts;
use sqlx::AnyConnection;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Event, LogId, Store, StoreError, deliveries, from_db, indexed, text, to_db};
use crate::alert::Alert;

/// An end is told after so many seconds without a return.
pub const QUIET_S: u64 = 600;
/// Open alerts of one kind about one log, at most: a log that breaks a rule a million times is one
/// thing to look at.
pub const MAX_OPEN_OF_CODE: u32 = 100;
/// Kinds of outages, of which the newest cause is kept while they last: the first one may be mended.
const CAUSE_MAY_CHANGE: [&str; 6] = [
    "unreachable",
    "withheld",
    "bad-checkpoint",
    "peer-unreachable",
    "peer-other-key",
    "witnessed-unreachable",
];
/// What is added to an alert that ends for this.
const NO_MORE: &str = " (ended because auditor.toml no longer names it, not because it was mended)";
/// The kind of alert that stands for those that were too many.
pub const FLOOD: &str = "flood";

/// An alert as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAlert {
    /// The row; numbers only grow.
    pub row: u64,
    /// The name of the fact: 32 hex digits, the same wherever it is found.
    pub id: String,
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
    /// How often it ended and came back soon.
    pub again: u64,
    /// When it ended, for what can end.
    pub resolved: Option<u64>,
    /// When an operator acknowledged it, and the public reason.
    pub acknowledged: Option<(u64, String)>,
}

impl KeptAlert {
    /// The origin of the log that it is about, if it is about one: those of the plain witness name it as
    /// their subject.
    pub fn log(&self) -> Option<&str> {
        let is_witnessed = self.code.starts_with("witness");
        let witnessed = is_witnessed.then_some(self.subject.as_str());
        self.origin.as_deref().or(witnessed)
    }

    /// Whom or what it is about, for people.
    pub fn about(&self) -> &str {
        self.log().unwrap_or("this auditor")
    }

    /// Whether somebody has to look at it: it lasts, and nobody acknowledged it.
    pub fn is_open(&self) -> bool {
        self.resolved.is_none() && self.acknowledged.is_none()
    }
}

impl Store {
    /// Raises an alert; gives whether it is new.
    pub async fn raise(
        &self,
        log: Option<LogId>,
        alert: &Alert,
        time: u64,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let new = insert(&mut transaction, log, alert, time).await?;
        transaction.commit().await?;
        Ok(new)
    }

    /// Ends what lasted: all open alerts of a log with this code.
    pub async fn resolve(&self, log: LogId, code: &str, time: u64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE alerts SET resolved = $1 WHERE log = $2 AND code = $3 AND resolved IS NULL",
        )
        .bind(to_db(time))
        .bind(log.0)
        .bind(code)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends one fact about this auditor itself.
    pub async fn resolve_own(
        &self,
        code: &str,
        subject: &str,
        time: u64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE alerts SET resolved = $1
             WHERE log IS NULL AND code = $2 AND subject = $3 AND resolved IS NULL",
        )
        .bind(to_db(time))
        .bind(code)
        .bind(indexed(subject))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Which facts of this kind about this auditor itself last: their subjects.
    pub async fn own_lasting(&self, code: &str) -> Result<Vec<String>, StoreError> {
        let subjects = sqlx::query_scalar(
            "SELECT subject FROM alerts
             WHERE log IS NULL AND code = $1 AND resolved IS NULL ORDER BY id",
        )
        .bind(code)
        .fetch_all(&self.pool)
        .await?;
        Ok(subjects)
    }

    /// Ends what lasted about logs and auditors that are configured no more, and says why. What was proven
    /// of a log stays: that it is no longer followed mends nothing.
    pub async fn end_of_others(
        &self,
        logs: &[LogId],
        subjects: &[&str],
        time: u64,
    ) -> Result<(), StoreError> {
        let lasting: Vec<(i64, Option<i64>, String, String)> = sqlx::query_as(
            "SELECT id, log, code, subject FROM alerts WHERE resolved IS NULL AND severity <> 'tamper'",
        )
        .fetch_all(&self.pool)
        .await?;
        for (id, log, code, subject) in lasting {
            let is_named = code.starts_with("witness") || code.starts_with("peer-");
            let is_other = match log {
                Some(log) => !logs.contains(&LogId(log)),
                None => is_named && !subjects.contains(&subject.as_str()),
            };
            if is_other {
                sqlx::query("UPDATE alerts SET resolved = $1, text = text || $2 WHERE id = $3")
                    .bind(to_db(time))
                    .bind(NO_MORE)
                    .bind(id)
                    .execute(&self.pool)
                    .await?;
            }
        }
        Ok(())
    }

    /// Acknowledges an alert, by its id, for a public reason; gives whether it was there and
    /// nobody had.
    pub async fn acknowledge_alert(
        &self,
        id: &str,
        reason: &str,
        time: u64,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let row: Option<i64> = sqlx::query_scalar(
            "UPDATE alerts SET acknowledged = $1, reason = $2
             WHERE name = $3 AND acknowledged IS NULL RETURNING id",
        )
        .bind(to_db(time))
        .bind(text(reason))
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(row) = row {
            deliveries::insert(&mut transaction, row, Event::Acknowledged, time).await?;
        }
        transaction.commit().await?;
        Ok(row.is_some())
    }

    /// Acknowledges the alert about a fact, if there is one.
    pub async fn acknowledge_fact(
        &self,
        log: LogId,
        code: &str,
        subject: &str,
        reason: &str,
        time: u64,
    ) -> Result<(), StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM alerts
             WHERE log = $1 AND code = $2 AND subject = $3 AND acknowledged IS NULL",
        )
        .bind(log.0)
        .bind(code)
        .bind(indexed(subject))
        .fetch_all(&self.pool)
        .await?;
        for id in ids {
            self.acknowledge_alert(&id, reason, time).await?;
        }
        Ok(())
    }

    /// The newest alerts, the newest first.
    pub async fn alerts(&self, limit: u32) -> Result<Vec<KeptAlert>, StoreError> {
        let rows = sqlx::query(
            "SELECT alerts.*, logs.origin AS origin FROM alerts LEFT JOIN logs ON logs.id = alerts.log
             ORDER BY alerts.id DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(kept).collect()
    }

    /// How many alerts are open, by severity.
    pub async fn open_alerts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT severity, count(*) AS number FROM alerts
             WHERE resolved IS NULL AND acknowledged IS NULL GROUP BY severity",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let number = from_db(row.try_get("number")?);
                Ok((
                    row.try_get("severity")?,
                    number.ok_or(StoreError::Corrupt("number"))?,
                ))
            })
            .collect()
    }
}

pub(super) fn kept(row: &AnyRow) -> Result<KeptAlert, StoreError> {
    let number = |column| -> Result<Option<u64>, StoreError> {
        let value: Option<i64> = row.try_get(column)?;
        Ok(value.and_then(from_db))
    };
    let required = |column| number(column)?.ok_or(StoreError::Corrupt(column));
    let reason: Option<String> = row.try_get("reason")?;
    Ok(KeptAlert {
        row: required("id")?,
        id: row.try_get("name")?,
        origin: row.try_get("origin")?,
        severity: row.try_get("severity")?,
        code: row.try_get("code")?,
        subject: row.try_get("subject")?,
        text: row.try_get("text")?,
        time: required("time")?,
        again: required("again")?,
        resolved: number("resolved")?,
        acknowledged: number("acknowledged")?.zip(reason),
    })
}

/// Keeps an alert and what is to be told of it, within the caller's transaction.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    log: Option<LogId>,
    alert: &Alert,
    time: u64,
) -> Result<bool, StoreError> {
    if lasts(connection, log, alert).await? || comes_back(connection, log, alert).await? {
        if CAUSE_MAY_CHANGE.contains(&alert.code) {
            tell_anew(connection, log, alert).await?;
        }
        return Ok(false);
    }
    let open = open_of_code(connection, log, alert.code).await?;
    if open < MAX_OPEN_OF_CODE {
        return add(connection, log, alert, time).await;
    }
    let flood = Alert {
        severity: alert.severity,
        code: FLOOD,
        subject: alert.code.into(),
        text: format!(
            "more than {MAX_OPEN_OF_CODE} alerts of the kind {:?} are open; further ones are not listed",
            alert.code
        ),
    };
    if lasts(connection, log, &flood).await? || comes_back(connection, log, &flood).await? {
        return Ok(false);
    }
    add(connection, log, &flood, time).await
}

async fn lasts(
    connection: &mut AnyConnection,
    log: Option<LogId>,
    alert: &Alert,
) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM alerts WHERE log IS NOT DISTINCT FROM $1 AND code = $2 AND subject = $3 AND resolved IS NULL",
    )
    .bind(log.map(|log| log.0))
    .bind(alert.code)
    .bind(indexed(&alert.subject))
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// Whether the fact ended and nobody has been told so yet: then it never ended.
async fn comes_back(
    connection: &mut AnyConnection,
    log: Option<LogId>,
    alert: &Alert,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE alerts SET resolved = NULL, again = again + 1
         WHERE id = (SELECT max(id) FROM alerts WHERE log IS NOT DISTINCT FROM $1 AND code = $2
                     AND subject = $3)
           AND end_told = 0",
    )
    .bind(log.map(|log| log.0))
    .bind(alert.code)
    .bind(indexed(&alert.subject))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps the newest words of a fact that lasts.
async fn tell_anew(
    connection: &mut AnyConnection,
    log: Option<LogId>,
    alert: &Alert,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE alerts SET text = $1 WHERE log IS NOT DISTINCT FROM $2 AND code = $3 AND subject = $4
           AND resolved IS NULL AND text <> $1",
    )
    .bind(text(&alert.text))
    .bind(log.map(|log| log.0))
    .bind(alert.code)
    .bind(indexed(&alert.subject))
    .execute(connection)
    .await?;
    Ok(())
}

async fn open_of_code(
    connection: &mut AnyConnection,
    log: Option<LogId>,
    code: &str,
) -> Result<u32, StoreError> {
    let open: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM alerts
         WHERE log IS NOT DISTINCT FROM $1 AND code = $2 AND resolved IS NULL
           AND acknowledged IS NULL",
    )
    .bind(log.map(|log| log.0))
    .bind(code)
    .fetch_one(connection)
    .await?;
    Ok(u32::try_from(open).unwrap_or(u32::MAX))
}

async fn add(
    connection: &mut AnyConnection,
    log: Option<LogId>,
    alert: &Alert,
    time: u64,
) -> Result<bool, StoreError> {
    let log = log.map(|log| log.0);
    let origin: Option<String> = sqlx::query_scalar("SELECT origin FROM logs WHERE id = $1")
        .bind(log)
        .fetch_optional(&mut *connection)
        .await?;
    let before: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM alerts WHERE log IS NOT DISTINCT FROM $1 AND code = $2 AND subject = $3",
    )
    .bind(log)
    .bind(alert.code)
    .bind(indexed(&alert.subject))
    .fetch_one(&mut *connection)
    .await?;
    let row: i64 = sqlx::query_scalar(
        "INSERT INTO alerts (name, log, severity, code, subject, text, time)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
    )
    .bind(name(&origin.unwrap_or_default(), alert, before))
    .bind(log)
    .bind(alert.severity.as_str())
    .bind(alert.code)
    .bind(indexed(&alert.subject))
    .bind(text(&alert.text))
    .bind(to_db(time))
    .fetch_one(&mut *connection)
    .await?;
    deliveries::insert(connection, row, Event::Raised, time).await?;
    Ok(true)
}

/// The name of a fact: which log, what, which one, and the how manieth time.
fn name(origin: &str, alert: &Alert, before: i64) -> String {
    let before = before.to_string();
    let parts = [origin, alert.code, &alert.subject, &before].map(str::as_bytes);
    let [origin, code, subject, before] = parts;
    let hash = sha256_parts(&[
        b"plainsight/alert/v1\n",
        origin,
        b"\n",
        code,
        b"\n",
        subject,
        b"\n",
        before,
    ]);
    hash.to_hex().chars().take(32).collect()
}
