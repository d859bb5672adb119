//! An auditor of Plainsight logs: it mirrors a log, replays every entry, applies every rule, and
//! cosigns only heads that are consistent, complete, replayed and without a break that nobody
//! acknowledged in public.
//!
//! The way of a head: [`fetch`] reads what it covers and shows that it does, [`replay`] judges the
//! entries, [`store`] keeps them, [`audit`] decides, [`desk`] carries out, the HTTP side answers.
//! What a log did wrong becomes a file that strangers can check ([`evidence`]); what it merely
//! failed to do becomes an [`alert`].

pub mod alert;
pub mod audit;
pub mod check;
pub mod compare;
pub mod config;
pub mod dashboard;
pub mod desk;
pub mod doctor;
pub mod evidence;
pub mod fetch;
pub mod follow;
pub mod high_water;
pub mod metrics;
pub mod mirror;
pub mod peers;
pub mod plain;
pub mod progress;
pub mod pulse;
pub mod rebuilds;
pub mod replay;
pub mod store;
pub mod watch;

mod acknowledge;
mod clock;
mod contain;
mod hands;
mod heartbeat;
mod http;
mod node;
mod resume;

pub use acknowledge::{AcknowledgeError, MAX_REASON, acknowledge, acknowledge_alert};
pub use clock::Clock;
pub use config::{
    Config, ConfigError, FollowedLog, Identity, LogConfig, Rebuilder, WitnessConfig, add_log,
    add_peer, init,
};
pub use hands::{OtherOwner, may_write};
pub use http::{LimitConfig, openapi};
pub use node::{Node, StartError};
pub use resume::{ResumeError, resume};
