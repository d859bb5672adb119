//! Pins: the key set that a person relies on for each contact, and how it came to be relied on.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::codec::{base64_bytes, to_base64};
use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::Label;
use plainsight_specs::lookup::MAX_KEY_SET;
use plainsight_specs::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Home, HomeError, file, label_file};
use crate::contact::{Change, Contact, Pinned, Standing};

/// How much a pin is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinState {
    /// Taken from somewhere else than the log, such as a message; not verified.
    Seen,
    /// The log showed it as the latest, vouched for by the policy's auditors.
    LogVerified,
    /// And a code that came another way than through the provider matched.
    CodeVerified,
    /// And that code was compared face to face.
    InPerson,
    /// The log shows another one now, which nobody has accepted.
    Changed,
    /// The person has decided to rely on no keys of this contact.
    Revoked,
}

impl PinState {
    /// The word in JSON and in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::LogVerified => "log-verified",
            Self::CodeVerified => "code-verified",
            Self::InPerson => "in-person",
            Self::Changed => "changed",
            Self::Revoked => "revoked",
        }
    }
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
    pub pending: Option<PendingPin>,
}

/// A key set that waits to be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingPin {
    /// The key set.
    pub key_set: KeySet,
    /// Whether every version since the pinned one was signed by the one before.
    pub signed: bool,
    /// Until when a reset on the way is unconfirmed.
    pub unconfirmed_until: Option<Timestamp>,
    /// What the pin was worth before the change.
    pub before: PinState,
}

/// Why a pending key set is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// There is none.
    #[error("nothing waits to be accepted")]
    NothingPending,
    /// It came by a reset that is younger than the delay.
    #[error("the keys were reset, and that is unconfirmed until {0}")]
    Unconfirmed(Timestamp),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    label: String,
    state: PinState,
    key_set: String,
    from_log: bool,
    since: String,
    pending: Option<KeptPending>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptPending {
    key_set: String,
    signed: bool,
    unconfirmed_until: Option<String>,
    before: PinState,
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

    /// The pin after a look-up; `None` if there is nothing to pin. What is revoked stays revoked,
    /// and an unconfirmed reset is not pinned.
    pub fn after(pin: Option<Self>, contact: &Contact, now: Timestamp) -> Option<Self> {
        let Some(found) = &contact.found else {
            return pin;
        };
        let found = found.key_set.clone();
        let verified = |state, since| Self {
            state,
            key_set: found.clone(),
            from_log: true,
            since,
            pending: None,
        };
        match (&contact.standing, pin) {
            (_, Some(pin)) if pin.state == PinState::Revoked => Some(pin),
            (_, None) if contact.is_unconfirmed() => None,
            (Standing::New, _) | (_, None) => Some(verified(PinState::LogVerified, now)),
            (Standing::Unchanged, Some(pin)) => {
                let state = match pin.worth() {
                    PinState::Seen => PinState::LogVerified,
                    worth => worth,
                };
                Some(verified(state, pin.since))
            }
            (Standing::Changed(change), Some(pin)) => {
                let reset = contact.reset.as_ref();
                let pending = PendingPin {
                    key_set: found,
                    signed: *change == Change::Signed,
                    unconfirmed_until: reset.and_then(|reset| reset.unconfirmed_until),
                    before: pin.worth(),
                };
                Some(Self {
                    state: PinState::Changed,
                    pending: Some(pending),
                    ..pin
                })
            }
        }
    }

    /// The pin after a code that matched the latest key set: the person vouches for it.
    pub fn vouched(key_set: KeySet, state: PinState, now: Timestamp) -> Self {
        Self {
            state,
            key_set,
            from_log: true,
            since: now,
            pending: None,
        }
    }

    /// What the pinned key set was worth when it was last the latest.
    fn worth(&self) -> PinState {
        match (&self.pending, self.state) {
            (Some(pending), _) => pending.before,
            (None, PinState::Changed) => PinState::LogVerified,
            (None, state) => state,
        }
    }

    /// Relies on the key set that the log showed instead. An unconfirmed reset needs `anyway`.
    pub fn accept(self, now: Timestamp, anyway: Anyway) -> Result<Self, AcceptError> {
        let pending = self.pending.ok_or(AcceptError::NothingPending)?;
        let unconfirmed = pending.unconfirmed_until.filter(|until| *until > now);
        if let (Some(until), Anyway::No) = (unconfirmed, anyway) {
            return Err(AcceptError::Unconfirmed(until));
        }
        // What was compared were the keys of before. That those signed these is told, and is no
        // comparison.
        Ok(Self::vouched(pending.key_set, PinState::LogVerified, now))
    }

    /// Relies on no keys of this contact any more.
    #[must_use]
    pub fn revoke(self, now: Timestamp) -> Self {
        Self {
            state: PinState::Revoked,
            since: now,
            pending: None,
            ..self
        }
    }
}

/// Whether an unconfirmed reset is accepted all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anyway {
    /// It is not.
    No,
    /// The person has taken it upon themselves.
    Yes,
}

impl Home {
    fn contacts_dir(&self, origin: &Origin) -> std::path::PathBuf {
        self.log_dir(origin).join("contacts")
    }

    /// The pin of a contact.
    pub fn pin(&self, origin: &Origin, label: &Label) -> Result<Option<Pin>, HomeError> {
        let path = self.contacts_dir(origin).join(label_file(label));
        let Some(kept) = file::read_json::<Kept>(&path)? else {
            return Ok(None);
        };
        kept.restore(label)
            .map(Some)
            .ok_or_else(|| HomeError::damaged(&path, "not a pin of this contact"))
    }

    /// Keeps the pin of a contact.
    pub fn keep_pin(&self, origin: &Origin, label: &Label, pin: &Pin) -> Result<(), HomeError> {
        let path = self.contacts_dir(origin).join(label_file(label));
        file::replace_json(&path, &Kept::of(label, pin))
    }

    /// Forgets a contact.
    pub fn forget_pin(&self, origin: &Origin, label: &Label) -> Result<(), HomeError> {
        file::remove(&self.contacts_dir(origin).join(label_file(label)))
    }

    /// All pins of a log, by label.
    pub fn pins(&self, origin: &Origin) -> Result<Vec<(Label, Pin)>, HomeError> {
        let mut pins = Vec::new();
        for path in file::json_files(&self.contacts_dir(origin))? {
            let Some(kept) = file::read_json::<Kept>(&path)? else {
                continue;
            };
            let pin = kept.restore_any();
            pins.push(pin.ok_or_else(|| HomeError::damaged(&path, "not a pin"))?);
        }
        pins.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(pins)
    }
}

impl Kept {
    pub(super) fn of(label: &Label, pin: &Pin) -> Self {
        let pending = pin.pending.as_ref().map(|pending| KeptPending {
            key_set: to_base64(pending.key_set.bytes()),
            signed: pending.signed,
            unconfirmed_until: pending.unconfirmed_until.map(|until| until.to_string()),
            before: pending.before,
        });
        Self {
            label: label.display(),
            state: pin.state,
            key_set: to_base64(pin.key_set.bytes()),
            from_log: pin.from_log,
            since: pin.since.to_string(),
            pending,
        }
    }

    fn restore(&self, label: &Label) -> Option<Pin> {
        let pending = match &self.pending {
            None => None,
            Some(kept) => Some(PendingPin {
                key_set: key_set(&kept.key_set, label)?,
                signed: kept.signed,
                unconfirmed_until: match &kept.unconfirmed_until {
                    None => None,
                    Some(until) => Some(Timestamp::parse(until).ok()?),
                },
                before: kept.before,
            }),
        };
        Some(Pin {
            state: self.state,
            key_set: key_set(&self.key_set, label)?,
            from_log: self.from_log,
            since: Timestamp::parse(&self.since).ok()?,
            pending,
        })
    }

    /// The pin and the label that its key set is signed for.
    pub(super) fn restore_any(&self) -> Option<(Label, Pin)> {
        let bytes = base64_bytes(&self.key_set, MAX_KEY_SET).ok()?;
        let label = KeySet::parse(&bytes).ok()?.label().clone();
        let pin = self.restore(&label)?;
        Some((label, pin))
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
mod tests;
