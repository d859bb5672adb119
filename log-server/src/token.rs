//! Bearer tokens of publishers. The database holds only their hashes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use plainsight_specs::hash::{Hash, sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::now_ms;
use crate::store::{Store, StoreError, TokenRole};

/// How long an unknown token is refused before the database is read again.
const REFRESH: Duration = Duration::from_secs(1);

/// Why a token could not be added.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No random bytes could be had.
    #[error("no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// Makes a token for a role, stores its hash and gives the token: 64 hex digits, shown once.
pub async fn add_token(store: &Store, name: &str, role: TokenRole) -> Result<String, TokenError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(TokenError::Randomness)?;
    let token = hex::encode(bytes);
    store
        .add_token(&sha256(token.as_bytes()), name, role, now_ms())
        .await?;
    Ok(token)
}

/// The tokens as last read.
pub(crate) struct Tokens {
    known: Mutex<Vec<(Hash, TokenRole)>>,
    /// When they were last read. Held while they are: who comes meanwhile waits for the outcome.
    read_at: tokio::sync::Mutex<Option<Instant>>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::default(),
            read_at: tokio::sync::Mutex::default(),
        }
    }

    /// The role of a token, if it is one. A token that was added while the server runs is found
    /// within a second.
    pub(crate) async fn role(
        &self,
        store: &Store,
        token: &str,
    ) -> Result<Option<TokenRole>, StoreError> {
        let hash = sha256(token.as_bytes());
        if let Some(role) = self.find(&hash) {
            return Ok(Some(role));
        }
        let mut read_at = self.read_at.lock().await;
        if read_at.is_none_or(|at| at.elapsed() >= REFRESH) {
            let tokens = store.tokens().await?;
            *read_at = Some(Instant::now());
            *self.lock() = tokens;
        }
        Ok(self.find(&hash))
    }

    /// Looks at every token, however early one matches.
    fn find(&self, hash: &Hash) -> Option<TokenRole> {
        let mut found = None;
        for (known, role) in self.lock().iter() {
            if bool::from(known.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some(*role);
            }
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Hash, TokenRole)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
