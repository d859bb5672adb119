//! The rebuilders whose results an auditor carries: `[[rebuilder]]` in `auditor.toml`.

use plainsight_specs::codec;
use plainsight_specs::ed25519::{PUBLIC_KEY_LEN, PublicKey};
use plainsight_specs::rebuild::MAX_REBUILDERS;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// A rebuilder, as written in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebuilderConfig {
    /// What it is called in alerts.
    pub name: String,
    /// Its Ed25519 public key, 32 bytes in base64.
    pub key: String,
}

/// Somebody who builds releases again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilder {
    /// What it is called in alerts.
    pub name: String,
    /// What its results are signed with.
    pub key: PublicKey,
}

/// Checks names and keys: each once.
pub(super) fn checked(listed: &[RebuilderConfig]) -> Result<Vec<Rebuilder>, ConfigError> {
    let mut rebuilders: Vec<Rebuilder> = Vec::new();
    for one in listed {
        let wrong = |reason: &str| ConfigError::Member {
            member: format!("rebuilder {:?}", one.name),
            reason: reason.into(),
        };
        let is_fit = |c: char| !c.is_control();
        if one.name.is_empty() || one.name.len() > 128 || !one.name.chars().all(is_fit) {
            return Err(wrong("its name is not 1 to 128 printable characters"));
        }
        let key = codec::base64_array::<PUBLIC_KEY_LEN>(&one.key)
            .ok()
            .and_then(|bytes| PublicKey::from_bytes(&bytes).ok())
            .ok_or_else(|| wrong("its key is not an Ed25519 public key in base64"))?;
        let mut others = rebuilders.iter();
        if others.any(|other| other.key == key || other.name == one.name) {
            return Err(wrong("its name or its key is listed twice"));
        }
        if rebuilders.len() == MAX_REBUILDERS {
            return Err(wrong("there are too many"));
        }
        rebuilders.push(Rebuilder {
            name: one.name.clone(),
            key,
        });
    }
    Ok(rebuilders)
}
