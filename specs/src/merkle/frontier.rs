//! The right edge of a growing tree: enough to append leaves and to know the root.

use super::{LeafIndex, TreeSize};
use crate::codec::{CodecError, Reader};
use crate::hash::{self, Hash};

/// The roots of the full subtrees that make up a tree, the largest and leftmost first: one for
/// each one bit of the size. Also called a compact range.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: TreeSize,
    /// As many hashes as `size` has one bits, in the order of the bits.
    full: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The roots of the full subtrees, the largest first.
    pub fn hashes(&self) -> &[Hash] {
        &self.full
    }

    /// Appends one leaf hash and gives its position. A tree of 2^63 - 1 leaves is full: it stays
    /// as it is, and the answer is `None`.
    pub fn append(&mut self, leaf: &Hash) -> Option<LeafIndex> {
        let index = LeafIndex::new(self.size.get())?;
        let mut node = *leaf;
        // Every trailing one bit is a full subtree that the new node completes.
        for _ in 0..index.get().trailing_ones() {
            if let Some(left) = self.full.pop() {
                node = hash::node_hash(&left, &node);
            }
        }
        self.full.push(node);
        self.size = index.size_with();
        Some(index)
    }

    /// [`Frontier::append`] of each of several leaf hashes, or of none if they are too many.
    /// Faster, since the nodes of a level do not wait for one another.
    pub fn append_all(&mut self, leaves: &[Hash]) -> Option<TreeSize> {
        let more = u64::try_from(leaves.len()).ok()?;
        let size = TreeSize::new(self.size.get().checked_add(more)?)?;
        let mut before = self.size.get();
        let mut nodes = leaves.to_vec();
        // Of each level that the new nodes reach, the full subtree without a right neighbour.
        let mut lonely = Vec::new();
        while !nodes.is_empty() {
            if before & 1 == 1 {
                nodes.splice(..0, self.full.pop());
            }
            if nodes.len() % 2 == 1 {
                lonely.extend(nodes.last());
            }
            nodes = hash::node_hashes(&nodes);
            before >>= 1;
        }
        self.full.extend(lonely.iter().rev());
        self.size = size;
        Some(size)
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut from_right = self.full.iter().rev();
        let Some(last) = from_right.next() else {
            return hash::empty_root();
        };
        from_right.fold(*last, |right, left| hash::node_hash(left, &right))
    }

    /// The size as u64, then the hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.get().to_be_bytes().to_vec();
        for hash in &self.full {
            bytes.extend_from_slice(hash.as_bytes());
        }
        bytes
    }

    /// Parses what [`Frontier::to_bytes`] gives and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        // SPEC(MERKLE-8)
        let size = TreeSize::new(reader.u64()?).ok_or(CodecError::Decimal)?;
        let mut full = Vec::new();
        for _ in 0..size.get().count_ones() {
            full.push(Hash::from_bytes(reader.array()?));
        }
        reader.finish()?;
        Ok(Self { size, full })
    }
}
