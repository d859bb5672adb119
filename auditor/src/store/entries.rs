//! Entries and tiles: written in chunks, each authenticated before, read in ranges.

use std::ops::Range;

use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::{Frontier, TreeSize};
use plainsight_specs::tile::{TileKind, TilePath, TileSet};
use sqlx::Row as _;

use super::{LogId, Store, StoreError, from_db, to_db};
use crate::alert::Alert;
use crate::audit::Break;

/// Entries that one statement inserts.
const ROWS: usize = 256;

/// Entries in a row that a signed head covers, with what follows from them.
#[derive(Debug)]
pub struct Chunk {
    /// How many entries were held before.
    pub first: TreeSize,
    /// The entries.
    pub entries: Vec<Vec<u8>>,
    /// The hash tiles that they change.
    pub tiles: Vec<(TilePath, Vec<u8>)>,
    /// The compact range after them.
    pub frontier: Frontier,
    /// The rules that they break.
    pub breaks: Vec<Break>,
    /// What there is to tell about them.
    pub alerts: Vec<Alert>,
    /// When.
    pub time: u64,
}

impl Store {
    /// Keeps a chunk, all of it or nothing.
    pub async fn keep_chunk(&self, log: LogId, chunk: &Chunk) -> Result<(), StoreError> {
        let _turn = self.turns.lock().await;
        let mut transaction = self.begin().await?;
        let moved =
            sqlx::query("UPDATE logs SET held = $1, frontier = $2 WHERE id = $3 AND held = $4")
                .bind(to_db(chunk.frontier.size().get()))
                .bind(chunk.frontier.to_bytes())
                .bind(log.0)
                .bind(to_db(chunk.first.get()))
                .execute(&mut *transaction)
                .await?;
        if moved.rows_affected() != 1 {
            return Err(StoreError::Lost("the number of entries held"));
        }
        let mut position = chunk.first.get();
        for rows in chunk.entries.chunks(ROWS) {
            let sql = format!(
                "INSERT INTO entries (log, position, body) VALUES {}",
                rows_of_three(rows.len())
            );
            let mut insert = sqlx::query(sqlx::AssertSqlSafe(sql));
            for entry in rows {
                insert = insert
                    .bind(log.0)
                    .bind(to_db(position))
                    .bind(entry.as_slice());
                position = position.saturating_add(1);
            }
            insert.execute(&mut *transaction).await?;
        }
        for (path, hashes) in &chunk.tiles {
            let TileKind::Hashes { level } = path.kind() else {
                continue;
            };
            sqlx::query(
                "INSERT INTO tiles (log, level, place, hashes) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (log, level, place) DO UPDATE SET hashes = excluded.hashes",
            )
            .bind(log.0)
            .bind(i64::from(level))
            .bind(to_db(path.index()))
            .bind(hashes.as_slice())
            .execute(&mut *transaction)
            .await?;
        }
        for found in &chunk.breaks {
            super::breaks::insert(&mut transaction, log, found, None, None, chunk.time).await?;
        }
        for alert in &chunk.alerts {
            super::alerts::insert(&mut transaction, Some(log), alert, chunk.time).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Entries at these positions; fewer if the range goes beyond what is held.
    pub async fn entries(&self, log: LogId, range: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
        let entries = sqlx::query_scalar(
            "SELECT body FROM entries WHERE log = $1 AND position >= $2 AND position < $3
             ORDER BY position",
        )
        .bind(log.0)
        .bind(to_db(range.start))
        .bind(to_db(range.end))
        .fetch_all(&self.pool)
        .await?;
        Ok(entries)
    }

    /// How many bytes the entries at these positions have.
    pub async fn bytes_of(&self, log: LogId, range: Range<u64>) -> Result<u64, StoreError> {
        let bytes: Option<i64> = sqlx::query_scalar(
            "SELECT sum(length(body)) FROM entries WHERE log = $1 AND position >= $2 AND position < $3",
        )
        .bind(log.0)
        .bind(to_db(range.start))
        .bind(to_db(range.end))
        .fetch_one(&self.pool)
        .await?;
        Ok(bytes.and_then(from_db).unwrap_or_default())
    }

    /// The hashes of the widest tile at a place.
    pub async fn tile(
        &self,
        log: LogId,
        level: u8,
        place: u64,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row =
            sqlx::query("SELECT hashes FROM tiles WHERE log = $1 AND level = $2 AND place = $3")
                .bind(log.0)
                .bind(i64::from(level))
                .bind(to_db(place))
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|row| row.try_get("hashes")).transpose()?)
    }

    /// The tiles at the places of these paths, each as wide as it is held.
    pub async fn tiles(&self, log: LogId, paths: &[TilePath]) -> Result<TileSet, StoreError> {
        let mut tiles = TileSet::new();
        for path in paths {
            let TileKind::Hashes { level } = path.kind() else {
                continue;
            };
            let Some(hashes) = self.tile(log, level, path.index()).await? else {
                continue;
            };
            let corrupt = StoreError::Corrupt("tile");
            let Some(held) = u16::try_from(hashes.len() / Hash::LEN)
                .ok()
                .and_then(|width| TilePath::hashes(level, path.index(), width))
            else {
                return Err(corrupt);
            };
            tiles.insert(held, &hashes).map_err(|_| corrupt)?;
        }
        Ok(tiles)
    }
}

/// `($1, $2, $3), ($4, $5, $6)` for two rows: both engines number their parameters.
fn rows_of_three(rows: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(rows * 24);
    for row in 0..rows {
        let comma = if row == 0 { "" } else { ", " };
        let (one, two, three) = (row * 3 + 1, row * 3 + 2, row * 3 + 3);
        // Writing to a string does not fail.
        let _ = write!(text, "{comma}(${one}, ${two}, ${three})");
    }
    text
}
