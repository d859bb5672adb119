//! The alerts as an Atom feed (RFC 4287), for readers that people have already.

use std::fmt::Write as _;

use plainsight_specs::time::Timestamp;

use super::{Sender, evidence_path, words_of};
use crate::store::KeptAlert;

/// An alert, with the id of the evidence behind it if there is any.
#[derive(Debug, Clone)]
pub struct Told {
    /// The alert.
    pub alert: KeptAlert,
    /// The evidence.
    pub evidence: Option<String>,
}

/// The feed of these alerts, the newest first. `now` is its time while there are none.
pub fn atom(sender: &Sender, alerts: &[Told], now: u64) -> String {
    let newest = alerts.iter().map(|told| updated(&told.alert)).max();
    let newest = newest.unwrap_or(now);
    let name = escape(&sender.name);
    let mut feed = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <id>urn:plainsight:alerts:{name}</id>\n\
         <title>Alerts of {name}</title>\n\
         <updated>{}</updated>\n\
         <author><name>{}</name></author>\n",
        time(newest),
        escape(&sender.organisation),
    );
    let url = sender.url.as_deref();
    let url = url.map(|url| escape(url.trim_end_matches('/')));
    if let Some(url) = &url {
        // Writing to a String cannot fail.
        let _ = writeln!(
            feed,
            "<link rel=\"self\" href=\"{url}/alerts.atom\"/>\n<link href=\"{url}/alerts\"/>"
        );
    }
    for alert in alerts {
        entry(&mut feed, &name, url.as_deref(), alert);
    }
    feed.push_str("</feed>\n");
    feed
}

fn entry(feed: &mut String, name: &str, url: Option<&str>, told: &Told) {
    let alert = &told.alert;
    let words = words_of(alert);
    let about = alert.about();
    let mut content = format!(
        "What happened: {}.\nAbout: {about}.\nProven: {}\nNot proven: {}\nNext: {}\n",
        alert.text, words.proven, words.not_proven, words.next
    );
    if let Some(id) = &told.evidence {
        let base = url.unwrap_or_default();
        let _ = writeln!(content, "Evidence: {base}{}", evidence_path(id));
    }
    if let Some((when, reason)) = &alert.acknowledged {
        let _ = writeln!(content, "Acknowledged {}: {reason}", time(*when));
    }
    if let Some(when) = alert.resolved {
        let _ = writeln!(content, "Ended {}.", time(when));
    }
    // Where the auditor does not know its own address, none can be told.
    let mut link = url.map_or_else(String::new, |url| {
        format!("<link href=\"{url}/alerts/{}\"/>\n", escape(&alert.id))
    });
    if let (Some(url), Some(id)) = (url, &told.evidence) {
        let path = escape(&evidence_path(id));
        let _ = writeln!(
            link,
            "<link rel=\"related\" type=\"application/json\" title=\"evidence\" href=\"{url}{path}\"/>"
        );
    }
    if let Some(log) = alert.log() {
        let _ = writeln!(
            link,
            "<category scheme=\"urn:plainsight:log\" term=\"{}\"/>",
            escape(log)
        );
    }
    let _ = write!(
        feed,
        "<entry>\n<id>urn:plainsight:alert:{name}:{}</id>\n<title>{}: {}: {}</title>\n{}\
         <published>{}</published>\n<updated>{}</updated>\n<category term=\"{}\"/>\n\
         <content type=\"text\">{}</content>\n</entry>\n",
        escape(&alert.id),
        escape(&alert.severity),
        escape(about),
        escape(&alert.text),
        link,
        time(alert.time),
        time(updated(alert)),
        escape(&alert.severity),
        escape(&content),
    );
}

fn updated(alert: &KeptAlert) -> u64 {
    let acknowledged = alert.acknowledged.as_ref().map(|(when, _)| *when);
    [Some(alert.time), alert.resolved, acknowledged]
        .into_iter()
        .flatten()
        .max()
        .unwrap_or(alert.time)
}

fn time(seconds: u64) -> String {
    Timestamp::from_seconds(seconds).map_or_else(String::new, |time| time.to_string())
}

/// Text between tags or in an attribute. What XML 1.0 cannot hold is replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_stays_text() {
        let sender = Sender {
            name: "audit.example".into(),
            organisation: "A & B".into(),
            url: None,
        };
        let alert = KeptAlert {
            row: 1,
            id: "aa".into(),
            origin: Some("log.example".into()),
            severity: "availability".into(),
            code: "withheld".into(),
            subject: "5".into(),
            text: "</entry><script>\u{1}]]>".into(),
            time: 1_800_000_000,
            again: 0,
            resolved: None,
            acknowledged: Some((1_800_000_001, "known \"bug\"".into())),
        };
        let told = Told {
            alert,
            evidence: Some("ab".into()),
        };
        let feed = atom(&sender, std::slice::from_ref(&told), 0);
        assert!(feed.contains("Evidence: /v1/evidence/ab"));
        assert!(!feed.contains("<link"), "it does not know its own address");
        let known = Sender {
            url: Some("https://a.example/".into()),
            ..sender
        };
        let linked = atom(&known, &[told], 0);
        assert!(linked.contains("<link href=\"https://a.example/alerts/aa\"/>"));
        assert!(linked.contains("href=\"https://a.example/v1/evidence/ab\"/>"));
        assert!(linked.contains("<category scheme=\"urn:plainsight:log\" term=\"log.example\"/>"));
        assert!(!feed.contains("<script>") && !feed.contains('\u{1}'));
        assert!(feed.contains("&lt;/entry&gt;&lt;script&gt; ]]&gt;"));
        assert!(feed.contains("<name>A &amp; B</name>"));
        assert!(feed.contains("Acknowledged 2027-01-15T08:00:01Z: known &quot;bug&quot;"));
        assert_eq!(feed.matches("<entry>").count(), 1);
    }
}
