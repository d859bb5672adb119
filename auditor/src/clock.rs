//! The one place where the clock is read.

use std::time::{SystemTime, UNIX_EPOCH};

use plainsight_specs::time::Timestamp;

/// POSIX milliseconds; zero before 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// POSIX seconds.
pub(crate) fn now_s() -> u64 {
    now_ms() / 1000
}

/// Now, for signatures; `None` if the clock is beyond any time that can be signed.
pub(crate) fn now() -> Option<Timestamp> {
    Timestamp::from_seconds(now_s())
}
