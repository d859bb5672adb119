//! Results of rebuilds: taken from rebuilders that the operator has listed, served to whoever asks, and
//! exchanged with the other auditors. Chapter [`plainsight_specs::rebuild`].
//!
//! An auditor carries results and judges none: a mismatch about a file that a followed log has
//! released is told as a policy alert, and is nobody's evidence. Out of scope: whose results count,
//! which is each reader's own.

mod exchange;
mod mismatch;

use std::sync::Arc;
use std::time::Duration;

use plainsight_client::http::Http;
use plainsight_specs::ed25519::PublicKey;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::rebuild::{
    MAX_LISTED, RebuildClaim, RebuildError, RebuildList, UnverifiedRebuild,
};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::Rebuilder;
use crate::desk::Handle;
use crate::peers::Peer;
use crate::store::{KeptResult, PlacedResult, Store, StoreError};

/// Files that one rebuilder has results about, at most: some 160 MB at the longest, and seldom a tenth.
pub const MAX_FILES: u64 = 20_000;
/// How far ahead of the clock a result may be dated, in seconds.
const MAX_AHEAD_S: u64 = 86_400;

/// Why a result is not kept.
#[derive(Debug, thiserror::Error)]
pub enum RebuildRefusal {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is none, or nobody's who is listed here.
    #[error(transparent)]
    Result(#[from] RebuildError),
    /// It is dated ahead.
    #[error("its time is more than a day ahead of this auditor's clock")]
    Ahead,
    /// One that counts more is kept.
    #[error("a result of the same rebuilder that counts more is here already")]
    Outdated,
    /// The rebuilder has filled its share.
    #[error("results about {MAX_FILES} files are kept of this rebuilder, and no more")]
    TooMany,
}

/// The results that an auditor carries. Clones share them.
#[derive(Debug, Clone)]
pub struct Rebuilds {
    store: Store,
    rebuilders: Arc<Vec<Rebuilder>>,
    clock: Clock,
}

/// A result by somebody whom the operator has listed.
#[derive(Debug, Clone)]
pub(crate) struct NamedResult {
    /// Who it is called here.
    pub(crate) by: String,
    /// What it found.
    pub(crate) claim: RebuildClaim,
}

/// What the exchange with others needs.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The followed logs.
    pub(crate) desks: Vec<Handle>,
    /// The other auditors.
    pub(crate) peers: Arc<Vec<Peer>>,
    /// The way to them.
    pub(crate) http: Http,
    /// How often they are asked.
    pub(crate) every: Duration,
}

impl Rebuilds {
    /// Those of these rebuilders.
    pub fn new(store: Store, rebuilders: Vec<Rebuilder>, clock: Clock) -> Self {
        Self {
            store,
            rebuilders: Arc::new(rebuilders),
            clock,
        }
    }

    /// Takes a result by one or more of the rebuilders. One that is there already is no error.
    pub async fn take(&self, bytes: &[u8]) -> Result<(), RebuildRefusal> {
        let parsed = UnverifiedRebuild::parse(bytes)?;
        // SPEC(REB-8)
        if parsed.claim().time.seconds() > self.clock.now_s().saturating_add(MAX_AHEAD_S) {
            return Err(RebuildRefusal::Ahead);
        }
        // SPEC(REB-7)
        let keys: Vec<PublicKey> = self.rebuilders.iter().map(|one| one.key).collect();
        let verified = tokio::task::spawn_blocking(move || parsed.verify(&keys)).await;
        let rebuild = verified.unwrap_or(Err(RebuildError::Unknown))?;
        let (mut kept, mut worst) = (false, None);
        for key in rebuild.by() {
            let became = self
                .store
                .keep_rebuild(key, rebuild.claim(), bytes, MAX_FILES)
                .await?;
            match became {
                KeptResult::New | KeptResult::Known => kept = true,
                KeptResult::Outdated => worst = Some(RebuildRefusal::Outdated),
                KeptResult::TooMany => worst = Some(RebuildRefusal::TooMany),
            }
        }
        match worst.filter(|_| !kept) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }

    /// The results about a file.
    pub async fn of_file(&self, file: &Hash) -> Result<RebuildList, StoreError> {
        let mut results: Vec<Vec<u8>> = Vec::new();
        for placed in self.store.rebuilds_of(file).await? {
            // One that several signed stands there once for each.
            if self.is_listed(&placed) && !results.contains(&placed.body) {
                results.push(placed.body);
            }
        }
        results.truncate(MAX_LISTED);
        Ok(RebuildList {
            next: None,
            results,
        })
    }

    /// What each listed rebuilder found about any of these files, with its name here.
    pub(crate) async fn found(&self, files: &[Hash]) -> Result<Vec<NamedResult>, StoreError> {
        if files.is_empty() || self.rebuilders.is_empty() {
            return Ok(Vec::new());
        }
        let placed = self.store.rebuilds_of_any(files).await?;
        let named = placed.iter().filter_map(|placed| {
            let by = self.name_of(&placed.rebuilder)?.to_owned();
            // It was verified before it was kept.
            let parsed = UnverifiedRebuild::parse(&placed.body).ok()?;
            let claim = parsed.claim().clone();
            Some(NamedResult { by, claim })
        });
        Ok(named.collect())
    }

    /// How many rebuilders are listened to.
    pub(crate) fn listened_to(&self) -> usize {
        self.rebuilders.len()
    }

    /// The results from behind a place on.
    pub async fn after(&self, place: u64) -> Result<RebuildList, StoreError> {
        let limit = u32::try_from(MAX_LISTED).unwrap_or(u32::MAX);
        let placed = self.store.rebuilds_after(place, limit).await?;
        let next = match placed.last() {
            Some(last) => last.place,
            None => self.store.last_rebuild().await?,
        };
        let listed = placed.into_iter().filter(|placed| self.is_listed(placed));
        Ok(RebuildList {
            next: Some(next),
            results: listed.map(|placed| placed.body).collect(),
        })
    }

    /// Asks the others and looks for mismatches until `stop` says so.
    pub(crate) async fn work(self, around: Arc<Surroundings>, mut stop: watch::Receiver<bool>) {
        if self.rebuilders.is_empty() {
            return;
        }
        let mut tick = tokio::time::interval(around.every);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                _ = tick.tick() => {}
            }
            let round = async {
                self.ask_peers(&around).await;
                if let Err(error) = self.tell_mismatches(&around.desks).await {
                    tracing::error!(%error, "the results of rebuilds cannot be looked through");
                }
            };
            tokio::select! {
                _ = stop.changed() => return,
                () = round => {}
            }
        }
    }

    /// Whether a result is by somebody who is still listed.
    fn is_listed(&self, placed: &PlacedResult) -> bool {
        self.name_of(&placed.rebuilder).is_some()
    }

    fn name_of(&self, key: &[u8; 32]) -> Option<&str> {
        let mut rebuilders = self.rebuilders.iter();
        let found = rebuilders.find(|one| one.key.as_bytes() == key);
        found.map(|one| one.name.as_str())
    }

    /// Names the whole list of rebuilders.
    fn listed(&self) -> Hash {
        let mut keys: Vec<_> = self
            .rebuilders
            .iter()
            .map(|one| one.key.as_bytes())
            .collect();
        keys.sort_unstable();
        sha256(&keys.into_iter().flatten().copied().collect::<Vec<u8>>())
    }
}
