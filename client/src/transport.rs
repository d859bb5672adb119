//! What carries a request to a log or an auditor: HTTP by [`reqwest`], or whatever an app has of its
//! own (the platform's HTTP stack, a proxy, a relay that hides who asks).
//!
//! A transport carries one request and gives whatever answer came. It need not retry, and it is not
//! trusted: [`crate::http::Http`] retries, and checks the bound of an answer again.

use std::error::Error;
use std::fmt::Debug;
use std::pin::Pin;

use reqwest::Response;
use reqwest::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
};

use crate::http::gzip::{self, GzipError};
use crate::http::{Answer, HttpError, Patience, plain};

/// Bytes of an error answer that are read; the rest is dropped.
const ERROR_BODY: usize = 4096;
/// gzip longer than this, in bytes, is decoded on a thread that may block.
const LONG_GZIP: usize = 32 * 1024;

/// A request, in full.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// An absolute http or https URL.
    pub url: &'r str,
    /// What is sent with POST; a GET without.
    pub post: Option<Body<'r>>,
    /// Bound of the answer in bytes, after any content coding was undone. An answer that goes on is
    /// [`HttpError::TooLong`].
    pub limit: usize,
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Body<'r> {
    /// The media type.
    pub content_type: &'static str,
    /// The bytes.
    pub bytes: &'r [u8],
    /// A token for `Authorization: Bearer`.
    pub bearer: Option<&'r str>,
}

/// An answer that is on its way.
pub type Carried<'r> = Pin<Box<dyn Future<Output = Result<Answer, HttpError>> + Send + 'r>>;

/// Carries requests. Dropping the future of one ends it.
pub trait Transport: Debug + Send + Sync {
    /// Carries one request. Whoever asked drops it when the time is over. Redirects MUST NOT be followed:
    /// who serves a log is configuration. An error answer is an answer.
    fn carry<'r>(&'r self, request: Request<'r>) -> Carried<'r>;
}

/// The transport of this library.
#[derive(Debug, Clone)]
pub struct Reqwest {
    client: reqwest::Client,
}

impl Reqwest {
    /// With the time limits of `patience`. Redirects are refused.
    pub fn new(patience: Patience) -> Result<Self, HttpError> {
        let client = reqwest::Client::builder()
            .connect_timeout(patience.connect)
            .timeout(patience.answer)
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(std::time::Duration::from_secs(30))
            .pool_max_idle_per_host(16)
            .user_agent(concat!("plainsight/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| HttpError::Setup {
                reason: error.to_string(),
            })?;
        Ok(Self { client })
    }

    async fn once(&self, request: Request<'_>) -> Result<Answer, HttpError> {
        let Request { url, post, limit } = request;
        let builder = match post {
            None => self.client.get(url),
            Some(post) => {
                let builder = self.client.post(url);
                let builder = builder.header(CONTENT_TYPE, post.content_type);
                let builder = builder.body(post.bytes.to_vec());
                match post.bearer {
                    None => builder,
                    Some(token) => builder.header(AUTHORIZATION, format!("Bearer {token}")),
                }
            }
        };
        let response = builder
            .header(ACCEPT_ENCODING, "gzip")
            .send()
            .await
            .map_err(|error| unreachable_at(url, &error))?;
        let status = response.status();
        let text = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
                .map(str::to_owned)
        };
        let content_type = text(CONTENT_TYPE);
        let retry_after = text(RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let is_gzip = is_gzip(&response).map_err(|()| HttpError::Coding { url: url.into() })?;
        let body = match (status.is_success(), is_gzip) {
            (true, false) => whole_body(response, url, limit).await?,
            (true, true) => {
                let gzip = whole_body(response, url, gzip::most_encoded(limit)).await?;
                decoded(gzip, url, limit).await?
            }
            (false, false) => first_bytes(response, limit.min(ERROR_BODY)).await,
            (false, true) => {
                let gzip = first_bytes(response, limit.min(ERROR_BODY)).await;
                gzip::decode_start(&gzip, limit.min(ERROR_BODY))
            }
        };
        Ok(Answer {
            status: status.as_u16(),
            content_type,
            retry_after,
            body,
        })
    }
}

impl Transport for Reqwest {
    fn carry<'r>(&'r self, request: Request<'r>) -> Carried<'r> {
        Box::pin(self.once(request))
    }
}

/// Whether the body is gzip, the one content coding that is asked for; an error if it is another.
fn is_gzip(response: &Response) -> Result<bool, ()> {
    let mut codings = response.headers().get_all(CONTENT_ENCODING).iter();
    match (codings.next().map(HeaderValue::as_bytes), codings.next()) {
        (None, _) => Ok(false),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"identity") => Ok(false),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"gzip") => Ok(true),
        _ => Err(()),
    }
}

async fn decoded(gzip: Vec<u8>, url: &str, limit: usize) -> Result<Vec<u8>, HttpError> {
    let decoded = if gzip.len() > LONG_GZIP {
        let decoding = tokio::task::spawn_blocking(move || gzip::decode(&gzip, limit));
        decoding.await.unwrap_or(Err(GzipError::Broken))
    } else {
        gzip::decode(&gzip, limit)
    };
    decoded.map_err(|reason| match reason {
        GzipError::TooLong { limit } => HttpError::TooLong {
            url: url.into(),
            limit,
        },
        reason => HttpError::Gzip {
            url: url.into(),
            reason,
        },
    })
}

async fn whole_body(mut response: Response, url: &str, limit: usize) -> Result<Vec<u8>, HttpError> {
    let too_long = || HttpError::TooLong {
        url: url.into(),
        limit,
    };
    // A declared length is believed only to refuse early; memory grows with what arrives.
    if response
        .content_length()
        .is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit))
    {
        return Err(too_long());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unreachable_at(url, &error))?
    {
        if chunk.len() > limit - body.len() {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The start of an error's body; what cannot be read of it is not missed.
async fn first_bytes(mut response: Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = limit - body.len();
        body.extend(chunk.iter().take(room));
        if chunk.len() >= room {
            break;
        }
    }
    body
}

fn unreachable_at(url: &str, error: &reqwest::Error) -> HttpError {
    if let Some(reason) = no_files(error) {
        return HttpError::NoFiles {
            url: url.into(),
            reason,
        };
    }
    let cause = innermost(error);
    let reason = if error.is_timeout() {
        "no answer in time".into()
    } else if error.is_body() || error.is_decode() {
        "the answer broke off".into()
    } else {
        plain(&cause.to_string())
    };
    HttpError::Unreachable {
        url: url.into(),
        reason,
    }
}

/// The innermost cause says what happened ("connection refused"); the outer ones repeat the URL.
fn innermost<'e>(mut error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    while let Some(inner) = error.source() {
        error = inner;
    }
    error
}

/// Whether anything in the chain is the system's word that this process, or the whole machine, has no
/// file left; in that case the words.
fn no_files(error: &(dyn Error + 'static)) -> Option<String> {
    /// `EMFILE` and `ENFILE`, everywhere that has them.
    const NO_FILES: [i32; 2] = [24, 23];
    let mut cause = Some(error);
    while let Some(error) = cause {
        let system: Option<&std::io::Error> = error.downcast_ref();
        if let Some(code) = system.and_then(std::io::Error::raw_os_error)
            && cfg!(unix)
            && NO_FILES.contains(&code)
        {
            return Some(plain(&error.to_string()));
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_want_of_files_is_told_from_a_server_that_is_gone() {
        for (code, none_left) in [(24, true), (23, true), (111, false), (104, false)] {
            let error = Outer(std::io::Error::from_raw_os_error(code));
            assert_eq!(
                no_files(&error).is_some(),
                none_left && cfg!(unix),
                "{code}"
            );
        }
        assert_eq!(no_files(&Outer(std::io::Error::other("x"))), None);
    }
}
