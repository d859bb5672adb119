//! Partial tiles and bundles: which of them signed sizes need, and what each must hold.
//!
//! Every signed size has its own partial ones at its right edge. Once a tile is full they are a
//! matter of taste: readers take the full one, and [`crate::gc`] removes them. The others must
//! be there. Whichever is there must be a beginning of the full tile.

use std::collections::BTreeMap;

use bytes::Bytes;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::tile::{TILE_WIDTH, TileKind, TilePath, bundle_to_bytes, parse_bundle};

use super::CheckError;
use super::walk::Walk;

/// What is known of the right edge as the walk goes on: a few tiles a level.
#[derive(Default)]
pub(super) struct Partials {
    /// The widest partial tile of each level, and the bundle, at the end of the walk.
    tails: BTreeMap<TileKind, (TilePath, Bytes)>,
    /// The widths that signed sizes need of the newest tile that any of them left partial.
    needed: BTreeMap<TileKind, (u64, Widths)>,
}

/// A set of widths.
type Widths = std::collections::BTreeSet<u16>;

impl Partials {
    pub(super) fn tile(&mut self, path: TilePath, bytes: Vec<u8>) {
        self.tails.insert(path.kind(), (path, bytes.into()));
    }

    pub(super) fn bundle(&mut self, path: TilePath, entries: &[Vec<u8>]) {
        if path.is_full() {
            return;
        }
        if let Ok(bytes) = bundle_to_bytes(entries) {
            self.tile(path, bytes);
        }
    }

    pub(super) fn signed(&mut self, size: TreeSize) {
        let bundle = TilePath::entries_at(size.get() / u64::from(TILE_WIDTH), size);
        for path in TilePath::right_edge(size).chain(bundle) {
            let (index, widths) = self.needed.entry(path.kind()).or_default();
            if *index != path.index() {
                *index = path.index();
                widths.clear();
            }
            widths.insert(path.width());
        }
    }

    /// The partial ones that signed sizes need, if their tile is not full.
    fn needed(&self) -> Vec<TilePath> {
        let of_kind = |(kind, (index, widths)): (&TileKind, &(u64, Widths))| {
            let is_partial = self
                .tails
                .get(kind)
                .is_some_and(|(tail, _)| tail.index() == *index);
            let widths: Vec<u16> = widths.iter().copied().filter(|_| is_partial).collect();
            let (kind, index) = (*kind, *index);
            widths.into_iter().filter_map(move |width| match kind {
                TileKind::Hashes { level } => TilePath::hashes(level, index, width),
                TileKind::Entries => TilePath::entries(index, width),
            })
        };
        self.needed.iter().flat_map(of_kind).collect()
    }

    /// The bytes of a partial one in the tile that was not full at the end; `None` if it is of
    /// another tile or wider.
    fn at_tail(&self, path: &TilePath) -> Option<Bytes> {
        let (tail, bytes) = self.tails.get(&path.kind())?;
        let is_inside = tail.index() == path.index() && tail.width() >= path.width();
        is_inside
            .then(|| beginning(path, bytes, tail.width()))
            .flatten()
    }

    /// Whether the tile of a path was left partial, or not begun.
    fn is_tail(&self, path: &TilePath) -> bool {
        let tail = self.tails.get(&path.kind());
        tail.is_some_and(|(tail, _)| tail.index() == path.index())
    }
}

/// What a partial tile or bundle holds if the one at its place with `width` holds `bytes`.
fn beginning(path: &TilePath, bytes: &Bytes, width: u16) -> Option<Bytes> {
    let length = match path.kind() {
        TileKind::Hashes { .. } => usize::from(path.width()) * 32,
        TileKind::Entries => {
            let entries = parse_bundle(bytes, width).ok()?;
            let entries = entries.get(..usize::from(path.width()))?;
            entries.iter().map(|entry| entry.len() + 2).sum()
        }
    };
    (length <= bytes.len()).then(|| bytes.slice(..length))
}

impl Walk {
    /// The partial ones that must be there.
    pub(super) async fn check_partials(&mut self) -> Result<(), CheckError> {
        for path in self.partials.needed() {
            let Some(bytes) = self.partials.at_tail(&path) else {
                continue;
            };
            let found = self.objects.get(&path).await;
            self.compare(path, bytes, found).await?;
        }
        Ok(())
    }

    /// A partial one that is there: what it holds, and whether any signed size has it.
    pub(super) async fn check_partial(&mut self, path: &TilePath) -> Result<(), CheckError> {
        let is_tail = self.partials.is_tail(path);
        let expected = if is_tail {
            self.partials.at_tail(path)
        } else {
            let full = self.objects.get(&path.full()).await?;
            full.and_then(|full| beginning(path, &full, TILE_WIDTH))
        };
        let found = self.objects.get(path).await?;
        match (expected, found) {
            // Removed since it was listed.
            (_, None) => return Ok(()),
            (Some(expected), Some(found)) if expected == found => {}
            _ => {
                self.report
                    .fault(format!("{path} is not what the log holds there"));
                return Ok(());
            }
        }
        if is_tail {
            // Those that are needed were compared and counted already.
            if self.partials.needed().contains(path) {
                return Ok(());
            }
        } else {
            self.report.objects += 1;
        }
        if !self.is_signed(path).await? {
            self.report.early += 1;
            let why = if crate::objects::end(path) > u128::from(self.progress.published.get()) {
                "of a publication that was cut short; right in itself"
            } else {
                "a partial that no signed size has; right in itself"
            };
            self.report.list(&path.to_string(), why);
        }
        Ok(())
    }

    /// Whether a size was signed whose tree has this partial tile or bundle.
    async fn is_signed(&self, path: &TilePath) -> Result<bool, CheckError> {
        let level = match path.kind() {
            TileKind::Hashes { level } => level,
            TileKind::Entries => 0,
        };
        let unit = 256u128.checked_pow(u32::from(level)).unwrap_or(u128::MAX);
        let first = crate::objects::end(path);
        let below = u64::try_from(first.saturating_sub(1)).unwrap_or(u64::MAX);
        let Some(below) = TreeSize::new(below) else {
            return Ok(false);
        };
        let next = self.store.checkpoints_above(below, 1).await?;
        Ok(next
            .first()
            .is_some_and(|row| u128::from(row.tree.size.get()) < first.saturating_add(unit)))
    }
}
