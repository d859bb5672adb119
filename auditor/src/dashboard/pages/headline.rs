//! The answer to "is all well", in one sentence, to whom it matters and what to do.

use serde::Serialize;

use super::advice::CAREFUL;
use super::alerts::AlertLine;
use super::overview::{Health, LogCard};
use crate::dashboard::view::Tone;

/// The answer to "is all well".
#[derive(Debug, Clone, Serialize)]
pub(super) struct Headline {
    /// How to take it.
    pub(super) tone: Tone,
    /// In a few words.
    pub(super) title: String,
    /// What happened.
    pub(super) sentence: String,
    /// Who is concerned by which log that broke a rule.
    pub(super) concerned: Vec<Concerned>,
    /// What nobody can say of whom was meant.
    pub(super) whom: Option<&'static str>,
    /// What to do.
    pub(super) next: Option<&'static str>,
    /// What else was declared that somebody may mind.
    pub(super) also: Option<Also>,
    /// The page that says what is proven and what to do.
    pub(super) link: Option<String>,
}

/// Logs whose users are named.
const NAMED: usize = 6;

/// Who is concerned by a log.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Concerned {
    pub(super) who: String,
    pub(super) log: String,
    /// The log's page.
    pub(super) path: String,
}

/// Something beside it, with its page.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Also {
    pub(super) text: String,
    pub(super) path: String,
}

/// What nobody can say.
const WHOM: &str =
    "Nobody can see from here who was meant. If you use this provider, it may be you.";

/// All logs, alerts and this auditor in one sentence; of all that could be said, the gravest.
pub(super) fn headline(logs: &[LogCard], alerts: &[AlertLine], health: &Health) -> Headline {
    let worst = logs.iter().map(|log| log.verdict.tone).max();
    let told = |tone, title: &str, sentence: String| Headline {
        tone,
        title: title.into(),
        sentence,
        concerned: Vec::new(),
        whom: None,
        next: None,
        also: None,
        link: alerts
            .first()
            .filter(|alert| tone >= Tone::Warn && alert.badge.tone == tone)
            .map(|alert| alert.path.clone()),
    };
    let of = |tone: Tone| logs.iter().filter(move |log| log.verdict.tone == tone);
    let named = |tone: Tone| {
        let names: Vec<&str> = of(tone).map(|log| log.origin.as_str()).collect();
        names.join(", ")
    };
    let first = |tone: Tone| alerts.iter().find(|alert| alert.badge.tone == tone);
    let (proven, declared) = (first(Tone::Bad), first(Tone::Warn));
    // What a provider takes away goes before what somebody found out about a build.
    let declared_first = alerts
        .iter()
        .filter(|alert| alert.badge.tone == Tone::Warn)
        .min_by_key(|alert| !alert.kind.starts_with("protection-"));
    let also = declared_first.map(|alert| Also {
        text: alert.text.clone(),
        path: alert.path.clone(),
    });
    let text = |alert: Option<&AlertLine>| {
        alert.map_or_else(String::new, |alert| format!("{}.", alert.text))
    };
    match worst {
        Some(Tone::Bad) => {
            let bad: Vec<&LogCard> = of(Tone::Bad).collect();
            let (title, sentence) = broken(&bad);
            let told = told(Tone::Bad, &title, sentence);
            Headline {
                concerned: concerned(&bad),
                whom: Some(WHOM),
                next: match bad.as_slice() {
                    [one] => one.verdict.next,
                    _ => Some(CAREFUL),
                },
                also,
                link: match bad.as_slice() {
                    [_] => told.link,
                    _ => Some("/alerts".into()),
                },
                ..told
            }
        }
        _ if proven.is_some() => Headline {
            whom: Some(WHOM),
            next: Some(CAREFUL),
            also,
            ..told(Tone::Bad, "Tampering was proven", text(proven))
        },
        Some(Tone::Warn) => told(
            Tone::Warn,
            "Something cannot be checked",
            format!(
                "Of {} this auditor knows nothing new. What it verified before still stands.",
                named(Tone::Warn)
            ),
        ),
        _ if health.badge.tone == Tone::Warn => told(
            Tone::Warn,
            "This auditor needs its operator",
            "What it verified before still stands; whether it notices what comes is not certain."
                .into(),
        ),
        _ if declared.is_some() => told(
            Tone::Warn,
            "Something changed that you may mind",
            format!(
                "{} No rule is broken: it was declared in the open. Whether it is acceptable is for \
                 people to judge.",
                text(declared)
            ),
        ),
        None => told(
            Tone::Quiet,
            "No log is followed",
            "This auditor vouches for nothing yet: its operator has to add a log.".into(),
        ),
        Some(Tone::Unknown) => told(
            Tone::Unknown,
            "Still checking",
            "Nothing wrong was found so far; not everything is checked yet.".into(),
        ),
        Some(_) => told(
            Tone::Good,
            "All is well, as far as this auditor can see",
            well(logs),
        ),
    }
}

/// Who is concerned by each of these logs.
fn concerned(bad: &[&LogCard]) -> Vec<Concerned> {
    let named = bad.iter().take(NAMED).map(|log| Concerned {
        who: log.whom(),
        log: log.origin.clone(),
        path: log.path.clone(),
    });
    named.collect()
}

/// Title and sentence where logs broke rules.
fn broken(bad: &[&LogCard]) -> (String, String) {
    match bad {
        [one] => (
            "A log broke its promise".to_owned(),
            format!(
                "{}: {} Its own signature proves it.",
                one.origin,
                one.broke()
            ),
        ),
        many => (
            format!("{} logs broke their promise", many.len()),
            "Their own signatures prove it.".into(),
        ),
    }
}

/// The sentence where nothing is wrong.
fn well(logs: &[LogCard]) -> String {
    let checked = logs.iter().filter_map(|log| log.checked.as_ref());
    let oldest = checked.min_by(|one, two| one.iso.cmp(&two.iso));
    let (what, it) = match logs.len() {
        1 => ("The log is".to_owned(), "It was"),
        many => (format!("All {many} logs are"), "All were"),
    };
    let since = oldest.map_or_else(String::new, |when| {
        format!(" {it} read {}: the silence is real.", when.relative)
    });
    format!("{what} replayed from the first entry, with no rule broken.{since}")
}
