//! Carries out what was decided.

use plainsight_specs::Blame;
use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::evidence::Evidence;
use plainsight_specs::rules::Rule;

use super::{Asker, Desk, MAX_WANTED, Reply};
use crate::alert::{Alert, Severity};
use crate::audit::{Break, Effect, Event, RequestId, Warning};
use crate::follow::{Fatal, Followed, Follower, judge_end, keep_conviction};

/// The code of the alert about a comparison that panicked.
const COMPARISON_FELL: &str = "comparison-fell";

impl Desk {
    /// Gives what happens next, if that is known at once.
    pub(super) async fn carry_out(&mut self, effect: Effect) -> Result<Vec<Event>, Fatal> {
        match effect {
            Effect::Follow(checkpoint) => {
                self.want(checkpoint);
                Ok(Vec::new())
            }
            Effect::Examine(checkpoint) => self.examine(checkpoint).await,
            Effect::Accuse(checkpoint) => {
                // What is held has spoken already about one that is not larger.
                if checkpoint.head().size > self.mirrored().size {
                    self.begin_comparison(checkpoint, Asker::Log);
                }
                Ok(Vec::new())
            }
            Effect::Persist { from, to } => {
                let time = self.shared.clock.now().ok_or(Fatal::Clock)?;
                let cosignature = Cosignature::sign(&to, &self.shared.signer, time)?;
                let note = to.to_bytes_with(std::slice::from_ref(&cosignature.line));
                let (store, log) = (&self.shared.store, self.known.mirror.log);
                store
                    .swap_signed(log, from, to.head(), &note, time.seconds())
                    .await?;
                self.remember(note).await?;
                self.sealed = Some((to.head(), cosignature.line));
                Ok(Vec::new())
            }
            Effect::Cosign {
                checkpoint,
                requests,
            } => {
                // Only what the step before has stored can be given out.
                let sealed = self.sealed.take();
                let Some((head, line)) = sealed.filter(|(head, _)| *head == checkpoint.head())
                else {
                    return Err(Fatal::Damaged);
                };
                tracing::info!(log = %self.log.origin, size = head.size.get(), "cosigned");
                self.resolve("clock-ahead").await?;
                self.resolve("restarted").await?;
                for request in requests {
                    self.reply(request, Reply::Cosigned(line.clone()));
                }
                Ok(Vec::new())
            }
            Effect::Answer(request, answer) => {
                self.reply(request, Reply::Refused(answer));
                Ok(Vec::new())
            }
            Effect::Warn(warning) => self.warn(warning).await.map(|()| Vec::new()),
        }
    }

    fn reply(&mut self, request: RequestId, reply: Reply) {
        if let Some(waiting) = self.replies.remove(&request) {
            // Whoever asked may have gone.
            let _ = waiting.send(reply);
        }
    }

    async fn warn(&mut self, warning: Warning) -> Result<(), Fatal> {
        if matches!(warning, Warning::ClockAhead { .. }) && self.is_own_clock_off().await {
            return Ok(());
        }
        let alert = match warning {
            Warning::ClockAhead { epoch_ms, now_ms } => Alert {
                severity: Severity::Availability,
                code: "clock-ahead",
                // One fact, however many heads it keeps from being cosigned.
                subject: String::new(),
                text: format!(
                    "the log's newest epoch is {} ms ahead of this auditor's clock; the \
                     cosignature is withheld until then",
                    epoch_ms.saturating_sub(now_ms)
                ),
            },
            Warning::RolledBack { signed, seen } => {
                let (store, log) = (&self.shared.store, self.known.mirror.log);
                store.keep_rolled_back(log, seen).await?;
                Alert {
                    severity: Severity::Own,
                    code: "rolled-back",
                    subject: seen.to_string(),
                    text: format!(
                        "this auditor's key has signed size {seen}, but its database knows of \
                         {signed} only, or of another head of that size: it is an old copy. It signs nothing for this log. Restore \
                         the newest database; if it is lost, retire the key: `plainsight-auditor \
                         init` in a new folder under a new name, and hand out the new key"
                    ),
                }
            }
        };
        self.raise(&alert).await
    }

    async fn examine(&mut self, checkpoint: SignedCheckpoint) -> Result<Vec<Event>, Fatal> {
        // SPEC(WIT-16)
        Box::pin(self.settle()).await?;
        let head = checkpoint.head();
        let mirror = &self.known.mirror;
        let own_root = mirror.root(head.size).await?;
        let mut events = Vec::new();
        if own_root == head.root {
            judge_end(&self.known, &self.shared.shelf, &checkpoint).await?;
            events.push(self.open_break().await?);
        }
        events.push(self.judge_own_clock().await);
        let epoch = mirror.final_epoch(head.size).await?;
        events.push(Event::Examined {
            checkpoint,
            own_root,
            epoch_ms: epoch.map(|epoch| epoch.time_ms),
            now_ms: self.shared.clock.now_ms(),
        });
        Ok(events)
    }

    pub(super) async fn open_break(&self) -> Result<Event, Fatal> {
        let (store, log) = (&self.shared.store, self.known.mirror.log);
        Ok(Event::Open(store.open_break(log).await?))
    }

    /// Takes a head among those to be followed, the smallest first.
    fn want(&mut self, checkpoint: SignedCheckpoint) {
        let head = checkpoint.head();
        self.seen = self.seen.max(head.size);
        let is_known =
            self.followed == Some(head) || self.wanted.iter().any(|wanted| wanted.head() == head);
        if !is_known && self.wanted.len() < MAX_WANTED {
            self.wanted.push(checkpoint);
            self.wanted.sort_by_key(|wanted| wanted.head().size);
        }
        self.begin_following();
    }

    pub(super) fn begin_following(&mut self) {
        if self.wanted.is_empty() || *self.shared.hold.borrow() {
            return;
        }
        if let Some(follower) = self.follower.take() {
            let target = self.wanted.remove(0);
            self.followed = Some(target.head());
            self.following = Some(tokio::spawn(follower.follow(target)));
        }
    }

    pub(super) async fn end_following(
        &mut self,
        (follower, outcome): (Follower, Followed),
    ) -> Result<(), Fatal> {
        let size = follower.held();
        let target = follower.known.target.clone();
        self.come_home(follower);
        let head = self.followed.take();
        let open = self.open_break().await?;
        self.happen(open).await?;
        match outcome {
            Followed::Complete => {
                self.resolve("withheld").await?;
                self.happen(Event::Held(size)).await?;
                if let Some(target) = target {
                    for event in self.examine(target).await? {
                        self.happen(event).await?;
                    }
                }
            }
            Followed::Withheld { blame, reason } => {
                let size = head.map_or(0, |head| head.size.get());
                let what = match blame {
                    Blame::Unavailable => "cannot be had",
                    _ => "is not what the log signed",
                };
                self.raise(&Alert {
                    severity: Severity::Availability,
                    code: "withheld",
                    // One fact, however many heads come while it lasts.
                    subject: String::new(),
                    text: format!("what belongs to the head of size {size} {what}: {reason}"),
                })
                .await?;
            }
            Followed::NoFiles { reason } => self.no_files(&reason).await?,
            Followed::Contradicts(evidence) => {
                let size = head.map_or(0, |head| head.size.get());
                self.convict(&evidence, size).await?;
            }
        }
        if let Some(head) = head {
            // Those that still wait for it, if any, are told to come back.
            self.happen(Event::NotFollowed(head)).await?;
        }
        self.begin_following();
        Ok(())
    }

    /// A comparison that panics is told of, and whoever asked has no answer; the log goes on, since
    /// anybody may have asked.
    pub(super) async fn end_comparing(
        &mut self,
        ended: Result<(), tokio::task::JoinError>,
    ) -> Result<(), Fatal> {
        if ended.is_ok() {
            return self.resolve(COMPARISON_FELL).await;
        }
        self.raise(&Alert {
            severity: Severity::Own,
            code: COMPARISON_FELL,
            subject: String::new(),
            text: "comparing a head ended by a fault of this program".into(),
        })
        .await
    }

    /// Keeps evidence about heads and stops cosigning. One such conviction of a log is enough: it
    /// cannot be acknowledged, and what the log signs afterwards adds nothing to it.
    pub(super) async fn convict(
        &mut self,
        evidence: &Evidence,
        size: u64,
    ) -> Result<String, Fatal> {
        let (store, log) = (&self.shared.store, self.known.mirror.log);
        // SPEC(WIT-11)
        let earlier = store.conviction(log).await?;
        if let Some(id) = earlier.and_then(|earlier| earlier.evidence) {
            return Ok(id);
        }
        let found = Break {
            at: size,
            rule: evidence.rule,
        };
        debug_assert!(matches!(found.rule, Rule::Fork | Rule::Extension));
        let id = keep_conviction(&self.known, &self.shared.shelf, evidence, &found).await?;
        self.convicted = true;
        let open = self.open_break().await?;
        self.happen(open).await?;
        Ok(id)
    }
}
