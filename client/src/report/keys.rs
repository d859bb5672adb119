//! `keys new`, `publish`, `rotate`, `monitor`, `history` and `show`.

use plainsight_specs::keyset::Continuity;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::LeafIndex;
use serde_json::{Value, json};

use super::contact::{key_words, keys_json};
use super::{Report, head_json, head_lines, not_checked_line, time_of_ms};
use crate::failure::Verdict;
use crate::monitor::record::RecordShown;
use crate::monitor::{Alarm, Monitored};
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
        lines
    }

    fn json(&self) -> Value {
        let mut json = self.monitored.json();
        if let Some(members) = json.as_object_mut() {
            members.insert("verdict".into(), json!(self.verdict().as_str()));
            members.insert("published".into(), json!(self.version.map(Version::get)));
            members.insert("position".into(), json!(self.position.get()));
        }
        json
    }
}

impl Report for Monitored {
    fn verdict(&self) -> Verdict {
        if self.alarms.is_empty() {
            Verdict::Verified
        } else {
            Verdict::Refuted
        }
    }

    fn lines(&self) -> Vec<String> {
        let label = &self.label;
        let mut lines = Vec::new();
        if self.alarms.is_empty() {
            lines.push(match self.latest {
                None => format!("VERIFIED: the log has no key set of {label}."),
                Some(latest) if !self.auditors.is_empty() => format!(
                    "VERIFIED: nothing was logged for {label} after version {latest}, which is your \
                     own. The log itself does not answer; {} proved it from its copy of the index.",
                    self.auditors.join(" and ")
                ),
                Some(latest) => format!(
                    "VERIFIED: every version of {label} from {} to {latest} is your own ({} opened).",
                    self.from, self.confirmed
                ),
            });
        } else {
            lines.push(format!(
                "ALARM: the log shows {} that must not be for {label}.",
                match self.alarms.len() {
                    1 => "something".into(),
                    many => format!("{many} things"),
                }
            ));
            lines.extend(self.alarms.iter().map(alarm_words));
            lines.extend(self.records.iter().map(|record| {
                format!(
                    "How to prove it: evidence/{}.json in your home; whoever has this log in their \
                     policy can check it with `plainsight evidence verify FILE`.",
                    record.id.to_hex()
                )
            }));
            lines.push(
                "Warn your contacts in another way; rotate with `plainsight keys rotate` once the \
                 provider has explained itself in public. The log itself is the proof: anybody who \
                 may look you up sees the same."
                    .into(),
            );
        }
        if let Some(waiting) = self.waiting {
            lines.push(format!("Version {waiting} waits to be published."));
        }
        lines.extend(head_lines(&self.head));
        lines.push(not_checked_line(&NOT_CHECKED));
        lines
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict().as_str(),
            "label": self.label.display(),
            "from": self.from.get(),
            "latest": self.latest.map(Version::get),
            "confirmed": self.confirmed,
            "waiting": self.waiting.map(Version::get),
            "auditors": self.auditors,
            "records": self.records.iter().map(|record| record.id.to_hex()).collect::<Vec<_>>(),
            "alarms": self.alarms.iter().map(alarm_json).collect::<Value>(),
            "head": head_json(&self.head),
            "not_checked": NOT_CHECKED,
        })
    }
}

const NOT_CHECKED: [&str; 1] =
    ["whether contacts are served this same head (auditors compare heads; contacts keep theirs)"];

fn when(position: LeafIndex, no_later_than_ms: Option<u64>) -> String {
    let time = match no_later_than_ms {
        Some(ms) => format!("proved no later than {}", time_of_ms(ms)),
        None => "at a time that the log does not prove".into(),
    };
    format!("logged at position {position}, {time}")
}

fn alarm_words(alarm: &Alarm) -> String {
    match alarm {
        Alarm::Ghost {
            version,
            position,
            no_later_than_ms,
            strangers,
            signed_by_own_key,
        } => {
            let keys = if strangers.is_empty() {
                "no foreign key, but other content".into()
            } else {
                format!("foreign keys {}", key_words(strangers))
            };
            let signed = if *signed_by_own_key {
                " It is signed by your own identity key: that secret has leaked."
            } else {
                ""
            };
            let when = when(*position, *no_later_than_ms);
            format!("Ghost: version {version} is not yours: {keys}; {when}.{signed}")
        }
        Alarm::Withheld {
            version,
            position,
            no_later_than_ms,
        } => {
            let when = when(*position, *no_later_than_ms);
            format!("Withheld: the log does not open version {version}; {when}.")
        }
        Alarm::Hole { version } => {
            format!("Hole: the log does not list version {version} though a later one exists.")
        }
        Alarm::Appeared { version, .. } => format!(
            "Ghost: version {version} was logged, which is not yours; what is in it cannot be had \
             while the log does not answer."
        ),
        Alarm::Missing { version, position } => format!(
            "Missing: the log no longer shows your version {version}, which it took at position {position}."
        ),
    }
}

fn alarm_json(alarm: &Alarm) -> Value {
    let version = alarm.version().get();
    let when = |ms: &Option<u64>| ms.map(time_of_ms);
    match alarm {
        Alarm::Ghost {
            position,
            no_later_than_ms,
            strangers,
            signed_by_own_key,
            ..
        } => json!({
            "kind": alarm.kind(),
            "version": version,
            "position": position.get(),
            "logged_no_later_than": when(no_later_than_ms),
            "keys": keys_json(strangers),
            "signed_by_own_key": signed_by_own_key,
        }),
        Alarm::Withheld {
            position,
            no_later_than_ms,
            ..
        } => json!({
            "kind": alarm.kind(),
            "version": version,
            "position": position.get(),
            "logged_no_later_than": when(no_later_than_ms),
        }),
        Alarm::Hole { .. } => json!({ "kind": alarm.kind(), "version": version }),
        Alarm::Appeared { entry, .. } => json!({
            "kind": alarm.kind(),
            "version": version,
            "entry": entry.to_hex(),
        }),
        Alarm::Missing { position, .. } => {
            json!({ "kind": alarm.kind(), "version": version, "position": position.get() })
        }
    }
}

impl Report for RecordShown {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let label = &self.label;
        let versions = self.history.versions();
        let mut lines = vec![format!(
            "PROVED: under your policy, the log committed to {} of {label}.",
            match versions {
                [one] => format!("version {} of the keys", one.version),
                many => format!("these {} versions of the keys", many.len()),
            }
        )];
        let mut before = None;
        for listed in versions {
            let version = listed.version;
            let Some(key_set) = &listed.key_set else {
                lines.push(format!(
                    "Version {version} at position {}: logged, and not opened.",
                    listed.position
                ));
                before = None;
                continue;
            };
            let signed = match (key_set.continuity(before), before) {
                (Continuity::Signed, _) => ", signed by the version before",
                (Continuity::Reset(_), Some(_)) => ", NOT signed by the version before",
                _ => "",
            };
            lines.push(format!(
                "Version {version} at position {}{signed}: {}.",
                listed.position,
                key_words(key_set.keys())
            ));
            before = Some(key_set);
        }
        lines.extend(head_lines(&self.head));
        lines.push(
            "It does not show whose keys these are: only the owner can say which versions are not \
             theirs. A log that publishes a key set breaks no rule of the log."
                .into(),
        );
        lines.push(format!("Record {}.", self.id.to_hex()));
        lines
    }

    fn json(&self) -> Value {
        let versions: Value = self
            .history
            .versions()
            .iter()
            .map(|listed| {
                json!({
                    "version": listed.version.get(),
                    "position": listed.position.get(),
                    "key_set": listed.key_set.as_ref().map(|key_set| key_set.hash().to_hex()),
                    "keys": listed.key_set.as_ref().map(|key_set| keys_json(key_set.keys())),
                })
            })
            .collect();
        json!({
            "verdict": self.verdict().as_str(),
            "record": self.id.to_hex(),
            "label": self.label.display(),
            "versions": versions,
            "head": head_json(&self.head),
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
            monitored: Monitored {
                label: Label::email("anna@example.org").unwrap(),
                head,
                from: Version::FIRST,
                latest: None,
                confirmed: 0,
                waiting: None,
                alarms: Vec::new(),
                records: Vec::new(),
                auditors: Vec::new(),
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
