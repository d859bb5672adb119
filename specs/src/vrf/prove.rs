//! Making a proof. Constant time in the secret and in the input.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use sha2::{Digest, Sha512};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{Output, Proof, PublicKey, challenge, challenge_scalar, encode_to_curve};

/// A VRF secret key. Zeroised when dropped; neither cloned nor printed.
#[derive(ZeroizeOnDrop)]
pub struct SecretKey {
    /// The secret scalar x.
    scalar: Scalar,
    /// The second half of the hashed seed, from which nonces are made.
    nonce_prefix: [u8; 32],
    #[zeroize(skip)]
    public: PublicKey,
}

impl SecretKey {
    /// From the 32-byte seed, `SK` in RFC 9381: expanded as an Ed25519 key (RFC 8032 section
    /// 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let expanded = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(seed)));
        let mut clamped = Zeroizing::new([0; 32]);
        let mut nonce_prefix = [0; 32];
        clamped.copy_from_slice(&expanded[..32]);
        nonce_prefix.copy_from_slice(&expanded[32..]);
        // Reduced, which changes nothing: it only ever multiplies points of the prime-order group.
        let scalar = Scalar::from_bytes_mod_order(clamp_integer(*clamped));
        let public = PublicKey::of_point(&EdwardsPoint::mul_base(&scalar));
        Self {
            scalar,
            nonce_prefix,
            public,
        }
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// `ECVRF_prove` (RFC 9381 section 5.1), deterministic, with the output it proves.
    #[expect(clippy::many_single_char_names, reason = "the names of RFC 9381")]
    pub fn prove(&self, alpha: &[u8]) -> (Proof, Output) {
        let h = encode_to_curve(self.public.as_bytes(), alpha);
        let h_bytes = h.compress();
        let gamma = self.scalar * h;
        let nonce = self.nonce(h_bytes.as_bytes());
        let u = EdwardsPoint::mul_base(&nonce);
        let v = *nonce * h;
        let [gamma_bytes, u, v, cleared] =
            EdwardsPoint::compress_batch(&[gamma, u, v, gamma.mul_by_cofactor()]);
        let c_bytes = challenge([
            self.public.as_bytes(),
            h_bytes.as_bytes(),
            gamma_bytes.as_bytes(),
            u.as_bytes(),
            v.as_bytes(),
        ]);
        let c = challenge_scalar(c_bytes);
        let s = *nonce + c * self.scalar;
        let mut bytes = [0; Proof::LEN];
        bytes[..32].copy_from_slice(gamma_bytes.as_bytes());
        bytes[32..48].copy_from_slice(&c_bytes);
        bytes[48..].copy_from_slice(s.as_bytes());
        let proof = Proof {
            bytes,
            gamma_bytes: gamma_bytes.to_bytes(),
            gamma,
            c,
            s,
        };
        (proof, Output::of_cleared(&cleared))
    }

    /// The output without its proof, at less than half the price: what a log needs to find or to
    /// insert an index.
    pub fn evaluate(&self, alpha: &[u8]) -> Output {
        let gamma = self.scalar * encode_to_curve(self.public.as_bytes(), alpha);
        Output::of_cleared(&gamma.mul_by_cofactor().compress())
    }

    /// `ECVRF_nonce_generation_RFC8032` (RFC 9381 section 5.4.2.2).
    fn nonce(&self, h_bytes: &[u8; 32]) -> Zeroizing<Scalar> {
        let mut hasher = Sha512::new();
        hasher.update(self.nonce_prefix);
        hasher.update(h_bytes);
        let wide = Zeroizing::new(<[u8; 64]>::from(hasher.finalize()));
        Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide))
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}
