//! gzip (RFC 1952) as answers come in, decoded within the bound that plain bytes have.
//!
//! One member that ends well, and nothing after it: what a server of this protocol sends has no
//! other form, and who sends another has something to hide in it.

use std::io::Read as _;

use flate2::bufread::GzDecoder;

/// Why gzip was not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// It holds more than the bound.
    #[error("it holds more than {limit} bytes")]
    TooLong {
        /// The bound in bytes.
        limit: usize,
    },
    /// Not gzip, cut short, or its checksum differs.
    #[error("it is not gzip, or not whole")]
    Broken,
    /// Something follows.
    #[error("something follows it")]
    Trailing,
}

/// The most bytes that gzip of `limit` bytes has: where nothing can be compressed, a frame and a few
/// bytes for each block are added.
pub(crate) fn most_encoded(limit: usize) -> usize {
    limit.saturating_add(limit / 1024 + 64)
}

/// What is in it, at most `limit` bytes. No more than one byte above that is ever decoded.
pub(crate) fn decode(gzip: &[u8], limit: usize) -> Result<Vec<u8>, GzipError> {
    let mut decoder = GzDecoder::new(gzip);
    let mut plain = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = decoder.by_ref().take(bound).read_to_end(&mut plain);
    if plain.len() > limit {
        return Err(GzipError::TooLong { limit });
    }
    read.map_err(|_| GzipError::Broken)?;
    match decoder.into_inner() {
        [] => Ok(plain),
        _ => Err(GzipError::Trailing),
    }
}

/// As much as can be decoded of what may be cut short: for a server's words, never for an answer.
pub(crate) fn decode_start(gzip: &[u8], limit: usize) -> Vec<u8> {
    let mut plain = vec![0; limit];
    let (mut decoder, mut filled) = (GzDecoder::new(gzip), 0);
    while let Some(room) = plain.get_mut(filled..).filter(|room| !room.is_empty())
        && let Ok(read @ 1..) = decoder.read(room)
    {
        filled += read;
    }
    plain.truncate(filled);
    plain
}
