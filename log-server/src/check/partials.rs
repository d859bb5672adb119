//! Partial tiles and bundles: which of them signed sizes need, and what each must hold.
//!
//! Every signed size has its own partial ones at its right edge. Once a tile is full they are a
//! matter of taste: readers take the full one, and [`crate::gc`] removes them. The others must
//! be there. Whichever is there must be a beginning of the full tile.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::TryStreamExt as _;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::tile::{TILE_WIDTH, TileKind, TilePath, bundle_to_bytes, parse_bundle};

use super::CheckError;
use super::walk::Walk;
use crate::objects::end;

/// The tiles and bundles that are not full among the objects, as far as anything asks for them.
pub(super) struct Partials {
    /// The size whose objects are all there.
    materialised: TreeSize,
    /// The widest that the walk came by, of each tile or bundle that is asked for.
    wanted: BTreeMap<(TileKind, u64), Option<(u16, Bytes)>>,
    /// The widths that signed sizes need of the newest tile that any of them left partial.
    needed: BTreeMap<TileKind, (u64, Widths)>,
}

/// A set of widths.
type Widths = std::collections::BTreeSet<u16>;

impl Partials {
    pub(super) fn new(materialised: TreeSize) -> Self {
        let mut partials = Self {
            materialised,
            wanted: BTreeMap::new(),
            needed: BTreeMap::new(),
        };
        for path in edge(materialised) {
            partials.want(&path);
        }
        partials
    }

    /// Asks for the bytes of a partial one, unless its full one is among the objects.
    pub(super) fn want(&mut self, path: &TilePath) {
        if !self.is_full(path) {
            self.wanted.insert((path.kind(), path.index()), None);
        }
    }

    /// Whether the tile or bundle at a path's place is full in what is materialised.
    fn is_full(&self, path: &TilePath) -> bool {
        end(&path.full()) <= u128::from(self.materialised.get())
    }

    pub(super) fn tile(&mut self, path: TilePath, bytes: &Bytes) {
        if let Some(widest) = self.wanted.get_mut(&(path.kind(), path.index())) {
            *widest = Some((path.width(), bytes.clone()));
        }
    }

    pub(super) fn bundle(&mut self, path: TilePath, entries: &[Vec<u8>]) {
        if self.wanted.contains_key(&(path.kind(), path.index()))
            && let Ok(bytes) = bundle_to_bytes(entries)
        {
            self.tile(path, &bytes.into());
        }
    }

    pub(super) fn signed(&mut self, size: TreeSize) {
        for path in edge(size) {
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
            let (kind, index) = (*kind, *index);
            let widths: Vec<u16> = widths.iter().copied().collect();
            widths.into_iter().filter_map(move |width| match kind {
                TileKind::Hashes { level } => TilePath::hashes(level, index, width),
                TileKind::Entries => TilePath::entries(index, width),
            })
        };
        let all = self.needed.iter().flat_map(of_kind);
        all.filter(|path| !self.is_full(path)).collect()
    }

    /// What a partial one holds; `None` if the walk did not come by its tile.
    fn walked(&self, path: &TilePath) -> Option<Bytes> {
        let widest = self.wanted.get(&(path.kind(), path.index()))?;
        let (width, bytes) = widest.as_ref()?;
        (*width >= path.width())
            .then(|| beginning(path, bytes, *width))
            .flatten()
    }
}

/// The partial tiles of a size, and its partial bundle.
fn edge(size: TreeSize) -> impl Iterator<Item = TilePath> {
    let bundle = TilePath::entries_at(size.get() / u64::from(TILE_WIDTH), size);
    TilePath::right_edge(size).chain(bundle)
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
    /// Asks for the bytes of the partial ones that are there. Before the walk, which cannot keep
    /// all tiles.
    pub(super) async fn want_partials(&mut self) -> Result<(), CheckError> {
        let mut all = self.objects.list();
        while let Some(listed) = all.try_next().await? {
            match TilePath::parse(&listed.name) {
                Ok(path) if !path.is_full() => self.partials.want(&path),
                _ => {}
            }
        }
        Ok(())
    }

    /// The partial ones that must be there.
    pub(super) async fn check_partials(&mut self) -> Result<(), CheckError> {
        for path in self.partials.needed() {
            let Some(bytes) = self.partials.walked(&path) else {
                continue;
            };
            let found = self.objects.get(&path).await;
            self.compare(path, bytes, found).await?;
        }
        Ok(())
    }

    /// A partial one that is there: what it holds, and whether any signed size has it.
    pub(super) async fn check_partial(&mut self, path: &TilePath) -> Result<(), CheckError> {
        let is_full = self.partials.is_full(path);
        let expected = if is_full {
            // If the full one is missing, that was said.
            let Some(full) = self.objects.get(&path.full()).await? else {
                return Ok(());
            };
            beginning(path, &full, TILE_WIDTH)
        } else if let Some(walked) = self.partials.walked(path) {
            Some(walked)
        } else {
            // It was not there when the walk began.
            self.report.newer += 1;
            return Ok(());
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
        // Those that are needed were compared and counted already.
        if !is_full && self.partials.needed().contains(path) {
            return Ok(());
        }
        self.report.objects += 1;
        if !self.is_signed(path).await? {
            self.report.early += 1;
            let why = if end(path) > u128::from(self.progress.published.get()) {
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
        let first = end(path);
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
