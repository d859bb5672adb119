//! Bearer tokens of publishers. The database holds only their hashes.
//!
//! A running server reads them anew every second that somebody publishes, so that one that was
//! added or revoked elsewhere is known within seconds, on every replica.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plainsight_specs::hash::{Hash, sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::now_ms;
use crate::store::{Store, StoreError, TokenRole, TokenRow};

/// How long what was read is relied on.
const REFRESH: Duration = Duration::from_secs(1);
/// How long it is relied on when the database cannot be read.
const STALE: Duration = Duration::from_secs(30);

/// Why a token could not be added.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is a token of this name, perhaps a revoked one.
    #[error("the name {0:?} was used for a token before")]
    Name(String),
    /// No random bytes could be had.
    #[error("no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// What a token is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken<'a> {
    /// Who has it; used once.
    pub name: &'a str,
    /// What it may publish.
    pub role: TokenRole,
    /// How long it counts; for ever, if absent.
    pub lifetime: Option<Duration>,
    /// How many items a second, if not as many as any; 0 is no limit.
    pub items_per_s: Option<u32>,
}

/// Makes a token for a role that counts for ever, stores its hash and gives the token: 64 hex
/// digits, shown once.
pub async fn add_token(store: &Store, name: &str, role: TokenRole) -> Result<String, TokenError> {
    let new = NewToken {
        name,
        role,
        lifetime: None,
        items_per_s: None,
    };
    make_token(store, &new).await
}

/// Makes a token, stores its hash and gives the token: 64 hex digits, shown once.
pub async fn make_token(store: &Store, new: &NewToken<'_>) -> Result<String, TokenError> {
    if store.tokens().await?.iter().any(|row| row.name == new.name) {
        return Err(TokenError::Name(new.name.to_owned()));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(TokenError::Randomness)?;
    let token = hex::encode(bytes);
    let now = now_ms();
    let lifetime = new.lifetime.map(|lifetime| lifetime.as_millis());
    let lifetime = lifetime.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX));
    let row = TokenRow {
        hash: sha256(token.as_bytes()),
        name: new.name.to_owned(),
        role: new.role,
        created: now,
        expires: lifetime.map(|ms| now.saturating_add(ms)),
        revoked: None,
        items_per_s: new.items_per_s,
    };
    store.insert_token(&row).await?;
    Ok(token)
}

/// Revokes the token of this name at once. Whether there is one that was not.
pub async fn revoke_token(store: &Store, name: &str) -> Result<bool, TokenError> {
    Ok(store.revoke_token(name, now_ms()).await?)
}

impl TokenRow {
    /// Whether the token counts at a time, in POSIX milliseconds.
    pub fn counts_at(&self, now_ms: u64) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now_ms < expires)
    }
}

/// A token that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The token's hash.
    pub(crate) hash: Hash,
    /// What it may publish.
    pub(crate) role: TokenRole,
    /// Its own rate, if it has one; 0 is no limit.
    pub(crate) items_per_s: Option<u32>,
}

/// The tokens as last read.
pub(crate) struct Tokens {
    known: Mutex<Known>,
    /// Held while they are read: who comes meanwhile waits for the outcome.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    rows: Arc<Vec<TokenRow>>,
    read_at: Option<Instant>,
}

impl Known {
    fn is_younger(&self, than: Duration) -> bool {
        self.read_at.is_some_and(|at| at.elapsed() < than)
    }
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The holder of a token, if it is one that counts.
    pub(crate) async fn holder(
        &self,
        store: &Store,
        token: &str,
    ) -> Result<Option<Holder>, StoreError> {
        let known = self.fresh(store).await?;
        Ok(find(
            &known.rows,
            &sha256(token.as_bytes()),
            crate::clock::now_ms(),
        ))
    }

    async fn fresh(&self, store: &Store) -> Result<Known, StoreError> {
        let known = self.lock().clone();
        if known.is_younger(REFRESH) {
            return Ok(known);
        }
        let _reading = self.reading.lock().await;
        let known = self.lock().clone();
        if known.is_younger(REFRESH) {
            return Ok(known);
        }
        match store.tokens().await {
            Ok(rows) => {
                let known = Known {
                    rows: Arc::new(rows),
                    read_at: Some(Instant::now()),
                };
                *self.lock() = known.clone();
                Ok(known)
            }
            Err(error) if known.is_younger(STALE) => {
                tracing::warn!(%error, "the tokens cannot be read anew");
                Ok(known)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads them anew when the next one comes.
    pub(crate) fn forget(&self) {
        *self.lock() = Known::default();
    }

    /// No code between lock and unlock can panic.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at every token, however early one matches.
fn find(rows: &[TokenRow], hash: &Hash, now_ms: u64) -> Option<Holder> {
    let mut found = None;
    for row in rows {
        let is_it = bool::from(row.hash.as_bytes().ct_eq(hash.as_bytes()));
        if is_it && row.counts_at(now_ms) {
            found = Some(Holder {
                hash: row.hash,
                role: row.role,
                items_per_s: row.items_per_s,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_counts_until_it_expires_or_is_revoked() {
        let row = |expires, revoked| TokenRow {
            hash: sha256(b"token"),
            name: "somebody".into(),
            role: TokenRole::Keys,
            created: 1,
            expires,
            revoked,
            items_per_s: Some(7),
        };
        let found = |row: TokenRow, token: &[u8], now| find(&[row], &sha256(token), now);
        let holder = found(row(None, None), b"token", u64::MAX).unwrap();
        assert_eq!(
            (holder.role, holder.items_per_s),
            (TokenRole::Keys, Some(7))
        );
        assert!(found(row(Some(10), None), b"token", 9).is_some());
        assert!(found(row(Some(10), None), b"token", 10).is_none());
        assert!(found(row(None, Some(5)), b"token", 9).is_none());
        assert!(found(row(None, None), b"tokem", 9).is_none());
    }
}
