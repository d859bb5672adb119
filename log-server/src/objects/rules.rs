//! What may be written over what: the same for every kind of store.

use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::note::MAX_NOTE_BYTES;
use plainsight_specs::tile::{TileKind, TilePath};

use super::ObjectError;

/// The name of the published checkpoint.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// What is to be done with a final name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing is there: the object gets the name.
    New,
    /// The object is there.
    There,
    /// A beginning of the object is there, of a size that nobody was shown: it is replaced.
    Torn,
}

/// Decides by what was found under the final name of an object.
pub(super) fn fate(
    path: &TilePath,
    found: Option<&[u8]>,
    bytes: &[u8],
    published: u64,
) -> Result<Fate, ObjectError> {
    match found {
        None => Ok(Fate::New),
        Some(found) if found == bytes => Ok(Fate::There),
        Some(found) if bytes.starts_with(found) && end(path) > u128::from(published) => {
            Ok(Fate::Torn)
        }
        Some(_) => Err(ObjectError::Conflict {
            path: path.to_string(),
        }),
    }
}

/// The smallest size of a tree that has the tile or bundle: the end of the last entry it covers.
pub(crate) fn end(path: &TilePath) -> u128 {
    let level = match path.kind() {
        TileKind::Hashes { level } => u32::from(level),
        TileKind::Entries => 0,
    };
    let hashes = u128::from(path.index()) * 256 + u128::from(path.width());
    256u128
        .checked_pow(level)
        .and_then(|leaves| hashes.checked_mul(leaves))
        .unwrap_or(u128::MAX)
}

/// A checkpoint as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Note {
    bytes: Vec<u8>,
    parsed: UnverifiedCheckpoint,
}

impl Note {
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, ObjectError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(ObjectError::Checkpoint);
        }
        let parsed = UnverifiedCheckpoint::parse(&bytes).map_err(|_| ObjectError::Checkpoint)?;
        Ok(Self { bytes, parsed })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn head(&self) -> TreeHead {
        self.parsed.head()
    }

    pub(super) fn into_parsed(self) -> UnverifiedCheckpoint {
        self.parsed
    }
}

/// What is published never gets smaller, whatever this process believes; another note of the
/// same head may take its place.
pub(super) fn may_replace(old: &Note, new: &Note) -> Result<(), ObjectError> {
    let (found, size) = (old.head().size, new.head().size);
    if found > size || (found == size && old.head() != new.head()) {
        return Err(ObjectError::Larger { found, size });
    }
    Ok(())
}
