//! Results of rebuilds over HTTP: handed in, and asked for by file or by place.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::Blame;
use plainsight_specs::codec;
use plainsight_specs::hash::Hash;
use plainsight_specs::rebuild::RebuildList;

use super::{Problem, Site};
use crate::rebuilds::RebuildRefusal;

/// `POST /v1/rebuilds`.
pub(super) async fn take(Shared(site): Shared<Site>, body: Bytes) -> Result<Response, Problem> {
    site.rebuilds
        .take(&body)
        .await
        .map_err(|error| refused(&error))?;
    Ok(json(b"{}".to_vec()))
}

/// `GET /v1/rebuilds/<SHA-256 of a file>`.
pub(super) async fn of_file(
    Shared(site): Shared<Site>,
    Path(file): Path<String>,
) -> Result<Response, Problem> {
    let file = Hash::from_hex(&file).map_err(|error| Problem::malformed(error.to_string()))?;
    list(site.rebuilds.of_file(&file).await)
}

/// `GET /v1/rebuilds?after=n`.
pub(super) async fn after(
    Shared(site): Shared<Site>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let after = query
        .as_deref()
        .and_then(|query| query.strip_prefix("after="))
        .and_then(|place| codec::decimal(place).ok())
        .ok_or_else(|| Problem::malformed("the one parameter is after, a place"))?;
    list(site.rebuilds.after(after).await)
}

fn list(found: Result<RebuildList, crate::store::StoreError>) -> Result<Response, Problem> {
    let found = found.map_err(|error| Problem::internal(&error))?;
    Ok(json(found.to_json()))
}

fn refused(refusal: &RebuildRefusal) -> Problem {
    let said = refusal.to_string();
    match refusal {
        RebuildRefusal::Store(error) => Problem::internal(error),
        RebuildRefusal::Result(error) if error.blame() == Blame::Unproven => {
            Problem::forbidden(said)
        }
        RebuildRefusal::Result(_) | RebuildRefusal::Ahead => Problem::malformed(said),
        RebuildRefusal::Outdated => Problem::conflict(said),
        RebuildRefusal::TooMany => Problem::busy(said),
    }
}

fn json(body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::OK, headers, body).into_response()
}
