//! The watches of a label on disk. Their tokens are secrets: who has one can cancel the watch.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::codec::base64_array;
use plainsight_specs::hash::Hash;
use plainsight_specs::index::IndexKey;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::time::Timestamp;
use plainsight_specs::watch::WatchToken;
use serde::{Deserialize, Serialize};

use super::{Home, HomeError, file, label_file};
use crate::watch::Watch;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    auditor: String,
    token: String,
    latest: u32,
    rungs: Vec<KeptRung>,
    size: u64,
    root: String,
    grew: String,
    expires: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptRung {
    version: u32,
    index: String,
}

impl Home {
    /// The watches of a label.
    pub fn watches(&self, origin: &Origin, label: &Label) -> Result<Vec<Watch>, HomeError> {
        let path = self.log_dir(origin).join("watches").join(label_file(label));
        let kept: Option<Vec<Kept>> = file::read_secret_json(&path)?;
        kept.unwrap_or_default()
            .iter()
            .map(|kept| {
                kept.restore()
                    .ok_or_else(|| HomeError::damaged(&path, "not a watch"))
            })
            .collect()
    }

    /// Keeps the watches of a label, in place of those kept before.
    pub fn keep_watches(
        &self,
        origin: &Origin,
        label: &Label,
        watches: &[Watch],
    ) -> Result<(), HomeError> {
        let path = self.log_dir(origin).join("watches").join(label_file(label));
        let kept: Vec<Kept> = watches.iter().map(Kept::of).collect();
        file::replace_json(&path, &kept)
    }
}

impl Kept {
    fn of(watch: &Watch) -> Self {
        Self {
            auditor: watch.auditor.clone(),
            token: watch.token.to_base64(),
            latest: watch.latest.get(),
            rungs: watch
                .rungs
                .iter()
                .map(|(version, index)| KeptRung {
                    version: version.get(),
                    index: index.to_hex(),
                })
                .collect(),
            size: watch.seen.size.get(),
            root: watch.seen.root.to_hex(),
            grew: watch.grew.to_string(),
            expires: watch.expires.to_string(),
        }
    }

    fn restore(&self) -> Option<Watch> {
        let mut rungs = Vec::new();
        for rung in &self.rungs {
            let index = IndexKey::from_hex(&rung.index).ok()?;
            rungs.push((Version::new(rung.version), index));
        }
        Some(Watch {
            auditor: self.auditor.clone(),
            token: WatchToken::from_bytes(base64_array(&self.token).ok()?),
            latest: Version::new(self.latest),
            rungs,
            seen: TreeHead {
                size: TreeSize::new(self.size)?,
                root: Hash::from_hex(&self.root).ok()?,
            },
            grew: Timestamp::parse(&self.grew).ok()?,
            expires: Timestamp::parse(&self.expires).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watches_come_back_as_they_were_kept() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let origin = Origin::parse("log.example").unwrap();
        let label = Label::email("me@example.org").unwrap();
        assert_eq!(home.watches(&origin, &label).unwrap(), []);
        let watch = Watch {
            auditor: "a".into(),
            token: WatchToken::from_bytes([7; 32]),
            latest: Version::new(0),
            rungs: vec![(Version::new(1), IndexKey::from_bytes([5; 32]))],
            seen: TreeHead {
                size: TreeSize::new(9).unwrap(),
                root: Hash::from_bytes([3; 32]),
            },
            grew: Timestamp::from_seconds(1_800_000_000).unwrap(),
            expires: Timestamp::from_seconds(1_900_000_000).unwrap(),
        };
        home.keep_watches(&origin, &label, std::slice::from_ref(&watch))
            .unwrap();
        assert_eq!(home.watches(&origin, &label).unwrap(), [watch]);
    }
}
