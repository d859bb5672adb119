//! Watches: an owner registers indexes that mean nothing to this auditor, and asks now and then what
//! became of them. Chapter [`plainsight_specs::watch`].
//!
//! Everything that is said is signed by a key of its own, and is about entries that were looked
//! through up to a head that this auditor has cosigned. Nothing is kept of who asks. Out of scope:
//! telling an owner unasked; it comes and asks, and takes silence for an alarm. What was not announced
//! is an alert to the operator too, who knows no owner and may know whom to tell.

mod limits;

use std::sync::Arc;
use std::time::Duration;

use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::hash::sha256;
use plainsight_specs::index::SearchResult;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::{NoteError, Signer};
use plainsight_specs::time::Timestamp;
use plainsight_specs::watch::{
    Announcement, Bucket, Inserted, MAX_INSERTIONS, RegisterAnswer, RegisterRequest, Registered,
    Report, ReportAnswer, WatchToken, watch_id,
};
use tokio::sync::watch;

pub use limits::{Limits, MAX_ADDRESSES};

use crate::clock;
use crate::config::WatchConfig;
use crate::desk::Handle;
use crate::store::{Announced, KeptWatch, LogId, NewWatch, Store, StoreError};

/// How often the entries that came are looked through, whether anybody asks or not.
const LOOK: Duration = Duration::from_secs(2);
/// How often watches that expired are forgotten.
const SWEEP: u32 = 1800;
/// Entries that one answer of the feed covers, unless the bucket has 16 bits.
const FEED_RANGE: u64 = 1 << 16;

/// Why a watch is not taken or not answered.
#[derive(Debug, thiserror::Error)]
pub enum WatchRefusal {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A note could not be made.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not here, or not now.
    #[error("{0}")]
    Later(&'static str),
    /// No watch has this token.
    #[error("no watch has this token: it was cancelled, has expired, or was never here")]
    Unknown,
    /// The index announced is not watched.
    #[error("this watch has no such index")]
    NotWatched,
    /// The index announced was inserted already.
    #[error("this index was inserted already")]
    Late,
    /// This auditor does not do it.
    #[error("{0}")]
    Off(&'static str),
}

/// The watches of a node.
#[derive(Debug, Clone)]
pub struct Watches {
    /// The database.
    pub store: Store,
    /// The watch key.
    pub signer: Arc<Signer>,
    /// What is taken.
    pub config: WatchConfig,
    /// Who registers how often.
    pub limits: Arc<Limits>,
}

impl Watches {
    /// Registers what `answer`, an index proof at the head cosigned last, shows absent.
    pub async fn register(
        &self,
        log: LogId,
        request: &RegisterRequest,
        mut answer: RegisterAnswer,
    ) -> Result<RegisterAnswer, WatchRefusal> {
        let is_present = |result: &SearchResult| matches!(result, SearchResult::Inclusion { .. });
        if answer.index.results().iter().any(is_present) {
            return Ok(answer);
        }
        let head = UnverifiedCheckpoint::parse(&answer.head.checkpoint)
            .map_err(|_| WatchRefusal::Later("nothing of this log is cosigned yet"))?
            .head();
        let mut bytes = [0u8; WatchToken::LEN];
        getrandom::fill(&mut bytes).map_err(|_| WatchRefusal::Later("no randomness"))?;
        let token = WatchToken::from_bytes(bytes);
        let name = watch_id(&request.origin, &request.indexes, &token);
        let expires = self.expires();
        let new = NewWatch {
            log,
            token: sha256(token.as_bytes()),
            name,
            indexes: request.indexes.as_slice(),
            since: head.size.get(),
            expires,
            now: clock::now_s(),
            total: self.config.total,
        };
        // SPEC(WATCH-14)
        if !self.store.add_watch(&new).await? {
            return Err(WatchRefusal::Later("too many watches are kept here"));
        }
        let report = Report {
            origin: request.origin.clone(),
            head,
            id: name,
            time: now()?,
            hits: Vec::new(),
        };
        answer.registered = Some(Registered {
            token,
            report: ReportAnswer {
                note: report.sign(&self.signer)?,
                expires: timestamp(expires)?,
            },
        });
        Ok(answer)
    }

    /// The watch with this token.
    pub async fn find(&self, token: &WatchToken) -> Result<KeptWatch, WatchRefusal> {
        let found = self
            .store
            .watch(&sha256(token.as_bytes()), clock::now_s())
            .await?;
        found.ok_or(WatchRefusal::Unknown)
    }

    /// The newest report on a watch, whose expiry is put off.
    pub async fn report(
        &self,
        watch: &KeptWatch,
        desk: &Handle,
    ) -> Result<ReportAnswer, WatchRefusal> {
        let head = self.looked_through(desk).await?;
        let hits = self.store.hits(watch, head.size.get()).await?;
        let expires = self.expires().max(watch.expires);
        self.store.renew_watch(watch, expires).await?;
        let report = Report {
            origin: desk.log.origin.clone(),
            head,
            id: watch.name,
            time: now()?,
            hits,
        };
        Ok(ReportAnswer {
            note: report.sign(&self.signer)?,
            expires: timestamp(expires)?,
        })
    }

    /// Keeps an announcement.
    pub async fn announce(
        &self,
        watch: &KeptWatch,
        announcement: &Announcement,
    ) -> Result<(), WatchRefusal> {
        let kept = self
            .store
            .announce(watch, &announcement.index, &announcement.commitment)
            .await?;
        match kept {
            Announced::Kept => Ok(()),
            Announced::NotWatched => Err(WatchRefusal::NotWatched),
            Announced::Late => Err(WatchRefusal::Late),
        }
    }

    /// What was inserted in a bucket from `since` on.
    pub async fn inserted(
        &self,
        desk: &Handle,
        bucket: Bucket,
        since: TreeSize,
    ) -> Result<Vec<u8>, WatchRefusal> {
        if !self.config.bucket_feed {
            return Err(WatchRefusal::Off("this auditor serves no feed of buckets"));
        }
        let head = self.cosigned(desk).await?;
        let size = head.size.get();
        if since > head.size {
            return Err(WatchRefusal::Later(
                "this auditor has not cosigned that far yet",
            ));
        }
        let range = byte_range(&bucket);
        let end = if range[0] == range[1] {
            size
        } else {
            since.get().saturating_add(FEED_RANGE).min(size)
        };
        let mut insertions = self
            .store
            .inserted(desk.id, range, since.get()..end, MAX_INSERTIONS + 1)
            .await?;
        // SPEC(WATCH-15)
        let through = match insertions.get(MAX_INSERTIONS) {
            Some(next) => next.position.get(),
            None => end,
        };
        insertions.truncate(MAX_INSERTIONS);
        let inserted = Inserted {
            origin: desk.log.origin.clone(),
            head,
            bucket,
            since,
            through: TreeSize::new(through).unwrap_or(head.size),
            time: now()?,
            insertions,
        };
        Ok(inserted.sign(&self.signer)?)
    }

    /// The head cosigned last, whose entries are looked through to the end.
    async fn looked_through(&self, desk: &Handle) -> Result<TreeHead, WatchRefusal> {
        // SPEC(WATCH-7)
        let head = self.cosigned(desk).await?;
        let now = clock::now_s();
        self.store.scan(desk.id, head.size.get(), now).await?;
        Ok(head)
    }

    async fn cosigned(&self, desk: &Handle) -> Result<TreeHead, WatchRefusal> {
        let row = self.store.log(&desk.log.origin, &desk.log.keys).await?;
        if row.signed.size == TreeSize::ZERO {
            return Err(WatchRefusal::Later("nothing of this log is cosigned yet"));
        }
        Ok(row.signed)
    }

    fn expires(&self) -> u64 {
        let days = u64::from(self.config.days);
        clock::now_s().saturating_add(days * 86_400)
    }

    /// Looks through what comes, and forgets what expired, until `stop` says so.
    pub(crate) async fn work(self, desks: Vec<Handle>, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut turn = 0u32;
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                _ = tick.tick() => {}
            }
            if let Err(error) = self.once(&desks, turn).await {
                tracing::error!(%error, "watches cannot be looked after");
            }
            turn = turn.wrapping_add(1);
        }
    }

    async fn once(&self, desks: &[Handle], turn: u32) -> Result<(), StoreError> {
        for desk in desks {
            let signed = desk.status.borrow().signed.size.get();
            self.store.scan(desk.id, signed, clock::now_s()).await?;
        }
        if turn.is_multiple_of(SWEEP) {
            while self.store.forget_expired(clock::now_s()).await? > 0 {}
        }
        Ok(())
    }
}

/// The first two bytes of the indexes in a bucket, from and to.
fn byte_range(bucket: &Bucket) -> [[u8; 2]; 2] {
    ['0', 'f'].map(|fill| {
        let text: String = bucket.as_str().chars().chain([fill; 4]).take(4).collect();
        u16::from_str_radix(&text, 16)
            .unwrap_or_default()
            .to_be_bytes()
    })
}

fn now() -> Result<Timestamp, WatchRefusal> {
    crate::clock::Clock::system()
        .now()
        .ok_or(WatchRefusal::Later("the clock is out of range"))
}

fn timestamp(seconds: u64) -> Result<Timestamp, WatchRefusal> {
    Timestamp::from_seconds(seconds).ok_or(WatchRefusal::Later("the clock is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_range_of_first_bytes() {
        let range = |text: &str| byte_range(&Bucket::parse(text).unwrap());
        assert_eq!(range("7"), [[0x70, 0x00], [0x7f, 0xff]]);
        assert_eq!(range("01"), [[0x01, 0x00], [0x01, 0xff]]);
        assert_eq!(range("0a0"), [[0x0a, 0x00], [0x0a, 0x0f]]);
        assert_eq!(range("1234"), [[0x12, 0x34], [0x12, 0x34]]);
    }
}
