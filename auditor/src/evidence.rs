//! Puts evidence together from what is held, and keeps it as files named by their hash.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::entry::Entry;
use plainsight_specs::evidence::{Evidence, EvidenceError, MAX_EVIDENCE, Offence, Proof};
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::merkle::{Frontier, LeafIndex};
use plainsight_specs::note::VerifierKey;
use plainsight_specs::rules::{Replay, Rule};
use plainsight_specs::statement::Body;

use crate::audit::Break;
use crate::mirror::{Mirror, MirrorError};

/// Entries between an epoch and an offender, at most: more make no file that anyone opens.
const MAX_INTERVAL: u64 = 1 << 16;
/// Bytes of these entries, at most: in base64 they fill five sixths of the longest file.
const MAX_INTERVAL_BYTES: u64 = (MAX_EVIDENCE as u64) / 8 * 5;
/// Bytes of earlier entries that a file may need besides, at most.
const MAX_KNOWN_BYTES: usize = MAX_EVIDENCE / 16;
/// Bytes of all files about one log beyond which no further one about an entry is made.
const MAX_OF_LOG: u64 = 256 * 1024 * 1024;
/// Entries read from the database at once.
const READ: u64 = 1024;

/// Why there is no evidence file.
#[derive(Debug, thiserror::Error)]
pub enum AccuseError {
    /// What is held does not suffice.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// It proves nothing.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// Too many entries between the epoch and the offender.
    #[error("{0} entries lie between the last epoch and the offender")]
    Long(u64),
    /// Too many bytes between the epoch and the offender.
    #[error(
        "the entries between the last epoch and the offender have {0} bytes, and no file holds more \
         than {MAX_INTERVAL_BYTES}"
    )]
    Fat(u64),
    /// There is more about this log than anybody reads.
    #[error("the evidence files about this log fill {MAX_OF_LOG} bytes already")]
    Enough,
    /// The program died while the file was put together.
    #[error("{0} times this program ended while the file was put together")]
    Died(u32),
    /// The thread that replays died.
    #[error("the replay stopped unexpectedly")]
    Thread,
    /// The file cannot be written.
    #[error("the evidence file cannot be written: {0}")]
    File(#[from] std::io::Error),
}

/// Where evidence files are kept.
#[derive(Debug, Clone)]
pub struct Shelf {
    dir: PathBuf,
}

impl Shelf {
    /// In this folder, which is made if it is not there.
    pub fn open(dir: PathBuf) -> std::io::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    /// Keeps evidence and gives its address. A file is there whole or not at all.
    pub fn keep(&self, evidence: &Evidence) -> Result<Hash, AccuseError> {
        let bytes = evidence.to_json();
        if bytes.len() > MAX_EVIDENCE {
            return Err(EvidenceError::TooLong.into());
        }
        let id = sha256(&bytes);
        let path = self.path(&id);
        if path.exists() {
            return Ok(id);
        }
        let fresh = path.with_extension("new");
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &path)?;
        // The name must be durable before a database row points to it.
        std::fs::File::open(&self.dir)?.sync_all()?;
        Ok(id)
    }

    /// How many bytes these files have.
    pub fn bytes_of(&self, ids: &[String]) -> u64 {
        ids.iter()
            .filter_map(|id| std::fs::metadata(self.dir.join(format!("{id}.json"))).ok())
            .map(|file| file.len())
            .fold(0, u64::saturating_add)
    }

    /// Whether a further file about an entry of a log that has these is worth its room.
    pub fn has_enough(&self, ids: &[String]) -> bool {
        self.bytes_of(ids) >= MAX_OF_LOG
    }

    /// The file at this address.
    pub fn read(&self, id: &Hash) -> Option<Vec<u8>> {
        std::fs::read(self.path(id)).ok()
    }

    /// Where the file at this address is, if it is kept.
    pub(crate) fn path(&self, id: &Hash) -> PathBuf {
        self.dir.join(format!("{}.json", id.to_hex()))
    }
}

/// Evidence about a break that a head of which everything is held covers.
pub async fn of_break(
    mirror: &Mirror,
    key: &VerifierKey,
    checkpoint: &SignedCheckpoint,
    found: &Break,
) -> Result<Evidence, AccuseError> {
    match (found.rule, LeafIndex::new(found.at)) {
        (Rule::End, _) | (_, None) => of_end(mirror, key, checkpoint).await,
        (_, Some(position)) => of_entry(mirror, key, checkpoint, position).await,
    }
}

async fn of_end(
    mirror: &Mirror,
    key: &VerifierKey,
    checkpoint: &SignedCheckpoint,
) -> Result<Evidence, AccuseError> {
    let size = checkpoint.head().size;
    let last = match size.last() {
        Some(position) if size.get() >= 2 => Some(mirror.included(position, size).await?),
        _ => None,
    };
    let evidence = Evidence {
        rule: Rule::End,
        log_key: key.clone(),
        proof: Proof::End {
            checkpoint: checkpoint.to_bytes(),
            last,
        },
    };
    evidence.verify()?;
    Ok(evidence)
}

async fn of_entry(
    mirror: &Mirror,
    key: &VerifierKey,
    checkpoint: &SignedCheckpoint,
    offender: LeafIndex,
) -> Result<Evidence, AccuseError> {
    let size = checkpoint.head().size;
    let before = Before::offender(mirror, checkpoint, offender).await?;
    let length = offender.get() - before.start.size().get();
    if length >= MAX_INTERVAL {
        return Err(AccuseError::Long(length));
    }
    let range = before.start.size().get()..offender.get() + 1;
    let bytes = mirror.store.bytes_of(mirror.log, range.clone()).await;
    let bytes = bytes.map_err(MirrorError::from)?;
    if bytes > MAX_INTERVAL_BYTES {
        return Err(AccuseError::Fat(bytes));
    }
    let entries = mirror.store.entries(mirror.log, range).await;
    let offence = Offence {
        checkpoint,
        log_key: key,
        before: before.start,
        entries: entries.map_err(MirrorError::from)?,
        consistency: mirror.consistency(offender.size_with(), size).await?,
        genesis: mirror.included(LeafIndex::default(), size).await?,
        at_epoch: before.at_epoch,
    };
    let statements = before.statements;
    let (mirror, runtime) = (mirror.clone(), tokio::runtime::Handle::current());
    tokio::task::spawn_blocking({
        // The checkpoint and the key are borrowed by the offence; both are small.
        let (checkpoint, key) = (checkpoint.clone(), key.clone());
        let Offence {
            before,
            entries,
            consistency,
            genesis,
            at_epoch,
            ..
        } = offence;
        move || {
            let offence = Offence {
                checkpoint: &checkpoint,
                log_key: &key,
                before,
                entries,
                consistency,
                genesis,
                at_epoch,
            };
            let room = std::cell::Cell::new(MAX_KNOWN_BYTES);
            Evidence::of_entry(offence, |leaf| {
                let position = LeafIndex::new(*statements.get(leaf)?)?;
                let entry = runtime.block_on(mirror.entry(position)).ok()?;
                // Without it the file proves nothing, and is none.
                room.set(room.get().checked_sub(entry.len())?);
                Some(entry)
            })
        }
    })
    .await
    .map_err(|_| AccuseError::Thread)?
    .map_err(AccuseError::from)
}

/// The log as it was before an offender.
struct Before {
    /// The compact range before the first entry of the interval.
    start: Frontier,
    /// The log up to the last epoch, which the interval begins with.
    at_epoch: Option<Replay>,
    /// The positions of entries that later statements may refer to, by leaf hash.
    statements: BTreeMap<Hash, u64>,
}

impl Before {
    /// Replays the own mirror once more. That happens at a violation only, so no copy of the
    /// index is kept for it in ordinary times.
    async fn offender(
        mirror: &Mirror,
        checkpoint: &SignedCheckpoint,
        offender: LeafIndex,
    ) -> Result<Self, AccuseError> {
        let origin = checkpoint.origin().clone();
        let scan = Scan::new(Replay::new(origin.clone()));
        let scan = scan.until(mirror, offender.get(), Keep::Nothing).await?;
        let Some(epoch) = scan.replay.last_epoch().map(|(position, _)| position) else {
            return Ok(Self {
                start: Frontier::new(),
                at_epoch: None,
                statements: BTreeMap::new(),
            });
        };
        // After a close the interval begins with it, so that the reader sees the close.
        let first = match scan.closed_at {
            Some(close) if close < epoch.get() => close,
            _ => epoch.get(),
        };
        let again = Scan::new(Replay::new(origin));
        let again = again.until(mirror, first, Keep::Statements).await?;
        let start = again.replay.frontier().clone();
        let again = again
            .until(mirror, epoch.get() + 1, Keep::Statements)
            .await?;
        Ok(Self {
            start,
            at_epoch: Some(again.replay),
            statements: again.statements,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Nothing,
    Statements,
}

struct Scan {
    replay: Replay,
    closed_at: Option<u64>,
    statements: BTreeMap<Hash, u64>,
}

impl Scan {
    fn new(replay: Replay) -> Self {
        Self {
            replay,
            closed_at: None,
            statements: BTreeMap::new(),
        }
    }

    async fn until(mut self, mirror: &Mirror, end: u64, keep: Keep) -> Result<Self, AccuseError> {
        while self.replay.size().get() < end {
            let first = self.replay.size().get();
            let range = first..first.saturating_add(READ).min(end);
            let entries = mirror.store.entries(mirror.log, range).await;
            let entries = entries.map_err(MirrorError::from)?;
            if entries.is_empty() {
                let position = LeafIndex::new(first).unwrap_or_default();
                return Err(MirrorError::Entry(position).into());
            }
            self = tokio::task::spawn_blocking(move || {
                for entry in entries {
                    self.step(&entry, keep);
                }
                self
            })
            .await
            .map_err(|_| AccuseError::Thread)?;
        }
        Ok(self)
    }

    fn step(&mut self, bytes: &[u8], keep: Keep) {
        let judged = self.replay.step(bytes);
        if judged.is_void() {
            return;
        }
        match &judged.entry {
            Some(Entry::Close(_)) => self.closed_at = Some(judged.position.get()),
            Some(Entry::Statement(entry)) if keep == Keep::Statements => {
                // Only these are referred to: by their version, or as the keys in force.
                let body = entry.statement().body();
                if matches!(body, Body::Release(_) | Body::PublisherKeys(_)) {
                    self.statements.insert(judged.leaf, judged.position.get());
                }
            }
            _ => {}
        }
    }
}
