//! The answers with which auditors serve results.

use crate::codec::to_base64;
use crate::json::{self, JsonError};

use super::MAX_RESULT;

/// Rebuilders that one auditor carries results of, and that one reader lists, at most: results about
/// one file.
pub const MAX_REBUILDERS: usize = 64;
/// Results in one answer, at most.
pub const MAX_LISTED: usize = 128;

/// Results as they are served. Nothing about them is verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RebuildList {
    /// The place of the last one; there if all files are listed.
    pub next: Option<u64>,
    /// The results, whole.
    pub results: Vec<Vec<u8>>,
}

impl RebuildList {
    /// The longest list, in bytes.
    pub const MAX_BYTES: usize = MAX_LISTED * (MAX_RESULT.div_ceil(3) * 4 + 3) + 64;

    /// Parses a list that fills `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(JsonError::Syntax("the list is too long".into()));
        }
        let mut list = json::parse_object(bytes)?;
        let next = list.optional_integer("next")?;
        let results = list.array("results", MAX_LISTED)?;
        list.finish()?;
        let decoded = |result: json::Json| -> Result<Vec<u8>, JsonError> {
            let text = result.into_string("results")?;
            crate::codec::base64_bytes(&text, MAX_RESULT).map_err(|source| JsonError::Codec {
                member: "results".into(),
                source,
            })
        };
        Ok(Self {
            next,
            results: results.into_iter().map(decoded).collect::<Result<_, _>>()?,
        })
    }

    /// Prints it.
    pub fn to_json(&self) -> Vec<u8> {
        let results: Vec<_> = self
            .results
            .iter()
            .map(|result| to_base64(result))
            .collect();
        let mut list = serde_json::json!({ "results": results });
        if let (Some(members), Some(next)) = (list.as_object_mut(), self.next) {
            members.insert("next".into(), next.into());
        }
        list.to_string().into_bytes()
    }
}
