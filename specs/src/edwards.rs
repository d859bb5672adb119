//! The one strict decoding of a curve point, for Ed25519 keys and for the VRF. Not public: what a
//! point means is for [`crate::ed25519`] and [`crate::vrf`] to say.

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};

/// The point that `bytes` encode, if they are its canonical encoding (RFC 8032 section 5.1.3).
pub(crate) fn decode(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
    if !is_canonical(bytes) {
        return None;
    }
    CompressedEdwardsY(*bytes).decompress()
}

/// Whether `bytes` are a canonical encoding, if they encode a point at all: `y` is below
/// `p = 2^255 - 19`, and the sign bit is clear where `x` is zero, which is at `y = 1` and
/// `y = p - 1` alone. The curve library reduces `y` and ignores the sign of zero; encoding the
/// point again and comparing would find both too, for the price of an inversion.
pub(crate) fn is_canonical(bytes: &[u8; 32]) -> bool {
    let mut y = *bytes;
    y[31] &= 0x7f;
    let negative = bytes[31] != y[31];
    let [low, middle @ .., high] = y;
    let y_below_p = low < 0xed || high != 0x7f || middle != [0xff; 30];
    let y_is_one = low == 0x01 && middle == [0; 30] && high == 0;
    let y_is_minus_one = low == 0xec && middle == [0xff; 30] && high == 0x7f;
    y_below_p && !(negative && (y_is_one || y_is_minus_one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::constants::EIGHT_TORSION;
    use proptest::prelude::*;

    /// What `is_canonical` saves: decode, encode, compare.
    fn encodes_back(bytes: &[u8; 32]) -> Option<bool> {
        let point = CompressedEdwardsY(*bytes).decompress()?;
        Some(point.compress().as_bytes() == bytes)
    }

    #[test]
    fn agrees_with_encoding_again_on_every_edge() {
        let mut points = 0;
        let mut refused = 0;
        for low in 0..=255u8 {
            for (middle, high) in [(0x00, 0x00), (0xff, 0x7f)] {
                for sign in [0x00, 0x80] {
                    let mut bytes = [middle; 32];
                    bytes[0] = low;
                    bytes[31] = high | sign;
                    if let Some(expected) = encodes_back(&bytes) {
                        points += 1;
                        refused += u32::from(!expected);
                        assert_eq!(is_canonical(&bytes), expected, "{}", hex::encode(bytes));
                        assert_eq!(decode(&bytes).is_some(), expected);
                    }
                }
            }
        }
        assert!(points > 400 && refused > 20, "{points} {refused}");
    }

    #[test]
    fn accepts_the_canonical_encoding_of_every_small_order_point() {
        for point in EIGHT_TORSION {
            assert_eq!(decode(point.compress().as_bytes()), Some(point));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_encoding_again_on_random_bytes(bytes: [u8; 32]) {
            if let Some(expected) = encodes_back(&bytes) {
                prop_assert_eq!(is_canonical(&bytes), expected);
            }
        }
    }
}
