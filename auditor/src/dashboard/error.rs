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
            Self::Store(_) | Self::Mirror(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
