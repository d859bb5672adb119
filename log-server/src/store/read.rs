//! Reading. Each method is one statement, and so one consistent view.

use std::collections::BTreeMap;

use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::{
    CheckpointRow, Head, KeyRow, LogRow, Progress, Segment, StatementRow, Store, StoreError,
    TokenRole, from_sql, placeholders, to_sql,
};

/// The most labels of one question: each is a parameter.
pub const MAX_LABELS: usize = 1_000;

impl Store {
    /// What the log is.
    pub async fn log(&self) -> Result<LogRow, StoreError> {
        let row = sqlx::query("SELECT origin, vkey, vrf_key, state, reason FROM log")
            .fetch_optional(&self.pool)
            .await?
            .ok_or(StoreError::Missing)?;
        let state: String = row.try_get("state")?;
        let reason: String = row.try_get("reason")?;
        Ok(LogRow {
            origin: row.try_get("origin")?,
            vkey: row.try_get("vkey")?,
            vrf_key: row.try_get("vrf_key")?,
            frozen: (state != "active").then_some(reason),
        })
    }

    /// What is sequenced.
    pub async fn head(&self) -> Result<Head, StoreError> {
        let row = sqlx::query("SELECT size, root, epoch_size, last_ms FROM head")
            .fetch_optional(&self.pool)
            .await?
            .ok_or(StoreError::Missing)?;
        Ok(Head {
            tree: tree_head(&row)?,
            epoch_size: size(row.try_get("epoch_size")?)?,
            last_ms: from_sql(row.try_get("last_ms")?)?,
        })
    }

    /// The segment that holds the entry at `position`, if it is sequenced.
    pub async fn segment_at(&self, position: u64) -> Result<Option<Segment>, StoreError> {
        let row = sqlx::query(
            "SELECT start, entries, body FROM segment WHERE start <= $1 ORDER BY start DESC LIMIT 1",
        )
        .bind(to_sql(position)?)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let segment = Segment {
            start: from_sql(row.try_get("start")?)?,
            count: from_sql(row.try_get("entries")?)?,
            body: row.try_get("body")?,
        };
        let end = segment.start.saturating_add(segment.count);
        Ok((position < end).then_some(segment))
    }

    /// Where the oldest segment begins that was not deleted.
    pub async fn oldest_segment(&self) -> Result<Option<u64>, StoreError> {
        let row = sqlx::query("SELECT start FROM segment ORDER BY start LIMIT 1")
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| from_sql(row.try_get("start")?)).transpose()
    }

    /// The checkpoint with the largest size that was signed.
    pub async fn newest_checkpoint(&self) -> Result<Option<CheckpointRow>, StoreError> {
        self.checkpoint_where("SELECT size, root, note, cosigned, published_at FROM checkpoint ORDER BY size DESC LIMIT 1")
            .await
    }

    /// The checkpoint with the largest size that was published.
    pub async fn published_checkpoint(&self) -> Result<Option<CheckpointRow>, StoreError> {
        self.checkpoint_where("SELECT size, root, note, cosigned, published_at FROM checkpoint WHERE published_at IS NOT NULL ORDER BY size DESC LIMIT 1")
            .await
    }

    async fn checkpoint_where(
        &self,
        sql: &'static str,
    ) -> Result<Option<CheckpointRow>, StoreError> {
        sqlx::query(sql)
            .fetch_optional(&self.pool)
            .await?
            .as_ref()
            .map(checkpoint)
            .transpose()
    }

    /// At most `limit` signed checkpoints of a size above `above`, smallest first.
    pub async fn checkpoints_above(
        &self,
        above: TreeSize,
        limit: u32,
    ) -> Result<Vec<CheckpointRow>, StoreError> {
        sqlx::query(
            "SELECT size, root, note, cosigned, published_at FROM checkpoint \
             WHERE size > $1 ORDER BY size LIMIT $2",
        )
        .bind(to_sql(above.get())?)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(checkpoint)
        .collect()
    }

    /// The signed checkpoint of exactly this size.
    pub async fn checkpoint(&self, at: TreeSize) -> Result<Option<CheckpointRow>, StoreError> {
        sqlx::query(
            "SELECT size, root, note, cosigned, published_at FROM checkpoint WHERE size = $1",
        )
        .bind(to_sql(at.get())?)
        .fetch_optional(&self.pool)
        .await?
        .as_ref()
        .map(checkpoint)
        .transpose()
    }

    /// How far the public objects are.
    pub async fn progress(&self) -> Result<Progress, StoreError> {
        let row = sqlx::query("SELECT materialised, published FROM progress")
            .fetch_optional(&self.pool)
            .await?
            .ok_or(StoreError::Missing)?;
        Ok(Progress {
            materialised: size(row.try_get("materialised")?)?,
            published: size(row.try_get("published")?)?,
        })
    }

    /// What opens the key entry of this label and version.
    pub async fn key_version(
        &self,
        label_hash: &Hash,
        version: u32,
    ) -> Result<Option<KeyRow>, StoreError> {
        sqlx::query(
            "SELECT position, label_hash, version, opening, key_set FROM key_version \
             WHERE label_hash = $1 AND version = $2",
        )
        .bind(label_hash.as_bytes().as_slice())
        .bind(i64::from(version))
        .fetch_optional(&self.pool)
        .await?
        .as_ref()
        .map(key_row)
        .transpose()
    }

    /// What opens the key entry of this label's latest version.
    pub async fn latest_key(&self, label_hash: &Hash) -> Result<Option<KeyRow>, StoreError> {
        sqlx::query(
            "SELECT position, label_hash, version, opening, key_set FROM key_version \
             WHERE label_hash = $1 ORDER BY version DESC LIMIT 1",
        )
        .bind(label_hash.as_bytes().as_slice())
        .fetch_optional(&self.pool)
        .await?
        .as_ref()
        .map(key_row)
        .transpose()
    }

    /// The latest version of each of these labels that has any. At most [`MAX_LABELS`] at once.
    pub async fn latest_versions(
        &self,
        label_hashes: &[Hash],
    ) -> Result<BTreeMap<Hash, u32>, StoreError> {
        if label_hashes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let list = placeholders(1, label_hashes.len());
        let sql = format!(
            "SELECT label_hash, max(version) FROM key_version \
             WHERE label_hash IN {list} GROUP BY label_hash"
        );
        let mut select = sqlx::query(AssertSqlSafe(sql));
        for label_hash in label_hashes {
            select = select.bind(label_hash.as_bytes().as_slice());
        }
        select
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|row| {
                let version: i64 = row.try_get(1)?;
                let version = u32::try_from(version)
                    .map_err(|_| StoreError::Corrupt(format!("version {version}")))?;
                Ok((hash(row.try_get(0)?)?, version))
            })
            .collect()
    }

    /// At most `limit` key rows from a position on, in the order of the log.
    pub async fn keys_from(&self, from: u64, limit: u32) -> Result<Vec<KeyRow>, StoreError> {
        sqlx::query(
            "SELECT position, label_hash, version, opening, key_set FROM key_version \
             WHERE position >= $1 ORDER BY position LIMIT $2",
        )
        .bind(to_sql(from)?)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(key_row)
        .collect()
    }

    /// Where the statement of this stream and number is.
    pub async fn statement(
        &self,
        stream: &[u8],
        seq: u32,
    ) -> Result<Option<StatementRow>, StoreError> {
        sqlx::query(
            "SELECT position, leaf, stream, seq FROM statement WHERE stream = $1 AND seq = $2",
        )
        .bind(stream)
        .bind(i64::from(seq))
        .fetch_optional(&self.pool)
        .await?
        .as_ref()
        .map(statement_row)
        .transpose()
    }

    /// Where the statement with this leaf hash is.
    pub async fn statement_with_leaf(
        &self,
        leaf: &Hash,
    ) -> Result<Option<StatementRow>, StoreError> {
        sqlx::query("SELECT position, leaf, stream, seq FROM statement WHERE leaf = $1")
            .bind(leaf.as_bytes().as_slice())
            .fetch_optional(&self.pool)
            .await?
            .as_ref()
            .map(statement_row)
            .transpose()
    }

    /// At most `limit` statement rows from a position on, in the order of the log.
    pub async fn statements_from(
        &self,
        from: u64,
        limit: u32,
    ) -> Result<Vec<StatementRow>, StoreError> {
        sqlx::query(
            "SELECT position, leaf, stream, seq FROM statement \
             WHERE position >= $1 ORDER BY position LIMIT $2",
        )
        .bind(to_sql(from)?)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(statement_row)
        .collect()
    }

    /// The size that an auditor last cosigned, as far as the log knows.
    pub async fn auditor_size(&self, vkey: &str) -> Result<TreeSize, StoreError> {
        match sqlx::query("SELECT size FROM auditor WHERE vkey = $1")
            .bind(vkey)
            .fetch_optional(&self.pool)
            .await?
        {
            Some(row) => size(row.try_get("size")?),
            None => Ok(TreeSize::ZERO),
        }
    }

    /// How many private rows there are for entries below `size`.
    pub async fn count_rows(&self, below: TreeSize) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM key_version WHERE position < $1) \
             + (SELECT count(*) FROM statement WHERE position < $1)",
        )
        .bind(to_sql(below.get())?)
        .fetch_one(&self.pool)
        .await?;
        from_sql(row.try_get(0)?)
    }

    /// The hash and role of every token.
    pub async fn tokens(&self) -> Result<Vec<(Hash, TokenRole)>, StoreError> {
        sqlx::query("SELECT hash, role FROM token")
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(|row| {
                let role: String = row.try_get("role")?;
                Ok((hash(row.try_get("hash")?)?, TokenRole::parse(&role)?))
            })
            .collect()
    }
}

fn hash(bytes: Vec<u8>) -> Result<Hash, StoreError> {
    let bytes: [u8; 32] = bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt("a hash is not 32 bytes".into()))?;
    Ok(Hash::from_bytes(bytes))
}

fn size(value: i64) -> Result<TreeSize, StoreError> {
    TreeSize::new(from_sql(value)?).ok_or_else(|| StoreError::Corrupt("a tree size".into()))
}

fn position(row: &AnyRow) -> Result<LeafIndex, StoreError> {
    LeafIndex::new(from_sql(row.try_get("position")?)?)
        .ok_or_else(|| StoreError::Corrupt("a position".into()))
}

fn number(row: &AnyRow, column: &str) -> Result<u32, StoreError> {
    let value: i64 = row.try_get(column)?;
    u32::try_from(value).map_err(|_| StoreError::Corrupt(format!("{column} {value}")))
}

fn tree_head(row: &AnyRow) -> Result<TreeHead, StoreError> {
    Ok(TreeHead {
        size: size(row.try_get("size")?)?,
        root: hash(row.try_get("root")?)?,
    })
}

fn checkpoint(row: &AnyRow) -> Result<CheckpointRow, StoreError> {
    Ok(CheckpointRow {
        tree: tree_head(row)?,
        note: row.try_get("note")?,
        cosigned: row.try_get("cosigned")?,
        published: row.try_get::<Option<i64>, _>("published_at")?.is_some(),
    })
}

fn key_row(row: &AnyRow) -> Result<KeyRow, StoreError> {
    Ok(KeyRow {
        position: position(row)?,
        label_hash: hash(row.try_get("label_hash")?)?,
        version: number(row, "version")?,
        opening: row.try_get("opening")?,
        key_set: row.try_get("key_set")?,
    })
}

fn statement_row(row: &AnyRow) -> Result<StatementRow, StoreError> {
    Ok(StatementRow {
        position: position(row)?,
        leaf: hash(row.try_get("leaf")?)?,
        stream: row.try_get("stream")?,
        seq: number(row, "seq")?,
    })
}
