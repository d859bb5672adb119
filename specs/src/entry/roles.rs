//! The roles of a log and the keys that fill them.

use std::collections::BTreeSet;

use super::EntryError;
use crate::codec::to_base64;
use crate::dsse::MAX_SIGNATURES;
use crate::ed25519::PublicKey;
use crate::json::{Json, JsonError, Object};

/// The most keys of a role.
pub const MAX_ROLE_KEYS: usize = 32;

/// Who may sign what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleName {
    /// Signs `publisher-keys`.
    Root,
    /// Signs `release` and `yank`.
    Releases,
    /// Signs `protection` and `canary`.
    Protections,
}

impl RoleName {
    /// The three roles.
    pub const ALL: [Self; 3] = [Self::Root, Self::Releases, Self::Protections];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Releases => "releases",
            Self::Protections => "protections",
        }
    }

    /// From the word in JSON.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl std::fmt::Display for RoleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many of which keys must sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleKeys {
    threshold: u8,
    keys: Vec<PublicKey>,
}

impl RoleKeys {
    /// 1 to 32 distinct keys, and a threshold of 1 to 8 that they can reach.
    pub fn new(threshold: u8, keys: Vec<PublicKey>) -> Result<Self, EntryError> {
        // SPEC(ENTRY-12)
        if keys.is_empty() || keys.len() > MAX_ROLE_KEYS {
            return Err(EntryError::RoleKeyCount(keys.len()));
        }
        if keys.iter().collect::<BTreeSet<_>>().len() != keys.len() {
            return Err(EntryError::RoleKeyTwice);
        }
        // SPEC(ENTRY-13)
        let reachable = usize::from(threshold) <= MAX_SIGNATURES.min(keys.len());
        if threshold == 0 || !reachable {
            return Err(EntryError::Threshold {
                threshold: threshold.into(),
                keys: keys.len(),
            });
        }
        Ok(Self { threshold, keys })
    }

    /// How many distinct keys must sign, 1 to 8.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// In the order stated, distinct.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Takes `threshold` and `keys` out of `object`.
    pub(crate) fn take(object: &mut Object) -> Result<Self, EntryError> {
        let threshold = object.integer("threshold")?;
        let keys = object
            .array("keys", MAX_ROLE_KEYS)?
            .into_iter()
            .map(|value| public_key("keys", value))
            .collect::<Result<Vec<_>, _>>()?;
        let Ok(small) = u8::try_from(threshold) else {
            return Err(EntryError::Threshold {
                threshold,
                keys: keys.len(),
            });
        };
        Self::new(small, keys)
    }

    /// `keys` as they stand in JSON.
    pub(crate) fn keys_to_json(&self) -> Vec<String> {
        self.keys
            .iter()
            .map(|key| to_base64(key.as_bytes()))
            .collect()
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "threshold": self.threshold, "keys": self.keys_to_json() })
    }
}

/// The keys of every role. A key may fill several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Sign `publisher-keys`.
    pub root: RoleKeys,
    /// Sign `release` and `yank`.
    pub releases: RoleKeys,
    /// Sign `protection` and `canary`.
    pub protections: RoleKeys,
}

impl Roles {
    /// The keys of one role.
    pub fn role(&self, role: RoleName) -> &RoleKeys {
        match role {
            RoleName::Root => &self.root,
            RoleName::Releases => &self.releases,
            RoleName::Protections => &self.protections,
        }
    }

    /// These roles after `role` was given `keys`.
    pub fn replace(&mut self, role: RoleName, keys: RoleKeys) {
        match role {
            RoleName::Root => self.root = keys,
            RoleName::Releases => self.releases = keys,
            RoleName::Protections => self.protections = keys,
        }
    }

    pub(super) fn parse(mut object: Object) -> Result<Self, EntryError> {
        // SPEC(ENTRY-11)
        let roles = Self {
            root: take_role(&mut object, RoleName::Root)?,
            releases: take_role(&mut object, RoleName::Releases)?,
            protections: take_role(&mut object, RoleName::Protections)?,
        };
        object.finish()?;
        Ok(roles)
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "root": self.root.to_json(),
            "releases": self.releases.to_json(),
            "protections": self.protections.to_json(),
        })
    }
}

fn take_role(object: &mut Object, role: RoleName) -> Result<RoleKeys, EntryError> {
    let mut object = object.object(role.as_str())?;
    let keys = RoleKeys::take(&mut object)?;
    object.finish()?;
    Ok(keys)
}

/// An Ed25519 public key in base64.
fn public_key(member: &str, value: Json) -> Result<PublicKey, EntryError> {
    let text = value.into_string(member)?;
    let bytes = crate::codec::base64_array(&text).map_err(|source| JsonError::Codec {
        member: member.into(),
        source,
    })?;
    // SPEC(ENTRY-14)
    PublicKey::from_bytes(&bytes).map_err(|_| EntryError::RoleKey)
}
