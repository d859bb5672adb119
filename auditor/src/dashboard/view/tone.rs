//! How something is to be taken: never by colour alone, always with a sign and a word.

use askama::Template;
use serde::Serialize;

/// How to take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Nothing to judge.
    Quiet,
    /// It could not be found out.
    Unknown,
    /// Somebody should look.
    Warn,
    /// Somebody must look.
    Bad,
}

impl Tone {
    /// The class in the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Quiet => "quiet",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }

    /// Its sign.
    pub(crate) fn icon(self) -> Icon {
        Icon { tone: self }
    }
}

/// The sign of a tone, drawn; read aloud it is nothing, as a word stands beside it.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "parts/icon.html")]
pub(crate) struct Icon {
    tone: Tone,
}

impl askama::filters::HtmlSafe for Icon {}

/// A word with its sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Template)]
#[template(path = "parts/badge.html")]
pub(crate) struct Badge {
    /// How to take it.
    pub(crate) tone: Tone,
    /// The word.
    pub(crate) word: String,
}

impl askama::filters::HtmlSafe for Badge {}

impl Badge {
    /// A word, to be taken so.
    pub(crate) fn new(tone: Tone, word: impl Into<String>) -> Self {
        Self {
            tone,
            word: word.into(),
        }
    }
}
