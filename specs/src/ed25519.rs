//! Strict Ed25519, the same in every component: two auditors that disagree about a signature
//! disagree about the log. Rules in the chapter [encodings](crate::codec).

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::Blame;
use crate::edwards;

/// Length of a public key in bytes.
pub const PUBLIC_KEY_LEN: usize = 32;
/// Length of a signature in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// The bytes are not the canonical encoding of a point of large order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a canonical Ed25519 public key of large order")]
pub struct KeyError;

impl KeyError {
    /// Who is to blame.
    pub fn blame(self) -> Blame {
        Blame::Malformed
    }
}

/// The signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Ed25519 signature does not verify")]
pub struct SignatureError;

impl SignatureError {
    /// Who is to blame.
    pub fn blame(self) -> Blame {
        Blame::Unproven
    }
}

/// A public key that passed the strict checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// From 32 bytes: a canonical point that is not of small order.
    pub fn from_bytes(bytes: &[u8; PUBLIC_KEY_LEN]) -> Result<Self, KeyError> {
        // SPEC(ENC-14)
        if !edwards::is_canonical(bytes) {
            return Err(KeyError);
        }
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError)?;
        if key.is_weak() {
            return Err(KeyError);
        }
        Ok(Self(key))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY_LEN] {
        self.0.as_bytes()
    }

    /// Checks `signature` over `message`.
    pub fn verify(
        &self,
        message: &[u8],
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<(), SignatureError> {
        // SPEC(ENC-15): the library checks S < L, small order and the equation without cofactor. It
        // also compares R by its bytes, but that is its affair, and the rule is ours.
        let (r, _) = signature.split_first_chunk::<32>().ok_or(SignatureError)?;
        if !edwards::is_canonical(r) {
            return Err(SignatureError);
        }
        self.0
            .verify_strict(message, &Signature::from_bytes(signature))
            .map_err(|_| SignatureError)
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

/// A signing key. Zeroised when dropped; neither cloned nor printed.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// From the 32-byte seed of RFC 8032.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `message`, deterministically.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretKey")
            .field("public", &self.public())
            .finish_non_exhaustive()
    }
}
