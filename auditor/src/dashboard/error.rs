//! Why a page cannot be shown.

use axum::http::StatusCode;

use crate::mirror::MirrorError;
use crate::store::StoreError;

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// There is no such thing here; the text says what, for people.
    #[error("{0}")]
    NotFound(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is held of a log.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// Something was asked that is not done.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// No token is configured.
    #[error("Nothing can be done from this page; use the command line of the auditor.")]
    Off,
    /// The form comes from another site.
    #[error("The form was not sent by this site's own page.")]
    OtherSite,
    /// The form cannot be read.
    #[error("The form is incomplete.")]
    Form,
    /// The token is wrong.
    #[error("The token is not the operator's.")]
    Token,
    /// Too many wrong tokens.
    #[error("There were too many wrong tokens; wait ten minutes, or use the command line.")]
    Guesses,
    /// See [`crate::AcknowledgeError`].
    #[error("Not acknowledged: {0}.")]
    Acknowledge(String),
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Off => StatusCode::NOT_FOUND,
            Self::OtherSite | Self::Token => StatusCode::FORBIDDEN,
            Self::Form => StatusCode::BAD_REQUEST,
            Self::Guesses => StatusCode::TOO_MANY_REQUESTS,
            Self::Acknowledge(_) => StatusCode::CONFLICT,
        }
    }
}

impl PageError {
    /// There is no such thing here.
    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound(what.into())
    }

    /// As HTTP says it.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Refused(refusal) => refusal.status(),
            Self::Store(_) | Self::Mirror(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
