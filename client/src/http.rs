//! HTTP with every bound set before a byte is read: the one way that this library and the auditor
//! talk to a log, to an auditor and to a mirror.
//!
//! In scope: size limits, gzip within them, a deadline for each whole answer, retries of reads, and telling an outage from bytes that do not parse. Out
//! of scope: carrying a single request ([`crate::transport`]), and what the
//! bytes mean ([`crate::source`] and the verification flows).
//! Nothing fetched here is trusted; transport security only hides who asks for what.

use std::sync::Arc;
use std::time::Duration;

use plainsight_specs::Blame;
use plainsight_specs::json;
use plainsight_specs::tile::TileError;
use reqwest::{StatusCode, Url};

use crate::transport::{Body, Request, Reqwest, Transport};

pub(crate) mod gzip;

pub use gzip::GzipError;

/// Characters of an error's text that are kept.
const DETAIL: usize = 300;
/// A server's `Retry-After` is followed up to this many seconds.
const MAX_RETRY_AFTER: u64 = 10;

/// Why nothing usable came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The address is not an absolute http or https URL without user, query and fragment.
    #[error("not an http or https address of a server: {url:?}")]
    Address {
        /// What was given.
        url: String,
    },
    /// The HTTP client could not be made.
    #[error("cannot set up HTTP: {reason}")]
    Setup {
        /// The library's own words.
        reason: String,
    },
    /// No connection, no answer in time, or the answer broke off.
    #[error("nothing usable came from {url}: {reason}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// The library's own words.
        reason: String,
    },
    /// This machine could not open a connection: it has no file left. Nothing about the server.
    #[error("{url} was not asked: {reason}")]
    NoFiles {
        /// What was to be asked for.
        url: String,
        /// The system's own words.
        reason: String,
    },
    /// The server answered with a status other than success.
    #[error("{url} answered {status}{}", said(.detail))]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The code of a problem document, the last part of its `urn:plainsight:error:` type.
        code: Option<String>,
        /// The server's text, cut and without control characters.
        detail: String,
    },
    /// The answer is longer than anything the protocol has there.
    #[error("{url} answered with more than {limit} bytes")]
    TooLong {
        /// What was asked for.
        url: String,
        /// The bound in bytes.
        limit: usize,
    },
    /// The answer is no tile or bundle of the width asked for.
    #[error("{url} answered with something else than that tile: {reason}")]
    Tile {
        /// What was asked for.
        url: String,
        /// Why.
        reason: TileError,
    },
    /// The answer is in a content coding other than gzip.
    #[error("{url} answered with a content coding that was not asked for")]
    Coding {
        /// What was asked for.
        url: String,
    },
    /// The answer is said to be gzip and does not decode.
    #[error("{url} answered with gzip that is not acceptable: {reason}")]
    Gzip {
        /// What was asked for.
        url: String,
        /// Why.
        reason: GzipError,
    },
}

impl HttpError {
    /// An outage is never an accusation; an answer that cannot be one is malformed.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Address { .. } | Self::Setup { .. } => Blame::Misuse,
            Self::Unreachable { .. } | Self::NoFiles { .. } | Self::Status { .. } => {
                Blame::Unavailable
            }
            Self::TooLong { .. } | Self::Tile { .. } | Self::Coding { .. } | Self::Gzip { .. } => {
                Blame::Malformed
            }
        }
    }

    /// Whether the server said that there is no such resource.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }
}

/// How long to wait and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For a whole answer, from the connection to the last byte of the body: a server that sends a byte
    /// now and then gains no time. A read may so take `attempts` times as long, and the pauses.
    pub answer: Duration,
    /// How often a read is tried, at least once.
    pub attempts: u32,
    /// Pause before the second try; it doubles each time.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            attempts: 3,
            pause: Duration::from_millis(200),
        }
    }
}

/// The address of a server: scheme, host and an optional path prefix, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// From an absolute http or https URL.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        let refused = || HttpError::Address { url: text.into() };
        let url = Url::parse(text).map_err(|_| refused())?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain {
            return Err(refused());
        }
        Ok(Self(url.as_str().trim_end_matches('/').into()))
    }

    /// The address of `path` below this one.
    pub fn join(&self, path: &str) -> String {
        format!("{}/{}", self.0, path.trim_start_matches('/'))
    }

    /// The address itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An answer of any status, its body within the bound that the caller set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, if it is text.
    pub content_type: Option<String>,
    /// Seconds of `Retry-After`, if it is a number.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is sent, for [`Http::ask`] and [`Http::send`].
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// Where to.
    pub url: &'a str,
    /// The body's media type.
    pub content_type: &'static str,
    /// The body.
    pub body: &'a [u8],
    /// A token for `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
    /// Bound of the answer in bytes.
    pub limit: usize,
}

/// A transport with its bounds. Clones share it.
#[derive(Debug, Clone)]
pub struct Http {
    transport: Arc<dyn Transport>,
    patience: Patience,
}

impl Http {
    /// By this library's own transport. Redirects are refused: who serves a log is configuration,
    /// not something a server decides.
    pub fn new(patience: Patience) -> Result<Self, HttpError> {
        Ok(Self::over(Arc::new(Reqwest::new(patience)?), patience))
    }

    /// By an app's own transport, whose connecting is its own matter; the rest of `patience` holds
    /// whatever the transport does.
    pub fn over(transport: Arc<dyn Transport>, patience: Patience) -> Self {
        Self {
            transport,
            patience,
        }
    }

    /// GET, tried again after an outage. Any status but 200 is an error.
    pub async fn read(&self, url: &str, limit: usize) -> Result<Vec<u8>, HttpError> {
        let answer = self
            .retrying(|| {
                self.once(Request {
                    url,
                    post: None,
                    limit,
                })
            })
            .await?;
        success(url, answer)
    }

    /// POST of a question: it changes nothing, so it is tried again after an outage. Any status
    /// but 200 is an error.
    pub async fn ask(&self, post: Post<'_>) -> Result<Vec<u8>, HttpError> {
        let answer = self.retrying(|| self.send(post)).await?;
        success(post.url, answer)
    }

    /// POST of a change: sent once, and the answer is the caller's to read whatever its status.
    pub async fn send(&self, post: Post<'_>) -> Result<Answer, HttpError> {
        self.once(Request {
            url: post.url,
            post: Some(Body {
                content_type: post.content_type,
                bytes: post.body,
                bearer: post.bearer,
            }),
            limit: post.limit,
        })
        .await
    }

    async fn once(&self, request: Request<'_>) -> Result<Answer, HttpError> {
        let (url, limit) = (request.url, request.limit);
        // Dropping what is carried ends it.
        let carried = tokio::time::timeout(self.patience.answer, self.transport.carry(request));
        let answer = carried.await.map_err(|_elapsed| HttpError::Unreachable {
            url: url.into(),
            reason: "no answer in time".into(),
        })??;
        // Whatever the transport promises.
        if answer.body.len() > limit {
            return Err(HttpError::TooLong {
                url: url.into(),
                limit,
            });
        }
        Ok(answer)
    }

    async fn retrying<F, A>(&self, once: F) -> Result<Answer, HttpError>
    where
        F: Fn() -> A,
        A: Future<Output = Result<Answer, HttpError>>,
    {
        let mut pause = self.patience.pause;
        for _ in 1..self.patience.attempts {
            match once().await {
                Err(HttpError::Unreachable { .. } | HttpError::NoFiles { .. }) => {
                    tokio::time::sleep(jittered(pause)).await;
                }
                Ok(answer) if is_passing(answer.status) => {
                    let asked = answer.retry_after.unwrap_or(0).min(MAX_RETRY_AFTER);
                    tokio::time::sleep(jittered(pause).max(Duration::from_secs(asked))).await;
                }
                done => return done,
            }
            pause = pause.saturating_mul(2);
        }
        once().await
    }
}

/// Statuses by which a server says "later".
fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

/// The pause and up to half of it more, so that many clients do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0u8];
    // Without randomness there is no jitter, which only costs politeness.
    let spread = getrandom::fill(&mut byte).map_or(0, |()| u32::from(byte[0]));
    pause + pause.saturating_mul(spread) / 512
}

pub(crate) fn success(url: &str, answer: Answer) -> Result<Vec<u8>, HttpError> {
    if answer.status == StatusCode::OK.as_u16() {
        return Ok(answer.body);
    }
    let (code, detail) = problem(&answer.body);
    Err(HttpError::Status {
        url: url.into(),
        status: answer.status,
        code,
        detail,
    })
}

/// The server's text after a colon, if it said anything.
fn said(detail: &str) -> String {
    if detail.is_empty() {
        return String::new();
    }
    format!(": {detail}")
}

/// The code and the text of a problem document (RFC 9457), or the body as text.
fn problem(body: &[u8]) -> (Option<String>, String) {
    let Ok(mut object) = json::parse_object(body) else {
        return (None, plain(&String::from_utf8_lossy(body)));
    };
    let mut text = |name| object.optional_string(name).ok().flatten();
    let code = text("type").and_then(|kind| kind.strip_prefix("urn:plainsight:error:").map(plain));
    let detail = text("detail").or_else(|| text("title")).unwrap_or_default();
    (code, plain(&detail))
}

/// A server's text, fit for a terminal: cut, and control characters replaced.
pub(crate) fn plain(text: &str) -> String {
    text.trim()
        .chars()
        .take(DETAIL)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
