//! The one place where the system's clock is read. What decides gets a [`Clock`], so that a test
//! can let a week pass in seconds.

pub(crate) mod ask;
pub(crate) mod judge;
pub(crate) mod others;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use plainsight_specs::time::Timestamp;

/// Tells the time. Clones tell the same.
#[derive(Clone)]
pub struct Clock {
    now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    is_of_a_machine: bool,
}

impl Clock {
    /// The system's.
    pub fn system() -> Self {
        Self::of_machine(now_ms)
    }

    /// A machine's, which may be wrong: POSIX milliseconds. It is held against the clocks of others.
    pub fn of_machine(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            now_ms: Arc::new(now_ms),
            is_of_a_machine: true,
        }
    }

    /// Any other, of a world of its own: POSIX milliseconds.
    pub fn from_fn(now_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            now_ms: Arc::new(now_ms),
            is_of_a_machine: false,
        }
    }

    /// Whether it shows the time that other hosts have too, or should.
    pub fn is_of_a_machine(&self) -> bool {
        self.is_of_a_machine
    }

    /// POSIX milliseconds; zero before 1970.
    pub fn now_ms(&self) -> u64 {
        (self.now_ms)()
    }

    /// POSIX seconds.
    pub fn now_s(&self) -> u64 {
        self.now_ms() / 1000
    }

    /// Now, for signatures; `None` if the clock is beyond any time that can be signed.
    pub fn now(&self) -> Option<Timestamp> {
        Timestamp::from_seconds(self.now_s())
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// POSIX seconds by the system's clock, for commands that run and end.
pub(crate) fn now_s() -> u64 {
    now_ms() / 1000
}
