//! `release list`, `release watch` and `protection watch`.

use plainsight_specs::statement::{Audience, Body, ProtectionState, Statement};
use serde_json::{Value, json};

use super::{Report, head_json, head_lines, plain};
use crate::failure::Verdict;
use crate::streams::Listed;

/// The statements of a stream, or those since the last look.
#[derive(Debug)]
pub struct StreamReport {
    /// In words, which stream.
    pub name: String,
    /// What was found.
    pub listed: Listed,
    /// Whether only what is new was asked for, which is judged.
    pub watched: bool,
}

impl StreamReport {
    /// The statements that somebody should look at.
    fn alerts(&self) -> Vec<String> {
        if !self.watched {
            return Vec::new();
        }
        self.listed.statements.iter().filter_map(alert).collect()
    }
}

impl Report for StreamReport {
    fn verdict(&self) -> Verdict {
        match (&self.listed.latest, self.alerts().is_empty()) {
            (None, _) => Verdict::NotFound,
            (Some(_), true) => Verdict::Verified,
            (Some(_), false) => Verdict::Refuted,
        }
    }

    fn lines(&self) -> Vec<String> {
        let (name, statements) = (&self.name, &self.listed.statements);
        let Some(latest) = self.listed.latest else {
            let mut lines = vec![format!(
                "NOT FOUND: this log is proved to have nothing about {name}: no such stream was ever begun. \
                 Check how it is written, channel and architecture, or region, included."
            )];
            lines.extend(head_lines(&self.listed.head));
            return lines;
        };
        let alerts = self.alerts();
        let count = statements.len();
        let mut lines = vec![match (self.watched, alerts.len()) {
            (true, 0) if count == 0 => {
                format!(
                    "VERIFIED: nothing new in {name}; its latest is number {}.",
                    latest.seq
                )
            }
            (true, 0) => format!("VERIFIED: {count} new in {name}, nothing odd among it."),
            (true, _) => format!("ALERT: {count} new in {name}, of which you should know:"),
            (false, _) => format!(
                "VERIFIED: {name} goes to number {}; {count} shown, each named by the one after it.",
                latest.seq
            ),
        }];
        lines.extend(alerts.into_iter().map(|alert| format!("- {alert}")));
        lines.extend(statements.iter().map(words));
        lines.extend(head_lines(&self.listed.head));
        lines
    }

    fn json(&self) -> Value {
        let statements: Value = self.listed.statements.iter().map(to_json).collect();
        json!({
            "verdict": self.verdict().as_str(),
            "stream": self.name,
            "latest_seq": self.listed.latest.map(|latest| latest.seq.get()),
            "statements": statements,
            "alerts": self.alerts(),
            "head": head_json(&self.listed.head),
        })
    }
}

/// Why somebody should look at a statement.
fn alert(statement: &Statement) -> Option<String> {
    match statement.body() {
        Body::Release(release) if release.audience != Audience::All => Some(format!(
            "version {} is for {} only: not everybody is offered it",
            release.version, release.audience
        )),
        Body::Release(release) if release.emergency => Some(format!(
            "version {} is marked as an emergency release",
            release.version
        )),
        Body::Yank(yank) => Some(format!(
            "version {} was taken back: {}",
            yank.version,
            plain(yank.reason.as_str())
        )),
        Body::Protection(protection) if protection.state != ProtectionState::Offered => {
            Some(format!(
                "{} is {} from {} on",
                protection.feature,
                protection.state.as_str(),
                protection.effective
            ))
        }
        _ => None,
    }
}

fn words(statement: &Statement) -> String {
    let what = match statement.body() {
        Body::Release(release) => format!(
            "version {}, {}, for {}{}, published {}",
            release.version,
            match release.artifacts.len() {
                1 => "1 file".into(),
                many => format!("{many} files"),
            },
            release.audience,
            if release.emergency { ", emergency" } else { "" },
            release.published
        ),
        Body::Yank(yank) => format!(
            "version {} taken back on {}: {}",
            yank.version,
            yank.published,
            plain(yank.reason.as_str())
        ),
        Body::Protection(protection) => format!(
            "{} from {} on",
            protection.state.as_str(),
            protection.effective
        ),
        other => other.kind().as_str().into(),
    };
    format!("{}: {what}.", statement.seq())
}

fn to_json(statement: &Statement) -> Value {
    let mut json = match statement.body() {
        Body::Release(release) => json!({
            "version": release.version.as_str(),
            "audience": release.audience.to_string(),
            "emergency": release.emergency,
            "published": release.published.to_string(),
            "files": release.artifacts.iter().map(|artifact| artifact.digest.to_hex()).collect::<Vec<_>>(),
        }),
        Body::Yank(yank) => json!({
            "version": yank.version.as_str(),
            "reason": yank.reason.as_str(),
            "published": yank.published.to_string(),
        }),
        Body::Protection(protection) => json!({
            "state": protection.state.as_str(),
            "effective": protection.effective.to_string(),
        }),
        _ => json!({}),
    };
    if let Some(members) = json.as_object_mut() {
        members.insert("seq".into(), json!(statement.seq().get()));
        members.insert("kind".into(), json!(statement.kind().as_str()));
    }
    json
}
