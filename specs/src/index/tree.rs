//! The tree in memory.
//!
//! It is made of [pages](super::page) of some 23 leaves that are shared between copies, so that a
//! copy costs nothing and a reader may keep an older tree while it grows: what changes is copied
//! first, a page at a time. A leaf costs some 133 bytes in all.

use std::sync::Arc;

use super::page::{End, Kind, Leaf, Node, Page};
use super::{IndexError, IndexKey};
use crate::hash::Hash;

/// How many indexes are inserted together: few enough for what they touch to stay near.
const RUN: usize = 256;

/// Every index with its value, and the hashes over them. Cloning is cheap: the copy shares what
/// neither changes.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    root: Option<Arc<Page>>,
    root_hash: Hash,
    len: u64,
}

impl Tree {
    /// The most indexes that a tree in memory holds.
    const MAX_LEN: u64 = 1 << 31;

    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many indexes there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The root hash; [`Hash::ZERO`] for the empty tree.
    pub fn root(&self) -> Hash {
        self.root_hash
    }

    /// The value at an index, if it is there.
    pub fn value(&self, index: &IndexKey) -> Option<Hash> {
        let nearest = self.root.as_ref()?.nearest(index);
        (nearest.index == *index).then_some(nearest.value)
    }

    /// The value at each of several indexes, if it is there. Faster than one after the other.
    pub(crate) fn values(&self, indexes: &[IndexKey]) -> Vec<Option<Hash>> {
        let Some(root) = &self.root else {
            return vec![None; indexes.len()];
        };
        let nearest = root.ends(indexes).into_iter().map(End::leaf);
        let pairs = indexes.iter().zip(nearest);
        pairs
            .map(|(index, nearest)| (nearest.index == *index).then_some(nearest.value))
            .collect()
    }

    /// Every index with its value, in ascending order.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            ahead: self.root.iter().map(|page| page.whole()).collect(),
        }
    }

    /// Inserts indexes that ascend, are distinct and are not in the tree. A batch that is refused
    /// leaves the tree as it was.
    pub fn insert_batch(&mut self, batch: &[(IndexKey, Hash)]) -> Result<(), IndexError> {
        refuse_disorder(batch)?;
        if batch.len() as u64 > Self::MAX_LEN - self.len {
            return Err(IndexError::Full);
        }
        for (number, run) in batch.chunks(RUN).enumerate() {
            if let Err(error) = self.insert_run(run) {
                self.remove(batch.get(..number * RUN).unwrap_or_default());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Inserts all of a run or nothing.
    fn insert_run(&mut self, run: &[(IndexKey, Hash)]) -> Result<(), IndexError> {
        let shared = self.shared_bits(run)?;
        let mut before = None;
        for ((index, value), shared) in run.iter().zip(shared) {
            let (index, value) = (*index, *value);
            // Of the run itself, the index before is the nearest.
            let with_before = before.map_or(0, |before| index.shared_bits(&before));
            let leaf = Leaf { index, value };
            match &mut self.root {
                Some(root) => Page::insert(root, leaf, shared.max(with_before)),
                root => *root = Some(Arc::new(Page::new(leaf))),
            }
            before = Some(index);
        }
        if let Some(root) = &mut self.root {
            self.root_hash = Arc::make_mut(root).refresh(0);
        }
        self.len += run.len() as u64;
        Ok(())
    }

    /// How many first bits each index of a run shares with the nearest one in the tree.
    fn shared_bits(&self, run: &[(IndexKey, Hash)]) -> Result<Vec<usize>, IndexError> {
        let Some(root) = &self.root else {
            return Ok(vec![0; run.len()]);
        };
        let indexes: Vec<IndexKey> = run.iter().map(|(index, _)| *index).collect();
        let nearest = root.nearest_each(&indexes);
        let pairs = indexes.iter().zip(nearest);
        pairs
            .map(|(index, nearest)| match nearest.index.shared_bits(index) {
                IndexKey::BITS => Err(IndexError::Present(*index)),
                shared => Ok(shared),
            })
            .collect()
    }

    /// Takes out what a refused batch has inserted: built anew without it, since only a caller's
    /// mistake leads here.
    fn remove(&mut self, inserted: &[(IndexKey, Hash)]) {
        let is_older = |index| {
            inserted
                .binary_search_by_key(index, |(index, _)| *index)
                .is_err()
        };
        let older: Vec<_> = self
            .iter()
            .filter(|(index, _)| is_older(*index))
            .map(|(index, value)| (*index, *value))
            .collect();
        *self = Self::new();
        for run in older.chunks(RUN) {
            // Cannot be refused: they were in the tree, in this order.
            let _ = self.insert_run(run);
        }
    }

    pub(super) fn top(&self) -> Option<Node<'_>> {
        self.root.as_ref().map(|page| page.whole())
    }
}

pub(super) fn refuse_disorder(batch: &[(IndexKey, Hash)]) -> Result<(), IndexError> {
    for pair in batch.windows(2) {
        if let [(one, _), (next, _)] = pair
            && one >= next
        {
            return Err(IndexError::NotAscending(*next));
        }
    }
    Ok(())
}

impl<'a> IntoIterator for &'a Tree {
    type Item = (&'a IndexKey, &'a Hash);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Iterates over a [`Tree`] in ascending order of indexes.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    /// The nodes still to visit, the next one last.
    ahead: Vec<Node<'a>>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a IndexKey, &'a Hash);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.ahead.pop()?.kind() {
                Kind::Leaf(leaf) => return Some((&leaf.index, &leaf.value)),
                Kind::Fork { left, right, .. } => self.ahead.extend([right, left]),
            }
        }
    }
}
