//! What is refused before work is done for it, and when checkpoints are published.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Network;

/// When and how checkpoints are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Publication {
    /// Under load, the least time between two epochs, in milliseconds.
    pub tick_ms: u64,
    /// The most time that an auditor has for one answer, in milliseconds.
    pub auditor_timeout_ms: u64,
    /// How long one round of asking goes on, in milliseconds: an auditor that is behind is asked
    /// again within the round.
    pub round_ms: u64,
    /// The pause before the next round when a quorum was not reached, in milliseconds.
    pub retry_ms: u64,
}

impl Default for Publication {
    fn default() -> Self {
        Self {
            tick_ms: 250,
            auditor_timeout_ms: 5_000,
            round_ms: 10_000,
            retry_ms: 1_000,
        }
    }
}

impl Publication {
    /// [`Publication::tick_ms`] as a duration.
    pub fn tick(&self) -> Duration {
        Duration::from_millis(self.tick_ms)
    }

    /// [`Publication::auditor_timeout_ms`] as a duration.
    pub fn auditor_timeout(&self) -> Duration {
        Duration::from_millis(self.auditor_timeout_ms)
    }

    /// [`Publication::round_ms`] as a duration.
    pub fn round(&self) -> Duration {
        Duration::from_millis(self.round_ms)
    }

    /// [`Publication::retry_ms`] as a duration.
    pub fn retry(&self) -> Duration {
        Duration::from_millis(self.retry_ms)
    }
}

/// What is refused before work is done for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most bytes of a publish request.
    pub publish_bytes: usize,
    /// The most bytes of a question to the directory.
    pub query_bytes: usize,
    /// The most connections at once; who comes above that waits to be accepted.
    pub connections: usize,
    /// The most connections of one address, or of one /64; 0 is no limit. Trusted proxies are not
    /// counted.
    pub connections_per_client: usize,
    /// How long a connection may say nothing, or its next request's head may take, in
    /// milliseconds.
    pub head_ms: u64,
    /// How long a body may take to arrive, in milliseconds.
    pub body_ms: u64,
    /// The most bytes of bodies that are on their way, of all requests together.
    pub body_bytes: usize,
    /// How long a peer may take nothing of an answer, in milliseconds.
    pub stall_ms: u64,
    /// Look-ups a second of one address, or of one /64; 0 is no limit. The host's own addresses
    /// are not counted.
    pub lookups_per_s: u32,
    /// Look-ups that one address may make at once.
    pub lookup_burst: u32,
    /// Items a second of a token that has no rate of its own; 0 is no limit.
    pub token_items_per_s: u32,
    /// Items that a token may publish at once. A larger request is taken, and waited for after.
    pub token_burst: u32,
    /// How long a stopping server goes on to answer readers, while it takes nothing more and says
    /// that it is not ready, in milliseconds.
    pub drain_ms: u64,
    /// Networks whose `X-Forwarded-For` is believed. None by default.
    pub trusted_proxies: Vec<Network>,
    /// The most entries that wait to be sequenced.
    pub pending_entries: usize,
    /// The most bytes of entries and private rows that wait to be sequenced.
    pub pending_bytes: usize,
    /// The most entries that may be sequenced and not yet published; above it, publish requests
    /// are put off, so that a log whose auditors are away does not grow a debt without end.
    pub unpublished_entries: u64,
    /// How long a request waits for its entries to be published, in milliseconds.
    pub wait_ms: u64,
    /// Connections of the read pool.
    pub read_connections: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            publish_bytes: 8 << 20,
            query_bytes: 16 << 10,
            connections: 4_096,
            connections_per_client: 512,
            head_ms: 60_000,
            body_ms: 20_000,
            body_bytes: 128 << 20,
            stall_ms: 20_000,
            lookups_per_s: 20,
            lookup_burst: 200,
            token_items_per_s: 0,
            token_burst: 2_000,
            drain_ms: 0,
            trusted_proxies: Vec::new(),
            pending_entries: 16_384,
            pending_bytes: 32 << 20,
            unpublished_entries: 1_000_000,
            wait_ms: 30_000,
            read_connections: 4,
        }
    }
}

impl Limits {
    /// What the server's door keeps to.
    pub fn bounds(&self) -> plainsight_door::Bounds {
        plainsight_door::Bounds {
            connections: self.connections,
            per_client: self.connections_per_client,
            head: Duration::from_millis(self.head_ms),
            stall: Duration::from_millis(self.stall_ms),
        }
    }
}
