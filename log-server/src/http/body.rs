//! Bodies of requests: their kind, their coding and their length are judged before a byte is
//! parsed.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use futures::StreamExt as _;

use super::ApiError;
use crate::shared::Shared;

/// The body of a question to the directory.
pub(super) struct Question(pub(super) Bytes);

impl FromRequest<Arc<Shared>> for Question {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let limit = shared.limits().query_bytes;
        Ok(Self(read(request, limit).await?))
    }
}

/// The body of a publish request.
pub(super) struct Items(pub(super) Bytes);

impl FromRequest<Arc<Shared>> for Items {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let limit = shared.limits().publish_bytes;
        Ok(Self(read(request, limit).await?))
    }
}

/// JSON of at most `limit` bytes. The parser bounds its depth.
// SPEC(PUB-7)
async fn read(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let headers = request.headers();
    if !is_json(headers) {
        return Err(ApiError::MediaType);
    }
    if is_compressed(headers) {
        return Err(ApiError::Coding);
    }
    let too_large = ApiError::TooLarge { limit };
    // A declared length is believed only to refuse early; memory grows with what arrives.
    if declared_length(headers).is_some_and(|length| length > limit as u64) {
        return Err(too_large);
    }
    let mut body = BytesMut::new();
    let mut chunks = request.into_body().into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::Malformed("the body was cut short".into()))?;
        if chunk.len() > limit - body.len() {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return false;
    };
    let kind = value.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn is_compressed(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::response::IntoResponse as _;

    use super::*;

    async fn status(headers: &[(&str, &str)], body: Body) -> u16 {
        let mut request = Request::new(body);
        for (name, value) in headers {
            let name = axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        match read(request, 4).await {
            Ok(_) => 200,
            Err(error) => error.into_response().status().as_u16(),
        }
    }

    #[tokio::test]
    async fn only_plain_json_within_the_bound_is_read() {
        const JSON: (&str, &str) = ("content-type", "application/json");
        assert_eq!(status(&[JSON], "1234".into()).await, 200);
        let charset = ("content-type", "Application/JSON; charset=utf-8");
        assert_eq!(status(&[charset], "1234".into()).await, 200);
        let identity = ("content-encoding", "identity");
        assert_eq!(status(&[JSON, identity], "1234".into()).await, 200);
        assert_eq!(status(&[], "1234".into()).await, 415);
        assert_eq!(
            status(&[("content-type", "text/plain")], "1".into()).await,
            415
        );
        for coding in ["gzip", "br", "identity, gzip"] {
            let coding = ("content-encoding", coding);
            assert_eq!(status(&[JSON, coding], "1".into()).await, 415);
        }
        assert_eq!(status(&[JSON], "12345".into()).await, 413);
        assert_eq!(
            status(&[JSON, ("content-length", "5")], "1".into()).await,
            413
        );
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_cut_off_at_the_bound() {
        let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>("abc"));
        let json = [("content-type", "application/json")];
        assert_eq!(status(&json, Body::from_stream(endless)).await, 413);
        let broken = futures::stream::iter([Ok("ab"), Err(std::io::Error::other("gone"))]);
        assert_eq!(status(&json, Body::from_stream(broken)).await, 400);
    }
}
