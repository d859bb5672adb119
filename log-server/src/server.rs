//! Puts a log together and takes it apart again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plainsight_specs::checkpoint::{CheckpointError, Origin};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::note::VerifierKey;
use plainsight_specs::policy::{Policy, PolicyError};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::cosigners::Auditors;
use crate::election::Election;
use crate::forward::Forwarder;
use crate::gc::Collecting;
use crate::http;
use crate::metrics::Fenced;
use crate::objects::{ObjectError, Objects};
use crate::publication::{Publisher, is_final};
use crate::recovery::{Recovered, WriteError, identity, recover, show_published};
use crate::restored::not_restored;
use crate::sequencer::Sequencer;
use crate::shared::{Shared, Status};
use crate::signer::{KeyError, Keys};
use crate::source::LogSource;
use crate::store::{Store, StoreError, Writer, WriterLock};
use crate::view::follow;

/// How long a stopping server goes on to publish what it has acknowledged.
const FLUSH: Duration = Duration::from_secs(10);
/// How much longer than its wait for publication a request may take that another replica answers.
const FORWARD: Duration = Duration::from_secs(15);
/// The pause before the log is read back after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The origin is none.
    #[error(transparent)]
    Origin(#[from] CheckpointError),
    /// A key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The public objects.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// The policy file cannot be read.
    #[error("{path}: {source}")]
    PolicyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The policy is none.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A witness of the policy counts and cannot be asked.
    #[error("the policy gives no address that would meet its quorum")]
    Unreachable,
    /// No HTTP client could be made.
    #[error("no HTTP client for the other replicas: {0}")]
    Http(reqwest::Error),
    /// The address cannot be listened on.
    #[error("{address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A running log. Dropped, it stops as a killed process would, a moment later.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    vkey: VerifierKey,
    published: watch::Receiver<TreeSize>,
    status: watch::Receiver<Status>,
    stop_http: watch::Sender<bool>,
    stop_writing: watch::Sender<bool>,
    tasks: Tasks,
    store: Store,
    admin_addr: Option<SocketAddr>,
    shared: Arc<Shared>,
}

/// The tasks of a server, which end with it.
#[derive(Debug)]
struct Tasks {
    http: JoinHandle<()>,
    admin: Option<JoinHandle<()>>,
    writing: JoinHandle<()>,
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.http.abort();
        self.writing.abort();
        if let Some(admin) = &self.admin {
            admin.abort();
        }
    }
}

impl Server {
    /// Starts a log and returns once it is read back and answers, perhaps read-only.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let origin = Origin::parse(&config.origin)?;
        let keys = Keys::load(&config, &origin)?;
        let policy = load_policy(&config)?;
        let objects = Objects::open(&config.objects)?;
        let connections = config.limits.read_connections;
        let (store, lock) = if config.replica.read_only {
            let store = Store::open_replica(&config.database, connections).await?;
            (store, None)
        } else {
            let store = Store::open(&config.database, connections).await?;
            let lock = WriterLock::take(&config.database)?;
            match objects.probe().await {
                // A full or an absent store keeps nobody from reading; the first term tries again.
                Err(error) if error.is_transient() => {
                    tracing::error!(%error, "the public objects cannot be written");
                }
                probed => probed?,
            }
            (store, Some(lock))
        };
        let listener = listen(config.listen).await?;
        let local_addr = listener.local_addr().map_err(|source| StartError::Listen {
            address: config.listen,
            source,
        })?;

        let admin = match config.admin_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let admin_addr = admin
            .as_ref()
            .and_then(|listener| listener.local_addr().ok());

        let source = LogSource {
            store: store.clone(),
            objects,
        };
        let wait = Duration::from_millis(config.limits.wait_ms) + FORWARD;
        let forwarder = Forwarder::new(wait).map_err(StartError::Http)?;
        let shared = Shared::new(config, origin, keys, policy, source, forwarder, local_addr);
        let shared = Arc::new(shared);
        let (stop_http, stop_writing) = (watch::Sender::new(false), watch::Sender::new(false));
        let writing = tokio::spawn(supervise(
            Arc::clone(&shared),
            lock,
            stop_writing.subscribe(),
        ));
        let bounds = shared.config.limits.bounds();
        let serve = |listener, router| {
            let proxies = shared.config.limits.trusted_proxies.clone();
            let is_proxy = move |peer: SocketAddr| {
                let address = peer.ip().to_canonical();
                proxies.iter().any(|network| network.contains(address))
            };
            let stop = stop_http.subscribe();
            tokio::spawn(plainsight_door::serve(
                listener, router, bounds, is_proxy, stop,
            ))
        };
        let http = serve(listener, http::router(Arc::clone(&shared)));
        let admin = admin.map(|listener| serve(listener, http::admin_router(Arc::clone(&shared))));
        let mut status = shared.status.subscribe();
        // The sender lives in `shared`.
        let _ = status.wait_for(|status| *status != Status::Starting).await;
        Ok(Self {
            local_addr,
            vkey: shared.vkey.clone(),
            published: shared.published.subscribe(),
            status,
            stop_http,
            stop_writing,
            tasks: Tasks {
                http,
                admin,
                writing,
            },
            store,
            admin_addr,
            shared,
        })
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    #[cfg(test)]
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Where HTTP is answered.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The URL of the log, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.local_addr)
    }

    /// Where operators are answered, if they are.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin_addr
    }

    /// Puts other limits in force, and reads the tokens anew. The sizes of pools and the numbers of
    /// connections stay as they were at the start.
    pub fn reload(&self, limits: crate::config::Limits) {
        self.shared.set_limits(limits);
        self.shared.tokens.forget();
    }

    /// Whether HTTP is answered: `false` after something that should not happen did.
    pub fn is_serving(&self) -> bool {
        !self.tasks.http.is_finished()
    }

    /// What the log does at present, in a line.
    pub fn status_line(&self) -> String {
        let sizes = format!(
            "sequenced {}, published {}",
            self.shared.sequenced_size(),
            self.published_size()
        );
        match self.shared.unready() {
            None => sizes,
            Some(why) => format!("{why}; {sizes}"),
        }
    }

    /// What readers put into their policy.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.vkey
    }

    /// The size of the newest published checkpoint; zero if there is none.
    pub fn published_size(&self) -> TreeSize {
        *self.published.borrow()
    }

    /// Waits until a checkpoint of at least this size is published.
    pub async fn until_published(&self, size: TreeSize) {
        let mut published = self.published.clone();
        if published.wait_for(|now| *now >= size).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Why the log is not written, if it is not.
    pub fn read_only(&self) -> Option<String> {
        match &*self.status.borrow() {
            Status::ReadOnly(why) => Some(why.clone()),
            _ => None,
        }
    }

    /// Stops taking requests, sequences and publishes what was taken, and ends. Takes no longer
    /// than a few times ten seconds, whatever the auditors do.
    pub async fn shutdown(mut self) {
        self.shared.stop_intake();
        // Whoever spreads requests over several servers sees that this one is not ready any more.
        tokio::time::sleep(Duration::from_millis(self.shared.limits().drain_ms)).await;
        self.stop_http.send_replace(true);
        let http = &mut self.tasks.http;
        if tokio::time::timeout(FLUSH, &mut *http).await.is_err() {
            http.abort();
        }
        self.stop_writing.send_replace(true);
        let writing = &mut self.tasks.writing;
        if tokio::time::timeout(FLUSH, &mut *writing).await.is_err() {
            tracing::warn!("stopped before everything was published");
            writing.abort();
            let _ = writing.await;
        }
        self.store.close().await;
    }

    /// Stops at once, wherever it is, and returns when the log's lock is free again. What was
    /// acknowledged is in the database; the next start goes on from there.
    pub async fn kill(mut self) {
        let Tasks { http, writing, .. } = &mut self.tasks;
        http.abort();
        writing.abort();
        let _ = tokio::join!(http, writing);
        self.store.close().await;
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| StartError::Listen { address, source })
}

pub(crate) fn load_policy(config: &Config) -> Result<Option<Policy>, StartError> {
    let Some(path) = &config.policy else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path).map_err(|source| StartError::PolicyFile {
        path: path.clone(),
        source,
    })?;
    let policy = Policy::parse(&text)?;
    let has_url = |name: &str| {
        let mut witnesses = policy.witnesses().iter();
        witnesses.any(|witness| witness.name == name && witness.url.is_some())
    };
    if !policy.satisfied(has_url) {
        return Err(StartError::Unreachable);
    }
    Ok(Some(policy))
}

/// One term after another until the server stops or a person is needed. Readers are answered all
/// the while.
async fn supervise(shared: Arc<Shared>, lock: Option<WriterLock>, mut stop: watch::Receiver<bool>) {
    let _following = Ended(tokio::spawn(follow(Arc::clone(&shared))));
    if let Err(error) = prepare(&shared).await {
        tracing::error!(%error, "the log is read-only");
        shared
            .status
            .send_replace(Status::ReadOnly(error.to_string()));
        return;
    }
    let Some(lock) = lock else {
        shared.status.send_replace(Status::Reading);
        // An error means that the server was dropped.
        let _ = stop.wait_for(|stop| *stop).await;
        return;
    };
    let mut election = Election::new(&shared, &lock);
    while let Some(writer) = election.win(&mut stop).await {
        let ended = term(&shared, writer, &mut election, stop.clone()).await;
        shared.pool.close();
        election.end_term().await;
        let Err(error) = ended else { return };
        shared.metrics.demoted(match &error {
            WriteError::Store(StoreError::Fenced { .. }) => Fenced::Yes,
            _ => Fenced::No,
        });
        if is_final(&error) {
            tracing::error!(%error, "the log is read-only");
            shared
                .status
                .send_replace(Status::ReadOnly(error.to_string()));
            return;
        }
        tracing::error!(%error, "the term ended; reading the log back");
        shared.status.send_replace(Status::Starting);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Before the first term: a replica with other keys never takes over, and one that does was
/// already answering readers.
async fn prepare(shared: &Arc<Shared>) -> Result<(), WriteError> {
    loop {
        let published = async {
            identity(shared).await?;
            let row = shared.source.store.published_checkpoint().await?;
            show_published(shared, row).await
        };
        match published.await {
            Ok(_) => return Ok(()),
            Err(error) if is_final(&error) => return Err(error),
            Err(error) => tracing::error!(%error, "the log cannot be read; trying again"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One term: read back, write until told to stop or until a write fails.
async fn term(
    shared: &Arc<Shared>,
    mut writer: Writer,
    election: &mut Election<'_>,
    stop: watch::Receiver<bool>,
) -> Result<(), WriteError> {
    let term = writer.term();
    shared.metrics.term(term);
    shared.source.objects.probe().await?;
    let recovered = recover(shared, &mut writer).await?;
    tracing::info!(
        term,
        size = recovered.head.tree.size.get(),
        "the log is read back"
    );
    let timeout = shared.config.publication.auditor_timeout();
    let auditors = match &shared.policy {
        Some(policy) => Some(Auditors::new(policy, timeout)?.measured(Arc::clone(&shared.metrics))),
        None => None,
    };
    if let Some(auditors) = &auditors {
        not_restored(shared, auditors).await?;
    }
    let writer = Arc::new(Mutex::new(writer));
    let publisher = Publisher::new(
        Arc::clone(shared),
        Arc::clone(&writer),
        auditors,
        &recovered,
    );
    let removed = shared.source.objects.remove_leftovers().await?;
    if removed > 0 {
        tracing::info!(removed, "removed what an earlier writer left unfinished");
    }
    let collecting = Collecting::start(Arc::clone(shared), Arc::clone(&writer));
    let Recovered { replay, head, .. } = recovered;
    let sequencer = Sequencer::new(Arc::clone(shared), Arc::clone(&writer), replay, head);
    shared.pool.open();
    shared.status.send_replace(Status::Writing);
    let stop_publishing = watch::Sender::new(false);
    let mut sequencing = Ended(tokio::spawn(sequencer.run(stop)));
    let mut publishing = Ended(tokio::spawn(publisher.run(stop_publishing.subscribe())));
    let work = async {
        tokio::select! {
            ended = sequencing.wait() => match ended {
                Ok(()) => {
                    stop_publishing.send_replace(true);
                    publishing.wait().await
                }
                Err(error) => Err(error),
            },
            ended = publishing.wait() => ended,
        }
    };
    let ended = tokio::select! {
        ended = work => ended,
        error = live(shared, &writer, election) => Err(error.into()),
    };
    drop((sequencing, publishing));
    collecting.end().await;
    match &ended {
        Ok(()) => {
            if let Some(writer) = Arc::into_inner(writer) {
                writer.into_inner().release().await?;
            }
        }
        Err(WriteError::Objects(conflict @ ObjectError::Conflict { .. })) => {
            writer.lock().await.freeze(&conflict.to_string()).await?;
        }
        Err(_) => {}
    }
    ended
}

/// Shows that the writer lives, until that fails.
async fn live(shared: &Shared, writer: &Mutex<Writer>, election: &mut Election<'_>) -> StoreError {
    if !shared.source.store.is_shared() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(shared.config.replica.beat()).await;
        if let Err(error) = writer.lock().await.beat().await {
            return error;
        }
        if let Err(error) = election.keep_lock().await {
            return error;
        }
    }
}

/// A task that ends with what waits for it.
struct Ended<T>(JoinHandle<T>);

impl Ended<Result<(), WriteError>> {
    async fn wait(&mut self) -> Result<(), WriteError> {
        match (&mut self.0).await {
            Ok(ended) => ended,
            // It was aborted, or it panicked: its state is as unknown as after a failed write.
            Err(_) => Err(WriteError::Objects(ObjectError::Cancelled)),
        }
    }
}

impl<T> Drop for Ended<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
