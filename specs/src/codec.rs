#![doc = include_str!("../encodings.md")]

use base64ct::{Base64, Encoding};

/// The largest number the protocol carries: 2^63 - 1, as the C2SP implementations have it.
pub const MAX_NUMBER: u64 = i64::MAX as u64;

/// Why bytes do not decode. Always [`crate::Blame::Malformed`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Fewer bytes than the format needs.
    #[error("truncated: {needed} more bytes were expected")]
    Truncated {
        /// How many bytes were still to come.
        needed: usize,
    },
    /// Bytes after the end.
    #[error("{left} bytes after the end")]
    Trailing {
        /// How many.
        left: usize,
    },
    /// Not a canonical decimal below 2^63.
    #[error("not a decimal number without leading zeros below 2^63")]
    Decimal,
    /// Not canonical padded standard base64.
    #[error("not canonical padded base64")]
    Base64,
    /// Not lower-case hex.
    #[error("not lower-case hex")]
    Hex,
    /// Decodes to another length than the format has.
    #[error("{got} bytes where {expected} were expected")]
    Length {
        /// Bytes found.
        got: usize,
        /// Bytes the format has.
        expected: usize,
    },
    /// Longer than allowed; nothing was decoded.
    #[error("longer than the {limit} bytes allowed")]
    TooLong {
        /// The bound, in bytes.
        limit: usize,
    },
}

/// Reads a bounded big-endian encoding from front to back. Nothing is indexed by hand.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], CodecError> {
        let Some((head, rest)) = self.rest.split_at_checked(n) else {
            return Err(CodecError::Truncated {
                needed: n - self.rest.len(),
            });
        };
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(CodecError::Truncated {
                needed: N - self.rest.len(),
            });
        };
        self.rest = rest;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, CodecError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Two bytes, big-endian.
    // SPEC(ENC-1)
    pub fn u16(&mut self) -> Result<u16, CodecError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self) -> Result<u32, CodecError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self) -> Result<u64, CodecError> {
        self.array().map(u64::from_be_bytes)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends the reading: bytes that are left are an error.
    pub fn finish(self) -> Result<(), CodecError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(CodecError::Trailing { left }),
        }
    }
}

/// A decimal without sign or leading zeros, at most 2^63 - 1. `u64::from_str` takes a `+` and
/// leading zeros, and so would give one number several spellings.
pub fn decimal(text: &str) -> Result<u64, CodecError> {
    // SPEC(ENC-2)
    let canonical = match text.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < 19 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !canonical {
        return Err(CodecError::Decimal);
    }
    match text.parse::<u64>() {
        Ok(number) if number <= MAX_NUMBER => Ok(number),
        _ => Err(CodecError::Decimal),
    }
}

/// Canonical padded standard base64 of at most `limit` bytes. The bound is checked before
/// anything is decoded.
pub fn base64_bytes(text: &str, limit: usize) -> Result<Vec<u8>, CodecError> {
    if text.len() > limit.div_ceil(3).saturating_mul(4) {
        return Err(CodecError::TooLong { limit });
    }
    // SPEC(ENC-3): the decoder refuses missing padding, white space and non-zero trailing bits.
    let bytes = Base64::decode_vec(text).map_err(|_| CodecError::Base64)?;
    if bytes.len() > limit {
        return Err(CodecError::TooLong { limit });
    }
    Ok(bytes)
}

/// Canonical padded standard base64 of exactly `N` bytes.
pub fn base64_array<const N: usize>(text: &str) -> Result<[u8; N], CodecError> {
    let bytes = base64_bytes(text, N)?;
    let got = bytes.len();
    bytes
        .try_into()
        .map_err(|_| CodecError::Length { got, expected: N })
}

/// Padded standard base64.
pub fn to_base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Lower-case hex of exactly `N` bytes.
pub fn hex_array<const N: usize>(text: &str) -> Result<[u8; N], CodecError> {
    if text.len() != 2 * N {
        return Err(CodecError::Length {
            got: text.len() / 2,
            expected: N,
        });
    }
    // SPEC(ENC-4)
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(CodecError::Hex);
    }
    let mut out = [0; N];
    hex::decode_to_slice(text, &mut out).map_err(|_| CodecError::Hex)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_one_spelling() {
        assert_eq!(decimal("0"), Ok(0));
        assert_eq!(decimal("9223372036854775807"), Ok(MAX_NUMBER));
        for bad in [
            "",
            "+1",
            "-1",
            "00",
            "01",
            " 1",
            "1 ",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert_eq!(decimal(bad), Err(CodecError::Decimal), "{bad:?}");
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(base64_array::<1>("AA=="), Ok([0]));
        for bad in ["AB==", "AA=", "AA", "AA==\n", "A A=", "AA-="] {
            assert!(base64_bytes(bad, 10).is_err(), "{bad:?}");
        }
        assert_eq!(
            base64_bytes("AAAAAAAA", 3),
            Err(CodecError::TooLong { limit: 3 })
        );
    }

    #[test]
    fn reader_refuses_short_and_long_input() {
        let mut reader = Reader::new(&[0, 1, 2]);
        assert_eq!(reader.u16(), Ok(1));
        assert_eq!(reader.u32(), Err(CodecError::Truncated { needed: 3 }));
        assert_eq!(
            reader.clone().finish(),
            Err(CodecError::Trailing { left: 1 })
        );
        assert_eq!(reader.u8(), Ok(2));
        assert_eq!(reader.finish(), Ok(()));
    }
}
