//! Answers to look-ups that were given a moment ago, as the bytes that were sent: compressed for who
//! asked for that, so that an answer from here costs nothing in either coding.
//!
//! An answer holds for one published head and one request. It also shows an opening, which may be
//! erased by any replica at any time, so none is kept for longer than [`MAX_AGE`]: what was erased is
//! gone from every answer by then.

use std::time::{Duration, Instant};

use plainsight_specs::hash::{Hash, sha256_parts};
use plainsight_specs::merkle::TreeSize;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::http::{Coding, Encoded};

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
    body: Encoded,
}

/// A request and the coding that it is answered in, as a hash.
pub(crate) struct Asked(Hash);

impl Asked {
    /// Of these bytes.
    pub(crate) fn new(request: &[u8], coding: Coding) -> Self {
        let coding = match coding {
            Coding::Plain => 0,
            Coding::Gzip => 1,
        };
        Self(sha256_parts(&[&[coding], request]))
    }
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

    /// The answer to what was asked at the head of this size, if it was given lately.
    pub(crate) fn get(&self, asked: &Asked, size: TreeSize, now: Instant) -> Option<Encoded> {
        let given = self.0.get(&asked.0)?;
        let is_young = now.saturating_duration_since(given.at) < MAX_AGE;
        (given.size == size && is_young).then_some(given.body)
    }

    /// Keeps what was read since `at`, at the head of this size.
    pub(crate) fn keep(&self, asked: &Asked, size: TreeSize, at: Instant, body: Encoded) {
        self.0.insert(asked.0, Given { size, at, body });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn size(size: u64) -> TreeSize {
        TreeSize::new(size).unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_given_again_for_its_request_its_coding_its_head_and_its_time() {
        let warm = Warm::new();
        let at = Instant::now();
        let anna = Asked::new(b"anna", Coding::Gzip);
        let answer = Encoded::new(vec![b'a'; 5_000], Coding::Gzip).await;
        assert!(answer.len() < 100, "it is kept as it is sent");
        warm.keep(&anna, size(7), at, answer.clone());
        let late = at + MAX_AGE;
        let in_time = late.checked_sub(Duration::from_nanos(1)).unwrap();
        assert_eq!(warm.get(&anna, size(7), in_time), Some(answer));
        assert_eq!(warm.get(&anna, size(8), at), None);
        let bert = Asked::new(b"bert", Coding::Gzip);
        assert_eq!(warm.get(&bert, size(7), at), None);
        let anna_plain = Asked::new(b"anna", Coding::Plain);
        assert_eq!(warm.get(&anna_plain, size(7), at), None);
        assert_eq!(warm.get(&anna, size(7), late), None);
    }

    #[tokio::test]
    async fn answers_take_bounded_memory() {
        let warm = Warm::new();
        let at = Instant::now();
        for i in 0_u32..2_000 {
            let body = Encoded::new(vec![7; 64 << 10], Coding::Plain).await;
            warm.keep(
                &Asked::new(&i.to_be_bytes(), Coding::Plain),
                size(1),
                at,
                body,
            );
        }
        assert!(warm.0.weight() <= CAPACITY);
        assert!(!warm.0.is_empty());
    }
}
