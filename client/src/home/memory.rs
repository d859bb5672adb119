//! What is remembered of a log: its genesis and the head verified last.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::codec::{base64_bytes, to_base64};
use plainsight_specs::entry::{Entry, MAX_ENTRY};
use plainsight_specs::hash::Hash;
use plainsight_specs::head::MAX_CHECKPOINT;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use serde::{Deserialize, Serialize};

use super::{Home, HomeError, file};
use crate::reader::Memory;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    origin: String,
    genesis: String,
    size: u64,
    root: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
}

impl Home {
    /// What is remembered of a log.
    pub fn memory(&self, origin: &Origin) -> Result<Option<Memory>, HomeError> {
        let path = self.log_dir(origin).join("memory.json");
        let Some(kept) = file::read_json::<Kept>(&path)? else {
            return Ok(None);
        };
        kept.restore(origin)
            .map(Some)
            .ok_or_else(|| HomeError::damaged(&path, "not a genesis and a head of this log"))
    }

    /// Remembers a head that passed every step. One that is smaller never replaces it.
    pub fn remember(&self, memory: &Memory) -> Result<(), HomeError> {
        let origin = memory.genesis.origin();
        let given = memory.head.size.get();
        match self.memory(origin)? {
            Some(kept) if kept == *memory => return Ok(()),
            Some(kept) if kept.head.size.get() > given => {
                return Err(HomeError::OlderHead {
                    kept: kept.head.size.get(),
                    given,
                });
            }
            _ => {}
        }
        let kept = Kept {
            origin: origin.to_string(),
            genesis: to_base64(&memory.genesis.to_bytes()),
            size: given,
            root: memory.head.root.to_hex(),
            checkpoint: memory.checkpoint.as_deref().map(to_base64),
        };
        file::replace_json(&self.log_dir(origin).join("memory.json"), &kept)
    }
}

impl Kept {
    fn restore(&self, origin: &Origin) -> Option<Memory> {
        let entry = base64_bytes(&self.genesis, MAX_ENTRY).ok()?;
        let Ok(Entry::Genesis(genesis)) = Entry::parse(&entry) else {
            return None;
        };
        let is_this_log = self.origin == origin.as_str() && genesis.origin() == origin;
        let size = TreeSize::new(self.size)?;
        let root = Hash::from_hex(&self.root).ok()?;
        let checkpoint = match &self.checkpoint {
            None => None,
            Some(text) => Some(base64_bytes(text, MAX_CHECKPOINT).ok()?),
        };
        is_this_log.then_some(Memory {
            genesis: *genesis,
            head: TreeHead { size, root },
            checkpoint,
        })
    }
}
