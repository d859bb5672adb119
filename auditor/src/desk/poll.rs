//! Looks at what the log publishes, and at what time does to it.

use plainsight_client::http::HttpError;
use plainsight_specs::Blame;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;

use super::Desk;
use crate::alert::{Alert, Severity};
use crate::audit::{Event, Standing};
use crate::follow::Fatal;

/// The code of the alert about this machine's files.
const NO_FILES: &str = "no-files";
/// Polls that fail in a row before anybody is told.
const PATIENCE: u32 = 3;
/// An epoch older than this many heartbeats is stale.
const STALE_HEARTBEATS: u64 = 3;

impl Desk {
    pub(super) async fn begin_poll(&mut self) -> Result<(), Fatal> {
        // Whatever else writes, above all `acknowledge`, is noticed here.
        let open = self.open_break().await?;
        self.happen(open).await?;
        self.recall_again().await?;
        self.look_at_the_clock().await?;
        if self.polling.is_none() && !*self.shared.hold.borrow() {
            let source = self.known.source.clone();
            self.polling = Some(tokio::spawn(async move { source.checkpoint().await }));
        }
        self.begin_looks();
        self.settle().await?;
        self.compare_a_kept_head().await
    }

    pub(super) async fn end_poll(&mut self, read: Result<Vec<u8>, HttpError>) -> Result<(), Fatal> {
        match read {
            Ok(bytes) => {
                self.reachable().await?;
                self.read_published(&bytes).await?;
            }
            Err(HttpError::NoFiles { reason, .. }) => self.no_files(&reason).await?,
            Err(error) if error.is_not_found() => {
                self.reachable().await?;
                self.happen(Event::NothingPublished).await?;
            }
            Err(error) => self.unreachable(&error).await?,
        }
        self.tell_of_memory().await?;
        if !self.state.has_seen_published() {
            // Dropping them answers "later".
            self.deferred.clear();
        }
        self.take_deferred().await
    }

    /// Takes what waited for the first look at the log and at the peers, if that is over.
    pub(super) async fn take_deferred(&mut self) -> Result<(), Fatal> {
        if self.state.standing == Standing::Unchecked {
            return Ok(());
        }
        for command in std::mem::take(&mut self.deferred) {
            Box::pin(self.take(command)).await?;
        }
        Ok(())
    }

    async fn read_published(&mut self, bytes: &[u8]) -> Result<(), Fatal> {
        let signed = UnverifiedCheckpoint::parse(bytes)
            .and_then(|checkpoint| checkpoint.verify_log(&self.log.keys));
        match signed {
            Ok(checkpoint) => {
                self.resolve("bad-checkpoint").await?;
                self.hear(&checkpoint).await?;
                let ours = self.is_cosigned(&checkpoint);
                self.happen(Event::Published { checkpoint, ours }).await
            }
            Err(error) => {
                // Anybody between us and the log can cause this.
                self.raise(&Alert {
                    severity: Severity::Availability,
                    code: "bad-checkpoint",
                    subject: error.blame().to_string(),
                    text: format!("the published checkpoint is not usable: {error}"),
                })
                .await
            }
        }
    }

    /// Whether a cosignature of our own is on it, and holds.
    pub(super) fn is_cosigned(&self, checkpoint: &SignedCheckpoint) -> bool {
        let key = self.shared.signer.verifier_key();
        checkpoint
            .other_lines()
            .iter()
            .any(|line| Cosignature::verify(line, checkpoint.text(), &key).is_ok())
    }

    /// This machine could not ask: that says nothing about the log.
    pub(super) async fn no_files(&mut self, reason: &str) -> Result<(), Fatal> {
        let alert = Alert {
            severity: Severity::Own,
            code: NO_FILES,
            subject: String::new(),
            text: format!("this auditor could not open a connection to a log: {reason}"),
        };
        self.out_of_files = true;
        let (store, now) = (&self.shared.store, self.shared.clock.now_s());
        if store.raise(None, &alert, now).await? {
            tracing::warn!(code = alert.code, "{}", alert.text);
        }
        Ok(())
    }

    async fn reachable(&mut self) -> Result<(), Fatal> {
        if std::mem::take(&mut self.out_of_files) {
            let (store, now) = (&self.shared.store, self.shared.clock.now_s());
            store.resolve_own(NO_FILES, "", now).await?;
        }
        self.checked = Some(self.shared.clock.now_s());
        if self.failures > 0 {
            self.failures = 0;
            self.resolve("unreachable").await?;
        }
        Ok(())
    }

    async fn unreachable(&mut self, error: &HttpError) -> Result<(), Fatal> {
        self.failures = self.failures.saturating_add(1);
        if self.failures < PATIENCE && error.blame() == Blame::Unavailable {
            return Ok(());
        }
        self.raise(&Alert {
            severity: Severity::Availability,
            code: "unreachable",
            subject: String::new(),
            text: format!("the log cannot be read: {error}"),
        })
        .await
    }

    /// Whether the log's checkpoint cannot be read at present.
    pub(super) fn is_unreachable(&self) -> bool {
        self.failures >= PATIENCE
    }

    async fn look_at_the_clock(&mut self) -> Result<(), Fatal> {
        let summary = self.summary.clone();
        if let (Some(epoch), Some(heartbeat_s), false) =
            (summary.epoch, summary.heartbeat_s, summary.closed)
        {
            let age_s = self
                .shared
                .clock
                .now_s()
                .saturating_sub(epoch.time_ms / 1000);
            let is_old = age_s > heartbeat_s.saturating_mul(STALE_HEARTBEATS);
            if is_old && self.is_own_clock_off().await {
                // It says nothing about the log.
            } else if is_old {
                self.raise(&Alert {
                    severity: Severity::Availability,
                    code: "stale",
                    subject: epoch.time_ms.to_string(),
                    text: format!(
                        "the newest epoch is {age_s} s old, and the log promised one every \
                         {heartbeat_s} s"
                    ),
                })
                .await?;
            } else {
                self.resolve("stale").await?;
            }
        }
        let Some(now) = self.shared.clock.now() else {
            return Ok(());
        };
        for (name, valid_until) in summary.canaries {
            if valid_until < now && !self.is_own_clock_off().await {
                self.raise(&Alert {
                    severity: Severity::Policy,
                    code: "canary-lapsed",
                    subject: format!("{name} {valid_until}"),
                    text: format!("the canary {name} was valid until {valid_until}, and no longer"),
                })
                .await?;
            }
        }
        Ok(())
    }
}
