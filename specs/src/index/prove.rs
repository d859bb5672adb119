//! Proves what the tree in memory holds.

use super::page::{Kind, Node};
use super::proof::{IndexProof, SearchResult};
use super::transition::TransitionProof;
use super::tree::{Tree, refuse_disorder};
use super::{IndexError, IndexKey, node};
use crate::hash::Hash;

impl Tree {
    /// Proves for each index its value or its absence, in the order given. Others parse proofs of
    /// at most [`MAX_RESULTS`](super::MAX_RESULTS) searches.
    pub fn prove(&self, searched: &[IndexKey]) -> IndexProof {
        let mut sorted: Vec<(IndexKey, usize)> = searched.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        let mut walk = Walk {
            results: vec![SearchResult::Empty { depth: 0 }; searched.len()],
            elements: Vec::new(),
        };
        let root = Place {
            node: self.top(),
            depth: 0,
            is_stored: true,
        };
        if !sorted.is_empty() {
            walk.visit(root, &sorted);
        }
        IndexProof {
            results: walk.results,
            elements: walk.elements,
        }
    }

    /// Proves which root follows when `inserted`, which ascend and are not in the tree, come to
    /// it. The tree stays as it is.
    pub fn prove_insertion(
        &self,
        inserted: &[(IndexKey, Hash)],
    ) -> Result<TransitionProof, IndexError> {
        refuse_disorder(inserted)?;
        let indexes: Vec<IndexKey> = inserted.iter().map(|(index, _)| *index).collect();
        if let Some(present) = indexes.iter().find(|index| self.value(index).is_some()) {
            return Err(IndexError::Present(*present));
        }
        Ok(TransitionProof {
            proof: self.prove(&indexes),
            values: inserted.iter().map(|(_, value)| *value).collect(),
        })
    }
}

/// A place of the tree, stored or not.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The stored node at it or below it.
    node: Option<Node<'a>>,
    depth: usize,
    /// Whether it lies just under a stored node, so that its hash is stored, and not between two.
    is_stored: bool,
}

struct Walk {
    results: Vec<SearchResult>,
    elements: Vec<Hash>,
}

impl Walk {
    fn visit(&mut self, place: Place<'_>, searches: &[(IndexKey, usize)]) {
        if searches.is_empty() {
            self.elements.push(place.hash());
            return;
        }
        match place.node.map(Node::kind) {
            None => self.end(searches, place.depth, None),
            Some(Kind::Leaf(leaf)) => {
                self.end(searches, place.depth, Some((leaf.index, leaf.value)));
            }
            Some(Kind::Fork { depth, left, right }) => {
                let fork = searches.partition_point(|(index, _)| !index.bit(place.depth));
                let (left_searches, right_searches) = searches.split_at(fork);
                let [left, right] = place.children(depth, left, right);
                self.visit(left, left_searches);
                self.visit(right, right_searches);
            }
        }
    }

    /// The searches end at a leaf or at an empty place.
    fn end(
        &mut self,
        searches: &[(IndexKey, usize)],
        depth: usize,
        leaf: Option<(IndexKey, Hash)>,
    ) {
        // A depth is at most 256.
        let depth = u16::try_from(depth).unwrap_or(u16::MAX);
        for (searched, position) in searches {
            let result = match leaf {
                None => SearchResult::Empty { depth },
                Some((index, value)) if index == *searched => {
                    SearchResult::Inclusion { depth, value }
                }
                Some((index, value)) => SearchResult::Leaf {
                    depth,
                    index,
                    value,
                },
            };
            if let Some(slot) = self.results.get_mut(*position) {
                *slot = result;
            }
        }
    }
}

impl<'a> Place<'a> {
    /// The two places below, where the node at this place or below it parts at `fork`.
    fn children(self, fork: usize, left: Node<'a>, right: Node<'a>) -> [Self; 2] {
        let depth = self.depth + 1;
        if self.depth == fork {
            return [left, right].map(|node| Self {
                node: Some(node),
                depth,
                is_stored: true,
            });
        }
        let on = Self {
            node: self.node,
            depth,
            is_stored: false,
        };
        let off = Self { node: None, ..on };
        if left.below().bit(self.depth) {
            [off, on]
        } else {
            [on, off]
        }
    }

    fn hash(self) -> Hash {
        let Some(node) = self.node else {
            return Hash::ZERO;
        };
        match node.kind() {
            Kind::Fork { depth, left, right } if !self.is_stored => {
                let hash = node::parent(&left.hash(), &right.hash());
                node::lift(hash, left.below(), depth, self.depth)
            }
            Kind::Fork { .. } | Kind::Leaf(_) => node.hash(),
        }
    }
}
