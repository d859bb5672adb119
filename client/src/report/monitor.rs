//! `keys monitor`, and the record that an alarm leaves.

use plainsight_specs::history::LoggedVersion;
use plainsight_specs::keyset::Continuity;
use plainsight_specs::label::Version;
use plainsight_specs::merkle::LeafIndex;
use serde_json::{Value, json};

use super::contact::{key_words, keys_json};
use super::{Report, head_json, head_lines, not_checked_line, plain, time_of_ms};
use crate::failure::Verdict;
use crate::monitor::record::RecordShown;
use crate::monitor::{Alarm, Monitored};

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
                     own. The log itself does not answer; {} proved it from {} of the index.",
                    self.auditors.join(" and "),
                    if self.auditors.len() == 1 {
                        "its copy"
                    } else {
                        "their copies"
                    }
                ),
                Some(latest) => format!(
                    "VERIFIED: every version of {label} from {} to {latest} is your own ({} opened).",
                    self.from.max(self.began.unwrap_or(Version::FIRST)),
                    self.confirmed
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
            lines.push(self.advice());
        }
        if let Some(failure) = &self.log_failure {
            let word = match failure.step() {
                None => "gave no answer".into(),
                Some(step) => format!("gave an answer that does not hold at step {step}"),
            };
            lines.push(format!(
                "{} answered in place of the log, which {word}: {}.",
                self.auditors.join(" and "),
                plain(&failure.to_string())
            ));
        }
        lines.extend(self.before_line());
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
            "began": self.began.map(Version::get),
            "before": self.before.iter().map(before_json).collect::<Value>(),
            "waiting": self.waiting.map(Version::get),
            "auditors": self.auditors,
            "log_failure": self.log_failure.as_ref().map(Report::json),
            "records": self.records.iter().map(|record| record.id.to_hex()).collect::<Vec<_>>(),
            "alarms": self.alarms.iter().map(alarm_json).collect::<Value>(),
            "head": head_json(&self.head),
            "not_checked": NOT_CHECKED,
        })
    }
}

impl Monitored {
    /// What to do about an alarm.
    fn advice(&self) -> String {
        let label = self.label.display();
        let taken = self
            .alarms
            .iter()
            .any(|alarm| Some(alarm.version()) > self.newest);
        if self.newest.is_none() {
            return format!(
                "This home has never published a key set of this label. If you published those from a \
                 home that is lost, begin anew: plainsight keys reset {label} --device NAME (it says \
                 first what your contacts will see). If you did not, somebody else put keys in your \
                 name: warn your contacts in another way, and ask the provider in public."
            );
        }
        let next = if taken {
            format!(
                "Once the provider has explained itself in public, go over it with new keys: plainsight \
                 keys reset {label} --device NAME --not-mine."
            )
        } else {
            "Ask the provider in public.".into()
        };
        format!(
            "Warn your contacts in another way. {next} The log itself is the proof: anybody who may look \
             you up sees the same."
        )
    }

    /// What was logged before this home began.
    fn before_line(&self) -> Option<String> {
        let began = self.began?;
        let shown: Vec<String> = self
            .before
            .iter()
            .rev()
            .take(SHOWN_BEFORE)
            .rev()
            .map(|listed| format!("version {} at position {}", listed.version, listed.position))
            .collect();
        let among = match shown.as_slice() {
            [] => String::new(),
            shown if shown.len() < self.before.len() => {
                format!(": the last are {}", shown.join(", "))
            }
            shown => format!(": {}", shown.join(", ")),
        };
        Some(format!(
            "Version {began} is a reset with which this home began, or began anew. What was logged before it and was not made \
             in this home is not judged{among}."
        ))
    }
}

/// How many versions from before a reset are named.
const SHOWN_BEFORE: usize = 8;

fn before_json(listed: &LoggedVersion) -> Value {
    json!({ "version": listed.version.get(), "position": listed.position.get() })
}

const NOT_CHECKED: [&str; 1] =
    ["whether contacts are served this same head (auditors compare heads; contacts keep theirs)"];

pub(super) fn when(position: LeafIndex, no_later_than_ms: Option<u64>) -> String {
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
             while the log gives no answer that holds."
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
