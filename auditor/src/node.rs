//! A running auditor: the desks and the HTTP server, started and shut down together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use plainsight_client::http::{Http, HttpError, Patience};
use plainsight_specs::note::VerifierKey;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::desk::{self, Shared};
use crate::evidence::Shelf;
use crate::follow::Fatal;
use crate::http::{Limits, Site, router};
use crate::plain::{Bench, Plain};
use crate::progress::Progress;
use crate::store::{Store, StoreError};

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
    /// The key that its cosignatures verify with.
    pub verifier_key: VerifierKey,
    store: Store,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Node {
    /// Opens everything and begins to follow, to cosign and to answer.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, Clock::system(), Progress::default()).await
    }

    /// The same by another clock, and showing long work.
    pub async fn start_with(
        config: Config,
        clock: Clock,
        progress: Progress,
    ) -> Result<Self, StartError> {
        let signer = Arc::new(config.signer()?);
        let verifier_key = signer.verifier_key();
        let io = |what| move |source| StartError::Io { what, source };
        let shelf = Shelf::open(config.evidence()).map_err(io("the folder of evidence"))?;
        let store = Store::open(&config.database()).await?;
        let shared = Shared {
            store: store.clone(),
            shelf: shelf.clone(),
            signer,
            http: Http::new(Patience::default())?,
            clock,
            progress,
            peers: Arc::new(config.peers.clone()),
            peer_http: Http::new(Patience {
                answer: PEER_PATIENCE,
                attempts: 1,
                ..Patience::default()
            })?,
            poll: Duration::from_millis(config.poll_interval_ms),
        };
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(io("the address to listen at"))?;
        let local_addr = listener.local_addr().map_err(io("the socket"))?;
        let (stop, stopped) = watch::channel(false);
        let mut desks = BTreeMap::new();
        let mut tasks = Vec::new();
        for log in &config.logs {
            let opened = desk::open(shared.clone(), log.clone(), stopped.clone()).await;
            let (handle, task) = opened?;
            desks.insert(log.origin.to_string(), handle);
            tasks.push(task);
        }
        let plain = match &config.witness {
            None => None,
            Some(witness) => {
                let bench = Bench {
                    store: store.clone(),
                    shelf: shelf.clone(),
                    signer: Arc::new(config.witness_signer(witness)?),
                    http: shared.http.clone(),
                    clock: shared.clock.clone(),
                    poll: shared.poll,
                };
                let (plain, looks) = Plain::open(bench, &witness.logs, &stopped).await?;
                tasks.extend(looks);
                Some(plain)
            }
        };
        let site = Site {
            desks: Arc::new(desks),
            store: store.clone(),
            shelf,
            limits: Limits::new(config.limits),
            plain,
            vkey: verifier_key.to_string(),
            organisation: config.identity.organisation,
            jurisdiction: config.identity.jurisdiction,
        };
        let mut server_stop = stopped;
        tasks.push(tokio::spawn(async move {
            let service = router(site).into_make_service_with_connect_info::<SocketAddr>();
            let served = axum::serve(listener, service).with_graceful_shutdown(async move {
                // An error means that the node is gone.
                let _ = server_stop.wait_for(|stop| *stop).await;
            });
            if let Err(error) = served.await {
                tracing::error!(%error, "the HTTP server ended");
            }
        }));
        Ok(Self {
            local_addr,
            verifier_key,
            store,
            stop,
            tasks,
        })
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
        self.store.close().await;
    }
}
