//! Publishing at a replica that does not write: the request goes on to the one that does.
//!
//! It is sent once, whole, with its token, and the answer is given back as it came. The writer
//! judges it as any other: a replica vouches for nothing.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;

use crate::http::ApiError;

/// Marks a request that was sent on, so that two replicas which each take the other for the
/// writer do not send it back and forth.
const FORWARDED: HeaderName = HeaderName::from_static("plainsight-forwarded");
/// What of a request goes on.
const KEPT: [HeaderName; 3] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
];
/// How long a connection to the writer may take to be made.
const CONNECT: Duration = Duration::from_secs(1);

/// Sends publish requests on.
#[derive(Debug)]
pub(crate) struct Forwarder {
    client: reqwest::Client,
}

impl Forwarder {
    /// `timeout` is for a whole request, with what it waits for.
    pub(crate) fn new(timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { client })
    }

    /// Sends a publish request to the writer at `holder`, an `http` or `https` URL.
    pub(crate) async fn publish(
        &self,
        holder: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response, ApiError> {
        if holder.is_empty() || headers.contains_key(FORWARDED) {
            return Err(ApiError::Unavailable("no replica is the writer at present"));
        }
        let mut kept = HeaderMap::new();
        for name in KEPT {
            if let Some(value) = headers.get(&name) {
                kept.insert(name, value.clone());
            }
        }
        kept.insert(FORWARDED, HeaderValue::from_static("1"));
        let url = format!("{}/v1/publish", holder.trim_end_matches('/'));
        let sent = self.client.post(url).headers(kept).body(body).send().await;
        let answer = sent.map_err(|error| {
            let error = error.without_url();
            tracing::warn!(%error, "the writer does not answer");
            ApiError::Unavailable(
                "the writer does not answer; whether the items are logged is not known; \
                 repeat the request",
            )
        })?;
        let status = answer.status();
        let mut response_headers = HeaderMap::new();
        for name in [
            header::CONTENT_TYPE,
            header::RETRY_AFTER,
            header::CACHE_CONTROL,
        ] {
            if let Some(value) = answer.headers().get(&name) {
                response_headers.insert(name, value.clone());
            }
        }
        let body = Body::from_stream(answer.bytes_stream());
        Ok((status, response_headers, body).into_response())
    }
}
