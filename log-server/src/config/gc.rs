//! When what nobody needs any more is removed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When what nobody needs any more is removed: partial objects, and segments of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gc {
    /// How long a partial object stays after its full one was written, in seconds.
    pub grace_s: u64,
    /// How often the objects are looked through, in seconds.
    pub every_s: u64,
    /// Whether segments whose bundles are full, published and read back are deleted from the
    /// database: the bundles are then the only copy of the entries.
    pub prune: bool,
}

impl Default for Gc {
    fn default() -> Self {
        Self {
            grace_s: 3_600,
            every_s: 3_600,
            prune: false,
        }
    }
}

impl Gc {
    /// [`Gc::grace_s`] as a duration.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_s)
    }

    /// [`Gc::every_s`] as a duration.
    pub fn every(&self) -> Duration {
        Duration::from_secs(self.every_s)
    }
}
