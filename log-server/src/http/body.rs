//! Bodies of requests: their kind, their coding and their length are judged before a byte is
//! parsed.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use futures::StreamExt as _;
use tokio::sync::Semaphore;

use super::ApiError;
use crate::shared::Shared;

/// The body of a question to the directory.
pub(super) struct Question(pub(super) Bytes);

impl FromRequest<Arc<Shared>> for Question {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let limit = shared.limits().query_bytes;
        Ok(Self(read(request, &Bounds::of(shared, limit)).await?))
    }
}

/// The body of a publish request.
pub(super) struct Items(pub(super) Bytes);

impl FromRequest<Arc<Shared>> for Items {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let limit = shared.limits().publish_bytes;
        Ok(Self(read(request, &Bounds::of(shared, limit)).await?))
    }
}

/// What a body keeps to.
struct Bounds<'a> {
    /// Its most bytes.
    limit: usize,
    /// How long it may take to arrive.
    within: Duration,
    /// A permit a byte of all that are on their way.
    room: &'a Semaphore,
}

impl<'a> Bounds<'a> {
    fn of(shared: &'a Shared, limit: usize) -> Self {
        Self {
            limit,
            within: Duration::from_millis(shared.limits().body_ms),
            room: &shared.arriving,
        }
    }
}

/// JSON within `bounds`. The parser bounds its depth.
// SPEC(PUB-7)
async fn read(request: Request, bounds: &Bounds<'_>) -> Result<Bytes, ApiError> {
    let limit = bounds.limit;
    let headers = request.headers();
    if !is_json(headers) {
        return Err(ApiError::MediaType);
    }
    if is_compressed(headers) {
        return Err(ApiError::Coding);
    }
    // A declared length is believed only to refuse early; memory grows with what arrives.
    if declared_length(headers).is_some_and(|length| length > limit as u64) {
        return Err(ApiError::TooLarge { limit });
    }
    let arrived = arrive(request.into_body(), limit, bounds.room);
    let arrived = tokio::time::timeout(bounds.within, arrived).await;
    arrived.map_err(|_| ApiError::Slow)?
}

/// The bytes, which take part of `room` until all of them are there.
async fn arrive(body: Body, limit: usize, room: &Semaphore) -> Result<Bytes, ApiError> {
    let mut whole = BytesMut::new();
    let mut taken = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::Malformed("the body was cut short".into()))?;
        if chunk.len() > limit - whole.len() {
            return Err(ApiError::TooLarge { limit });
        }
        let bytes = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        let room = room.try_acquire_many(bytes);
        taken.push(room.map_err(|_| ApiError::Busy("too many bodies are on their way"))?);
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
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
        let room = Semaphore::new(6);
        let bounds = Bounds {
            limit: 4,
            within: Duration::from_millis(200),
            room: &room,
        };
        let read = read(request, &bounds).await;
        assert_eq!(room.available_permits(), 6, "room is given back");
        match read {
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

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_not_waited_for() {
        let json = [("content-type", "application/json")];
        let never = Body::from_stream(futures::stream::pending::<Result<Bytes, ApiError>>());
        assert_eq!(status(&json, never).await, 408);
    }

    #[tokio::test]
    async fn bodies_on_their_way_have_their_room() {
        let room = Semaphore::new(6);
        let one = arrive("1234".into(), 4, &room).await;
        assert_eq!(one.unwrap(), "1234");
        let _other = room.try_acquire_many(3).unwrap();
        let busy = arrive("1234".into(), 4, &room).await.unwrap_err();
        assert_eq!(busy.into_response().status(), 503);
        assert!(arrive("123".into(), 4, &room).await.is_ok());
    }
}
