//! The index proof: what it holds, and its JSON.

use serde_json::{Value, json};

use super::{IndexError, IndexKey};
use crate::codec::to_base64;
use crate::hash::Hash;
use crate::head::hashes;
use crate::json::{Json, JsonError, Object};

/// How many searches one index proof answers.
pub const MAX_RESULTS: usize = 4096;
/// The deepest place of the tree.
const MAX_DEPTH: u64 = 256;

/// How one search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchResult {
    /// At the searched index's own leaf.
    Inclusion {
        /// The leaf's depth, 0 to 256.
        depth: u16,
        /// The index's value.
        value: Hash,
    },
    /// At another index's leaf: the searched one is not in the tree.
    Leaf {
        /// The leaf's depth.
        depth: u16,
        /// The other index.
        index: IndexKey,
        /// Its value.
        value: Hash,
    },
    /// At an empty place: the searched index is not in the tree.
    Empty {
        /// The depth of the place.
        depth: u16,
    },
}

impl SearchResult {
    /// The depth at which the search ended.
    pub fn depth(&self) -> usize {
        match self {
            Self::Inclusion { depth, .. } | Self::Leaf { depth, .. } | Self::Empty { depth } => {
                usize::from(*depth)
            }
        }
    }
}

/// Shows, against one root, for each of several searched indexes its value or its absence.
/// Parsed and bounded, but proven only by [`IndexProof::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexProof {
    /// One for each search, in the order searched.
    pub(super) results: Vec<SearchResult>,
    /// The hashes beside the ways to the results, from left to right, each once.
    pub(super) elements: Vec<Hash>,
}

impl IndexProof {
    /// One result for each search, in the order searched; unproven.
    pub fn results(&self) -> &[SearchResult] {
        &self.results
    }

    /// The hashes beside the ways to the results, from left to right.
    pub fn elements(&self) -> &[Hash] {
        &self.elements
    }

    /// Parses the JSON of a proof with at most [`MAX_RESULTS`] results.
    pub fn from_json(json: Json) -> Result<Self, IndexError> {
        let mut object = json.into_object("the index proof")?;
        let proof = Self::take(&mut object, MAX_RESULTS)?;
        object.finish()?;
        Ok(proof)
    }

    /// The JSON that [`IndexProof::from_json`] parses.
    pub fn to_json(&self) -> Value {
        let results: Vec<Value> = self
            .results
            .iter()
            .copied()
            .map(SearchResult::to_json)
            .collect();
        json!({ "results": results, "elements": hashes(&self.elements) })
    }

    /// Takes the members of a proof out of the object that has them.
    pub(super) fn take(object: &mut Object, limit: usize) -> Result<Self, IndexError> {
        // SPEC(INDEX-13): the bounds come before any element is decoded.
        let results = object
            .array("results", limit)?
            .into_iter()
            .map(SearchResult::from_json)
            .collect::<Result<Vec<_>, _>>()?;
        let siblings = results.iter().map(SearchResult::depth).sum();
        let elements = object.base64_hashes("elements", siblings)?;
        Ok(Self { results, elements })
    }
}

impl SearchResult {
    fn from_json(json: Json) -> Result<Self, IndexError> {
        // SPEC(INDEX-5)
        let mut object = json.into_object("results")?;
        let kind = object.string("type")?;
        let depth = depth(object.integer("depth")?)?;
        let result = match kind.as_str() {
            "inclusion" => {
                let value = object.base64_hash("value")?;
                Self::Inclusion { depth, value }
            }
            "leaf" => {
                let mut leaf = object.object("leaf")?;
                let index = IndexKey::from_bytes(leaf.base64_array("index")?);
                let value = leaf.base64_hash("value")?;
                leaf.finish()?;
                Self::Leaf {
                    depth,
                    index,
                    value,
                }
            }
            "empty" => Self::Empty { depth },
            _ => {
                return Err(IndexError::Json(JsonError::Wrong {
                    member: "type".into(),
                    expected: "inclusion, leaf or empty",
                }));
            }
        };
        object.finish()?;
        Ok(result)
    }

    fn to_json(self) -> Value {
        match self {
            Self::Inclusion { depth, value } => {
                json!({ "type": "inclusion", "depth": depth, "value": value.to_base64() })
            }
            Self::Leaf {
                depth,
                index,
                value,
            } => {
                let leaf =
                    json!({ "index": to_base64(index.as_bytes()), "value": value.to_base64() });
                json!({ "type": "leaf", "depth": depth, "leaf": leaf })
            }
            Self::Empty { depth } => json!({ "type": "empty", "depth": depth }),
        }
    }
}

fn depth(number: u64) -> Result<u16, IndexError> {
    match u16::try_from(number) {
        Ok(depth) if number <= MAX_DEPTH => Ok(depth),
        _ => Err(IndexError::Depth(number)),
    }
}
