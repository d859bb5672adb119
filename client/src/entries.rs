//! The log's public entries, read backwards from its newest head: what no question of the log's API
//! answers. Nothing is believed that does not hash to the head, or to a hash that was proved.

use plainsight_specs::entry::Entry;
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::merkle::build::{inclusion_proof, tiles_for_inclusion};
use plainsight_specs::merkle::verify::verify_inclusion;
use plainsight_specs::merkle::{LeafIndex, TreeHead};
use plainsight_specs::statement::Statement;
use plainsight_specs::tile::{TILE_WIDTH, TilePath, TileSet, paths_for_entries};

use crate::failure::{Failure, Refusal};
use crate::source::Source;

/// How many bundles of 256 entries are read at the most.
const MAX_BUNDLES: usize = 1024;

/// What a search backwards for an entry came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// It was logged before the time asked about.
    Older,
    /// It was logged after, or nothing proves that it was not.
    Younger,
    /// The log went on for too long since to be read.
    NotShown,
}

/// Whether the entry with this leaf hash, which is in the tree, was logged before an epoch whose
/// time is not after `time_ms`: every entry since is read, and proved to be of the head.
pub async fn age(log: &Source, head: &TreeHead, leaf: &Hash, time_ms: u64) -> Result<Age, Failure> {
    for path in backwards(head).take(MAX_BUNDLES) {
        let entries = log.bundle(path).await?;
        let first = path.index() * u64::from(TILE_WIDTH);
        prove(log, head, first, &entries).await?;
        for entry in entries.iter().rev() {
            if leaf_hash(entry) == *leaf {
                return Ok(Age::Younger);
            }
            if let Ok(Entry::Epoch(epoch)) = Entry::parse(entry)
                && epoch.time_ms <= time_ms
            {
                return Ok(Age::Older);
            }
        }
    }
    Ok(Age::NotShown)
}

/// Statements of a stream, from its latest backwards, each named by the hash in the one after it.
/// At most `limit`, and none at or before the place `after`.
pub async fn statements(
    log: &Source,
    head: &TreeHead,
    latest: &Hash,
    limit: usize,
    after: Option<u32>,
) -> Result<Vec<Statement>, Failure> {
    let mut found: Vec<Statement> = Vec::new();
    let mut wanted = *latest;
    for path in backwards(head).take(MAX_BUNDLES) {
        for entry in log.bundle(path).await?.iter().rev() {
            if leaf_hash(entry) != wanted {
                continue;
            }
            let Ok(Entry::Statement(entry)) = Entry::parse(entry) else {
                return Ok(found);
            };
            let statement = entry.statement().clone();
            let (seq, prev) = (statement.seq().get(), statement.prev());
            if after.is_some_and(|after| seq <= after) {
                return Ok(found);
            }
            found.push(statement);
            match prev {
                Some(prev) if found.len() < limit => wanted = prev,
                _ => return Ok(found),
            }
        }
    }
    Ok(found)
}

/// The bundles of a tree, the last first.
fn backwards(head: &TreeHead) -> impl Iterator<Item = TilePath> {
    let size = head.size;
    let bundles = size.get().div_ceil(u64::from(TILE_WIDTH));
    (0..bundles).rev().flat_map(move |bundle| {
        let first = bundle * u64::from(TILE_WIDTH);
        let end = size.get().min(first + u64::from(TILE_WIDTH));
        paths_for_entries(first..end, size)
    })
}

/// Shows that the entries from `first` on are those of the tree.
async fn prove(
    log: &Source,
    head: &TreeHead,
    first: u64,
    entries: &[Vec<u8>],
) -> Result<(), Failure> {
    let mut tiles = TileSet::new();
    let places = first..first + entries.len() as u64;
    for place in [places.start, places.end.saturating_sub(1)] {
        let Some(index) = LeafIndex::new(place) else {
            continue;
        };
        for path in tiles_for_inclusion(index, head.size) {
            if tiles.get(&path).is_none() {
                let bytes = log.tile(path).await?;
                tiles.insert(path, &bytes).map_err(|_| refused(place))?;
            }
        }
    }
    for (place, entry) in places.zip(entries) {
        let index = LeafIndex::new(place).ok_or_else(|| refused(place))?;
        let proof = inclusion_proof(index, head.size, &tiles).map_err(|_| refused(place))?;
        verify_inclusion(&leaf_hash(entry), index, head, &proof).map_err(|_| refused(place))?;
    }
    Ok(())
}

fn refused(position: u64) -> Failure {
    Failure::refused(Refusal::Entries { position })
}
