//! Which of the replicas writes.
//!
//! Every replica watches the lease. Its holder moves the beat with each write and a few times a
//! second in between; once the beat has stood still for long enough by the watcher's own clock, or
//! the holder has let go, a watcher takes over. Nothing that a replica believes about another is
//! trusted for safety: a holder that was only slow finds that its term is over with its next
//! write. Where the engine has advisory locks, whoever has the lock goes first, so that there is
//! no duel; a lock that a dead session keeps delays, and does not prevent, a take-over.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::shared::{Shared, Status};
use crate::store::{AdvisoryLock, Lease, StoreError, Writer, WriterLock};

/// The pause after a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// How much longer than the beat's time whoever does not have the lock waits.
const WITHOUT_LOCK: Duration = Duration::from_millis(500);

/// One replica's part in the election.
pub(crate) struct Election<'a> {
    shared: &'a Shared,
    lock: &'a WriterLock,
    session: Option<AdvisoryLock>,
    has_lock: bool,
    /// The lease as last seen, and since when it has not moved.
    seen: Option<(Lease, Instant)>,
}

impl<'a> Election<'a> {
    pub(crate) fn new(shared: &'a Shared, lock: &'a WriterLock) -> Self {
        Self {
            shared,
            lock,
            session: None,
            has_lock: false,
            seen: None,
        }
    }

    /// Waits until this replica is the writer; `None` if it was told to stop before.
    pub(crate) async fn win(&mut self, stop: &mut watch::Receiver<bool>) -> Option<Writer> {
        let poll = self.shared.config.replica.poll();
        loop {
            if *stop.borrow() {
                return None;
            }
            let pause = match self.try_to_win().await {
                Ok(Some(writer)) => return Some(writer),
                Ok(None) => jittered(poll),
                Err(error) => {
                    tracing::warn!(%error, "the lease is not known");
                    PAUSE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn try_to_win(&mut self) -> Result<Option<Writer>, StoreError> {
        let store = &self.shared.source.store;
        let lease = store.lease().await?;
        let now = Instant::now();
        let since = match &self.seen {
            Some((seen, since)) if *seen == lease => *since,
            _ => now,
        };
        self.seen = Some((lease.clone(), since));
        let stands_still = now.duration_since(since);
        let stale = self.shared.config.replica.stale();
        let holder = self.shared.address();
        // The lock on the file proves that no other process has the log open; and what this
        // replica held in an earlier term, no other holds.
        let is_free = !store.is_shared()
            || lease.holder.is_empty()
            || lease.holder == holder
            || stands_still >= stale;
        if !is_free {
            self.follow(&lease);
            return Ok(None);
        }
        if !self.take_lock().await && stands_still < stale + WITHOUT_LOCK {
            self.follow(&lease);
            return Ok(None);
        }
        let taken = store
            .take_over(self.lock, &lease, &holder, self.shared.clock.now_ms())
            .await?;
        if taken.is_some() {
            tracing::info!(term = lease.term + 1, "took over as the writer");
        }
        Ok(taken)
    }

    fn follow(&self, lease: &Lease) {
        let status = Status::Following(lease.holder.clone());
        self.shared.status.send_if_modified(|now| {
            let is_new = *now != status;
            *now = status;
            is_new
        });
    }

    /// Whether this replica has the advisory lock, or there is none to be had.
    async fn take_lock(&mut self) -> bool {
        if !self.shared.config.replica.advisory_lock {
            return true;
        }
        match self.try_lock().await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "the advisory lock cannot be taken");
                self.drop_lock();
                false
            }
        }
    }

    async fn try_lock(&mut self) -> Result<bool, StoreError> {
        if self.session.is_none() {
            let address = self.shared.source.store.address();
            let opened = AdvisoryLock::open(address, self.shared.origin.as_str()).await?;
            let Some(opened) = opened else {
                return Ok(true);
            };
            self.session = Some(opened);
        }
        if let (Some(session), false) = (&mut self.session, self.has_lock) {
            self.has_lock = session.try_take().await?;
        }
        Ok(self.has_lock)
    }

    fn drop_lock(&mut self) {
        self.session = None;
        self.has_lock = false;
    }

    /// Keeps the lock while this replica writes. An error means that it was lost.
    pub(crate) async fn keep_lock(&mut self) -> Result<(), StoreError> {
        if let (Some(session), true) = (&mut self.session, self.has_lock) {
            return session.check().await;
        }
        self.take_lock().await;
        Ok(())
    }

    /// Lets go of the lock after a term, so that another may have it.
    pub(crate) async fn end_term(&mut self) {
        self.has_lock = false;
        self.seen = None;
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }
}

/// Replicas that were started together do not ask together.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0];
    // Without randomness the pause is merely the same each time.
    let _ = getrandom::fill(&mut random);
    pause.mul_f64(0.75 + f64::from(random[0]) / 512.0)
}
