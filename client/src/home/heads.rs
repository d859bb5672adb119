//! Which verified head was handed to which auditor last, so that each is handed over once.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::hash::{Hash, sha256};
use serde::{Deserialize, Serialize};

use super::{Home, HomeError, file};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    auditor: String,
    head: String,
}

/// Size and root, in a few bytes: the same head cosigned anew is not handed over again.
fn fingerprint(text: &[u8]) -> Hash {
    // The note's text ends at the first blank line; what follows are signatures.
    let end = text.windows(2).position(|two| two == b"\n\n");
    sha256(text.get(..end.unwrap_or(text.len())).unwrap_or(text))
}

impl Home {
    /// The verified head of a log that this auditor has not been handed yet.
    pub fn unsubmitted(
        &self,
        origin: &Origin,
        auditor: &str,
    ) -> Result<Option<Vec<u8>>, HomeError> {
        let memory = self.memory(origin)?;
        let Some(checkpoint) = memory.and_then(|memory| memory.checkpoint) else {
            return Ok(None);
        };
        let path = self.log_dir(origin).join("submitted.json");
        let kept = file::read_json::<Kept>(&path)?;
        let head = fingerprint(&checkpoint).to_hex();
        let was = kept.is_some_and(|kept| kept.auditor == auditor && kept.head == head);
        Ok((!was).then_some(checkpoint))
    }

    /// Notes that an auditor was handed a head.
    pub fn note_submitted(
        &self,
        origin: &Origin,
        auditor: &str,
        checkpoint: &[u8],
    ) -> Result<(), HomeError> {
        let kept = Kept {
            auditor: auditor.into(),
            head: fingerprint(checkpoint).to_hex(),
        };
        file::replace_json(&self.log_dir(origin).join("submitted.json"), &kept)
    }
}
