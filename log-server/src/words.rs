//! What keeps a head from being cosigned or signed, so that the log's own log tells it once and not at
//! each try.
//!
//! A reason is told when it is new for its auditor, and again after a minute, then after two, four
//! and so on up to an hour. Asking is not put off by this: only the words are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long the first repetition is put off.
const FIRST: Duration = Duration::from_mins(1);
/// The longest that one is.
const MOST: Duration = Duration::from_hours(1);

/// What was told last, by whom it is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words(Arc<Mutex<BTreeMap<String, Told>>>);

#[derive(Debug)]
struct Told {
    why: String,
    at: Instant,
    pause: Duration,
}

impl Words {
    /// Whether to tell this now; if so, it counts as told.
    pub(crate) fn are_due(&self, whom: &str, why: &str, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told.get_mut(whom) {
            Some(last) if last.why == why => {
                if now.duration_since(last.at) < last.pause {
                    return false;
                }
                (last.at, last.pause) = (now, (last.pause * 2).min(MOST));
            }
            _ => {
                let (why, at, pause) = (why.to_owned(), now, FIRST);
                told.insert(whom.to_owned(), Told { why, at, pause });
            }
        }
        true
    }

    /// It is over: the same reason is news when it comes back.
    pub(crate) fn forget(&self, whom: &str) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.remove(whom);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_then_ever_more_seldom() {
        let (words, start) = (Words::default(), Instant::now());
        let told: Vec<u64> = (0..8 * 3600)
            .filter(|second| words.are_due("a", "down", start + Duration::from_secs(*second)))
            .collect();
        let minutes: Vec<u64> = told.iter().map(|second| second / 60).collect();
        assert_eq!(
            minutes,
            [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363, 423]
        );
    }

    #[test]
    fn another_reason_another_auditor_and_a_return_are_news() {
        let (words, now) = (Words::default(), Instant::now());
        assert!(words.are_due("a", "down", now));
        assert!(!words.are_due("a", "down", now));
        assert!(words.are_due("b", "down", now));
        assert!(words.are_due("a", "behind", now));
        assert!(words.are_due("a", "down", now));
        words.forget("a");
        assert!(words.are_due("a", "down", now));
    }
}
