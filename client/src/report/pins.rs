//! `contact list`, `export`, `import` and `forget`: what is pinned, without asking a log.

use std::path::PathBuf;

use plainsight_specs::label::Label;
use serde_json::{Value, json};

use super::{Report, plain};
use crate::failure::Verdict;
use crate::home::pins::Pin;

/// Every pinned contact.
#[derive(Debug)]
pub struct PinsListed(pub Vec<(Label, Pin)>);

impl Report for PinsListed {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![match self.0.len() {
            0 => "CONTACTS: none are pinned; `plainsight contact verify` pins one.".into(),
            1 => "CONTACTS: 1 is pinned.".into(),
            many => format!("CONTACTS: {many} are pinned."),
        }];
        lines.extend(self.0.iter().map(|(label, pin)| {
            let waits = match &pin.pending {
                None => String::new(),
                Some(pending) => format!(
                    "; version {} waits to be accepted",
                    pending.key_set.version()
                ),
            };
            format!(
                "{}: version {}, {} since {}{waits}",
                label.display(),
                pin.key_set.version(),
                pin.state.as_str(),
                pin.since
            )
        }));
        lines
    }

    fn json(&self) -> Value {
        let contacts: Vec<_> = self
            .0
            .iter()
            .map(|(label, pin)| {
                json!({
                    "label": label.display(),
                    "version": pin.key_set.version().get(),
                    "key_set": pin.key_set.hash().to_hex(),
                    "state": pin.state.as_str(),
                    "since": pin.since.to_string(),
                    "pending": pin.pending.as_ref().map(|pending| pending.key_set.version().get()),
                })
            })
            .collect();
        json!({ "verdict": self.verdict().as_str(), "contacts": contacts })
    }
}

/// Pins that went to a file, or came from one.
#[derive(Debug)]
pub struct PinsMoved {
    /// The file.
    pub path: PathBuf,
    /// Whether they came from it.
    pub imported: bool,
    /// How many.
    pub count: usize,
    /// Those in the file that were left alone, since the contact is pinned already.
    pub kept: usize,
}

impl Report for PinsMoved {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let path = plain(&self.path.display().to_string());
        let count = self.count;
        if !self.imported {
            return vec![
                format!("EXPORTED: {count} contacts to {path}."),
                "The file names people: keep it as you keep your address book.".into(),
            ];
        }
        let mut lines = vec![format!("IMPORTED: {count} contacts from {path}.")];
        if self.kept > 0 {
            lines.push(format!(
                "{} were pinned here already, and are as they were.",
                self.kept
            ));
        }
        lines
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.verdict().as_str(),
            "file": self.path.display().to_string(),
            "contacts": self.count,
            "kept": self.kept,
        })
    }
}

/// A contact that is forgotten.
#[derive(Debug)]
pub struct PinForgotten(pub Label);

impl Report for PinForgotten {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        vec![format!(
            "FORGOTTEN: nothing is pinned for {} any more; the next look-up begins anew.",
            self.0
        )]
    }

    fn json(&self) -> Value {
        json!({ "verdict": self.verdict().as_str(), "label": self.0.display() })
    }
}
