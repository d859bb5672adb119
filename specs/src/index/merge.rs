//! One proof out of several.
//!
//! Whoever was given proofs for parts of what they need, all of one root, holds every hash of the
//! proof for all of it: a place beside the way to an index was either beside that way in the proof that
//! has it, or is on the way to another index, and then joined from what is below it.

use std::collections::BTreeMap;

use super::proof::{IndexProof, SearchResult};
use super::{IndexError, IndexKey, node};
use crate::hash::Hash;

/// A place of the tree: its depth, and an index below it.
type Ways = BTreeMap<(usize, [u8; 32]), Hash>;

impl IndexProof {
    /// The proof for `searched`, in this order, out of `parts`, each with what was searched for it. It
    /// is the one that the tree itself would give. Each part must hold against `root`.
    pub fn merge(
        root: &Hash,
        parts: &[(&Self, &[IndexKey])],
        searched: &[IndexKey],
    ) -> Result<Self, IndexError> {
        let mut known = Known {
            hashes: Ways::new(),
            results: BTreeMap::new(),
        };
        for (part, indexes) in parts {
            part.verify(root, indexes)?;
            known.learn(part, indexes)?;
        }
        let results = searched
            .iter()
            .map(|index| known.results.get(index).copied())
            .collect::<Option<Vec<_>>>()
            .ok_or(IndexError::ResultCount {
                got: known.results.len(),
                expected: searched.len(),
            })?;
        let mut sorted: Vec<_> = searched
            .iter()
            .copied()
            .zip(results.iter().copied())
            .collect();
        sorted.sort_by_key(|(index, _)| *index);
        let mut elements = Vec::new();
        if let Some((first, _)) = sorted.first() {
            known.emit(&sorted, (0, *first), &mut elements)?;
        }
        Ok(Self { results, elements })
    }
}

/// What the parts show.
struct Known {
    hashes: Ways,
    results: BTreeMap<IndexKey, SearchResult>,
}

impl Known {
    /// Notes every hash of a proof that was verified.
    fn learn(&mut self, part: &IndexProof, indexes: &[IndexKey]) -> Result<(), IndexError> {
        let mut sorted: Vec<_> = indexes
            .iter()
            .copied()
            .zip(part.results.iter().copied())
            .collect();
        sorted.sort_by_key(|(index, _)| *index);
        self.results.extend(sorted.iter().copied());
        let mut elements = part.elements.iter();
        if let Some((first, _)) = sorted.first() {
            self.walk(&sorted, (0, *first), &mut elements)?;
        }
        Ok(())
    }

    /// The hash at a place: of where searches ended, of an element, or joined.
    fn walk<'e>(
        &mut self,
        searches: &[(IndexKey, SearchResult)],
        (depth, below): (usize, IndexKey),
        elements: &mut impl Iterator<Item = &'e Hash>,
    ) -> Result<Hash, IndexError> {
        let hash = match searches.first() {
            None => *elements.next().ok_or(IndexError::MissingElement)?,
            Some((searched, result)) if result.depth() <= depth => match result {
                SearchResult::Empty { .. } => Hash::ZERO,
                SearchResult::Inclusion { value, .. } => node::leaf(searched, value),
                SearchResult::Leaf { index, value, .. } => node::leaf(index, value),
            },
            Some(_) => {
                let fork = searches.partition_point(|(index, _)| !index.bit(depth));
                let (left, right) = searches.split_at(fork);
                let [zero, one] = children(below, depth);
                let left = self.walk(left, (depth + 1, zero), elements)?;
                let right = self.walk(right, (depth + 1, one), elements)?;
                node::parent(&left, &right)
            }
        };
        self.hashes.insert((depth, way(below, depth)), hash);
        Ok(hash)
    }

    /// The elements of the proof for these searches.
    fn emit(
        &self,
        searches: &[(IndexKey, SearchResult)],
        (depth, below): (usize, IndexKey),
        elements: &mut Vec<Hash>,
    ) -> Result<(), IndexError> {
        match searches.first() {
            None => {
                let known = self.hashes.get(&(depth, way(below, depth)));
                elements.push(*known.ok_or(IndexError::MissingElement)?);
            }
            Some((_, result)) if result.depth() <= depth => {}
            Some(_) => {
                let fork = searches.partition_point(|(index, _)| !index.bit(depth));
                let (left, right) = searches.split_at(fork);
                let [zero, one] = children(below, depth);
                self.emit(left, (depth + 1, zero), elements)?;
                self.emit(right, (depth + 1, one), elements)?;
            }
        }
        Ok(())
    }
}

/// An index below each of the two places under one.
fn children(below: IndexKey, depth: usize) -> [IndexKey; 2] {
    let mut bytes = *below.as_bytes();
    let mask = 0x80 >> (depth % 8);
    let mut child = |is_one: bool| {
        if let Some(byte) = bytes.get_mut(depth / 8) {
            *byte = if is_one { *byte | mask } else { *byte & !mask };
        }
        IndexKey::from_bytes(bytes)
    };
    [child(false), child(true)]
}

/// The first `depth` bits of an index.
fn way(index: IndexKey, depth: usize) -> [u8; 32] {
    let mut bytes = *index.as_bytes();
    for (place, byte) in bytes.iter_mut().enumerate() {
        let kept = depth.saturating_sub(place * 8).min(8);
        *byte &= !u8::try_from(0xff_u16 >> kept).unwrap_or(0);
    }
    bytes
}
