//! Carries out what an auditor decides, until nothing follows or it dies.

use std::collections::VecDeque;

use anyhow::{Context as _, Result};
use plainsight_auditor::audit::{self, Break, Effect, Event, RequestId};
use plainsight_auditor::compare::Comparison;
use plainsight_auditor::follow::{Followed, judge_end, keep_conviction};
use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::evidence::Evidence;

use super::{Carried, Died, Reply, SimAuditor};

impl SimAuditor {
    /// Lets something happen, and carries out what follows until nothing does.
    pub(super) async fn happen(&mut self, event: Event) -> Carried<Vec<(RequestId, Reply)>> {
        self.is_touched = true;
        let mut events = VecDeque::from([event]);
        let mut replies = Vec::new();
        while let Some(event) = events.pop_front() {
            let awake = self.awake.as_mut().context("asleep")?;
            for effect in audit::step(&mut awake.state, event) {
                match &mut self.dies_after {
                    Some(0) => return Ok(Err(Died)),
                    Some(left) => *left -= 1,
                    None => {}
                }
                events.extend(self.carry_out(effect, &mut replies).await?);
            }
        }
        Ok(Ok(replies))
    }

    pub(super) async fn carry_out(
        &mut self,
        effect: Effect,
        replies: &mut Vec<(RequestId, Reply)>,
    ) -> Result<Vec<Event>> {
        let awake = self.awake.as_mut().context("asleep")?;
        match effect {
            Effect::Follow(checkpoint) => self.follow(checkpoint).await,
            Effect::Examine(checkpoint) => self.examine(checkpoint).await,
            Effect::Accuse(checkpoint) => {
                let size = checkpoint.head().size.get();
                if let Comparison::Contradicts(evidence) = awake.known.compare(&checkpoint).await? {
                    return Ok(vec![self.convict(&evidence, size).await?]);
                }
                Ok(Vec::new())
            }
            Effect::Persist { from, to } => {
                let time = self.clock.now().context("the clock")?;
                let cosignature = Cosignature::sign(&to, &awake.signer, time)?;
                let note = to.to_bytes_with(std::slice::from_ref(&cosignature.line));
                let log = awake.known.mirror.log;
                awake
                    .store
                    .swap_signed(log, from, to.head(), &note, time.seconds())
                    .await?;
                awake.water.write(&awake.known.origin, &note)?;
                awake.sealed = Some((to.head(), cosignature.line));
                Ok(Vec::new())
            }
            Effect::Cosign {
                checkpoint,
                requests,
            } => {
                let head = checkpoint.head();
                let line = match awake.sealed.take() {
                    Some((sealed, line)) if sealed == head => line,
                    // It was given out before it was kept, which the next check finds.
                    _ => {
                        let time = self.clock.now().context("the clock")?;
                        Cosignature::sign(&checkpoint, &awake.signer, time)?.line
                    }
                };
                self.given.heads.insert(head.size.get(), head);
                let cosigned = |request| (request, Reply::Cosigned(line.clone()));
                replies.extend(requests.into_iter().map(cosigned));
                Ok(Vec::new())
            }
            Effect::Answer(request, answer) => {
                replies.push((request, Reply::Refused(answer)));
                Ok(Vec::new())
            }
            Effect::Warn(audit::Warning::RolledBack { seen, .. }) => {
                awake
                    .store
                    .keep_rolled_back(awake.known.mirror.log, seen)
                    .await?;
                Ok(Vec::new())
            }
            Effect::Warn(audit::Warning::ClockAhead { .. }) => Ok(Vec::new()),
        }
    }

    pub(super) async fn follow(&mut self, target: SignedCheckpoint) -> Result<Vec<Event>> {
        let awake = self.awake.as_mut().context("asleep")?;
        let head = target.head();
        let Some(follower) = awake.follower.take() else {
            return Ok(Vec::new());
        };
        let (follower, outcome) = follower.follow(target.clone()).await?;
        let held = follower.held();
        awake.come_home(follower);
        let mut events = vec![awake.open_break().await?];
        match outcome {
            Followed::Complete => {
                events.push(Event::Held(held));
                events.extend(self.examine(target).await?);
            }
            Followed::Withheld { .. } | Followed::NoFiles { .. } => {}
            Followed::Contradicts(evidence) => {
                events.push(self.convict(&evidence, head.size.get()).await?);
            }
        }
        events.push(Event::NotFollowed(head));
        Ok(events)
    }

    pub(super) async fn examine(&mut self, checkpoint: SignedCheckpoint) -> Result<Vec<Event>> {
        let awake = self.awake.as_mut().context("asleep")?;
        let head = checkpoint.head();
        let own_root = awake.known.mirror.root(head.size).await?;
        let mut events = Vec::new();
        if own_root == head.root {
            judge_end(&awake.known, &awake.shelf, &checkpoint).await?;
            events.push(awake.open_break().await?);
        }
        let epoch = awake.known.mirror.final_epoch(head.size).await?;
        events.push(Event::Examined {
            checkpoint,
            own_root,
            epoch_ms: epoch.map(|epoch| epoch.time_ms),
            now_ms: self.clock.now_ms(),
        });
        Ok(events)
    }

    pub(super) async fn convict(&mut self, evidence: &Evidence, size: u64) -> Result<Event> {
        let awake = self.awake.as_mut().context("asleep")?;
        let found = Break {
            at: size,
            rule: evidence.rule,
        };
        if awake
            .store
            .conviction(awake.known.mirror.log)
            .await?
            .is_none()
        {
            // What convinces this auditor must convince a stranger.
            Evidence::parse(&evidence.to_json())?.verify()?;
            keep_conviction(&awake.known, &awake.shelf, evidence, &found).await?;
        }
        self.given.accused.get_or_insert(found);
        awake.open_break().await
    }
}
