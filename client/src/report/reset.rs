//! `keys reset`: what a person must know before and after.

use plainsight_specs::label::{Label, Version};
use plainsight_specs::time::Timestamp;
use serde_json::{Value, json};

use super::contact::key_words;
use super::{head_lines, plain};
use crate::own::OwnKeys;
use crate::own::reset::LoggedBefore;

const HOUR: u64 = 3600;

/// A reset that is about to be published: words only, since nothing has happened yet.
#[derive(Debug)]
pub struct ResetPlan<'a> {
    /// What the log shows.
    pub before: &'a LoggedBefore,
    /// One's own keys, in which the reset waits.
    pub own: &'a OwnKeys,
    /// How long readers do not rely on a reset, in seconds, unless they chose otherwise.
    pub delay_s: u64,
}

impl ResetPlan<'_> {
    /// What will happen, in sentences.
    pub fn lines(&self) -> Vec<String> {
        let label = self.own.label();
        let latest = self.before.latest;
        let newest = self.own.newest().map(|newest| newest.key_set.version());
        let mut lines = vec![
            format!("RESET of {label}. Read this first; nothing is published yet."),
            match newest {
                None => format!(
                    "The latest version in the log is {latest} (proved), and this home does not have its keys:"
                ),
                Some(newest) => format!(
                    "This home is not lost: it has the keys of version {newest}. The latest version in the log \
                     is {latest} (proved), which was not made in this home:"
                ),
            },
        ];
        lines.extend(self.before.versions.iter().map(|listed| {
            let (version, position) = (listed.version, listed.position);
            let Some(key_set) = &listed.key_set else {
                return format!(
                    "  Version {version}, at position {position}: the log does not open it."
                );
            };
            let made = match self.own.hash_of(version) {
                Some(hash) if hash == key_set.hash() => "made in this home",
                _ if newest.is_some() => "NOT made in this home",
                _ => "of before",
            };
            format!(
                "  Version {version}, at position {position}, {made}, says it was made {}: {}.",
                key_set.created(),
                key_words(key_set.keys())
            )
        }));
        lines.extend(head_lines(&self.before.head));
        lines.push(match self.own.began() {
            _ if newest.is_none() => {
                "If you did not make one of these yourself, somebody else put keys in your name: end here, \
                 and ask the provider in public first."
                    .into()
            }
            // Whoever says that they are somebody else's begins nothing anew here.
            Some(began) if Some(began) == latest.next() => {
                "Those that were not made in this home count from now on as made by you elsewhere: they are \
                 not looked at any more. If that is not so, end here."
                    .into()
            }
            _ => {
                "Those that were not made in this home stay alarms, for ever: this goes over them and does \
                 not undo them. Ask the provider in public first."
                    .to_owned()
            }
        });
        if let Some(pending) = self.own.pending() {
            let version = pending.key_set.version();
            lines.push(format!(
                "What will be published: version {version}, all of it new keys: {}. No key of before \
                 signs it.",
                key_words(pending.key_set.keys())
            ));
        }
        lines.extend([
            format!(
                "What your contacts will see: that the owner of the keys before did not sign these, which \
                 is what they would see if the provider had put them there. For {} hours, or as long as \
                 each of them has chosen, their programs do not rely on your new keys; after that \
                 they do, with a note, but whoever had pinned your keys must accept the change.",
                self.delay_s.div_ceil(HOUR)
            ),
            "What settles it sooner: tell them in another way than through the provider, and let them \
             compare your new contact code. The codes you gave out before say nothing about these keys."
                .into(),
            format!(
                "What {}: what was encrypted to the old keys. What stays: every version in the log. \
                 None of this can be taken back.",
                if newest.is_none() {
                    "stays lost"
                } else {
                    "is lost once this is published, since this home then forgets them"
                }
            ),
        ]);
        lines.iter().map(|line| plain(line)).collect()
    }
}

/// What to say once a reset is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetNotice {
    /// Whose.
    pub label: Label,
    /// The reset.
    pub version: Version,
    /// Until when readers do not rely on it, by the reader's own delay.
    pub unconfirmed_until: Timestamp,
}

impl ResetNotice {
    pub(super) fn line(&self) -> String {
        format!(
            "Version {} is a reset: contacts do not rely on it until {}, or as long as they have chosen, unless they accept it \
             or compare your new code: plainsight keys code {}",
            self.version,
            self.unconfirmed_until,
            self.label.display()
        )
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "version": self.version.get(),
            "unconfirmed_until": self.unconfirmed_until.to_string(),
        })
    }
}
