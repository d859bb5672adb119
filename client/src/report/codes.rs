//! `keys code` and `contact number`.

use plainsight_specs::label::{Label, Version};
use serde_json::{Value, json};

use super::Report;
use crate::failure::Verdict;

/// A code to be compared.
#[derive(Debug)]
pub struct CodeShown {
    /// What kind of code.
    pub kind: CodeKind,
    /// As people read it.
    pub text: String,
    /// A QR code, line by line, if one was asked for.
    pub qr: Vec<String>,
    /// About these versions.
    pub about: Vec<(Label, Version)>,
}

/// The two kinds of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// One's own contact code.
    Contact,
    /// A safety number.
    SafetyNumber,
}

impl Report for CodeShown {
    fn verdict(&self) -> Verdict {
        Verdict::Verified
    }

    fn lines(&self) -> Vec<String> {
        let about: Vec<_> = self
            .about
            .iter()
            .map(|(label, version)| format!("version {version} of {label}"))
            .collect();
        let about = about.join(" and ");
        let mut lines = match self.kind {
            CodeKind::Contact => vec![
                format!("CONTACT CODE: {}", self.text),
                format!("It is about {about}."),
            ],
            CodeKind::SafetyNumber => vec![
                format!("SAFETY NUMBER: {}", self.text),
                format!("It is about {about}, and is the same on the other side."),
            ],
        };
        lines.extend(self.qr.iter().cloned());
        lines.push(match self.kind {
            CodeKind::Contact => "Post it where the provider cannot change it: a card, your own \
                 page, a friend. It stays good while you rotate, and not after a reset."
                .into(),
            CodeKind::SafetyNumber => {
                "Compare all of it by voice or face to face, not through the \
                 provider. It changes with every version of either side."
                    .into()
            }
        });
        lines
    }

    fn json(&self) -> Value {
        let about: Vec<_> = self
            .about
            .iter()
            .map(|(label, version)| json!({ "label": label.display(), "version": version.get() }))
            .collect();
        json!({
            "verdict": self.verdict().as_str(),
            "kind": match self.kind {
                CodeKind::Contact => "contact-code",
                CodeKind::SafetyNumber => "safety-number",
            },
            "code": self.text,
            "about": about,
        })
    }
}
