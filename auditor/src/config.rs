//! The auditor's folder: one TOML file that people edit, one key that nobody edits.
//!
//! `auditor.toml` names the auditor and the logs it follows; paths in it are relative to the
//! folder. The key file is made once, readable by its owner only, and never overwritten: a second
//! key under one name would be a second auditor. Environment variables ([`ENVIRONMENT`]) go before
//! the file.

mod secret;
mod sections;

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use plainsight_client::http::{BaseUrl, HttpError};
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::codec;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::note::{Algorithm, KeyName, NoteError, Signer, VerifierKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::http::LimitConfig;
use crate::peers::{MAX_PEERS, Peer, PeerConfig};
use crate::plain::{PlainConfig, PlainLog, WITNESS_KEY_FILE};

pub(crate) use secret::read_secret;

/// The configuration file in an auditor's folder.
pub const CONFIG_FILE: &str = "auditor.toml";
/// The key file in an auditor's folder.
pub const KEY_FILE: &str = "cosigner.key";
/// What the watch key's name ends in, after the auditor's.
const WATCH: &str = "/watch";
/// The file of the key that signs the answers of watches.
pub const WATCH_KEY_FILE: &str = "watch.key";
const KEY_PREFIX: &str = "PRIVATE+KEY+";

/// Why an auditor's folder cannot be used. Always [`plainsight_specs::Blame::Misuse`].
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is there already and is not overwritten.
    #[error("{} exists already; it is never overwritten", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// Others than its owner can use a file with a secret.
    #[error(
        "{} can be used by others than its owner: chmod 600, and if others were on this machine, \
         retire the key",
        path.display()
    )]
    Exposed {
        /// Which.
        path: PathBuf,
    },
    /// Not the TOML that is expected.
    #[error("{}: {reason}", path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// The parser's words.
        reason: String,
    },
    /// A name or a verifier key is wrong.
    #[error("{what}: {source}")]
    Key {
        /// Whose.
        what: String,
        /// Why.
        source: NoteError,
    },
    /// A log is not one that can be followed.
    #[error("log {name}: {reason}")]
    Log {
        /// The name of its key.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// A peer is not one that can be asked.
    #[error("peer {name}: {reason}")]
    Peer {
        /// The name of its key.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// The plain witness has the auditor's name.
    #[error(
        "the plain witness needs a name of its own: who trusts the auditor must not take it for that"
    )]
    WitnessName,
    /// The plain witness has the auditor's key.
    #[error(
        "the plain witness has the auditor's key; each needs its own, as a cosignature does not name its signer"
    )]
    WitnessKey,
    /// An address.
    #[error(transparent)]
    Address(#[from] HttpError),
    /// The key file is not one.
    #[error("{} is not the key file of {name}", path.display())]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// Who it should be for.
        name: KeyName,
    },
    /// A member, or the environment variable that replaces it, has no sense.
    #[error("{member}: {reason}")]
    Member {
        /// Which.
        member: String,
        /// Why.
        reason: String,
    },
    /// No randomness for a key.
    #[error("the system gives no random bytes")]
    Randomness,
}

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
    // An empty list would be printed as a value, to which no `[[log]]` can be added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    log: Vec<LogConfig>,
    // What follows is never written by `init`, but as comments.
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
    #[serde(default, skip_serializing, rename = "alert_file")]
    alert_lines: Option<PathBuf>,
    #[serde(default, skip_serializing)]
    hook: Vec<HookConfig>,
    #[serde(default, skip_serializing)]
    webhook: Vec<WebhookConfig>,
    #[serde(default, skip_serializing)]
    heartbeat: Option<HeartbeatConfig>,
    #[serde(default, skip_serializing)]
    watch: WatchConfig,
    #[serde(default, skip_serializing_if = "is_default")]
    limits: LimitConfig,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    peer: Vec<PeerConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    witness: Option<PlainConfig>,
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
    /// The logs.
    pub logs: Vec<FollowedLog>,
    /// How the node is run.
    pub operations: Operations,
    /// Other auditors to compare with.
    pub peers: Vec<Peer>,
    /// How much one client may ask.
    pub limits: LimitConfig,
    /// The plain witness, if there is one.
    pub witness: Option<WitnessConfig>,
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
        file.replace_by(variable)?;
        key_name(&file.name)?;
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
        let peers = peers(&file)?;
        let mut taken: Vec<&str> = logs.iter().map(|log| log.origin.as_str()).collect();
        taken.push(&file.name);
        let witness = file.witness.as_ref().map(|witness| {
            // SPEC(WIT-9)
            if witness.name == file.name {
                return Err(ConfigError::WitnessName);
            }
            key_name(&witness.name)?;
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
            logs,
            operations: Operations::checked(
                sections::Sections {
                    contact: file.contact,
                    url: file.url,
                    admin_listen: file.admin_listen,
                    min_free_mb: file.min_free_mb,
                    stall_after_s: file.stall_after_s,
                    alert_file: file.alert_lines,
                    hook: file.hook,
                    webhook: file.webhook,
                    heartbeat: file.heartbeat,
                    watch: file.watch,
                },
                dir,
            )?,
            peers,
            limits: file.limits,
            witness,
        })
    }

    /// The signer in the folder's key file.
    pub fn signer(&self) -> Result<Signer, ConfigError> {
        self.key_file(KEY_FILE, &self.identity.name, Algorithm::CosignatureV1)
    }

    /// The plain witness's signer, which has a key of its own.
    pub fn witness_signer(&self, witness: &WitnessConfig) -> Result<Signer, ConfigError> {
        let signer = self.key_file(WITNESS_KEY_FILE, &witness.name, Algorithm::CosignatureV1)?;
        if signer.verifier_key().ed25519() == self.signer()?.verifier_key().ed25519() {
            return Err(ConfigError::WitnessKey);
        }
        Ok(signer)
    }

    fn key_file(
        &self,
        file: &str,
        name: &str,
        algorithm: Algorithm,
    ) -> Result<Signer, ConfigError> {
        let path = self.dir.join(file);
        let text = read_secret(&path)?;
        let name = key_name(name)?;
        parse_key(text.trim_end(), &name, algorithm).ok_or(ConfigError::KeyFile { path, name })
    }

    /// The signer of the answers of watches, under a name of its own. Its file is made at the first
    /// use if `init` did not make it.
    pub fn watch_signer(&self) -> Result<Signer, ConfigError> {
        let name = format!("{}{WATCH}", self.identity.name);
        let path = self.dir.join(WATCH_KEY_FILE);
        if !path.exists() {
            new_key(&path, &name, Algorithm::Ed25519)?;
        }
        self.key_file(WATCH_KEY_FILE, &name, Algorithm::Ed25519)
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.dir.join("auditor.sqlite3")
    }

    /// The folder of evidence files.
    pub fn evidence(&self) -> PathBuf {
        self.dir.join("evidence")
    }
}

impl File {
    fn replace_by(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        let [listen, admin, url, contact, poll, free] = ENVIRONMENT;
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

/// Makes an auditor's folder: its keys and a configuration without logs. Gives the verifier key to
/// hand out.
pub fn init(dir: &Path, identity: &Identity) -> Result<VerifierKey, ConfigError> {
    let watch = format!("{}{WATCH}", identity.name);
    key_name(&identity.name)?;
    key_name(&watch)?;
    fs::create_dir_all(dir).map_err(|source| ConfigError::File {
        path: dir.into(),
        source,
    })?;
    let config = toml::to_string(&File {
        name: identity.name.clone(),
        organisation: identity.organisation.clone(),
        jurisdiction: identity.jurisdiction.clone(),
        listen: default_listen(),
        poll_interval_ms: default_poll(),
        log: Vec::new(),
        contact: None,
        url: None,
        admin_listen: None,
        min_free_mb: None,
        stall_after_s: None,
        alert_lines: None,
        hook: Vec::new(),
        webhook: Vec::new(),
        heartbeat: None,
        watch: WatchConfig::default(),
        limits: LimitConfig::default(),
        peer: Vec::new(),
        witness: None,
    })
    .map_err(|error| ConfigError::Toml {
        path: dir.join(CONFIG_FILE),
        reason: error.to_string(),
    })?;
    let config = format!("{config}{}", sections::EXAMPLE);
    // The key first: a folder with a configuration and no key would look finished.
    let key = new_key(
        &dir.join(KEY_FILE),
        &identity.name,
        Algorithm::CosignatureV1,
    )?;
    new_key(&dir.join(WATCH_KEY_FILE), &watch, Algorithm::Ed25519)?;
    write_new(&dir.join(CONFIG_FILE), config.as_bytes(), 0o644)?;
    Ok(key)
}

/// Makes a key file, and gives the verifier key to hand out.
pub(crate) fn new_key(
    path: &Path,
    name: &str,
    algorithm: Algorithm,
) -> Result<VerifierKey, ConfigError> {
    let name = key_name(name)?;
    let mut seed = Zeroizing::new([0u8; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|_| ConfigError::Randomness)?;
    let key = signer(&name, algorithm, &seed)?.verifier_key();
    let mut bytes = Zeroizing::new(vec![algorithm.type_byte()]);
    bytes.extend_from_slice(seed.as_slice());
    let secret = Zeroizing::new(codec::to_base64(&bytes));
    let secret = Zeroizing::new(format!("{KEY_PREFIX}{name}+{}+{}\n", key.id(), *secret));
    write_new(path, secret.as_bytes(), 0o600)?;
    Ok(key)
}

/// Adds a log to the folder's configuration; what people wrote there stays as it is.
pub fn add_log(dir: &Path, log: &LogConfig) -> Result<Config, ConfigError> {
    let added = FollowedLog::new(log)?;
    let config = Config::load(dir)?;
    if config.logs.iter().any(|known| known.origin == added.origin) {
        return Err(ConfigError::Log {
            name: added.origin.to_string(),
            reason: "it is listed already",
        });
    }
    append(dir, "log", log)
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

/// Adds another auditor to the folder's configuration.
pub fn add_peer(dir: &Path, peer: &PeerConfig) -> Result<Config, ConfigError> {
    Peer::new(peer)?;
    append(dir, "peer", peer)
}

/// Adds a table to the folder's configuration, if what comes of it is one.
fn append(dir: &Path, name: &str, table: &impl Serialize) -> Result<Config, ConfigError> {
    let path = dir.join(CONFIG_FILE);
    let file = |source| ConfigError::File {
        path: path.clone(),
        source,
    };
    let text = fs::read_to_string(&path).map_err(file)?;
    let table = toml::to_string(table).map_err(|error| ConfigError::Toml {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    let fresh = path.with_extension("toml.new");
    let added = format!("{text}\n[[{name}]]\n{table}");
    let config = Config::parse(dir, &added, |_| None)?;
    fs::write(&fresh, added).map_err(file)?;
    fs::rename(&fresh, &path).map_err(file)?;
    Ok(config)
}

fn key_name(name: &str) -> Result<KeyName, ConfigError> {
    KeyName::parse(name).map_err(|source| ConfigError::Key {
        what: format!("name {name:?}"),
        source,
    })
}

fn signer(name: &KeyName, algorithm: Algorithm, seed: &[u8; 32]) -> Result<Signer, ConfigError> {
    Signer::new(name.clone(), algorithm, SecretKey::from_seed(seed)).map_err(|source| {
        ConfigError::Key {
            what: format!("name {name}"),
            source,
        }
    })
}

fn parse_key(text: &str, name: &KeyName, algorithm: Algorithm) -> Option<Signer> {
    let rest = text
        .strip_prefix(KEY_PREFIX)?
        .strip_prefix(name.as_str())?
        .strip_prefix('+')?;
    let (id, secret) = rest.split_once('+')?;
    let bytes = Zeroizing::new(codec::base64_array::<33>(secret).ok()?);
    let (kind, seed) = bytes.split_first_chunk::<1>()?;
    if *kind != [algorithm.type_byte()] {
        return None;
    }
    let signer = signer(name, algorithm, seed.try_into().ok()?).ok()?;
    // The id is over name and key: a key file that was renamed is noticed.
    (signer.verifier_key().id().to_string() == id).then_some(signer)
}

/// Writes a secret to a file that is not there yet, for its owner only.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    write_new(path, bytes, 0o600)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), ConfigError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => ConfigError::Exists { path: path.into() },
        _ => ConfigError::File {
            path: path.into(),
            source,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str) -> Identity {
        Identity {
            name: name.into(),
            organisation: "Example".into(),
            jurisdiction: "CH".into(),
        }
    }

    fn log_vkey(name: &str) -> String {
        let secret = SecretKey::from_seed(&[7; 32]);
        Signer::new(KeyName::parse(name).unwrap(), Algorithm::Ed25519, secret)
            .unwrap()
            .verifier_key()
            .to_string()
    }

    #[test]
    fn init_makes_a_folder_that_loads_and_a_key_that_nobody_else_reads() {
        let dir = tempfile::tempdir().unwrap();
        let key = init(dir.path(), &identity("audit.example/a")).unwrap();
        let config = Config::load(dir.path()).unwrap();
        assert_eq!(config.signer().unwrap().verifier_key(), key);
        assert_eq!(key.algorithm(), Algorithm::CosignatureV1);
        #[cfg(unix)]
        {
            let meta = fs::metadata(dir.path().join(KEY_FILE)).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), &identity("audit.example/a")).unwrap();
        let before = fs::read(dir.path().join(KEY_FILE)).unwrap();
        assert!(matches!(
            init(dir.path(), &identity("audit.example/b")),
            Err(ConfigError::Exists { .. })
        ));
        assert_eq!(fs::read(dir.path().join(KEY_FILE)).unwrap(), before);
    }

    #[test]
    fn a_key_of_another_name_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), &identity("audit.example/a")).unwrap();
        let mut config = Config::load(dir.path()).unwrap();
        config.identity.name = "audit.example/b".into();
        assert!(matches!(config.signer(), Err(ConfigError::KeyFile { .. })));
        let path = dir.path().join(KEY_FILE);
        let renamed = fs::read_to_string(&path).unwrap().replace("/a+", "/b+");
        fs::write(&path, renamed).unwrap();
        assert!(matches!(config.signer(), Err(ConfigError::KeyFile { .. })));
    }

    #[test]
    fn a_log_is_added_once_and_comments_stay() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), &identity("audit.example/a")).unwrap();
        let path = dir.path().join(CONFIG_FILE);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("# by hand\n{text}")).unwrap();
        let log = LogConfig::new(log_vkey("log.example"), "http://127.0.0.1:1/");
        let config = add_log(dir.path(), &log).unwrap();
        assert_eq!(config.logs.len(), 1);
        assert_eq!(config.logs[0].origin.as_str(), "log.example");
        assert!(fs::read_to_string(&path).unwrap().starts_with("# by hand"));
        assert!(matches!(
            add_log(dir.path(), &log),
            Err(ConfigError::Log { .. })
        ));
    }

    #[test]
    fn the_environment_goes_before_the_file_and_nonsense_is_named() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), &identity("audit.example/a")).unwrap();
        let with = |name: &'static str, value: &'static str| {
            move |asked: &str| (asked == name).then(|| value.to_owned())
        };
        let load = |name, value| Config::load_with(dir.path(), with(name, value));
        let config = load("PLAINSIGHT_AUDITOR_LISTEN", "127.0.0.1:5").unwrap();
        assert_eq!(config.listen.port(), 5);
        let config = load("PLAINSIGHT_AUDITOR_MIN_FREE_MB", "3").unwrap();
        assert_eq!(config.operations.min_free, 3 << 20);
        let refused = load("PLAINSIGHT_AUDITOR_LISTEN", "nowhere").unwrap_err();
        assert!(refused.to_string().contains("PLAINSIGHT_AUDITOR_LISTEN"));
        assert!(load("PLAINSIGHT_AUDITOR_URL", "ftp://x").is_err());
    }

    #[test]
    fn what_init_writes_as_comments_loads_when_it_is_taken_in() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), &identity("audit.example/a")).unwrap();
        let path = dir.path().join(CONFIG_FILE);
        let text = fs::read_to_string(&path).unwrap();
        let is_setting = |line: &str| line.contains(" = ") || line.starts_with("# [");
        let all: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if is_setting(line) => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        fs::write(&path, all).unwrap();
        let operations = Config::load(dir.path()).unwrap().operations;
        assert_eq!(operations.hooks[0].name, "page");
        assert_eq!(operations.webhooks[0].timeout_s, 20);
        assert_eq!(operations.heartbeat.as_ref().unwrap().every_s, 300);
        assert_eq!(operations.alert_file, Some(dir.path().join("alerts.jsonl")));
        let refused = operations.channels(dir.path()).unwrap_err();
        assert!(refused.to_string().contains("webhook.key"), "{refused}");
    }

    #[test]
    fn misspelt_members_and_channels_that_cannot_be_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), &identity("audit.example/a")).unwrap();
        let path = dir.path().join(CONFIG_FILE);
        let text = fs::read_to_string(&path).unwrap();
        for wrong in [
            "alert_fil = \"x\"",
            "[heartbeat]\nurl = \"http://x\"\nevery_s = 1",
            "[heartbeat]\nurl = \"x\"",
            "[[hook]]\nname = \"a\"\nprogram = \"relative\"",
            "[[hook]]\nname = \"a b\"\nprogram = \"/x\"",
            "[[hook]]\nname = \"file\"\nprogram = \"/x\"",
            "[[hook]]\nname = \"a\"\nprogram = \"/x\"\nseverities = [\"panic\"]",
            "[[hook]]\nname = \"a\"\nprogram = \"/x\"\ntimeout_s = 0",
            "[[webhook]]\nname = \"a\"\nurl = \"/x\"\nkey_file = \"k\"",
            "[watch]\ndays = 0",
        ] {
            fs::write(&path, format!("{text}\n{wrong}\n")).unwrap();
            assert!(Config::load(dir.path()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_watch_key_has_a_name_of_its_own_and_is_made_if_it_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path(), &identity("audit.example/a")).unwrap();
        let config = Config::load(dir.path()).unwrap();
        let first = config.watch_signer().unwrap().verifier_key();
        assert_eq!(first.name().as_str(), "audit.example/a/watch");
        assert_eq!(config.watch_signer().unwrap().verifier_key(), first);
        fs::remove_file(dir.path().join(WATCH_KEY_FILE)).unwrap();
        assert_ne!(config.watch_signer().unwrap().verifier_key(), first);
        fs::copy(dir.path().join(KEY_FILE), dir.path().join(WATCH_KEY_FILE)).unwrap();
        assert!(config.watch_signer().is_err());
    }

    #[test]
    fn keys_that_sign_no_log_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let own = init(dir.path(), &identity("audit.example/a")).unwrap();
        let refused = |vkey: &str, url: &str| FollowedLog::new(&LogConfig::new(vkey, url)).is_err();
        assert!(refused(&own.to_string(), "http://127.0.0.1:1"));
        assert!(refused("x", "http://127.0.0.1:1"));
        assert!(refused(&log_vkey("log.example"), "127.0.0.1:1"));
        let mut log = LogConfig::new(log_vkey("log.example"), "http://127.0.0.1:1");
        log.other_vkeys = vec![log_vkey("log.example/b")];
        assert!(FollowedLog::new(&log).is_err(), "another name");
        log.other_vkeys = vec![log.vkey.clone()];
        assert!(FollowedLog::new(&log).is_err(), "twice");
    }
}
