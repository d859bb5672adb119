//! A plain witness, beside the auditor: cosigns any log of C2SP tlog-checkpoint that is consistent
//! with what it saw before, and says nothing about its entries.
//!
//! It has a name, a key and addresses of its own, so that its cosignature is never taken for an
//! audited one. Its state is one signed note a log, swapped in the database before a signature
//! leaves. A log with an address is also read where it publishes: its heads are cosigned without
//! being asked, and a contradiction is resolved from its tiles. Out of scope: the HTTP side, which
//! is in `http`.

mod config;
mod hear;
mod look;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plainsight_client::http::Http;
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::{Cosignature, CosignatureError};
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::verify::verify_consistency;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::{SignatureLine, Signer, VerifierKey};
use tokio::sync::{Mutex, Semaphore};

use crate::alert::{Alert, Severity};
use crate::audit::{Answer, Memory};
use crate::clock::Clock;
use crate::clock::others::Others;
use crate::evidence::{AccuseError, Shelf};
use crate::high_water::{HighWater, Mark, Recalled};
use crate::store::{Store, StoreError, Witnessed};

pub use config::{PlainConfig, PlainLog, PlainLogConfig, WITNESS_KEY_FILE, init_witness};

/// Comparisons of one log's heads with its tiles at once.
const COMPARISONS: usize = 4;
/// The code of the alert that nobody remembers what was signed last.
pub(crate) const FORGOTTEN: &str = "witness-memory-lost";
/// The code of the alert that the database is older than what was signed.
pub(crate) const ROLLED_BACK: &str = "witness-rolled-back";
/// Why nothing of a log that broke is signed.
const CONTRADICTS: &str = "this log signed heads that contradict each other";

/// Why a plain witness cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum PlainError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signature could not be made.
    #[error("cannot cosign: {0}")]
    Sign(#[from] CosignatureError),
    /// The clock shows no time that can be signed.
    #[error("the clock is out of range")]
    Clock,
    /// Evidence that cannot be kept.
    #[error(transparent)]
    Accuse(#[from] AccuseError),
    /// The high-water file.
    #[error("what is signed last cannot be written outside the database: {0}")]
    HighWater(std::io::Error),
    /// A task of ours died.
    #[error("a task ended unexpectedly")]
    Task,
    /// A note in the database is not one that this witness could have kept.
    #[error("the head kept of {0} is damaged")]
    Damaged(String),
}

/// What the witness works with.
#[derive(Debug, Clone)]
pub struct Bench {
    /// The database.
    pub store: Store,
    /// The evidence files.
    pub shelf: Shelf,
    /// What was signed last, outside the database.
    pub water: HighWater,
    /// The witness's own key.
    pub signer: Arc<Signer>,
    /// The way out.
    pub http: Http,
    /// The time.
    pub clock: Clock,
    /// The clocks of others.
    pub others: Others,
    /// How often logs with an address are read.
    pub poll: Duration,
}

/// A running plain witness. Clones are the same.
#[derive(Debug, Clone)]
pub struct Plain {
    bench: Bench,
    logs: Arc<BTreeMap<String, Desk>>,
}

/// One log.
#[derive(Debug)]
struct Desk {
    log: PlainLog,
    source: Option<Source>,
    /// One change at a time, and whether the log's own copy was looked at since the start.
    turn: Mutex<Looked>,
    /// Few comparisons at a time: whoever asks can have one made, from heads that the log signed.
    comparing: Semaphore,
}

/// Whether the published checkpoint was seen since the start, which may bear a signature that a
/// restored database does not know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    No,
    Yes,
    /// What it signed last is known to the database alone, or cannot be read.
    Forgotten(Memory),
}

impl Plain {
    /// Opens the state of all logs.
    pub async fn open(bench: Bench, logs: &[PlainLog]) -> Result<Self, PlainError> {
        let mut desks = BTreeMap::new();
        for log in logs {
            bench.store.add_witnessed(log.origin.as_str()).await?;
            let source = log.url.clone();
            let source = source.map(|url| Source::new(bench.http.clone(), url));
            let desk = Desk {
                log: log.clone(),
                source,
                turn: Mutex::new(Looked::No),
                comparing: Semaphore::new(COMPARISONS),
            };
            let looked = hold_against_high_water(&bench, log).await?;
            // A log with an address is looked at there too, before anything is signed.
            if matches!(looked, Looked::Forgotten(_)) || desk.source.is_none() {
                *desk.turn.lock().await = looked;
            }
            desks.insert(log.origin.to_string(), desk);
        }
        Ok(Self {
            bench,
            logs: Arc::new(desks),
        })
    }

    /// The origins of the logs that have an address to be read at.
    pub(crate) fn read_logs(&self) -> Vec<String> {
        let with_address = self.logs.values().filter(|desk| desk.source.is_some());
        with_address
            .map(|desk| desk.log.origin.to_string())
            .collect()
    }

    /// The key that its cosignatures verify with.
    pub fn verifier_key(&self) -> VerifierKey {
        self.bench.signer.verifier_key()
    }

    /// The log of this origin.
    pub fn log(&self, origin: &str) -> Option<&PlainLog> {
        self.logs.get(origin).map(|desk| &desk.log)
    }

    /// All logs.
    pub fn logs(&self) -> impl Iterator<Item = &PlainLog> {
        self.logs.values().map(|desk| &desk.log)
    }

    /// What is kept of a log.
    pub async fn kept(&self, log: &PlainLog) -> Result<Witnessed, StoreError> {
        self.bench.store.witnessed(log.origin.as_str()).await
    }

    /// C2SP `add-checkpoint`, the log's signature verified.
    pub async fn add(
        &self,
        old: TreeSize,
        proof: &[Hash],
        checkpoint: &SignedCheckpoint,
    ) -> Result<Result<SignatureLine, Answer>, PlainError> {
        let Some(desk) = self.logs.get(checkpoint.origin().as_str()) else {
            return Ok(Err(Answer::Later("this log is not witnessed here")));
        };
        self.look_at_own_clock().await;
        let looked = desk.turn.lock().await;
        let kept = self.kept(&desk.log).await?;
        let mut decided = may_sign(&kept, *looked)
            .and_then(|()| self.may_date())
            .and_then(|()| decide(&kept.head, old, proof, &checkpoint.head()));
        if decided.is_ok() && self.is_on_hold(desk).await? {
            // SPEC(WIT-13)
            decided = Err(Answer::Later(
                "this log signs heads that it does not show; no more of them can be kept here",
            ));
        }
        // Even one that may be signed may contradict a head that the log showed to somebody before.
        if self.contradicts(desk, &kept, checkpoint).await? && decided.is_ok() {
            decided = Err(Answer::Unfit(CONTRADICTS));
        }
        if let Err(answer) = decided {
            self.keep(desk, &kept, checkpoint).await?;
            // Requests go on meanwhile: finding out may need the log's tiles.
            drop(looked);
            if matches!(answer, Answer::BadProof(_) | Answer::OtherSize(_)) {
                let (plain, origin) = (self.clone(), desk.log.origin.to_string());
                let checkpoint = checkpoint.clone();
                tokio::spawn(async move { plain.hold_beside(&origin, &kept, &checkpoint).await });
            }
            return Ok(Err(answer));
        }
        let line = self.sign(&kept, checkpoint).await?;
        if desk.source.is_none() {
            // Nobody can tell any more how heads fit that are not larger.
            let (origin, size) = (desk.log.origin.as_str(), checkpoint.head().size);
            self.bench
                .store
                .forget_witnessed_heads(origin, size)
                .await?;
        }
        Ok(Ok(line))
    }

    /// Whether the own clock may be signed with.
    fn may_date(&self) -> Result<(), Answer> {
        // SPEC(WIT-18)
        if self.bench.others.is_off() {
            return Err(Answer::Later(
                "this witness's own clock is wrong; its operator was told",
            ));
        }
        Ok(())
    }

    /// Asks again whether it may, if the clock was set meanwhile.
    async fn look_at_own_clock(&self) {
        if self.bench.others.has_jumped() {
            self.bench.others.look().await;
        }
    }

    async fn hold_beside(&self, origin: &str, kept: &Witnessed, checkpoint: &SignedCheckpoint) {
        let Some(desk) = self.logs.get(origin) else {
            return;
        };
        if let Err(error) = self.hold_against(desk, kept, checkpoint).await {
            tracing::error!(log = origin, %error, "a comparison failed");
        }
    }

    /// Signs and stores, in this order; the signature is given out only if what was read still
    /// was there. The caller holds the log's turn.
    async fn sign(
        &self,
        kept: &Witnessed,
        checkpoint: &SignedCheckpoint,
    ) -> Result<SignatureLine, PlainError> {
        let bench = &self.bench;
        let time = bench.clock.now().ok_or(PlainError::Clock)?;
        let line = Cosignature::sign(checkpoint, &bench.signer, time)?.line;
        let note = checkpoint.to_bytes_with(std::slice::from_ref(&line));
        let origin = checkpoint.origin().as_str();
        bench
            .store
            .swap_witnessed(origin, kept.head, checkpoint.head(), &note, time.seconds())
            .await?;
        // SPEC(WIT-14)
        let (water, name) = (bench.water.clone(), checkpoint.origin().clone());
        tokio::task::spawn_blocking(move || water.write(&name, &note))
            .await
            .map_err(|_| PlainError::Task)?
            .map_err(PlainError::HighWater)?;
        tracing::info!(
            log = origin,
            size = checkpoint.head().size.get(),
            "witnessed"
        );
        Ok(line)
    }
}

impl Desk {
    /// The head that was cosigned last, verified again.
    fn known(&self, kept: &Witnessed) -> Result<Option<SignedCheckpoint>, PlainError> {
        let Some(note) = &kept.note else {
            return Ok(None);
        };
        let signed = UnverifiedCheckpoint::parse(note)
            .and_then(|note| note.verify_log_of(&self.log.origin, &self.log.keys));
        match signed {
            Ok(signed) if signed.head() == kept.head => Ok(Some(signed)),
            _ => Err(PlainError::Damaged(self.log.origin.to_string())),
        }
    }
}

/// Looks, before anything is signed, whether the database is older than what was signed.
async fn hold_against_high_water(bench: &Bench, log: &PlainLog) -> Result<Looked, PlainError> {
    let origin = log.origin.as_str();
    let kept = bench.store.witnessed(origin).await?;
    let time = bench.clock.now_s();
    let mark = (bench.water).read(&log.origin, &log.keys, &bench.signer.verifier_key());
    let is_new = matches!(mark, Mark::None) && kept.head.size == TreeSize::ZERO;
    match mark.recall(kept.head) {
        Recalled::As(Memory::Fits) => {
            if is_new {
                // From now on a folder without this file has lost it.
                bench
                    .water
                    .write(&log.origin, &[])
                    .map_err(PlainError::HighWater)?;
            }
            bench.store.resolve_own(FORGOTTEN, origin, time).await?;
            Ok(Looked::Yes)
        }
        Recalled::Ahead(signed) => {
            if !kept.rolled_back {
                let alert = look::rolled_back(origin, signed.head().size, kept.head.size);
                bench
                    .store
                    .roll_back_witnessed(origin, &alert, time)
                    .await?;
            }
            Ok(Looked::Yes)
        }
        Recalled::As(memory) => {
            let why = match memory {
                Memory::Unreadable => "cannot be read",
                Memory::Missing | Memory::Fits => "is missing, or a copy",
            };
            let alert = Alert {
                severity: Severity::Own,
                code: FORGOTTEN,
                subject: origin.into(),
                text: format!(
                    "the file in the folder high-water that says what the plain witness signed last of \
                     {origin} {why}, so nobody knows whether the database is an old copy. It signs \
                     nothing for this log. Put the newest copy of the database, or the file itself, \
                     back; if the database is known to be the newest, `plainsight-auditor resume --log \
                     {origin} --reason TEXT` and start again"
                ),
            };
            bench.store.raise(None, &alert, time).await?;
            Ok(Looked::Forgotten(memory))
        }
    }
}

/// Whether anything of a log may be signed.
fn may_sign(kept: &Witnessed, looked: Looked) -> Result<(), Answer> {
    if kept.broken.is_some() {
        return Err(Answer::Unfit(CONTRADICTS));
    }
    if kept.rolled_back {
        return Err(Answer::Later(
            "this witness's state is older than its own cosignatures",
        ));
    }
    match looked {
        Looked::Yes => Ok(()),
        Looked::No => Err(Answer::Later("not yet compared with the log")),
        Looked::Forgotten(_) => Err(Answer::Later(
            "nobody remembers what this witness signed last; its operator was told",
        )),
    }
}

/// C2SP tlog-witness, in the order of its text. Pure.
fn decide(signed: &TreeHead, old: TreeSize, proof: &[Hash], head: &TreeHead) -> Result<(), Answer> {
    if old > head.size {
        return Err(Answer::Malformed("the old size is above the checkpoint's"));
    }
    if old != signed.size {
        return Err(Answer::OtherSize(signed.size));
    }
    verify_consistency(signed, head, proof).map_err(|error| Answer::BadProof(error.to_string()))
}

#[cfg(test)]
mod tests {
    use plainsight_specs::hash::{empty_root, sha256};

    use super::*;

    fn head(size: u64, root: &[u8]) -> TreeHead {
        TreeHead {
            size: TreeSize::new(size).unwrap(),
            root: sha256(root),
        }
    }

    #[test]
    fn decides_in_the_order_of_the_text() {
        let none = TreeHead {
            size: TreeSize::ZERO,
            root: empty_root(),
        };
        let size = |size| TreeSize::new(size).unwrap();
        let (five, other) = (head(5, b"five"), head(5, b"other"));
        assert_eq!(decide(&none, size(0), &[], &five), Ok(()));
        assert_eq!(decide(&five, size(5), &[], &five), Ok(()));
        assert!(matches!(
            decide(&five, size(6), &[], &five),
            Err(Answer::Malformed(_))
        ));
        assert_eq!(
            decide(&five, size(0), &[], &head(9, b"nine")),
            Err(Answer::OtherSize(size(5)))
        );
        for (signed, old, proof, shown) in [
            (&five, 5, vec![], &other),
            (&five, 5, vec![sha256(b"x")], &five),
            (&none, 0, vec![sha256(b"x")], &five),
            (&five, 5, vec![sha256(b"x")], &head(9, b"nine")),
        ] {
            assert!(matches!(
                decide(signed, size(old), &proof, shown),
                Err(Answer::BadProof(_))
            ));
        }
    }
}
