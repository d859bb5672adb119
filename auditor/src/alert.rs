//! What an operator should hear of, and how it is told.
//!
//! An alert is not an accusation unless its severity is [`Severity::Tamper`], and an outage never
//! is. Each stands for one fact, is told once when it begins and once when it ends, and says what is
//! proven, what is not, and what to do next ([`words`]). [`courier`] takes it from the database to
//! each [`channel`]. Out of scope: what a watch's owner is told, which only the owner can ask for.

pub mod channel;
pub mod courier;
pub mod feed;
mod file;
mod hit;
mod hook;
pub mod mail;
mod message;
mod notices;
mod proof;
mod webhook;
mod words;

pub use hit::{WATCH_HIT, WatchHit};
pub use message::{Message, Sender, alert_json};
pub use notices::{Notices, STALLED_AFTER};
pub use proof::{WITNESSED_FORK, evidence_of, evidence_path, words_of};
pub use webhook::{WebhookKey, WebhookKeyError};
pub use words::{Words, about_logs, words};

use crate::audit::Break;

/// How an alert is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
pub enum Severity {
    /// The log broke a rule, provably.
    #[serde(rename = "tamper")]
    Tamper,
    /// Somebody's keys changed.
    #[serde(rename = "identity")]
    Identity,
    /// The provider did something that its rules allow and people may not like.
    #[serde(rename = "policy")]
    Policy,
    /// Something cannot be had.
    #[serde(rename = "availability")]
    Availability,
    /// This auditor itself.
    #[serde(rename = "self")]
    Own,
}

impl Severity {
    /// All of them, the gravest first.
    pub const ALL: [Self; 5] = [
        Self::Tamper,
        Self::Identity,
        Self::Policy,
        Self::Availability,
        Self::Own,
    ];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tamper => "tamper",
            Self::Identity => "identity",
            Self::Policy => "policy",
            Self::Availability => "availability",
            Self::Own => "self",
        }
    }

    /// The severity that this word says.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == word)
    }
}

/// One fact to tell. Log, code and subject name the fact; while it lasts it is told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// How to take it.
    pub severity: Severity,
    /// What kind of fact; its further sentences are in [`words`].
    pub code: &'static str,
    /// Which one.
    pub subject: String,
    /// What happened, for people.
    pub text: String,
}

/// The code of [`broken`].
pub const RULE_BROKEN: &str = "rule-broken";

/// The subject of [`broken`].
pub fn broken_subject(found: &Break) -> String {
    format!("{} {}", found.rule, found.at)
}

/// A rule was broken.
pub fn broken(found: &Break) -> Alert {
    let place = if found.is_about_head() {
        "size"
    } else {
        "position"
    };
    Alert {
        severity: Severity::Tamper,
        code: RULE_BROKEN,
        subject: broken_subject(found),
        text: format!(
            "{} (rule {}, {} {}); cosigning of this log has stopped",
            found.rule.meaning(),
            found.rule,
            place,
            found.at
        ),
    }
}
