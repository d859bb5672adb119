//! `keys watch --feed`.

use plainsight_specs::label::Label;
use serde_json::{Value, json};

use super::watch::{alarm_json, next_step, words};
use super::{Report, head_json, head_lines, not_checked_line};
use crate::failure::Verdict;
use crate::watch::Fed;

const NOT_CHECKED: [&str; 2] = [
    "what was logged before the reading began (`plainsight keys monitor` opens every version)",
    "auditors that are not asked",
];

/// What a look at the lists showed, and whose keys it was about.
#[derive(Debug)]
pub struct FeedReport {
    /// Whose.
    pub label: Label,
    /// What was shown.
    pub fed: Fed,
}

impl Report for FeedReport {
    fn verdict(&self) -> Verdict {
        if self.fed.alarms.iter().any(|alarm| !alarm.is_silence()) {
            Verdict::Refuted
        } else if self.fed.alarms.is_empty() {
            Verdict::Verified
        } else {
            Verdict::Undecided
        }
    }

    fn lines(&self) -> Vec<String> {
        let (label, fed) = (&self.label, &self.fed);
        let mut lines = vec![match self.verdict() {
            Verdict::Verified => format!(
                "VERIFIED: {} auditors list what was inserted, and none of it is a version of {label} after \
                 {} that is not yours.",
                fed.feeds.len(),
                fed.latest
            ),
            Verdict::Undecided => format!(
                "ALARM: not every auditor lists all that was inserted since you looked for versions of \
                 {label} after {}.",
                fed.latest
            ),
            _ => format!("ALARM: what was inserted is not what must be, for {label}."),
        }];
        lines.extend(fed.alarms.iter().map(words));
        for feed in &fed.feeds {
            lines.push(format!(
                "{}: read up to size {}, by buckets of {} that others share.",
                feed.auditor,
                feed.through,
                match fed.digits {
                    1 => "1 hex digit".into(),
                    many => format!("{many} hex digits"),
                }
            ));
        }
        lines.extend(next_step(&fed.alarms).map(str::to_owned));
        lines.extend(head_lines(&fed.head));
        lines.push(not_checked_line(&NOT_CHECKED));
        lines
    }

    fn json(&self) -> Value {
        let fed = &self.fed;
        let auditors = fed.feeds.iter().map(|feed| {
            json!({
                "auditor": feed.auditor,
                "watched": feed.rungs.len(),
                "size": feed.through.get(),
            })
        });
        json!({
            "verdict": self.verdict().as_str(),
            "label": self.label.display(),
            "latest": fed.latest.get(),
            "auditors": auditors.collect::<Value>(),
            "alarms": fed.alarms.iter().map(alarm_json).collect::<Value>(),
            "head": head_json(&fed.head),
            "not_checked": NOT_CHECKED,
        })
    }
}
