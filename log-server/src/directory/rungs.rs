//! The rungs that an owner watches, proved whether they are in the index or not.

use std::sync::Arc;

use plainsight_specs::watch::{RungsAnswer, RungsRequest};

use super::{Directory, DirectoryError, Prover, Published};
use crate::source::Rows;

impl<P: Published, V: Prover, R: Rows> Directory<'_, P, V, R> {
    /// The answer to `POST /v1/rungs`.
    pub async fn rungs(&self, request: &RungsRequest) -> Result<RungsAnswer, DirectoryError> {
        let (mut proofs, mut searched) = (Vec::new(), Vec::new());
        for rung in request.rungs() {
            let (proof, key) = self.vrf.prove(&request.label, rung);
            proofs.push(proof);
            searched.push(key);
        }
        let (head, index) = self
            .published
            .read(|index, head| (Arc::clone(head), index.prove(&searched)))?;
        Ok(RungsAnswer {
            head: self.head_block(&head, request.since).await?,
            vrf: proofs,
            index,
        })
    }
}
