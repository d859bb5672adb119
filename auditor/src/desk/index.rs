//! Index proofs at the head signed last, for owners whom the provider refuses.

use plainsight_specs::head::HeadBlock;
use plainsight_specs::index::IndexKey;
use serde_json::{Map, Value};

use super::Desk;
use crate::follow::Fatal;

/// Indexes in one question.
pub const MAX_INDEXES: usize = 256;

/// The members of the answer: head block and `index`.
#[derive(Debug, Clone)]
pub struct IndexAnswer(pub Map<String, Value>);

impl Desk {
    /// Whether each of these was inserted, void entries apart; `None` while the replay is away.
    pub(super) fn holds(&self, indexes: &[IndexKey]) -> Option<Vec<bool>> {
        let index = self.follower.as_ref()?.replayed.replay.index();
        let held = |searched| index.value(searched).is_some();
        Some(indexes.iter().map(held).collect())
    }

    pub(super) async fn prove_indexes(
        &self,
        indexes: &[IndexKey],
    ) -> Result<Result<IndexAnswer, &'static str>, Fatal> {
        let head = self.state.signed;
        let Some(position) = head.size.last() else {
            return Ok(Err("nothing of this log is cosigned yet"));
        };
        let Some(follower) = &self.follower else {
            return Ok(Err("the log is being followed; ask again"));
        };
        let replay = &follower.replayed.replay;
        // The index is kept for one position only: the newest.
        if replay.head() != head || replay.final_epoch().is_none() {
            return Ok(Err("the newest head is not cosigned; ask again"));
        }
        let (mirror, origin) = (&self.known.mirror, &self.log.origin);
        let row = self.shared.store.log(origin, &self.log.keys).await?;
        let Some(checkpoint) = row.signed_note else {
            return Ok(Err("nothing of this log is cosigned yet"));
        };
        let epoch = mirror.included(position, head.size).await?;
        let block = HeadBlock {
            checkpoint,
            consistency: None,
            epoch: epoch.entry,
            epoch_proof: epoch.inclusion,
        };
        let mut members = block.members();
        members.insert("index".into(), replay.index().prove(indexes).to_json());
        Ok(Ok(IndexAnswer(members)))
    }
}
