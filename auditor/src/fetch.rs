//! Reads from a log what a signed head covers, and believes nothing that does not hash to it.
//!
//! Out of scope: what the entries mean, and keeping them.

use plainsight_client::http::HttpError;
use plainsight_client::source::Source;
use plainsight_specs::Blame;
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::merkle::build::{
    BuildError, consistency_proof, root, tiles_for_consistency, tiles_for_root,
};
use plainsight_specs::merkle::verify::{ProofError, verify_consistency};
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::tile::{
    Edge, TILE_WIDTH, TileError, TileKind, TilePath, TileSet, paths_for_entries,
};

/// Bundles of one chunk, at most.
const CHUNK_BUNDLES: u64 = 16;
/// A chunk takes no further bundle once it has this many bytes, so that it never holds more than
/// this and one bundle.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Why a log's data were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// They cannot be had, or are not tiles.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Two tiles contradict each other.
    #[error("the log's tiles contradict each other: {0}")]
    Tile(#[from] TileError),
    /// Tiles that were fetched are not those needed.
    #[error("the log's tiles do not fit: {0}")]
    Build(#[from] BuildError),
    /// They do not hash to the signed root.
    #[error("what the log serves does not hash to the head that it signed: {0}")]
    Proof(#[from] ProofError),
}

impl FetchError {
    /// Never a violation: a server that sends garbage proves nothing.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Http(error) => error.blame(),
            Self::Tile(error) => error.blame(),
            Self::Build(error) => error.blame(),
            Self::Proof(error) => error.blame(),
        }
    }
}

/// The root that an older size has in the tree of `newer`, with the proof that it does. It is
/// the real one whoever served the tiles, since the proof is checked against the signed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealRoot {
    /// The older size and its root in the newer tree.
    pub head: TreeHead,
    /// From there to the newer head.
    pub consistency: Vec<Hash>,
}

/// Finds the real root of `older` under `newer` from the log's tiles.
pub async fn real_root(
    source: &Source,
    older: TreeSize,
    newer: TreeHead,
) -> Result<RealRoot, FetchError> {
    let mut wanted = tiles_for_consistency(older, newer.size);
    wanted.extend(
        tiles_for_root(older)
            .iter()
            .filter_map(|path| as_wide_as(path, newer.size)),
    );
    let mut tiles = TileSet::new();
    fetch_tiles(source, &wanted, &mut tiles).await?;
    let consistency = consistency_proof(older, newer.size, &tiles)?;
    let head = TreeHead {
        size: older,
        root: root(older, &tiles)?,
    };
    verify_consistency(&head, &newer, &consistency)?;
    Ok(RealRoot { head, consistency })
}

/// Only tiles that a signed head implies are asked for, so an older edge is read as wide as it is
/// under the newer head.
fn as_wide_as(path: &TilePath, size: TreeSize) -> Option<TilePath> {
    match path.kind() {
        TileKind::Hashes { level } => TilePath::hashes_at(level, path.index(), size),
        TileKind::Entries => TilePath::entries_at(path.index(), size),
    }
}

async fn fetch_tiles(
    source: &Source,
    wanted: &[TilePath],
    tiles: &mut TileSet,
) -> Result<(), FetchError> {
    for path in wanted {
        if tiles.get(path).is_none() {
            tiles.insert(*path, &source.tile(*path).await?)?;
        }
    }
    Ok(())
}

/// Entries that follow those held, shown to be covered by a signed head.
#[derive(Debug)]
pub struct Fetched {
    /// The entries.
    pub entries: Vec<Vec<u8>>,
    /// The edge after them.
    pub edge: Edge,
    /// The hash tiles that they change.
    pub tiles: Vec<(TilePath, Vec<u8>)>,
}

/// Reads the next chunk from where `edge` ends towards `head`. `tiles` keeps the hash tiles that
/// tie chunks to the head; one set serves one head.
pub async fn next_chunk(
    source: &Source,
    edge: &Edge,
    head: TreeHead,
    tiles: &mut TileSet,
) -> Result<Fetched, FetchError> {
    let first = edge.size().get();
    let width = u64::from(TILE_WIDTH);
    let last_bundle = (first / width).saturating_add(CHUNK_BUNDLES);
    let end = last_bundle.saturating_mul(width).min(head.size.get());
    let mut entries: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    for path in paths_for_entries(first..end, head.size) {
        let mut bundle = source.bundle(path).await?;
        // The first bundle may begin with entries that are held already.
        let start = path.index().saturating_mul(width);
        let known = usize::try_from(first.saturating_sub(start)).unwrap_or(usize::MAX);
        bundle.drain(..known.min(bundle.len()));
        bytes += bundle.iter().map(Vec::len).sum::<usize>();
        entries.append(&mut bundle);
        if bytes >= CHUNK_BYTES {
            break;
        }
    }
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let mut edge = edge.clone();
    let changed = edge.append(&leaves)?;
    let reached = TreeHead {
        size: edge.size(),
        root: edge.root(),
    };
    fetch_tiles(
        source,
        &tiles_for_consistency(reached.size, head.size),
        tiles,
    )
    .await?;
    let proof = consistency_proof(reached.size, head.size, tiles)?;
    verify_consistency(&reached, &head, &proof)?;
    Ok(Fetched {
        entries,
        edge,
        tiles: changed,
    })
}
