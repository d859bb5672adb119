//! Questions that only the pages for people ask.

use plainsight_specs::hash::Hash;
use sqlx::Row as _;

use super::marks::number;
use super::{
    DatabaseAddress, KeptAlert, KeptBreak, LogId, Store, StoreError, alerts, breaks, from_db, to_db,
};

/// Hashes of a whole tile of the lowest level.
const TILE: u64 = 256;
/// Tiles of one log that are looked through for a leaf, the newest: about a million entries.
const TILES: u64 = 4096;

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

    /// Where the entry with this leaf hash stands, of the newest million of a log with so many
    /// entries held; and whether there are older ones that were not looked at.
    pub async fn position_of_leaf(
        &self,
        log: LogId,
        held: u64,
        leaf: &Hash,
    ) -> Result<(Option<u64>, bool), StoreError> {
        let last = held.div_ceil(TILE);
        let first = last.saturating_sub(TILES);
        let holds = match self.address {
            DatabaseAddress::Sqlite(_) => "instr(hashes, $2) > 0",
            DatabaseAddress::Postgres { .. } => "position($2 in hashes) > 0",
        };
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT place, hashes FROM tiles
             WHERE log = $1 AND level = 0 AND place >= $3 AND {holds} ORDER BY place DESC LIMIT 4"
        )))
        .bind(log.0)
        .bind(leaf.as_bytes().as_slice())
        .bind(to_db(first))
        .fetch_all(&self.pool)
        .await?;
        for row in &rows {
            let place = from_db(row.try_get("place")?).ok_or(StoreError::Corrupt("place"))?;
            let hashes: Vec<u8> = row.try_get("hashes")?;
            // The bytes may also lie across two hashes, which is no match.
            let mut leaves = (0u64..).zip(hashes.chunks_exact(Hash::LEN));
            if let Some((offset, _)) = leaves.find(|(_, hash)| *hash == leaf.as_bytes()) {
                let position = place.saturating_mul(TILE).saturating_add(offset);
                return Ok((Some(position).filter(|position| *position < held), false));
            }
        }
        Ok((None, first > 0))
    }

    /// The sizes of the heads with this root that were cosigned lately, the newest first.
    pub async fn cosigned_with_root(
        &self,
        log: LogId,
        root: &Hash,
    ) -> Result<Vec<u64>, StoreError> {
        let sizes: Vec<i64> = sqlx::query_scalar(
            "SELECT DISTINCT size FROM cosigned WHERE log = $1 AND root = $2
             ORDER BY size DESC LIMIT 4",
        )
        .bind(log.0)
        .bind(root.as_bytes().as_slice())
        .fetch_all(&self.pool)
        .await?;
        Ok(sizes.into_iter().filter_map(from_db).collect())
    }

    /// When heads were cosigned lately, in POSIX seconds, and their sizes, the oldest first.
    pub async fn cosigned_times(&self, log: LogId) -> Result<Vec<(u64, u64)>, StoreError> {
        let rows = sqlx::query(
            "SELECT time, size FROM cosigned WHERE log = $1 ORDER BY time, size LIMIT 4096",
        )
        .bind(log.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((number(row, "time")?, number(row, "size")?)))
            .collect()
    }

    /// When the newest alerts about a log were raised, in POSIX seconds, the oldest first.
    pub async fn alert_times(&self, log: LogId, limit: u32) -> Result<Vec<u64>, StoreError> {
        let times: Vec<i64> =
            sqlx::query_scalar("SELECT time FROM alerts WHERE log = $1 ORDER BY id DESC LIMIT $2")
                .bind(log.0)
                .bind(i64::from(limit))
                .fetch_all(&self.pool)
                .await?;
        Ok(times.into_iter().rev().filter_map(from_db).collect())
    }
}
