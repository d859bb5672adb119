//! Proves what the tree in memory holds.

use super::insert::refuse_disorder;
use super::proof::{IndexProof, SearchResult};
use super::transition::TransitionProof;
use super::tree::{Link, Node, Tree};
use super::{IndexError, IndexKey, node};
use crate::hash::Hash;

impl Tree {
    /// Proves for each index its value or its absence, in the order given. Others parse proofs of
    /// at most [`MAX_RESULTS`](super::MAX_RESULTS) searches.
    pub fn prove(&self, searched: &[IndexKey]) -> IndexProof {
        let mut sorted: Vec<(IndexKey, usize)> = searched.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        let mut walk = Walk {
            tree: self,
            results: vec![SearchResult::Empty { depth: 0 }; searched.len()],
            elements: Vec::new(),
        };
        let root = Place {
            link: self.root,
            depth: 0,
            hash: Some(self.root_hash),
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
struct Place {
    /// The stored node at it or below it.
    link: Option<Link>,
    depth: usize,
    /// Its hash, unless it lies between two stored nodes.
    hash: Option<Hash>,
}

struct Walk<'a> {
    tree: &'a Tree,
    results: Vec<SearchResult>,
    elements: Vec<Hash>,
}

impl Walk<'_> {
    fn visit(&mut self, place: Place, searches: &[(IndexKey, usize)]) {
        if searches.is_empty() {
            self.elements.push(self.hash(place));
            return;
        }
        match place.link.map(Link::node) {
            None => self.end(searches, place.depth, None),
            Some(Node::Leaf(id)) => {
                let leaf = self.tree.leaves[id as usize];
                self.end(searches, place.depth, Some(leaf));
            }
            Some(Node::Fork(id)) => {
                let fork = searches.partition_point(|(index, _)| !index.bit(place.depth));
                let (left, right) = searches.split_at(fork);
                let [left_place, right_place] = self.children(id, place);
                self.visit(left_place, left);
                self.visit(right_place, right);
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

    /// The two places below one at or above a fork.
    fn children(&self, fork: u32, place: Place) -> [Place; 2] {
        let depth = place.depth + 1;
        if place.depth == self.tree.depth(fork) {
            let links = self.tree.children[fork as usize];
            let hashes = self.tree.hashes[fork as usize];
            return [0, 1].map(|side: usize| Place {
                link: Some(links[side]),
                depth,
                hash: Some(hashes[side]),
            });
        }
        let on = Place {
            link: place.link,
            depth,
            hash: None,
        };
        let off = Place {
            link: None,
            depth,
            hash: None,
        };
        if self.tree.below(Node::Fork(fork)).bit(place.depth) {
            [off, on]
        } else {
            [on, off]
        }
    }

    fn hash(&self, place: Place) -> Hash {
        match (place.hash, place.link.map(Link::node)) {
            (Some(hash), _) => hash,
            (None, None) => Hash::ZERO,
            (None, Some(Node::Fork(id))) => self.tree.fork_hash(id, place.depth),
            (None, Some(Node::Leaf(id))) => {
                let (index, value) = &self.tree.leaves[id as usize];
                node::leaf(index, value)
            }
        }
    }
}
