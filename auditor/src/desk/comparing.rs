//! Asks the log about heads that are larger than what is held: beside the desk, a few at once, each
//! within its time.
//!
//! Every head that comes here is kept already, so that one for which there is no turn, or that takes
//! too long, is decided later and not lost.

use std::time::Duration;

use plainsight_specs::checkpoint::SignedCheckpoint;
use tokio::time::Instant;

use super::hear::opinion;
use super::{Asker, Command, Desk, Opinion};
use crate::audit::Event;
use crate::compare::Comparison;
use crate::evidence::AccuseError;
use crate::follow::Fatal;

/// Comparisons at once.
const AT_ONCE: usize = 8;
/// Of these, at most so many for others than readers.
const NOT_FOR_READERS: usize = 4;
/// How long one may take: less than its asker waits.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often the log is asked again about one of the heads that are kept.
const AGAIN: Duration = Duration::from_mins(1);

impl Desk {
    /// Compares a head beside the desk.
    pub(super) fn begin_comparison(&mut self, checkpoint: SignedCheckpoint, asker: Asker) {
        let bound = match asker {
            Asker::Reader(_) => AT_ONCE,
            Asker::Ourselves | Asker::Log => NOT_FOR_READERS,
        };
        let has_turn = self.comparing.len() < bound;
        let Some(own) = self.own.upgrade().filter(|_| has_turn) else {
            if let Asker::Reader(reply) = asker {
                let detail = "it is larger than what is held here. It is kept, and held against the \
                              log as that grows; too many others are being compared now";
                // Whoever asked may have gone.
                let _ = reply.send(opinion("unproven", detail));
            }
            return;
        };
        let known = self.known.clone();
        self.comparing.spawn(async move {
            let found = tokio::time::timeout(PATIENCE, known.compare(&checkpoint)).await;
            let found = found.unwrap_or_else(|_| {
                let reason = "the log does not show in time what belongs to it";
                Ok(Comparison::Unproven(reason.into()))
            });
            // Without a desk nobody needs the answer.
            let _ = own
                .send(Command::Compared {
                    checkpoint,
                    found,
                    asker,
                })
                .await;
        });
    }

    pub(super) async fn end_comparison(
        &mut self,
        checkpoint: SignedCheckpoint,
        found: Result<Comparison, AccuseError>,
        asker: Asker,
    ) -> Result<(), Fatal> {
        let size = checkpoint.head().size.get();
        let opinion = match found {
            Ok(Comparison::Same) => opinion("same", "it is the newest head held here"),
            Ok(Comparison::Consistent) => {
                opinion("consistent", "it is an earlier head of the tree held here")
            }
            // A request with a bad proof is answered with that; the log knows how to ask again.
            Ok(Comparison::Ahead) if matches!(asker, Asker::Log) => return Ok(()),
            Ok(Comparison::Ahead) => {
                self.happen(Event::Shown(checkpoint.clone())).await?;
                opinion("ahead", "it extends what is held here, and is followed now")
            }
            Ok(Comparison::Contradicts(evidence)) => Opinion {
                verdict: "fork",
                evidence: Some(self.convict(&evidence, size).await?),
                detail: evidence.rule.meaning().into(),
            },
            Ok(Comparison::Unproven(reason)) => opinion("unproven", &reason),
            Err(error) => opinion("unproven", &error.to_string()),
        };
        if matches!(opinion.verdict, "fork" | "unproven") {
            self.judge_kept(&checkpoint, &opinion).await?;
        }
        if let Asker::Reader(reply) = asker {
            // Whoever asked may have gone.
            let _ = reply.send(opinion);
        }
        Ok(())
    }

    /// Asks the log again about one of the heads that are kept, each in its turn.
    pub(super) async fn compare_a_kept_head(&mut self) -> Result<(), Fatal> {
        if self.compared.elapsed() < AGAIN {
            return Ok(());
        }
        self.compared = Instant::now();
        let (store, log) = (&self.shared.store, self.known.mirror.log);
        let above = self.compared_to.max(self.mirrored().size);
        let Some(kept) = store.unexplained_above(log, above).await? else {
            // The next time begins with the smallest.
            self.compared_to = self.mirrored().size;
            return Ok(());
        };
        self.compared_to = kept.head.size;
        if self.followed != Some(kept.head)
            && let Some(checkpoint) = self.known.signed(&kept.note)
        {
            self.begin_comparison(checkpoint, Asker::Ourselves);
        }
        Ok(())
    }
}
