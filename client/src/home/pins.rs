//! Pins: the key set that a person relies on for each contact, and how it came to be relied on.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::codec::{base64_bytes, to_base64};
use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::Label;
use plainsight_specs::lookup::MAX_KEY_SET;
use plainsight_specs::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Home, HomeError, file, label_file};
use crate::contact::{Contact, Pinned, Standing};

/// How much a pin is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinState {
    /// Taken from somewhere else than the log, such as a message; not verified.
    Seen,
    /// The log showed it as the latest, vouched for by the policy's auditors.
    LogVerified,
    /// The log shows another one now, which nobody has accepted.
    Changed,
}

/// What is pinned for one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// How much it is worth.
    pub state: PinState,
    /// The key set relied on.
    pub key_set: KeySet,
    /// Whether the log showed it once.
    pub from_log: bool,
    /// When it was pinned.
    pub since: Timestamp,
    /// The key set that the log shows instead, until it is accepted.
    pub pending: Option<KeySet>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    label: String,
    state: PinState,
    key_set: String,
    from_log: bool,
    since: String,
    pending: Option<String>,
}

impl Pin {
    /// A key set that was seen and not verified.
    pub fn seen(key_set: KeySet, now: Timestamp) -> Self {
        Self {
            state: PinState::Seen,
            key_set,
            from_log: false,
            since: now,
            pending: None,
        }
    }

    /// What a look-up compares with.
    pub fn pinned(&self) -> Pinned {
        Pinned {
            key_set: self.key_set.clone(),
            from_log: self.from_log,
        }
    }

    /// The pin after a look-up; `None` if there is nothing to pin.
    pub fn after(pin: Option<Self>, contact: &Contact, now: Timestamp) -> Option<Self> {
        let Some(found) = &contact.found else {
            return pin;
        };
        let found = found.key_set.clone();
        let verified = |since| Self {
            state: PinState::LogVerified,
            key_set: found.clone(),
            from_log: true,
            since,
            pending: None,
        };
        Some(match (&contact.standing, pin) {
            (Standing::New, _) | (_, None) => verified(now),
            (Standing::Unchanged, Some(pin)) => verified(pin.since),
            (Standing::Changed(_), Some(pin)) => Self {
                state: PinState::Changed,
                pending: Some(found),
                ..pin
            },
        })
    }

    /// Relies on the key set that the log showed instead; `None` if there is none.
    pub fn accept(self, now: Timestamp) -> Option<Self> {
        let key_set = self.pending?;
        let state = PinState::LogVerified;
        Some(Self {
            state,
            key_set,
            from_log: true,
            since: now,
            pending: None,
        })
    }
}

impl Home {
    /// The pin of a contact.
    pub fn pin(&self, origin: &Origin, label: &Label) -> Result<Option<Pin>, HomeError> {
        let path = self
            .log_dir(origin)
            .join("contacts")
            .join(label_file(label));
        let Some(kept) = file::read_json::<Kept>(&path)? else {
            return Ok(None);
        };
        kept.restore(label)
            .map(Some)
            .ok_or_else(|| HomeError::damaged(&path, "not a pin of this contact"))
    }

    /// Keeps the pin of a contact.
    pub fn keep_pin(&self, origin: &Origin, label: &Label, pin: &Pin) -> Result<(), HomeError> {
        let kept = Kept {
            label: label.display(),
            state: pin.state,
            key_set: to_base64(pin.key_set.bytes()),
            from_log: pin.from_log,
            since: pin.since.to_string(),
            pending: pin
                .pending
                .as_ref()
                .map(|pending| to_base64(pending.bytes())),
        };
        let path = self
            .log_dir(origin)
            .join("contacts")
            .join(label_file(label));
        file::replace_json(&path, &kept)
    }
}

impl Kept {
    fn restore(&self, label: &Label) -> Option<Pin> {
        let key_set = |text: &String| key_set(text, label);
        Some(Pin {
            state: self.state,
            key_set: key_set(&self.key_set)?,
            from_log: self.from_log,
            since: Timestamp::parse(&self.since).ok()?,
            pending: match &self.pending {
                None => None,
                Some(pending) => Some(key_set(pending)?),
            },
        })
    }
}

/// A key set of this label, from base64.
pub(super) fn key_set(text: &str, label: &Label) -> Option<KeySet> {
    let bytes = base64_bytes(text, MAX_KEY_SET).ok()?;
    KeySet::parse(&bytes)
        .ok()
        .filter(|key_set| key_set.label() == label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::OwnKeys;

    #[test]
    fn a_pin_survives_the_disk_and_is_accepted_only_with_something_pending() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let origin = Origin::parse("log.example").unwrap();
        let label = Label::email("a@example.org").unwrap();
        let now = Timestamp::from_seconds(1_800_000_000).unwrap();
        let key_set = |name: &str| {
            let own = OwnKeys::create(label.clone(), &[name.into()], now).unwrap();
            own.pending().unwrap().key_set.clone()
        };
        assert_eq!(home.pin(&origin, &label).unwrap(), None);
        let mut pin = Pin::seen(key_set("phone"), now);
        home.keep_pin(&origin, &label, &pin).unwrap();
        assert_eq!(home.pin(&origin, &label).unwrap(), Some(pin.clone()));
        assert_eq!(pin.clone().accept(now), None);
        pin.pending = Some(key_set("tablet"));
        home.keep_pin(&origin, &label, &pin).unwrap();
        let accepted = home
            .pin(&origin, &label)
            .unwrap()
            .unwrap()
            .accept(now)
            .unwrap();
        assert_eq!(accepted.key_set, pin.pending.unwrap());
        assert_eq!(accepted.state, PinState::LogVerified);
        let other = Label::email("b@example.org").unwrap();
        let contacts = home.log_dir(&origin).join("contacts");
        std::fs::rename(
            contacts.join(label_file(&label)),
            contacts.join(label_file(&other)),
        )
        .unwrap();
        assert!(matches!(
            home.pin(&origin, &other),
            Err(HomeError::Damaged { .. })
        ));
    }
}
