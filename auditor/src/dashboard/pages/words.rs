//! How things are called and taken, in one place, so that no two pages say it differently.

use serde::Serialize;

use crate::alert::Severity;
use crate::dashboard::view::{Tone, grouped};
use crate::desk::{Status, Verdict};
use crate::peers::HeadVerdict;

/// How a log does, in one sentence, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LogVerdict {
    /// How to take it.
    pub(crate) tone: Tone,
    /// In one word.
    pub(crate) word: &'static str,
    /// In one sentence.
    pub(crate) sentence: String,
    /// What to do next, if anything is to be done.
    pub(crate) next: Option<&'static str>,
}

/// What a log's status means.
pub(crate) fn verdict_of(status: &Status) -> LogVerdict {
    let size = grouped(status.signed.size.get());
    let (tone, word, sentence, next) = match (status.verdict, &status.open) {
        (Verdict::Ok, _) if status.closed => (
            Tone::Quiet,
            "Closed",
            format!("This log has ended; all of its {size} entries are verified and cosigned."),
            None,
        ),
        (Verdict::Ok, _) => (
            Tone::Good,
            "As it should be",
            format!("All {size} entries are verified, no rule is broken, and the newest head is cosigned."),
            None,
        ),
        (Verdict::Stopped, Some(open)) => (
            Tone::Bad,
            "Broke a rule",
            format!(
                "{}. This auditor no longer vouches for this log.",
                capital(open.rule.meaning())
            ),
            Some(super::advice::steps(open.rule)),
        ),
        (Verdict::Stopped, None) => (
            Tone::Warn,
            "Not vouched for",
            "This auditor's own memory is older than its signatures, so it signs nothing. That says \
             nothing about the log."
                .into(),
            Some("Look at what other auditors say; the operator of this one has to mend it."),
        ),
        (Verdict::Behind, _) if status.signed.size.get() == 0 => (
            Tone::Unknown,
            "Not yet known",
            "Nothing of this log is verified yet.".into(),
            Some("Wait until everything is downloaded and checked; the log's page shows how far it is."),
        ),
        (Verdict::Behind, _) => (
            Tone::Unknown,
            "Catching up",
            format!("{size} entries are verified; newer ones are being checked."),
            None,
        ),
        (Verdict::Unreachable, _) => (
            Tone::Warn,
            "Cannot be read",
            format!("The log does not answer this auditor. {size} entries are verified; newer ones are not known here."),
            Some(
                "This is no accusation: an outage, a mistake and an attack look alike from here. \
                 Compare with the other auditors.",
            ),
        ),
    };
    LogVerdict {
        tone,
        word,
        sentence,
        next,
    }
}

/// How to take an alert.
pub(crate) fn severity_tone(severity: Severity) -> Tone {
    match severity {
        Severity::Tamper => Tone::Bad,
        Severity::Identity | Severity::Policy | Severity::Own => Tone::Warn,
        Severity::Availability => Tone::Unknown,
    }
}

/// What a severity means, for people.
pub(crate) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Tamper => "Proven tampering",
        Severity::Identity => "Keys changed",
        Severity::Policy => "Declared by the provider",
        Severity::Availability => "Cannot be had",
        Severity::Own => "This auditor",
    }
}

/// How to take what another auditor shows.
pub(crate) fn head_tone(verdict: HeadVerdict) -> Tone {
    match verdict {
        HeadVerdict::Same | HeadVerdict::Consistent => Tone::Good,
        HeadVerdict::Unproven => Tone::Unknown,
        HeadVerdict::Stale => Tone::Warn,
        HeadVerdict::Conflict => Tone::Bad,
    }
}

/// The word for what another auditor shows.
pub(crate) fn head_word(verdict: HeadVerdict) -> &'static str {
    match verdict {
        HeadVerdict::Same => "Same",
        HeadVerdict::Consistent => "Consistent",
        HeadVerdict::Unproven => "Unproven",
        HeadVerdict::Stale => "Stale",
        HeadVerdict::Conflict => "Conflict",
    }
}

/// What it means.
pub(crate) fn head_meaning(verdict: HeadVerdict) -> &'static str {
    match verdict {
        HeadVerdict::Same => "Both were shown exactly the same log.",
        HeadVerdict::Consistent => {
            "One of the two is a little ahead, and its log begins with all of the other's: nobody was \
             shown another history."
        }
        HeadVerdict::Unproven => {
            "It could not be found out whether both were shown the same. That is no accusation: ask \
             again later, and ask that auditor."
        }
        HeadVerdict::Stale => {
            "What it shows is old. It may have stopped, or be kept from the log. What it vouched for \
             then still fits."
        }
        HeadVerdict::Conflict => {
            "The log signed two histories that contradict each other, and showed them to different \
             people. That is proof of lying, whoever was meant. Keep the evidence and publish it."
        }
    }
}

/// With a capital letter.
pub(crate) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
