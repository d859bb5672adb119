#![doc = include_str!("../../entry.md")]

mod close;
mod genesis;
mod roles;
#[cfg(test)]
mod tests;

pub use close::{Close, LogKey};
pub use genesis::{FORMAT, Genesis, GenesisDraft, MAX_CLOCK_SKEW_MS, MAX_HEARTBEAT_S, Predecessor};
pub use roles::{MAX_ROLE_KEYS, RoleKeys, RoleName, Roles};

use crate::Blame;
use crate::codec::{CodecError, Reader};
use crate::hash::Hash;
use crate::index::IndexKey;
use crate::json::JsonError;
use crate::statement::{Statement, StatementError};

/// The longest entry, in bytes, the kind byte included.
pub const MAX_ENTRY: usize = 65_535;

/// Why an entry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Nothing was parsed.
    #[error("an entry of {0} bytes where 1 to {MAX_ENTRY} were expected")]
    Length(usize),
    /// The kind byte is not one of ours.
    #[error("an entry of unknown kind {0:#04x}")]
    Kind(u8),
    /// An epoch or key entry of the wrong length.
    #[error("entry: {0}")]
    Codec(#[from] CodecError),
    /// The JSON of a genesis or close, or a member of it.
    #[error("entry: {0}")]
    Json(#[from] JsonError),
    /// Not a statement.
    #[error(transparent)]
    Statement(#[from] Box<StatementError>),
    /// `format` is another.
    #[error("the genesis is not of the format {FORMAT}")]
    Format,
    /// Not an origin that our own logs may have.
    #[error("not an origin")]
    Origin,
    /// Not a VRF public key.
    #[error("not a VRF public key")]
    VrfKey,
    /// `max_clock_skew_ms` is out of bounds.
    #[error("a clock skew of {0} ms, above {MAX_CLOCK_SKEW_MS}")]
    ClockSkew(u64),
    /// `heartbeat_s` is out of bounds.
    #[error("a heartbeat of {0} s where 1 to {MAX_HEARTBEAT_S} were expected")]
    Heartbeat(u64),
    /// A role without keys or with too many.
    #[error("a role of {0} keys where 1 to {MAX_ROLE_KEYS} were expected")]
    RoleKeyCount(usize),
    /// A role that lists a key twice.
    #[error("a role lists a key twice")]
    RoleKeyTwice,
    /// A role's key is not a strict Ed25519 key.
    #[error("a role's key is not a canonical Ed25519 key of large order")]
    RoleKey,
    /// A threshold of zero, above eight, or above the number of keys.
    #[error("a threshold of {threshold} for {keys} keys")]
    Threshold {
        /// What was stated.
        threshold: u64,
        /// How many keys the role has.
        keys: usize,
    },
    /// `log_key` is not a 0x01 key named after the origin beside it.
    #[error("log_key is not an Ed25519 verifier key named after its origin")]
    LogKey,
    /// A log that names itself as its predecessor or successor.
    #[error("a log names itself as its predecessor or successor")]
    OwnOrigin,
}

impl EntryError {
    /// Who is to blame: an entry that does not parse is malformed. That a log holds it is a
    /// violation, which the rules of the log report.
    pub fn blame(&self) -> Blame {
        Blame::Malformed
    }
}

/// The first byte of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// 0x00: the terms of the log.
    Genesis,
    /// 0x01: the root of the index.
    Epoch,
    /// 0x02: a key set behind a commitment.
    Key,
    /// 0x03: a signed public claim.
    Statement,
    /// 0x04: the next log.
    Close,
}

impl EntryKind {
    /// From the kind byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0x00 => Some(Self::Genesis),
            0x01 => Some(Self::Epoch),
            0x02 => Some(Self::Key),
            0x03 => Some(Self::Statement),
            0x04 => Some(Self::Close),
            _ => None,
        }
    }

    /// The kind byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Genesis => 0x00,
            Self::Epoch => 0x01,
            Self::Key => 0x02,
            Self::Statement => 0x03,
            Self::Close => 0x04,
        }
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Genesis => "genesis",
            Self::Epoch => "epoch",
            Self::Key => "key",
            Self::Statement => "statement",
            Self::Close => "close",
        }
    }
}

/// An entry whose bytes parse. Whether it breaks a rule depends on the entries before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// 0x00.
    Genesis(Box<Genesis>),
    /// 0x01.
    Epoch(Epoch),
    /// 0x02.
    Key(KeyEntry),
    /// 0x03.
    Statement(Box<StatementEntry>),
    /// 0x04.
    Close(Box<Close>),
}

impl Entry {
    /// Parses one entry that fills `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        // SPEC(ENTRY-1): before anything is parsed.
        let Some((kind, body)) = bytes.split_first() else {
            return Err(EntryError::Length(0));
        };
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::Length(bytes.len()));
        }
        // SPEC(ENTRY-2)
        Ok(match EntryKind::from_byte(*kind) {
            Some(EntryKind::Genesis) => Self::Genesis(Box::new(Genesis::parse(body)?)),
            Some(EntryKind::Epoch) => Self::Epoch(Epoch::parse(body)?),
            Some(EntryKind::Key) => Self::Key(KeyEntry::parse(body)?),
            Some(EntryKind::Statement) => Self::Statement(Box::new(StatementEntry::parse(body)?)),
            Some(EntryKind::Close) => Self::Close(Box::new(Close::parse(body)?)),
            None => return Err(EntryError::Kind(*kind)),
        })
    }

    /// Its kind.
    pub fn kind(&self) -> EntryKind {
        match self {
            Self::Genesis(_) => EntryKind::Genesis,
            Self::Epoch(_) => EntryKind::Epoch,
            Self::Key(_) => EntryKind::Key,
            Self::Statement(_) => EntryKind::Statement,
            Self::Close(_) => EntryKind::Close,
        }
    }

    /// The bytes it was parsed from.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Genesis(genesis) => genesis.to_bytes(),
            Self::Epoch(epoch) => epoch.to_bytes().to_vec(),
            Self::Key(key) => key.to_bytes().to_vec(),
            Self::Statement(statement) => statement.to_bytes(),
            Self::Close(close) => close.to_bytes(),
        }
    }
}

/// States the index over all entries before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// POSIX milliseconds.
    pub time_ms: u64,
    /// How many indexes the tree holds.
    pub index_size: u64,
    /// The root of the index.
    pub index_root: Hash,
}

impl Epoch {
    /// Length of the entry, the kind byte included.
    pub const LEN: usize = 49;

    fn parse(body: &[u8]) -> Result<Self, EntryError> {
        // SPEC(ENTRY-3)
        let mut reader = Reader::new(body);
        let epoch = Self {
            time_ms: reader.u64()?,
            index_size: reader.u64()?,
            index_root: Hash::from_bytes(reader.array()?),
        };
        reader.finish()?;
        Ok(epoch)
    }

    /// The entry.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut out = [EntryKind::Epoch.byte(); Self::LEN];
        out[1..9].copy_from_slice(&self.time_ms.to_be_bytes());
        out[9..17].copy_from_slice(&self.index_size.to_be_bytes());
        out[17..].copy_from_slice(self.index_root.as_bytes());
        out
    }
}

/// Logs one version of one label's key set, and says nothing about either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyEntry {
    /// Of (label, version), in the private namespace if the log keeps the rules.
    pub index: IndexKey,
    /// To label, version and key set.
    pub commitment: Hash,
}

impl KeyEntry {
    /// Length of the entry, the kind byte included.
    pub const LEN: usize = 65;

    fn parse(body: &[u8]) -> Result<Self, EntryError> {
        // SPEC(ENTRY-4)
        let mut reader = Reader::new(body);
        let key = Self {
            index: IndexKey::from_bytes(reader.array()?),
            commitment: Hash::from_bytes(reader.array()?),
        };
        reader.finish()?;
        Ok(key)
    }

    /// The index that an entry inserts, if it is a key entry; nothing else of it is read.
    pub(crate) fn index_in(entry: &[u8]) -> Option<IndexKey> {
        let entry: &[u8; Self::LEN] = entry.try_into().ok()?;
        let (kind, rest) = entry.split_first()?;
        let index = rest.first_chunk()?;
        (*kind == EntryKind::Key.byte()).then(|| IndexKey::from_bytes(*index))
    }

    /// The entry.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut out = [EntryKind::Key.byte(); Self::LEN];
        out[1..33].copy_from_slice(self.index.as_bytes());
        out[33..].copy_from_slice(self.commitment.as_bytes());
        out
    }
}

/// A statement with the envelope's bytes as they stand in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEntry {
    statement: Statement,
    envelope: Vec<u8>,
}

impl StatementEntry {
    /// Makes an entry of a DSSE envelope. Form only; no signature is checked.
    pub fn from_envelope(envelope: &[u8]) -> Result<Self, EntryError> {
        match envelope.len() {
            0..MAX_ENTRY => Self::parse(envelope),
            len => Err(EntryError::Length(len.saturating_add(1))),
        }
    }

    fn parse(body: &[u8]) -> Result<Self, EntryError> {
        // SPEC(ENTRY-5)
        Ok(Self {
            statement: Statement::parse(body).map_err(Box::new)?,
            envelope: body.to_vec(),
        })
    }

    /// What it says.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The envelope's bytes.
    pub fn envelope_bytes(&self) -> &[u8] {
        &self.envelope
    }

    /// The entry, byte for byte as it was parsed.
    pub fn to_bytes(&self) -> Vec<u8> {
        entry_bytes(EntryKind::Statement, &self.envelope)
    }
}

fn entry_bytes(kind: EntryKind, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 1);
    out.push(kind.byte());
    out.extend_from_slice(body);
    out
}
