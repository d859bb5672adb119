//! Whatever head with the log's own signature reaches this auditor, by whatever door, is kept before
//! anything is asked of anybody and before anybody is answered.
//!
//! What is held decides at once about heads that are not larger, and about two heads of one size,
//! without a turn and without the network. Larger ones are kept until the log has grown past them:
//! then they are explained and forgotten, or they convict it. Out of scope: asking others about
//! larger ones meanwhile, which is in `comparing`.

use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::merkle::build::{root, tiles_for_root};
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::rules::Rule;

use super::{Desk, Opinion};
use crate::alert::{Alert, Severity};
use crate::audit::{Break, Event, State};
use crate::clock::Clock;
use crate::compare::Comparison;
use crate::evidence::AccuseError;
use crate::follow::Fatal;
use crate::mirror::{Mirror, MirrorError};
use crate::peers::{HeadVerdict, ShownHead};
use crate::store::{CALM, Kept, MAX_UNEXPLAINED};

/// The code of the alert about a log with more unexplained heads than can be kept.
const UNSHOWN_HEADS: &str = "unshown-heads";
/// Heads that are explained at once.
const BATCH: u32 = 256;

/// Keeps heads of one log. It needs the database and nobody's turn.
#[derive(Debug, Clone)]
pub struct Ear {
    pub(super) mirror: Mirror,
    pub(super) clock: Clock,
}

impl Ear {
    /// Keeps a head whose log signature was verified, unless it is one of the tree that is held up to
    /// `mirrored`: anybody can say those again, and they say nothing. When there is no room, the alert
    /// about it is durable before this returns.
    pub async fn hear(
        &self,
        checkpoint: &SignedCheckpoint,
        mirrored: TreeHead,
    ) -> Result<Kept, MirrorError> {
        let head = checkpoint.head();
        // SPEC(WIT-16)
        if head.size == TreeSize::ZERO
            || (head.size <= mirrored.size && self.mirror.root(head.size).await? == head.root)
        {
            return Ok(Kept::There);
        }
        let (store, log, time) = (&self.mirror.store, self.mirror.log, self.clock.now_s());
        let note = checkpoint.to_bytes();
        let kept = store
            .keep_unexplained(log, head, &note, MAX_UNEXPLAINED, time)
            .await?;
        if kept == Kept::NoRoom && !store.lasts(log, UNSHOWN_HEADS).await? {
            // SPEC(WIT-13)
            store.raise(Some(log), &unshown(), time).await?;
        }
        Ok(kept)
    }
}

fn unshown() -> Alert {
    Alert {
        severity: Severity::Policy,
        code: UNSHOWN_HEADS,
        subject: String::new(),
        text: format!(
            "the log signs heads that it does not show: {MAX_UNEXPLAINED} heads that bear its \
             signature are kept here, and what they cover was not shown to this auditor. No more can \
             be kept, so nothing of this log is cosigned until most of them are explained"
        ),
    }
}

impl Desk {
    /// Hears a head that came by a way that leads to the desk itself, and decides what it can.
    pub(super) async fn hear(
        &mut self,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Option<Opinion>, Fatal> {
        let ear = Ear {
            mirror: self.known.mirror.clone(),
            clock: self.shared.clock.clone(),
        };
        ear.hear(checkpoint, self.mirrored()).await?;
        self.weigh(checkpoint).await
    }

    /// Decides about a head that was heard, if what is held suffices.
    pub(super) async fn weigh(
        &mut self,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Option<Opinion>, Fatal> {
        self.hold_if_heads_are_unshown().await?;
        let head = checkpoint.head();
        if let Some(rival) = self.rival(head).await? {
            return self.contradict(&rival, checkpoint).await.map(Some);
        }
        let Some(mirrored) = self.known.mirrored.clone() else {
            return Ok(None);
        };
        if head == mirrored.head() {
            return Ok(Some(opinion("same", "it is the newest head held here")));
        }
        if head.size > mirrored.head().size {
            return Ok(None);
        }
        if head.size == TreeSize::ZERO || self.known.mirror.root(head.size).await? == head.root {
            let detail = "it is an earlier head of the tree held here";
            return Ok(Some(opinion("consistent", detail)));
        }
        self.contradict(&mirrored, checkpoint).await.map(Some)
    }

    /// A head of the same size with another root: held, followed, or kept.
    async fn rival(&self, head: TreeHead) -> Result<Option<SignedCheckpoint>, Fatal> {
        let known = [&self.known.mirrored, &self.known.target];
        let mut known = known.into_iter().flatten();
        let is_rival = |known: &&SignedCheckpoint| {
            known.head().size == head.size && known.head().root != head.root
        };
        if let Some(rival) = known.find(is_rival) {
            return Ok(Some(rival.clone()));
        }
        let (store, log) = (&self.shared.store, self.known.mirror.log);
        let kept = store.rival(log, head).await?;
        Ok(kept.and_then(|kept| self.known.signed(&kept.note)))
    }

    /// Two heads that the log signed cannot both be: convicts, from what is held alone.
    async fn contradict(
        &mut self,
        known: &SignedCheckpoint,
        shown: &SignedCheckpoint,
    ) -> Result<Opinion, Fatal> {
        let size = shown.head().size;
        let found = match self.known.compare_held(known, shown).await {
            Err(AccuseError::Evidence(error)) => Comparison::Unproven(error.to_string()),
            found => found?,
        };
        let opinion = match found {
            Comparison::Contradicts(evidence) => Opinion {
                verdict: "fork",
                evidence: Some(self.convict(&evidence, size.get()).await?),
                detail: evidence.rule.meaning().into(),
            },
            Comparison::Unproven(reason) => {
                // No file proves it, as when no one key signed both. It stands for this auditor; others are not asked to believe it.
                let rule = if known.head().size == size {
                    Rule::Fork
                } else {
                    Rule::Extension
                };
                self.break_without_evidence(rule, size, &reason).await?;
                opinion("unproven", &reason)
            }
            // They were seen to differ.
            Comparison::Same | Comparison::Consistent | Comparison::Ahead => {
                return Err(Fatal::Damaged);
            }
        };
        self.judge_kept(shown, &opinion).await?;
        Ok(opinion)
    }

    async fn break_without_evidence(
        &mut self,
        rule: Rule,
        size: TreeSize,
        reason: &str,
    ) -> Result<(), Fatal> {
        let (store, log) = (&self.shared.store, self.known.mirror.log);
        if !self.convicted {
            let found = Break {
                at: size.get(),
                rule,
            };
            let time = self.shared.clock.now_s();
            store.keep_break(log, &found, Err(reason), time).await?;
            self.convicted = true;
        }
        let open = self.open_break().await?;
        self.happen(open).await
    }

    /// Explains the kept heads that are no larger than what is held; one that does not fit convicts.
    /// Called before anything is cosigned.
    pub(super) async fn settle(&mut self) -> Result<(), Fatal> {
        let Some(mirrored) = self.known.mirrored.clone() else {
            return Ok(());
        };
        let (store, log) = (self.shared.store.clone(), self.known.mirror.log);
        loop {
            // SPEC(WIT-11)
            if self.convicted {
                return Ok(());
            }
            let kept = store.explicable(log, mirrored.head().size, BATCH).await?;
            if kept.is_empty() {
                break;
            }
            // Neighbours share most of their tiles.
            let mut paths: Vec<_> = kept
                .iter()
                .flat_map(|kept| tiles_for_root(kept.head.size))
                .collect();
            paths.sort_by_key(|path| (path.kind(), path.index()));
            paths.dedup_by_key(|path| (path.kind(), path.index()));
            let tiles = store.tiles(log, &paths).await?;
            let mut explained = Vec::new();
            for kept in kept {
                let own = root(kept.head.size, &tiles).map_err(MirrorError::from)?;
                if own == kept.head.root {
                    explained.push(kept.head);
                } else if let Some(checkpoint) = self.known.signed(&kept.note) {
                    self.contradict(&mirrored, &checkpoint).await?;
                } else {
                    // Verified when it was kept, by a key that is configured no more.
                    self.judge_as(
                        &kept,
                        HeadVerdict::Unproven,
                        "its key is no longer known here",
                    )
                    .await?;
                }
            }
            store.forget_explained(log, &explained).await?;
        }
        self.end_hold().await
    }

    /// Looks through what is kept, at the start: a crash may have come between a head and its verdict.
    pub(super) async fn take_stock(&mut self) -> Result<(), Fatal> {
        let (store, log) = (self.shared.store.clone(), self.known.mirror.log);
        self.hold_if_heads_are_unshown().await?;
        self.convicted = store.conviction(log).await?.is_some();
        if !self.convicted
            && let Some(rival) = store.any_rival(log).await?
            && let Some(checkpoint) = self.known.signed(&rival.note)
        {
            self.weigh(&checkpoint).await?;
        }
        self.settle().await
    }

    async fn hold_if_heads_are_unshown(&mut self) -> Result<(), Fatal> {
        let (store, log) = (&self.shared.store, self.known.mirror.log);
        let unshown = store.lasts(log, UNSHOWN_HEADS).await?;
        if unshown != self.state.unshown {
            self.happen(Event::Unshown(unshown)).await?;
        }
        Ok(())
    }

    async fn end_hold(&mut self) -> Result<(), Fatal> {
        if !self.state.unshown {
            return Ok(());
        }
        let (store, log) = (&self.shared.store, self.known.mirror.log);
        if store.unexplained(log).await? <= CALM {
            self.resolve(UNSHOWN_HEADS).await?;
            self.happen(Event::Unshown(false)).await?;
        }
        Ok(())
    }

    /// Remembers what was found out about a kept head.
    pub(super) async fn judge_kept(
        &self,
        checkpoint: &SignedCheckpoint,
        opinion: &Opinion,
    ) -> Result<(), Fatal> {
        let verdict = match opinion.verdict {
            "fork" => HeadVerdict::Conflict,
            _ => HeadVerdict::Unproven,
        };
        let shown = ShownHead {
            source: String::new(),
            head: checkpoint.head(),
            note: Vec::new(),
            verdict,
            detail: String::new(),
            evidence: opinion.evidence.clone(),
            own: self.mirrored(),
            time: self.shared.clock.now_s(),
        };
        self.judge_as(&shown, verdict, &opinion.detail).await
    }

    async fn judge_as(
        &self,
        kept: &ShownHead,
        verdict: HeadVerdict,
        detail: &str,
    ) -> Result<(), Fatal> {
        let shown = ShownHead {
            verdict,
            detail: detail.into(),
            own: self.mirrored(),
            time: self.shared.clock.now_s(),
            ..kept.clone()
        };
        let (store, log) = (&self.shared.store, self.known.mirror.log);
        Ok(store.judge_unexplained(log, &shown).await?)
    }

    /// The newest head of which everything is held.
    pub(super) fn mirrored(&self) -> TreeHead {
        let mirrored = self.known.mirrored.as_ref();
        mirrored.map_or_else(State::nothing_signed, SignedCheckpoint::head)
    }
}

pub(super) fn opinion(verdict: &'static str, detail: &str) -> Opinion {
    Opinion {
        verdict,
        evidence: None,
        detail: detail.into(),
    }
}
