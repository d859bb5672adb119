//! What the parts of one running log share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;
use plainsight_specs::policy::Policy;
use tokio::sync::watch;

use crate::config::Config;
use crate::forward::Forwarder;
use crate::pool::Pool;
use crate::signer::Keys;
use crate::source::LogSource;
use crate::store::CheckpointRow;
use crate::token::Tokens;
use crate::view::View;

/// One running log.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) origin: Origin,
    pub(crate) vkey: VerifierKey,
    pub(crate) keys: Keys,
    pub(crate) policy: Option<Policy>,
    pub(crate) source: LogSource,
    pub(crate) pool: Pool,
    pub(crate) tokens: Tokens,
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
    /// Nothing is written, for this reason, until a person has looked.
    ReadOnly(String),
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
            config,
            origin,
            keys,
            policy,
            source,
            pool,
            tokens: Tokens::new(),
            view: View::default(),
            published: watch::Sender::new(TreeSize::ZERO),
            showing: tokio::sync::Mutex::default(),
            newest: watch::Sender::new(None),
            forwarder,
            local_addr,
            epoch: watch::Sender::new(None),
            signed: AtomicU64::new(0),
            sequenced: AtomicU64::new(0),
            status: watch::Sender::new(Status::Starting),
        }
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

    pub(crate) fn signed_size(&self) -> u64 {
        self.signed.load(Ordering::Acquire)
    }

    pub(crate) fn set_signed(&self, size: TreeSize) {
        self.signed.fetch_max(size.get(), Ordering::AcqRel);
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
