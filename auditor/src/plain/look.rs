//! Reads logs where they publish, and cosigns what extends what was cosigned before.

use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::merkle::TreeSize;
use tokio::sync::watch;

use super::{Desk, FORGOTTEN, Looked, Plain, PlainError, ROLLED_BACK, may_sign};
use crate::alert::{Alert, Severity};
use crate::audit::Memory;
use crate::store::Witnessed;

/// Looks that fail in a row before anybody is told.
const FAILURES: u32 = 3;
/// A head that does not change is cosigned anew after this many seconds: readers ask that the time
/// of a cosignature is not long ago.
const RENEW_S: u64 = 3600;

/// The log was looked at; what cannot be read is not mended by that.
fn looked_at(looked: &mut Looked) {
    if *looked == Looked::No {
        *looked = Looked::Yes;
    }
}

/// The database is older than what was signed.
pub(super) fn rolled_back(origin: &str, signed: TreeSize, known: TreeSize) -> Alert {
    Alert {
        severity: Severity::Own,
        code: ROLLED_BACK,
        subject: origin.into(),
        text: format!(
            "the plain witness's key has signed size {signed} of {origin}, but its database knows of \
             {known} only, or of another head of that size: it is an old copy. It signs nothing for \
             this log. Restore the newest database; if it is lost, retire the key and make another \
             under another name"
        ),
    }
}

impl Plain {
    /// Looks at one log, until `stop` says so. Whatever goes wrong ends one look.
    pub(crate) async fn look_again(self, origin: String, mut stop: watch::Receiver<bool>) {
        let Some(desk) = self.logs.get(&origin) else {
            return;
        };
        let mut tick = tokio::time::interval(self.bench.poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failures = 0u32;
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = tick.tick() => {}
            }
            let looked = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                looked = self.look(desk) => looked,
            };
            match looked {
                Ok(Ok(())) => {
                    if failures >= FAILURES {
                        self.answers_again(&origin).await;
                    }
                    failures = 0;
                }
                Ok(Err(why)) => {
                    failures = failures.saturating_add(1);
                    if failures == FAILURES {
                        self.tell_unreachable(&origin, &why).await;
                    }
                }
                Err(error) => tracing::error!(log = origin, %error, "a look failed"),
            }
        }
    }

    /// One look. The inner error is an outage, or bytes that are no head of this log.
    async fn look(&self, desk: &Desk) -> Result<Result<(), String>, PlainError> {
        let Some(source) = &desk.source else {
            return Ok(Ok(()));
        };
        let note = match source.checkpoint().await {
            Ok(note) => note,
            Err(error) if error.is_not_found() => {
                looked_at(&mut *desk.turn.lock().await);
                return Ok(Ok(()));
            }
            Err(error) => return Ok(Err(error.to_string())),
        };
        let signed = UnverifiedCheckpoint::parse(&note)
            .and_then(|note| note.verify_log_of(&desk.log.origin, &desk.log.keys));
        let checkpoint = match signed {
            Ok(checkpoint) => checkpoint,
            Err(error) => return Ok(Err(error.to_string())),
        };
        // What is far away is fetched before the turn is taken: requests go on meanwhile.
        let before = self.kept(&desk.log).await?;
        // Kept before anything more is asked of anybody.
        let is_broken = self.contradicts(desk, &before, &checkpoint).await?;
        self.keep(desk, &before, &checkpoint).await?;
        let extends = match self.extends(desk, &before, &checkpoint).await {
            Ok(extends) => extends,
            Err(why) => return Ok(Err(why)),
        };
        self.look_at_own_clock().await;
        let mut looked = desk.turn.lock().await;
        let kept = self.kept(&desk.log).await?;
        self.own_found(desk, &kept, &checkpoint, &mut looked)
            .await?;
        looked_at(&mut looked);
        let kept = self.kept(&desk.log).await?;
        let may = may_sign(&kept, *looked).and_then(|()| self.may_date());
        if is_broken || kept.head != before.head || may.is_err() {
            return Ok(Ok(()));
        }
        if !extends {
            drop(looked);
            self.hold_against(desk, &kept, &checkpoint).await?;
            return Ok(Ok(()));
        }
        if self.is_on_hold(desk).await? {
            drop(looked);
            self.explain(desk).await?;
            return Ok(Ok(()));
        }
        let age = self
            .bench
            .clock
            .now_s()
            .saturating_sub(kept.time.unwrap_or(0));
        let is_new = checkpoint.head().size > kept.head.size;
        if is_new || (checkpoint.head() == kept.head && age >= RENEW_S) {
            self.sign(&kept, &checkpoint).await?;
        }
        drop(looked);
        self.explain(desk).await?;
        Ok(Ok(()))
    }

    /// Whether the head fits what was cosigned: extends it, is it, or is an earlier one.
    async fn extends(
        &self,
        desk: &Desk,
        kept: &Witnessed,
        checkpoint: &SignedCheckpoint,
    ) -> Result<bool, String> {
        let (ours, theirs) = (kept.head, checkpoint.head());
        if ours == theirs || ours.size == TreeSize::ZERO || theirs.size < ours.size {
            return Ok(true);
        }
        if ours.size == theirs.size {
            return Ok(false);
        }
        let Some(source) = &desk.source else {
            return Ok(false);
        };
        let real = crate::fetch::real_root(source, ours.size, theirs).await;
        real.map(|real| real.head.root == ours.root)
            .map_err(|error| error.to_string())
    }

    /// Whether the log shows a cosignature of ours that the database does not know of.
    async fn own_found(
        &self,
        desk: &Desk,
        kept: &Witnessed,
        checkpoint: &SignedCheckpoint,
        looked: &mut Looked,
    ) -> Result<(), PlainError> {
        let head = checkpoint.head();
        let unknown = kept.is_behind(head);
        let key = self.verifier_key();
        let mut lines = checkpoint.other_lines().iter();
        let ours = lines.any(|line| Cosignature::verify(line, checkpoint.text(), &key).is_ok());
        let origin = checkpoint.origin().as_str();
        // SPEC(WIT-17)
        if ours && head == kept.head && *looked == Looked::Forgotten(Memory::Missing) {
            let note = kept.note.as_deref().unwrap_or_default();
            let (water, name) = (&self.bench.water, &desk.log.origin);
            water.write(name, note).map_err(PlainError::HighWater)?;
            let time = self.bench.clock.now_s();
            (self.bench.store)
                .resolve_own(FORGOTTEN, origin, time)
                .await?;
            *looked = Looked::Yes;
        }
        if !ours || !unknown || kept.rolled_back {
            return Ok(());
        }
        let alert = rolled_back(origin, head.size, kept.head.size);
        let time = self.bench.clock.now_s();
        let store = &self.bench.store;
        Ok(store.roll_back_witnessed(origin, &alert, time).await?)
    }

    async fn tell_unreachable(&self, origin: &str, why: &str) {
        let alert = Alert {
            severity: Severity::Availability,
            code: "witnessed-unreachable",
            subject: origin.into(),
            text: format!("the log {origin} cannot be read: {why}"),
        };
        let raised = self
            .bench
            .store
            .raise(None, &alert, self.bench.clock.now_s())
            .await;
        if let Err(error) = raised {
            tracing::error!(log = origin, %error, "an alert was not kept");
        }
    }

    async fn answers_again(&self, origin: &str) {
        let time = self.bench.clock.now_s();
        let store = &self.bench.store;
        let resolved = store
            .resolve_subject(None, "witnessed-unreachable", origin, time)
            .await;
        if let Err(error) = resolved {
            tracing::error!(log = origin, %error, "an alert was not ended");
        }
    }
}
