//! Requests with an idempotency key: the first answer is kept, and given again.
//!
//! The answer is stored in the transaction that commits the last of the request's items, so that an
//! answer is kept if and only if what it says is logged. Where an item was refused by the
//! sequencer, what to say of it needs the database, and the answer is stored before it is given.
//! A request that ended in between is done again, and its items get their first positions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::publish::{Logged, PublishAnswer, PublishError};

use crate::http::ApiError;
use crate::pool::Outcome;
use crate::shared::Shared;
use crate::store::NewAnswer;

/// The header.
pub(crate) const HEADER: &str = "idempotency-key";
/// The longest key.
const MAX_KEY: usize = 255;
/// How long an answer is kept, in milliseconds: what the chapter promises.
pub(crate) const KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// A request's key, in the name of its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestKey {
    token: Hash,
    key: String,
    request: Hash,
}

impl RequestKey {
    /// From the headers, if there is a key.
    // SPEC(PUB-9)
    pub(crate) fn of(
        headers: &HeaderMap,
        token: Hash,
        body: &[u8],
    ) -> Result<Option<Self>, ApiError> {
        let mut keys = headers.get_all(HEADER).iter();
        let Some(key) = keys.next() else {
            return Ok(None);
        };
        let key = key.to_str().unwrap_or_default();
        let is_key =
            (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        if !is_key || keys.next().is_some() {
            return Err(ApiError::Malformed(format!(
                "an idempotency key has 1 to {MAX_KEY} visible characters"
            )));
        }
        Ok(Some(Self {
            token,
            key: key.to_owned(),
            request: sha256(body),
        }))
    }

    /// Says that this request is being answered, until what is given is dropped. Another request
    /// that comes with the key meanwhile is refused before anything of it is logged.
    pub(crate) fn begin(&self, keys: &Arc<InFlight>) -> Result<Begun, ApiError> {
        let name = (self.token, self.key.clone());
        let mut open = keys.lock();
        let (request, count) = open.entry(name.clone()).or_insert((self.request, 0));
        if *request != self.request {
            return Err(ApiError::KeyReused);
        }
        *count += 1;
        drop(open);
        Ok(Begun {
            name,
            keys: Arc::clone(keys),
        })
    }

    /// The first answer to this key, if there was one.
    pub(crate) async fn kept(&self, shared: &Shared) -> Result<Option<PublishAnswer>, ApiError> {
        let store = &shared.source.store;
        let Some(kept) = store.kept_answer(&self.token, &self.key).await? else {
            return Ok(None);
        };
        if kept.request != self.request {
            return Err(ApiError::KeyReused);
        }
        PublishAnswer::parse(&kept.answer)
            .map(Some)
            .map_err(|error| {
                tracing::error!(%error, "an answer that was kept does not parse");
                ApiError::Internal
            })
    }

    /// Keeps this answer unless there is a first one, and gives the one that is kept.
    pub(crate) async fn settle(
        &self,
        shared: &Shared,
        answer: PublishAnswer,
    ) -> Result<PublishAnswer, ApiError> {
        if let Some(kept) = self.kept(shared).await? {
            return Ok(kept);
        }
        let store = &shared.source.store;
        store
            .keep_answer(&self.with(&answer, shared.clock.now_ms()))
            .await?;
        Ok(self.kept(shared).await?.unwrap_or(answer))
    }

    fn with(&self, answer: &PublishAnswer, now_ms: u64) -> NewAnswer {
        NewAnswer {
            token: self.token,
            key: self.key.clone(),
            request: self.request,
            answer: answer.to_json(),
            created: now_ms,
        }
    }
}

/// The keys of requests that are being answered, with their requests and how many of each. Only the
/// writer's matter, as the others send theirs on to it.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<HashMap<(Hash, String), (Hash, usize)>>);

impl InFlight {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Hash, String), (Hash, usize)>> {
        // Nobody panics while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Begun {
    name: (Hash, String),
    keys: Arc<InFlight>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut open = self.keys.lock();
        if let Some((_, count)) = open.get_mut(&self.name) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.name);
            }
        }
    }
}

/// A request on its way through the pool, of which the answer is to be kept.
#[derive(Debug)]
pub(crate) struct Keyed {
    key: RequestKey,
    results: Mutex<Vec<Option<Result<Logged, PublishError>>>>,
}

/// One item of it.
#[derive(Debug, Clone)]
pub(crate) struct KeyedItem {
    pub(crate) request: Arc<Keyed>,
    pub(crate) item: usize,
    /// Whether it is a reset.
    pub(crate) reset: bool,
}

impl Keyed {
    /// With what is decided before the pool; the rest is `None`.
    pub(crate) fn new(key: RequestKey, results: Vec<Option<Result<Logged, PublishError>>>) -> Self {
        Self {
            key,
            results: Mutex::new(results),
        }
    }
}

impl KeyedItem {
    /// Notes what became of the item; gives the answer to commit with it if it is the last one
    /// and all were logged.
    pub(crate) fn decided(&self, outcome: Outcome, now_ms: u64) -> Option<NewAnswer> {
        let Outcome::Sequenced(position) = outcome else {
            return None;
        };
        let results = &self.request.results;
        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = results.get_mut(self.item) {
            *result = Some(Ok(Logged {
                position,
                reset: self.reset,
            }));
        }
        let results = results.iter().cloned().collect::<Option<Vec<_>>>()?;
        Some(self.request.key.with(&PublishAnswer { results }, now_ms))
    }
}

#[cfg(test)]
mod tests {
    use plainsight_specs::merkle::LeafIndex;

    use super::*;

    fn key(headers: &[&str]) -> Result<Option<RequestKey>, ApiError> {
        let mut map = HeaderMap::new();
        for value in headers {
            map.append(HEADER, value.parse().unwrap());
        }
        RequestKey::of(&map, sha256(b"token"), b"body")
    }

    #[test]
    fn a_key_is_short_visible_and_alone() {
        assert!(key(&[]).unwrap().is_none());
        assert!(key(&["k"]).unwrap().is_some());
        assert!(key(&["k".repeat(255).as_str()]).unwrap().is_some());
        for wrong in [
            &[""][..],
            &["a b"],
            &["a", "a"],
            &["k".repeat(256).as_str()],
        ] {
            assert!(key(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_is_of_one_request_while_that_is_answered() {
        let keys = Arc::new(InFlight::default());
        let of = |body: &[u8]| RequestKey {
            request: sha256(body),
            ..key(&["k"]).unwrap().unwrap()
        };
        let first = of(b"one").begin(&keys).unwrap();
        let again = of(b"one").begin(&keys).unwrap();
        assert!(matches!(of(b"two").begin(&keys), Err(ApiError::KeyReused)));
        let other_token = RequestKey {
            token: sha256(b"other"),
            ..of(b"two")
        };
        let _other = other_token.begin(&keys).unwrap();
        drop(first);
        assert!(of(b"two").begin(&keys).is_err());
        drop(again);
        let _second = of(b"two").begin(&keys).unwrap();
        assert_eq!(keys.lock().len(), 2);
    }

    #[test]
    fn the_answer_comes_with_the_last_item_and_only_if_all_are_logged() {
        let position = |n| LeafIndex::new(n).unwrap();
        let request = |results| {
            let keyed = Keyed::new(key(&["k"]).unwrap().unwrap(), results);
            let request = Arc::new(keyed);
            move |item| KeyedItem {
                request: Arc::clone(&request),
                item,
                reset: item == 2,
            }
        };
        let item = request(vec![None, Some(Ok(Logged::at(position(3)))), None]);
        let logged = |n| Outcome::Sequenced(position(n));
        assert_eq!(item(2).decided(logged(8), 1), None);
        let answer = item(0).decided(logged(9), 5).unwrap();
        assert_eq!((answer.key.as_str(), answer.created), ("k", 5));
        let parsed = PublishAnswer::parse(&answer.answer).unwrap();
        let expected = [(9, false), (3, false), (8, true)].map(|(n, reset)| {
            Ok(Logged {
                position: position(n),
                reset,
            })
        });
        assert_eq!(parsed.results, expected);

        let item = request(vec![None, None]);
        let refused = Outcome::Refused(plainsight_specs::rules::Rule::Seq);
        assert_eq!(item(0).decided(refused, 1), None);
        assert_eq!(item(1).decided(logged(9), 1), None);
    }
}
