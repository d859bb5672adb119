//! Names, ids and keys of signers.

use crate::codec;
use crate::ed25519;
use crate::hash;

use super::{NoteError, SignatureLine};

/// The longest public key of any type, to bound what is decoded: larger than ML-DSA-87's.
const MAX_PUBLIC_KEY_BYTES: usize = 4096;
/// The length of an ML-DSA-44 public key.
const ML_DSA_44_BYTES: usize = 1312;

/// Whether a character may not stand in a key name.
fn is_barred(character: char) -> bool {
    // Unicode White_Space; U+0085 and U+3000 are in it. Bytes below 0x20 no note may have.
    character.is_whitespace() || character == '+' || u32::from(character) < 0x20
}

/// The name of a signer: not empty, without white space, `+` and control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Checks the rules for names.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        // SPEC(NOTE-5)
        if text.is_empty() || text.chars().any(is_barred) {
            return Err(NoteError::KeyName);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyName({})", self.0)
    }
}

/// Four bytes that tell keys of one name apart. An identifier, not a commitment: collisions are
/// cheap, and lead to a failed verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// Wraps four bytes.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The four bytes.
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    /// The id of a key by its name, type and bytes.
    fn compute(name: &KeyName, algorithm: Algorithm, public: &[u8]) -> Self {
        // SPEC(NOTE-9)
        let type_byte = [algorithm.type_byte()];
        let digest = hash::sha256_parts(&[name.0.as_bytes(), b"\n", &type_byte, public]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        Self([a, b, c, d])
    }
}

/// Eight lower-case hex digits.
impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What a key signs, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// 0x01: Ed25519 over the text of the note.
    Ed25519,
    /// 0x04: Ed25519 over a time and the text of a checkpoint.
    CosignatureV1,
    /// 0x06: ML-DSA-44 over a time and a tree. Such keys parse; their lines count as not signed.
    MlDsa44,
}

impl Algorithm {
    /// The byte in the verifier key and in the key id.
    pub const fn type_byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    fn from_type_byte(byte: u8) -> Result<Self, NoteError> {
        // SPEC(NOTE-10)
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::CosignatureV1),
            0x06 => Ok(Self::MlDsa44),
            // ECDSA and RFC 6962 tree heads, whose key ids follow rules of their own.
            0x02 | 0x05 => Err(NoteError::NotSupported(byte)),
            _ => Err(NoteError::UnknownAlgorithm(byte)),
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "Ed25519 notes",
            Self::CosignatureV1 => "Ed25519 cosignatures",
            Self::MlDsa44 => "ML-DSA-44 cosignatures",
        })
    }
}

#[derive(Clone, PartialEq, Eq)]
enum Public {
    Ed25519(ed25519::PublicKey),
    CosignatureV1(ed25519::PublicKey),
    MlDsa44(Box<[u8; ML_DSA_44_BYTES]>),
}

/// A signer's name, key id and public key; its text form is `<name>+<id>+<base64>`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    public: Public,
}

impl VerifierKey {
    /// A key for Ed25519 notes or cosignatures; refuses the type that takes another kind of key.
    pub fn new(
        name: KeyName,
        algorithm: Algorithm,
        key: ed25519::PublicKey,
    ) -> Result<Self, NoteError> {
        match algorithm {
            Algorithm::Ed25519 => Ok(Self::with_id(name, Public::Ed25519(key))),
            Algorithm::CosignatureV1 => Ok(Self::with_id(name, Public::CosignatureV1(key))),
            Algorithm::MlDsa44 => Err(NoteError::NotSupported(algorithm.type_byte())),
        }
    }

    fn with_id(name: KeyName, public: Public) -> Self {
        let id = KeyId::compute(&name, public.algorithm(), public.bytes());
        Self { name, id, public }
    }

    /// From `<name>+<8 hex digits>+<base64 of type byte and key>`.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        // SPEC(NOTE-7): base64 may contain a plus, names cannot.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::KeyForm);
        };
        let name = KeyName::parse(name)?;
        let stated = codec::hex_array(id)
            .map(KeyId)
            .map_err(|_| NoteError::KeyForm)?;
        let key = codec::base64_bytes(key, MAX_PUBLIC_KEY_BYTES).map_err(NoteError::KeyEncoding)?;
        let Some((&type_byte, key)) = key.split_first() else {
            return Err(NoteError::KeyForm);
        };
        let public = Public::parse(Algorithm::from_type_byte(type_byte)?, key)?;
        let key = Self::with_id(name, public);
        // SPEC(NOTE-8)
        if key.id != stated {
            return Err(NoteError::KeyIdMismatch {
                stated,
                computed: key.id,
            });
        }
        Ok(key)
    }

    /// The signer's name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The type.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The Ed25519 key, if it is one.
    pub fn ed25519(&self) -> Option<&ed25519::PublicKey> {
        match &self.public {
            Public::Ed25519(key) | Public::CosignatureV1(key) => Some(key),
            Public::MlDsa44(_) => None,
        }
    }

    /// The public key without its type byte.
    pub fn public_bytes(&self) -> &[u8] {
        self.public.bytes()
    }

    /// Whether `line` claims to be by this key: same name and same id.
    pub fn is_named_by(&self, line: &SignatureLine) -> bool {
        // SPEC(NOTE-11): the pair, never one of the two.
        self.name == line.name && self.id == line.id
    }
}

impl Public {
    fn parse(algorithm: Algorithm, key: &[u8]) -> Result<Self, NoteError> {
        // SPEC(NOTE-8)
        let length = |expected| NoteError::KeyLength {
            got: key.len(),
            expected,
        };
        let ed25519 = || {
            let key = key
                .try_into()
                .map_err(|_| length(ed25519::PUBLIC_KEY_LEN))?;
            ed25519::PublicKey::from_bytes(key).map_err(|_| NoteError::WeakKey)
        };
        match algorithm {
            Algorithm::Ed25519 => ed25519().map(Self::Ed25519),
            Algorithm::CosignatureV1 => ed25519().map(Self::CosignatureV1),
            Algorithm::MlDsa44 => {
                let key: [u8; ML_DSA_44_BYTES] =
                    key.try_into().map_err(|_| length(ML_DSA_44_BYTES))?;
                Ok(Self::MlDsa44(Box::new(key)))
            }
        }
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::Ed25519,
            Self::CosignatureV1(_) => Algorithm::CosignatureV1,
            Self::MlDsa44(_) => Algorithm::MlDsa44,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) | Self::CosignatureV1(key) => key.as_bytes(),
            Self::MlDsa44(key) => key.as_slice(),
        }
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut key = vec![self.algorithm().type_byte()];
        key.extend_from_slice(self.public_bytes());
        write!(f, "{}+{}+{}", self.name, self.id, codec::to_base64(&key))
    }
}

impl std::fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// A name and a secret Ed25519 key. Neither cloned nor printed.
pub struct Signer {
    verifier: VerifierKey,
    secret: ed25519::SecretKey,
}

impl Signer {
    /// A signer of notes or of cosignatures; no other type can be signed with.
    pub fn new(
        name: KeyName,
        algorithm: Algorithm,
        secret: ed25519::SecretKey,
    ) -> Result<Self, NoteError> {
        let verifier = VerifierKey::new(name, algorithm, secret.public())?;
        Ok(Self { verifier, secret })
    }

    /// The public half.
    pub fn verifier_key(&self) -> VerifierKey {
        self.verifier.clone()
    }

    /// Signs the text of a note (0x01).
    pub fn sign(&self, text: &str) -> Result<SignatureLine, NoteError> {
        self.require(Algorithm::Ed25519)?;
        Ok(self.line(self.secret.sign(text.as_bytes()).to_vec()))
    }

    /// Whether this signer's key is of the type `needed`.
    pub(crate) fn require(&self, needed: Algorithm) -> Result<(), NoteError> {
        let found = self.verifier.algorithm();
        if found == needed {
            Ok(())
        } else {
            Err(NoteError::WrongAlgorithm { found, needed })
        }
    }

    pub(crate) fn sign_bytes(&self, message: &[u8]) -> [u8; ed25519::SIGNATURE_LEN] {
        self.secret.sign(message)
    }

    pub(crate) fn line(&self, body: Vec<u8>) -> SignatureLine {
        SignatureLine {
            name: self.verifier.name.clone(),
            id: self.verifier.id,
            body,
        }
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}
