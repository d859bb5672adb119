//! The publisher: from a sequenced head that ends at an epoch to a checkpoint that readers get.
//!
//! The order of durable writes is the whole point:
//!
//! 1. the head is read once, and all below is a function of what is committed;
//! 2. full tiles and bundles under their final names, create-only;
//! 3. the partial ones that this size needs;
//! 4. every write above is durable before
//! 5. the progress says so;
//! 6. the note is signed and *stored before a byte of it leaves the process*;
//! 7. the auditors are asked, and their cosignatures stored;
//! 8. the public checkpoint is replaced, only ever by a larger one;
//! 9. the progress says so, and readers and waiting publishers are served.
//!
//! A note that was signed is published before any other is signed, at whatever step a kill came
//! between. Sequencing never waits for any of this.

use std::collections::BTreeMap;
use std::sync::Arc;

use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::cosigners::Auditors;
use crate::materialise::Materialiser;
use crate::objects::ObjectError;
use crate::recovery::{Recovered, WriteError, refuse, show_published};
use crate::restored::not_restored;
use crate::sequencer::may_be_signed;
use crate::shared::Shared;
use crate::source::SourceError;
use crate::store::{CheckpointRow, StoreError, Writer};

/// The publisher of one term.
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Writer>>,
    auditors: Option<Auditors>,
    /// Whether a quorum has said, in this term, what the log signed before.
    is_asked: bool,
    materialiser: Option<Materialiser>,
    /// A note that was signed and not published.
    unpublished: Option<CheckpointRow>,
    /// The size of the last one that was.
    published: TreeSize,
    rebuild: bool,
}

impl Publisher {
    pub(crate) fn new(
        shared: Arc<Shared>,
        writer: Arc<Mutex<Writer>>,
        auditors: Option<Auditors>,
        recovered: &Recovered,
    ) -> Self {
        Self {
            shared,
            writer,
            auditors,
            is_asked: false,
            materialiser: None,
            unpublished: recovered.unpublished.clone(),
            published: recovered.published,
            rebuild: recovered.rebuild,
        }
    }

    /// Publishes until `stop` is set and nothing is left. A failure of the objects is tried again
    /// from what is durable; any other ends the term.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), WriteError> {
        let mut epoch = self.shared.epoch.subscribe();
        loop {
            let due = *epoch.borrow_and_update();
            let due = due.filter(|head| head.size > self.published);
            if due.is_none() && self.unpublished.is_none() && !self.rebuild {
                if *stop.borrow() {
                    return Ok(());
                }
                tokio::select! {
                    _ = epoch.changed() => {}
                    _ = stop.changed() => {}
                }
                continue;
            }
            match self.publish(due).await {
                Ok(()) => {}
                Err(WriteError::Objects(error)) if error.is_transient() => {
                    tracing::error!(%error, "publication failed; trying again");
                    self.materialiser = None;
                    tokio::time::sleep(self.shared.config.publication.retry()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn publish(&mut self, due: Option<TreeHead>) -> Result<(), WriteError> {
        if self.rebuild {
            self.rebuild().await?;
            self.rebuild = false;
            return Ok(());
        }
        let start = Instant::now();
        let Some(row) = self.prepare(due).await? else {
            tracing::warn!("no quorum of auditors says what was signed before; asking again");
            tokio::time::sleep(self.shared.config.publication.retry()).await;
            return Ok(());
        };
        let note = self.cosign(&row).await?;
        let row = self.finish(row, note).await?;
        self.shared
            .metrics
            .published(self.shared.clock.now_ms(), start.elapsed());
        self.shared.show(Some(row));
        Ok(())
    }

    /// P2 to P6: what is to be published next, signed and stored; `None` if there is nothing, or if
    /// it is not known yet what was signed before.
    pub(crate) async fn prepare(
        &mut self,
        due: Option<TreeHead>,
    ) -> Result<Option<CheckpointRow>, WriteError> {
        let due = due.filter(|head| head.size > self.published);
        let row = match (self.unpublished.clone(), due) {
            (Some(row), _) => row,
            (None, Some(head)) if may_be_signed(head.size) => {
                self.materialise(&head).await?;
                // SPEC(WIT-12)
                if !self.knows_its_past().await? {
                    return Ok(None);
                }
                self.sign(&head).await?
            }
            (None, _) => return Ok(None),
        };
        self.unpublished = Some(row.clone());
        Ok(Some(row))
    }

    /// Whether a quorum of auditors was asked in this term what the log has signed, and none of them
    /// shows a head that the database does not know. A database that was put back to an earlier
    /// day signs nothing before: without that quorum it could publish nothing anyway.
    async fn knows_its_past(&mut self) -> Result<bool, WriteError> {
        if let (Some(policy), Some(auditors), false) =
            (&self.shared.policy, &self.auditors, self.is_asked)
        {
            let answered = not_restored(&self.shared, auditors).await?;
            self.is_asked = policy.satisfied(|name| answered.contains(name));
            return Ok(self.is_asked);
        }
        Ok(true)
    }

    /// P7 to P9: stores the note with its cosignatures, and publishes it.
    pub(crate) async fn finish(
        &mut self,
        row: CheckpointRow,
        note: Vec<u8>,
    ) -> Result<CheckpointRow, WriteError> {
        if row.cosigned.is_none() {
            let mut writer = self.writer.lock().await;
            writer.cosigned(row.tree.size, &note).await?;
        }
        self.shared.source.objects.publish(&note).await?;
        self.writer
            .lock()
            .await
            .published(row.tree.size, self.shared.clock.now_ms())
            .await?;
        self.unpublished = None;
        self.published = row.tree.size;
        tracing::info!(size = row.tree.size.get(), "published");
        Ok(CheckpointRow {
            cosigned: Some(note),
            published: true,
            ..row
        })
    }

    /// Notes what an auditor last cosigned.
    pub(crate) async fn note_auditor(&self, vkey: &str, size: TreeSize) -> Result<(), WriteError> {
        Ok(self.writer.lock().await.auditor_at(vkey, size).await?)
    }

    /// P2 to P5.
    async fn materialise(&mut self, head: &TreeHead) -> Result<(), WriteError> {
        let source = &self.shared.source;
        let mut materialiser = if let Some(materialiser) = self.materialiser.take() {
            materialiser
        } else {
            let size = source.store.progress().await?.materialised;
            if size > head.size {
                // Of a later term, whose objects say nothing against this one's head. The database
                // says that this writer was replaced.
                self.writer.lock().await.materialised(head.size).await?;
            }
            Materialiser::resume(source.clone(), size).await?
        };
        materialiser.up_to(head).await?;
        self.materialiser = Some(materialiser);
        Ok(self.writer.lock().await.materialised(head.size).await?)
    }

    /// P6.
    async fn sign(&self, head: &TreeHead) -> Result<CheckpointRow, WriteError> {
        let shared = &self.shared;
        let signed = SignedCheckpoint::sign(&shared.origin, *head, &shared.keys.signer);
        let Ok(signed) = signed else {
            return refuse("the log's key does not sign its checkpoints");
        };
        let note = signed.to_bytes();
        self.writer
            .lock()
            .await
            .signed(head, &note, shared.clock.now_ms())
            .await?;
        shared.set_signed(head.size);
        Ok(CheckpointRow {
            tree: *head,
            note,
            cosigned: None,
            published: false,
        })
    }

    /// The note with the cosignatures that satisfy the policy.
    async fn cosign(&self, row: &CheckpointRow) -> Result<Vec<u8>, WriteError> {
        if let Some(cosigned) = &row.cosigned {
            return Ok(cosigned.clone());
        }
        let signed = self.shared.signed(row)?;
        let (Some(policy), Some(auditors)) = (&self.shared.policy, &self.auditors) else {
            return Ok(signed.to_bytes());
        };
        let satisfied = |cosigned: &BTreeMap<String, Cosignature>| {
            policy.satisfied(|name| cosigned.contains_key(name))
        };
        let cosigned = self.ask(&signed, auditors, satisfied).await?;
        let lines: Vec<_> = cosigned.into_values().map(|c| c.line).collect();
        Ok(signed.to_bytes_with(&lines))
    }

    /// Asks in rounds until the quorum is met. Meanwhile the last good checkpoint stays public.
    async fn ask(
        &self,
        signed: &SignedCheckpoint,
        auditors: &Auditors,
        is_enough: impl Fn(&BTreeMap<String, Cosignature>) -> bool,
    ) -> Result<BTreeMap<String, Cosignature>, WriteError> {
        let times = &self.shared.config.publication;
        let source = &self.shared.source;
        let mut sizes = BTreeMap::new();
        for auditor in auditors.list() {
            let key = auditor.key.to_string();
            let size = source.store.auditor_size(&key).await?;
            sizes.insert(key, size);
        }
        loop {
            let known = sizes.clone();
            let cosigned = auditors
                .round(signed, &source.objects, &mut sizes, times, &is_enough)
                .await;
            for (key, size) in &sizes {
                if known.get(key) != Some(size) {
                    self.note_auditor(key, *size).await?;
                }
            }
            if is_enough(&cosigned) {
                return Ok(cosigned);
            }
            // Whatever they say against it, they may know better.
            not_restored(&self.shared, auditors).await?;
            auditors.tell_missing(signed.head().size, &cosigned);
            tokio::time::sleep(times.retry()).await;
        }
    }

    /// Writes all public objects again, from the database.
    async fn rebuild(&mut self) -> Result<(), WriteError> {
        let source = self.shared.source.clone();
        let published = source.store.progress().await?.published;
        let row = source.store.checkpoint(published).await?;
        let Some(row) = row else {
            return Err(StoreError::Corrupt("no note for what is published".into()).into());
        };
        let mut above = TreeSize::ZERO;
        let mut materialiser = Materialiser::from_nothing(source.clone(), published);
        loop {
            let signed = source.store.checkpoints_above(above, 256).await?;
            for signed in &signed {
                materialiser.up_to(&signed.tree).await?;
                above = signed.tree.size;
            }
            if signed.is_empty() {
                break;
            }
        }
        self.materialiser = Some(materialiser);
        let note = row.cosigned.as_ref().unwrap_or(&row.note);
        source.objects.publish(note).await?;
        tracing::warn!(
            size = published.get(),
            "the public objects were written again"
        );
        show_published(&self.shared, Some(row)).await?;
        Ok(())
    }
}

impl From<reqwest::Error> for WriteError {
    fn from(error: reqwest::Error) -> Self {
        Self::Refused(format!("no HTTP client for the auditors: {error}"))
    }
}

/// Whether an error is a contradiction that only a person can resolve.
pub(crate) fn is_final(error: &WriteError) -> bool {
    match error {
        WriteError::Refused(_)
        | WriteError::Source(SourceError::Tile { .. })
        | WriteError::Store(StoreError::Corrupt(_)) => true,
        // Another writer may have published it, which the next term finds out.
        WriteError::Objects(ObjectError::Larger { .. }) => false,
        WriteError::Objects(error) => !error.is_transient(),
        _ => false,
    }
}
