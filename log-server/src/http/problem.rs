//! Errors as `application/problem+json`, with stable codes.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::directory::DirectoryError;
use crate::source::SourceError;
use crate::store::StoreError;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request is not what the API says.
    #[error("{0}")]
    Malformed(String),
    /// No token, or an unknown one.
    #[error("a bearer token is needed")]
    Unauthorized,
    /// The token's role does not allow it.
    #[error("this token may not publish that")]
    Forbidden,
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// The reader has seen a larger head than is published here.
    #[error("{0}")]
    SizeAhead(String),
    /// Too much is going on; the same request may succeed later.
    #[error("too much waits to be logged")]
    Busy,
    /// The body is too long.
    #[error("the body is too long")]
    TooLarge,
    /// The server cannot answer at present.
    #[error("{0}")]
    Unavailable(&'static str),
}

impl ApiError {
    /// The one place that decides status, code and title.
    fn status(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed(_) => (
                StatusCode::BAD_REQUEST,
                "malformed",
                "The request is malformed",
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "A token is needed",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "The token does not allow it",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Self::SizeAhead(_) => (
                StatusCode::CONFLICT,
                "size-ahead",
                "The size is not published yet",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "Too much is going on",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too long",
            ),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The log cannot answer at present",
            ),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, title) = self.status();
        let body = json!({
            "type": format!("urn:plainsight:error:{code}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the database failed");
        Self::Unavailable("the database failed")
    }
}

impl From<SourceError> for ApiError {
    fn from(error: SourceError) -> Self {
        tracing::error!(%error, "a part of an answer could not be had");
        Self::Unavailable("a part of the answer could not be had")
    }
}

impl From<DirectoryError> for ApiError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::SizeAhead { .. } => Self::SizeAhead(error.to_string()),
            DirectoryError::NothingPublished => Self::Unavailable("nothing is published yet"),
            DirectoryError::Source(error) => error.into(),
            DirectoryError::Inconsistent(_) => {
                tracing::error!(%error, "the private rows are not whole");
                Self::Unavailable("the private rows are not whole")
            }
        }
    }
}
