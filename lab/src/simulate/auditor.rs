//! One auditor of a simulated network: the real decisions ([`plainsight_auditor::audit`]), the real
//! following of a log, the real database, without the tasks and timers around them.
//!
//! An event is carried to its end before the next one begins; between any two effects it may die.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use plainsight_auditor::audit::{
    self, Answer, Break, Effect, Event, Memory, RequestId, Standing, State,
};
use plainsight_auditor::compare::{Comparison, Known};
use plainsight_auditor::evidence::Shelf;
use plainsight_auditor::follow::{Followed, Follower, judge_end, keep_conviction};
use plainsight_auditor::high_water::{HighWater, Mark, Recalled};
use plainsight_auditor::mirror::Mirror;
use plainsight_auditor::peers::{HeadVerdict, ShownHead};
use plainsight_auditor::progress::Progress;
use plainsight_auditor::store::Store;
use plainsight_auditor::{Clock, Config, FollowedLog};
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::source::Source;
use plainsight_log_server::wire::Answered;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::evidence::Evidence;
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::note::{SignatureLine, Signer, VerifierKey};
use plainsight_specs::witness::{
    AddCheckpoint, SIZE_MEDIA_TYPE, cosignature_lines_to_bytes, size_to_bytes,
};

use super::net::{Net, Party, Way};

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

    /// C2SP `add-checkpoint`; `None` if it died.
    pub(super) async fn add_checkpoint(&mut self, body: &[u8]) -> Option<Answered> {
        match self.cosign(body).await {
            Ok(Ok(reply)) => Some(reply),
            Ok(Err(Died)) => {
                self.die().await;
                None
            }
            Err(error) => {
                // An unknown state: it starts again from what is on disk.
                tracing::warn!(auditor = self.number, %error, "the auditor starts again");
                self.die().await;
                None
            }
        }
    }

    async fn cosign(&mut self, body: &[u8]) -> Carried<Answered> {
        self.wake().await?;
        let Ok(request) = AddCheckpoint::parse(body) else {
            return Ok(Ok(plain(400)));
        };
        let keys = &self.config.logs.first().context("no log")?.keys;
        let Ok(checkpoint) = request.checkpoint.verify_log(keys) else {
            return Ok(Ok(plain(403)));
        };
        if self
            .awake
            .as_ref()
            .is_some_and(|awake| awake.state.standing == Standing::Unchecked)
        {
            for step in [self.look_at_the_log().await?, self.look_at_all().await?] {
                if let Err(died) = step {
                    return Ok(Err(died));
                }
            }
        }
        let awake = self.awake.as_mut().context("asleep")?;
        awake.requests += 1;
        let id = RequestId(awake.requests);
        let asked = Event::Asked {
            request: id,
            old: request.old,
            proof: request.proof,
            checkpoint,
        };
        let replies = match self.happen(asked).await? {
            Ok(replies) => replies,
            Err(died) => return Ok(Err(died)),
        };
        let reply = replies.into_iter().find(|(request, _)| *request == id);
        Ok(Ok(match reply {
            None => plain(503),
            Some((_, Reply::Cosigned(line))) => Answered {
                body: Some(cosignature_lines_to_bytes(&[line])),
                ..plain(200)
            },
            Some((_, Reply::Refused(answer))) => refused(&answer),
        }))
    }

    /// Reads the published checkpoint, and follows it.
    pub(super) async fn poll(&mut self) -> Result<()> {
        let outcome = self.look_at_the_log().await;
        self.survive(outcome).await
    }

    /// Looks at another auditor's head.
    pub(super) async fn look(&mut self, peer: u8, key: &VerifierKey) -> Result<()> {
        let outcome = self.look_at(peer, key).await;
        self.survive(outcome).await
    }

    async fn survive(&mut self, outcome: Carried<()>) -> Result<()> {
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Died)) => {
                self.die().await;
                Ok(())
            }
            Err(error) => {
                tracing::warn!(auditor = self.number, %error, "the auditor starts again");
                self.die().await;
                Ok(())
            }
        }
    }

    async fn look_at_the_log(&mut self) -> Carried<()> {
        self.wake().await?;
        let awake = self.awake.as_ref().context("asleep")?;
        let event = match awake.known.source.checkpoint().await {
            Ok(bytes) => {
                let signed = UnverifiedCheckpoint::parse(&bytes)
                    .and_then(|note| note.verify_log(&awake.known.keys));
                let Ok(checkpoint) = signed else {
                    return Ok(Ok(()));
                };
                let ours = cosigned(&checkpoint, &awake.signer.verifier_key()).is_some();
                Event::Published { checkpoint, ours }
            }
            Err(error) if error.is_not_found() => Event::NothingPublished,
            Err(_) => return Ok(Ok(())),
        };
        Ok(self.happen(event).await?.map(drop))
    }

    /// Asks all peers once, whether they answer or not.
    async fn look_at_all(&mut self) -> Carried<()> {
        let peers = self.config.peers.clone();
        for peer in peers {
            let url = peer.url.as_str();
            let number = url
                .strip_prefix("http://a")
                .and_then(|rest| rest.strip_suffix(".sim"));
            let number = number
                .and_then(|number| number.parse().ok())
                .context("a peer's number")?;
            if let Err(died) = self.look_at(number, &peer.key).await? {
                return Ok(Err(died));
            }
        }
        Ok(self.happen(Event::PeersAsked).await?.map(drop))
    }

    async fn look_at(&mut self, peer: u8, key: &VerifierKey) -> Carried<()> {
        if peer == self.number {
            return Ok(Ok(()));
        }
        self.wake().await?;
        let awake = self.awake.as_ref().context("asleep")?;
        let own = awake.signer.verifier_key();
        let base = format!("http://a{peer}.sim/{}", awake.known.origin.origin_hash());
        let mirror = Source::new(self.http(), BaseUrl::parse(&base)?);
        // What it remembers of us: the heads that bear our cosignature.
        let remembered = mirror.read(&format!("remembered/{own}"), 1 << 20).await;
        let remembered = remembered.ok().and_then(|note| awake.known.signed(&note));
        if let Some(head) = remembered.filter(|head| cosigned(head, &own).is_some())
            && let Err(died) = self.happen(Event::OwnFound(head)).await?
        {
            return Ok(Err(died));
        }
        let Ok(note) = mirror.checkpoint().await else {
            return Ok(Ok(()));
        };
        let awake = self.awake.as_ref().context("asleep")?;
        let Some(shown) = awake.known.signed(&note) else {
            return Ok(Ok(()));
        };
        let Some(by_peer) = cosigned(&shown, key) else {
            return Ok(Ok(()));
        };
        let event = match awake.known.compare_with_peer(&shown, &mirror).await? {
            Comparison::Same | Comparison::Consistent => None,
            Comparison::Ahead => Some(Event::Shown(shown.clone())),
            Comparison::Contradicts(evidence) => {
                self.convict(&evidence, shown.head().size.get()).await?;
                None
            }
            Comparison::Unproven(_) => return Ok(Ok(())),
        };
        let awake = self.awake.as_ref().context("asleep")?;
        let kept = ShownHead {
            source: key.to_string(),
            head: shown.head(),
            note: shown.to_bytes_with(std::slice::from_ref(&by_peer.line)),
            verdict: HeadVerdict::Consistent,
            detail: String::new(),
            evidence: None,
            own: awake.state.signed,
            time: self.clock.now_s(),
        };
        let earlier = awake.store.shown(awake.known.mirror.log).await?;
        let newest = earlier.iter().find(|one| one.source == kept.source);
        if newest.is_none_or(|newest| newest.head.size <= kept.head.size) {
            awake
                .store
                .keep_shown(awake.known.mirror.log, &kept)
                .await?;
        }
        match event {
            Some(event) => Ok(self.happen(event).await?.map(drop)),
            None => Ok(Ok(())),
        }
    }

    /// Lets something happen, and carries out what follows until nothing does.
    async fn happen(&mut self, event: Event) -> Carried<Vec<(RequestId, Reply)>> {
        self.is_touched = true;
        let mut events = VecDeque::from([event]);
        let mut replies = Vec::new();
        while let Some(event) = events.pop_front() {
            let awake = self.awake.as_mut().context("asleep")?;
            for effect in audit::step(&mut awake.state, event) {
                match &mut self.dies_after {
                    Some(0) => return Ok(Err(Died)),
                    Some(left) => *left -= 1,
                    None => {}
                }
                events.extend(self.carry_out(effect, &mut replies).await?);
            }
        }
        Ok(Ok(replies))
    }

    async fn carry_out(
        &mut self,
        effect: Effect,
        replies: &mut Vec<(RequestId, Reply)>,
    ) -> Result<Vec<Event>> {
        let awake = self.awake.as_mut().context("asleep")?;
        match effect {
            Effect::Follow(checkpoint) => self.follow(checkpoint).await,
            Effect::Examine(checkpoint) => self.examine(checkpoint).await,
            Effect::Accuse(checkpoint) => {
                let size = checkpoint.head().size.get();
                if let Comparison::Contradicts(evidence) = awake.known.compare(&checkpoint).await? {
                    return Ok(vec![self.convict(&evidence, size).await?]);
                }
                Ok(Vec::new())
            }
            Effect::Persist { from, to } => {
                let time = self.clock.now().context("the clock")?;
                let cosignature = Cosignature::sign(&to, &awake.signer, time)?;
                let note = to.to_bytes_with(std::slice::from_ref(&cosignature.line));
                let log = awake.known.mirror.log;
                awake
                    .store
                    .swap_signed(log, from, to.head(), &note, time.seconds())
                    .await?;
                awake.water.write(&awake.known.origin, &note)?;
                awake.sealed = Some((to.head(), cosignature.line));
                Ok(Vec::new())
            }
            Effect::Cosign {
                checkpoint,
                requests,
            } => {
                let head = checkpoint.head();
                let line = match awake.sealed.take() {
                    Some((sealed, line)) if sealed == head => line,
                    // It was given out before it was kept, which the next check finds.
                    _ => {
                        let time = self.clock.now().context("the clock")?;
                        Cosignature::sign(&checkpoint, &awake.signer, time)?.line
                    }
                };
                self.given.heads.insert(head.size.get(), head);
                let cosigned = |request| (request, Reply::Cosigned(line.clone()));
                replies.extend(requests.into_iter().map(cosigned));
                Ok(Vec::new())
            }
            Effect::Answer(request, answer) => {
                replies.push((request, Reply::Refused(answer)));
                Ok(Vec::new())
            }
            Effect::Warn(audit::Warning::RolledBack { seen, .. }) => {
                awake
                    .store
                    .keep_rolled_back(awake.known.mirror.log, seen)
                    .await?;
                Ok(Vec::new())
            }
            Effect::Warn(audit::Warning::ClockAhead { .. }) => Ok(Vec::new()),
        }
    }

    async fn follow(&mut self, target: SignedCheckpoint) -> Result<Vec<Event>> {
        let awake = self.awake.as_mut().context("asleep")?;
        let head = target.head();
        let Some(follower) = awake.follower.take() else {
            return Ok(Vec::new());
        };
        let (follower, outcome) = follower.follow(target.clone()).await?;
        let held = follower.held();
        awake.come_home(follower);
        let mut events = vec![awake.open_break().await?];
        match outcome {
            Followed::Complete => {
                events.push(Event::Held(held));
                events.extend(self.examine(target).await?);
            }
            Followed::Withheld { .. } | Followed::NoFiles { .. } => {}
            Followed::Contradicts(evidence) => {
                events.push(self.convict(&evidence, head.size.get()).await?);
            }
        }
        events.push(Event::NotFollowed(head));
        Ok(events)
    }

    async fn examine(&mut self, checkpoint: SignedCheckpoint) -> Result<Vec<Event>> {
        let awake = self.awake.as_mut().context("asleep")?;
        let head = checkpoint.head();
        let own_root = awake.known.mirror.root(head.size).await?;
        let mut events = Vec::new();
        if own_root == head.root {
            judge_end(&awake.known, &awake.shelf, &checkpoint).await?;
            events.push(awake.open_break().await?);
        }
        let epoch = awake.known.mirror.final_epoch(head.size).await?;
        events.push(Event::Examined {
            checkpoint,
            own_root,
            epoch_ms: epoch.map(|epoch| epoch.time_ms),
            now_ms: self.clock.now_ms(),
        });
        Ok(events)
    }

    async fn convict(&mut self, evidence: &Evidence, size: u64) -> Result<Event> {
        let awake = self.awake.as_mut().context("asleep")?;
        let found = Break {
            at: size,
            rule: evidence.rule,
        };
        if awake
            .store
            .conviction(awake.known.mirror.log)
            .await?
            .is_none()
        {
            // What convinces this auditor must convince a stranger.
            Evidence::parse(&evidence.to_json())?.verify()?;
            keep_conviction(&awake.known, &awake.shelf, evidence, &found).await?;
        }
        self.given.accused.get_or_insert(found);
        awake.open_break().await
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

fn cosigned(checkpoint: &SignedCheckpoint, key: &VerifierKey) -> Option<Cosignature> {
    let mut lines = checkpoint.other_lines().iter();
    lines.find_map(|line| Cosignature::verify(line, checkpoint.text(), key).ok())
}

fn plain(status: u16) -> Answered {
    Answered {
        status,
        media_type: None,
        retry_after: None,
        body: Some(b"\n".to_vec()),
    }
}

fn refused(answer: &Answer) -> Answered {
    match answer {
        Answer::Malformed(_) => plain(400),
        Answer::OtherSize(size) => Answered {
            media_type: Some(SIZE_MEDIA_TYPE.into()),
            body: Some(size_to_bytes(*size)),
            ..plain(409)
        },
        Answer::BadProof(_) | Answer::Broken(_) | Answer::Unfit(_) => plain(422),
        Answer::Later(_) => plain(503),
    }
}
