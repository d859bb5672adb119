//! How one replica of a log gets along with the others.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How one replica of a log gets along with the others on the same database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Replica {
    /// The URL at which the other replicas reach this one; by default `http://` and the address
    /// that is listened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertise: Option<String>,
    /// Whether this replica only reads: it never writes, whatever becomes of the writer.
    pub read_only: bool,
    /// Whether the database's advisory lock decides who writes. Only for peace: turn it off for
    /// an engine that has none.
    pub advisory_lock: bool,
    /// How often the writer shows that it lives, in milliseconds.
    pub beat_ms: u64,
    /// How long nothing may be heard of the writer before another takes over, in milliseconds:
    /// several times the beat.
    pub stale_ms: u64,
    /// How often the lease and the newest checkpoint are looked at, in milliseconds.
    pub poll_ms: u64,
}

impl Default for Replica {
    fn default() -> Self {
        Self {
            advertise: None,
            read_only: false,
            advisory_lock: true,
            beat_ms: 300,
            stale_ms: 1_200,
            poll_ms: 200,
        }
    }
}

impl Replica {
    /// [`Replica::beat_ms`] as a duration.
    pub fn beat(&self) -> Duration {
        Duration::from_millis(self.beat_ms)
    }

    /// [`Replica::stale_ms`] as a duration.
    pub fn stale(&self) -> Duration {
        Duration::from_millis(self.stale_ms)
    }

    /// [`Replica::poll_ms`] as a duration.
    pub fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
}
