//! SHA-256 and the RFC 6962 section 2.1 hashes of leaves and nodes.

use sha2::{Digest, Sha256};

use crate::codec::{self, CodecError};

/// A SHA-256 digest, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Length in bytes.
    pub const LEN: usize = 32;
    /// 32 zero bytes: the empty child and the empty tree of the index.
    pub const ZERO: Self = Self([0; 32]);

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

    /// From canonical padded standard base64 of exactly 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, CodecError> {
        codec::base64_array(text).map(Self)
    }

    /// Padded standard base64.
    pub fn to_base64(&self) -> String {
        codec::to_base64(&self.0)
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hash({})", self.to_hex())
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// SHA-256 of the concatenation of `parts`.
pub fn sha256_parts(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// RFC 6962 leaf hash: `H(00 || data)`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    match data.len() {
        0..=TWO_BLOCKS_HOLD => short_leaf_hash(data),
        _ => sha256_parts(&[&[0x00], data]),
    }
}

/// RFC 6962 node hash: `H(01 || left || right)`.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    prefixed_pair(0x01, &left.0, &right.0)
}

/// The root of the empty RFC 6962 tree: `H("")`.
pub fn empty_root() -> Hash {
    sha256(b"")
}

/// How many bytes after a prefix two blocks hold, beside the padding.
const TWO_BLOCKS_HOLD: usize = 128 - 1 - 9;

/// [`leaf_hash`] of at most [`TWO_BLOCKS_HOLD`] bytes: a key entry has 65.
fn short_leaf_hash(data: &[u8]) -> Hash {
    let mut blocks = [[0u8; 64]; 2];
    let len = data.len() + 1;
    let end = if len + 9 <= 64 { 64 } else { 128 };
    let bytes = blocks.as_flattened_mut();
    if let Some(place) = bytes.get_mut(1..len) {
        place.copy_from_slice(data);
    }
    if let Some(place) = bytes.get_mut(len) {
        *place = 0x80;
    }
    // At most 119 bytes: 952 bits.
    let [.., high, low] = (len * 8).to_be_bytes();
    if let Some([.., place_of_high, place_of_low]) = bytes.get_mut(..end) {
        (*place_of_high, *place_of_low) = (high, low);
    }
    of_blocks(blocks.get(..end / 64).unwrap_or(&blocks))
}

/// `H(prefix || left || right)`: 65 bytes, which with padding are exactly two blocks. The hot
/// path of every tree; feeding the compression function directly saves a fifth of the time of
/// the streaming interface.
pub(crate) fn prefixed_pair(prefix: u8, left: &[u8; 32], right: &[u8; 32]) -> Hash {
    let mut blocks = [[0u8; 64]; 2];
    let [first, second] = &mut blocks;
    first[0] = prefix;
    first[1..33].copy_from_slice(left);
    first[33..].copy_from_slice(&right[..31]);
    second[0] = right[31];
    second[1] = 0x80;
    // The message is 65 bytes: 520 bits, in the last two bytes of the second block.
    second[62] = 0x02;
    second[63] = 0x08;
    of_blocks(&blocks)
}

/// The digest of a message that its padding has made whole blocks of.
fn of_blocks(blocks: &[[u8; 64]]) -> Hash {
    let mut state = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    sha2::block_api::compress256(&mut state, blocks);
    let mut out = [0u8; 32];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    Hash(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_tree_is_the_hash_of_nothing() {
        assert_eq!(
            empty_root().to_hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn two_fixed_blocks_equal_the_streaming_hash() {
        let mut left = [7u8; 32];
        let mut right = [9u8; 32];
        for round in 0..=255u8 {
            left[usize::from(round) % 32] ^= round;
            right[31] = round;
            assert_eq!(
                prefixed_pair(round, &left, &right),
                sha256_parts(&[&[round], &left, &right])
            );
        }
    }

    #[test]
    fn short_leaves_equal_the_streaming_hash() {
        let data: Vec<u8> = (0..200).collect();
        for len in 0..=data.len() {
            let data = &data[..len];
            assert_eq!(leaf_hash(data), sha256_parts(&[&[0x00], data]), "{len}");
        }
    }

    #[test]
    fn refuses_upper_case_hex_and_wrong_lengths() {
        let hex = sha256(b"x").to_hex();
        assert_eq!(Hash::from_hex(&hex), Ok(sha256(b"x")));
        assert!(Hash::from_hex(&hex.to_uppercase()).is_err());
        assert!(Hash::from_hex(&hex[2..]).is_err());
        assert!(Hash::from_hex(&format!("{hex}00")).is_err());
    }
}
