//! `contact verify` and `contact accept`.

use plainsight_specs::keyset::{KeyRecord, KeySet, Role};
use plainsight_specs::label::Label;
use serde_json::{Value, json};

use super::{Report, head_json, head_lines, not_checked_line, time_of_ms};
use crate::contact::{Change, Contact, Standing};
use crate::failure::Verdict;

const NOT_CHECKED: [&str; 3] = [
    "who holds these keys (compare a code with the person, not through the provider)",
    "whether the owner made every earlier version (only the owner's `keys monitor` can tell)",
    "the organisations and jurisdictions, which are your own notes",
];

impl Report for Contact {
    fn verdict(&self) -> Verdict {
        match (&self.standing, &self.found) {
            (_, None) => Verdict::NotFound,
            (Standing::Changed(_), Some(_)) => Verdict::PinChanged,
            (_, Some(_)) => Verdict::Verified,
        }
    }

    fn lines(&self) -> Vec<String> {
        let label = &self.label;
        let Some(found) = &self.found else {
            let mut lines = vec![format!(
                "NOT FOUND: {label} is proved to have no key set in this log."
            )];
            lines.extend(head_lines(&self.head));
            return lines;
        };
        let version = found.key_set.version();
        let mut lines = vec![match &self.standing {
            Standing::New => {
                format!("VERIFIED: version {version} is the latest key set of {label}; now pinned.")
            }
            Standing::Unchanged => format!(
                "VERIFIED: version {version} is the latest key set of {label}, as pinned before."
            ),
            Standing::Changed(change) => format!(
                "CHANGED: {label} has another key set than the one pinned, now version {version}. {}",
                change_words(change)
            ),
        }];
        lines.push(format!("Keys: {}.", key_words(found.key_set.keys())));
        lines.extend(readers_line(&found.key_set));
        lines.push(format!(
            "Logged at position {}, proved no later than {}.",
            found.logged.position,
            time_of_ms(found.logged.no_later_than_ms)
        ));
        lines.extend(head_lines(&self.head));
        if matches!(self.standing, Standing::Changed(_)) {
            lines.push(format!(
                "Ask the person in another way. If it is right: plainsight contact accept {}",
                label.display()
            ));
        }
        lines.push(not_checked_line(&NOT_CHECKED));
        lines
    }

    fn json(&self) -> Value {
        let found = self.found.as_ref().map(|found| {
            json!({
                "version": found.key_set.version().get(),
                "key_set": found.key_set.hash().to_hex(),
                "created": found.key_set.created().to_string(),
                "keys": keys_json(found.key_set.keys()),
                "position": found.logged.position.get(),
                "logged_no_later_than": time_of_ms(found.logged.no_later_than_ms),
            })
        });
        json!({
            "verdict": self.verdict().as_str(),
            "label": self.label.display(),
            "standing": standing_word(&self.standing),
            "change": match &self.standing {
                Standing::Changed(change) => Some(change_json(change)),
                _ => None,
            },
            "found": found,
            "head": head_json(&self.head),
            "not_checked": NOT_CHECKED,
        })
    }
}

fn standing_word(standing: &Standing) -> &'static str {
    match standing {
        Standing::New => "new",
        Standing::Unchanged => "unchanged",
        Standing::Changed(_) => "changed",
    }
}

fn change_words(change: &Change) -> String {
    match change {
        Change::Signed => {
            "Every change was signed by an identity key of the version before.".into()
        }
        Change::Reset { version, reason } => {
            format!("Version {version} is a reset: {reason}.")
        }
        Change::NotFromLog => "What was pinned did not come from the log.".into(),
    }
}

fn change_json(change: &Change) -> Value {
    match change {
        Change::Signed => json!({ "kind": "signed" }),
        Change::Reset { version, reason } => {
            json!({ "kind": "reset", "version": version.get(), "reason": reason.to_string() })
        }
        Change::NotFromLog => json!({ "kind": "not-from-log" }),
    }
}

/// Keys that somebody else than the person may hold are always named.
fn readers_line(key_set: &KeySet) -> Option<String> {
    let others: Vec<_> = key_set
        .keys()
        .iter()
        .filter(|key| matches!(key.role, Role::Recovery | Role::Escrow))
        .map(|key| format!("{} ({})", key.id, key.role))
        .collect();
    if others.is_empty() {
        return None;
    }
    Some(format!(
        "Note: others may be able to read along or take over with: {}.",
        others.join(", ")
    ))
}

pub(super) fn key_words(keys: &[KeyRecord]) -> String {
    let words: Vec<_> = keys
        .iter()
        .map(|key| format!("{} ({})", key.id, key.role))
        .collect();
    words.join(", ")
}

pub(super) fn keys_json(keys: &[KeyRecord]) -> Value {
    keys.iter()
        .map(|key| {
            json!({
                "id": key.id,
                "role": key.role.as_str(),
                "alg": key.alg,
                "key": plainsight_specs::codec::to_base64(&key.key),
            })
        })
        .collect()
}

/// A changed key set that a person has accepted.
#[derive(Debug)]
pub struct Accepted {
    /// Whose.
    pub label: Label,
    /// The key set that is pinned now.
    pub key_set: KeySet,
}

impl Report for Accepted {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        vec![format!(
            "ACCEPTED: version {} of {} is pinned now, by your word.",
            self.key_set.version(),
            self.label
        )]
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict().as_str(),
            "label": self.label.display(),
            "version": self.key_set.version().get(),
            "key_set": self.key_set.hash().to_hex(),
        })
    }
}
