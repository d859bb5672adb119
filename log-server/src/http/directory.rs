//! Look-ups, histories, streams, artifacts and the genesis.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use plainsight_specs::codec;
use plainsight_specs::hash::Hash;
use plainsight_specs::history::HistoryRequest;
use plainsight_specs::lookup::LookupRequest;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::query::StreamRequest;
use plainsight_specs::watch::RungsRequest;

use super::body::Question;
use super::{ApiError, schema};
use crate::directory::Directory;
use crate::recovery::OLDER;
use crate::shared::{Shared, Status};
use crate::source::LogSource;
use crate::view::View;

/// What answers, unless the log has published more than this server knows of: a proof at the older
/// head would tell whoever comes for the first time that there is nothing where there is something.
fn directory(shared: &Shared) -> Result<Directory<'_, View, Shared, LogSource>, ApiError> {
    if matches!(&*shared.status.borrow(), Status::ReadOnly(why) if why == OLDER) {
        return Err(ApiError::Unavailable(
            "this server's database is older than what the log has published",
        ));
    }
    Ok(Directory {
        published: &shared.view,
        vrf: shared,
        rows: &shared.source,
    })
}

fn json(body: impl Into<Bytes>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body.into()).into_response()
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

/// The first entry, proved, and the newest head.
#[utoipa::path(
    get, path = "/v1/genesis", tag = "look-ups",
    params(("since" = Option<u64>, Query, description = "The reader's last size, for a consistency proof")),
    responses(
        (status = 200, description = "The genesis with its inclusion", body = schema::GenesisAnswer),
        (status = 409, description = "`since` is above what is published",
            content_type = "application/problem+json", body = schema::Problem),
    ),
)]
pub(super) async fn genesis(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let since = since(query.as_deref())?;
    let answer = directory(&shared)?.genesis(since).await?;
    Ok(json(answer.to_json()))
}

/// The latest key set of a label, with every proof.
#[utoipa::path(
    post, path = "/v1/lookup", tag = "look-ups",
    request_body = schema::LookupRequest,
    responses(
        (status = 200, description = "Whether there is one or not, proved", body = schema::LookupAnswer),
        (status = 409, description = "`since` is above what is published",
            content_type = "application/problem+json", body = schema::Problem),
    ),
)]
pub(super) async fn lookup(
    State(shared): State<Arc<Shared>>,
    Question(body): Question,
) -> Result<Response, ApiError> {
    let (begun, size) = (Instant::now(), shown(&shared));
    let warm = size.and_then(|size| shared.warm.get(&body, size, begun));
    if let Some(answer) = warm {
        return Ok(json(answer));
    }
    let request = LookupRequest::parse(&body).map_err(malformed)?;
    let answer = directory(&shared)?.lookup(&request).await?;
    let answer = Bytes::from(answer.to_json());
    // If nothing was published meanwhile, this is the answer at that head.
    if let Some(size) = size.filter(|size| shown(&shared) == Some(*size)) {
        shared.warm.keep(&body, size, begun, answer.clone());
    }
    Ok(json(answer))
}

/// The size of the head that readers are answered at.
fn shown(shared: &Shared) -> Option<TreeSize> {
    Some(shared.view.head()?.tree.size)
}

/// The rungs that an owner has watched, with the proof of what is at them.
#[utoipa::path(
    post, path = "/v1/rungs", tag = "look-ups",
    request_body = schema::RungsRequest,
    responses(
        (status = 200, description = "A VRF proof for each rung", body = schema::RungsAnswer),
        (status = 409, description = "`since` is above what is published",
            content_type = "application/problem+json", body = schema::Problem),
    ),
)]
pub(super) async fn rungs(
    State(shared): State<Arc<Shared>>,
    Question(body): Question,
) -> Result<Response, ApiError> {
    let request = RungsRequest::parse(&body).map_err(malformed)?;
    let answer = directory(&shared)?.rungs(&request).await?;
    Ok(json(answer.to_json()))
}

/// Every key set of a label from a version on, with every proof.
#[utoipa::path(
    post, path = "/v1/history", tag = "look-ups",
    request_body = schema::HistoryRequest,
    responses(
        (status = 200, description = "At most 1,000 versions, the lowest", body = schema::HistoryAnswer),
        (status = 409, description = "`since` is above what is published",
            content_type = "application/problem+json", body = schema::Problem),
    ),
)]
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    Question(body): Question,
) -> Result<Response, ApiError> {
    let request = HistoryRequest::parse(&body).map_err(malformed)?;
    let answer = directory(&shared)?.history(&request).await?;
    Ok(json(answer.to_json()))
}

/// What a stream of statements holds: a release, its yank, the latest.
#[utoipa::path(
    post, path = "/v1/stream", tag = "look-ups",
    request_body = schema::StreamRequest,
    responses(
        (status = 200, description = "What was asked for, or the proof that it is not there",
            body = schema::StreamAnswer),
        (status = 409, description = "`since` is above what is published",
            content_type = "application/problem+json", body = schema::Problem),
    ),
)]
pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    Question(body): Question,
) -> Result<Response, ApiError> {
    let request = StreamRequest::parse(&body).map_err(malformed)?;
    let answer = directory(&shared)?.stream(&request).await?;
    Ok(json(answer.to_json()))
}

/// The first entry that listed a file, in any stream.
#[utoipa::path(
    get, path = "/v1/artifact/{digest}", tag = "look-ups",
    params(
        ("digest" = String, Path, description = "SHA-256 in hex"),
        ("since" = Option<u64>, Query, description = "The reader's last size, for a consistency proof"),
    ),
    responses(
        (status = 200, description = "The entry, or the proof that there is none", body = schema::ArtifactAnswer),
        (status = 409, description = "`since` is above what is published",
            content_type = "application/problem+json", body = schema::Problem),
    ),
)]
pub(super) async fn artifact(
    State(shared): State<Arc<Shared>>,
    Path(digest): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let digest = Hash::from_hex(&digest).map_err(malformed)?;
    let since = since(query.as_deref())?;
    let answer = directory(&shared)?.artifact(&digest, since).await?;
    Ok(json(answer.to_json()))
}
