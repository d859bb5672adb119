//! A running auditor: the desks and the HTTP server, started and shut down together.

mod keeper;
mod tasks;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use plainsight_client::http::{Http, HttpError, Patience};
use plainsight_door::Bounds;
use plainsight_specs::note::{Signer, VerifierKey};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::alert::Sender;
use crate::alert::channel::Channel;
use crate::clock::Clock;
use crate::clock::others::Others;
use crate::config::{Config, ConfigError};
use crate::dashboard::Dashboard;
use crate::desk::{self, Outages, Shared};
use crate::evidence::Shelf;
use crate::follow::Fatal;
use crate::high_water::HighWater;
use crate::http::{self, Site, admin, router};
use crate::plain::{Bench, Plain, PlainError};
use crate::progress::Progress;
use crate::pulse::Disk;
use crate::store::{Claim, Store, StoreError};
use crate::watch::{Limits, Watches};

use tasks::Tasks;

/// What an error about that folder names.
const HIGH_WATER: &str = "the folder of what was signed last";
/// For one answer of another auditor.
const PEER_PATIENCE: Duration = Duration::from_secs(15);

/// Why an auditor does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its folder.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its plain witness.
    #[error(transparent)]
    Plain(#[from] PlainError),
    /// A log.
    #[error(transparent)]
    Log(#[from] Fatal),
    /// HTTP.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Its files or its socket.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// A running auditor. Dropping it leaves it running; [`Node::shutdown`] ends it.
#[derive(Debug)]
pub struct Node {
    /// Where it listens.
    pub local_addr: SocketAddr,
    /// Where its operator reads metrics and health.
    pub admin_addr: Option<SocketAddr>,
    /// The key that its cosignatures verify with.
    pub verifier_key: VerifierKey,
    /// The key that its answers to watches verify with.
    pub watch_key: VerifierKey,
    store: Store,
    /// What answers over HTTP reads by.
    readers: Store,
    stop: watch::Sender<bool>,
    /// Whether another process has claimed the database.
    replaced: watch::Receiver<bool>,
    tasks: Vec<JoinHandle<()>>,
    dashboard: Arc<Dashboard>,
}

impl Node {
    /// Counts up when the operator has changed the configuration in the dashboard. Whoever listens
    /// promises to start the node again by what is written there then; if nobody does, the operator is
    /// told to.
    pub fn again(&self) -> watch::Receiver<u64> {
        self.dashboard.again()
    }

    /// Opens everything and begins to follow, to cosign and to answer.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, Clock::system(), Progress::default(), Disk::system()).await
    }

    /// The same by another clock, showing long work, where `disk` says how much room there is.
    pub async fn start_with(
        config: Config,
        clock: Clock,
        progress: Progress,
        disk: Disk,
    ) -> Result<Self, StartError> {
        let operations = config.operations.clone();
        let channels = operations.channels(&config.dir)?;
        let watch_signer = Arc::new(config.watch_signer()?);
        let watch_key = watch_signer.verifier_key();
        let signer = Arc::new(config.signer()?);
        let verifier_key = signer.verifier_key();
        let io = |what| move |source| StartError::Io { what, source };
        let shelf = Shelf::open(config.evidence()).map_err(io("the folder of evidence"))?;
        let (store, claim) = claimed(&config, &channels, &clock).await?;
        let others = Others::new(&config, &clock);
        // SPEC(WIT-18): nothing is signed by a clock that nobody was asked about.
        others.look().await;
        let (hold, held) = watch::channel(false);
        let shared = Shared {
            hold: held,
            store: store.clone(),
            shelf: shelf.clone(),
            water: HighWater::of_auditor(&config.dir).map_err(io(HIGH_WATER))?,
            signer,
            http: Http::new(Patience::default())?,
            clock: clock.clone(),
            others,
            progress,
            peers: Arc::new(config.peers.clone()),
            outages: Outages::default(),
            peer_http: Http::new(Patience {
                answer: PEER_PATIENCE,
                attempts: 1,
                ..Patience::default()
            })?,
            poll: Duration::from_millis(config.poll_interval_ms),
        };
        let (listener, local_addr) = bind(config.listen, "the address to listen at").await?;
        let (stop, stopped) = watch::channel(false);
        let (replace, replaced) = watch::channel(false);
        let mut desks = BTreeMap::new();
        let mut tasks = Tasks::new(stopped.clone(), store.clone());
        for log in &config.logs {
            let opened = desk::open(shared.clone(), log.clone(), stopped.clone()).await;
            let (handle, task) = opened?;
            desks.insert(log.origin.to_string(), handle);
            tasks.list.push(task);
        }
        end_what_is_configured_no_more(&config, &shared, desks.values()).await?;
        let plain = open_plain(&config, &shared, &mut tasks).await?;
        let sender = Sender {
            name: config.identity.name.clone(),
            organisation: config.identity.organisation.clone(),
            url: operations.url.clone(),
        };
        tasks.tell(&sender, channels);
        let followed: Vec<_> = desks.values().cloned().collect();
        let pulse = tasks.look(&config, followed.clone(), disk, hold, &shared.others);
        let (readers, watches) = open_watches(&config, &store, watch_signer).await?;
        tasks.watch(&watches, followed.clone());
        let hub = tasks.herald(&clock, &store, &followed, &pulse);
        let dashboard = Dashboard::new(&config, hub)?;
        let site = Site {
            rebuilds: tasks.rebuild(&config, &shared, followed),
            dashboard: dashboard.clone(),
            serve: config.dashboard.serve,
            watches,
            desks: Arc::new(desks),
            store: readers.clone(),
            shelf,
            limits: http::Limits::new(config.limits),
            plain,
            vkey: verifier_key.to_string(),
            watch_vkey: watch_key.to_string(),
            organisation: config.identity.organisation,
            jurisdiction: config.identity.jurisdiction,
            contact: operations.contact.clone(),
            sender,
            pulse,
        };
        let bounds = config.limits.bounds();
        let mut admin_addr = None;
        if let Some(address) = operations.admin_listen {
            admin_addr = Some(listen_to_operator(&mut tasks, address, site.clone(), bounds).await?);
        }
        tasks.serve(listener, router(site), bounds);
        tasks.list.push(tokio::spawn(claim.keep(stopped, replace)));
        Ok(Self {
            local_addr,
            admin_addr,
            verifier_key,
            watch_key,
            store,
            readers,
            stop,
            replaced,
            tasks: tasks.list,
            dashboard,
        })
    }

    /// Waits until another process has claimed the database, if that ever happens: this one then writes
    /// nothing any more, and is to end.
    pub async fn replaced(&self) {
        let mut replaced = self.replaced.clone();
        if replaced.wait_for(|replaced| *replaced).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Ends it: open requests are answered, what is being fetched is dropped.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            let abort = task.abort_handle();
            if tokio::time::timeout(Duration::from_secs(5), task)
                .await
                .is_err()
            {
                abort.abort();
            }
        }
        self.readers.close().await;
        self.store.close().await;
    }
}

/// The database, claimed for this process, with those who are told of what happens from now on.
async fn claimed(
    config: &Config,
    channels: &[Channel],
    clock: &Clock,
) -> Result<(Store, Claim), StartError> {
    let store = Store::open(&config.database()).await?;
    // SPEC(WIT-6): nobody else signs by what is kept here.
    let claim = store.claim().await?;
    let names: Vec<_> = channels
        .iter()
        .map(|channel| (channel.name.clone(), channel.severities.clone()))
        .collect();
    store.set_channels(&names, clock.now_s()).await?;
    Ok((store, claim))
}

/// Nobody looks any more whether what lasted about them still does.
async fn end_what_is_configured_no_more(
    config: &Config,
    shared: &Shared,
    desks: impl Iterator<Item = &desk::Handle>,
) -> Result<(), StoreError> {
    let logs: Vec<_> = desks.map(|desk| desk.id).collect();
    let witness = config.witness.iter().flat_map(|witness| &witness.logs);
    let witnessed = witness.map(|log| log.origin.as_str());
    let peers = config.peers.iter().map(|peer| peer.key.name().as_str());
    let named: Vec<&str> = witnessed.chain(peers).collect();
    let now = shared.clock.now_s();
    shared.store.end_of_others(&logs, &named, now).await
}

/// Watches, and the connections by which readers are answered: however much is asked over HTTP, auditing
/// has connections of its own.
async fn open_watches(
    config: &Config,
    store: &Store,
    signer: Arc<Signer>,
) -> Result<(Store, Watches), StoreError> {
    let watch = config.operations.watch.clone();
    if watch.bucket_feed {
        store.index_buckets().await?;
    }
    let readers = store.apart().await?;
    let watches = Watches {
        store: readers.clone(),
        signer,
        limits: Arc::new(Limits::new(watch.per_address)),
        config: watch,
    };
    Ok((readers, watches))
}

/// Answers the operator, and gives where.
async fn listen_to_operator(
    tasks: &mut Tasks,
    address: SocketAddr,
    site: Site,
    bounds: Bounds,
) -> Result<SocketAddr, StartError> {
    let (listener, local) = bind(address, "the address for the operator").await?;
    tasks.serve(listener, admin(site), bounds);
    Ok(local)
}

/// A socket, and where it is.
async fn bind(
    address: SocketAddr,
    what: &'static str,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let io = |what| move |source| StartError::Io { what, source };
    let listener = TcpListener::bind(address).await.map_err(io(what))?;
    let local = listener.local_addr().map_err(io("the socket"))?;
    Ok((listener, local))
}

/// The plain witness, if the configuration has one.
async fn open_plain(
    config: &Config,
    shared: &Shared,
    tasks: &mut Tasks,
) -> Result<Option<Plain>, StartError> {
    let Some(witness) = &config.witness else {
        return Ok(None);
    };
    let bench = Bench {
        store: shared.store.clone(),
        shelf: shared.shelf.clone(),
        water: HighWater::of_witness(&config.dir).map_err(|source| StartError::Io {
            what: HIGH_WATER,
            source,
        })?,
        signer: Arc::new(config.witness_signer(witness)?),
        http: shared.http.clone(),
        clock: shared.clock.clone(),
        others: shared.others.clone(),
        poll: shared.poll,
    };
    let plain = Plain::open(bench, &witness.logs).await?;
    for origin in plain.read_logs() {
        let (kept, stopped) = (plain.clone(), tasks.stopped.clone());
        tasks.keep(format!("the look at {origin}"), move || {
            kept.clone().look_again(origin.clone(), stopped.clone())
        });
    }
    Ok(Some(plain))
}
