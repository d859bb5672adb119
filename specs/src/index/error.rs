//! Why the index refuses.

use super::IndexKey;
use crate::Blame;
use crate::json::JsonError;

/// Why a proof was refused, or a batch not inserted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Not the JSON of a proof.
    #[error("not an index proof: {0}")]
    Json(#[from] JsonError),
    /// A depth above 256.
    #[error("depth {0} in a tree of depth 256")]
    Depth(u64),
    /// More elements than the results have siblings.
    #[error("more elements than the results have siblings")]
    TooManyElements,
    /// Not one result for each search.
    #[error("{got} results for {expected} searches")]
    ResultCount {
        /// Results given.
        got: usize,
        /// Searches asked.
        expected: usize,
    },
    /// Not one value for each inserted index.
    #[error("{got} values for {expected} results")]
    ValueCount {
        /// Values given.
        got: usize,
        /// Results given.
        expected: usize,
    },
    /// A result shows, as another leaf, the very index that was searched.
    #[error("{0} is said to be absent and shown as the leaf at its place")]
    LeafIsSearched(IndexKey),
    /// A result shows a leaf that does not lie where the search ended.
    #[error("the leaf shown for {0} lies elsewhere")]
    LeafElsewhere(IndexKey),
    /// Two results say different things about one place of the tree.
    #[error("two results contradict each other at {0}")]
    Contradiction(IndexKey),
    /// A node that a minimal tree does not have: its children are empty, or one leaf.
    #[error("the tree around {0} is not minimal")]
    NotMinimal(IndexKey),
    /// The elements end too early.
    #[error("an element is missing")]
    MissingElement,
    /// Elements that no result needs.
    #[error("{0} elements that no result needs")]
    UnusedElements(usize),
    /// The proof leads to another root.
    #[error("the proof does not lead to the root")]
    Root,
    /// An index to insert is in the tree already.
    #[error("{0} is in the tree already")]
    Present(IndexKey),
    /// Indexes to insert must ascend, each once.
    #[error("{0} does not follow the index before it")]
    NotAscending(IndexKey),
    /// The tree in memory holds at most 2^31 indexes.
    #[error("the tree is full")]
    Full,
}

impl IndexError {
    /// Whose fault it is. A proof that does not hold is never evidence.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Json(_)
            | Self::Depth(_)
            | Self::TooManyElements
            | Self::ValueCount { .. }
            | Self::LeafIsSearched(_)
            | Self::LeafElsewhere(_) => Blame::Malformed,
            Self::ResultCount { .. }
            | Self::Contradiction(_)
            | Self::NotMinimal(_)
            | Self::MissingElement
            | Self::UnusedElements(_)
            | Self::Root
            | Self::Present(_) => Blame::Unproven,
            Self::NotAscending(_) | Self::Full => Blame::Misuse,
        }
    }
}
