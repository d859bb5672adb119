#![doc = include_str!("../../vrf.md")]

mod prove;
#[cfg(test)]
mod tests;
mod verify;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};

use crate::Blame;
use crate::codec::Reader;
use crate::edwards;
use crate::hash::Hash;
use crate::index::IndexKey;

pub use prove::SecretKey;
pub use verify::PublicKey;

// SPEC(VRF-1)
/// `suite_string` of ECVRF-EDWARDS25519-SHA512-ELL2, RFC 9381 section 5.5.
const SUITE: u8 = 0x04;

/// `"ECVRF_" || h2c_suite_ID_string || suite_string`, RFC 9381 section 5.4.1.2.
const DOMAIN: &[u8] = b"ECVRF_edwards25519_XMD:SHA-512_ELL2_NU_\x04";

/// Length of a challenge, `cLen`.
const CHALLENGE_LEN: usize = 16;

/// Why a key or a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VrfError {
    /// Not the canonical encoding of a point, or a point of small order.
    #[error("not a canonical VRF public key of large order")]
    PublicKey,
    /// Not 80 bytes.
    #[error("a VRF proof has 80 bytes, this one has {got}")]
    Length {
        /// Bytes found.
        got: usize,
    },
    /// The first 32 bytes are not the canonical encoding of a point.
    #[error("Gamma of the VRF proof is not a canonical point")]
    Gamma,
    /// The last 32 bytes are not a number below the group's order.
    #[error("s of the VRF proof is not below the order of the group")]
    Scalar,
    /// Well-formed, but not a proof for this key and input.
    #[error("the VRF proof does not hold")]
    Equation,
}

impl VrfError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::PublicKey | Self::Length { .. } | Self::Gamma | Self::Scalar => Blame::Malformed,
            Self::Equation => Blame::Unproven,
        }
    }
}

/// A proof that decodes: `Gamma || c || s`. Says nothing until [`PublicKey::verify`] accepts it.
#[derive(Clone, Copy)]
pub struct Proof {
    bytes: [u8; Self::LEN],
    // Invariant: what `bytes` encode.
    gamma_bytes: [u8; 32],
    gamma: EdwardsPoint,
    c: Scalar,
    s: Scalar,
}

impl Proof {
    /// Length in bytes.
    pub const LEN: usize = 80;

    /// From the 80 bytes of RFC 9381 section 5.4.4.
    pub fn parse(bytes: &[u8]) -> Result<Self, VrfError> {
        // SPEC(VRF-4)
        let bytes: &[u8; Self::LEN] = bytes
            .try_into()
            .map_err(|_| VrfError::Length { got: bytes.len() })?;
        Self::from_bytes(bytes)
    }

    /// From 80 bytes.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Result<Self, VrfError> {
        let mut reader = Reader::new(bytes);
        let length = |_| VrfError::Length { got: bytes.len() };
        let gamma_bytes = reader.array().map_err(length)?;
        let c: [u8; CHALLENGE_LEN] = reader.array().map_err(length)?;
        let s = reader.array().map_err(length)?;
        // SPEC(VRF-5)
        let gamma = edwards::decode(&gamma_bytes).ok_or(VrfError::Gamma)?;
        // SPEC(VRF-6)
        let s = Option::from(Scalar::from_canonical_bytes(s)).ok_or(VrfError::Scalar)?;
        Ok(Self {
            bytes: *bytes,
            gamma_bytes,
            gamma,
            c: challenge_scalar(c),
            s,
        })
    }

    /// The 80 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.bytes
    }
}

impl PartialEq for Proof {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Proof {}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proof({})", hex::encode(self.bytes))
    }
}

/// The pseudorandom output, `beta` in RFC 9381: only from a secret key or from a proof that holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Output([u8; Self::LEN]);

impl Output {
    /// Length in bytes.
    pub const LEN: usize = 64;

    /// The 64 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The index: the first 32 bytes, in the private namespace.
    pub fn index_key(&self) -> IndexKey {
        let mut index = [0; 32];
        index.copy_from_slice(&self.0[..32]);
        // SPEC(VRF-8)
        IndexKey::private(Hash::from_bytes(index))
    }

    /// RFC 9381 section 5.2, from the encoding of `cofactor * Gamma`. Clearing the cofactor makes
    /// the output unique although Gamma may carry a component of small order.
    fn of_cleared(cleared: &CompressedEdwardsY) -> Self {
        let mut hasher = Sha512::new();
        hasher.update([SUITE, 0x03]);
        hasher.update(cleared.as_bytes());
        hasher.update([0x00]);
        Self(hasher.finalize().into())
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Output({})", hex::encode(self.0))
    }
}

/// `ECVRF_encode_to_curve`: the salt is the public key string. Time does not depend on `alpha`
/// beyond its length.
fn encode_to_curve(key: &[u8; 32], alpha: &[u8]) -> EdwardsPoint {
    // SPEC(VRF-2)
    EdwardsPoint::encode_to_curve::<Sha512>(&[key, alpha], &[DOMAIN])
}

/// `ECVRF_challenge_generation` over the encodings of Y, H, Gamma, U and V.
fn challenge(points: [&[u8; 32]; 5]) -> [u8; CHALLENGE_LEN] {
    let mut hasher = Sha512::new();
    hasher.update([SUITE, 0x02]);
    for point in points {
        hasher.update(point);
    }
    hasher.update([0x00]);
    let digest: [u8; 64] = hasher.finalize().into();
    let mut c = [0; CHALLENGE_LEN];
    c.copy_from_slice(&digest[..CHALLENGE_LEN]);
    c
}

/// Little-endian; 16 bytes are always below the order of the group.
fn challenge_scalar(c: [u8; CHALLENGE_LEN]) -> Scalar {
    Scalar::from(u128::from_le_bytes(c))
}
