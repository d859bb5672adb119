//! `keys watch`.

use plainsight_specs::label::Version;
use plainsight_specs::merkle::LeafIndex;
use serde_json::{Value, json};

use super::monitor::when;
use super::{Report, head_json, head_lines, not_checked_line, plain, time_of_ms};
use crate::failure::Verdict;
use crate::watch::{WatchAlarm, Watched};

const NOT_CHECKED: [&str; 2] = [
    "what was logged before the watches began (`plainsight keys monitor` opens every version)",
    "auditors that are not asked",
];

impl Report for Watched {
    fn verdict(&self) -> Verdict {
        if self.alarms.iter().any(|alarm| !alarm.is_silence()) {
            Verdict::Refuted
        } else if self.alarms.is_empty() {
            Verdict::Verified
        } else {
            Verdict::Undecided
        }
    }

    fn lines(&self) -> Vec<String> {
        let (label, latest) = (&self.label, self.latest);
        let count = match self.guards.len() {
            1 => "1 auditor".into(),
            many => format!("{many} auditors"),
        };
        let mut lines = vec![match self.verdict() {
            Verdict::Verified => format!(
                "VERIFIED: {count} watch for versions of {label} after {latest}, and saw none that is \
                 not yours."
            ),
            Verdict::Undecided => format!(
                "ALARM: not every auditor that watches for versions of {label} after {latest} says \
                 that it saw none."
            ),
            _ => format!("ALARM: a version of {label} that must not be is in the log."),
        }];
        lines.extend(self.alarms.iter().map(words));
        for guard in &self.guards {
            lines.push(format!(
                "{}: {} {} indexes up to size {}; it forgets them at {} unless it is asked.",
                guard.auditor,
                if guard.new { "now watches" } else { "watches" },
                guard.watched,
                guard.size,
                guard.expires
            ));
        }
        if let Some(next) = next_step(&self.alarms) {
            lines.push(next.into());
        }
        lines.extend(head_lines(&self.head));
        lines.push(not_checked_line(&NOT_CHECKED));
        lines
    }

    fn json(&self) -> Value {
        let guards: Value = self
            .guards
            .iter()
            .map(|guard| {
                json!({
                    "auditor": guard.auditor,
                    "watched": guard.watched,
                    "size": guard.size,
                    "new": guard.new,
                    "expires": guard.expires.to_string(),
                })
            })
            .collect();
        json!({
            "verdict": self.verdict().as_str(),
            "label": self.label.display(),
            "latest": self.latest.get(),
            "auditors": guards,
            "alarms": self.alarms.iter().map(alarm_json).collect::<Value>(),
            "head": head_json(&self.head),
            "not_checked": NOT_CHECKED,
        })
    }
}

pub(super) fn next_step(alarms: &[WatchAlarm]) -> Option<&'static str> {
    if alarms.is_empty() {
        return None;
    }
    Some(if alarms.iter().all(WatchAlarm::is_silence) {
        "Ask again soon. If the silence lasts, ask the auditor over another way, and run \
         `plainsight keys monitor`: an auditor may be down, or may not be allowed to speak."
    } else {
        "Do not rotate now. Run `plainsight keys monitor`, warn your contacts in another way, and keep \
         what was printed here."
    })
}

pub(super) fn words(alarm: &WatchAlarm) -> String {
    match alarm {
        WatchAlarm::Planted {
            version,
            hidden: true,
        } => format!(
            "Planted: the log's index holds version {version}, which is not yours and which no contact \
             is shown yet (proved); it would surface with your next rotation."
        ),
        WatchAlarm::Planted {
            version,
            hidden: false,
        } => format!(
            "Planted: the log's index holds version {version}, which is not yours. Whether contacts are \
             shown it could not be found out: the log gave no answer that holds."
        ),
        WatchAlarm::Served {
            version,
            latest,
            position,
            no_later_than_ms,
        } => {
            let shown = if version == latest {
                "contacts are shown it as your latest".into()
            } else {
                format!("contacts are shown it before version {latest}, the latest")
            };
            let logged = position.map_or_else(
                || "the log does not list where it was logged".into(),
                |position| when(position, *no_later_than_ms),
            );
            format!(
                "Ghost: version {version}, which is not yours, is in the log, and {shown}: whoever looked \
                 you up since then may have been given its keys; {logged}."
            )
        }
        WatchAlarm::Hit {
            auditor,
            version,
            position,
            announced,
        } => format!(
            "Ghost: {auditor} saw version {version} logged at position {position}, {}.",
            if *announced {
                "announced with this home's own token, though this home has made no such version"
            } else {
                "which you did not announce"
            }
        ),
        WatchAlarm::Denied {
            auditor,
            version,
            size,
        } => format!(
            "Denied: {auditor} signed that up to size {size} there is no version {version}, and it is \
             shown that there is. Its signed report is proof against it."
        ),
        WatchAlarm::OtherLatest { shown } => format!(
            "Ghost: the log shows {} as the latest, which is not your newest.",
            shown.map_or_else(|| "no version".into(), |shown| format!("version {shown}"))
        ),
        WatchAlarm::Apart { auditor, why } => format!(
            "Apart: the log does not show you the history that {auditor} has looked at: {}. You may be \
             shown one log and the auditor another.",
            plain(why)
        ),
        WatchAlarm::Differ {
            lists,
            leaves_out,
            position,
        } => format!(
            "Differ: {lists} lists an insertion at position {position}, and {leaves_out} leaves it out. One \
             of them has signed what is not so; the log's entry at that position says which."
        ),
        WatchAlarm::Silent { auditor, why } => {
            format!(
                "Silence: {auditor} does not vouch for anything: {}.",
                plain(why)
            )
        }
        WatchAlarm::Still { auditor, size } => format!(
            "Silence: {auditor} has looked no further than size {size} for hours, though the log grew."
        ),
    }
}

pub(super) fn alarm_json(alarm: &WatchAlarm) -> Value {
    match alarm {
        WatchAlarm::Planted { version, hidden } => {
            json!({ "kind": alarm.kind(), "version": version.get(), "hidden": hidden })
        }
        WatchAlarm::Served {
            version,
            latest,
            position,
            no_later_than_ms,
        } => json!({
            "kind": alarm.kind(),
            "version": version.get(),
            "latest": latest.get(),
            "position": position.map(LeafIndex::get),
            "logged_no_later_than": no_later_than_ms.map(time_of_ms),
        }),
        WatchAlarm::Hit {
            auditor,
            version,
            position,
            announced,
        } => json!({
            "kind": alarm.kind(),
            "auditor": auditor,
            "version": version.get(),
            "position": position.get(),
            "announced": announced,
        }),
        WatchAlarm::Denied {
            auditor,
            version,
            size,
        } => json!({
            "kind": alarm.kind(), "auditor": auditor, "version": version.get(), "size": size,
        }),
        WatchAlarm::OtherLatest { shown } => {
            json!({ "kind": alarm.kind(), "shown": shown.map(Version::get) })
        }
        WatchAlarm::Differ {
            lists,
            leaves_out,
            position,
        } => json!({
            "kind": alarm.kind(),
            "auditor": leaves_out,
            "lists": lists,
            "position": position.get(),
        }),
        WatchAlarm::Apart { auditor, why } | WatchAlarm::Silent { auditor, why } => {
            json!({ "kind": alarm.kind(), "auditor": auditor, "why": plain(why) })
        }
        WatchAlarm::Still { auditor, size } => {
            json!({ "kind": alarm.kind(), "auditor": auditor, "size": size })
        }
    }
}
