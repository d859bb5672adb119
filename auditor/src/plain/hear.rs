//! What a witnessed log signed and is not cosigned is held against it too: kept before anybody is
//! answered, and decided as far as what is known of the log allows.
//!
//! Two heads of one size decide at once. Others are decided from the log's tiles, where it has an
//! address, beside whoever asks. Without one nobody can tell how an earlier head fits, and it is not
//! kept: anybody can say an honest log's public heads again.

use std::time::Duration;

use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::evidence::Evidence;
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::note::VerifierKey;

use super::{Desk, Plain, PlainError};
use crate::alert::{Alert, Severity, WITNESSED_FORK};
use crate::store::{Kept, MAX_UNEXPLAINED, Witnessed};

/// How long the log's tiles are waited for.
const PATIENCE: Duration = Duration::from_secs(8);
/// Kept heads that are explained in one look at the log.
const AT_ONCE: u32 = 64;

impl Plain {
    /// Whether the log signed another head of the same size; then it is broken from now on.
    pub(super) async fn contradicts(
        &self,
        desk: &Desk,
        kept: &Witnessed,
        shown: &SignedCheckpoint,
    ) -> Result<bool, PlainError> {
        if kept.broken.is_some() {
            return Ok(true);
        }
        // SPEC(WIT-16)
        let Some(rival) = self.rival(desk, kept, shown).await? else {
            return Ok(false);
        };
        let root = shown.head().root;
        self.convict(desk, &rival, shown, root, Vec::new()).await?;
        Ok(true)
    }

    /// Keeps a head that is not cosigned, if it says anything.
    pub(super) async fn keep(
        &self,
        desk: &Desk,
        kept: &Witnessed,
        shown: &SignedCheckpoint,
    ) -> Result<(), PlainError> {
        let head = shown.head();
        let says_nothing = head.size == TreeSize::ZERO
            || head == kept.head
            || (head.size < kept.head.size && desk.source.is_none());
        if kept.broken.is_some() || says_nothing {
            return Ok(());
        }
        let (store, time) = (&self.bench.store, self.bench.clock.now_s());
        let origin = desk.log.origin.as_str();
        let note = shown.to_bytes();
        let room = store
            .keep_witnessed_head(origin, head, &note, MAX_UNEXPLAINED, time)
            .await?;
        if room == Kept::NoRoom {
            // SPEC(WIT-13)
            self.tell_unshown(origin).await?;
        }
        Ok(())
    }

    /// A head of the same size with another root: cosigned, or kept.
    async fn rival(
        &self,
        desk: &Desk,
        kept: &Witnessed,
        shown: &SignedCheckpoint,
    ) -> Result<Option<SignedCheckpoint>, PlainError> {
        let head = shown.head();
        if head.size == kept.head.size && head.root != kept.head.root {
            return desk.known(kept);
        }
        let origin = desk.log.origin.as_str();
        let note = self.bench.store.witnessed_rival(origin, head).await?;
        Ok(note.and_then(|note| desk.signed(&note)))
    }

    /// Finds out from the log's tiles how kept heads fit, those that are not larger than what was
    /// cosigned. What the log does not show stays.
    pub(super) async fn explain(&self, desk: &Desk) -> Result<(), PlainError> {
        let kept = self.kept(&desk.log).await?;
        let (Some(known), None) = (desk.known(&kept)?, kept.broken) else {
            return Ok(());
        };
        let Some(source) = &desk.source else {
            return Ok(());
        };
        let (store, origin) = (&self.bench.store, desk.log.origin.as_str());
        let notes = store
            .witnessed_heads(origin, known.head().size, AT_ONCE)
            .await?;
        for note in notes {
            let Some(shown) = desk.signed(&note) else {
                continue;
            };
            let head = shown.head();
            if head == known.head() {
                store.forget_witnessed_head(origin, head).await?;
                continue;
            }
            let real = crate::fetch::real_root(source, head.size, known.head());
            let Ok(Ok(real)) = tokio::time::timeout(PATIENCE, real).await else {
                return Ok(());
            };
            if real.head.root == head.root {
                store.forget_witnessed_head(origin, head).await?;
                continue;
            }
            return self
                .convict(desk, &shown, &known, real.head.root, real.consistency)
                .await;
        }
        Ok(())
    }

    /// A larger head that does not extend what was cosigned, as far as the log shows its tiles.
    pub(super) async fn hold_against(
        &self,
        desk: &Desk,
        kept: &Witnessed,
        shown: &SignedCheckpoint,
    ) -> Result<(), PlainError> {
        let (Some(known), None) = (desk.known(kept)?, kept.broken) else {
            return Ok(());
        };
        let Some(source) = &desk.source else {
            return Ok(());
        };
        if shown.head().size <= known.head().size {
            return Ok(());
        }
        // A turn that is not to be had loses nothing: the head is kept.
        let Ok(_turn) = desk.comparing.try_acquire() else {
            return Ok(());
        };
        let real = crate::fetch::real_root(source, known.head().size, shown.head());
        // Without the tiles nobody can tell; a proof that fails is nobody's fault.
        let Ok(Ok(real)) = tokio::time::timeout(PATIENCE, real).await else {
            return Ok(());
        };
        if real.head.root == known.head().root {
            return Ok(());
        }
        self.convict(desk, &known, shown, real.head.root, real.consistency)
            .await
    }

    /// The log signed two heads that contradict each other: a file says so.
    async fn convict(
        &self,
        desk: &Desk,
        older: &SignedCheckpoint,
        newer: &SignedCheckpoint,
        real: Hash,
        consistency: Vec<Hash>,
    ) -> Result<(), PlainError> {
        let signed_both = |key: &&VerifierKey| {
            [older, newer].iter().all(|checkpoint| {
                let mut lines = checkpoint.log_lines().iter();
                lines.any(|line| key.is_named_by(line))
            })
        };
        let key = desk.log.keys.iter().find(signed_both);
        let evidence =
            key.and_then(|key| Evidence::of_heads(key, older, newer, real, consistency).ok());
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
            code: WITNESSED_FORK,
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

    async fn tell_unshown(&self, origin: &str) -> Result<(), PlainError> {
        let alert = Alert {
            severity: Severity::Policy,
            code: "witnessed-unshown",
            subject: origin.into(),
            text: format!(
                "the log {origin}, for which this auditor is a plain witness, signs heads that it does \
                 not show: {MAX_UNEXPLAINED} are kept here, and no more can be"
            ),
        };
        let (store, time) = (&self.bench.store, self.bench.clock.now_s());
        store.raise(None, &alert, time).await?;
        Ok(())
    }

    /// Whether no more heads of a log can be kept that it could explain.
    pub(super) async fn is_on_hold(&self, desk: &Desk) -> Result<bool, PlainError> {
        if desk.source.is_none() {
            return Ok(false);
        }
        let origin = desk.log.origin.as_str();
        let kept = self.bench.store.witnessed_unexplained(origin).await?;
        Ok(kept >= MAX_UNEXPLAINED)
    }
}

impl Desk {
    /// A kept note, verified again.
    pub(super) fn signed(&self, note: &[u8]) -> Option<SignedCheckpoint> {
        UnverifiedCheckpoint::parse(note)
            .and_then(|note| note.verify_log_of(&self.log.origin, &self.log.keys))
            .ok()
    }
}
