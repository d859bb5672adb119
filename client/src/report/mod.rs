//! What a flow found, for people and for programs: sentences, JSON and a verdict. Nothing is
//! decided here that the flow has not decided.

mod codes;
mod contact;
mod evidence;
mod feed;
mod keys;
mod log;
mod monitor;
mod pins;
mod policy;
mod protection;
mod release;
mod reset;
mod streams;
mod watch;

pub use codes::{CodeKind, CodeShown};
pub use contact::{Compared, ContactReport, PinSet};
pub use evidence::Proved;
pub use feed::FeedReport;
pub use keys::{KeysPublished, KeysShown, KeysStaged, KeysTaken};
pub use pins::{PinForgotten, PinsListed, PinsMoved};
pub use policy::{PolicyAccepted, PolicyChecked, PolicyShown, Supposition};
pub(crate) use policy::{change_json, change_lines};
pub use protection::{RefusalKept, RefusalShown};
pub use release::FileReport;
pub use reset::{ResetNotice, ResetPlan};
pub use streams::StreamReport;

use plainsight_specs::time::Timestamp;
use serde_json::{Value, json};

use crate::failure::{Failure, Verdict};
use crate::reader::HeadSeen;
use crate::trust::Voucher;

/// Something that can be shown.
pub trait Report {
    /// How the question was decided.
    fn verdict(&self) -> Verdict;
    /// Sentences; the first begins with a word in capitals that says what came out.
    fn lines(&self) -> Vec<String>;
    /// The same for programs, with the member `verdict`.
    fn json(&self) -> Value;
}

impl Report for Failure {
    fn verdict(&self) -> Verdict {
        Failure::verdict(self)
    }

    fn lines(&self) -> Vec<String> {
        let word = match self.verdict() {
            Verdict::Refuted => "REFUTED",
            Verdict::PolicyNotMet => "POLICY NOT MET",
            Verdict::Usage => "NOT POSSIBLE",
            _ => "UNDECIDED",
        };
        let step = self
            .step()
            .map(|step| format!(" at step {step}"))
            .unwrap_or_default();
        vec![
            format!("{word}{step}: {}.", plain(&self.to_string())),
            match self {
                Self::Taken { .. } => {
                    "Blame: whoever published it, and the log that took it; to log it breaks no rule \
                     of the log."
                        .into()
                }
                _ => format!("Blame: {}.", blame_words(self.blame())),
            },
            self.next_step().into(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict().as_str(),
            "error": plain(&self.to_string()),
            "step": self.step().map(plainsight_specs::head::Step::as_str),
            "blame": self.blame().as_str(),
            "next": self.next_step(),
        })
    }
}

/// Who is to blame, in plain words.
pub(crate) fn blame_words(blame: plainsight_specs::Blame) -> &'static str {
    match blame {
        plainsight_specs::Blame::Malformed => "whoever answered; the bytes are not the protocol's",
        plainsight_specs::Blame::Unproven => {
            "the log or somebody on the way; what was sent does not hold, and proves nothing \
             against anyone"
        }
        plainsight_specs::Blame::Violation => "the log; its own signatures contradict each other",
        plainsight_specs::Blame::Unavailable => "nobody yet; something could not be had",
        plainsight_specs::Blame::Misuse => "this side; the question or the configuration",
    }
}

/// A stranger's text, fit for a terminal: nothing in it moves, hides or turns around what stands beside
/// it.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || is_unseen(c) {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// Whether a character has no shape of its own: it joins, hides or turns around others.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The time of milliseconds, to the second.
pub(crate) fn time_of_ms(ms: u64) -> String {
    Timestamp::from_seconds(ms / 1000).map_or_else(|| format!("{ms} ms"), |time| time.to_string())
}

/// Who vouches for a head and since when, in two sentences.
pub(crate) fn head_lines(head: &HeadSeen) -> Vec<String> {
    let count = head.vouchers.len();
    let all = count + head.silent.len();
    let names: Vec<_> = head.vouchers.iter().map(voucher_words).collect();
    let age = head.now.since(head.fresh);
    let mut lines = vec![
        log_line(head),
        format!(
            "Vouched for by {count} of {all} auditors, the quorum {age} s ago: {}.",
            names.join("; ")
        ),
    ];
    lines.extend(silent_line(head));
    lines
}

/// Which head of which log.
pub(crate) fn log_line(head: &HeadSeen) -> String {
    format!(
        "Log {}, size {}, as of {}.",
        head.origin,
        head.head.size,
        time_of_ms(head.epoch_ms)
    )
}

/// The auditors that have not cosigned a head, if there are any.
pub(crate) fn silent_line(head: &HeadSeen) -> Option<String> {
    (!head.silent.is_empty()).then(|| format!("Not cosigned by: {}.", head.silent.join(", ")))
}

pub(crate) fn voucher_words(voucher: &Voucher) -> String {
    let notes: Vec<_> = [&voucher.organisation, &voucher.jurisdiction]
        .into_iter()
        .flatten()
        .map(|note| plain(note))
        .collect();
    if notes.is_empty() {
        return format!("{} (you have noted nothing about it)", voucher.name);
    }
    format!("{} ({})", voucher.name, notes.join(", "))
}

/// A head for programs.
pub(crate) fn head_json(head: &HeadSeen) -> Value {
    let auditors: Vec<_> = head
        .vouchers
        .iter()
        .map(|voucher| {
            json!({
                "name": voucher.name,
                "organisation": voucher.organisation,
                "jurisdiction": voucher.jurisdiction,
                "cosigned": voucher.time.to_string(),
            })
        })
        .collect();
    json!({
        "origin": head.origin.as_str(),
        "size": head.head.size.get(),
        "root": head.head.root.to_hex(),
        "cosigned": head.fresh.to_string(),
        "age_s": head.now.since(head.fresh),
        "epoch": time_of_ms(head.epoch_ms),
        "auditors": auditors,
        "silent": head.silent,
    })
}

/// The members of two objects; those of the second stand.
pub(crate) fn merged(mut json: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (json.as_object_mut(), more) {
        members.extend(more);
    }
    json
}

/// The sentence about what a verdict does not cover.
pub(crate) fn not_checked_line(what: &[&str]) -> String {
    format!("Not checked: {}.", what.join("; "))
}
