//! Makes an auditor's folder, and adds to its configuration; what people wrote there stays as it is.

use std::fs;
use std::path::Path;

use plainsight_specs::note::{Algorithm, VerifierKey};
use serde::Serialize;

use super::keys::{WATCH, key_name, new_key, write_new};
use super::sections::{self, WatchConfig};
use super::{
    CONFIG_FILE, Config, ConfigError, File, FollowedLog, Identity, KEY_FILE, LogConfig,
    WATCH_KEY_FILE, default_listen, default_poll,
};
use crate::http::LimitConfig;
use crate::peers::{Peer, PeerConfig};

/// Makes an auditor's folder: its keys and a configuration without logs. Gives the verifier key to
/// hand out.
pub fn init(dir: &Path, identity: &Identity) -> Result<VerifierKey, ConfigError> {
    init_with(dir, identity, None)
}

/// The same with the URL of a database in place of a file: without a password, which the environment or
/// a file of its own holds, since the configuration can be read by others.
pub fn init_with(
    dir: &Path,
    identity: &Identity,
    database: Option<&str>,
) -> Result<VerifierKey, ConfigError> {
    if let Some(text) = database
        && super::database::parse("database", text)?.shows_password()
    {
        return Err(ConfigError::Member {
            member: "database".into(),
            reason: "leave the password out: it goes into a file that database_password_file \
                     names, or into PGPASSWORD"
                .into(),
        });
    }
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
        database: database.map(Into::into),
        database_password: None,
        log: Vec::new(),
        contact: None,
        url: None,
        admin_listen: None,
        min_free_mb: None,
        max_clock_offset_s: None,
        stall_after_s: None,
        alert_lines: None,
        hook: Vec::new(),
        webhook: Vec::new(),
        mail: Vec::new(),
        heartbeat: None,
        watch: WatchConfig::default(),
        limits: LimitConfig::default(),
        peer: Vec::new(),
        rebuilder: Vec::new(),
        witness: None,
        dashboard: crate::dashboard::DashboardConfig::default(),
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

/// Adds a log to the folder's configuration; what people wrote there stays as it is.
pub fn add_log(dir: &Path, log: &LogConfig) -> Result<Config, ConfigError> {
    let added = FollowedLog::new(log)?;
    let config = Config::load(dir)?;
    if config.logs.iter().any(|known| known.origin == added.origin) {
        return Err(ConfigError::Log {
            name: added.origin.to_string(),
            reason: "it is listed already; a log that has moved gets its new url in auditor.toml, and the \
                     auditor is started again",
        });
    }
    append(dir, "log", log)
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
