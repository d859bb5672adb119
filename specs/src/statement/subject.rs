//! The subjects of an in-toto Statement: the files that a statement is about, by digest.

use std::collections::BTreeSet;

use super::StatementError;
use crate::hash::Hash;
use crate::json::{Json, JsonError, Object};

/// The most subjects of a statement.
pub const MAX_SUBJECTS: usize = 256;

/// A file that a release ships.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// For people; never compared. Kept if it is a string.
    pub name: Option<String>,
    /// SHA-256 of the file.
    pub digest: Hash,
    /// Its length in bytes, at most 2^53 - 1.
    pub size: u64,
}

impl Artifact {
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut json = subject_to_json(&self.digest);
        if let Some(members) = json.as_object_mut() {
            members.insert(
                "annotations".into(),
                serde_json::json!({ "size": self.size }),
            );
            if let Some(name) = &self.name {
                members.insert("name".into(), name.as_str().into());
            }
        }
        json
    }
}

/// A subject of which only the digest counts.
pub(crate) fn subject_to_json(digest: &Hash) -> serde_json::Value {
    serde_json::json!({ "digest": { "sha256": digest.to_hex() } })
}

/// The subjects of a Statement before its kind is known to want more of them than a digest.
pub(crate) struct Subjects(Vec<(Hash, Object)>);

impl Subjects {
    pub(crate) fn take(statement: &mut Object) -> Result<Self, StatementError> {
        let values = statement.array("subject", usize::MAX)?;
        // SPEC(STMT-6)
        if values.is_empty() || values.len() > MAX_SUBJECTS {
            return Err(StatementError::SubjectCount(values.len()));
        }
        let subjects = values
            .into_iter()
            .map(with_digest)
            .collect::<Result<Vec<_>, _>>()?;
        // SPEC(STMT-8)
        let distinct: BTreeSet<_> = subjects.iter().map(|(digest, _)| digest).collect();
        if distinct.len() != subjects.len() {
            return Err(StatementError::SubjectTwice);
        }
        Ok(Self(subjects))
    }

    /// The digests in order.
    pub(crate) fn digests(self) -> Vec<Hash> {
        self.0.into_iter().map(|(digest, _)| digest).collect()
    }

    /// The only digest.
    pub(crate) fn single(self) -> Result<Hash, StatementError> {
        // SPEC(STMT-18)
        match *self.digests() {
            [digest] => Ok(digest),
            ref many => Err(StatementError::SubjectCount(many.len())),
        }
    }

    /// Every subject with its size, in order.
    pub(crate) fn artifacts(self) -> Result<Vec<Artifact>, StatementError> {
        self.0
            .into_iter()
            .map(|(digest, mut subject)| {
                // SPEC(STMT-9)
                let size = subject.object("annotations")?.integer("size")?;
                let name = match subject.take("name") {
                    Some(Json::String(name)) => Some(name),
                    _ => None,
                };
                Ok(Artifact { name, digest, size })
            })
            .collect()
    }
}

fn with_digest(value: Json) -> Result<(Hash, Object), JsonError> {
    let mut subject = value.into_object("subject")?;
    // SPEC(STMT-7)
    let digest = subject.object("digest")?.hex_hash("sha256")?;
    Ok((digest, subject))
}
