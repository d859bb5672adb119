//! The configuration of one log: where its keys, its database and its public objects are, and the
//! limits it works within.
//!
//! From a TOML file, the environment and flags, the later over the earlier (see [`Layers`]).
//! Relative paths in the file are relative to the folder of the file; elsewhere to the working
//! directory. Unknown members are refused by name: a limit that is silently ignored because of a
//! spelling mistake protects nobody. Out of scope: keys (see [`crate::signer`]) and creating a log
//! (see [`crate::init()`]).

mod gc;
mod layers;
mod limits;
mod network;
mod replica;

pub use gc::Gc;
pub use layers::{Layer, Layers, Loaded, Member};
pub use limits::{Limits, Publication};
pub use network::Network;
pub use replica::Replica;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::objects::ObjectsAddress;
use crate::store::DatabaseAddress;

/// The name of the file that `init` writes into the log's folder.
pub const FILE_NAME: &str = "plainsight-log.toml";

/// What one log needs to run. All paths are absolute or relative to the working directory once
/// [`Config::load`] has resolved them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The log's origin; must be the one that the database was made for.
    pub origin: String,
    /// Where HTTP is answered; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where operators are answered: metrics and health. Nowhere if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_listen: Option<SocketAddr>,
    /// The log's private state: a file for `SQLite`, or the URL of a `PostgreSQL` database.
    pub database: DatabaseAddress,
    /// Where the public objects are (checkpoint, tiles, entry bundles): a folder, or
    /// `s3://bucket/prefix`, whose endpoint and credentials come from the environment.
    pub objects: ObjectsAddress,
    /// The seed of the key that signs checkpoints.
    pub log_key: PathBuf,
    /// The seed of the VRF key.
    pub vrf_key: PathBuf,
    /// A C2SP tlog-policy file: the auditors to ask and the quorum that publication waits for.
    /// Without one, checkpoints are published as soon as they are signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PathBuf>,
    /// When and how checkpoints are published.
    #[serde(default)]
    pub publication: Publication,
    /// What is refused before work is done for it.
    #[serde(default)]
    pub limits: Limits,
    /// How this replica of the log gets along with the others.
    #[serde(default)]
    pub replica: Replica,
    /// When what nobody needs any more is removed.
    #[serde(default)]
    pub gc: Gc,
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parser's own words.
        message: String,
    },
    /// A member that no configuration has.
    #[error("{layer}: there is no member {member:?}")]
    Unknown {
        /// Where it is.
        layer: Layer,
        /// The member.
        member: String,
    },
    /// A value that cannot work.
    #[error("{layer}: {member} {why}")]
    Wrong {
        /// Where it is.
        layer: Layer,
        /// The member.
        member: String,
        /// What is wrong with it.
        why: String,
    },
    /// What was put together is no configuration.
    #[error("the configuration is not whole: {0}")]
    Incomplete(String),
    /// A file with a password in it can be read by others than its owner.
    #[error("{path} has a password in it and can be read by others than its owner")]
    Exposed {
        /// The file.
        path: PathBuf,
    },
}

impl Config {
    /// The configuration that [`crate::init()`] writes for `dir`, with default limits.
    pub fn in_folder(dir: &Path, origin: &str, listen: SocketAddr) -> Self {
        Self {
            origin: origin.to_owned(),
            listen,
            admin_listen: None,
            database: dir.join("log.db").into(),
            objects: dir.join("public").into(),
            log_key: dir.join("keys/log.key"),
            vrf_key: dir.join("keys/vrf.key"),
            policy: None,
            publication: Publication::default(),
            limits: Limits::default(),
            replica: Replica::default(),
            gc: Gc::default(),
        }
    }

    /// Reads `path` alone, which may be the file or the folder it is in.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Ok(Layers::new(path).load()?.config)
    }

    /// The TOML text. Paths inside `dir` are written relative to it, so that the folder can move.
    pub fn to_toml(&self, dir: &Path) -> Result<String, toml::ser::Error> {
        let mut config = self.clone();
        config.database = config.database.relative_to(dir);
        config.objects = config.objects.relative_to(dir);
        for (_, path) in config.named_paths() {
            if let Ok(inside) = path.strip_prefix(dir) {
                *path = inside.to_owned();
            }
        }
        toml::to_string_pretty(&config)
    }

    /// The files, under the names of their members.
    fn named_paths(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        let mut paths = vec![
            ("log_key", &mut self.log_key),
            ("vrf_key", &mut self.vrf_key),
        ];
        paths.extend(self.policy.as_mut().map(|path| ("policy", path)));
        paths
    }

    /// The members that must not be zero and are.
    fn zeros(&self) -> Option<&'static str> {
        let positive = [
            ("publication.tick_ms", self.publication.tick_ms),
            (
                "publication.auditor_timeout_ms",
                self.publication.auditor_timeout_ms,
            ),
            ("publication.round_ms", self.publication.round_ms),
            ("publication.retry_ms", self.publication.retry_ms),
            ("replica.beat_ms", self.replica.beat_ms),
            ("replica.stale_ms", self.replica.stale_ms),
            ("replica.poll_ms", self.replica.poll_ms),
            ("limits.publish_bytes", self.limits.publish_bytes as u64),
            ("limits.query_bytes", self.limits.query_bytes as u64),
            ("limits.connections", self.limits.connections as u64),
            ("limits.head_ms", self.limits.head_ms),
            ("limits.body_ms", self.limits.body_ms),
            ("limits.body_bytes", self.limits.body_bytes as u64),
            ("limits.stall_ms", self.limits.stall_ms),
            ("limits.lookup_burst", u64::from(self.limits.lookup_burst)),
            ("limits.token_burst", u64::from(self.limits.token_burst)),
            ("limits.pending_entries", self.limits.pending_entries as u64),
            ("limits.pending_bytes", self.limits.pending_bytes as u64),
            (
                "limits.unpublished_entries",
                self.limits.unpublished_entries,
            ),
            ("limits.wait_ms", self.limits.wait_ms),
            ("gc.every_s", self.gc.every_s),
            (
                "limits.read_connections",
                u64::from(self.limits.read_connections),
            ),
        ];
        let zero = positive.into_iter().find(|(_, value)| *value == 0);
        zero.map(|(member, _)| member)
    }
}

#[cfg(test)]
mod tests;
