//! What an operator should hear of. An alert is not an accusation unless its severity is
//! [`Severity::Tamper`], and an outage never is.

use plainsight_specs::entry::Entry;
use plainsight_specs::rules::Judged;
use plainsight_specs::statement::{Audience, Body, ProtectionState, Statement};

use crate::audit::Break;

/// How an alert is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The log broke a rule.
    Tamper,
    /// Somebody's keys changed.
    Identity,
    /// The provider did something that its rules allow and people may not like.
    Policy,
    /// Something cannot be had.
    Availability,
    /// This auditor itself.
    Own,
}

impl Severity {
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
}

/// One fact to tell. Code and subject name the fact; while it lasts it is told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// How to take it.
    pub severity: Severity,
    /// What kind of fact.
    pub code: &'static str,
    /// Which one.
    pub subject: String,
    /// For people.
    pub text: String,
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
        code: "rule-broken",
        subject: format!("{} {}", found.rule, found.at),
        text: format!(
            "{} ({} {}): cosigning has stopped. If the evidence convinces you, publish it; \
             `plainsight-auditor acknowledge` goes on where the rule allows it.",
            found.rule.meaning(),
            place,
            found.at
        ),
    }
}

/// What there is to tell about an entry that broke no rule.
pub fn of_entry(judged: &Judged) -> Vec<Alert> {
    match &judged.entry {
        Some(Entry::Statement(entry)) if !judged.is_void() => {
            of_statement(entry.statement(), judged.position.get())
        }
        _ => Vec::new(),
    }
}

fn of_statement(statement: &Statement, position: u64) -> Vec<Alert> {
    let policy = |code, text| Alert {
        severity: Severity::Policy,
        code,
        subject: position.to_string(),
        text,
    };
    let mut alerts = Vec::new();
    match statement.body() {
        Body::Protection(protection) => {
            let (feature, place) = (protection.feature.as_str(), protection.place.as_str());
            let effective = protection.effective;
            match protection.state {
                ProtectionState::Offered => {}
                ProtectionState::Withdrawn => alerts.push(policy(
                    "protection-withdrawn",
                    format!("the protection {feature} is withdrawn in {place} from {effective}"),
                )),
                ProtectionState::Weakened => alerts.push(policy(
                    "protection-weakened",
                    format!("the protection {feature} is weakened in {place} from {effective}"),
                )),
            }
        }
        Body::Release(release) => {
            let (purl, version) = (release.product.purl.as_str(), release.version.as_str());
            if release.audience != Audience::All {
                alerts.push(policy(
                    "narrow-audience",
                    format!("{purl} {version} is for {} only", release.audience),
                ));
            }
            if release.emergency {
                alerts.push(policy(
                    "emergency-release",
                    format!("{purl} {version} is called an emergency release"),
                ));
            }
        }
        Body::Yank(_) | Body::Canary(_) | Body::PublisherKeys(_) => {}
    }
    alerts
}
