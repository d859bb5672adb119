//! Answers to look-ups that were given a moment ago, as the bytes that were sent.
//!
//! An answer holds for one published head and one request. It also shows an opening, which may be
//! erased by any replica at any time, so none is kept for longer than [`MAX_AGE`]: what was erased is
//! gone from every answer by then.

use std::time::{Duration, Instant};

use bytes::Bytes;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::merkle::TreeSize;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// How long an answer is given again.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(1);
/// Answers that a cache of [`CAPACITY`] has room for, about.
const ESTIMATED: usize = 8_192;
/// Bytes of all answers that are kept.
const CAPACITY: u64 = 32 << 20;
/// What an answer takes beside its bytes.
const OVERHEAD: u64 = 128;

#[derive(Clone)]
struct Given {
    size: TreeSize,
    at: Instant,
    body: Bytes,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Hash, Given> for Weight {
    fn weight(&self, _: &Hash, given: &Given) -> u64 {
        given.body.len() as u64 + OVERHEAD
    }
}

/// The answers. Requests are kept as hashes only.
pub(crate) struct Warm(Cache<Hash, Given, Weight>);

impl Warm {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Cache::with_weighter(ESTIMATED, CAPACITY, Weight))
    }

    /// The answer to these bytes of a request at the head of this size, if it was given lately.
    pub(crate) fn get(&self, request: &[u8], size: TreeSize, now: Instant) -> Option<Bytes> {
        let given = self.0.get(&sha256(request))?;
        let is_young = now.saturating_duration_since(given.at) < MAX_AGE;
        (given.size == size && is_young).then_some(given.body)
    }

    /// Keeps what was read since `at`, at the head of this size.
    pub(crate) fn keep(&self, request: &[u8], size: TreeSize, at: Instant, body: Bytes) {
        self.0.insert(sha256(request), Given { size, at, body });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn size(size: u64) -> TreeSize {
        TreeSize::new(size).unwrap()
    }

    #[test]
    fn an_answer_is_given_again_for_its_request_its_head_and_its_time() {
        let warm = Warm::new();
        let at = Instant::now();
        warm.keep(b"anna", size(7), at, Bytes::from_static(b"answer"));
        let late = at + MAX_AGE;
        let in_time = late.checked_sub(Duration::from_nanos(1)).unwrap();
        assert_eq!(warm.get(b"anna", size(7), in_time).unwrap(), "answer");
        assert_eq!(warm.get(b"anna", size(8), at), None);
        assert_eq!(warm.get(b"bert", size(7), at), None);
        assert_eq!(warm.get(b"anna", size(7), late), None);
    }

    #[test]
    fn answers_take_bounded_memory() {
        let warm = Warm::new();
        let at = Instant::now();
        for i in 0_u32..2_000 {
            let body = Bytes::from(vec![7; 64 << 10]);
            warm.keep(&i.to_be_bytes(), size(1), at, body);
        }
        assert!(warm.0.weight() <= CAPACITY);
        assert!(!warm.0.is_empty());
    }
}
