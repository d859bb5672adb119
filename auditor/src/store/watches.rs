//! Watches: what is watched, what was announced, and what was found when the entries were looked
//! through. Memory is bounded whatever their number; what they mean is in [`crate::watch`].

use std::collections::BTreeMap;

use plainsight_specs::hash::Hash;
use plainsight_specs::index::IndexKey;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::watch::{Hit, Insertion};
use sqlx::AnyConnection;
use sqlx::Row as _;

use super::{DatabaseAddress, LogId, Store, StoreError, from_db, hash, to_db};
use crate::alert::WatchHit;

/// Entries that are looked through in one transaction.
const SCAN: u64 = 1 << 16;

/// A key entry at its place: 65 bytes, kind 02, index, commitment. Void ones insert nothing.
fn inserting(kind: &str) -> String {
    format!(
        "length(e.body) = 65 AND substr(e.body, 1, 1) = {kind}
         AND NOT EXISTS (SELECT 1 FROM breaks AS b WHERE b.log = e.log AND b.at = e.position
                         AND b.rule NOT IN ('fork', 'extension', 'end'))"
    )
}

/// A watch to be kept.
#[derive(Debug)]
pub struct NewWatch<'a> {
    /// The log.
    pub log: LogId,
    /// SHA-256 of its token.
    pub token: Hash,
    /// Its id in reports.
    pub name: Hash,
    /// What is watched.
    pub indexes: &'a [IndexKey],
    /// All of them are absent in the first so many entries.
    pub since: u64,
    /// When it is forgotten, in POSIX seconds.
    pub expires: u64,
    /// The time, in POSIX seconds.
    pub now: u64,
    /// Watches in all, at most.
    pub total: u32,
}

/// A watch as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptWatch {
    row: i64,
    /// The log.
    pub log: LogId,
    /// Its id in reports.
    pub name: Hash,
    /// When it is forgotten, in POSIX seconds.
    pub expires: u64,
}

/// What became of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// It is kept.
    Kept,
    /// The index is not watched.
    NotWatched,
    /// The index was inserted already.
    Late,
}

impl Store {
    /// Keeps a watch; gives `false` if there are too many.
    pub async fn add_watch(&self, new: &NewWatch<'_>) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let number: i64 = sqlx::query_scalar("SELECT count(*) FROM watches")
            .fetch_one(&mut *transaction)
            .await?;
        if number >= i64::from(new.total) {
            return Ok(false);
        }
        let watch: i64 = sqlx::query_scalar(
            "INSERT INTO watches (log, token, name, expires) VALUES ($1, $2, $3, $4) RETURNING id",
        )
        .bind(new.log.0)
        .bind(new.token.as_bytes().as_slice())
        .bind(new.name.as_bytes().as_slice())
        .bind(to_db(new.expires))
        .fetch_one(&mut *transaction)
        .await?;
        for index in new.indexes {
            sqlx::query("INSERT INTO watched (log, idx, watch) VALUES ($1, $2, $3)")
                .bind(new.log.0)
                .bind(index.as_bytes().as_slice())
                .bind(watch)
                .execute(&mut *transaction)
                .await?;
        }
        // What was looked through beyond the proof was looked through without this watch.
        let scanned = scanned(&mut transaction, new.log).await?;
        if scanned > new.since {
            find(
                &mut transaction,
                self.address.key_kind(),
                new.log,
                new.since..scanned,
                new.now,
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The watch with this token's hash, unless it has expired.
    pub async fn watch(&self, token: &Hash, now: u64) -> Result<Option<KeptWatch>, StoreError> {
        let row = sqlx::query("SELECT * FROM watches WHERE token = $1 AND expires > $2")
            .bind(token.as_bytes().as_slice())
            .bind(to_db(now))
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(KeptWatch {
            row: row.try_get("id")?,
            log: LogId(row.try_get("log")?),
            name: hash(row.try_get("name")?, "name")?,
            expires: from_db(row.try_get("expires")?).ok_or(StoreError::Corrupt("expires"))?,
        }))
    }

    /// Puts a watch's expiry off.
    pub async fn renew_watch(&self, watch: &KeptWatch, expires: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE watches SET expires = $1 WHERE id = $2 AND expires < $1")
            .bind(to_db(expires))
            .bind(watch.row)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What was inserted of a watch's indexes in the first `size` entries, by index. Those must have
    /// been looked through.
    pub async fn hits(&self, watch: &KeptWatch, size: u64) -> Result<Vec<Hit>, StoreError> {
        let rows = sqlx::query(
            "SELECT idx, position, announced FROM watched
             WHERE watch = $1 AND position < $2 ORDER BY idx",
        )
        .bind(watch.row)
        .bind(to_db(size))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Hit {
                    index: index(row.try_get("idx")?)?,
                    position: position(row.try_get("position")?)?,
                    announced: row
                        .try_get::<Option<i64>, _>("announced")?
                        .is_some_and(|announced| announced != 0),
                })
            })
            .collect()
    }

    /// Keeps what an owner announces.
    pub async fn announce(
        &self,
        watch: &KeptWatch,
        index: &IndexKey,
        commitment: &Hash,
    ) -> Result<Announced, StoreError> {
        // SPEC(WATCH-11)
        let done = sqlx::query(
            "UPDATE watched SET commitment = $1 WHERE watch = $2 AND idx = $3 AND position IS NULL",
        )
        .bind(commitment.as_bytes().as_slice())
        .bind(watch.row)
        .bind(index.as_bytes().as_slice())
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 1 {
            return Ok(Announced::Kept);
        }
        let found: Option<i64> =
            sqlx::query_scalar("SELECT watch FROM watched WHERE watch = $1 AND idx = $2")
                .bind(watch.row)
                .bind(index.as_bytes().as_slice())
                .fetch_optional(&self.pool)
                .await?;
        Ok(found.map_or(Announced::NotWatched, |_| Announced::Late))
    }

    /// Forgets a watch.
    pub async fn cancel_watch(&self, watch: &KeptWatch) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        forget(&mut transaction, watch.row).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets the watches that have expired, some at a time; gives how many.
    pub async fn forget_expired(&self, now: u64) -> Result<usize, StoreError> {
        let expired: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM watches WHERE expires <= $1 LIMIT 1000")
                .bind(to_db(now))
                .fetch_all(&self.pool)
                .await?;
        if expired.is_empty() {
            return Ok(0);
        }
        let mut transaction = self.begin().await?;
        for watch in &expired {
            forget(&mut transaction, *watch).await?;
        }
        transaction.commit().await?;
        Ok(expired.len())
    }

    /// How many watches are kept.
    pub async fn watch_count(&self) -> Result<u64, StoreError> {
        let number: i64 = sqlx::query_scalar("SELECT count(*) FROM watches")
            .fetch_one(&self.pool)
            .await?;
        from_db(number).ok_or(StoreError::Corrupt("number"))
    }

    /// Looks the entries of a log through, up to `size` of them, for what is watched, and raises an alert
    /// for what was not announced.
    pub async fn scan(&self, log: LogId, size: u64, now: u64) -> Result<(), StoreError> {
        loop {
            let reached: Option<i64> =
                sqlx::query_scalar("SELECT scanned FROM scans WHERE log = $1")
                    .bind(log.0)
                    .fetch_optional(&self.pool)
                    .await?;
            if reached.and_then(from_db).unwrap_or(0) >= size {
                return Ok(());
            }
            let mut transaction = self.begin().await?;
            let first = scanned(&mut transaction, log).await?;
            let any: Option<i64> =
                sqlx::query_scalar("SELECT watch FROM watched WHERE log = $1 LIMIT 1")
                    .bind(log.0)
                    .fetch_optional(&mut *transaction)
                    .await?;
            let end = if any.is_none() {
                size
            } else {
                first.saturating_add(SCAN).min(size)
            };
            if any.is_some() {
                find(
                    &mut transaction,
                    self.address.key_kind(),
                    log,
                    first..end,
                    now,
                )
                .await?;
            }
            sqlx::query(
                "INSERT INTO scans (log, scanned) VALUES ($1, $2)
                 ON CONFLICT (log) DO UPDATE SET scanned = excluded.scanned
                 WHERE scans.scanned < excluded.scanned",
            )
            .bind(log.0)
            .bind(to_db(end))
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
        }
    }

    /// Makes the index that [`Self::inserted`] needs for buckets of 16 bits.
    pub async fn index_buckets(&self) -> Result<(), StoreError> {
        let kind = self.address.key_kind();
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "CREATE INDEX IF NOT EXISTS entries_bucket ON entries (log, substr(body, 2, 2), position)
             WHERE length(body) = 65 AND substr(body, 1, 1) = {kind}"
        )))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The indexes with these first bytes, from `low` to `high`, that were inserted within a range of
    /// positions; at most `limit`, in order.
    pub async fn inserted(
        &self,
        log: LogId,
        [low, high]: [[u8; 2]; 2],
        range: std::ops::Range<u64>,
        limit: usize,
    ) -> Result<Vec<Insertion>, StoreError> {
        // One bucket of 16 bits is read from its index, others from the entries in their order.
        let compare = match (&self.address, low == high) {
            (_, true) => "substr(e.body, 2, 2) = $2 AND $3 IS NOT NULL",
            (DatabaseAddress::Sqlite(_), false) => {
                "+substr(e.body, 2, 2) >= $2 AND +substr(e.body, 2, 2) <= $3"
            }
            // The index does not have what is put together.
            (DatabaseAddress::Postgres { .. }, false) => {
                "(substr(e.body, 2, 2) || ''::bytea) BETWEEN $2 AND $3"
            }
        };
        let sql = format!(
            "SELECT substr(e.body, 2, 32) AS idx, e.position AS position FROM entries AS e
             WHERE e.log = $1 AND {compare} AND e.position >= $4 AND e.position < $5 AND {}
             ORDER BY e.position LIMIT $6",
            inserting(self.address.key_kind())
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(log.0)
            .bind(low.as_slice())
            .bind(high.as_slice())
            .bind(to_db(range.start))
            .bind(to_db(range.end))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Insertion {
                    index: index(row.try_get("idx")?)?,
                    position: position(row.try_get("position")?)?,
                })
            })
            .collect()
    }
}

async fn forget(connection: &mut AnyConnection, watch: i64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM watched WHERE watch = $1",
        "DELETE FROM watches WHERE id = $1",
    ] {
        sqlx::query(sql)
            .bind(watch)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn scanned(connection: &mut AnyConnection, log: LogId) -> Result<u64, StoreError> {
    let found: Option<i64> = sqlx::query_scalar("SELECT scanned FROM scans WHERE log = $1")
        .bind(log.0)
        .fetch_optional(connection)
        .await?;
    found.map_or(Ok(0), |found| {
        from_db(found).ok_or(StoreError::Corrupt("scanned"))
    })
}

/// Notes every watched index that an entry of the range inserted, and tells of those that not everybody
/// who watches had announced.
async fn find(
    connection: &mut AnyConnection,
    kind: &str,
    log: LogId,
    range: std::ops::Range<u64>,
    time: u64,
) -> Result<(), StoreError> {
    // The entries first: each looks one index up.
    let sql = format!(
        "SELECT w.watch, w.idx, e.position, CASE WHEN w.commitment IS NULL THEN 0 ELSE 1 END AS expected,
                CASE WHEN w.commitment = substr(e.body, 34, 32) THEN 1 ELSE 0 END AS announced
         FROM entries AS e CROSS JOIN watched AS w
         WHERE w.log = e.log AND w.idx = substr(e.body, 2, 32) AND e.log = $1 AND e.position >= $2 AND e.position < $3 AND w.position IS NULL
           AND {}",
        inserting(kind)
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(log.0)
        .bind(to_db(range.start))
        .bind(to_db(range.end))
        .fetch_all(&mut *connection)
        .await?;
    let mut hits: BTreeMap<IndexKey, WatchHit> = BTreeMap::new();
    for row in rows {
        let (at, announced): (i64, i64) = (row.try_get("position")?, row.try_get("announced")?);
        let idx: &[u8] = row.try_get("idx")?;
        // SPEC(WATCH-5, WATCH-11)
        sqlx::query(
            "UPDATE watched SET position = $1, announced = $2
             WHERE watch = $3 AND log = $4 AND idx = $5 AND position IS NULL",
        )
        .bind(at)
        .bind(announced)
        .bind(row.try_get::<i64, _>("watch")?)
        .bind(log.0)
        .bind(idx)
        .execute(&mut *connection)
        .await?;
        let index = index(idx)?;
        let hit = hits.entry(index).or_insert(WatchHit {
            index,
            position: position(at)?,
            announced: 0,
            otherwise: 0,
            unannounced: 0,
        });
        match (announced, row.try_get::<i64, _>("expected")?) {
            (0, 0) => hit.unannounced += 1,
            (0, _) => hit.otherwise += 1,
            _ => hit.announced += 1,
        }
    }
    for hit in hits.values() {
        if let Some(alert) = hit.alert() {
            // In the same step, so that each hit is told of once, whatever dies meanwhile.
            super::alerts::insert(connection, Some(log), &alert, time).await?;
        }
    }
    Ok(())
}

fn index(bytes: &[u8]) -> Result<IndexKey, StoreError> {
    let bytes = bytes.try_into().map_err(|_| StoreError::Corrupt("idx"))?;
    Ok(IndexKey::from_bytes(bytes))
}

fn position(number: i64) -> Result<LeafIndex, StoreError> {
    from_db(number)
        .and_then(LeafIndex::new)
        .ok_or(StoreError::Corrupt("position"))
}
