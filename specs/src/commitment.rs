#![doc = include_str!("../commitment.md")]

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::ZeroizeOnDrop;

use crate::Blame;
use crate::hash::Hash;
use crate::label::{Label, Version};

/// The fixed HMAC key of KEYTRANS, `Kc`.
const KEY: [u8; 16] = [
    0xd8, 0x21, 0xf8, 0x79, 0x0d, 0x97, 0x70, 0x97, 0x96, 0xb4, 0xd7, 0x90, 0x33, 0x57, 0xc3, 0xf5,
];

/// The commitment does not open to this key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the opening, label, version and key set do not give the commitment")]
pub struct CommitmentError;

impl CommitmentError {
    /// Who is to blame.
    pub fn blame(self) -> Blame {
        Blame::Unproven
    }
}

/// The 16 random bytes that hide a key set. Zeroised when dropped; neither cloned nor printed.
#[derive(ZeroizeOnDrop)]
pub struct Opening([u8; Self::LEN]);

impl Opening {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// Wraps 16 bytes, which the publishing client draws at random for each version.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl PartialEq for Opening {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Opening {}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").finish_non_exhaustive()
    }
}

/// The commitment to `key_set` as `version` of `label`.
pub fn commit(opening: &Opening, label: &Label, version: Version, key_set: &[u8]) -> Hash {
    Hash::from_bytes(
        mac(opening, label, version, key_set)
            .finalize()
            .into_bytes()
            .into(),
    )
}

/// Whether `commitment` opens to `key_set` as `version` of `label`. Constant time in the
/// commitment.
pub fn check(
    commitment: &Hash,
    opening: &Opening,
    label: &Label,
    version: Version,
    key_set: &[u8],
) -> Result<(), CommitmentError> {
    // SPEC(COMMIT-2)
    mac(opening, label, version, key_set)
        .verify(&(*commitment.as_bytes()).into())
        .map_err(|_| CommitmentError)
}

fn mac(opening: &Opening, label: &Label, version: Version, key_set: &[u8]) -> Hmac<Sha256> {
    // A key set never comes near 4 GiB; if one did, no length that fits could be mistaken for it.
    let length = u32::try_from(key_set.len()).unwrap_or(u32::MAX);
    // RFC 2104 fills a short key up with zeros to the block of the hash.
    let mut block = [0; 64];
    block[..KEY.len()].copy_from_slice(&KEY);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    // SPEC(COMMIT-1)
    mac.update(opening.as_bytes());
    mac.update(&label.vrf_input(version));
    mac.update(&length.to_be_bytes());
    mac.update(key_set);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening() -> Opening {
        Opening::from_bytes(std::array::from_fn(|i| u8::try_from(i).unwrap()))
    }

    fn label() -> Label {
        Label::opaque(&[0x00, 0xff]).unwrap()
    }

    /// HMAC-SHA256 by another implementation over
    /// `000102..0f || 03 7f00ff || 00000001 || 00000007 || "key set"`.
    #[test]
    fn is_the_hmac_of_the_chapter() {
        let commitment = commit(&opening(), &label(), Version::new(1), b"key set");
        assert_eq!(
            commitment.to_hex(),
            "566c0f2885ba80ad7c457c825531c7a1033e0fc58baadf012501feb44e2eea3f"
        );
        let checked = check(
            &commitment,
            &opening(),
            &label(),
            Version::new(1),
            b"key set",
        );
        assert_eq!(checked, Ok(()));
    }

    #[test]
    fn binds_opening_label_version_and_key_set() {
        let version = Version::new(1);
        let commitment = commit(&opening(), &label(), version, b"key set");
        let refused = Err(CommitmentError);
        let mut other = *opening().as_bytes();
        other[15] ^= 1;
        let other = Opening::from_bytes(other);
        assert_eq!(
            check(&commitment, &other, &label(), version, b"key set"),
            refused
        );
        let other = Label::opaque(&[0x00, 0xfe]).unwrap();
        assert_eq!(
            check(&commitment, &opening(), &other, version, b"key set"),
            refused
        );
        let other = Version::new(2);
        assert_eq!(
            check(&commitment, &opening(), &label(), other, b"key set"),
            refused
        );
        for other in [b"key se".as_slice(), b"key sets", b"Key set", b""] {
            assert_eq!(
                check(&commitment, &opening(), &label(), version, other),
                refused
            );
        }
    }

    #[test]
    fn refuses_every_single_bit_flip() {
        let version = Version::FIRST;
        let commitment = commit(&opening(), &label(), version, b"");
        for bit in 0..256 {
            let mut flipped = *commitment.as_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let flipped = Hash::from_bytes(flipped);
            let checked = check(&flipped, &opening(), &label(), version, b"");
            assert_eq!(checked, Err(CommitmentError), "bit {bit}");
        }
    }

    /// A byte cannot move from the label to the version or on to the key set.
    #[test]
    fn fields_do_not_run_into_each_other() {
        let long = Label::opaque(&[1, 0]).unwrap();
        let short = Label::opaque(&[1]).unwrap();
        let zero = Version::FIRST;
        assert_ne!(
            commit(&opening(), &long, zero, b"\0\0\0\0"),
            commit(&opening(), &short, zero, b"\0\0\0\0\0")
        );
    }

    #[test]
    fn debug_shows_nothing_of_an_opening() {
        assert_eq!(format!("{:?}", opening()), "Opening { .. }");
    }

    #[test]
    fn openings_compare_by_every_byte() {
        assert_eq!(opening(), opening());
        for byte in 0..Opening::LEN {
            let mut other = *opening().as_bytes();
            other[byte] ^= 0x80;
            assert_ne!(opening(), Opening::from_bytes(other));
        }
    }
}
