//! The form by which the operator adds a log: what was typed, and what is wrong with it.

use crate::config::LogConfig;
use crate::dashboard::admin::Form;
use crate::http::Site;

/// What a complaint is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dashboard) enum Field {
    /// The verifier key.
    Key,
    /// The address.
    Address,
    /// The operator's token.
    Token,
    /// None of them.
    None,
}

/// What is wrong.
#[derive(Debug, Clone)]
pub(in crate::dashboard) struct Wrong {
    field: Field,
    text: String,
}

impl Wrong {
    /// With a field, in a sentence.
    pub(in crate::dashboard) fn new(field: Field, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { field, text }
    }
}

/// A log that was added.
#[derive(Debug, Clone)]
pub(in crate::dashboard) struct Added {
    /// Its origin.
    pub(in crate::dashboard) origin: String,
    /// How many entries it has.
    pub(in crate::dashboard) entries: u64,
    /// Whether this auditor begins with it without being told again.
    pub(in crate::dashboard) begins_now: bool,
}

/// The form.
#[derive(Debug, Clone)]
pub(in crate::dashboard) struct LogForm {
    offered: Form,
    /// The key as it was typed.
    pub(super) vkey: String,
    /// The address as it was typed.
    pub(super) url: String,
    wrong: Option<Wrong>,
    /// What came of it.
    pub(super) added: Option<Added>,
}

impl LogForm {
    /// Before anything was typed.
    pub(super) fn empty(site: &Site) -> Self {
        Self {
            offered: Form::of(site, true),
            vkey: String::new(),
            url: String::new(),
            wrong: None,
            added: None,
        }
    }

    /// With what was typed, and what is wrong with it.
    pub(in crate::dashboard) fn wrong(site: &Site, log: LogConfig, wrong: Wrong) -> Self {
        Self {
            vkey: log.vkey,
            url: log.url,
            wrong: Some(wrong),
            ..Self::empty(site)
        }
    }

    /// After it was done.
    pub(in crate::dashboard) fn added(site: &Site, added: Added) -> Self {
        Self {
            added: Some(added),
            ..Self::empty(site)
        }
    }

    /// Whether it was done.
    pub(in crate::dashboard) fn is_added(&self) -> bool {
        self.added.is_some()
    }

    /// Whether it is shown.
    pub(super) fn is_offered(&self) -> bool {
        self.offered.is_offered()
    }

    /// Whether it is shown unfolded.
    pub(super) fn is_open(&self) -> bool {
        self.wrong.is_some()
    }

    /// What is wrong with a field.
    pub(super) fn about(&self, field: Field) -> Option<&str> {
        let wrong = self.wrong.as_ref().filter(|wrong| wrong.field == field);
        wrong.map(|wrong| wrong.text.as_str())
    }
}
