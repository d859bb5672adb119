//! Inserts a batch into the tree in memory.

use super::tree::{Link, Node, Tree};
use super::{IndexError, IndexKey, node};
use crate::hash::Hash;

/// A run of a sorted batch whose indexes share the prefix of the node they go under.
type Run<'a> = &'a [(IndexKey, Hash)];

impl Tree {
    /// Inserts indexes that ascend, are distinct and are not in the tree. Each node on their way
    /// is hashed once. A batch that is refused leaves the tree as it was.
    pub fn insert_batch(&mut self, batch: &[(IndexKey, Hash)]) -> Result<(), IndexError> {
        refuse_disorder(batch)?;
        if batch.len() > self.room() {
            return Err(IndexError::Full);
        }
        if let Some(present) = self.root.and_then(|root| self.first_present(root, batch)) {
            return Err(IndexError::Present(present));
        }
        let Some(first) = batch.first() else {
            return Ok(());
        };
        self.reserve(batch.len());
        let (root, hash) = if let Some(root) = self.root {
            self.place(root, 0, self.root_hash, batch)
        } else {
            let leaf = self.push_leaf(*first);
            self.grow(leaf, 0, batch)
        };
        self.root = Some(root);
        self.root_hash = hash;
        Ok(())
    }

    /// The first index of `run` that is under the node already.
    fn first_present(&self, link: Link, run: Run<'_>) -> Option<IndexKey> {
        match link.node() {
            Node::Leaf(id) => {
                let index = &self.leaves[id as usize].0;
                let found = run.binary_search_by_key(index, |(index, _)| *index);
                found.is_ok().then_some(*index)
            }
            Node::Fork(id) => {
                let depth = self.depth(id);
                let run = run_under(run, self.below(Node::Fork(id)), depth);
                let (left, right) = split(run, depth);
                [left, right]
                    .into_iter()
                    .zip(self.children[id as usize])
                    .filter(|(run, _)| !run.is_empty())
                    .find_map(|(run, child)| self.first_present(child, run))
            }
        }
    }

    /// Inserts `run` at a place of depth `top` that holds a node with this hash, and gives what
    /// it holds then. The run is not empty, and shares the node's first `top` bits.
    fn place(&mut self, link: Link, top: usize, hash: Hash, run: Run<'_>) -> (Link, Hash) {
        let ([(first, _), ..], [.., (last, _)]) = (run, run) else {
            return (link, hash);
        };
        let node = link.node();
        let below = *self.below(node);
        // Between the first and the last, every index shares at least as much.
        let parting = below.shared_bits(first).min(below.shared_bits(last));
        match node {
            Node::Fork(id) if parting >= self.depth(id) => {
                let depth = self.depth(id);
                let (left, right) = split(run, depth);
                for (side, part) in [left, right].into_iter().enumerate() {
                    if !part.is_empty() {
                        let child = self.children[id as usize][side];
                        let hash = self.hashes[id as usize][side];
                        let (child, hash) = self.place(child, depth + 1, hash, part);
                        self.children[id as usize][side] = child;
                        self.hashes[id as usize][side] = hash;
                    }
                }
                (link, self.fork_hash(id, top))
            }
            Node::Fork(_) | Node::Leaf(_) => self.part(link, top, hash, run, parting),
        }
    }

    /// Puts a fork at depth `parting` above a node from which some of `run` parts there.
    fn part(
        &mut self,
        link: Link,
        top: usize,
        hash: Hash,
        run: Run<'_>,
        parting: usize,
    ) -> (Link, Hash) {
        let below = *self.below(link.node());
        let (left, right) = split(run, parting);
        let (with, apart) = if below.bit(parting) {
            (right, left)
        } else {
            (left, right)
        };
        let Some(first) = apart.first() else {
            return (link, hash);
        };
        let (leaf, fork) = self.push_fork(*first, parting);
        let new = self.grow(leaf, parting + 1, apart);
        // The node moves down: a leaf's hash stays, a fork's has fewer nodes above it.
        let moved = match link.node() {
            Node::Leaf(_) => hash,
            Node::Fork(id) => self.fork_hash(id, parting + 1),
        };
        let old = if with.is_empty() {
            (link, moved)
        } else {
            self.place(link, parting + 1, moved, with)
        };
        let (left, right) = if below.bit(parting) {
            (new, old)
        } else {
            (old, new)
        };
        self.join(fork, left, right);
        (Link::fork(fork), self.fork_hash(fork, top))
    }

    /// Builds what an empty place of depth `top` holds after `run` came to it. `leaf` is the leaf
    /// of the run's first index, which is pushed already.
    fn grow(&mut self, leaf: u32, top: usize, run: Run<'_>) -> (Link, Hash) {
        let ([(first, _), _, ..], [.., (last, _)]) = (run, run) else {
            let (index, value) = &self.leaves[leaf as usize];
            return (Link::leaf(leaf), node::leaf(index, value));
        };
        let parting = first.shared_bits(last);
        let (left, right) = split(run, parting);
        let Some(next) = right.first() else {
            return (Link::leaf(leaf), Hash::ZERO);
        };
        let (next, fork) = self.push_fork(*next, parting);
        let left = self.grow(leaf, parting + 1, left);
        let right = self.grow(next, parting + 1, right);
        self.join(fork, left, right);
        (Link::fork(fork), self.fork_hash(fork, top))
    }

    fn join(&mut self, fork: u32, left: (Link, Hash), right: (Link, Hash)) {
        self.children[fork as usize] = [left.0, right.0];
        self.hashes[fork as usize] = [left.1, right.1];
    }

    fn push_leaf(&mut self, leaf: (IndexKey, Hash)) -> u32 {
        let id = self.count;
        self.leaves.push(leaf);
        self.count += 1;
        id
    }

    /// Pushes a leaf and the fork that its arrival makes; the caller fills the fork's children.
    fn push_fork(&mut self, leaf: (IndexKey, Hash), depth: usize) -> (u32, u32) {
        let fork = self.count - 1;
        let leaf = self.push_leaf(leaf);
        self.children.push([Link::leaf(leaf); 2]);
        self.depths.push(depth.to_le_bytes()[0]);
        self.hashes.push([Hash::ZERO; 2]);
        (leaf, fork)
    }

    fn reserve(&mut self, more: usize) {
        reserve(&mut self.leaves, more);
        reserve(&mut self.children, more);
        reserve(&mut self.depths, more);
        reserve(&mut self.hashes, more);
    }
}

/// Makes room in steps of an eighth: doubling would cost up to twice the memory.
fn reserve<T>(arena: &mut Vec<T>, more: usize) {
    if arena.capacity() - arena.len() < more {
        arena.reserve_exact(more.max(arena.len() / 8));
    }
}

/// The part of `run` that shares its first `bits` bits with `index`.
fn run_under<'a>(run: Run<'a>, index: &IndexKey, bits: usize) -> Run<'a> {
    let apart = |other: &IndexKey| other.shared_bits(index) < bits;
    let start = run.partition_point(|(other, _)| apart(other) && other < index);
    let rest = run.get(start..).unwrap_or_default();
    let end = rest.partition_point(|(other, _)| !apart(other));
    rest.get(..end).unwrap_or_default()
}

/// Splits a run that shares its first `depth` bits by the next one.
fn split(run: Run<'_>, depth: usize) -> (Run<'_>, Run<'_>) {
    run.split_at(run.partition_point(|(index, _)| !index.bit(depth)))
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
