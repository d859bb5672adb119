//! Changes of a role's keys, signed by the role `root`.

use std::collections::BTreeSet;

use super::StatementError;
use super::subject::{Subjects, subject_to_json};
use crate::entry::{RoleKeys, RoleName};
use crate::hash::{Hash, sha256};
use crate::json::Object;

/// The whole new state of a role, for the positions after its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherKeys {
    /// Which role.
    pub role: RoleName,
    /// Its new keys and threshold.
    pub keys: RoleKeys,
}

impl PublisherKeys {
    pub(super) fn take(predicate: &mut Object, subjects: Subjects) -> Result<Self, StatementError> {
        let role = RoleName::parse(&predicate.string("role")?)
            .ok_or_else(|| super::wrong("role", "root, releases or protections"))?;
        let keys = RoleKeys::take(predicate).map_err(Box::new)?;
        let new = Self { role, keys };
        // SPEC(STMT-19): in any order.
        let stated: BTreeSet<_> = subjects.digests().into_iter().collect();
        if stated != new.digests().into_iter().collect() {
            return Err(StatementError::KeySubjects);
        }
        Ok(new)
    }

    /// SHA-256 of each new key, in order.
    pub(super) fn digests(&self) -> Vec<Hash> {
        self.keys
            .keys()
            .iter()
            .map(|key| sha256(key.as_bytes()))
            .collect()
    }

    pub(super) fn predicate(&self) -> serde_json::Value {
        serde_json::json!({
            "role": self.role.as_str(),
            "threshold": self.keys.threshold(),
            "keys": self.keys.keys_to_json(),
        })
    }

    pub(super) fn subjects(&self) -> Vec<serde_json::Value> {
        self.digests().iter().map(subject_to_json).collect()
    }
}
