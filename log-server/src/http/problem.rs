//! Errors as `application/problem+json` (RFC 9457), with stable codes.
//!
//! Every answer that is not a success is one of [`PROBLEMS`], also those that the framework makes
//! by itself: see [`normalise`]. What failed inside is logged, not told.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::directory::DirectoryError;
use crate::source::SourceError;
use crate::store::StoreError;

/// The media type of a problem document.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The stable code: the end of the document's `type`.
    pub(crate) code: &'static str,
    /// The document's `title`.
    pub(crate) title: &'static str,
}

macro_rules! problems {
    ($($name:ident = $status:literal $code:literal $title:literal;)*) => {
        $(const $name: Problem = Problem { status: $status, code: $code, title: $title };)*
        /// All of them, as the chapter on publishing lists them.
        pub(crate) const PROBLEMS: &[Problem] = &[$($name),*];
    };
}

// SPEC(PUB-5)
problems! {
    MALFORMED = 400 "malformed" "The request is malformed";
    UNAUTHORIZED = 401 "unauthorized" "A token is needed";
    FORBIDDEN = 403 "forbidden" "The token does not allow it";
    NOT_FOUND = 404 "not-found" "There is no such thing";
    METHOD = 405 "method-not-allowed" "This is not done here";
    SLOW = 408 "too-slow" "The body took too long";
    SIZE_AHEAD = 409 "size-ahead" "The size is not published yet";
    TOO_LARGE = 413 "too-large" "The body is too long";
    MEDIA = 415 "unsupported-media" "The body is of another kind";
    KEY_REUSED = 422 "key-reused" "The idempotency key was used for another request";
    LIMITED = 429 "rate-limited" "Too many requests";
    INTERNAL = 500 "internal" "The log failed";
    BUSY = 503 "busy" "Too much is going on";
    READ_ONLY = 503 "read-only" "The log is not written at present";
    UNPUBLISHED = 503 "unpublished" "The items are logged and not yet published";
    UNAVAILABLE = 503 "unavailable" "The log cannot answer at present";
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request is not what the API says.
    #[error("{0}")]
    Malformed(String),
    /// No token, or one that does not count.
    #[error("a bearer token that is known, not expired and not revoked is needed")]
    Unauthorized,
    /// The token's role does not allow it.
    #[error("this token may not publish that")]
    Forbidden,
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// There is, but not by this method.
    #[error("see the Allow header for what is done here")]
    Method,
    /// The reader has seen a larger head than is published here.
    #[error("{0}")]
    SizeAhead(String),
    /// The body is too long.
    #[error("at most {limit} bytes are read here")]
    TooLarge {
        /// The most bytes.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive in time; send it faster, or in smaller parts")]
    Slow,
    /// The body is not JSON.
    #[error("the body must be application/json")]
    MediaType,
    /// The body is compressed.
    #[error("the body must not be compressed")]
    Coding,
    /// The idempotency key came with another body before.
    #[error("this key was used for another request; a new request needs a new key")]
    KeyReused,
    /// A rate is used up.
    #[error("the limit of this {whose} is used up")]
    Limited {
        /// A token or an address.
        whose: &'static str,
        /// When to come again.
        retry: Duration,
    },
    /// Something is broken here.
    #[error("the server failed; its operators find the reason in its log")]
    Internal,
    /// Too much is going on; the same request may succeed later.
    #[error("{0}")]
    Busy(&'static str),
    /// Nothing is taken until somebody has looked, or until the server has started.
    #[error("{0}")]
    ReadOnly(&'static str),
    /// It is logged and a published checkpoint does not cover it yet.
    #[error("repeat the request to learn the positions")]
    Unpublished,
    /// The server cannot answer at present.
    #[error("{0}")]
    Unavailable(&'static str),
}

impl ApiError {
    /// The one place that decides what kind of problem an error is.
    fn problem(&self) -> Problem {
        match self {
            Self::Malformed(_) => MALFORMED,
            Self::Unauthorized => UNAUTHORIZED,
            Self::Forbidden => FORBIDDEN,
            Self::NotFound => NOT_FOUND,
            Self::Method => METHOD,
            Self::SizeAhead(_) => SIZE_AHEAD,
            Self::TooLarge { .. } => TOO_LARGE,
            Self::Slow => SLOW,
            Self::MediaType | Self::Coding => MEDIA,
            Self::KeyReused => KEY_REUSED,
            Self::Limited { .. } => LIMITED,
            Self::Internal => INTERNAL,
            Self::Busy(_) => BUSY,
            Self::ReadOnly(_) => READ_ONLY,
            Self::Unpublished => UNPUBLISHED,
            Self::Unavailable(_) => UNAVAILABLE,
        }
    }

    // SPEC(PUB-6)
    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Limited { retry, .. } => Some(retry.as_secs().saturating_add(1)),
            Self::ReadOnly(_) => Some(10),
            _ if self.problem().status == 503 => Some(1),
            _ => None,
        }
    }
}

/// The code of a problem, for what counts answers: neither header nor body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code(pub(crate) &'static str);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Problem {
            status,
            code,
            title,
        } = self.problem();
        let body = json!({
            "type": format!("urn:plainsight:error:{code}"),
            "title": title,
            "status": status,
            "detail": self.to_string(),
        });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body.to_string()).into_response();
        response.extensions_mut().insert(Code(code));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        match self {
            Self::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Coding => {
                let none = HeaderValue::from_static("identity");
                headers.insert(header::ACCEPT_ENCODING, none);
            }
            _ => {}
        }
        response
    }
}

/// Makes a problem document of every failure that is not one: those of the framework.
pub(super) async fn normalise(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_problem(&response) {
        return response;
    }
    let error = match status {
        StatusCode::NOT_FOUND => ApiError::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ApiError::Method,
        StatusCode::SERVICE_UNAVAILABLE => ApiError::Unavailable("it took too long"),
        status if status.is_client_error() => {
            ApiError::Malformed("the address or its query is malformed".into())
        }
        _ => ApiError::Internal,
    };
    let mut problem = error.into_response();
    if let Some(allow) = response.headers().get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}

/// Whether it is a document already: of this server, or of the writer that it was sent on to.
fn is_problem(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    response.extensions().get::<Code>().is_some()
        || kind.is_some_and(|kind| kind.as_bytes() == MEDIA_TYPE.as_bytes())
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
                Self::Internal
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chapter_lists_exactly_these_problems() {
        let chapter = include_str!("../../../specs/publish.md");
        let listed: Vec<_> = chapter
            .lines()
            .filter_map(|line| {
                let mut cells = line.split('|').map(str::trim).skip(1);
                let status: u16 = cells.next()?.parse().ok()?;
                Some((status, cells.next()?.trim_matches('`')))
            })
            .collect();
        let known: Vec<_> = PROBLEMS.iter().map(|p| (p.status, p.code)).collect();
        assert_eq!(listed, known);
    }

    #[test]
    fn whoever_is_to_come_again_is_told_when() {
        let retry = |error: ApiError| {
            let response = error.into_response();
            let value = response.headers().get(header::RETRY_AFTER)?;
            value.to_str().ok()?.parse::<u64>().ok()
        };
        let limited = ApiError::Limited {
            whose: "token",
            retry: Duration::from_millis(2_400),
        };
        assert_eq!(retry(limited), Some(3));
        for error in [
            ApiError::Busy("full"),
            ApiError::ReadOnly("starting"),
            ApiError::Unpublished,
            ApiError::Unavailable("failed"),
        ] {
            assert!(retry(error).is_some_and(|seconds| seconds > 0));
        }
        assert_eq!(retry(ApiError::NotFound), None);
    }
}
