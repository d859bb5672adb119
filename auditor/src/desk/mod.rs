//! One task for each log: takes commands, lets [`crate::audit`] decide and carries out what was
//! decided, in order.
//!
//! Logs do not share anything but the database, so that one that hangs, floods or breaks rules
//! does not hold up another. When the state becomes unknown, above all after a failed write, the
//! desk is thrown away and opened again from disk: the same code as at the start.

mod carry;
mod clock;
mod command;
mod comparing;
mod hear;
mod index;
mod memory;
mod outages;
mod peers;
mod poll;
mod status;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plainsight_client::http::{Http, HttpError};
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::entry::{Epoch, Genesis};
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::{SignatureLine, Signer};
use plainsight_specs::rules::Phase;
use plainsight_specs::time::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::alert::{Alert, Severity};
use crate::audit::{Answer, Event, RequestId, Standing, State};
use crate::clock::others::Others;
use crate::clock::{Clock, now_s};
use crate::compare::Known;
use crate::config::FollowedLog;
use crate::contain::contained;
use crate::evidence::Shelf;
use crate::follow::{Fatal, Followed, Follower};
use crate::high_water::HighWater;
use crate::mirror::{Mirror, MirrorError};
use crate::peers::Peer;
use crate::progress::Progress;
use crate::store::{Kept, LogId, Store, is_outage};

use peers::{Look, Watched};

pub use command::{Asker, Command, Opinion, Reply};
pub use hear::Ear;
pub use index::{IndexAnswer, MAX_INDEXES};
pub use memory::MEMORY_LOST;
pub use outages::Outages;
pub use status::{Status, Verdict};

/// Commands that may wait for a log.
pub const INBOX: usize = 128;
/// Heads that may wait to be followed.
const MAX_WANTED: usize = 8;
/// Before a desk is opened again; longer each time, unless it worked for long.
const PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_mins(1);
const LONG_LIFE: Duration = Duration::from_mins(5);
/// Requests that wait for the first look at the published checkpoint.
const MAX_DEFERRED: usize = 64;

/// What all desks share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The database.
    pub store: Store,
    /// The evidence files.
    pub shelf: Shelf,
    /// What was signed last, outside the database.
    pub water: HighWater,
    /// The auditor's key.
    pub signer: Arc<Signer>,
    /// The way out.
    pub http: Http,
    /// The time.
    pub clock: Clock,
    /// The clocks of others.
    pub others: Others,
    /// Where long work is shown.
    pub progress: Progress,
    /// Other auditors to compare with.
    pub peers: Arc<Vec<Peer>>,
    /// Which of them are away.
    pub outages: Outages,
    /// The way to them: each is asked once a round, and soon given up.
    pub peer_http: Http,
    /// How often the published checkpoint is read, and the peers are asked.
    pub poll: Duration,
    /// Nothing is fetched or cosigned while this is true: there is no room.
    pub hold: watch::Receiver<bool>,
}

/// How to reach a desk.
#[derive(Debug, Clone)]
pub struct Handle {
    /// The log.
    pub log: FollowedLog,
    /// Which log, in the database.
    pub id: LogId,
    /// For commands.
    pub inbox: mpsc::Sender<Command>,
    /// What the desk says about its log.
    pub status: watch::Receiver<Status>,
    /// Keeps what the log signed.
    pub ear: Ear,
}

impl Handle {
    /// Keeps a head, the log's signature verified, whatever the desk is doing. It comes before any
    /// command about it.
    pub async fn hear(&self, checkpoint: &SignedCheckpoint) -> Result<Kept, MirrorError> {
        let mirrored = self.status.borrow().mirrored;
        self.ear.hear(checkpoint, mirrored).await
    }
}

/// Opens a desk for a log and keeps it open until `stop` says so.
pub async fn open(
    shared: Shared,
    log: FollowedLog,
    mut stop: watch::Receiver<bool>,
) -> Result<(Handle, JoinHandle<()>), Fatal> {
    let row = shared.store.log(&log.origin, &log.keys).await?;
    let (sender, mut inbox) = mpsc::channel(INBOX);
    let mut first = Status::new(&log);
    // Known before the log is replayed: heads are heard meanwhile.
    let note = row.mirrored.as_deref().map(UnverifiedCheckpoint::parse);
    if let Some(Ok(mirrored)) = note.map(|note| note.and_then(|note| note.verify_log(&log.keys))) {
        first.mirrored = mirrored.head();
    }
    let (status, watched) = watch::channel(first);
    let handle = Handle {
        log: log.clone(),
        id: row.id,
        inbox: sender.clone(),
        status: watched,
        ear: Ear {
            mirror: Mirror {
                store: shared.store.clone(),
                log: row.id,
            },
            clock: shared.clock.clone(),
        },
    };
    // The desk holds a weak sender: when all handles are gone, nobody can ask any more.
    let own = sender.downgrade();
    let task = tokio::spawn(async move {
        let mut pause = PAUSE;
        while !*stop.borrow() {
            let began = Instant::now();
            let life = async {
                let opening = Desk::open(shared.clone(), log.clone(), own.clone(), status.clone());
                let mut desk = opening.await?;
                let ended = desk.work(&mut inbox, &mut stop).await;
                desk.clear();
                ended
            };
            // Whatever a log makes go wrong here stays here: other logs have their own tasks.
            let Err(error) = contained(Box::pin(life)).await.unwrap_or(Err(Fatal::Task)) else {
                return;
            };
            pause = if began.elapsed() > LONG_LIFE {
                PAUSE
            } else {
                pause.saturating_mul(2).min(MAX_PAUSE)
            };
            tracing::error!(log = %log.origin, %error, "the state is unknown; opening again");
            let alert = Alert {
                severity: Severity::Own,
                code: "restarted",
                subject: error.to_string(),
                text: format!("this log's task was started again from disk: {error}"),
            };
            // By the system's clock, and contained: whatever fell must not fall again here. If the
            // database is what failed, there is nowhere to tell.
            // An outage of the database is nothing about this log, and has an alert of its own.
            if !is_outage(&error) {
                let raised = shared.store.raise(Some(row.id), &alert, now_s());
                let _ = contained(Box::pin(raised)).await;
            }
            status.send_modify(|status| status.fail(&error));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    });
    Ok((handle, task))
}

struct Desk {
    shared: Shared,
    log: FollowedLog,
    own: mpsc::WeakSender<Command>,
    status: watch::Sender<Status>,
    known: Known,
    state: State,
    /// At home, or away following a head.
    follower: Option<Follower>,
    following: Option<JoinHandle<Result<(Follower, Followed), Fatal>>>,
    followed: Option<TreeHead>,
    wanted: Vec<SignedCheckpoint>,
    /// The largest head that was to be followed.
    seen: TreeSize,
    polling: Option<JoinHandle<Result<Vec<u8>, HttpError>>>,
    failures: u32,
    /// Whether this machine had no file left for the last poll.
    out_of_files: bool,
    comparing: JoinSet<()>,
    /// When the log was asked last about a head that is kept, and up to which size.
    compared: tokio::time::Instant,
    compared_to: TreeSize,
    /// Whether the log signed heads that contradict each other, for all that is known here.
    convicted: bool,
    /// Whether what was signed last was missing outside the database, and is to be written again.
    is_forgotten: bool,
    /// When the published checkpoint was read last.
    checked: Option<u64>,
    peers: Vec<Watched>,
    looks: JoinSet<Look>,
    deferred: Vec<Command>,
    replies: BTreeMap<RequestId, oneshot::Sender<Reply>>,
    requests: u64,
    /// Signed and stored, not yet given out.
    sealed: Option<(TreeHead, SignatureLine)>,
    summary: Summary,
}

/// What is asked of the replay while it is away.
#[derive(Debug, Clone, Default)]
struct Summary {
    epoch: Option<Epoch>,
    heartbeat_s: Option<u64>,
    closed: bool,
    canaries: BTreeMap<String, Timestamp>,
}

impl Desk {
    async fn open(
        shared: Shared,
        log: FollowedLog,
        own: mpsc::WeakSender<Command>,
        status: watch::Sender<Status>,
    ) -> Result<Self, Fatal> {
        let row = shared.store.log(&log.origin, &log.keys).await?;
        let known = Known {
            mirror: Mirror {
                store: shared.store.clone(),
                log: row.id,
            },
            origin: log.origin.clone(),
            keys: log.keys.clone(),
            source: Source::new(shared.http.clone(), log.url.clone()),
            mirrored: None,
            target: None,
            clock: shared.clock.clone(),
            progress: shared.progress.clone(),
        };
        let follower =
            Follower::open(known, shared.shelf.clone(), &row, log.origin.clone()).await?;
        let open = shared.store.open_break(row.id).await?;
        let shown = shared.store.shown(row.id).await?;
        let watch = |peer: &Peer| {
            let source = peer.key.to_string();
            let mut shown = shown.iter();
            let shown = shown.find(|shown| shown.source == source).cloned();
            Watched::new(peer.clone(), shown)
        };
        let peers: Vec<Watched> = shared.peers.iter().map(watch).collect();
        let mut state = State::new(row.signed, follower.held(), open);
        state.peers_asked = peers.is_empty();
        if let Some(size) = row.rolled_back {
            state.standing = Standing::RolledBack(size);
        }
        let mut desk = Self {
            known: follower.known.clone(),
            shared,
            log,
            own,
            status,
            state,
            follower: None,
            following: None,
            followed: None,
            wanted: Vec::new(),
            seen: TreeSize::ZERO,
            polling: None,
            failures: 0,
            out_of_files: false,
            comparing: JoinSet::new(),
            compared: tokio::time::Instant::now(),
            compared_to: TreeSize::ZERO,
            convicted: false,
            is_forgotten: false,
            checked: None,
            peers,
            looks: JoinSet::new(),
            deferred: Vec::new(),
            replies: BTreeMap::new(),
            requests: 0,
            sealed: None,
            summary: Summary::default(),
        };
        desk.come_home(follower);
        desk.state.clock_off = desk.shared.others.is_off();
        desk.take_stock().await?;
        desk.recall().await?;
        desk.tell_status();
        Ok(desk)
    }

    async fn work(
        &mut self,
        inbox: &mut mpsc::Receiver<Command>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), Fatal> {
        let mut tick = tokio::time::interval(self.shared.poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut own_clock = self.shared.others.watch();
        loop {
            tokio::select! {
                _ = stop.changed() => return Ok(()),
                Ok(()) = own_clock.changed() => self.own_clock_changed().await?,
                command = inbox.recv() => match command {
                    Some(command) => self.take(command).await?,
                    None => return Ok(()),
                },
                ended = joined(&mut self.following) => {
                    self.following = None;
                    self.end_following(ended.map_err(|_| Fatal::Task)??).await?;
                }
                read = joined(&mut self.polling) => {
                    self.polling = None;
                    self.end_poll(read.map_err(|_| Fatal::Task)?).await?;
                }
                Some(compared) = self.comparing.join_next() => {
                    self.end_comparing(compared).await?;
                }
                Some(look) = self.looks.join_next() => self.end_look(look).await?,
                _ = tick.tick() => self.begin_poll().await?,
            }
            self.tell_status();
        }
    }

    /// Ends what runs beside the desk.
    fn clear(&mut self) {
        if let Some(task) = self.following.take() {
            task.abort();
        }
        if let Some(task) = self.polling.take() {
            task.abort();
        }
        self.comparing.abort_all();
        self.looks.abort_all();
    }

    async fn take(&mut self, command: Command) -> Result<(), Fatal> {
        // Whatever is answered, and when: what the log signed is held against it.
        let opinion = match &command {
            Command::AddCheckpoint { checkpoint, .. } | Command::Shown { checkpoint, .. } => {
                self.weigh(checkpoint).await?
            }
            Command::Index { .. } | Command::Holds { .. } | Command::Compared { .. } => None,
        };
        match command {
            Command::AddCheckpoint { reply, .. } if *self.shared.hold.borrow() => {
                let later = Answer::Later("this auditor has no room on its disk");
                // Whoever asked may have gone.
                let _ = reply.send(Reply::Refused(later));
                Ok(())
            }
            Command::AddCheckpoint { .. }
                if self.state.standing == Standing::Unchecked && !self.is_without_memory() =>
            {
                // A first look at the published checkpoint comes before the first signature.
                if self.deferred.len() < MAX_DEFERRED {
                    self.deferred.push(command);
                }
                self.begin_poll().await
            }
            Command::AddCheckpoint {
                old,
                proof,
                checkpoint,
                reply,
            } => {
                self.forget_who_gave_up().await?;
                self.requests += 1;
                let request = RequestId(self.requests);
                self.replies.insert(request, reply);
                let asked = Event::Asked {
                    request,
                    old,
                    proof,
                    checkpoint,
                };
                self.happen(asked).await
            }
            Command::Shown { checkpoint, reply } => {
                match opinion {
                    Some(opinion) => {
                        // Whoever asked may have gone.
                        let _ = reply.send(opinion);
                    }
                    None => self.begin_comparison(checkpoint, Asker::Reader(reply)),
                }
                Ok(())
            }
            Command::Index { indexes, reply } => {
                let answer = self.prove_indexes(&indexes).await?;
                // Whoever asked may have gone.
                let _ = reply.send(answer);
                Ok(())
            }
            Command::Holds { indexes, reply } => {
                // Whoever asked may have gone.
                let _ = reply.send(self.holds(&indexes));
                Ok(())
            }
            Command::Compared {
                checkpoint,
                found,
                asker,
            } => self.end_comparison(checkpoint, found, asker).await,
        }
    }

    /// Lets something happen, and carries out what follows until nothing does.
    async fn happen(&mut self, event: Event) -> Result<(), Fatal> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for effect in crate::audit::step(&mut self.state, event) {
                // An error ends the whole desk: nothing after a failed write is carried out.
                events.extend(self.carry_out(effect).await?);
            }
        }
        Ok(())
    }

    async fn forget_who_gave_up(&mut self) -> Result<(), Fatal> {
        let gone: Vec<RequestId> = self
            .replies
            .iter()
            .filter(|(_, reply)| reply.is_closed())
            .map(|(request, _)| *request)
            .collect();
        for request in gone {
            self.replies.remove(&request);
            self.happen(Event::GaveUp(request)).await?;
        }
        Ok(())
    }

    fn come_home(&mut self, follower: Follower) {
        let replay = &follower.replayed.replay;
        self.summary = Summary {
            epoch: replay.last_epoch().map(|(_, epoch)| *epoch),
            heartbeat_s: replay.genesis().map(Genesis::heartbeat_s),
            closed: replay.phase() != Phase::Open,
            canaries: follower.replayed.canaries.clone(),
        };
        self.state.skew_ms = replay.genesis().map_or(0, Genesis::max_clock_skew_ms);
        self.known = follower.known.clone();
        self.follower = Some(follower);
    }

    async fn raise(&self, alert: &Alert) -> Result<(), Fatal> {
        let (store, log) = (&self.shared.store, self.known.mirror.log);
        if store
            .raise(Some(log), alert, self.shared.clock.now_s())
            .await?
        {
            tracing::warn!(log = %self.log.origin, code = alert.code, "{}", alert.text);
        }
        Ok(())
    }

    async fn resolve(&self, code: &str) -> Result<(), Fatal> {
        let (store, log) = (&self.shared.store, self.known.mirror.log);
        Ok(store.resolve(log, code, self.shared.clock.now_s()).await?)
    }
}

/// The end of a task, if there is one; else never.
async fn joined<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, tokio::task::JoinError> {
    match task {
        Some(task) => task.await,
        None => std::future::pending().await,
    }
}
