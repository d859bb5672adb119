//! Removes partial tiles and bundles that nobody needs any more.
//!
//! Every publication writes the partial tiles and bundles of its size, and one log after another
//! has drowned in them. Once a tile is full at a published size, readers of an older checkpoint
//! take the full one where a partial one is gone, as C2SP tlog-tiles has them do. So a partial one
//! goes when its full one is published, is there (read, not computed), begins with the partial
//! one's bytes, and has been there for a time of grace. The partial ones of tiles that are not
//! full stay, whatever size they are of. Nothing else is ever removed.

use std::time::{Duration, SystemTime};

use futures::TryStreamExt as _;
use futures::stream::{self, StreamExt as _};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::tile::{TileKind, TilePath};

use crate::objects::{Found, ObjectError, Objects};

/// Partial ones that are removed at a time.
const REMOVED_AT_ONCE: usize = 16;
/// Partial ones that wait to be removed.
const BATCH: usize = 256;

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Objects that were looked at.
    pub objects: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Partial tiles and bundles that were removed.
    pub removed: u64,
    /// Bytes of those.
    pub removed_bytes: u64,
    /// Partial ones whose full one is too young.
    pub young: u64,
    /// Partial ones whose full one is missing or begins with other bytes: a check says more.
    pub kept: Vec<String>,
}

impl std::fmt::Display for Collected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} objects, {} bytes", self.objects, self.bytes)?;
        write!(
            f,
            "{} partial ones removed, {} bytes; {} are too young",
            self.removed, self.removed_bytes, self.young
        )?;
        for kept in &self.kept {
            write!(
                f,
                "\n{kept} stays: its full one is missing or begins with other bytes; \
                 run `plainsight-log check`"
            )?;
        }
        Ok(())
    }
}

/// Names that a report keeps.
const MAX_KEPT: usize = 100;

/// Removes the partial tiles and bundles whose full ones are part of the `published` size and
/// were written `grace` or longer before `now`.
pub async fn collect(
    objects: &Objects,
    published: TreeSize,
    grace: Duration,
    now: SystemTime,
) -> Result<Collected, ObjectError> {
    let mut collected = Collected::default();
    let mut all = objects.list();
    // Those of one tile are listed one after the other by most stores.
    let mut last: Option<(TilePath, Option<Found>)> = None;
    let mut due = Vec::new();
    while let Some(listed) = all.try_next().await? {
        collected.objects += 1;
        collected.bytes += listed.bytes;
        let Ok(path) = TilePath::parse(&listed.name) else {
            continue;
        };
        if path.is_full() || !is_full_at(&path, published) {
            continue;
        }
        let full = match last.take() {
            Some((known, full)) if known == path.full() => full,
            _ => objects.found(&path.full()).await?,
        };
        match may_go(objects, &path, full.as_ref(), grace, now).await? {
            Verdict::Go => {
                due.push(path);
                collected.removed_bytes += listed.bytes;
            }
            Verdict::Young => collected.young += 1,
            Verdict::Keep if collected.kept.len() < MAX_KEPT => collected.kept.push(listed.name),
            Verdict::Keep => {}
        }
        last = Some((path.full(), full));
        if due.len() >= BATCH {
            collected.removed += remove(objects, std::mem::take(&mut due)).await?;
        }
    }
    collected.removed += remove(objects, due).await?;
    Ok(collected)
}

enum Verdict {
    Go,
    Young,
    Keep,
}

async fn may_go(
    objects: &Objects,
    path: &TilePath,
    full: Option<&Found>,
    grace: Duration,
    now: SystemTime,
) -> Result<Verdict, ObjectError> {
    let Some(full) = full else {
        return Ok(Verdict::Keep);
    };
    // A clock that went back makes it younger than it is, and it stays.
    if now.duration_since(full.modified).unwrap_or_default() < grace {
        return Ok(Verdict::Young);
    }
    let partial = objects.get(path).await?;
    Ok(match partial {
        Some(partial) if full.bytes.starts_with(&partial) => Verdict::Go,
        Some(_) => Verdict::Keep,
        // Somebody else removes them too.
        None => Verdict::Young,
    })
}

async fn remove(objects: &Objects, due: Vec<TilePath>) -> Result<u64, ObjectError> {
    let removed = due.len() as u64;
    stream::iter(due)
        .map(|path| async move { objects.remove_partial(&path).await })
        .buffer_unordered(REMOVED_AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(removed)
}

/// Whether the tile or bundle at a path's place is full in a tree of `size` leaves.
fn is_full_at(path: &TilePath, size: TreeSize) -> bool {
    let there = match path.kind() {
        TileKind::Hashes { level } => TilePath::hashes_at(level, path.index(), size),
        TileKind::Entries => TilePath::entries_at(path.index(), size),
    };
    there.is_some_and(|there| there.is_full())
}
