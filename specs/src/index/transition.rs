//! The transition proof: which root follows from a root and the indexes inserted after it.

use serde_json::Value;

use super::node;
use super::proof::IndexProof;
use super::verify::Terminal;
use super::{IndexError, IndexKey};
use crate::hash::Hash;
use crate::head::hashes;
use crate::json::Json;

/// How many insertions one transition proof shows.
pub const MAX_INSERTED: usize = 1 << 18;

/// An index proof that the inserted indexes were absent, with the values they get. Proven only by
/// [`TransitionProof::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionProof {
    pub(super) proof: IndexProof,
    pub(super) values: Vec<Hash>,
}

impl TransitionProof {
    /// The value of each inserted index, in the order of the indexes. The caller compares them
    /// with the entries; the proof says nothing about where they come from.
    pub fn values(&self) -> &[Hash] {
        &self.values
    }

    /// The proof that the inserted indexes were absent.
    pub fn proof(&self) -> &IndexProof {
        &self.proof
    }

    /// Parses the JSON of a proof of at most [`MAX_INSERTED`] insertions.
    pub fn from_json(json: Json) -> Result<Self, IndexError> {
        let mut object = json.into_object("the transition proof")?;
        let proof = IndexProof::take(&mut object, MAX_INSERTED)?;
        let values = object.base64_hashes("values", MAX_INSERTED)?;
        object.finish()?;
        // SPEC(INDEX-14)
        if values.len() != proof.results.len() {
            return Err(IndexError::ValueCount {
                got: values.len(),
                expected: proof.results.len(),
            });
        }
        Ok(Self { proof, values })
    }

    /// The JSON that [`TransitionProof::from_json`] parses.
    pub fn to_json(&self) -> Value {
        let mut json = self.proof.to_json();
        if let Some(object) = json.as_object_mut() {
            object.insert("values".into(), hashes(&self.values));
        }
        json
    }

    /// Checks that `inserted` were absent under `old_root` and gives the root after their
    /// insertion.
    pub fn verify(&self, old_root: &Hash, inserted: &[IndexKey]) -> Result<Hash, IndexError> {
        // SPEC(INDEX-15)
        for pair in inserted.windows(2) {
            if let [one, next] = pair
                && one >= next
            {
                return Err(IndexError::NotAscending(*next));
            }
        }
        let before = self.proof.verify(old_root, inserted)?;
        // SPEC(INDEX-16)
        if let Some((index, _)) = inserted
            .iter()
            .zip(before)
            .find(|(_, value)| value.is_some())
        {
            return Err(IndexError::Present(*index));
        }
        let new: Vec<(IndexKey, Hash)> = inserted
            .iter()
            .copied()
            .zip(self.values.iter().copied())
            .collect();
        // The indexes ascend, so the searches stand in the order of `new`.
        let searches = self.proof.searches(inserted)?;
        // SPEC(INDEX-17)
        let new_root = self.proof.root(&searches, |terminal, group, depth| {
            let start = group.first().map_or(0, |search| search.position);
            let mut leaves = new
                .get(start..start + group.len())
                .unwrap_or_default()
                .to_vec();
            if let Terminal::Leaf { index, value } = terminal {
                let at = leaves.partition_point(|(other, _)| other < index);
                leaves.insert(at, (*index, *value));
            }
            node::minimal(&leaves, depth)
        })?;
        Ok(new_root.unwrap_or(*old_root))
    }
}
