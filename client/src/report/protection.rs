//! `protection status`.

use plainsight_specs::statement::Place;
use serde_json::{Value, json};

use super::{Report, head_json, head_lines, not_checked_line};
use crate::failure::Verdict;
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
