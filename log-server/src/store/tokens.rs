//! The tokens of publishers: their hashes, and what each may do. None is ever deleted, so that a
//! name says who published what, also later.

use plainsight_specs::hash::Hash;
use sqlx::{Connection as _, Row as _};

use super::{Store, StoreError, TokenRole, from_sql, to_sql};

/// A token, by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// SHA-256 of the token.
    pub hash: Hash,
    /// Who has it; used once.
    pub name: String,
    /// What it may publish.
    pub role: TokenRole,
    /// When it was made, in POSIX milliseconds.
    pub created: u64,
    /// From when on it does not count.
    pub expires: Option<u64>,
    /// Since when it does not count.
    pub revoked: Option<u64>,
    /// How many items a second, if not as many as any; 0 is no limit.
    pub items_per_s: Option<u32>,
}

impl Store {
    /// Adds a token. A name is used once.
    pub async fn insert_token(&self, token: &TokenRow) -> Result<(), StoreError> {
        let mut connection = self.address.connect().await?;
        let expires = token.expires.map(to_sql).transpose()?;
        sqlx::query(
            "INSERT INTO token (hash, name, role, created, expires, items_per_s) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(token.hash.as_bytes().as_slice())
        .bind(token.name.as_str())
        .bind(token.role.as_str())
        .bind(to_sql(token.created)?)
        .bind(expires)
        .bind(token.items_per_s.map(i64::from))
        .execute(&mut connection)
        .await?;
        connection.close().await?;
        Ok(())
    }

    /// Every token, the oldest first.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT hash, name, role, created, expires, revoked, items_per_s FROM token \
             ORDER BY created, name",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let hash: Vec<u8> = row.try_get("hash")?;
                let role: String = row.try_get("role")?;
                let time = |column: &str| -> Result<Option<u64>, StoreError> {
                    let time: Option<i64> = row.try_get(column)?;
                    time.map(from_sql).transpose()
                };
                let items_per_s: Option<i64> = row.try_get("items_per_s")?;
                Ok(TokenRow {
                    hash: super::read::hash(hash)?,
                    name: row.try_get("name")?,
                    role: TokenRole::parse(&role)?,
                    created: from_sql(row.try_get("created")?)?,
                    expires: time("expires")?,
                    revoked: time("revoked")?,
                    items_per_s: items_per_s
                        .map(u32::try_from)
                        .transpose()
                        .map_err(|_| StoreError::Corrupt("a token's rate".into()))?,
                })
            })
            .collect()
    }

    /// Revokes the token of this name. Whether there is one that was not.
    pub async fn revoke_token(&self, name: &str, now_ms: u64) -> Result<bool, StoreError> {
        let mut connection = self.address.connect().await?;
        let done = sqlx::query("UPDATE token SET revoked = $1 WHERE name = $2 AND revoked IS NULL")
            .bind(to_sql(now_ms)?)
            .bind(name)
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(done.rows_affected() == 1)
    }
}
