//! One message as every channel carries it: JSON, a line for people, and an id under which it may
//! arrive twice and means one thing.

use plainsight_specs::time::Timestamp;
use serde_json::{Value, json};

use super::{Severity, evidence_path, words_of};
use crate::store::{Event, KeptAlert};

/// Who tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The auditor's name.
    pub name: String,
    /// Who runs it.
    pub organisation: String,
    /// Where it answers, if it knows.
    pub url: Option<String>,
}

/// An event to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same however often it is sent, and to whomever.
    pub id: String,
    /// What happened.
    pub event: Event,
    /// To which alert.
    pub alert: KeptAlert,
    /// The id of the evidence behind it, if there is any.
    pub evidence: Option<String>,
    /// For people, in one line.
    pub summary: String,
    /// The whole, as JSON in one line.
    pub body: String,
}

impl Message {
    /// Puts a message together.
    pub fn new(sender: &Sender, event: Event, alert: KeptAlert, evidence: Option<String>) -> Self {
        let id = format!("{}.{}.{}", sender.name, alert.id, event.as_str());
        let summary = summary(sender, event, &alert, evidence.as_deref());
        let body = json!({
            "id": id,
            "event": event.as_str(),
            "auditor": sender.name,
            "organisation": sender.organisation,
            "url": sender.url,
            "summary": summary,
            "alert": alert_json(&alert, evidence.as_deref()),
        });
        Self {
            body: body.to_string(),
            id,
            event,
            alert,
            evidence,
            summary,
        }
    }

    /// A message that says nothing but that it arrived. `nonce` tells one test from another.
    pub fn test(sender: &Sender, nonce: &str, now: u64) -> Self {
        let alert = KeptAlert {
            row: 0,
            id: format!("test-{nonce}"),
            origin: None,
            severity: Severity::Own.as_str().into(),
            code: "test".into(),
            subject: nonce.into(),
            text: "somebody tries this auditor's channels; nothing has happened".into(),
            time: now,
            again: 0,
            resolved: None,
            acknowledged: None,
        };
        Self::new(sender, Event::Test, alert, None)
    }
}

fn summary(sender: &Sender, event: Event, alert: &KeptAlert, evidence: Option<&str>) -> String {
    let about = alert.about();
    let what = match event {
        Event::Raised => alert.severity.to_uppercase(),
        Event::Acknowledged => format!("{} acknowledged", alert.severity),
        Event::Ended => format!("{} ended", alert.severity),
        Event::Test => "test".into(),
    };
    let mut line = format!("[{what}] {}: {about}: {}", sender.name, alert.text);
    if let Some(id) = evidence {
        let base = sender.url.as_deref().unwrap_or_default();
        let base = base.trim_end_matches('/');
        line.extend(["; evidence: ", base, &evidence_path(id)]);
    }
    // One line whatever a log or a server put into the text.
    line.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// An alert as JSON: what happened, to whom, what is proven and by which file, what is not, the next
/// step.
pub fn alert_json(alert: &KeptAlert, evidence: Option<&str>) -> Value {
    let words = words_of(alert);
    let evidence = evidence.map(|id| json!({ "id": id, "path": evidence_path(id) }));
    let acknowledged = alert
        .acknowledged
        .as_ref()
        .map(|(when, reason)| json!({ "time": time(*when), "reason": reason }));
    json!({
        "id": alert.id,
        "severity": alert.severity,
        "code": alert.code,
        "log": alert.log(),
        "subject": alert.subject,
        "text": alert.text,
        "proven": words.proven,
        "evidence": evidence,
        "not_proven": words.not_proven,
        "next": words.next,
        "time": time(alert.time),
        "again": alert.again,
        "resolved": alert.resolved.map(time),
        "acknowledged": acknowledged,
    })
}

/// A time as JSON.
pub(crate) fn time(seconds: u64) -> Value {
    Timestamp::from_seconds(seconds).map_or(Value::Null, |time| json!(time.to_string()))
}
