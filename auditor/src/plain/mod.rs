//! A plain witness, beside the auditor: cosigns any log of C2SP tlog-checkpoint that is consistent
//! with what it saw before, and says nothing about its entries.
//!
//! It has a name, a key and addresses of its own, so that its cosignature is never taken for an
//! audited one. Its state is one signed note a log, swapped in the database before a signature
//! leaves. A log with an address is also read where it publishes: its heads are cosigned without
//! being asked, and a contradiction is resolved from its tiles. Out of scope: the HTTP side, which
//! is in `http`.

mod config;
mod look;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plainsight_client::http::Http;
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::{Cosignature, CosignatureError};
use plainsight_specs::evidence::Evidence;
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::verify::verify_consistency;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::{SignatureLine, Signer, VerifierKey};
use tokio::sync::Mutex;

use crate::alert::{Alert, Severity};
use crate::audit::Answer;
use crate::clock::Clock;
use crate::evidence::{AccuseError, Shelf};
use crate::store::{Store, StoreError, Witnessed};

pub use config::{PlainConfig, PlainLog, PlainLogConfig, WITNESS_KEY_FILE, init_witness};

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
    /// The witness's own key.
    pub signer: Arc<Signer>,
    /// The way out.
    pub http: Http,
    /// The time.
    pub clock: Clock,
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
    /// One comparison at a time: whoever asks can have one made, from heads that the log signed.
    comparing: Mutex<()>,
}

/// Whether the published checkpoint was seen since the start, which may bear a signature that a
/// restored database does not know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    No,
    Yes,
}

impl Plain {
    /// Opens the state of all logs.
    pub async fn open(bench: Bench, logs: &[PlainLog]) -> Result<Self, StoreError> {
        let mut desks = BTreeMap::new();
        for log in logs {
            bench.store.add_witnessed(log.origin.as_str()).await?;
            let source = log.url.clone();
            let source = source.map(|url| Source::new(bench.http.clone(), url));
            let looked = if source.is_some() {
                Looked::No
            } else {
                Looked::Yes
            };
            let desk = Desk {
                log: log.clone(),
                source,
                turn: Mutex::new(looked),
                comparing: Mutex::new(()),
            };
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
        let looked = desk.turn.lock().await;
        let kept = self.kept(&desk.log).await?;
        if let Err(answer) = may_sign(&kept, *looked) {
            return Ok(Err(answer));
        }
        if let Err(answer) = decide(&kept.head, old, proof, &checkpoint.head()) {
            // Requests go on meanwhile: finding out may need the log's tiles.
            drop(looked);
            if matches!(answer, Answer::BadProof(_)) {
                self.hold_against(desk, &kept, checkpoint).await?;
            }
            return Ok(Err(answer));
        }
        self.sign(&kept, checkpoint).await.map(Ok)
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
        tracing::info!(
            log = origin,
            size = checkpoint.head().size.get(),
            "witnessed"
        );
        Ok(line)
    }

    /// A head that does not fit: if its log signed two that contradict each other, a file says so.
    async fn hold_against(
        &self,
        desk: &Desk,
        kept: &Witnessed,
        shown: &SignedCheckpoint,
    ) -> Result<(), PlainError> {
        if kept.broken.is_some() {
            // One conviction is enough.
            return Ok(());
        }
        let Ok(_alone) = desk.comparing.try_lock() else {
            return Ok(());
        };
        let Some(known) = desk.known(kept)? else {
            return Ok(());
        };
        let (ours, theirs) = (known.head(), shown.head());
        if ours == theirs || theirs.size == TreeSize::ZERO {
            return Ok(());
        }
        let (older, newer) = if theirs.size > ours.size {
            (&known, shown)
        } else {
            (shown, &known)
        };
        let (real, consistency) = if ours.size == theirs.size {
            (ours, Vec::new())
        } else {
            // Without the tiles nobody can tell; a proof that fails is nobody's fault.
            let Some(source) = &desk.source else {
                return Ok(());
            };
            match crate::fetch::real_root(source, older.head().size, newer.head()).await {
                Ok(found) => (found.head, found.consistency),
                Err(_) => return Ok(()),
            }
        };
        if ours.size != theirs.size && real.root == older.head().root {
            return Ok(());
        }
        let signed_both = |key: &&VerifierKey| {
            [older, newer].iter().all(|checkpoint| {
                let mut lines = checkpoint.log_lines().iter();
                lines.any(|line| key.is_named_by(line))
            })
        };
        let key = desk.log.keys.iter().find(signed_both);
        let evidence =
            key.and_then(|key| Evidence::of_heads(key, older, newer, real.root, consistency).ok());
        let id = match &evidence {
            Some(evidence) => Some(self.bench.shelf.keep(evidence)?.to_hex()),
            None => None,
        };
        let origin = desk.log.origin.as_str();
        let text = format!(
            "the log {origin}, for which this auditor is a plain witness, signed two heads that \
             contradict each other (sizes {} and {}); it is no longer witnessed",
            older.head().size,
            newer.head().size
        );
        let alert = Alert {
            severity: Severity::Tamper,
            code: "witnessed-fork",
            subject: origin.into(),
            text: text.clone(),
        };
        let (store, time) = (&self.bench.store, self.bench.clock.now_s());
        store
            .break_witnessed(origin, id.as_deref(), &alert, time)
            .await?;
        tracing::error!(log = origin, "{text}");
        Ok(())
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

/// Whether anything of a log may be signed.
fn may_sign(kept: &Witnessed, looked: Looked) -> Result<(), Answer> {
    if kept.broken.is_some() {
        return Err(Answer::Unfit(
            "this log signed heads that contradict each other",
        ));
    }
    if kept.rolled_back {
        return Err(Answer::Later(
            "this witness's state is older than its own cosignatures",
        ));
    }
    if looked == Looked::No {
        return Err(Answer::Later("not yet compared with the log"));
    }
    Ok(())
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
