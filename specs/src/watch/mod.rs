#![doc = include_str!("../../watch.md")]

mod error;
mod inserted;
mod register;
mod report;
mod rungs;
#[cfg(test)]
mod tests;
mod text;
mod token;

pub use error::WatchError;
pub use inserted::{Bucket, Inserted, Insertion, MAX_INSERTIONS};
pub use register::{RegisterAnswer, RegisterRequest, Registered, Registration};
pub use report::{Hit, Report};
pub use rungs::{RungsAnswer, RungsRequest, WatchedRung, WatchedRungs};
pub use token::{Announcement, ReportAnswer, TokenRequest, WatchToken};

use crate::checkpoint::Origin;
use crate::hash::{Hash, sha256_parts};
use crate::index::{IndexKey, Namespace};

/// How many indexes one watch may have.
pub const MAX_WATCHED: usize = 64;
/// What the watch key's name has behind the auditor's.
pub const KEY_SUFFIX: &str = "/watch";

/// The indexes of one watch: 1 to [`MAX_WATCHED`], ascending, private.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedIndexes(Vec<IndexKey>);

impl WatchedIndexes {
    /// Checks a list.
    pub fn new(indexes: Vec<IndexKey>) -> Result<Self, WatchError> {
        // SPEC(WATCH-3)
        let ascends = indexes.is_sorted_by(|one, next| one < next);
        let private = |index: &IndexKey| index.namespace() == Namespace::Private;
        if indexes.is_empty() || indexes.len() > MAX_WATCHED {
            return Err(WatchError::IndexCount(indexes.len()));
        }
        if !ascends || !indexes.iter().all(private) {
            return Err(WatchError::Indexes);
        }
        Ok(Self(indexes))
    }

    /// In order.
    pub fn as_slice(&self) -> &[IndexKey] {
        &self.0
    }

    /// Whether this index is one of them.
    pub fn contains(&self, index: &IndexKey) -> bool {
        self.0.binary_search(index).is_ok()
    }
}

/// What a watch is called in reports: nobody can make two watches of one id, and nobody can tell
/// the token from it.
pub fn watch_id(origin: &Origin, indexes: &WatchedIndexes, token: &WatchToken) -> Hash {
    let mut parts: Vec<&[u8]> = vec![b"plainsight/watch/v1\n", origin.as_str().as_bytes(), b"\n"];
    parts.extend(indexes.0.iter().map(|index| index.as_bytes().as_slice()));
    parts.push(token.as_bytes());
    sha256_parts(&parts)
}
