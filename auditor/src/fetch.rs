//! Reads from a log what a signed head covers, and believes nothing that does not hash to it.
//!
//! Out of scope: what the entries mean, and keeping them.

use std::collections::VecDeque;

use plainsight_client::http::HttpError;
use plainsight_client::source::Source;
use plainsight_specs::Blame;
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::merkle::build::{
    BuildError, consistency_proof, root, tiles_for_consistency, tiles_for_root,
};
use plainsight_specs::merkle::verify::{ProofError, verify_consistency};
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::tile::{Edge, TILE_WIDTH, TileError, TileKind, TilePath, TileSet};
use tokio::task::JoinHandle;

/// Bundles of one chunk, at most.
const CHUNK_BUNDLES: u64 = 16;
/// A chunk takes no further bundle once it has this many bytes, so that it never holds more than
/// this and one bundle.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Bundles on their way at once, at most. The longest ones have 16.8 MB, so that a log that tries
/// can fill 100 MB, once.
const AHEAD: usize = 6;
/// As many bundles are read ahead as make up this many bytes, if all are as long as the last one.
const AHEAD_BYTES: usize = 8 * 1024 * 1024;
/// Entries of a bundle.
const WIDTH: u64 = TILE_WIDTH as u64;

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
    /// A task of ours died.
    #[error("a download ended unexpectedly")]
    Task,
}

impl FetchError {
    /// Never a violation: a server that sends garbage proves nothing.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Http(error) => error.blame(),
            Self::Tile(error) => error.blame(),
            Self::Build(error) => error.blame(),
            Self::Proof(error) => error.blame(),
            Self::Task => Blame::Unavailable,
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

/// The way from what is held to one signed head: bundles are read ahead, a few at a time, while
/// what came before is replayed and stored.
#[derive(Debug)]
pub struct Way {
    source: Source,
    head: TreeHead,
    /// After the last entry that was given out.
    edge: Edge,
    /// The number of the next bundle to ask for.
    next: u64,
    downloads: VecDeque<Download>,
    /// How many may be on their way.
    ahead: usize,
    /// What ties the last chunk to the head.
    tiles: TileSet,
}

impl Way {
    /// From where `edge` ends to `head`.
    pub fn new(source: Source, edge: Edge, head: TreeHead) -> Self {
        Self {
            source,
            head,
            next: edge.size().get() / WIDTH,
            edge,
            downloads: VecDeque::new(),
            // Nothing is known yet about how large this log's bundles are.
            ahead: 2,
            tiles: TileSet::new(),
        }
    }

    /// Whether everything up to the head was given out.
    pub fn is_at_end(&self) -> bool {
        self.edge.size() >= self.head.size
    }

    /// The next chunk. After an error the way is at its end.
    pub async fn next_chunk(&mut self) -> Result<Fetched, FetchError> {
        let first = self.edge.size().get();
        let mut entries: Vec<Vec<u8>> = Vec::new();
        let mut bytes = 0;
        for _ in 0..CHUNK_BUNDLES {
            let Some((index, mut bundle)) = self.next_bundle().await? else {
                break;
            };
            // The first bundle may begin with entries that are held already.
            let known = first.saturating_sub(index.saturating_mul(WIDTH));
            let known = usize::try_from(known).unwrap_or(usize::MAX);
            bundle.drain(..known.min(bundle.len()));
            bytes += bundle.iter().map(Vec::len).sum::<usize>();
            entries.append(&mut bundle);
            if bytes >= CHUNK_BYTES {
                break;
            }
        }
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let mut edge = self.edge.clone();
        let changed = edge.append(&leaves)?;
        let reached = TreeHead {
            size: edge.size(),
            root: edge.root(),
        };
        self.prove(reached).await?;
        self.edge = edge.clone();
        Ok(Fetched {
            entries,
            edge,
            tiles: changed,
        })
    }

    /// That the head extends what was reached.
    async fn prove(&mut self, reached: TreeHead) -> Result<(), FetchError> {
        let wanted = tiles_for_consistency(reached.size, self.head.size);
        let known = std::mem::take(&mut self.tiles);
        // Only what this chunk needs is kept for the next, so that a long way needs no more
        // memory than a short one.
        for path in &wanted {
            if let Some(hashes) = known.get(path) {
                let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
                self.tiles.insert(*path, &bytes)?;
            }
        }
        fetch_tiles(&self.source, &wanted, &mut self.tiles).await?;
        let proof = consistency_proof(reached.size, self.head.size, &self.tiles)?;
        verify_consistency(&reached, &self.head, &proof)?;
        Ok(())
    }

    /// The next bundle and its number.
    async fn next_bundle(&mut self) -> Result<Option<(u64, Vec<Vec<u8>>)>, FetchError> {
        self.ask();
        let Some(download) = self.downloads.front_mut() else {
            return Ok(None);
        };
        let index = download.index;
        let bundle = download.finish().await;
        self.downloads.pop_front();
        let bundle = bundle?;
        let bytes = bundle.iter().map(Vec::len).sum::<usize>().max(1);
        self.ahead = (AHEAD_BYTES / bytes).clamp(1, AHEAD);
        self.ask();
        Ok(Some((index, bundle)))
    }

    fn ask(&mut self) {
        while self.downloads.len() < self.ahead {
            let Some(path) = TilePath::entries_at(self.next, self.head.size) else {
                return;
            };
            self.downloads
                .push_back(Download::begin(&self.source, path));
            self.next = self.next.saturating_add(1);
        }
    }
}

/// A bundle on its way; dropped, it is no longer.
#[derive(Debug)]
struct Download {
    index: u64,
    task: JoinHandle<Result<Vec<Vec<u8>>, HttpError>>,
}

impl Download {
    fn begin(source: &Source, path: TilePath) -> Self {
        let source = source.clone();
        Self {
            index: path.index(),
            task: tokio::spawn(async move { source.bundle(path).await }),
        }
    }

    async fn finish(&mut self) -> Result<Vec<Vec<u8>>, FetchError> {
        match (&mut self.task).await {
            Ok(bundle) => Ok(bundle?),
            Err(_) => Err(FetchError::Task),
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.task.abort();
    }
}
