//! The 256-bit indexes under which the log's entries are found.

use crate::codec::{self, CodecError};
use crate::hash::Hash;

/// An index: the place of one value in the tree. Ordered as its bits are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexKey([u8; 32]);

/// Whom an index is about, said by its top bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// Top bit 0: a person's key set; inserted by key entries.
    Private,
    /// Top bit 1: a public claim; inserted by statements.
    Public,
}

impl IndexKey {
    /// How many bits an index has.
    pub const BITS: usize = 256;

    /// Wraps 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 64 lower-case hex digits.
    pub fn from_hex(text: &str) -> Result<Self, CodecError> {
        codec::hex_array(text).map(Self)
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// A private index: `hash` with the top bit cleared.
    // SPEC(INDEX-1)
    pub fn private(hash: Hash) -> Self {
        let mut bytes = *hash.as_bytes();
        bytes[0] &= 0x7f;
        Self(bytes)
    }

    /// A public index: `hash` with the top bit set.
    pub fn public(hash: Hash) -> Self {
        let mut bytes = *hash.as_bytes();
        bytes[0] |= 0x80;
        Self(bytes)
    }

    /// The namespace that the top bit says.
    pub fn namespace(&self) -> Namespace {
        if self.bit(0) {
            Namespace::Public
        } else {
            Namespace::Private
        }
    }

    /// Bit `i`, 0 to 255, counted from the top bit of the first byte.
    pub fn bit(&self, i: usize) -> bool {
        self.0
            .get(i / 8)
            .is_some_and(|byte| byte >> (7 - i % 8) & 1 == 1)
    }

    /// How many first bits two indexes share, 0 to 256.
    pub fn shared_bits(&self, other: &Self) -> usize {
        let mut shared = 0;
        let (ours, _) = self.0.as_chunks::<8>();
        let (theirs, _) = other.0.as_chunks::<8>();
        for (one, two) in ours.iter().zip(theirs) {
            let different = u64::from_be_bytes(*one) ^ u64::from_be_bytes(*two);
            shared += different.leading_zeros() as usize;
            if different != 0 {
                break;
            }
        }
        shared
    }
}

impl std::fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IndexKey({})", self.to_hex())
    }
}

impl std::fmt::Display for IndexKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}
