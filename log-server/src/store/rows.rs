//! The rows, as values.

use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};

use super::StoreError;

/// What a log is, once and for all, and whether it may still be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// The origin.
    pub origin: String,
    /// The verifier key of the log's signatures.
    pub vkey: String,
    /// The VRF public key of the genesis.
    pub vrf_key: Vec<u8>,
    /// Why the log was frozen, if it was.
    pub frozen: Option<String>,
}

/// What is sequenced: the commit point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Size and root.
    pub tree: TreeHead,
    /// The largest size that ends at an epoch; zero if there is none.
    pub epoch_size: TreeSize,
    /// The time of that epoch, in milliseconds.
    pub last_ms: u64,
}

/// The entries of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Position of the first entry.
    pub start: u64,
    /// How many.
    pub count: u64,
    /// Each as u16 length and bytes.
    pub body: Vec<u8>,
}

impl Segment {
    /// The entries, in order.
    pub fn entries(&self) -> Result<Vec<&[u8]>, StoreError> {
        let corrupt = |_| StoreError::Corrupt(format!("segment {} is cut short", self.start));
        let mut reader = plainsight_specs::codec::Reader::new(&self.body);
        let mut entries = Vec::new();
        while !reader.is_empty() {
            let length = reader.u16().map_err(corrupt)?;
            entries.push(reader.take(usize::from(length)).map_err(corrupt)?);
        }
        if entries.len() as u64 == self.count {
            Ok(entries)
        } else {
            Err(StoreError::Corrupt(format!(
                "segment {} does not hold the {} entries it says",
                self.start, self.count
            )))
        }
    }
}

/// What opens one key entry, to be inserted with it.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Where the entry is.
    pub position: LeafIndex,
    /// SHA-256 of the label's bytes.
    pub label_hash: Hash,
    /// The version.
    pub version: u32,
    /// The opening of the commitment.
    pub opening: [u8; 16],
    /// The key set, as its owner signed it.
    pub key_set: Vec<u8>,
}

/// Where a statement is, to be inserted with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStatement {
    /// Where the entry is.
    pub position: LeafIndex,
    /// Its leaf hash.
    pub leaf: Hash,
    /// The bytes of its stream.
    pub stream: Vec<u8>,
    /// Its number in the stream.
    pub seq: u32,
}

/// One commit: all of it or nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    /// The size that the head must have.
    pub old_size: TreeSize,
    /// The head afterwards.
    pub head: Head,
    /// The entries between the two.
    pub segment: Segment,
    /// The rows that open the key entries.
    pub keys: Vec<NewKey>,
    /// The rows that find the statements.
    pub statements: Vec<NewStatement>,
}

/// What opens a logged key entry.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Where the entry is.
    pub position: LeafIndex,
    /// SHA-256 of the label's bytes.
    pub label_hash: Hash,
    /// The version.
    pub version: u32,
    /// The opening of the commitment, unless it was erased.
    pub opening: Option<Vec<u8>>,
    /// The key set, as its owner signed it, unless it was erased.
    pub key_set: Option<Vec<u8>>,
}

/// Where a logged statement is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// Where the entry is.
    pub position: LeafIndex,
    /// Its leaf hash.
    pub leaf: Hash,
    /// The bytes of its stream.
    pub stream: Vec<u8>,
    /// Its number in the stream.
    pub seq: u32,
}

/// A checkpoint that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRow {
    /// Size and root.
    pub tree: TreeHead,
    /// The note with the log's signature alone.
    pub note: Vec<u8>,
    /// The note with the cosignatures that satisfied the policy, once it was published.
    pub cosigned: Option<Vec<u8>>,
    /// Whether it was published.
    pub published: bool,
}

/// How far the public objects are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The last size whose objects are all durable.
    pub materialised: TreeSize,
    /// The last size whose checkpoint is public.
    pub published: TreeSize,
}

/// What a bearer token may publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum TokenRole {
    /// Key sets.
    Keys,
    /// Releases and yanks.
    Releases,
    /// Protections and canaries.
    Protections,
    /// Changes of publisher keys.
    Root,
}

impl TokenRole {
    /// The word in the database and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Releases => "releases",
            Self::Protections => "protections",
            Self::Root => "root",
        }
    }

    pub(super) fn parse(word: &str) -> Result<Self, StoreError> {
        [Self::Keys, Self::Releases, Self::Protections, Self::Root]
            .into_iter()
            .find(|role| role.as_str() == word)
            .ok_or_else(|| StoreError::Corrupt(format!("token role {word:?}")))
    }
}
