//! Verifies the own database from nothing: entries, roots, tiles, replay, breaks.

use std::collections::BTreeSet;

use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::tile::{Edge, TileKind};

use crate::config::{Config, FollowedLog};
use crate::follow::Fatal;
use crate::mirror::Mirror;
use crate::progress::Progress;
use crate::replay::Replayed;
use crate::store::{LogRow, Store};

/// Entries that are read at once: a whole number of tiles.
const READ: u64 = 1024;

/// What a check found out about one log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The log.
    pub origin: String,
    /// Entries that were read and replayed.
    pub size: TreeSize,
    /// What does not hold; empty if everything does.
    pub faults: Vec<String>,
}

/// Faults of one log that are told; what follows is counted only.
const MAX_FAULTS: usize = 1000;

/// Checks every log of the configuration. The auditor should not be running, since what moves
/// meanwhile looks like a fault.
pub async fn check(config: &Config) -> Result<Vec<Checked>, Fatal> {
    check_showing(config, &Progress::default()).await
}

/// The same, showing how far it has come. The memory it takes does not grow with the entries,
/// but for the index, which is rebuilt.
pub async fn check_showing(config: &Config, progress: &Progress) -> Result<Vec<Checked>, Fatal> {
    let store = Store::open(&config.database()).await?;
    let mut checked = Vec::new();
    for log in &config.logs {
        let row = store.log(&log.origin, &log.keys).await?;
        let mut faults = Faults::default();
        hash_up(&store, log, &row, progress, &mut faults).await?;
        replay(&store, log, &row, progress, &mut faults).await?;
        check_heads(&store, log, &row, &mut faults).await?;
        checked.push(Checked {
            origin: log.origin.to_string(),
            size: row.frontier.size(),
            faults: faults.told(),
        });
    }
    store.close().await;
    Ok(checked)
}

#[derive(Debug, Default)]
struct Faults {
    told: Vec<String>,
    untold: u64,
}

impl Faults {
    fn push(&mut self, fault: String) {
        if self.told.len() < MAX_FAULTS {
            self.told.push(fault);
        } else {
            self.untold = self.untold.saturating_add(1);
        }
    }

    fn told(mut self) -> Vec<String> {
        if self.untold > 0 {
            self.told.push(format!("and {} more", self.untold));
        }
        self.told
    }
}

/// Entries against tiles and the compact range.
async fn hash_up(
    store: &Store,
    log: &FollowedLog,
    row: &LogRow,
    progress: &Progress,
    faults: &mut Faults,
) -> Result<(), Fatal> {
    let size = row.frontier.size().get();
    let mut edge = Edge::new();
    let mut shown = progress.begin("hashing", log.origin.as_str(), 0, size);
    while edge.size().get() < size {
        let first = edge.size().get();
        let range = first..first.saturating_add(READ).min(size);
        let entries = store.entries(row.id, range).await?;
        if entries.is_empty() {
            faults.push(format!("entry {first} is missing"));
            return Ok(());
        }
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let Ok(tiles) = edge.append(&leaves) else {
            faults.push("there are too many entries".into());
            return Ok(());
        };
        for (path, bytes) in tiles {
            let TileKind::Hashes { level } = path.kind() else {
                continue;
            };
            // What is held may be wider by what comes later, never different.
            let held = store.tile(row.id, level, path.index()).await?;
            if !held.is_some_and(|held| held.starts_with(&bytes)) {
                faults.push(format!("{path} is missing or differs from the entries"));
            }
        }
        shown.reach(edge.size().get());
    }
    if edge.root() != row.frontier.root() {
        faults.push("the entries do not hash to the compact range".into());
    }
    Ok(())
}

/// Entries against the rules, and the breaks that are kept.
async fn replay(
    store: &Store,
    log: &FollowedLog,
    row: &LogRow,
    progress: &Progress,
    faults: &mut Faults,
) -> Result<(), Fatal> {
    let mirror = Mirror {
        store: store.clone(),
        log: row.id,
    };
    let size = row.frontier.size();
    let mut shown = progress.begin("replaying", log.origin.as_str(), 0, size.get());
    let mut replayed = Replayed::new(log.origin.clone());
    while replayed.replay.size() < size {
        let first = replayed.replay.size();
        let (moved, verdicts) = match replayed.advance_from(&mirror, size).await {
            Ok(moved) => moved,
            Err(error) => {
                faults.push(error.to_string());
                return Ok(());
            }
        };
        replayed = moved;
        let reached = replayed.replay.size();
        let kept = store.breaks_between(row.id, first, reached).await?;
        let kept: BTreeSet<_> = kept
            .into_iter()
            .filter(|kept| !kept.is_about_head())
            .collect();
        let found: BTreeSet<_> = verdicts.breaks.into_iter().collect();
        for found in found.difference(&kept) {
            faults.push(format!("{found} is not among the breaks that are kept"));
        }
        for kept in kept.difference(&found) {
            faults.push(format!("{kept} is kept, and no entry breaks it"));
        }
        shown.reach(reached.get());
    }
    Ok(())
}

/// The signed heads against the entries.
async fn check_heads(
    store: &Store,
    log: &FollowedLog,
    row: &LogRow,
    faults: &mut Faults,
) -> Result<(), Fatal> {
    let mirror = Mirror {
        store: store.clone(),
        log: row.id,
    };
    for (what, note) in [("mirrored", &row.mirrored), ("cosigned", &row.signed_note)] {
        let Some(note) = note else { continue };
        let signed = UnverifiedCheckpoint::parse(note).and_then(|note| note.verify_log(&log.keys));
        let head = match signed {
            Ok(signed) => signed.head(),
            Err(error) => {
                faults.push(format!("the head {what} last: {error}"));
                continue;
            }
        };
        if what == "cosigned" && head != row.signed {
            faults.push("the head cosigned last is not the one in its note".into());
        }
        let holds = head.size <= row.frontier.size()
            && mirror
                .root(head.size)
                .await
                .is_ok_and(|root| root == head.root);
        if !holds {
            faults.push(format!("the entries do not hash to the head {what} last"));
        }
    }
    Ok(())
}
