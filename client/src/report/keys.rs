//! `keys new`, `publish`, `rotate`, `history` and `show`.

use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::LeafIndex;
use serde_json::{Value, json};

use super::contact::{key_words, keys_json};
use super::reset::ResetNotice;
use super::{Report, not_checked_line};
use crate::failure::{Failure, Verdict};
use crate::monitor::Monitored;
use crate::own::OwnKeys;

/// A key set that was made and not yet published.
#[derive(Debug)]
pub struct KeysStaged<'a>(pub &'a OwnKeys);

impl Report for KeysStaged<'_> {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let Some(pending) = self.0.pending() else {
            return Vec::new();
        };
        vec![
            format!(
                "MADE: version {} for {}.",
                pending.key_set.version(),
                self.0.label()
            ),
            format!("Keys: {}.", key_words(pending.key_set.keys())),
            format!(
                "Publish it: plainsight keys publish {}",
                self.0.label().display()
            ),
        ]
    }

    fn json(&self) -> Value {
        let pending = self.0.pending();
        json!({
            "verdict": self.verdict().as_str(),
            "label": self.0.label().display(),
            "version": pending.map(|pending| pending.key_set.version().get()),
            "keys": pending.map(|pending| keys_json(pending.key_set.keys())),
        })
    }
}

/// A key set that the log has taken, and what the log shows since.
#[derive(Debug)]
pub struct KeysPublished {
    /// Which version.
    pub version: Option<Version>,
    /// Where it stands.
    pub position: LeafIndex,
    /// What to say if it is a reset.
    pub reset: Option<ResetNotice>,
    /// The look after it.
    pub monitored: Monitored,
}

impl KeysPublished {
    /// Whether the head that was looked at has the place at all: another server of the log may show
    /// an older one, in which nothing of it can be found.
    fn is_reached(&self) -> bool {
        self.monitored.head.head.size.get() > self.position.get()
    }
}

impl Report for KeysPublished {
    fn verdict(&self) -> Verdict {
        match self.monitored.verdict() {
            Verdict::Verified if !self.is_reached() => Verdict::Undecided,
            verdict => verdict,
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = self.monitored.lines();
        let version = self
            .version
            .map(|version| format!("version {version} "))
            .unwrap_or_default();
        let taken = format!("The log took {version}at position {}.", self.position);
        let is_undecided = self.verdict() == Verdict::Undecided;
        if let Some(first) = lines.first_mut().filter(|_| is_undecided) {
            *first =
                "UNDECIDED: what the log took is not in the head that it shows you now, which is \
                      an older one. Look again in a minute: plainsight keys monitor"
                    .into();
        }
        lines.insert(1, taken);
        if let Some(reset) = &self.reset {
            lines.insert(2, reset.line());
        }
        lines
    }

    fn json(&self) -> Value {
        let mut json = self.monitored.json();
        if let Some(members) = json.as_object_mut() {
            members.insert("verdict".into(), json!(self.verdict().as_str()));
            members.insert("published".into(), json!(self.version.map(Version::get)));
            members.insert("position".into(), json!(self.position.get()));
            let reset = self.reset.as_ref().map(ResetNotice::json);
            members.insert("reset".into(), json!(reset));
        }
        json
    }
}

/// A key set that the log says it has taken, while what it shows since could not be verified.
#[derive(Debug)]
pub struct KeysTaken {
    /// Whose.
    pub label: Label,
    /// Which version.
    pub version: Option<Version>,
    /// Where the log says that it stands.
    pub position: LeafIndex,
    /// What to say if it is a reset.
    pub reset: Option<ResetNotice>,
    /// Why nothing was verified.
    pub failure: Failure,
}

impl KeysTaken {
    const NOT_CHECKED: [&str; 2] = [
        "whether the log shows it, and nothing else (`plainsight keys monitor` can tell)",
        "whether anybody but the log vouches for it",
    ];
}

impl Report for KeysTaken {
    fn verdict(&self) -> Verdict {
        match self.failure.verdict() {
            // What was asked has happened; what cannot be had is its proof.
            Verdict::Usage | Verdict::Verified => Verdict::Undecided,
            verdict => verdict,
        }
    }

    fn lines(&self) -> Vec<String> {
        let version = self.version.map_or_else(
            || "the key set".into(),
            |version| format!("version {version}"),
        );
        let mut lines = vec![format!(
            "PUBLISHED, NOT VERIFIED: the log says that it took {version} of {} at position {}; what it \
             shows since could not be verified.",
            self.label, self.position
        )];
        lines.extend(self.reset.as_ref().map(ResetNotice::line));
        lines.extend(self.failure.lines());
        lines.push(not_checked_line(&Self::NOT_CHECKED));
        lines
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict().as_str(),
            "label": self.label.display(),
            "published": self.version.map(Version::get),
            "position": self.position.get(),
            "reset": self.reset.as_ref().map(ResetNotice::json),
            "not_verified": self.failure.json(),
            "not_checked": Self::NOT_CHECKED,
        })
    }
}

/// One's own keys as this home has them.
#[derive(Debug)]
pub struct KeysShown<'a> {
    /// The keys.
    pub own: &'a OwnKeys,
    /// Whether every version is shown or the newest only.
    pub all: bool,
}

impl Report for KeysShown<'_> {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![title(self.own.label())];
        if let Some(began) = self.own.began() {
            lines.push(format!(
                "Version {began} is a reset with which this home began, or began anew: versions before it that \
                 this home did not make are not listed."
            ));
        }
        let versions = self.own.versions();
        let skipped = if self.all {
            0
        } else {
            versions.len().saturating_sub(1)
        };
        for own in versions.iter().skip(skipped) {
            let position = own
                .position
                .map(|position| format!(", logged at position {position}"));
            lines.push(format!(
                "Version {} of {}{}: {}.",
                own.key_set.version(),
                own.key_set.created(),
                position.unwrap_or_default(),
                key_words(own.key_set.keys())
            ));
        }
        if let Some(pending) = self.own.pending() {
            let key_set = &pending.key_set;
            lines.push(format!(
                "Version {} waits to be published: {}.",
                key_set.version(),
                key_words(key_set.keys())
            ));
        }
        lines.push(
            "This is what this home keeps; `plainsight keys monitor` compares with the log.".into(),
        );
        lines
    }

    fn json(&self) -> Value {
        let versions = self.own.versions();
        let skipped = if self.all {
            0
        } else {
            versions.len().saturating_sub(1)
        };
        let versions: Value = versions
            .iter()
            .skip(skipped)
            .map(|own| {
                json!({
                    "version": own.key_set.version().get(),
                    "created": own.key_set.created().to_string(),
                    "key_set": own.key_set.hash().to_hex(),
                    "position": own.position.map(LeafIndex::get),
                    "keys": keys_json(own.key_set.keys()),
                })
            })
            .collect();
        json!({
            "verdict": self.verdict().as_str(),
            "label": self.own.label().display(),
            "versions": versions,
            "pending": self.own.pending().map(|pending| pending.key_set.version().get()),
            "checked": self.own.checked().map(Version::get),
            "began": self.own.began().map(Version::get),
        })
    }
}

fn title(label: &Label) -> String {
    format!("OWN KEYS of {label}.")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use plainsight_specs::checkpoint::Origin;
    use plainsight_specs::hash::Hash;
    use plainsight_specs::label::Label;
    use plainsight_specs::merkle::{TreeHead, TreeSize};
    use plainsight_specs::time::Timestamp;

    use super::*;
    use crate::reader::HeadSeen;

    fn published(position: u64, size: u64) -> KeysPublished {
        let now = Timestamp::from_seconds(1_700_000_000).unwrap();
        let head = HeadSeen {
            origin: Origin::parse("log.example/1").unwrap(),
            head: TreeHead {
                size: TreeSize::new(size).unwrap(),
                root: Hash::ZERO,
            },
            fresh: now,
            now,
            epoch_ms: 0,
            vouchers: Vec::new(),
            silent: Vec::new(),
        };
        KeysPublished {
            version: Some(Version::FIRST),
            position: LeafIndex::new(position).unwrap(),
            reset: None,
            monitored: Monitored {
                label: Label::email("anna@example.org").unwrap(),
                head,
                from: Version::FIRST,
                latest: None,
                newest: None,
                confirmed: 0,
                began: None,
                before: Vec::new(),
                waiting: None,
                alarms: Vec::new(),
                records: Vec::new(),
                auditors: Vec::new(),
                log_failure: None,
            },
        }
    }

    #[test]
    fn a_head_without_what_was_published_verifies_nothing_of_it() {
        let early = published(2, 2);
        assert_eq!(early.verdict(), Verdict::Undecided);
        assert!(early.lines()[0].starts_with("UNDECIDED"));
        assert!(early.lines()[1].contains("position 2"));
        assert_eq!(early.json()["verdict"], Verdict::Undecided.as_str());
        assert_eq!(published(2, 3).verdict(), Verdict::Verified);
    }
}
