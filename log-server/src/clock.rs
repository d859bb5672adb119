//! The one place that reads the clock. What decides gets a [`Clock`], so that a test or a simulation
//! can let time pass as it likes.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time. Clones tell the same.
#[derive(Clone)]
pub struct Clock {
    now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    counted: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Clock {
    /// The system's.
    pub fn system() -> Self {
        let start = Instant::now();
        Self {
            now_ms: Arc::new(now_ms),
            counted: Arc::new(move || start.elapsed()),
        }
    }

    /// Any other: POSIX milliseconds. It counts as it goes, so that it never leaps.
    pub fn from_fn(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let now_ms = Arc::new(now_ms);
        Self {
            counted: Arc::new({
                let now_ms = Arc::clone(&now_ms);
                move || Duration::from_millis(now_ms())
            }),
            now_ms,
        }
    }

    /// POSIX milliseconds. A clock before 1970 reads as 1970.
    pub fn now_ms(&self) -> u64 {
        (self.now_ms)()
    }

    /// The time that has passed since some moment, by a clock that only counts and that nobody sets.
    pub(crate) fn counted(&self) -> Duration {
        (self.counted)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// POSIX milliseconds by the system's clock, for what is no decision of a log.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
