//! Deletes segments from the database whose entries the bundles hold.
//!
//! The bundles are then the only copy, so each of them is read back first: it must be full and
//! part of what is published, hold the entries of the database byte for byte, and hash to the
//! tile above it. The newest entries stay in the database, since they are asked for most.

use plainsight_specs::hash::leaf_hash;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::tile::{TILE_WIDTH, TilePath, parse_bundle};
use tokio::sync::Mutex;

use crate::objects::ObjectError;
use crate::source::LogSource;
use crate::store::{Segment, StoreError, Writer};

/// Entries below the published size that stay in the database.
const KEPT: u64 = 4_096;
/// Segments deleted in one transaction, so that sequencing never waits long for it.
const AT_ONCE: u32 = 256;
const WIDTH: u64 = TILE_WIDTH as u64;

/// Why segments were not deleted.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The public objects.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// An object is not there, or is not what the database holds: a check says more.
    #[error("{path} is missing or is not what the database holds; run `plainsight-log check`")]
    Object {
        /// The object.
        path: TilePath,
    },
}

/// Deletes the segments whose bundles are full at the `published` size, are read back and compared
/// now, and are not among the newest. How many were deleted.
pub async fn prune(
    source: &LogSource,
    writer: &Mutex<Writer>,
    published: TreeSize,
) -> Result<u64, PruneError> {
    let end = published.get().saturating_sub(KEPT) / WIDTH * WIDTH;
    let mut deleted = 0;
    while let Some(oldest) = source.store.oldest_segment().await? {
        // As far as a transaction deletes, and to the end of a bundle.
        let verified = verify(source, oldest, end).await?;
        let Some(size) = verified.and_then(TreeSize::new) else {
            break;
        };
        let now = writer.lock().await.delete_segments(size, AT_ONCE).await?;
        deleted += now;
        if now == 0 {
            break;
        }
    }
    Ok(deleted)
}

/// Reads back the bundles of the segments from `oldest` on, as many as one transaction deletes,
/// and gives the size up to which all entries are safe; `None` if there is nothing to delete.
async fn verify(source: &LogSource, oldest: u64, end: u64) -> Result<Option<u64>, PruneError> {
    let mut next = oldest;
    let mut safe = None;
    let mut bundle = Bundle::default();
    for _ in 0..AT_ONCE {
        let segment = source.store.segment_at(next).await?;
        let Some(segment) = segment.filter(|segment| segment.start == next) else {
            break;
        };
        let after = segment.start.saturating_add(segment.count);
        if after > end {
            break;
        }
        bundle.compare(source, &segment).await?;
        (next, safe) = (after, Some(after));
    }
    Ok(safe)
}

/// The bundle that was read last.
#[derive(Default)]
struct Bundle(Option<(u64, Vec<Vec<u8>>)>);

impl Bundle {
    /// Compares the entries of a segment with the bundles that hold them.
    async fn compare(&mut self, source: &LogSource, segment: &Segment) -> Result<(), PruneError> {
        for (at, entry) in (segment.start..).zip(segment.entries()?) {
            let index = at / WIDTH;
            if self.0.as_ref().is_none_or(|(held, _)| *held != index) {
                self.0 = Some((index, read(source, index).await?));
            }
            let place = usize::try_from(at % WIDTH).unwrap_or(usize::MAX);
            let held = self.0.as_ref().and_then(|(_, entries)| entries.get(place));
            if held.map(Vec::as_slice) != Some(entry) {
                return Err(unlike(TilePath::entries(index, TILE_WIDTH)));
            }
        }
        Ok(())
    }
}

/// A full bundle that hashes to the tile above it.
async fn read(source: &LogSource, index: u64) -> Result<Vec<Vec<u8>>, PruneError> {
    let bundle = TilePath::entries(index, TILE_WIDTH);
    let tile = TilePath::hashes(0, index, TILE_WIDTH);
    let (Some(bundle), Some(tile)) = (bundle, tile) else {
        return Err(unlike(None));
    };
    let missing = |path| move || PruneError::Object { path };
    let bytes = source.objects.get(&bundle).await?;
    let bytes = bytes.ok_or_else(missing(bundle))?;
    let hashes = source.objects.get(&tile).await?;
    let hashes = hashes.ok_or_else(missing(tile))?;
    let entries = parse_bundle(&bytes, TILE_WIDTH).map_err(|_| unlike(Some(bundle)))?;
    let leaves = entries.iter().map(|entry| leaf_hash(entry));
    let is_same = leaves.flat_map(|leaf| *leaf.as_bytes()).eq(hashes);
    if !is_same {
        return Err(unlike(Some(bundle)));
    }
    Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
}

fn unlike(path: Option<TilePath>) -> PruneError {
    match path {
        Some(path) => PruneError::Object { path },
        None => StoreError::Corrupt("a segment beyond every bundle".into()).into(),
    }
}
