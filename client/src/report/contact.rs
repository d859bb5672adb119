//! `contact verify` and `contact accept`.

use plainsight_specs::keyset::{KeyRecord, KeySet, Role};
use plainsight_specs::label::{Label, Version};
use serde_json::{Value, json};

use super::{Report, head_json, log_line, silent_line, time_of_ms, voucher_words};
use crate::contact::codes::Compared as CodeCompared;
use crate::contact::{Change, Contact, ContactKeys, Reset, Standing};
use crate::failure::Verdict;
use crate::home::pins::PinState;

const EARLIER_VERSIONS: &str =
    "whether the owner made every earlier version (only the owner's `keys monitor` can tell)";
const OWN_NOTES: &str = "the organisations and jurisdictions, which are your own notes";

/// A look-up of a contact, with what the person brings to it.
#[derive(Debug)]
pub struct ContactReport {
    /// What the log shows.
    pub contact: Contact,
    /// What a code said that the person compared.
    pub compared: Option<CodeCompared>,
    /// What the pin is worth now.
    pub state: Option<PinState>,
}

impl Report for Contact {
    fn verdict(&self) -> Verdict {
        View::bare(self).verdict()
    }

    fn lines(&self) -> Vec<String> {
        View::bare(self).lines()
    }

    fn json(&self) -> Value {
        View::bare(self).json()
    }
}

impl Report for ContactReport {
    fn verdict(&self) -> Verdict {
        self.view().verdict()
    }

    fn lines(&self) -> Vec<String> {
        self.view().lines()
    }

    fn json(&self) -> Value {
        self.view().json()
    }
}

impl ContactReport {
    fn view(&self) -> View<'_> {
        View {
            contact: &self.contact,
            compared: self.compared.as_ref(),
            state: self.state,
        }
    }
}

struct View<'c> {
    contact: &'c Contact,
    compared: Option<&'c CodeCompared>,
    state: Option<PinState>,
}

impl<'c> View<'c> {
    fn bare(contact: &'c Contact) -> Self {
        Self {
            contact,
            compared: None,
            state: None,
        }
    }

    /// Whether the person vouches for these very keys.
    fn vouched(&self) -> bool {
        self.compared.is_some_and(CodeCompared::holds)
    }

    /// How the person has compared these very keys once, if they did.
    fn compared_before(&self) -> Option<PinState> {
        let is_same = self.contact.standing == Standing::Unchanged;
        let by_hand =
            |state: &PinState| matches!(state, PinState::CodeVerified | PinState::InPerson);
        self.state
            .filter(by_hand)
            .filter(|_| is_same && self.compared.is_none())
    }

    fn verdict(&self) -> Verdict {
        let contact = self.contact;
        match (&contact.standing, &contact.found) {
            (_, None) => Verdict::NotFound,
            _ if self.state == Some(PinState::Revoked) => Verdict::Refuted,
            _ if self.compared.is_some_and(|compared| !compared.holds()) => Verdict::Refuted,
            _ if self.vouched() => Verdict::Verified,
            (Standing::Changed(_), Some(_)) => Verdict::PinChanged,
            _ if contact.is_unconfirmed() => Verdict::Undecided,
            (_, Some(_)) => Verdict::Verified,
        }
    }

    fn lines(&self) -> Vec<String> {
        let contact = self.contact;
        let label = &contact.label;
        let Some(found) = &contact.found else {
            let mut lines = vec![format!(
                "NOT FOUND: {label} is proved to have no key set in this log, by the word of {}.",
                self.vouchers()
            )];
            lines.push(log_line(&contact.head));
            lines.extend(silent_line(&contact.head));
            return lines;
        };
        let mut lines = vec![self.sentence(found)];
        lines.extend(self.compared.map(compared_words));
        if let Standing::Changed(change) = &contact.standing {
            lines.push(change_words(change));
        }
        lines.extend(contact.reset.as_ref().map(reset_words));
        lines.push(format!("Keys: {}.", key_words(found.key_set.keys())));
        lines.extend(readers_line(&found.key_set));
        lines.push(format!(
            "{} Logged at position {}.",
            log_line(&contact.head),
            found.logged.position
        ));
        lines.extend(silent_line(&contact.head));
        lines.extend(self.next_step());
        lines.push(format!("Not checked: {}.", self.not_checked().join("; ")));
        lines
    }

    /// What was verified, since when it is logged, who vouches for it, and what was not checked.
    fn sentence(&self, found: &ContactKeys) -> String {
        let label = &self.contact.label;
        let version = found.key_set.version();
        let logged = time_of_ms(found.logged.no_later_than_ms);
        let start = match self.verdict() {
            Verdict::Refuted if self.state == Some(PinState::Revoked) => {
                format!(
                    "REVOKED: you have decided to rely on no keys of {label}; version {version} is the latest"
                )
            }
            Verdict::Refuted => {
                format!(
                    "REFUTED: the code is not that of version {version}, the latest key set of {label}"
                )
            }
            Verdict::PinChanged => {
                let how = match &self.contact.standing {
                    Standing::Changed(Change::Reset { .. }) => {
                        ", by a reset that the keys before did not sign"
                    }
                    Standing::Changed(Change::Signed) => ", signed by the keys before",
                    _ => "",
                };
                format!(
                    "CHANGED: {label} has another key set than the one pinned, now version {version}{how}"
                )
            }
            Verdict::Undecided => format!(
                "UNCONFIRMED: version {version} is the latest key set of {label}, and came by a reset that is still young"
            ),
            _ => format!("VERIFIED: version {version} is the latest key set of {label}"),
        };
        let pinned = match (&self.contact.standing, self.verdict()) {
            (Standing::Unchanged, Verdict::Verified) => ", as pinned before",
            (_, Verdict::Verified) => ", now pinned",
            (Standing::New, Verdict::Undecided) => ", not pinned",
            _ => "",
        };
        let holder = match (self.vouched(), self.compared_before()) {
            (true, _) => "who holds these keys, you have checked by the code",
            (_, Some(PinState::InPerson)) => {
                "who holds these keys, you have checked before, in person"
            }
            (_, Some(_)) => "who holds these keys, you have checked before, by a code",
            _ => "who holds these keys was not checked",
        };
        format!(
            "{start}, logged no later than {logged} (proved), by the word of {}{pinned}; {holder}.",
            self.vouchers()
        )
    }

    fn vouchers(&self) -> String {
        let head = &self.contact.head;
        let names: Vec<_> = head.vouchers.iter().map(voucher_words).collect();
        let all = names.len() + head.silent.len();
        format!(
            "{} of {all} auditors, {} s ago: {}",
            names.len(),
            head.now.since(head.fresh),
            names.join("; ")
        )
    }

    fn next_step(&self) -> Option<String> {
        let label = self.contact.label.display();
        if self.state == Some(PinState::Revoked) {
            return Some(format!(
                "To begin anew with this contact: plainsight contact forget {label}"
            ));
        }
        if self.compared.is_some_and(|compared| !compared.holds()) {
            return Some(
                "Do not write to these keys. Compare again, both at the same time; if it differs \
                 still, somebody may be in the middle."
                    .into(),
            );
        }
        match self.verdict() {
            Verdict::PinChanged if self.contact.is_unconfirmed() => Some(format!(
                "Ask the person in another way, best by a code: plainsight contact verify {label} --code \
                 CODE. While the reset is young only plainsight contact accept {label} --unconfirmed takes \
                 the keys, upon you."
            )),
            Verdict::PinChanged => Some(format!(
                "Ask the person in another way. If it is right: plainsight contact accept {label}"
            )),
            Verdict::Undecided => Some(format!(
                "Wait, or compare a code with the person: plainsight contact verify {label} --code CODE"
            )),
            _ => None,
        }
    }

    fn not_checked(&self) -> Vec<&'static str> {
        let holder =
            "who holds these keys (compare a code with the person, not through the provider)";
        let checked = self.vouched() || self.compared_before().is_some();
        let holder = (!checked).then_some(holder);
        let rest = [EARLIER_VERSIONS, OWN_NOTES];
        holder.into_iter().chain(rest).collect()
    }

    fn json(&self) -> Value {
        let contact = self.contact;
        let found = contact.found.as_ref().map(|found| {
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
            "label": contact.label.display(),
            "standing": standing_word(&contact.standing),
            "change": match &contact.standing {
                Standing::Changed(change) => Some(change_json(change)),
                _ => None,
            },
            "reset": contact.reset.as_ref().map(reset_json),
            "code": self.compared.map(compared_json),
            "pin": self.state.map(PinState::as_str),
            "found": found,
            "head": head_json(&contact.head),
            "not_checked": self.not_checked(),
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

fn reset_words(reset: &Reset) -> String {
    let Reset {
        version, reason, ..
    } = reset;
    let logged = match reset.no_later_than_ms {
        Some(ms) => format!("logged no later than {}", time_of_ms(ms)),
        None => "logged at a time that is not proved".into(),
    };
    match reset.unconfirmed_until {
        Some(until) => format!(
            "The owner of the keys before did not sign version {version} ({reason}), {logged}: \
             the provider or a new device set the keys, which is unconfirmed until {until}."
        ),
        None => format!(
            "Version {version} was a reset too ({reason}), {logged}: old enough that the owner had \
             time to notice."
        ),
    }
}

fn reset_json(reset: &Reset) -> Value {
    json!({
        "version": reset.version.get(),
        "reason": reset.reason.to_string(),
        "logged_no_later_than": reset.no_later_than_ms.map(time_of_ms),
        "unconfirmed_until": reset.unconfirmed_until.map(|until| until.to_string()),
    })
}

fn compared_words(compared: &CodeCompared) -> String {
    match compared {
        CodeCompared::Matches => "The code matches.".into(),
        CodeCompared::MatchesBySignatures { version } => format!(
            "The code matches version {version}, and every version since is signed by the one before."
        ),
        CodeCompared::ResetSince {
            version,
            reset,
            reason,
        } => format!(
            "The code matches version {version}, but version {reset} is a reset ({reason}): the \
             code says nothing about the keys since."
        ),
        CodeCompared::LaterThanLatest { version } => {
            format!("The code is of version {version}, which the log proves not to exist.")
        }
        CodeCompared::Differs => "The code does not match.".into(),
    }
}

fn compared_json(compared: &CodeCompared) -> Value {
    let (kind, version) = match compared {
        CodeCompared::Matches => ("matches", None),
        CodeCompared::MatchesBySignatures { version } => ("matches-by-signatures", Some(version)),
        CodeCompared::ResetSince { version, .. } => ("reset-since", Some(version)),
        CodeCompared::LaterThanLatest { version } => ("later-than-latest", Some(version)),
        CodeCompared::Differs => ("differs", None),
    };
    json!({ "kind": kind, "version": version.map(|version| version.get()) })
}

/// Keys that somebody else than the person may hold are always named.
pub(super) fn readers_line(key_set: &KeySet) -> Option<String> {
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

/// A pin that a person has changed by their own word.
#[derive(Debug)]
pub struct PinSet {
    /// Whose.
    pub label: Label,
    /// The key set that is pinned now.
    pub key_set: KeySet,
    /// What it is worth.
    pub state: PinState,
    /// What was compared before the change that was accepted.
    pub compared: Option<Compared>,
}

/// A comparison of keys that have changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// Which version was compared.
    pub version: Version,
    /// How.
    pub state: PinState,
    /// Whether every version since is signed by the one before.
    pub signed: bool,
}

impl Compared {
    fn line(self, label: &Label) -> String {
        let Self {
            version,
            state,
            signed,
        } = self;
        let since = if signed {
            ", and every version since is signed by the one before"
        } else {
            ""
        };
        format!(
            "What you compared ({}) was version {version}{since}; these keys you have not compared: plainsight \
             contact verify {} --code CODE",
            state.as_str(),
            label.display()
        )
    }
}

impl Report for PinSet {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let (label, version) = (&self.label, self.key_set.version());
        match self.state {
            PinState::Revoked => vec![
                format!("REVOKED: no keys of {label} are relied on any more, by your word."),
                format!(
                    "To begin anew: plainsight contact forget {}",
                    label.display()
                ),
            ],
            state => {
                let mut lines = vec![format!(
                    "ACCEPTED: version {version} of {label} is pinned now, by your word ({}).",
                    state.as_str()
                )];
                lines.extend(self.compared.map(|compared| compared.line(label)));
                lines.extend(readers_line(&self.key_set));
                lines
            }
        }
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict().as_str(),
            "label": self.label.display(),
            "version": self.key_set.version().get(),
            "key_set": self.key_set.hash().to_hex(),
            "pin": self.state.as_str(),
            "compared": self.compared.map(|compared| json!({
                "version": compared.version.get(),
                "pin": compared.state.as_str(),
                "signed": compared.signed,
            })),
        })
    }
}
