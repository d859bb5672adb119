//! What is still to be told to whom: an outbox beside the alerts.

use sqlx::AnyConnection;
use sqlx::Row as _;

use super::alerts::kept;
use super::{KeptAlert, QUIET_S, Store, StoreError, from_db, text, to_db};
use crate::alert::Severity;

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// It began.
    Raised,
    /// An operator acknowledged it.
    Acknowledged,
    /// It ended, and stayed so.
    Ended,
    /// Nothing happened: somebody tries the channels.
    Test,
}

impl Event {
    /// The word in JSON and in a hook's environment.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Ended => "ended",
            Self::Test => "test",
        }
    }

    fn parse(word: &str) -> Result<Self, StoreError> {
        [Self::Raised, Self::Acknowledged, Self::Ended]
            .into_iter()
            .find(|event| event.as_str() == word)
            .ok_or(StoreError::Corrupt("event"))
    }
}

/// A delivery whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its row.
    pub row: i64,
    /// What happened.
    pub event: Event,
    /// How often it was tried.
    pub tries: u32,
    /// The alert as it is now.
    pub alert: KeptAlert,
}

impl Store {
    /// Sets who is told of what happens from now on: a name and the severities wanted, all if there
    /// are none. What waits for a channel that is gone is given up.
    pub async fn set_channels(
        &self,
        channels: &[(String, Vec<Severity>)],
        time: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("DELETE FROM channels")
            .execute(&mut *transaction)
            .await?;
        for (name, severities) in channels {
            let mut words = String::new();
            for severity in severities {
                words.extend([",", severity.as_str(), ","]);
            }
            sqlx::query("INSERT INTO channels (name, severities) VALUES ($1, $2)")
                .bind(name)
                .bind(words)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(
            "UPDATE deliveries SET failed = 'the channel is gone', done = $1
             WHERE done IS NULL AND failed IS NULL
               AND channel NOT IN (SELECT name FROM channels)",
        )
        .bind(to_db(time))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The first delivery of a channel whose turn it is.
    pub async fn next_delivery(
        &self,
        channel: &str,
        now: u64,
    ) -> Result<Option<Waiting>, StoreError> {
        let row = sqlx::query(
            "SELECT deliveries.id AS delivery, deliveries.event, deliveries.tries,
                    alerts.*, logs.origin AS origin
             FROM deliveries JOIN alerts ON alerts.id = deliveries.alert
                  LEFT JOIN logs ON logs.id = alerts.log
             WHERE deliveries.channel = $1 AND deliveries.due <= $2
               AND deliveries.done IS NULL AND deliveries.failed IS NULL
             ORDER BY deliveries.id LIMIT 1",
        )
        .bind(channel)
        .bind(to_db(now))
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Waiting {
            row: row.try_get("delivery")?,
            event: Event::parse(row.try_get("event")?)?,
            tries: u32::try_from(row.try_get::<i64, _>("tries")?)
                .map_err(|_| StoreError::Corrupt("tries"))?,
            alert: kept(&row)?,
        }))
    }

    /// Marks a delivery as told.
    pub async fn delivered(&self, row: i64, time: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE deliveries SET done = $1, tries = tries + 1 WHERE id = $2")
            .bind(to_db(time))
            .bind(row)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Puts a delivery that failed off until `due`; for ever, if that is `None`.
    pub async fn not_delivered(
        &self,
        row: i64,
        due: Option<u64>,
        why: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE deliveries SET tries = tries + 1, due = coalesce($1, due),
                    failed = CASE WHEN $1 IS NULL THEN $2 END
             WHERE id = $3",
        )
        .bind(due.map(to_db))
        .bind(text(why))
        .bind(row)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Queues the ends that lasted long enough to be told.
    pub async fn queue_ends(&self, now: u64) -> Result<(), StoreError> {
        let due = now.saturating_sub(QUIET_S);
        let waiting: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM alerts WHERE end_told = 0 AND resolved <= $1 LIMIT 1",
        )
        .bind(to_db(due))
        .fetch_optional(&self.pool)
        .await?;
        if waiting.is_none() {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        let rows: Vec<i64> = sqlx::query_scalar(
            "UPDATE alerts SET end_told = 1 WHERE end_told = 0 AND resolved <= $1 RETURNING id",
        )
        .bind(to_db(due))
        .fetch_all(&mut *transaction)
        .await?;
        for row in rows {
            insert(&mut transaction, row, Event::Ended, now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// How many deliveries of each channel were made, wait, and were given up.
    pub async fn delivery_counts(&self) -> Result<Vec<(String, [u64; 3])>, StoreError> {
        let rows = sqlx::query(
            "SELECT channel, sum(CASE WHEN done IS NOT NULL AND failed IS NULL THEN 1 ELSE 0 END) AS made,
                    sum(CASE WHEN done IS NULL AND failed IS NULL THEN 1 ELSE 0 END) AS waiting,
                    sum(CASE WHEN failed IS NOT NULL THEN 1 ELSE 0 END) AS failed
             FROM deliveries GROUP BY channel ORDER BY channel",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut counts = Vec::new();
        for row in &rows {
            let number = |column| -> Result<u64, StoreError> {
                from_db(row.try_get(column)?).ok_or(StoreError::Corrupt(column))
            };
            counts.push((
                row.try_get("channel")?,
                [number("made")?, number("waiting")?, number("failed")?],
            ));
        }
        Ok(counts)
    }
}

/// Queues an event for every channel that wants it, within the caller's transaction. That a channel
/// fails is told to the others.
pub(super) async fn insert(
    connection: &mut AnyConnection,
    alert: i64,
    event: Event,
    time: u64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO deliveries (alert, channel, event, due)
         SELECT alerts.id, channels.name, $1, $2 FROM alerts, channels
         WHERE alerts.id = $3
           AND (channels.severities = '' OR channels.severities LIKE '%,' || alerts.severity || ',%')
           AND NOT (alerts.code = 'channel-failing' AND alerts.subject = channels.name)
         ON CONFLICT DO NOTHING",
    )
    .bind(event.as_str())
    .bind(to_db(time))
    .bind(alert)
    .execute(connection)
    .await?;
    Ok(())
}
