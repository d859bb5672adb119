//! Results of rebuilds: of each rebuilder and file the one that counts, in the order in which they
//! came. Who is listened to is [`crate::rebuilds`]'s.

use plainsight_specs::ed25519::PublicKey;
use plainsight_specs::hash::Hash;
use plainsight_specs::rebuild::{Outcome, RebuildClaim, UnverifiedRebuild};
use sqlx::AnyConnection;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Store, StoreError, from_db, hash, to_db};

/// What became of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptResult {
    /// It is kept.
    New,
    /// It, or its equal, was kept already.
    Known,
    /// One that counts more is kept.
    Outdated,
    /// There are too many of this rebuilder.
    TooMany,
}

/// A result at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedResult {
    /// Its place.
    pub place: u64,
    /// Whose.
    pub rebuilder: [u8; 32],
    /// The bytes received.
    pub body: Vec<u8>,
}

/// A mismatch that was not told of, or one that was and holds no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingMismatch {
    /// Whose.
    pub rebuilder: [u8; 32],
    /// About which file.
    pub file: Hash,
    /// What was built in its place; `None` if it holds no more.
    pub built: Option<Hash>,
}

impl Store {
    /// Keeps a result by `rebuilder`, who has results about at most `limit` files.
    pub async fn keep_rebuild(
        &self,
        rebuilder: &PublicKey,
        claim: &RebuildClaim,
        body: &[u8],
        limit: u64,
    ) -> Result<KeptResult, StoreError> {
        let mut transaction = self.begin().await?;
        let (key, file) = (rebuilder.as_bytes().as_slice(), claim.file.as_bytes());
        let kept: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT body FROM rebuilds WHERE file = $1 AND rebuilder = $2")
                .bind(file.as_slice())
                .bind(key)
                .fetch_optional(&mut *transaction)
                .await?;
        if let Some(kept) = kept {
            let kept = parsed(&kept)?;
            // SPEC(REB-6)
            if !claim.supersedes(&kept) {
                let same = !kept.supersedes(claim);
                return Ok(if same {
                    KeptResult::Known
                } else {
                    KeptResult::Outdated
                });
            }
        } else if files_of(&mut transaction, key).await? >= limit {
            // SPEC(REB-7): what is kept stays.
            return Ok(KeptResult::TooMany);
        }
        // SPEC(REB-9): read before the row is replaced, so that the greatest place is never lower.
        let place: i64 = sqlx::query_scalar("SELECT coalesce(max(place), 0) + 1 FROM rebuilds")
            .fetch_one(&mut *transaction)
            .await?;
        let mismatch = matches!(claim.outcome, Outcome::Mismatch { .. });
        sqlx::query(
            "INSERT INTO rebuilds (rebuilder, file, body, place, mismatch) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (file, rebuilder) DO UPDATE SET
                body = excluded.body, place = excluded.place, mismatch = excluded.mismatch",
        )
        .bind(key)
        .bind(file.as_slice())
        .bind(body)
        .bind(place)
        .bind(i64::from(mismatch))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(KeptResult::New)
    }

    /// The results about a file.
    pub async fn rebuilds_of(&self, file: &Hash) -> Result<Vec<PlacedResult>, StoreError> {
        let rows = sqlx::query("SELECT * FROM rebuilds WHERE file = $1 ORDER BY place")
            .bind(file.as_bytes().as_slice())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(placed).collect()
    }

    /// The results about any of these files, which are at most as many as a page shows.
    pub async fn rebuilds_of_any(&self, files: &[Hash]) -> Result<Vec<PlacedResult>, StoreError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (1..=files.len()).map(|place| format!("${place}")).collect();
        let places = places.join(", ");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT * FROM rebuilds WHERE file IN ({places}) ORDER BY place"
        )));
        for file in files {
            query = query.bind(file.as_bytes().as_slice());
        }
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(placed).collect()
    }

    /// The results from behind a place, in order; at most `limit`.
    pub async fn rebuilds_after(
        &self,
        place: u64,
        limit: u32,
    ) -> Result<Vec<PlacedResult>, StoreError> {
        let rows = sqlx::query("SELECT * FROM rebuilds WHERE place > $1 ORDER BY place LIMIT $2")
            .bind(to_db(place))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(placed).collect()
    }

    /// The last place of all.
    pub async fn last_rebuild(&self) -> Result<u64, StoreError> {
        let place: i64 = sqlx::query_scalar("SELECT coalesce(max(place), 0) FROM rebuilds")
            .fetch_one(&self.pool)
            .await?;
        from_db(place).ok_or(StoreError::Corrupt("place"))
    }

    /// Up to where a peer's list was read with these rebuilders; 0 if never.
    pub async fn rebuild_list_read(
        &self,
        peer: &str,
        rebuilders: &Hash,
    ) -> Result<u64, StoreError> {
        let place: Option<i64> = sqlx::query_scalar(
            "SELECT place FROM rebuild_lists WHERE peer = $1 AND rebuilders = $2",
        )
        .bind(peer)
        .bind(rebuilders.as_bytes().as_slice())
        .fetch_optional(&self.pool)
        .await?;
        from_db(place.unwrap_or(0)).ok_or(StoreError::Corrupt("place"))
    }

    /// Keeps up to where it was read.
    pub async fn keep_rebuild_list_read(
        &self,
        peer: &str,
        rebuilders: &Hash,
        place: u64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO rebuild_lists (peer, rebuilders, place) VALUES ($1, $2, $3)
             ON CONFLICT (peer) DO UPDATE SET
                rebuilders = excluded.rebuilders, place = excluded.place",
        )
        .bind(peer)
        .bind(rebuilders.as_bytes().as_slice())
        .bind(to_db(place))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Mismatches that were not told of, and those told of that hold no more: the ones that were
    /// looked at longest ago, which now counts as looked at.
    pub async fn waiting_mismatches(
        &self,
        limit: u32,
        now: u64,
    ) -> Result<Vec<WaitingMismatch>, StoreError> {
        let rows = sqlx::query(
            "UPDATE rebuilds SET looked = $1 WHERE (file, rebuilder) IN
               (SELECT file, rebuilder FROM rebuilds WHERE mismatch <> told
                ORDER BY looked, place LIMIT $2) RETURNING *",
        )
        .bind(to_db(now))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let placed = placed(row)?;
                let claim = parsed(&placed.body)?;
                Ok(WaitingMismatch {
                    rebuilder: placed.rebuilder,
                    file: hash(row.try_get("file")?, "file")?,
                    built: match claim.outcome {
                        Outcome::Mismatch { built } => Some(built),
                        Outcome::Match | Outcome::Unbuildable => None,
                    },
                })
            })
            .collect()
    }

    /// Notes that a mismatch was told of, or that its end was.
    pub async fn mismatch_told(&self, told: &WaitingMismatch) -> Result<(), StoreError> {
        sqlx::query("UPDATE rebuilds SET told = $1 WHERE file = $2 AND rebuilder = $3")
            .bind(i64::from(told.built.is_some()))
            .bind(told.file.as_bytes().as_slice())
            .bind(told.rebuilder.as_slice())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

async fn files_of(connection: &mut AnyConnection, key: &[u8]) -> Result<u64, StoreError> {
    let number: i64 = sqlx::query_scalar("SELECT count(*) FROM rebuilds WHERE rebuilder = $1")
        .bind(key)
        .fetch_one(connection)
        .await?;
    from_db(number).ok_or(StoreError::Corrupt("number"))
}

/// What was verified before it was kept.
fn parsed(body: &[u8]) -> Result<RebuildClaim, StoreError> {
    let parsed = UnverifiedRebuild::parse(body).map_err(|_| StoreError::Corrupt("rebuild"))?;
    Ok(parsed.claim().clone())
}

fn placed(row: &AnyRow) -> Result<PlacedResult, StoreError> {
    let rebuilder: &[u8] = row.try_get("rebuilder")?;
    Ok(PlacedResult {
        place: from_db(row.try_get("place")?).ok_or(StoreError::Corrupt("place"))?,
        rebuilder: rebuilder
            .try_into()
            .map_err(|_| StoreError::Corrupt("rebuilder"))?,
        body: row.try_get("body")?,
    })
}
