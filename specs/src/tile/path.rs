//! The names of tiles and entry bundles.

use std::fmt;

use super::{LEVELS, TILE_HEIGHT, TILE_WIDTH, TileError};
use crate::codec;
use crate::merkle::TreeSize;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes of subtrees of 256^level leaves.
    Hashes {
        /// 0 to 63.
        level: u8,
    },
    /// The entries themselves: an entry bundle.
    Entries,
}

/// The name of a hash tile or an entry bundle, full or partial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    width: u16,
}

impl TilePath {
    /// The `index`-th tile of a level, with its first `width` hashes. `None` unless the level is
    /// below 64, the index below 2^63 and the width 1 to 256.
    pub fn hashes(level: u8, index: u64, width: u16) -> Option<Self> {
        let kind = TileKind::Hashes { level };
        (level < 64).then_some(())?;
        Self::new(kind, index, width)
    }

    /// The `index`-th bundle, with its first `width` entries. `None` unless the index is below
    /// 2^63 and the width 1 to 256.
    pub fn entries(index: u64, width: u16) -> Option<Self> {
        Self::new(TileKind::Entries, index, width)
    }

    fn new(kind: TileKind, index: u64, width: u16) -> Option<Self> {
        let known = index <= codec::MAX_NUMBER && (1..=TILE_WIDTH).contains(&width);
        known.then_some(Self { kind, index, width })
    }

    /// The `index`-th tile of a level, as wide as it is in a tree of `size` leaves; `None` if it
    /// does not exist there.
    pub fn hashes_at(level: u8, index: u64, size: TreeSize) -> Option<Self> {
        Self::hashes(level, index, width_at(level, index, size)?)
    }

    /// The `index`-th bundle, as wide as it is in a tree of `size` leaves; `None` if it does not
    /// exist there.
    pub fn entries_at(index: u64, size: TreeSize) -> Option<Self> {
        Self::entries(index, width_at(0, index, size)?)
    }

    /// The partial tiles at the right edge of a tree of `size` leaves, the lowest level first.
    pub fn right_edge(size: TreeSize) -> impl Iterator<Item = Self> {
        (0..LEVELS).filter_map(move |level| {
            let hashes = size.get() >> (TILE_HEIGHT * u32::from(level));
            Self::hashes_at(level, hashes >> TILE_HEIGHT, size)
        })
    }

    /// Whether it holds hashes or entries.
    pub fn kind(&self) -> TileKind {
        self.kind
    }

    /// The position among the tiles of its level, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds all 256.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The full tile at the same place, which a client may ask for when a partial one is gone.
    #[must_use]
    pub fn full(&self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..*self
        }
    }

    /// Parses the one spelling of a path, without a leading slash.
    pub fn parse(text: &str) -> Result<Self, TileError> {
        // SPEC(TILE-2): whatever the lenient reading finds must print back to the same text.
        Self::read(text)
            .filter(|path| path.to_string() == text)
            .ok_or(TileError::Path)
    }

    fn read(text: &str) -> Option<Self> {
        // 64 digits would be a longer index than any: nothing longer is looked at.
        if text.len() > 64 {
            return None;
        }
        let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, codec::decimal(width).ok()?.try_into().ok()?),
            None => (rest, TILE_WIDTH),
        };
        let digits = index.replace(['x', '/'], "");
        let significant = digits.trim_start_matches('0');
        let index = match significant {
            "" => 0,
            number => codec::decimal(number).ok()?,
        };
        match kind {
            "entries" => Self::entries(index, width),
            level => Self::hashes(codec::decimal(level).ok()?.try_into().ok()?, index, width),
        }
    }
}

/// How wide the tile at `index` of `level` is in a tree of `size` leaves.
fn width_at(level: u8, index: u64, size: TreeSize) -> Option<u16> {
    // SPEC(TILE-3)
    let hashes = size
        .get()
        .checked_shr(TILE_HEIGHT * u32::from(level))
        .unwrap_or(0);
    let before = index.checked_mul(u64::from(TILE_WIDTH))?;
    let rest = hashes.checked_sub(before)?.min(u64::from(TILE_WIDTH));
    u16::try_from(rest).ok().filter(|width| *width > 0)
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SPEC(TILE-1)
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        while let Some(group) = groups.pop() {
            match groups.len() {
                0 => write!(f, "{group:03}")?,
                _ => write!(f, "x{group:03}/")?,
            }
        }
        if !self.is_full() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// The bundles that hold the entries from `range.start` to before `range.end`, as wide as they
/// are in a tree of `size` leaves. Entries beyond the tree are in none.
pub fn paths_for_entries(range: std::ops::Range<u64>, size: TreeSize) -> Vec<TilePath> {
    let end = range.end.min(size.get());
    if range.start >= end {
        return Vec::new();
    }
    let last = (end - 1) >> TILE_HEIGHT;
    (range.start >> TILE_HEIGHT..=last)
        .filter_map(|index| TilePath::entries_at(index, size))
        .collect()
}
