//! Verifies index proofs.
//!
//! The results say where each search ended, and so how the searched part of the tree is shaped.
//! One walk over that shape, from left to right, takes an element wherever no search went and
//! joins the hashes. Nothing else about the tree is believed.

use super::proof::{IndexProof, SearchResult};
use super::{IndexError, IndexKey, node};
use crate::hash::Hash;

/// What the place at which a search ended holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terminal {
    Empty,
    Leaf { index: IndexKey, value: Hash },
}

impl Terminal {
    pub(super) fn hash(&self) -> Hash {
        match self {
            Self::Empty => Hash::ZERO,
            Self::Leaf { index, value } => node::leaf(index, value),
        }
    }
}

/// One search: what was searched, and where and how it ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    pub(super) index: IndexKey,
    /// The position in the order searched.
    pub(super) position: usize,
    depth: usize,
    terminal: Terminal,
}

impl IndexProof {
    /// Checks the proof for `searched`, in this order, against a root. The answer has for each
    /// search the value, or `None` for an index that is not in the tree.
    pub fn verify(
        &self,
        root: &Hash,
        searched: &[IndexKey],
    ) -> Result<Vec<Option<Hash>>, IndexError> {
        let sorted = self.searches(searched)?;
        // SPEC(INDEX-11)
        let found = self.root(&sorted, |terminal, _, _| terminal.hash())?;
        if found.is_some_and(|found| found != *root) {
            return Err(IndexError::Root);
        }
        Ok(self
            .results
            .iter()
            .map(|result| match result {
                SearchResult::Inclusion { value, .. } => Some(*value),
                SearchResult::Leaf { .. } | SearchResult::Empty { .. } => None,
            })
            .collect())
    }

    /// The searches with their results, in ascending order of indexes.
    pub(super) fn searches(&self, searched: &[IndexKey]) -> Result<Vec<Search>, IndexError> {
        // SPEC(INDEX-6)
        if self.results.len() != searched.len() {
            return Err(IndexError::ResultCount {
                got: self.results.len(),
                expected: searched.len(),
            });
        }
        let mut sorted = Vec::with_capacity(searched.len());
        for (position, (index, result)) in searched.iter().zip(&self.results).enumerate() {
            let index = *index;
            sorted.push(Search {
                index,
                position,
                depth: result.depth(),
                terminal: terminal(index, result)?,
            });
        }
        sorted.sort_by_key(|search| search.index);
        Ok(sorted)
    }

    /// The root that the results and elements lead to when each place where searches ended has
    /// the hash that `place` gives for it, for the searches that ended there, and for its depth.
    /// `None` without searches: then nothing is said about any root.
    pub(super) fn root(
        &self,
        searches: &[Search],
        place: impl FnMut(&Terminal, &[Search], usize) -> Hash,
    ) -> Result<Option<Hash>, IndexError> {
        let mut walk = Walk {
            elements: &self.elements,
            place,
        };
        // SPEC(INDEX-12): a proof without results has no elements either.
        let root = match searches {
            [] => None,
            _ => Some(walk.node(searches, 0)?.0),
        };
        // SPEC(INDEX-9)
        match walk.elements.len() {
            0 => Ok(root),
            unused => Err(IndexError::UnusedElements(unused)),
        }
    }
}

fn terminal(searched: IndexKey, result: &SearchResult) -> Result<Terminal, IndexError> {
    match *result {
        SearchResult::Empty { .. } => Ok(Terminal::Empty),
        SearchResult::Inclusion { value, .. } => Ok(Terminal::Leaf {
            index: searched,
            value,
        }),
        // SPEC(INDEX-7)
        SearchResult::Leaf { index, .. } if index == searched => {
            Err(IndexError::LeafIsSearched(searched))
        }
        SearchResult::Leaf { index, .. } if index.shared_bits(&searched) < result.depth() => {
            Err(IndexError::LeafElsewhere(searched))
        }
        SearchResult::Leaf { index, value, .. } => Ok(Terminal::Leaf { index, value }),
    }
}

/// What is known about a node, for the check that the tree is minimal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Empty,
    Leaf,
    /// An inner node, or an element: a hash that says nothing about itself.
    Other,
}

struct Walk<'a, F> {
    /// Those not yet used.
    elements: &'a [Hash],
    place: F,
}

impl<F: FnMut(&Terminal, &[Search], usize) -> Hash> Walk<'_, F> {
    /// The node at `depth` that all of `searches` reached; an element if there are none.
    fn node(&mut self, searches: &[Search], depth: usize) -> Result<(Hash, Shape), IndexError> {
        let Some(first) = searches.first() else {
            return self.element();
        };
        if first.depth <= depth {
            return self.terminal(first, searches, depth);
        }
        let fork = searches.partition_point(|search| !search.index.bit(depth));
        let (left, right) = searches.split_at(fork);
        let (left_hash, left) = self.node(left, depth + 1)?;
        let (right_hash, right) = self.node(right, depth + 1)?;
        // SPEC(INDEX-10)
        match (left, right) {
            (Shape::Empty, Shape::Empty | Shape::Leaf) | (Shape::Leaf, Shape::Empty) => {
                Err(IndexError::NotMinimal(first.index))
            }
            _ => Ok((node::parent(&left_hash, &right_hash), Shape::Other)),
        }
    }

    fn element(&mut self) -> Result<(Hash, Shape), IndexError> {
        let (element, rest) = self
            .elements
            .split_first()
            .ok_or(IndexError::MissingElement)?;
        self.elements = rest;
        let shape = match *element {
            Hash::ZERO => Shape::Empty,
            _ => Shape::Other,
        };
        Ok((*element, shape))
    }

    /// The place where all of `searches` must have ended, and alike.
    fn terminal(
        &mut self,
        first: &Search,
        searches: &[Search],
        depth: usize,
    ) -> Result<(Hash, Shape), IndexError> {
        // SPEC(INDEX-8): one place, one content; and no search went on below it.
        for search in searches {
            if search.depth != depth || search.terminal != first.terminal {
                return Err(IndexError::Contradiction(search.index));
            }
        }
        let shape = match first.terminal {
            Terminal::Empty => Shape::Empty,
            Terminal::Leaf { .. } => Shape::Leaf,
        };
        Ok(((self.place)(&first.terminal, searches, depth), shape))
    }
}
