//! Follows one log: fetches what a signed head covers, verifies, replays and keeps it.
//!
//! Chunk by chunk, each in one transaction, so that it goes on from wherever it was killed, and
//! in bounded memory whatever the distance. Nothing that is fetched is kept before it was shown to
//! be covered by the signed head. Out of scope: whether the head is then cosigned.

use plainsight_client::http::HttpError;
use plainsight_specs::Blame;
use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::evidence::Evidence;
use plainsight_specs::merkle::build::tiles_for_root;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;
use plainsight_specs::tile::Edge;

use crate::audit::Break;
use crate::compare::{Comparison, Known};
use crate::evidence::{self, AccuseError, Shelf};
use crate::fetch::{FetchError, Fetched, Way};
use crate::mirror::MirrorError;
use crate::replay::{ReplayError, Replayed};
use crate::store::{Chunk, LogRow, StoreError};

/// Evidence files that are made after one head; the others' turn comes after the next. Each
/// takes a replay of the log.
const EVIDENCE_AT_ONCE: u32 = 4;

/// How often evidence is begun that this program does not live to see: it may have been stopped.
const MAX_BEGUN: u32 = 3;

/// An unknown state: the task ends, and starts again from what is on disk.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The own mirror is not whole.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// Evidence that cannot be kept.
    #[error(transparent)]
    Accuse(#[from] AccuseError),
    /// The mirror does not hash to what was stored about it.
    #[error("the mirror does not hash to its own head; `check` says where it is damaged")]
    Damaged,
    /// A signature could not be made.
    #[error("cannot cosign: {0}")]
    Sign(#[from] plainsight_specs::cosignature::CosignatureError),
    /// The file outside the database that says what was signed last.
    #[error("what is signed last cannot be written outside the database: {0}")]
    HighWater(std::io::Error),
    /// The clock shows no time that can be signed.
    #[error("the clock is out of range")]
    Clock,
    /// A task of ours died.
    #[error("a task ended unexpectedly")]
    Task,
}

/// How following a head ended.
#[derive(Debug)]
pub enum Followed {
    /// Everything is held and replayed.
    Complete,
    /// The log did not show what belongs to the head.
    Withheld {
        /// Outage or garbage; never an accusation.
        blame: Blame,
        /// What happened.
        reason: String,
    },
    /// This machine had no file left to ask with.
    NoFiles {
        /// The system's words.
        reason: String,
    },
    /// The head contradicts an earlier one.
    Contradicts(Box<Evidence>),
}

/// The replay of one log, and the place from which it goes on.
#[derive(Debug)]
pub struct Follower {
    /// What heads are held against.
    pub known: Known,
    /// The replay.
    pub replayed: Replayed,
    shelf: Shelf,
    edge: Edge,
}

impl Follower {
    /// Starts from what is on disk.
    pub async fn open(
        mut known: Known,
        shelf: Shelf,
        row: &LogRow,
        origin: plainsight_specs::checkpoint::Origin,
    ) -> Result<Self, Fatal> {
        let size = row.frontier.size();
        let mirror = &known.mirror;
        let tiles = mirror
            .store
            .tiles(mirror.log, &tiles_for_root(size))
            .await?;
        let edge = Edge::from_tiles(size, &tiles).map_err(MirrorError::from)?;
        let shown = (known.progress).begin("replaying", origin.as_str(), 0, size.get());
        let replayed = Replayed::from_mirror(origin, mirror, size, shown).await?;
        let root = row.frontier.root();
        if replayed.replay.frontier() != &row.frontier || edge.root() != root {
            return Err(Fatal::Damaged);
        }
        known.mirrored = row.mirrored.as_deref().and_then(|note| known.signed(note));
        known.target = row.target.as_deref().and_then(|note| known.signed(note));
        let follower = Self {
            known,
            replayed,
            shelf,
            edge,
        };
        // A crash may have come between a head and the evidence about it.
        if let Some(mirrored) = &follower.known.mirrored {
            follower.prove_breaks(mirrored).await?;
        }
        Ok(follower)
    }

    /// The newest head of which everything is held.
    pub fn held(&self) -> TreeSize {
        let mirrored = self.known.mirrored.as_ref();
        mirrored.map_or(TreeSize::ZERO, |mirrored| mirrored.head().size)
    }

    /// Follows the log to `target`, whose log signature was verified.
    pub async fn follow(mut self, target: SignedCheckpoint) -> Result<(Self, Followed), Fatal> {
        let log = self.known.mirror.log;
        let known = &mut self.known;
        let store = known.mirror.store.clone();
        if known.mirrored.is_some() || known.target.is_some() {
            match known.compare(&target).await? {
                Comparison::Contradicts(found) => return Ok((self, Followed::Contradicts(found))),
                Comparison::Unproven(reason) => {
                    let blame = Blame::Unavailable;
                    return Ok((self, Followed::Withheld { blame, reason }));
                }
                Comparison::Same | Comparison::Consistent | Comparison::Ahead => {}
            }
        }
        // Kept before its data arrive: whatever the log shows later is held against it.
        store.keep_target(log, &target.to_bytes()).await?;
        known.target = Some(target.clone());
        let head = target.head();
        let (follower, failed) = self.walk(head).await?;
        if let Some(error) = failed {
            return Ok((follower, withheld(&error)));
        }
        self = follower;
        if self.known.mirror.root(head.size).await? != head.root {
            // Entries from an earlier target that was never complete do not fit this one.
            let reason = "it does not cover the entries that an earlier head covered".into();
            let blame = Blame::Unproven;
            return Ok((self, Followed::Withheld { blame, reason }));
        }
        if head.size >= self.held() {
            store.keep_mirrored(log, &target.to_bytes()).await?;
            self.known.mirrored = Some(target.clone());
        }
        judge_end(&self.known, &self.shelf, &target).await?;
        self.prove_breaks(&target).await?;
        Ok((self, Followed::Complete))
    }

    /// Fetches, replays and stores up to `head`: while one chunk is stored, the next is replayed and
    /// the one after that fetched. Gives what went wrong with the log, if anything did; what came
    /// before is kept.
    async fn walk(mut self, head: TreeHead) -> Result<(Self, Option<FetchError>), Fatal> {
        let (store, log) = (self.known.mirror.store.clone(), self.known.mirror.log);
        let from = self.edge.size().get();
        let origin = self.replayed.replay.origin().to_string();
        let mut shown = (self.known.progress).begin("following", &origin, from, head.size.get());
        let mut way = Way::new(self.known.source.clone(), self.edge.clone(), head);
        let mut failed = None;
        let (mut fetched, mut judged): (Option<Fetched>, Option<(Chunk, Edge)>) = (None, None);
        loop {
            let fetches = failed.is_none() && !way.is_at_end();
            if !fetches && fetched.is_none() && judged.is_none() {
                return Ok((self, failed));
            }
            let fetching = async {
                if fetches {
                    Some(way.next_chunk().await)
                } else {
                    None
                }
            };
            let storing = async {
                match &judged {
                    Some((chunk, _)) => store.keep_chunk(log, chunk).await,
                    None => Ok(()),
                }
            };
            let time = self.known.clock.now_s();
            let judging = judge(self.replayed, fetched.take(), time);
            let (arrived, moved, stored) = tokio::join!(fetching, judging, storing);
            stored?;
            if let Some((_, edge)) = judged.take() {
                shown.reach(edge.size().get());
                self.edge = edge;
            }
            (self.replayed, judged) = moved?;
            match arrived {
                Some(Ok(chunk)) => fetched = Some(chunk),
                Some(Err(error)) => failed = Some(error),
                None => {}
            }
        }
    }

    /// Makes the evidence that is still missing, all of it from what is held.
    async fn prove_breaks(&self, target: &SignedCheckpoint) -> Result<(), Fatal> {
        let mirror = &self.known.mirror;
        let size = target.head().size;
        let missing = mirror
            .store
            .breaks_without_evidence(mirror.log, size, EVIDENCE_AT_ONCE)
            .await?;
        for found in missing {
            prove(&self.known, &self.shelf, target, &found).await?;
        }
        Ok(())
    }
}

/// Replays a chunk that was fetched, if there is one.
async fn judge(
    replayed: Replayed,
    fetched: Option<Fetched>,
    time: u64,
) -> Result<(Replayed, Option<(Chunk, Edge)>), Fatal> {
    let Some(fetched) = fetched else {
        return Ok((replayed, None));
    };
    let first = replayed.replay.size();
    let (replayed, verdicts, entries) = replayed.advance(fetched.entries).await?;
    let reached = TreeHead {
        size: fetched.edge.size(),
        root: fetched.edge.root(),
    };
    // Two ways to hash the same leaves; if they differ, nothing here can be trusted.
    if replayed.replay.head() != reached {
        return Err(Fatal::Damaged);
    }
    let chunk = Chunk {
        first,
        entries,
        tiles: fetched.tiles,
        frontier: replayed.replay.frontier().clone(),
        breaks: verdicts.breaks,
        alerts: verdicts.alerts,
        time,
    };
    Ok((replayed, Some((chunk, fetched.edge))))
}

/// A head that does not end at an epoch breaks a rule, whatever its entries are.
pub async fn judge_end(
    known: &Known,
    shelf: &Shelf,
    checkpoint: &SignedCheckpoint,
) -> Result<(), Fatal> {
    let size = checkpoint.head().size;
    let last = match size.last() {
        Some(position) => Some(known.mirror.entry(position).await?),
        None => None,
    };
    let Some(found) = Replayed::end_broken(last.as_deref(), size) else {
        return Ok(());
    };
    let (store, log) = (&known.mirror.store, known.mirror.log);
    if store.kept_break(log, &found).await?.is_some() {
        return Ok(());
    }
    prove(known, shelf, checkpoint, &found).await
}

async fn prove(
    known: &Known,
    shelf: &Shelf,
    checkpoint: &SignedCheckpoint,
    found: &Break,
) -> Result<(), Fatal> {
    let Some(key) = known.key_of(&[checkpoint]) else {
        // Whatever is stored was verified with one of them.
        return Err(Fatal::Damaged);
    };
    let (store, log) = (&known.mirror.store, known.mirror.log);
    // Durable before it begins: what ends this program once does not do so for ever.
    let begun = store.begin_proof(log, found).await?;
    let proven = prove_once(known, shelf, checkpoint, found, key, begun).await;
    store.end_proof(log, found).await?;
    match proven {
        Ok(()) => Ok(()),
        Err(Fatal::Accuse(
            error @ (AccuseError::Evidence(_)
            | AccuseError::Long(_)
            | AccuseError::Fat(_)
            | AccuseError::Enough
            | AccuseError::Died(_)),
        )) => {
            // The break stands, for this auditor; others are not asked to believe it.
            let (reason, time) = (error.to_string(), known.clock.now_s());
            store.keep_break(log, found, Err(&reason), time).await?;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Puts evidence together and keeps it, unless that ended this program `begun` times, or there is
/// more about this log than anybody reads.
async fn prove_once(
    known: &Known,
    shelf: &Shelf,
    checkpoint: &SignedCheckpoint,
    found: &Break,
    key: &VerifierKey,
    begun: u32,
) -> Result<(), Fatal> {
    let (store, log) = (&known.mirror.store, known.mirror.log);
    if begun >= MAX_BEGUN {
        return Err(AccuseError::Died(begun).into());
    }
    if shelf.has_enough(&store.evidence_of(log).await?) {
        return Err(AccuseError::Enough.into());
    }
    let evidence = evidence::of_break(&known.mirror, key, checkpoint, found).await?;
    keep_conviction(known, shelf, &evidence, found).await?;
    Ok(())
}

/// Keeps evidence, then the break that it proves, which tells of it; gives the file's address. A break
/// that has evidence keeps it, and no second file is made.
pub async fn keep_conviction(
    known: &Known,
    shelf: &Shelf,
    evidence: &Evidence,
    found: &Break,
) -> Result<String, Fatal> {
    let (store, log) = (&known.mirror.store, known.mirror.log);
    let kept = store.kept_break(log, found).await?;
    if let Some(id) = kept.and_then(|kept| kept.evidence) {
        return Ok(id);
    }
    let id = shelf.keep(evidence)?.to_hex();
    let time = known.clock.now_s();
    store.keep_break(log, found, Ok(&id), time).await?;
    Ok(id)
}

fn withheld(error: &FetchError) -> Followed {
    match error {
        FetchError::Http(HttpError::NoFiles { reason, .. }) => Followed::NoFiles {
            reason: reason.clone(),
        },
        _ => Followed::Withheld {
            blame: error.blame(),
            reason: error.to_string(),
        },
    }
}
