//! `evidence verify`.

use plainsight_specs::evidence::Finding;
use plainsight_specs::hash::Hash;
use serde_json::{Value, json};

use super::{Report, plain};
use crate::failure::Verdict;

/// What an evidence file proves.
#[derive(Debug)]
pub struct Proved {
    /// SHA-256 of the file.
    pub id: Hash,
    /// The finding.
    pub finding: Finding,
}

impl Report for Proved {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        vec![
            format!("PROVED: {}", plain(&self.finding.proves)),
            format!(
                "About the log {}.",
                plain(self.finding.log_key.name().as_str())
            ),
            plain(&self.finding.does_not_show),
            format!("Evidence {}.", self.id.to_hex()),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict().as_str(),
            "evidence": self.id.to_hex(),
            "rule": self.finding.rule.as_str(),
            "log": self.finding.log_key.name().as_str(),
            "log_key": self.finding.log_key.to_string(),
            "position": self.finding.position.map(plainsight_specs::merkle::LeafIndex::get),
            "proves": self.finding.proves,
            "does_not_show": self.finding.does_not_show,
        })
    }
}
