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
        let log = self.finding.log_key.name().as_str();
        let mut lines = vec![
            format!("PROVED: {}", plain(&self.finding.proves)),
            format!("About the log {}.", plain(log)),
        ];
        if !log.is_ascii() {
            lines.push(format!(
                "Its name has other letters than it may seem: {}. Another log's may look the same.",
                log.escape_default()
            ));
        }
        lines.push(format!(
            "Its key is {}: whether that is the log you mean, your policy says.",
            plain(&self.finding.log_key.to_string())
        ));
        lines.push(plain(&self.finding.does_not_show));
        lines.push(format!("Evidence {}.", self.id.to_hex()));
        lines
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
