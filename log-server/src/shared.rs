//! What the parts of one running log share.

use std::sync::atomic::{AtomicU64, Ordering};

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;
use plainsight_specs::policy::Policy;
use plainsight_specs::rules::Replay;
use tokio::sync::{RwLock, watch};

use crate::config::Config;
use crate::directory::PublishedHead;
use crate::pool::Pool;
use crate::signer::Keys;
use crate::source::LogSource;
use crate::token::Tokens;

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
    /// What readers are answered from: the log as of the newest published head. Answers hold it
    /// for reading while they gather their parts, so that an answer is of one head.
    pub(crate) view: RwLock<Option<View>>,
    /// The size of that head.
    pub(crate) published: watch::Sender<TreeSize>,
    /// The newest sequenced head that ends at an epoch: what may be signed next.
    pub(crate) epoch: watch::Sender<Option<TreeHead>>,
    /// The largest size that was signed: what auditors may read.
    signed: AtomicU64,
    /// The size that is sequenced.
    sequenced: AtomicU64,
    pub(crate) status: watch::Sender<Status>,
}

/// The log at its newest published head.
pub(crate) struct View {
    pub(crate) replay: Replay,
    pub(crate) head: PublishedHead,
}

/// Whether the log can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// The database and the objects are being read.
    Starting,
    /// Entries are sequenced and published.
    Writing,
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
            view: RwLock::new(None),
            published: watch::Sender::new(TreeSize::ZERO),
            epoch: watch::Sender::new(None),
            signed: AtomicU64::new(0),
            sequenced: AtomicU64::new(0),
            status: watch::Sender::new(Status::Starting),
        }
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
