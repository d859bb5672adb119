//! Look-ups, histories, streams, artifacts and the genesis.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use plainsight_specs::codec;
use plainsight_specs::hash::Hash;
use plainsight_specs::history::HistoryRequest;
use plainsight_specs::lookup::LookupRequest;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::query::StreamRequest;
use plainsight_specs::vrf;

use super::ApiError;
use crate::directory::Directory;
use crate::shared::Shared;
use crate::source::LogSource;
use crate::view::View;

fn directory(shared: &Shared) -> Directory<'_, View, vrf::SecretKey, LogSource> {
    Directory {
        published: &shared.view,
        vrf: &shared.keys.vrf,
        rows: &shared.source,
    }
}

fn json(body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}

pub(super) fn body(body: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    body.map_err(|rejection| match rejection.status() {
        axum::http::StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        _ => ApiError::Malformed("the body was cut short".into()),
    })
}

fn malformed(error: impl std::fmt::Display) -> ApiError {
    ApiError::Malformed(error.to_string())
}

/// The one parameter that a query may have.
fn since(query: Option<&str>) -> Result<Option<TreeSize>, ApiError> {
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return Ok(None);
    };
    let size = query
        .strip_prefix("since=")
        .ok_or_else(|| malformed("the only parameter is since"))?;
    let size = codec::decimal(size).map_err(malformed)?;
    Ok(TreeSize::new(size))
}

pub(super) async fn genesis(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let since = since(query.as_deref())?;
    let answer = directory(&shared).genesis(since).await?;
    Ok(json(answer.to_json()))
}

pub(super) async fn lookup(
    State(shared): State<Arc<Shared>>,
    request: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let request = LookupRequest::parse(&body(request)?).map_err(malformed)?;
    let answer = directory(&shared).lookup(&request).await?;
    Ok(json(answer.to_json()))
}

pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    request: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let request = HistoryRequest::parse(&body(request)?).map_err(malformed)?;
    let answer = directory(&shared).history(&request).await?;
    Ok(json(answer.to_json()))
}

pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    request: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let request = StreamRequest::parse(&body(request)?).map_err(malformed)?;
    let answer = directory(&shared).stream(&request).await?;
    Ok(json(answer.to_json()))
}

pub(super) async fn artifact(
    State(shared): State<Arc<Shared>>,
    Path(digest): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let digest = Hash::from_hex(&digest).map_err(malformed)?;
    let since = since(query.as_deref())?;
    let answer = directory(&shared).artifact(&digest, since).await?;
    Ok(json(answer.to_json()))
}
