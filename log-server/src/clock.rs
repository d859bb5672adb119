//! The one place that reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// POSIX milliseconds. A clock before 1970 reads as 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
