//! Alerts.

use serde::Serialize;

use super::super::view::{Badge, When};
use super::words::{capital, severity_tone, severity_word};
use crate::alert::Severity;
use crate::store::KeptAlert;

/// An alert in a list.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AlertLine {
    /// Its id.
    pub(super) id: String,
    /// How to take it.
    pub(super) badge: Badge,
    /// What happened.
    pub(super) text: String,
    /// The log; absent if it is about this auditor.
    pub(super) log: Option<String>,
    /// Its page.
    pub(super) path: String,
    /// When it was raised.
    pub(super) raised: When,
}

impl AlertLine {
    /// Of an alert.
    pub(super) fn of(alert: &KeptAlert, now: u64) -> Self {
        let severity = Severity::parse(&alert.severity).unwrap_or(Severity::Own);
        Self {
            badge: Badge::new(severity_tone(severity), severity_word(severity)),
            text: capital(&alert.text),
            log: alert.origin.clone(),
            path: super::alert_path(&alert.id),
            raised: When::new(alert.time, now),
            id: alert.id.clone(),
        }
    }
}
