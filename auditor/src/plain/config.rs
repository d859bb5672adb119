//! What a plain witness is told: its name, and the logs that it witnesses.

use std::path::Path;

use plainsight_client::http::BaseUrl;
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::note::{Algorithm, VerifierKey};
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, new_key};

/// The key file of the plain witness in an auditor's folder.
pub const WITNESS_KEY_FILE: &str = "witness.key";
/// Logs that one witness serves, at most.
const MAX_LOGS: usize = 4096;

/// The table `[witness]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainConfig {
    /// The name of the witness's key: not the auditor's.
    pub name: String,
    /// The logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<PlainLogConfig>,
}

/// A table `[[witness.log]]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlainLogConfig {
    /// The log's verifier key.
    pub vkey: String,
    /// Further keys that it signs with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_vkeys: Vec<String>,
    /// Its origin, if that is not the key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Where it publishes as C2SP tlog-tiles, if it is to be read there too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A log that is witnessed and not audited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainLog {
    /// Its origin.
    pub origin: Origin,
    /// The keys that sign its checkpoints.
    pub keys: Vec<VerifierKey>,
    /// Where it is read.
    pub url: Option<BaseUrl>,
}

impl PlainLog {
    /// Checks a log's keys, origin and address.
    pub fn new(log: &PlainLogConfig) -> Result<Self, ConfigError> {
        let mut keys = Vec::new();
        for vkey in std::iter::once(&log.vkey).chain(&log.other_vkeys) {
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
            keys.push(key);
        }
        let name = keys.first().map_or("", |key| key.name().as_str());
        let origin = log.origin.as_deref().unwrap_or(name);
        let origin = Origin::foreign(origin).map_err(|_| ConfigError::Log {
            name: name.into(),
            reason: "that is no origin",
        })?;
        let url = log.url.as_deref().map(BaseUrl::parse).transpose()?;
        Ok(Self { origin, keys, url })
    }
}

impl PlainConfig {
    /// The logs, none of which may be called as somebody in `taken`.
    pub(crate) fn logs(&self, taken: &[&str]) -> Result<Vec<PlainLog>, ConfigError> {
        let mut logs: Vec<PlainLog> = Vec::new();
        for log in &self.log {
            let log = PlainLog::new(log)?;
            let origin = log.origin.as_str();
            let refused = |reason| ConfigError::Log {
                name: origin.to_string(),
                reason,
            };
            if taken.contains(&origin) || origin == self.name {
                return Err(refused(
                    "it is audited here, or has this auditor's or its witness's name",
                ));
            }
            if logs.iter().any(|other| other.origin == log.origin) {
                return Err(refused("it is witnessed twice"));
            }
            if logs.len() == MAX_LOGS {
                return Err(refused("there are too many"));
            }
            logs.push(log);
        }
        Ok(logs)
    }
}

/// Makes the plain witness's key in an auditor's folder, and gives the verifier key to hand out.
/// The table `[witness]` with the same name makes it run.
pub fn init_witness(dir: &Path, name: &str) -> Result<VerifierKey, ConfigError> {
    new_key(&dir.join(WITNESS_KEY_FILE), name, Algorithm::CosignatureV1)
}
