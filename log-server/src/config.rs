//! The configuration of one log: a TOML file that names where its keys, its database and its
//! public objects are, and the limits it works within.
//!
//! Relative paths are relative to the folder of the file. Unknown members are refused: a limit
//! that is silently ignored because of a spelling mistake protects nobody. Out of scope: keys
//! (see [`crate::signer`]) and creating a log (see [`crate::init()`]).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

/// How one replica of a log gets along with the others on the same database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Replica {
    /// The URL at which the other replicas reach this one; by default `http://` and the address
    /// that is listened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertise: Option<String>,
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
            pending_entries: 16_384,
            pending_bytes: 32 << 20,
            unpublished_entries: 1_000_000,
            wait_ms: 30_000,
            read_connections: 4,
        }
    }
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
    /// The file is not a configuration.
    #[error("{path}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parser's own words.
        message: String,
    },
    /// A value that cannot work.
    #[error("{path}: {member} {why}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Config {
    /// The configuration that [`crate::init()`] writes for `dir`, with default limits.
    pub fn in_folder(dir: &Path, origin: &str, listen: SocketAddr) -> Self {
        Self {
            origin: origin.to_owned(),
            listen,
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

    /// Reads `path`, which may be the file or the folder it is in.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let path = if path.is_dir() {
            path.join(FILE_NAME)
        } else {
            path.to_owned()
        };
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let mut config: Self = toml::from_str(&text).map_err(|error| ConfigError::Malformed {
            path: path.clone(),
            message: error.to_string(),
        })?;
        let dir = path.parent().unwrap_or(Path::new("."));
        config.database = config.database.in_folder(dir);
        config.objects = config.objects.below(dir);
        let members = [&mut config.log_key, &mut config.vrf_key];
        for member in members.into_iter().chain(config.policy.as_mut()) {
            *member = dir.join(&*member);
        }
        config.check(&path)?;
        Ok(config)
    }

    /// The TOML text. Paths inside `dir` are written relative to it, so that the folder can move.
    pub fn to_toml(&self, dir: &Path) -> Result<String, toml::ser::Error> {
        let mut config = self.clone();
        config.database = config.database.relative_to(dir);
        config.objects = config.objects.relative_to(dir);
        let members = [&mut config.log_key, &mut config.vrf_key];
        for member in members.into_iter().chain(config.policy.as_mut()) {
            if let Ok(inside) = member.strip_prefix(dir) {
                *member = inside.to_owned();
            }
        }
        toml::to_string_pretty(&config)
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
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
        match positive.into_iter().find(|(_, value)| *value == 0) {
            None => Ok(()),
            Some((member, _)) => Err(ConfigError::Wrong {
                path: path.to_owned(),
                member,
                why: "must not be zero",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(dir: &Path) -> Config {
        Config::in_folder(dir, "log.example/1", ([127, 0, 0, 1], 8080).into())
    }

    #[test]
    fn a_written_configuration_reads_back_wherever_the_folder_is() {
        let dir = tempfile::tempdir().unwrap();
        let text = sample(dir.path()).to_toml(dir.path()).unwrap();
        assert!(!text.contains(dir.path().to_str().unwrap()));
        let moved = tempfile::tempdir().unwrap();
        std::fs::write(moved.path().join(FILE_NAME), text).unwrap();
        assert_eq!(Config::load(moved.path()).unwrap(), sample(moved.path()));
    }

    #[test]
    fn refuses_unknown_members_and_zero_limits() {
        let dir = tempfile::tempdir().unwrap();
        let text = sample(dir.path()).to_toml(dir.path()).unwrap();
        let file = dir.path().join(FILE_NAME);
        std::fs::write(&file, text.replace("tick_ms", "tick_sm")).unwrap();
        assert!(matches!(
            Config::load(&file),
            Err(ConfigError::Malformed { .. })
        ));
        std::fs::write(&file, text.replace("tick_ms = 250", "tick_ms = 0")).unwrap();
        assert!(matches!(
            Config::load(&file),
            Err(ConfigError::Wrong {
                member: "publication.tick_ms",
                ..
            })
        ));
    }
}
