//! HTTP with a log: bounded, without redirects, failures in words.

use std::time::Duration;

use anyhow::{Context as _, Result};
use plainsight_specs::json;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode, Url};

/// The longest answer: proofs, and three entries in base64.
const MAX_ANSWER: usize = 1 << 20;
/// Longer than a log lets a publisher wait.
const TIMEOUT: Duration = Duration::from_secs(90);
/// The longest text of a failure that is shown, in characters.
const MAX_DETAIL: usize = 400;

/// A log to ask.
pub(super) struct Log {
    client: reqwest::Client,
    base: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nobody answers.
    #[error("{url} cannot be reached: {why}")]
    Unreachable { url: String, why: String },
    /// It is longer than any answer.
    #[error("the log's answer is longer than any")]
    TooLong,
    /// The log's own words.
    #[error("the log answers {status}: {words}")]
    Problem {
        status: StatusCode,
        words: String,
        retry_after: Option<Duration>,
    },
}

impl AskError {
    /// When to ask again, if that may help.
    pub(super) fn retry(&self, pause: Duration) -> Option<Duration> {
        match self {
            Self::Unreachable { .. } => Some(pause),
            Self::TooLong => None,
            Self::Problem {
                status,
                retry_after,
                ..
            } => {
                let again = *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                again.then(|| retry_after.unwrap_or(pause))
            }
        }
    }
}

impl Log {
    pub(super) fn new(url: &Url) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("no HTTP client")?;
        Ok(Self {
            client,
            base: url.as_str().trim_end_matches('/').to_owned(),
        })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Vec<u8>, AskError> {
        self.answer(self.client.get(self.at(path))).await
    }

    pub(super) async fn post(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, AskError> {
        self.answer(self.posted(path, body)).await
    }

    /// With a publisher's token and an idempotency key.
    pub(super) async fn publish(
        &self,
        body: Vec<u8>,
        token: &str,
        key: &str,
    ) -> Result<Vec<u8>, AskError> {
        let request = self.posted("v1/publish", body).bearer_auth(token);
        self.answer(request.header("idempotency-key", key)).await
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    fn posted(&self, path: &str, body: Vec<u8>) -> RequestBuilder {
        let request = self.client.post(self.at(path));
        request.header(CONTENT_TYPE, "application/json").body(body)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Vec<u8>, AskError> {
        let unreachable = |error: reqwest::Error| AskError::Unreachable {
            url: self.base.clone(),
            why: innermost(&error.without_url()),
        };
        let mut response = request.send().await.map_err(unreachable)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(AskError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let status = response.status();
        if status.is_success() {
            return Ok(body);
        }
        let seconds = response.headers().get(RETRY_AFTER);
        let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
        Err(AskError::Problem {
            status,
            words: problem(&body),
            retry_after: seconds.map(Duration::from_secs),
        })
    }
}

/// A problem document (RFC 9457) in words, or the beginning of what else it is.
fn problem(body: &[u8]) -> String {
    let words = || {
        let mut problem = json::parse_object(body).ok()?;
        let title = problem.optional_string("title").ok()??;
        Some(match problem.optional_string("detail").ok()? {
            Some(detail) => format!("{title}: {detail}"),
            None => title,
        })
    };
    let text = words().unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let shown = text.chars().filter(|c| !c.is_control()).take(MAX_DETAIL);
    shown.collect()
}

/// The cause that says something.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
