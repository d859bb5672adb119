//! Entries, a few bundles at a time, from the database and from the objects.

use bytes::Bytes;
use plainsight_specs::tile::{TILE_WIDTH, TilePath, bundle_to_bytes, parse_bundle};

use super::CheckError;
use crate::objects::{ObjectError, Objects};
use crate::store::{Store, StoreError};

/// Bundles read at a time: with the longest entries, 128 MiB of each copy.
pub(super) const BUNDLES: u64 = 8;
const WIDTH: u64 = TILE_WIDTH as u64;

/// What the database and the objects hold of one bundle's place.
pub(super) struct Place {
    pub(super) path: TilePath,
    /// From the segments; `None` if they were pruned.
    pub(super) stored: Option<Vec<Vec<u8>>>,
    pub(super) object: Object,
}

/// What stands under a bundle's name.
pub(super) enum Object {
    Found(Bytes),
    Missing,
    TooLong,
}

/// The entries of one bundle's place, and what is wrong with its two copies.
pub(super) struct Read {
    pub(super) entries: Vec<Vec<u8>>,
    /// Whether only the bundle holds them.
    pub(super) is_pruned: bool,
    pub(super) fault: Option<String>,
    /// The bundle, if it should be there and is not.
    pub(super) missing: Option<Bytes>,
}

/// Reads the places that hold the entries from `from` to before `to`, where `from` begins a
/// bundle.
pub(super) async fn read(
    store: &Store,
    objects: &Objects,
    from: u64,
    to: u64,
) -> Result<Vec<Place>, CheckError> {
    let mut places = Vec::new();
    let mut held: Option<(u64, Vec<Vec<u8>>)> = None;
    let mut start = from;
    while start < to {
        let end = to.min(start + WIDTH);
        let width = u16::try_from(end - start).unwrap_or(TILE_WIDTH);
        let Some(path) = TilePath::entries(start / WIDTH, width) else {
            break;
        };
        let object = match objects.get(&path).await {
            Ok(Some(bytes)) => Object::Found(bytes),
            Ok(None) => Object::Missing,
            Err(ObjectError::TooLong { .. }) => Object::TooLong,
            Err(error) => return Err(error.into()),
        };
        let stored = segments(store, &mut held, start, end).await?;
        places.push(Place {
            path,
            stored,
            object,
        });
        start = end;
    }
    Ok(places)
}

/// The entries from the segments, if all of them are there. `held` is the last segment.
async fn segments(
    store: &Store,
    held: &mut Option<(u64, Vec<Vec<u8>>)>,
    from: u64,
    to: u64,
) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut next = from;
    while next < to {
        let is_held = |(start, entries): &(u64, Vec<Vec<u8>>)| {
            (*start..*start + entries.len() as u64).contains(&next)
        };
        if !held.as_ref().is_some_and(is_held) {
            let Some(segment) = store.segment_at(next).await? else {
                return Ok(None);
            };
            let entries = segment.entries()?;
            let entries = entries.into_iter().map(<[u8]>::to_vec).collect();
            *held = Some((segment.start, entries));
        }
        let Some((start, entries)) = held else {
            return Ok(None);
        };
        let skip = usize::try_from(next - *start).unwrap_or(usize::MAX);
        let wanted = usize::try_from(to - next).unwrap_or(usize::MAX);
        let before = found.len();
        found.extend(entries.iter().skip(skip).take(wanted).cloned());
        if found.len() == before {
            return Ok(None);
        }
        next += (found.len() - before) as u64;
    }
    Ok(Some(found))
}

impl Place {
    /// The entries, from the database if it has them; `None` if nothing holds them. The bundle
    /// must be there if `is_needed`.
    pub(super) fn entries(self, is_needed: bool) -> Result<Option<Read>, String> {
        let path = self.path;
        let differs = || Some(format!("{path} holds other bytes than the database"));
        let Some(entries) = self.stored else {
            let Object::Found(object) = self.object else {
                return Ok(None);
            };
            let parsed = parse_bundle(&object, path.width())
                .map_err(|error| format!("{path} is the only copy of its entries, and {error}"))?;
            return Ok(Some(Read {
                entries: parsed.into_iter().map(<[u8]>::to_vec).collect(),
                is_pruned: true,
                fault: None,
                missing: None,
            }));
        };
        let bundle: Bytes = bundle_to_bytes(&entries)
            .map_err(|error| format!("the segments of {path} hold no bundle: {error}"))?
            .into();
        let (fault, missing) = match self.object {
            Object::Found(object) if object == bundle => (None, None),
            Object::Found(_) => (differs(), None),
            Object::TooLong => (Some(format!("{path} is too long")), None),
            Object::Missing => (None, is_needed.then_some(bundle)),
        };
        Ok(Some(Read {
            entries,
            is_pruned: false,
            fault,
            missing,
        }))
    }
}
