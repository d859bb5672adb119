//! Entry bundles: up to 256 entries in a row.

use super::{TILE_WIDTH, TileError};
use crate::codec::Reader;

/// The longest entry, in bytes.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;
/// The longest bundle, in bytes: a client bounds what it downloads and decompresses by it.
pub const MAX_BUNDLE_BYTES: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY_BYTES);

/// Writes 1 to 256 entries.
pub fn bundle_to_bytes<T: AsRef<[u8]>>(entries: &[T]) -> Result<Vec<u8>, TileError> {
    check_width(entries.len())?;
    let mut bytes = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        // SPEC(TILE-5)
        let Ok(length) = u16::try_from(entry.len()) else {
            return Err(TileError::EntryTooLong { got: entry.len() });
        };
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Reads exactly `width` entries, 1 to 256, that fill `bytes`.
pub fn parse_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    check_width(usize::from(width))?;
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::with_capacity(usize::from(width));
    for _ in 0..width {
        let length = reader.u16()?;
        entries.push(reader.take(usize::from(length))?);
    }
    // SPEC(TILE-6)
    reader.finish()?;
    Ok(entries)
}

fn check_width(got: usize) -> Result<(), TileError> {
    if (1..=usize::from(TILE_WIDTH)).contains(&got) {
        return Ok(());
    }
    Err(TileError::Width { got })
}
