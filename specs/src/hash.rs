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
/// How many bytes one block holds so.
const ONE_BLOCK_HOLDS: usize = 64 - 1 - 9;

/// [`leaf_hash`] of at most [`TWO_BLOCKS_HOLD`] bytes: a key entry has 65.
fn short_leaf_hash(data: &[u8]) -> Hash {
    let Padded(blocks) = Padded::leaf(data);
    if data.len() > ONE_BLOCK_HOLDS {
        return of_blocks(&blocks);
    }
    // The padding of one block ends where the first one does.
    let [first, second] = blocks;
    let mut only = first;
    only[56..].copy_from_slice(&second[56..]);
    of_blocks(&[only])
}

/// [`leaf_hash`] of each of several entries. Faster, since none waits for another.
pub(crate) fn leaf_hashes<T: AsRef<[u8]>>(entries: &[T]) -> Vec<Hash> {
    let has_two_blocks =
        |data: &[u8]| (ONE_BLOCK_HOLDS + 1..=TWO_BLOCKS_HOLD).contains(&data.len());
    let padded: Vec<Padded> = entries
        .iter()
        .map(AsRef::as_ref)
        .filter(|data| has_two_blocks(data))
        .map(Padded::leaf)
        .collect();
    let mut hashes = Vec::with_capacity(padded.len());
    hash_together(&padded, &mut hashes);
    let mut hashes = hashes.into_iter();
    let of = |data: &[u8]| {
        let ready = if has_two_blocks(data) {
            hashes.next()
        } else {
            None
        };
        ready.unwrap_or_else(|| leaf_hash(data))
    };
    entries.iter().map(AsRef::as_ref).map(of).collect()
}

/// [`node_hash`] of each two neighbours of `hashes`; the last of an odd number is left out.
/// Faster, since none waits for another.
pub(crate) fn node_hashes(hashes: &[Hash]) -> Vec<Hash> {
    let (pairs, _) = hashes.as_chunks::<2>();
    let padded: Vec<Padded> = pairs
        .iter()
        .map(|[left, right]| Padded::pair(0x01, &left.0, &right.0))
        .collect();
    let mut hashes = Vec::with_capacity(padded.len());
    hash_together(&padded, &mut hashes);
    hashes
}

/// `H(prefix || left || right)`: 65 bytes, which with padding are exactly two blocks. The hot
/// path of every tree; feeding the compression function directly saves a fifth of the time of
/// the streaming interface.
pub(crate) fn prefixed_pair(prefix: u8, left: &[u8; 32], right: &[u8; 32]) -> Hash {
    let Padded(blocks) = Padded::pair(prefix, left, right);
    of_blocks(&blocks)
}

/// A message that with its padding is two blocks.
#[derive(Clone, Copy)]
pub(crate) struct Padded([[u8; 64]; 2]);

impl Padded {
    /// `prefix || left || right`.
    pub(crate) fn pair(prefix: u8, left: &[u8; 32], right: &[u8; 32]) -> Self {
        let mut blocks = [[0u8; 64]; 2];
        let bytes = blocks.as_flattened_mut();
        bytes[0] = prefix;
        bytes[1..33].copy_from_slice(left);
        bytes[33..65].copy_from_slice(right);
        bytes[65] = 0x80;
        // The message is 65 bytes: 520 bits, in the last two bytes of the second block.
        bytes[126] = 0x02;
        bytes[127] = 0x08;
        Self(blocks)
    }

    /// `00 || data`, of at most [`TWO_BLOCKS_HOLD`] bytes of data.
    fn leaf(data: &[u8]) -> Self {
        let mut blocks = [[0u8; 64]; 2];
        let bytes = blocks.as_flattened_mut();
        let len = data.len() + 1;
        if let Some(place) = bytes.get_mut(1..len) {
            place.copy_from_slice(data);
        }
        if let Some(place) = bytes.get_mut(len) {
            *place = 0x80;
        }
        // At most 119 bytes: 952 bits.
        let [.., high, low] = (len * 8).to_be_bytes();
        (bytes[126], bytes[127]) = (high, low);
        Self(blocks)
    }
}

/// How many messages are hashed one right after the other.
pub(crate) const TOGETHER: usize = 8;

/// Adds the digest of each message, in order.
///
/// The messages lie ready before the first is hashed, and the digests are written out after the
/// last of [`TOGETHER`]: a processor that works ahead then hashes the next one while it waits for
/// the one before, where a chain in which each hash needs the last takes half as much time again.
/// What had to be written and read back in between would have it wait. Instructions for several
/// lanes, which need `unsafe`, are measured to save a fifth of what is left and are not worth it.
pub(crate) fn hash_together(messages: &[Padded], digests: &mut Vec<Hash>) {
    for messages in messages.chunks(TOGETHER) {
        let mut states = [FIRST_STATE; TOGETHER];
        for (state, Padded(blocks)) in states.iter_mut().zip(messages) {
            sha2::block_api::compress256(state, blocks);
        }
        digests.extend(states.iter().take(messages.len()).map(digest_of));
    }
}

const FIRST_STATE: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The digest of a message that its padding has made whole blocks of.
fn of_blocks(blocks: &[[u8; 64]]) -> Hash {
    let mut state = FIRST_STATE;
    sha2::block_api::compress256(&mut state, blocks);
    digest_of(&state)
}

fn digest_of(state: &[u32; 8]) -> Hash {
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
    fn several_leaves_and_nodes_equal_one_at_a_time() {
        let data: Vec<u8> = (0..200).collect();
        for count in 0..=3 * TOGETHER {
            for first in [0, 40, 60, 110] {
                let entries: Vec<&[u8]> = (0..count).map(|more| &data[..first + more]).collect();
                let expected: Vec<Hash> = entries
                    .iter()
                    .map(|data| sha256_parts(&[&[0x00], data]))
                    .collect();
                assert_eq!(leaf_hashes(&entries), expected, "{count} from {first}");
                let nodes: Vec<Hash> = expected
                    .chunks_exact(2)
                    .map(|pair| sha256_parts(&[&[0x01], &pair[0].0, &pair[1].0]))
                    .collect();
                assert_eq!(node_hashes(&expected), nodes, "{count} from {first}");
            }
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
