//! The auditor's folder: one TOML file that people edit, one key that nobody edits.
//!
//! `auditor.toml` names the auditor and the logs it follows; paths in it are relative to the
//! folder. The key file is made once, readable by its owner only, and never overwritten: a second
//! key under one name would be a second auditor. Environment variables ([`ENVIRONMENT`]) go before
//! the file.

mod database;
mod edit;
mod error;
mod keys;
mod rebuilder;
mod secret;
mod sections;
#[cfg(test)]
mod tests;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use plainsight_client::http::BaseUrl;
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::note::{Algorithm, VerifierKey};
use serde::{Deserialize, Serialize};

use crate::alert::mail::MailConfig;
use crate::dashboard::{DashboardConfig, Serve};
use crate::http::LimitConfig;
use crate::peers::{MAX_PEERS, Peer, PeerConfig};
use crate::plain::{PlainConfig, PlainLog};
use crate::store::DatabaseAddress;

pub(crate) use secret::read_secret;

/// The configuration file in an auditor's folder.
pub const CONFIG_FILE: &str = "auditor.toml";
/// The key file in an auditor's folder.
pub const KEY_FILE: &str = "cosigner.key";
/// The file of the key that signs the answers of watches.
pub const WATCH_KEY_FILE: &str = "watch.key";

/// Who runs an auditor. Readers' own annotations decide what they believe of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of its key, by convention a URL without scheme.
    pub name: String,
    /// The organisation.
    pub organisation: String,
    /// The jurisdiction.
    pub jurisdiction: String,
}

/// One log to follow, as written in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The log's verifier key; its name is the log's origin.
    pub vkey: String,
    /// Keys of the same name that it signed with before, or signs with beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_vkeys: Vec<String>,
    /// Where the log's objects are read.
    pub url: String,
}

pub use edit::{add_log, add_peer, init, init_with};
pub use error::ConfigError;
pub(crate) use keys::new_key;
pub use keys::write_secret;
pub use rebuilder::{Rebuilder, RebuilderConfig};

pub use sections::{
    ENVIRONMENT, HeartbeatConfig, HookConfig, Operations, WatchConfig, WebhookConfig,
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    organisation: String,
    jurisdiction: String,
    #[serde(default = "default_listen")]
    listen: SocketAddr,
    #[serde(default = "default_poll")]
    poll_interval_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<String>,
    // An empty list would be printed as a value, to which no `[[log]]` can be added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    log: Vec<LogConfig>,
    // What follows is never written by `init`, but as comments.
    #[serde(default, skip_serializing, rename = "database_password_file")]
    database_password: Option<PathBuf>,
    #[serde(default, skip_serializing)]
    contact: Option<String>,
    #[serde(default, skip_serializing)]
    url: Option<String>,
    #[serde(default, skip_serializing)]
    admin_listen: Option<SocketAddr>,
    #[serde(default, skip_serializing)]
    min_free_mb: Option<u64>,
    #[serde(default, skip_serializing)]
    stall_after_s: Option<u64>,
    #[serde(default, skip_serializing)]
    max_clock_offset_s: Option<u64>,
    #[serde(default, skip_serializing, rename = "alert_file")]
    alert_lines: Option<PathBuf>,
    #[serde(default, skip_serializing)]
    hook: Vec<HookConfig>,
    #[serde(default, skip_serializing)]
    webhook: Vec<WebhookConfig>,
    #[serde(default, skip_serializing)]
    mail: Vec<MailConfig>,
    #[serde(default, skip_serializing)]
    heartbeat: Option<HeartbeatConfig>,
    #[serde(default, skip_serializing)]
    watch: WatchConfig,
    #[serde(default, skip_serializing_if = "is_default")]
    limits: LimitConfig,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    peer: Vec<PeerConfig>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rebuilder: Vec<RebuilderConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    witness: Option<PlainConfig>,
    #[serde(default, skip_serializing_if = "is_default")]
    dashboard: DashboardConfig,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8090))
}

fn default_poll() -> u64 {
    10_000
}

/// Everything that an auditor is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder.
    pub dir: PathBuf,
    /// Who runs it.
    pub identity: Identity,
    /// Where it listens.
    pub listen: SocketAddr,
    /// How often each log's published checkpoint is read, in milliseconds.
    pub poll_interval_ms: u64,
    /// Where the database is.
    pub database: DatabaseAddress,
    /// The logs.
    pub logs: Vec<FollowedLog>,
    /// How the node is run.
    pub operations: Operations,
    /// Other auditors to compare with.
    pub peers: Vec<Peer>,
    /// Whose results of rebuilds are carried.
    pub rebuilders: Vec<Rebuilder>,
    /// How much one client may ask.
    pub limits: LimitConfig,
    /// The plain witness, if there is one.
    pub witness: Option<WitnessConfig>,
    /// The pages for people.
    pub dashboard: DashboardConfig,
}

/// A plain witness that can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessConfig {
    /// The name of its key.
    pub name: String,
    /// The logs that it witnesses.
    pub logs: Vec<PlainLog>,
}

/// A log that can be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedLog {
    /// Its origin.
    pub origin: Origin,
    /// The key that it is known by.
    pub key: VerifierKey,
    /// All keys that sign its checkpoints, this one first.
    pub keys: Vec<VerifierKey>,
    /// Where it is read.
    pub url: BaseUrl,
}

impl LogConfig {
    /// A log with one key.
    pub fn new(vkey: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            vkey: vkey.into(),
            other_vkeys: Vec::new(),
            url: url.into(),
        }
    }
}

impl FollowedLog {
    /// Checks a log's keys and address.
    pub fn new(log: &LogConfig) -> Result<Self, ConfigError> {
        let key = log_key(&log.vkey)?;
        let refused = |reason| ConfigError::Log {
            name: key.name().to_string(),
            reason,
        };
        let origin = Origin::parse(key.name().as_str())
            .map_err(|_| refused("the key's name cannot be an origin"))?;
        let mut keys = vec![key.clone()];
        for vkey in &log.other_vkeys {
            let other = log_key(vkey)?;
            if !origin.is_name_of(&other) {
                return Err(refused("one of its keys has another name"));
            }
            if keys.contains(&other) {
                return Err(refused("one of its keys is listed twice"));
            }
            keys.push(other);
        }
        let url = BaseUrl::parse(&log.url)?;
        Ok(Self {
            origin,
            key,
            keys,
            url,
        })
    }
}

fn log_key(vkey: &str) -> Result<VerifierKey, ConfigError> {
    let key = VerifierKey::parse(vkey).map_err(|source| ConfigError::Key {
        what: format!("log key {vkey:?}"),
        source,
    })?;
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(ConfigError::Log {
            name: key.name().to_string(),
            reason: "the key is not an Ed25519 log key (type 0x01)",
        });
    }
    Ok(key)
}

impl Config {
    /// Reads the folder's configuration, without the environment.
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        Self::load_with(dir, |_| None)
    }

    /// Reads the folder's configuration; what `variable` gives for a name of [`ENVIRONMENT`] goes
    /// before it.
    pub fn load_with(
        dir: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let path = dir.join(CONFIG_FILE);
        let text = fs::read_to_string(&path).map_err(|source| ConfigError::File {
            path: path.clone(),
            source,
        })?;
        Self::parse(dir, &text, variable)
    }

    fn parse(
        dir: &Path,
        text: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut file: File = toml::from_str(text).map_err(|error| ConfigError::Toml {
            path: dir.join(CONFIG_FILE),
            reason: secret::without_the_line(text, &error),
        })?;
        file.replace_by(&variable)?;
        let database = database::checked(dir, &file, &variable)?;
        keys::key_name(&file.name)?;
        let mut logs = Vec::new();
        for log in &file.log {
            let log = FollowedLog::new(log)?;
            let refused = |reason| ConfigError::Log {
                name: log.origin.to_string(),
                reason,
            };
            if logs
                .iter()
                .any(|other: &FollowedLog| other.origin == log.origin)
            {
                return Err(refused("it is listed twice"));
            }
            if log.origin.as_str() == file.name {
                return Err(refused("it has the auditor's own name"));
            }
            logs.push(log);
        }
        if file.dashboard.serve == Serve::Admin && file.admin_listen.is_none() {
            return Err(ConfigError::Member {
                member: "dashboard.serve".into(),
                reason: "\"admin\" needs admin_listen".into(),
            });
        }
        let peers = peers(&file)?;
        let mut taken: Vec<&str> = logs.iter().map(|log| log.origin.as_str()).collect();
        taken.push(&file.name);
        let witness = file.witness.as_ref().map(|witness| {
            // SPEC(WIT-9)
            if witness.name == file.name {
                return Err(ConfigError::WitnessName);
            }
            keys::key_name(&witness.name)?;
            Ok(WitnessConfig {
                name: witness.name.clone(),
                logs: witness.logs(&taken)?,
            })
        });
        let witness = witness.transpose()?;
        Ok(Self {
            dir: dir.into(),
            identity: Identity {
                name: file.name,
                organisation: file.organisation,
                jurisdiction: file.jurisdiction,
            },
            listen: file.listen,
            poll_interval_ms: file.poll_interval_ms.max(10),
            database,
            logs,
            operations: Operations::checked(
                sections::Sections {
                    contact: file.contact,
                    url: file.url,
                    admin_listen: file.admin_listen,
                    min_free_mb: file.min_free_mb,
                    stall_after_s: file.stall_after_s,
                    max_clock_offset_s: file.max_clock_offset_s,
                    alert_file: file.alert_lines,
                    hook: file.hook,
                    webhook: file.webhook,
                    mail: file.mail,
                    heartbeat: file.heartbeat,
                    watch: file.watch,
                },
                dir,
            )?,
            peers,
            rebuilders: rebuilder::checked(&file.rebuilder)?,
            limits: file.limits,
            witness,
            dashboard: file.dashboard,
        })
    }

    /// Where the database is.
    pub fn database(&self) -> DatabaseAddress {
        self.database.clone()
    }

    /// The folder of evidence files.
    pub fn evidence(&self) -> PathBuf {
        self.dir.join("evidence")
    }
}

impl File {
    fn replace_by(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        let [listen, admin, url, contact, poll, free, _database] = ENVIRONMENT;
        if let Some(given) = parsed(&variable, listen)? {
            self.listen = given;
        }
        if let Some(given) = parsed(&variable, admin)? {
            self.admin_listen = Some(given);
        }
        if let Some(given) = variable(url) {
            self.url = Some(given);
        }
        if let Some(given) = variable(contact) {
            self.contact = Some(given);
        }
        if let Some(given) = parsed(&variable, poll)? {
            self.poll_interval_ms = given;
        }
        if let Some(given) = parsed(&variable, free)? {
            self.min_free_mb = Some(given);
        }
        Ok(())
    }
}

fn parsed<T: std::str::FromStr>(
    variable: impl Fn(&str) -> Option<String>,
    name: &str,
) -> Result<Option<T>, ConfigError> {
    variable(name)
        .map(|text| {
            text.parse().map_err(|_| ConfigError::Member {
                member: name.into(),
                reason: format!("{text:?} does not parse"),
            })
        })
        .transpose()
}

fn peers(file: &File) -> Result<Vec<Peer>, ConfigError> {
    let mut peers: Vec<Peer> = Vec::new();
    for peer in &file.peer {
        let peer = Peer::new(peer)?;
        let name = peer.key.name().to_string();
        let refused = |reason| ConfigError::Peer {
            name: name.clone(),
            reason,
        };
        if name == file.name {
            return Err(refused("it has the auditor's own name"));
        }
        if peers.iter().any(|other| other.key == peer.key) {
            return Err(refused("it is listed twice"));
        }
        if peers.len() == MAX_PEERS {
            return Err(refused("there are too many"));
        }
        peers.push(peer);
    }
    Ok(peers)
}
