//! What the parts of one running log share.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use plainsight_specs::checkpoint::{Origin, SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::hash::Hash;
use plainsight_specs::index::IndexKey;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;
use plainsight_specs::policy::Policy;
use plainsight_specs::vrf;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::{Config, Limits};
use crate::directory::Prover;
use crate::forward::Forwarder;
use crate::keep::InFlight;
use crate::limit::Buckets;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::proofs::Proofs;
use crate::recovery::WriteError;
use crate::signer::Keys;
use crate::source::LogSource;
use crate::store::{CheckpointRow, StoreError};
use crate::token::Tokens;
use crate::view::View;
use crate::warm::Warm;

/// One running log.
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// What the log's own time is taken from.
    pub(crate) clock: Clock,
    pub(crate) origin: Origin,
    pub(crate) vkey: VerifierKey,
    pub(crate) keys: Keys,
    proofs: Proofs,
    /// Look-ups that were answered a moment ago.
    pub(crate) warm: Warm,
    pub(crate) policy: Option<Policy>,
    pub(crate) source: LogSource,
    pub(crate) pool: Pool,
    pub(crate) tokens: Tokens,
    /// Shared with whoever asks auditors.
    pub(crate) metrics: Arc<Metrics>,
    /// What addresses have asked.
    pub(crate) lookups: Buckets<IpAddr>,
    /// What tokens have published.
    pub(crate) publishers: Buckets<Hash>,
    /// Idempotency keys of requests that are being answered.
    pub(crate) in_flight: Arc<InFlight>,
    /// A permit a byte of the bodies that are on their way.
    pub(crate) arriving: tokio::sync::Semaphore,
    /// Whether nothing more is taken, since the server stops.
    stopping: AtomicBool,
    /// The limits in force, which may be read anew while the log runs.
    limits: RwLock<Arc<Limits>>,
    /// What readers are answered from: the log as of the newest published head.
    pub(crate) view: View,
    /// The size of that head.
    pub(crate) published: watch::Sender<TreeSize>,
    /// Held while the view is moved on.
    pub(crate) showing: tokio::sync::Mutex<()>,
    /// The newest checkpoint that was published, here or at another replica.
    pub(crate) newest: watch::Sender<Option<CheckpointRow>>,
    /// Sends publish requests on to the writer.
    pub(crate) forwarder: Forwarder,
    /// Where this replica listens.
    local_addr: SocketAddr,
    /// The newest sequenced head that ends at an epoch: what may be signed next.
    pub(crate) epoch: watch::Sender<Option<TreeHead>>,
    /// The largest size that was signed: what auditors may read.
    signed: AtomicU64,
    /// When the database was last asked for it.
    asked_signed: tokio::sync::Mutex<Option<Instant>>,
    /// The size that is sequenced.
    sequenced: AtomicU64,
    pub(crate) status: watch::Sender<Status>,
}

/// Whether the log can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// The database and the objects are being read.
    Starting,
    /// Entries are sequenced and published here.
    Writing,
    /// The replica at this URL writes; empty while that is being decided.
    Following(String),
    /// This replica never writes, by its configuration.
    Reading,
    /// Nothing is written, for this reason, until a person has looked.
    ReadOnly(String),
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Prover for Shared {
    fn prove(&self, label: &Label, version: Version) -> (vrf::Proof, IndexKey) {
        self.proofs.prove(&self.keys.vrf, label, version)
    }
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        origin: Origin,
        keys: Keys,
        policy: Option<Policy>,
        source: LogSource,
        forwarder: Forwarder,
        local_addr: SocketAddr,
    ) -> Self {
        let pool = Pool::new(config.limits.pending_entries, config.limits.pending_bytes);
        Self {
            vkey: keys.signer.verifier_key(),
            in_flight: Arc::default(),
            arriving: tokio::sync::Semaphore::new(config.limits.body_bytes),
            limits: RwLock::new(Arc::new(config.limits.clone())),
            config,
            clock: Clock::system(),
            origin,
            keys,
            proofs: Proofs::new(),
            warm: Warm::new(),
            policy,
            source,
            pool,
            tokens: Tokens::new(),
            metrics: Arc::default(),
            stopping: AtomicBool::new(false),
            lookups: Buckets::new(),
            publishers: Buckets::new(),
            view: View::default(),
            published: watch::Sender::new(TreeSize::ZERO),
            showing: tokio::sync::Mutex::default(),
            newest: watch::Sender::new(None),
            forwarder,
            local_addr,
            epoch: watch::Sender::new(None),
            signed: AtomicU64::new(0),
            asked_signed: tokio::sync::Mutex::default(),
            sequenced: AtomicU64::new(0),
            status: watch::Sender::new(Status::Starting),
        }
    }

    /// The same by another clock.
    pub(crate) fn told_by(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// A note that was signed and stored, verified again.
    pub(crate) fn signed(&self, row: &CheckpointRow) -> Result<SignedCheckpoint, WriteError> {
        let signed = UnverifiedCheckpoint::parse(&row.note)
            .and_then(|note| note.verify_log(std::slice::from_ref(&self.vkey)));
        let why = "a stored note does not verify with the log's key";
        signed.map_err(|_| WriteError::Refused(why.into()))
    }

    /// Where the other replicas reach this one.
    pub(crate) fn address(&self) -> String {
        let advertised = self.config.replica.advertise.clone();
        advertised.unwrap_or_else(|| format!("http://{}", self.local_addr))
    }

    /// Lets a published checkpoint be shown, if it is newer than what is.
    pub(crate) fn show(&self, row: Option<CheckpointRow>) {
        self.newest.send_if_modified(|newest| {
            let size = |row: &Option<CheckpointRow>| row.as_ref().map(|row| row.tree.size);
            let is_newer = size(&row) > size(newest);
            if is_newer {
                *newest = row;
            }
            is_newer
        });
    }

    /// The limits in force. Those of the pool and of connections are fixed at the start.
    pub(crate) fn limits(&self) -> Arc<Limits> {
        let limits = self.limits.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&limits)
    }

    /// Puts other limits in force.
    pub(crate) fn set_limits(&self, limits: Limits) {
        let mut held = self.limits.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(limits);
    }

    /// Why requests should be sent elsewhere, if they should.
    pub(crate) fn unready(&self) -> Option<String> {
        if self.is_stopping() {
            return Some("stopping".into());
        }
        match &*self.status.borrow() {
            Status::Starting => Some("starting".into()),
            Status::ReadOnly(why) => Some(format!("read-only: {why}")),
            _ if *self.published.borrow() == TreeSize::ZERO => Some("nothing is published".into()),
            Status::Following(holder) if holder.is_empty() => Some("no replica writes".into()),
            Status::Writing | Status::Following(_) | Status::Reading => None,
        }
    }

    /// Takes nothing more; what was taken is still sequenced and published.
    pub(crate) fn stop_intake(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn sequenced_size(&self) -> u64 {
        self.sequenced.load(Ordering::Acquire)
    }

    pub(crate) fn signed_size(&self) -> u64 {
        self.signed.load(Ordering::Acquire)
    }

    pub(crate) fn set_signed(&self, size: TreeSize) {
        self.signed.fetch_max(size.get(), Ordering::AcqRel);
    }

    /// Whether another process may sign and publish this log.
    pub(crate) fn others_publish(&self) -> bool {
        self.config.replica.read_only || self.source.store.is_shared()
    }

    /// Asks the database for the largest size that any replica has signed. Of those that ask at the
    /// same time one does it for all, so that it is asked one question at a time.
    pub(crate) async fn learn_signed(&self) -> Result<(), StoreError> {
        if !self.others_publish() {
            return Ok(());
        }
        let arrived = Instant::now();
        let mut asked = self.asked_signed.lock().await;
        if asked.is_some_and(|at| at >= arrived) {
            return Ok(());
        }
        let now = Instant::now();
        if let Some(newest) = self.source.store.newest_checkpoint().await? {
            self.set_signed(newest.tree.size);
        }
        *asked = Some(now);
        Ok(())
    }

    pub(crate) fn set_sequenced(&self, size: TreeSize) {
        self.sequenced.store(size.get(), Ordering::Release);
    }

    /// How many entries are sequenced and not published.
    pub(crate) fn unpublished(&self) -> u64 {
        let sequenced = self.sequenced.load(Ordering::Acquire);
        sequenced.saturating_sub(self.published.borrow().get())
    }
}
