#![doc = include_str!("../../tile.md")]

mod bundle;
mod edge;
mod path;
mod set;

use crate::Blame;
use crate::codec::CodecError;

pub use bundle::{MAX_BUNDLE_BYTES, MAX_ENTRY_BYTES, bundle_to_bytes, parse_bundle};
pub use edge::Edge;
pub use path::{TileKind, TilePath, paths_for_entries};
pub use set::TileSet;

/// How many levels of the tree one tile spans.
pub const TILE_HEIGHT: u32 = 8;
/// How many hashes or entries a full tile or bundle holds.
pub const TILE_WIDTH: u16 = 256;
/// How many levels of tiles a tree of at most 2^63 - 1 leaves has.
const LEVELS: u8 = 8;

/// Why a tile, its path or a bundle was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not the one spelling of a tile's path.
    #[error("not the path of a tile or an entry bundle")]
    Path,
    /// A hash tile is not 32 bytes for each hash.
    #[error("{got} bytes in a tile of {expected}")]
    Length {
        /// Bytes given.
        got: usize,
        /// Bytes that a tile of this width has.
        expected: usize,
    },
    /// Two tiles at one place hold different hashes.
    #[error("the tile differs from one at the same place")]
    Contradiction,
    /// The path names an entry bundle where a hash tile belongs.
    #[error("an entry bundle holds no hashes")]
    NotHashes,
    /// A bundle holds 1 to 256 entries.
    #[error("{got} entries where a bundle holds 1 to 256")]
    Width {
        /// Entries given, or the width asked for.
        got: usize,
    },
    /// An entry is longer than its length field can say.
    #[error("an entry of {got} bytes, longer than 65535")]
    EntryTooLong {
        /// Bytes given.
        got: usize,
    },
    /// A tree has at most 2^63 - 1 leaves.
    #[error("a tree has at most 2^63 - 1 leaves")]
    Full,
    /// A bundle ends early or has bytes after its last entry.
    #[error("not an entry bundle: {0}")]
    Bundle(#[from] CodecError),
}

impl TileError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Path | Self::Length { .. } | Self::Bundle(_) => Blame::Malformed,
            Self::Contradiction => Blame::Unproven,
            Self::NotHashes | Self::Width { .. } | Self::EntryTooLong { .. } | Self::Full => {
                Blame::Misuse
            }
        }
    }
}
