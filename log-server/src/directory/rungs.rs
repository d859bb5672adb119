//! The rungs that an owner watches, proved whether they are in the index or not.

use plainsight_specs::watch::{RungsAnswer, RungsRequest};

use super::{Directory, DirectoryError};
use crate::source::Rows;

impl<R: Rows> Directory<'_, R> {
    /// The answer to `POST /v1/rungs`.
    pub async fn rungs(&self, request: &RungsRequest) -> Result<RungsAnswer, DirectoryError> {
        let head = self.head_block(request.since).await?;
        let (mut proofs, mut searched) = (Vec::new(), Vec::new());
        for rung in request.rungs() {
            let (proof, output) = self.vrf.prove(&request.label.vrf_input(rung));
            proofs.push(proof);
            searched.push(output.index_key());
        }
        Ok(RungsAnswer {
            head,
            vrf: proofs,
            index: self.index.prove(&searched),
        })
    }
}
