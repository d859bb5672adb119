//! How far each watched stream was when it was looked at last.

use std::collections::BTreeMap;

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::statement::{Seq, Stream};
use serde::{Deserialize, Serialize};

use super::{Home, HomeError, file};
use crate::streams::Place;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    seq: u32,
    leaf: String,
}

impl Home {
    /// Where a stream was when it was looked at last.
    pub fn watched(&self, origin: &Origin, stream: &Stream) -> Result<Option<Place>, HomeError> {
        let path = self.log_dir(origin).join("watched.json");
        let all = file::read_json::<BTreeMap<String, Kept>>(&path)?.unwrap_or_default();
        let Some(kept) = all.get(&key(stream)) else {
            return Ok(None);
        };
        let leaf = Hash::from_hex(&kept.leaf);
        let leaf = leaf.map_err(|error| HomeError::damaged(&path, error))?;
        Ok(Some(Place {
            seq: Seq::new(kept.seq),
            leaf,
        }))
    }

    /// Notes where a stream is now.
    pub fn note_watched(
        &self,
        origin: &Origin,
        stream: &Stream,
        place: Place,
    ) -> Result<(), HomeError> {
        let path = self.log_dir(origin).join("watched.json");
        let mut all = file::read_json::<BTreeMap<String, Kept>>(&path)?.unwrap_or_default();
        let kept = Kept {
            seq: place.seq.get(),
            leaf: place.leaf.to_hex(),
        };
        all.insert(key(stream), kept);
        file::replace_json(&path, &all)
    }
}

fn key(stream: &Stream) -> String {
    sha256(stream.as_bytes()).to_hex()
}
