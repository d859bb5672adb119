//! `log status` and `log submit`.

use serde_json::{Value, json};

use super::{Report, head_json, head_lines, plain};
use crate::failure::Verdict;
use crate::status::{AuditorVerdict, LogStatus, Submitted};

impl Report for LogStatus {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let extends = match self.since {
            None => "the first head of this log that this home sees".into(),
            Some(since) => format!("the head extends the one seen last, of size {since}, and"),
        };
        let mut lines = vec![format!(
            "VERIFIED: {extends} ends at an epoch over {} indexes.",
            self.index_size
        )];
        if self.since.is_none() {
            lines.push(
                "Not checked: that it extends an earlier one, since none is remembered here."
                    .into(),
            );
        }
        lines.extend(head_lines(&self.head));
        let age = self
            .head
            .now
            .seconds()
            .saturating_sub(self.head.epoch_ms / 1000);
        let late = if age > self.heartbeat_s.saturating_mul(2) {
            ", which is overdue"
        } else {
            ""
        };
        lines.push(format!(
            "Its last epoch is {age} s old{late}; it promises one every {} s.",
            self.heartbeat_s
        ));
        lines
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict().as_str(),
            "since": self.since.map(plainsight_specs::merkle::TreeSize::get),
            "index_size": self.index_size,
            "heartbeat_s": self.heartbeat_s,
            "head": head_json(&self.head),
        })
    }
}

impl Report for Submitted {
    fn verdict(&self) -> Verdict {
        match self.verdict {
            AuditorVerdict::Same | AuditorVerdict::Consistent => Verdict::Verified,
            AuditorVerdict::Fork => Verdict::Refuted,
            AuditorVerdict::Ahead | AuditorVerdict::Unproven | AuditorVerdict::UnknownLog => {
                Verdict::Undecided
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let word = match self.verdict {
            AuditorVerdict::Same => "VERIFIED: the auditor has the very same head.",
            AuditorVerdict::Consistent => "VERIFIED: the auditor's tree contains this head.",
            AuditorVerdict::Ahead => {
                "UNDECIDED: the auditor has not followed the log that far yet."
            }
            AuditorVerdict::Fork => "REFUTED: the auditor has another history than this head.",
            AuditorVerdict::Unproven => "UNDECIDED: the auditor cannot tell.",
            AuditorVerdict::UnknownLog => "UNDECIDED: the auditor does not follow this log.",
        };
        let mut lines = vec![
            word.into(),
            format!("{} says: {}", plain(&self.auditor), plain(&self.detail)),
        ];
        match &self.evidence {
            Some(evidence) => lines.push(format!(
                "It gave evidence {}, which holds: {}",
                evidence.id.to_hex(),
                plain(&evidence.finding.proves)
            )),
            None if self.verdict == AuditorVerdict::Fork => {
                lines.push("It gave no evidence that holds: this is the auditor's word.".into());
            }
            None => {}
        }
        lines
    }

    fn json(&self) -> Value {
        json!({
            "verdict": Report::verdict(self).as_str(),
            "auditor": self.auditor,
            "answer": self.verdict.as_str(),
            "detail": plain(&self.detail),
            "evidence": self.evidence.as_ref().map(|evidence| evidence.id.to_hex()),
        })
    }
}
