//! What carries a question to an auditor: HTTP, or whatever stands in its place in a simulation.
//!
//! A wire carries one question and gives whatever answer came. It neither retries nor judges.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};

/// An answer of any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type`, if it is text.
    pub media_type: Option<String>,
    /// The `Retry-After`, if it is text.
    pub retry_after: Option<String>,
    /// The body; `None` if it was cut short or longer than asked for.
    pub body: Option<Vec<u8>>,
}

/// An answer that is on its way; an error is no answer at all, and why.
pub type Carried<'w> = Pin<Box<dyn Future<Output = Result<Answered, String>> + Send + 'w>>;

/// Carries questions. Dropping the future of one ends it.
pub trait Wire: Debug + Send + Sync {
    /// A GET, or a POST of these bytes, whose answer has at most `most` bytes. Redirects MUST NOT be
    /// followed: who is asked is configuration.
    fn carry(&self, url: String, post: Option<Vec<u8>>, most: usize) -> Carried<'_>;
}

/// HTTP.
#[derive(Debug)]
pub struct HttpWire {
    client: reqwest::Client,
}

impl HttpWire {
    /// With this time for each answer.
    pub fn new(timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { client })
    }
}

impl Wire for HttpWire {
    fn carry(&self, url: String, post: Option<Vec<u8>>, most: usize) -> Carried<'_> {
        let request = match post {
            None => self.client.get(url),
            Some(body) => self.client.post(url).body(body),
        };
        Box::pin(async move {
            let response = request.send().await;
            let response = response.map_err(|error| innermost(&error))?;
            let header = |name: HeaderName| {
                let value = response.headers().get(name)?;
                value.to_str().ok().map(str::to_owned)
            };
            let (media_type, retry_after) = (header(CONTENT_TYPE), header(RETRY_AFTER));
            Ok(Answered {
                status: response.status().as_u16(),
                media_type,
                retry_after,
                body: bounded_body(response, most).await,
            })
        })
    }
}

/// The cause that says something, which has no address in it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The whole body, unless it is longer than any answer.
async fn bounded_body(mut response: reqwest::Response, most: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > most {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}
