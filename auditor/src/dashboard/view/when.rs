//! A time: absolute in UTC, with how long ago it was when the page was made beside it.

use askama::Template;
use plainsight_specs::time::Timestamp;
use serde::{Serialize, Serializer};

/// A point in time as a page shows it; in JSON its text form.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "parts/when.html")]
pub(crate) struct When {
    /// `YYYY-MM-DDTHH:MM:SSZ`.
    pub(crate) iso: String,
    /// `YYYY-MM-DD HH:MM:SS UTC`.
    pub(crate) utc: String,
    /// `3 minutes ago`, `in 2 days`.
    pub(crate) relative: String,
}

impl askama::filters::HtmlSafe for When {}

impl When {
    /// This time, seen from `now`; both in POSIX seconds.
    pub(crate) fn new(seconds: u64, now: u64) -> Self {
        let iso = Timestamp::from_seconds(seconds).map_or_else(String::new, |t| t.to_string());
        Self {
            utc: iso.replace('T', " ").replace('Z', " UTC"),
            iso,
            relative: ago(seconds, now),
        }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.iso)
    }
}

/// A time within a sentence.
pub(crate) fn utc(time: Timestamp) -> String {
    time.to_string().replace('T', " ").replace('Z', " UTC")
}

/// How long before or after `now` a time is.
pub(crate) fn ago(seconds: u64, now: u64) -> String {
    if seconds > now {
        format!("in {}", span(seconds - now))
    } else if now - seconds < 2 {
        "just now".into()
    } else {
        format!("{} ago", span(now - seconds))
    }
}

/// A stretch of time in its largest unit.
pub(crate) fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400 * 365, "year"),
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
    ];
    let unit = UNITS.into_iter().find(|(length, _)| seconds >= *length);
    let (length, name) = unit.unwrap_or((1, "second"));
    let number = seconds / length;
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {name}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_both_ways() {
        let when = When::new(1_795_495_058, 1_795_495_058 + 200);
        assert_eq!(when.iso, "2026-11-24T04:37:38Z");
        assert_eq!(when.utc, "2026-11-24 04:37:38 UTC");
        assert_eq!(when.relative, "3 minutes ago");
        let time = Timestamp::from_seconds(1_795_495_058).unwrap();
        assert_eq!(utc(time), when.utc);
        assert_eq!(ago(100, 100), "just now");
        assert_eq!(ago(100 + 86_400, 100), "in 1 day");
        let html = when.render().unwrap();
        assert!(html.contains("datetime=\"2026-11-24T04:37:38Z\""), "{html}");
        assert_eq!(
            serde_json::to_string(&when).unwrap(),
            "\"2026-11-24T04:37:38Z\""
        );
    }
}
