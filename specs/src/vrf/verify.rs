//! Checking a proof. Variable time: key, input and proof are known to whoever verifies.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::traits::VartimeMultiscalarMul;

use super::{Output, Proof, VrfError, challenge, challenge_scalar, encode_to_curve};
use crate::edwards;

/// A VRF public key that passed the strict checks.
#[derive(Clone, Copy)]
pub struct PublicKey {
    bytes: [u8; 32],
    // Invariant: minus the point that `bytes` encode.
    negated: EdwardsPoint,
}

impl PublicKey {
    /// From 32 bytes: `string_to_point` and `ECVRF_validate_key` (RFC 9381 section 5.4.5).
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, VrfError> {
        // SPEC(VRF-3)
        let point = edwards::decode(bytes).ok_or(VrfError::PublicKey)?;
        if point.is_small_order() {
            return Err(VrfError::PublicKey);
        }
        Ok(Self {
            bytes: *bytes,
            negated: -point,
        })
    }

    /// The key of a secret scalar: canonical and of large order by construction.
    pub(super) fn of_point(point: &EdwardsPoint) -> Self {
        Self {
            bytes: point.compress().to_bytes(),
            negated: -point,
        }
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// `ECVRF_verify` (RFC 9381 section 5.3): the output, if `proof` holds for `alpha`.
    pub fn verify(&self, alpha: &[u8], proof: &Proof) -> Result<Output, VrfError> {
        let h = encode_to_curve(&self.bytes, alpha);
        // SPEC(VRF-7): points are negated, not c. Key and Gamma may have a component of small
        // order, and there q - c is another number than -c.
        let u =
            EdwardsPoint::vartime_double_scalar_mul_basepoint(&proof.c, &self.negated, &proof.s);
        let v = EdwardsPoint::vartime_multiscalar_mul([proof.s, proof.c], [h, -proof.gamma]);
        let cleared = proof.gamma.mul_by_cofactor();
        let [h, u, v, cleared] = EdwardsPoint::compress_batch(&[h, u, v, cleared]);
        let c = challenge([
            &self.bytes,
            h.as_bytes(),
            &proof.gamma_bytes,
            u.as_bytes(),
            v.as_bytes(),
        ]);
        if challenge_scalar(c) != proof.c {
            return Err(VrfError::Equation);
        }
        Ok(Output::of_cleared(&cleared))
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.bytes))
    }
}
