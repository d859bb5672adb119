//! One auditor of a simulated network: the real decisions ([`plainsight_auditor::audit`]), the real
//! following of a log, the real database, without the tasks and timers around them.
//!
//! An event is carried to its end before the next one begins; between any two effects it may die.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use plainsight_auditor::audit::{Answer, Break, Event, Memory, Standing, State};
use plainsight_auditor::compare::Known;
use plainsight_auditor::evidence::Shelf;
use plainsight_auditor::follow::Follower;
use plainsight_auditor::high_water::{HighWater, Mark, Recalled};
use plainsight_auditor::mirror::Mirror;
use plainsight_auditor::progress::Progress;
use plainsight_auditor::store::Store;
use plainsight_auditor::{Clock, Config, FollowedLog};
use plainsight_client::http::{Http, Patience};
use plainsight_client::source::Source;
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::note::{SignatureLine, Signer, VerifierKey};

use super::net::{Net, Party, Way};

mod asked;
mod effects;
mod looks;

/// What an auditor has let out of its hands.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Heads that it cosigned, by size.
    pub(super) heads: BTreeMap<u64, TreeHead>,
    /// What it accused the log of.
    pub(super) accused: Option<Break>,
}

/// One auditor.
pub(super) struct SimAuditor {
    pub(super) dir: PathBuf,
    number: u8,
    config: Config,
    net: Arc<Net>,
    clock: Clock,
    awake: Option<Awake>,
    /// Effects until it dies.
    pub(super) dies_after: Option<u8>,
    pub(super) given: Given,
    /// Whether it runs on an old copy of its database.
    pub(super) is_restored: bool,
    /// Whether something happened to it since this was last asked.
    pub(super) is_touched: bool,
    shown: Window,
}

/// What others may look at while it runs, whatever it does.
pub(super) type Window = Arc<std::sync::Mutex<Option<Shown>>>;

/// What an auditor shows of one log.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    store: Store,
    log: FollowedLog,
}

/// What it has in memory.
struct Awake {
    store: Store,
    shelf: Shelf,
    water: HighWater,
    signer: Signer,
    known: Known,
    follower: Option<Follower>,
    state: State,
    sealed: Option<(TreeHead, SignatureLine)>,
    requests: u64,
}

impl std::fmt::Debug for SimAuditor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimAuditor")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// It died: what was in memory is gone.
struct Died;

/// Carries out or dies.
type Carried<T> = Result<std::result::Result<T, Died>>;

/// What came of a request.
enum Reply {
    Cosigned(SignatureLine),
    Refused(Answer),
}

impl SimAuditor {
    pub(super) fn new(
        dir: &Path,
        number: u8,
        net: &Arc<Net>,
        clock: Clock,
        shown: Window,
    ) -> Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            number,
            config: Config::load(dir)?,
            net: Arc::clone(net),
            clock,
            awake: None,
            dies_after: None,
            given: Given::default(),
            is_restored: false,
            is_touched: false,
            shown,
        })
    }

    pub(super) fn key(&self) -> Result<VerifierKey> {
        Ok(self.config.signer()?.verifier_key())
    }

    /// Loses its memory, and closes its database.
    pub(super) async fn die(&mut self) {
        self.dies_after = None;
        self.is_touched = true;
        *self
            .shown
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = None;
        if let Some(awake) = self.awake.take() {
            awake.store.close().await;
        }
    }

    /// Starts, if it is not running.
    async fn wake(&mut self) -> Result<()> {
        if self.awake.is_some() {
            return Ok(());
        }
        let log = self.config.logs.first().context("no log")?.clone();
        let store = Store::open(&self.config.database()).await?;
        let shelf = Shelf::open(self.config.evidence())?;
        let row = store.log(&log.origin, &log.keys).await?;
        let known = Known {
            mirror: Mirror {
                store: store.clone(),
                log: row.id,
            },
            origin: log.origin.clone(),
            keys: log.keys.clone(),
            source: Source::new(self.http(), log.url.clone()),
            mirrored: None,
            target: None,
            clock: self.clock.clone(),
            progress: Progress::default(),
        };
        let follower = Follower::open(known, shelf.clone(), &row, log.origin.clone()).await?;
        let open = store.open_break(row.id).await?;
        let mut state = State::new(row.signed, follower.held(), open);
        state.peers_asked = false;
        if let Some(size) = row.rolled_back {
            state.standing = Standing::RolledBack(size);
        }
        let (water, signer) = (HighWater::of_auditor(&self.dir)?, self.config.signer()?);
        let mark = water.read(&log.origin, &log.keys, &signer.verifier_key());
        let is_new = matches!(mark, Mark::None);
        match mark.recall(row.signed) {
            Recalled::As(memory) => {
                if is_new && memory == Memory::Fits {
                    water.write(&log.origin, &[])?;
                }
                state.memory = memory;
            }
            Recalled::Ahead(ahead) => {
                let size = ahead.head().size;
                state.standing = Standing::RolledBack(size);
                store.keep_rolled_back(row.id, size).await?;
            }
        }
        let shown = Shown {
            store: store.clone(),
            log: log.clone(),
        };
        *self
            .shown
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(shown);
        let mut awake = Awake {
            store,
            shelf,
            water,
            signer,
            known: follower.known.clone(),
            follower: None,
            state,
            sealed: None,
            requests: 0,
        };
        awake.come_home(follower);
        self.awake = Some(awake);
        Ok(())
    }

    fn http(&self) -> Http {
        let way = Way {
            net: Arc::clone(&self.net),
            party: Party::Auditor(self.number),
        };
        let patience = Patience {
            attempts: 1,
            ..Patience::default()
        };
        Http::over(Arc::new(way), patience)
    }

    /// What its database says that it signed last, and what it has on its books against the log.
    pub(super) async fn on_disk(&mut self) -> Result<(TreeHead, Option<Break>)> {
        self.wake().await?;
        let awake = self.awake.as_ref().context("asleep")?;
        let log = self.config.logs.first().context("no log")?;
        let row = awake.store.log(&log.origin, &log.keys).await?;
        Ok((row.signed, awake.store.open_break(row.id).await?))
    }

    /// Whether it found that it is an old copy of itself.
    pub(super) fn is_rolled_back(&self) -> bool {
        let standing = self.awake.as_ref().map(|awake| awake.state.standing);
        matches!(standing, Some(Standing::RolledBack(_)))
    }
}

impl Awake {
    fn come_home(&mut self, follower: Follower) {
        let genesis = follower.replayed.replay.genesis();
        self.state.skew_ms = genesis.map_or(0, plainsight_specs::entry::Genesis::max_clock_skew_ms);
        self.known = follower.known.clone();
        self.follower = Some(follower);
    }

    async fn open_break(&self) -> Result<Event> {
        Ok(Event::Open(
            self.store.open_break(self.known.mirror.log).await?,
        ))
    }
}

/// What anybody may read of an auditor, below its address of this log.
pub(super) async fn shown(shown: &Shown, path: &str) -> Option<Vec<u8>> {
    let Shown { store, log } = shown;
    let log = store.log(&log.origin, &log.keys).await.ok()?;
    if path == "checkpoint" {
        return log.signed_note;
    }
    if let Some(key) = path.strip_prefix("remembered/") {
        let shown = store.shown(log.id).await.ok()?;
        let ours = shown.into_iter().find(|shown| shown.source == key);
        return ours.map(|shown| shown.note);
    }
    let (tile, level) = super::net::hashes(path)?;
    let bytes = store.tile(log.id, level, tile.index()).await.ok()??;
    let width = usize::from(tile.width()) * 32;
    bytes.get(..width).map(<[u8]>::to_vec)
}
