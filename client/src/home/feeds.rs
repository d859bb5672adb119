//! How far the auditors' lists of insertions were read for a label, on disk.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::index::IndexKey;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Home, HomeError, file, label_file};
use crate::watch::Feed;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    auditor: String,
    latest: u32,
    rungs: Vec<(u32, String)>,
    through: u64,
    found: Vec<String>,
    #[serde(default)]
    grew: Option<String>,
}

impl Home {
    /// How far the lists were read for a label.
    pub fn feeds(&self, origin: &Origin, label: &Label) -> Result<Vec<Feed>, HomeError> {
        let path = self.log_dir(origin).join("feeds").join(label_file(label));
        let kept: Option<Vec<Kept>> = file::read_json(&path)?;
        let kept = kept.unwrap_or_default();
        let feeds = kept.iter().map(Kept::restore).collect::<Option<_>>();
        feeds.ok_or_else(|| HomeError::damaged(&path, "not a reading of lists"))
    }

    /// Keeps how far they were read, in place of what was kept before.
    pub fn keep_feeds(
        &self,
        origin: &Origin,
        label: &Label,
        feeds: &[Feed],
    ) -> Result<(), HomeError> {
        let path = self.log_dir(origin).join("feeds").join(label_file(label));
        let kept: Vec<Kept> = feeds.iter().map(Kept::of).collect();
        file::replace_json(&path, &kept)
    }
}

impl Kept {
    fn of(feed: &Feed) -> Self {
        let rungs = feed.rungs.iter();
        Self {
            auditor: feed.auditor.clone(),
            latest: feed.latest.get(),
            rungs: rungs
                .map(|(version, index)| (version.get(), index.to_hex()))
                .collect(),
            through: feed.through.get(),
            found: feed.found.iter().map(IndexKey::to_hex).collect(),
            grew: feed.grew.map(|grew| grew.to_string()),
        }
    }

    fn restore(&self) -> Option<Feed> {
        let index = |text: &String| IndexKey::from_hex(text).ok();
        let rungs = self.rungs.iter();
        Some(Feed {
            auditor: self.auditor.clone(),
            latest: Version::new(self.latest),
            rungs: rungs
                .map(|(version, text)| Some((Version::new(*version), index(text)?)))
                .collect::<Option<_>>()?,
            through: TreeSize::new(self.through)?,
            found: self.found.iter().map(index).collect::<Option<_>>()?,
            grew: match &self.grew {
                None => None,
                Some(grew) => Some(Timestamp::parse(grew).ok()?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_come_back_as_they_were_kept() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let origin = Origin::parse("log.example").unwrap();
        let label = Label::email("me@example.org").unwrap();
        assert_eq!(home.feeds(&origin, &label).unwrap(), []);
        let feed = Feed {
            auditor: "a".into(),
            latest: Version::new(0),
            rungs: vec![(Version::new(1), IndexKey::from_bytes([5; 32]))],
            through: TreeSize::new(9).unwrap(),
            found: vec![IndexKey::from_bytes([5; 32])],
            grew: Timestamp::from_seconds(1_800_000_000),
        };
        home.keep_feeds(&origin, &label, std::slice::from_ref(&feed))
            .unwrap();
        assert_eq!(home.feeds(&origin, &label).unwrap(), [feed]);
    }
}
