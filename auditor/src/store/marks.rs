//! What a person looks for among the entries: statements by kind and stream, epochs by time, and the
//! heads cosigned lately. All of it follows from what else is kept.

use plainsight_specs::entry::Entry;
use plainsight_specs::merkle::TreeHead;
use sqlx::AnyConnection;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{LogId, Store, StoreError, from_db, hash, size, text, to_db};

/// Entries that are looked through in one transaction.
const MARK: u64 = 4096;
/// Heads cosigned that are kept of one log.
const MAX_COSIGNED: u32 = 512;

/// An entry that a person looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where it stands.
    pub position: u64,
    /// A kind of statement, or `genesis`, `close`, `malformed`.
    pub kind: String,
    /// Its stream; empty if it belongs to none.
    pub stream: String,
    /// Its place in the stream.
    pub seq: Option<u64>,
    /// Whether it breaks a rule, and so changes nothing.
    pub void: bool,
}

/// A mark with its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedEntry {
    /// The mark.
    pub mark: Mark,
    /// The entry.
    pub body: Vec<u8>,
}

/// A head that was cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignedHead {
    /// The head.
    pub head: TreeHead,
    /// The note with the auditor's own line.
    pub note: Vec<u8>,
    /// When, in POSIX seconds.
    pub time: u64,
}

/// How many statements of a stream there are, and the last of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRow {
    /// The stream.
    pub stream: String,
    /// How many entries name it, void ones not counted.
    pub statements: u64,
    /// The last of them.
    pub last: u64,
}

impl Store {
    /// Looks through some of the entries held that were not looked through yet. Gives the new marks
    /// and whether there is more to do.
    pub async fn mark_some(&self, log: LogId) -> Result<(Vec<Mark>, bool), StoreError> {
        let held = self.held(log).await?;
        let reached: Option<i64> = sqlx::query_scalar("SELECT upto FROM marked WHERE log = $1")
            .bind(log.0)
            .fetch_optional(&self.pool)
            .await?;
        let first = match reached {
            None => 0,
            Some(reached) => from_db(reached).ok_or(StoreError::Corrupt("upto"))?,
        };
        if first >= held {
            return Ok((Vec::new(), false));
        }
        let end = first.saturating_add(MARK).min(held);
        // Key entries, of which there are the most, are of no interest here.
        let kind = self.address.key_kind();
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT e.position AS position, e.body AS body,
                    CASE WHEN EXISTS
                      (SELECT 1 FROM breaks AS b WHERE b.log = e.log AND b.at = e.position
                       AND b.rule NOT IN ('fork', 'extension', 'end')) THEN 1 ELSE 0 END AS void
             FROM entries AS e WHERE e.log = $1 AND e.position >= $2 AND e.position < $3
               AND NOT (length(e.body) = 65 AND substr(e.body, 1, 1) = {kind})
             ORDER BY e.position",
        )))
        .bind(log.0)
        .bind(to_db(first))
        .bind(to_db(end))
        .fetch_all(&self.pool)
        .await?;
        let mut marks = Vec::new();
        let mut epochs = Vec::new();
        for row in &rows {
            let position = from_db(row.try_get("position")?);
            let position = position.ok_or(StoreError::Corrupt("position"))?;
            let void = row.try_get::<i64, _>("void")? != 0;
            let of = |kind: &str, stream: &str, seq| Mark {
                position,
                kind: kind.into(),
                stream: stream.into(),
                seq,
                void,
            };
            match Entry::parse(row.try_get("body")?) {
                Ok(Entry::Epoch(_)) if void => marks.push(of("epoch", "", None)),
                Ok(Entry::Epoch(epoch)) => epochs.push((position, epoch.time_ms)),
                Ok(Entry::Key(_)) => {}
                Ok(Entry::Statement(entry)) => {
                    let statement = entry.statement();
                    let stream = statement.stream();
                    let seq = Some(u64::from(statement.seq().get()));
                    let text = String::from_utf8_lossy(stream.as_bytes());
                    marks.push(of(statement.kind().as_str(), &text, seq));
                }
                Ok(other) => marks.push(of(other.kind().as_str(), "", None)),
                Err(_) => marks.push(of("malformed", "", None)),
            }
        }
        let _turn = self.turns.lock().await;
        let mut transaction = self.begin().await?;
        for mark in &marks {
            insert(&mut transaction, log, mark).await?;
        }
        for (position, time_ms) in epochs {
            sqlx::query(
                "INSERT INTO epochs (log, position, time_ms) VALUES ($1, $2, $3)
                 ON CONFLICT (log, position) DO NOTHING",
            )
            .bind(log.0)
            .bind(to_db(position))
            .bind(to_db(time_ms))
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query(
            "INSERT INTO marked (log, upto) VALUES ($1, $2)
             ON CONFLICT (log) DO UPDATE SET upto = excluded.upto
             WHERE marked.upto < excluded.upto",
        )
        .bind(log.0)
        .bind(to_db(end))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok((marks, end < held))
    }

    /// Up to where the entries of a log were looked through.
    pub async fn marked(&self, log: LogId) -> Result<u64, StoreError> {
        let reached: Option<i64> = sqlx::query_scalar("SELECT upto FROM marked WHERE log = $1")
            .bind(log.0)
            .fetch_optional(&self.pool)
            .await?;
        Ok(reached.and_then(from_db).unwrap_or(0))
    }

    /// Marked entries of these kinds, the newest first.
    pub async fn marked_of(
        &self,
        log: LogId,
        kinds: [&str; 2],
        limit: u32,
    ) -> Result<Vec<MarkedEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT marks.*, entries.body AS body FROM marks
             JOIN entries ON entries.log = marks.log AND entries.position = marks.position
             WHERE marks.log = $1 AND marks.kind IN ($2, $3)
             ORDER BY marks.position DESC LIMIT $4",
        )
        .bind(log.0)
        .bind(kinds[0])
        .bind(kinds[1])
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(marked_entry).collect()
    }

    /// The entries of a stream, the newest first.
    pub async fn stream_entries(
        &self,
        log: LogId,
        stream: &str,
        limit: u32,
    ) -> Result<Vec<MarkedEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT marks.*, entries.body AS body FROM marks
             JOIN entries ON entries.log = marks.log AND entries.position = marks.position
             WHERE marks.log = $1 AND marks.stream = $2
               AND substr(marks.stream, 1, 512) = substr($2, 1, 512)
             ORDER BY marks.position DESC LIMIT $3",
        )
        .bind(log.0)
        .bind(text(stream))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(marked_entry).collect()
    }

    /// The streams whose bytes begin with these whole lines and that contain a text, by name, after
    /// the given one.
    pub async fn streams(
        &self,
        log: LogId,
        prefix: &str,
        after: &str,
        part: &str,
        limit: u32,
    ) -> Result<Vec<StreamRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT stream, count(*) AS statements, max(position) AS last FROM marks
             WHERE log = $1 AND stream > $2 AND stream < $3 AND void = 0
               AND ($4 = '' OR replace(lower(stream), $4, '') <> lower(stream))
             GROUP BY stream ORDER BY stream LIMIT $5",
        )
        .bind(log.0)
        .bind(if after.is_empty() { prefix } else { after })
        // Text is compared by its bytes, and each line of a stream ends in the smallest that it has.
        .bind(format!("{}\u{b}", prefix.trim_end_matches('\n')))
        .bind(text(&part.to_ascii_lowercase()))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(StreamRow {
                    stream: row.try_get("stream")?,
                    statements: number(row, "statements")?,
                    last: number(row, "last")?,
                })
            })
            .collect()
    }

    /// How many entries of each kind are marked, void ones not counted.
    pub async fn marked_kinds(&self, log: LogId) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT kind, count(*) AS number FROM marks WHERE log = $1 AND void = 0 GROUP BY kind",
        )
        .bind(log.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((row.try_get("kind")?, number(row, "number")?)))
            .collect()
    }

    /// The first epoch at or after `position`: when that entry was logged at the latest, in
    /// milliseconds.
    pub async fn logged_at(&self, log: LogId, position: u64) -> Result<Option<u64>, StoreError> {
        let time: Option<i64> = sqlx::query_scalar(
            "SELECT time_ms FROM epochs WHERE log = $1 AND position >= $2 ORDER BY position LIMIT 1",
        )
        .bind(log.0)
        .bind(to_db(position))
        .fetch_optional(&self.pool)
        .await?;
        Ok(time.and_then(from_db))
    }

    /// The times of the first and the last epoch, in milliseconds.
    pub async fn epoch_times(&self, log: LogId) -> Result<Option<(u64, u64)>, StoreError> {
        let row = sqlx::query(
            "SELECT min(time_ms) AS first, max(time_ms) AS last FROM epochs WHERE log = $1",
        )
        .bind(log.0)
        .fetch_one(&self.pool)
        .await?;
        let ends: (Option<i64>, Option<i64>) = (row.try_get("first")?, row.try_get("last")?);
        Ok(ends.0.and_then(from_db).zip(ends.1.and_then(from_db)))
    }

    /// How many entries there were at a time, by the last epoch up to it.
    pub async fn size_at(&self, log: LogId, time_ms: u64) -> Result<u64, StoreError> {
        let position: Option<i64> = sqlx::query_scalar(
            "SELECT position FROM epochs WHERE log = $1 AND time_ms <= $2
             ORDER BY time_ms DESC, position DESC LIMIT 1",
        )
        .bind(log.0)
        .bind(to_db(time_ms))
        .fetch_optional(&self.pool)
        .await?;
        Ok(position
            .and_then(from_db)
            .map_or(0, |position| position + 1))
    }

    /// The heads cosigned lately, the newest first.
    pub async fn cosigned(&self, log: LogId, limit: u32) -> Result<Vec<CosignedHead>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM cosigned WHERE log = $1 ORDER BY size DESC, time DESC LIMIT $2",
        )
        .bind(log.0)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(CosignedHead {
                    head: TreeHead {
                        size: size(row, "size")?,
                        root: hash(row.try_get("root")?, "root")?,
                    },
                    note: row.try_get("note")?,
                    time: number(row, "time")?,
                })
            })
            .collect()
    }
}

/// Keeps a head that was cosigned, within the transaction that moves to it; old ones give way.
pub(super) async fn keep_cosigned(
    connection: &mut AnyConnection,
    log: LogId,
    head: TreeHead,
    note: &[u8],
    time: u64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO cosigned (log, size, root, note, time) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (log, size, time) DO NOTHING",
    )
    .bind(log.0)
    .bind(to_db(head.size.get()))
    .bind(head.root.as_bytes().as_slice())
    .bind(note)
    .bind(to_db(time))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM cosigned WHERE log = $1 AND size <
           (SELECT size FROM cosigned WHERE log = $1 ORDER BY size DESC, time DESC LIMIT 1 OFFSET $2)",
    )
    .bind(log.0)
    .bind(i64::from(MAX_COSIGNED))
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
impl Store {
    /// Keeps a mark of a test's own.
    pub(super) async fn insert_mark(&self, log: LogId, mark: &Mark) -> Result<(), StoreError> {
        insert(&mut *self.pool.acquire().await?, log, mark).await
    }
}

async fn insert(connection: &mut AnyConnection, log: LogId, mark: &Mark) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO marks (log, position, kind, stream, seq, void) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (log, position) DO NOTHING",
    )
    .bind(log.0)
    .bind(to_db(mark.position))
    .bind(&mark.kind)
    .bind(text(&mark.stream))
    .bind(mark.seq.map(to_db))
    .bind(i64::from(mark.void))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) fn number(row: &AnyRow, column: &'static str) -> Result<u64, StoreError> {
    from_db(row.try_get(column)?).ok_or(StoreError::Corrupt(column))
}

fn marked_entry(row: &AnyRow) -> Result<MarkedEntry, StoreError> {
    let seq: Option<i64> = row.try_get("seq")?;
    Ok(MarkedEntry {
        mark: Mark {
            position: number(row, "position")?,
            kind: row.try_get("kind")?,
            stream: row.try_get("stream")?,
            seq: seq.and_then(from_db),
            void: row.try_get::<i64, _>("void")? != 0,
        },
        body: row.try_get("body")?,
    })
}
