//! Sentences in which commands stand between backticks, as everywhere else where they are printed.

use askama::Template;
use serde::{Serialize, Serializer};

/// A text; in JSON as it is.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "parts/prose.html")]
pub(crate) struct Prose {
    text: &'static str,
}

impl askama::filters::HtmlSafe for Prose {}

impl Prose {
    /// Of sentences of this program.
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text }
    }

    /// The pieces, every second of which is a command.
    fn pieces(&self) -> Vec<(bool, &'static str)> {
        let pieces = self.text.split('`').enumerate();
        pieces.map(|(n, piece)| (n % 2 == 1, piece)).collect()
    }
}

impl Serialize for Prose {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text)
    }
}
