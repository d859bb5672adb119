//! The wall clock, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use plainsight_specs::time::Timestamp;

/// Now, in whole seconds.
pub fn now() -> Result<Timestamp> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?;
    Timestamp::from_seconds(since.as_secs()).context("the clock is out of bounds")
}
