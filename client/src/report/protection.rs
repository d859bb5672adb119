//! `protection status`, and what a refusal shows.

use std::path::PathBuf;

use plainsight_specs::hash::Hash;
use plainsight_specs::statement::Place;
use serde_json::{Value, json};

use super::{Report, head_json, head_lines, not_checked_line, plain};
use crate::failure::Verdict;
use crate::protection::refusal::Shown;
use crate::protection::{ProtectionFound, ProtectionSaid};

const NOT_CHECKED: [&str; 1] =
    ["what this or any device received (the log shows what the provider says in public)"];

impl Report for ProtectionFound {
    fn verdict(&self) -> Verdict {
        if self.said().is_some() {
            Verdict::Verified
        } else {
            Verdict::NotFound
        }
    }

    fn lines(&self) -> Vec<String> {
        let (feature, region) = (&self.feature, &self.region);
        let mut lines = Vec::new();
        match self.said() {
            None => lines.push(format!(
                "NOT FOUND: the log is proved to say nothing about {feature} in {region} or everywhere."
            )),
            Some(said) => {
                let place = match said.protection.place {
                    Place::Everywhere => "everywhere",
                    Place::Region(_) => "in this region",
                };
                lines.push(format!(
                    "{}: {feature} in {region}, by the latest statement about it {place}.",
                    said.protection.state.as_str().to_ascii_uppercase()
                ));
                let effective = said.protection.effective;
                let from = if effective > self.head.now { "only from" } else { "since" };
                lines.push(format!("It holds {from} {effective}; statement number {}.", said.seq));
                lines.push(format!("SHA-256 of its wording: {}.", said.protection.wording.to_hex()));
            }
        }
        lines.extend(head_lines(&self.head));
        lines.push(not_checked_line(&NOT_CHECKED));
        lines
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict().as_str(),
            "feature": self.feature.as_str(),
            "region": self.region.as_str(),
            "state": self.said().map(|said| said.protection.state.as_str()),
            "here": self.here.as_ref().map(said_json),
            "everywhere": self.everywhere.as_ref().map(said_json),
            "head": head_json(&self.head),
            "not_checked": NOT_CHECKED,
        })
    }
}

fn said_json(said: &ProtectionSaid) -> Value {
    json!({
        "seq": said.seq.get(),
        "state": said.protection.state.as_str(),
        "effective": said.protection.effective.to_string(),
        "wording": said.protection.wording.to_hex(),
    })
}

/// A file that was written for whoever was refused a protection.
#[derive(Debug)]
pub struct RefusalKept {
    /// The file.
    pub path: PathBuf,
    /// Its SHA-256.
    pub id: Hash,
    /// What the log says.
    pub found: ProtectionFound,
}

impl Report for RefusalKept {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "WRITTEN: {} shows that the log offers {} in {}.",
            plain(&self.path.display().to_string()),
            self.found.feature,
            self.found.region
        )];
        lines.push(
            "Whoever has this log in their policy can check it: plainsight evidence verify FILE. \
             That a device was refused it is your word: keep what the device showed."
                .into(),
        );
        lines.extend(head_lines(&self.found.head));
        lines
    }

    fn json(&self) -> Value {
        super::merged(
            self.found.json(),
            json!({
                "verdict": self.verdict().as_str(),
                "file": self.path.display().to_string(),
                "refusal": self.id.to_hex(),
            }),
        )
    }
}

/// What a refusal shows to a stranger.
#[derive(Debug)]
pub struct RefusalShown(pub Shown);

impl Report for RefusalShown {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let shown = &self.0;
        let protection = &shown.protection;
        let place = match &protection.place {
            Place::Everywhere => "everywhere".into(),
            Place::Region(region) => format!("in {region}"),
        };
        let mut lines = vec![
            format!(
                "PROVED: under your policy, the log's latest statement about {} {place} was \
                 \"{}\", number {}.",
                protection.feature,
                protection.state.as_str(),
                shown.seq
            ),
            format!(
                "Its holder says that a device was refused it at {}; that is not proved.",
                shown.refused
            ),
        ];
        lines.extend(head_lines(&shown.head));
        lines.push(format!("Refusal {}.", shown.id.to_hex()));
        lines
    }

    fn json(&self) -> Value {
        let shown = &self.0;
        let protection = &shown.protection;
        json!({
            "verdict": self.verdict().as_str(),
            "refusal": shown.id.to_hex(),
            "feature": protection.feature.as_str(),
            "region": match &protection.place {
                Place::Everywhere => "*".to_owned(),
                Place::Region(region) => region.to_string(),
            },
            "state": protection.state.as_str(),
            "seq": shown.seq.get(),
            "refused": shown.refused.to_string(),
            "head": head_json(&shown.head),
        })
    }
}
