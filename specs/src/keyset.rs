#![doc = include_str!("../keyset.md")]

use std::collections::BTreeSet;

use crate::Blame;
use crate::codec::to_base64;
use crate::dsse::{DsseError, Envelope};
use crate::ed25519::{PublicKey, SecretKey};
use crate::entry::Genesis;
use crate::hash::{Hash, sha256};
use crate::json::{self, Json, JsonError};
use crate::label::{Label, LabelError, MAX_LABEL_LEN, Version};
use crate::time::Timestamp;

/// The payload type of a key set's envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.plainsight.keyset+json";
/// The algorithm of identity keys.
pub const IDENTITY_ALGORITHM: &str = "ed25519";
/// The most keys of a key set.
pub const MAX_KEYS: usize = 64;
/// The longest key, in bytes.
pub const MAX_KEY_LEN: usize = 8192;

/// Why a key set was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// The envelope.
    #[error(transparent)]
    Dsse(#[from] DsseError),
    /// `payloadType` is another.
    #[error("the payload type is not {PAYLOAD_TYPE}")]
    PayloadType,
    /// The payload, or a member of it.
    #[error("key set: {0}")]
    Json(#[from] JsonError),
    /// `label` is not canonical.
    #[error("key set: {0}")]
    Label(#[from] LabelError),
    /// No key, or too many.
    #[error("{0} keys where 1 to {MAX_KEYS} were expected")]
    KeyCount(usize),
    /// A key's id breaks its grammar.
    #[error("not a key id: {0:?}")]
    KeyId(String),
    /// Two keys have the same id.
    #[error("two keys have the id {0:?}")]
    KeyIdTwice(String),
    /// A key's role is not one of the four.
    #[error("not a role of a key: {0:?}")]
    Role(String),
    /// A key's algorithm breaks its grammar.
    #[error("not the name of an algorithm: {0:?}")]
    Algorithm(String),
    /// A key without bytes.
    #[error("the key {0:?} is empty")]
    EmptyKey(String),
    /// An identity key of another algorithm, or not a strict Ed25519 key.
    #[error("the identity key {0:?} is not a canonical Ed25519 key of large order")]
    IdentityKey(String),
    /// Nobody could ever continue this key set.
    #[error("no identity key")]
    NoIdentityKey,
    /// None of its own identity keys signed.
    #[error("none of its own identity keys signed the key set")]
    NotSigned,
    /// Version 0 names a previous key set in a log that continues no other.
    #[error("version 0 names a previous key set, but the log has no predecessor")]
    NoPredecessor,
}

impl KeySetError {
    /// Who is to blame: the bytes, or whoever should have signed.
    pub fn blame(&self) -> Blame {
        match self {
            Self::NotSigned => Blame::Unproven,
            _ => Blame::Malformed,
        }
    }
}

/// What a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Signs key sets.
    Identity,
    /// Receives what is sent to the label.
    Device,
    /// Brings the account back after all devices are lost.
    Recovery,
    /// Reads along, in somebody else's hands.
    Escrow,
}

impl Role {
    /// The four roles.
    pub const ALL: [Self; 4] = [Self::Identity, Self::Device, Self::Recovery, Self::Escrow];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Device => "device",
            Self::Recovery => "recovery",
            Self::Escrow => "escrow",
        }
    }

    /// From the word in JSON.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One key of a key set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Distinct within the key set: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
    pub id: String,
    /// What it can do.
    pub role: Role,
    /// The algorithm: `[a-z0-9][a-z0-9._-]{0,63}`, and `ed25519` for an identity key.
    pub alg: String,
    /// The public key, 1 to 8192 bytes in the algorithm's own encoding.
    pub key: Vec<u8>,
}

/// What a client wants to publish for its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetDraft {
    /// Whose keys.
    pub label: Label,
    /// One after the previous; 0 for the first in a log.
    pub version: Version,
    /// [`KeySet::hash`] of the previous key set; absent at the very first.
    pub prev: Option<Hash>,
    /// When the client says that it was made.
    pub created: Timestamp,
    /// Every key, 1 to 64.
    pub keys: Vec<KeyRecord>,
}

impl KeySetDraft {
    /// Prints the payload, to be signed in an envelope of type [`PAYLOAD_TYPE`].
    pub fn payload(&self) -> Vec<u8> {
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| {
                serde_json::json!({
                    "id": key.id,
                    "role": key.role.as_str(),
                    "alg": key.alg,
                    "key": to_base64(&key.key),
                })
            })
            .collect();
        let mut json = serde_json::json!({
            "label": to_base64(self.label.as_bytes()),
            "version": self.version.get(),
            "created": self.created.to_string(),
            "keys": keys,
        });
        if let (Some(members), Some(prev)) = (json.as_object_mut(), self.prev) {
            members.insert("prev".into(), prev.to_hex().into());
        }
        json.to_string().into_bytes()
    }

    /// Prints the key set bytes: the envelope, signed by each of `signers`. One of them is an
    /// identity key of this key set, another one of the previous; both may be the same key.
    pub fn sign(&self, signers: &[&SecretKey]) -> Vec<u8> {
        Envelope::build(PAYLOAD_TYPE, &self.payload(), signers)
    }

    fn parse(payload: &[u8]) -> Result<Self, KeySetError> {
        // SPEC(KEYSET-2)
        let mut object = json::parse_object(payload)?;
        let label = Label::parse(&object.base64("label", MAX_LABEL_LEN)?)?;
        let version = Version::new(object.u32("version")?);
        let prev = object.optional_hex_hash("prev")?;
        let created = object.time("created")?;
        let keys = object.array("keys", usize::MAX)?;
        object.finish()?;
        // SPEC(KEYSET-3)
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return Err(KeySetError::KeyCount(keys.len()));
        }
        let keys = keys
            .into_iter()
            .map(parse_key)
            .collect::<Result<Vec<_>, _>>()?;
        // SPEC(KEYSET-5)
        let mut ids = BTreeSet::new();
        if let Some(twice) = keys.iter().find(|key| !ids.insert(&key.id)) {
            return Err(KeySetError::KeyIdTwice(twice.id.clone()));
        }
        Ok(Self {
            label,
            version,
            prev,
            created,
            keys,
        })
    }
}

fn parse_key(value: Json) -> Result<KeyRecord, KeySetError> {
    let mut object = value.into_object("keys")?;
    let id = object.string("id")?;
    let role = object.string("role")?;
    let alg = object.string("alg")?;
    let key = object.base64("key", MAX_KEY_LEN)?;
    object.finish()?;
    // SPEC(KEYSET-4)
    if !is_word(&id, u8::is_ascii_alphanumeric) {
        return Err(KeySetError::KeyId(id));
    }
    // SPEC(KEYSET-6)
    let Some(role) = Role::parse(&role) else {
        return Err(KeySetError::Role(role));
    };
    // SPEC(KEYSET-7)
    if !is_word(&alg, |byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit()
    }) {
        return Err(KeySetError::Algorithm(alg));
    }
    // SPEC(KEYSET-8)
    if key.is_empty() {
        return Err(KeySetError::EmptyKey(id));
    }
    Ok(KeyRecord { id, role, alg, key })
}

/// 1 to 64 of `letter` and `._-`, the first a `letter`.
fn is_word(text: &str, letter: impl Fn(&u8) -> bool) -> bool {
    let text = text.as_bytes();
    text.len() <= 64
        && text.first().is_some_and(&letter)
        && text
            .iter()
            .all(|byte| letter(byte) || b"._-".contains(byte))
}

/// A key set that one of its own identity keys signed. Whether it continues the previous one is
/// [`KeySet::continuity`]; that it was logged is shown by a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    content: KeySetDraft,
    identity_keys: Vec<PublicKey>,
    envelope: Envelope,
    bytes: Vec<u8>,
}

impl KeySet {
    /// Parses key set bytes and checks that one of the identity keys in them signed.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let envelope = Envelope::parse(bytes)?;
        // SPEC(KEYSET-1)
        if envelope.payload_type() != PAYLOAD_TYPE {
            return Err(KeySetError::PayloadType);
        }
        let content = KeySetDraft::parse(envelope.payload())?;
        let identity_keys = identity_keys(&content.keys)?;
        // SPEC(KEYSET-11)
        if envelope.valid_signers(&identity_keys).is_empty() {
            return Err(KeySetError::NotSigned);
        }
        Ok(Self {
            content,
            identity_keys,
            envelope,
            bytes: bytes.to_vec(),
        })
    }

    /// Whose keys.
    pub fn label(&self) -> &Label {
        &self.content.label
    }

    /// Its version in its log.
    pub fn version(&self) -> Version {
        self.content.version
    }

    /// What it says is the hash of the previous key set.
    pub fn prev(&self) -> Option<Hash> {
        self.content.prev
    }

    /// When the client says that it was made.
    pub fn created(&self) -> Timestamp {
        self.content.created
    }

    /// Every key, in the order stated; ids are distinct.
    pub fn keys(&self) -> &[KeyRecord] {
        &self.content.keys
    }

    /// The keys that may sign the next version; at least one.
    pub fn identity_keys(&self) -> &[PublicKey] {
        &self.identity_keys
    }

    /// The bytes that the commitment is to.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes: `prev` of the next version.
    pub fn hash(&self) -> Hash {
        // SPEC(KEYSET-12)
        sha256(&self.bytes)
    }

    /// Whether the owner of the previous key set stands behind this one. `previous` is the one
    /// that the log held before it: the version before, or for version 0 in a log with a
    /// predecessor the label's latest version under the predecessor's final head; `None` if there
    /// is none, or if it cannot be had.
    pub fn continuity(&self, previous: Option<&Self>) -> Continuity {
        let Some(previous) = previous else {
            return match (self.version().get(), self.prev()) {
                (0, None) => Continuity::First,
                _ => Continuity::Reset(ResetReason::PreviousUnknown),
            };
        };
        // SPEC(KEYSET-13)
        let follows =
            self.version() == Version::FIRST || previous.version().next() == Some(self.version());
        let reason = if previous.label() != self.label() || !follows {
            Some(ResetReason::NotPrevious)
        } else if self.prev() != Some(previous.hash()) {
            // SPEC(KEYSET-14)
            Some(ResetReason::WrongLink)
        } else if self
            .envelope
            .valid_signers(&previous.identity_keys)
            .is_empty()
        {
            // SPEC(KEYSET-15)
            Some(ResetReason::NotSignedByPrevious)
        } else {
            None
        };
        reason.map_or(Continuity::Signed, Continuity::Reset)
    }

    /// Checks that version 0 names a previous key set only where there can be one: in a log whose
    /// genesis names a predecessor.
    pub fn check_genesis(&self, genesis: &Genesis) -> Result<(), KeySetError> {
        // SPEC(KEYSET-16)
        let first = self.version() == Version::FIRST;
        if first && self.prev().is_some() && genesis.predecessor().is_none() {
            return Err(KeySetError::NoPredecessor);
        }
        Ok(())
    }
}

/// The identity keys among `keys`, each a strict Ed25519 key.
fn identity_keys(keys: &[KeyRecord]) -> Result<Vec<PublicKey>, KeySetError> {
    let found = keys
        .iter()
        .filter(|key| key.role == Role::Identity)
        .map(|key| {
            // SPEC(KEYSET-9)
            let strict = match key.key.as_slice().try_into() {
                Ok(bytes) if key.alg == IDENTITY_ALGORITHM => PublicKey::from_bytes(bytes).ok(),
                _ => None,
            };
            strict.ok_or_else(|| KeySetError::IdentityKey(key.id.clone()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    // SPEC(KEYSET-10)
    if found.is_empty() {
        return Err(KeySetError::NoIdentityKey);
    }
    Ok(found)
}

/// How a key set follows the previous one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// Version 0 without a previous key set.
    First,
    /// The previous key set is linked, and one of its identity keys signed.
    Signed,
    /// Anything else. Every client says so.
    Reset(ResetReason),
}

/// Why a key set is a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResetReason {
    /// There should be a previous key set, and it cannot be had.
    #[error("the previous key set is not known")]
    PreviousUnknown,
    /// What was compared with is of another label or of another version than the one before.
    #[error("the key set before it is of another label or version")]
    NotPrevious,
    /// `prev` is absent or the hash of something else.
    #[error("it does not link to the previous key set")]
    WrongLink,
    /// No identity key of the previous key set signed.
    #[error("no identity key of the previous key set signed it")]
    NotSignedByPrevious,
}

#[cfg(test)]
mod tests;
