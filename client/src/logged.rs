//! When an entry was logged, from the log's public tiles: the first epoch after it, with its
//! inclusion. It serves alarms, so an answer that does not come or does not hold is no answer.

use plainsight_specs::entry::Entry;
use plainsight_specs::hash::leaf_hash;
use plainsight_specs::merkle::build::{inclusion_proof, tiles_for_inclusion};
use plainsight_specs::merkle::verify::verify_inclusion;
use plainsight_specs::merkle::{LeafIndex, TreeHead};
use plainsight_specs::tile::{TILE_WIDTH, TileSet, paths_for_entries};

use crate::source::Source;

/// How many entries are searched for an epoch.
const SEARCHED: u64 = 16 * 256;

/// The time, in milliseconds, of the first epoch after `position`, if the log proves it.
pub async fn no_later_than(log: &Source, head: &TreeHead, position: LeafIndex) -> Option<u64> {
    let after = position.get() + 1;
    let end = head.size.get().min(after + SEARCHED);
    for path in paths_for_entries(after..end, head.size) {
        let first = path.index() * u64::from(TILE_WIDTH);
        let entries = log.bundle(path).await.ok()?;
        for (place, entry) in (first..)
            .zip(entries)
            .skip_while(|(place, _)| *place < after)
        {
            if let Ok(Entry::Epoch(epoch)) = Entry::parse(&entry) {
                return is_included(log, head, place, &entry)
                    .await
                    .then_some(epoch.time_ms);
            }
        }
    }
    None
}

async fn is_included(log: &Source, head: &TreeHead, place: u64, entry: &[u8]) -> bool {
    let Some(index) = LeafIndex::new(place) else {
        return false;
    };
    let mut tiles = TileSet::new();
    for path in tiles_for_inclusion(index, head.size) {
        let Ok(bytes) = log.tile(path).await else {
            return false;
        };
        if tiles.insert(path, &bytes).is_err() {
            return false;
        }
    }
    inclusion_proof(index, head.size, &tiles)
        .is_ok_and(|proof| verify_inclusion(&leaf_hash(entry), index, head, &proof).is_ok())
}
