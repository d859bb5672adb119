//! Look-ups, histories, streams, artifacts and the genesis.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, RawQuery, State};
use plainsight_specs::codec;
use plainsight_specs::hash::Hash;
use plainsight_specs::history::HistoryRequest;
use plainsight_specs::lookup::LookupRequest;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::query::StreamRequest;
use plainsight_specs::watch::RungsRequest;

use super::body::Question;
use super::coding::{Coding, Encoded};
use super::{ApiError, schema};
use crate::directory::Directory;
use crate::recovery::OLDER;
use crate::shared::{Shared, Status};
use crate::source::LogSource;
use crate::view::View;
use crate::warm::Asked;

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
    coding: Coding,
    RawQuery(query): RawQuery,
) -> Result<Encoded, ApiError> {
    let since = since(query.as_deref())?;
    let answer = directory(&shared)?.genesis(since).await?;
    Ok(Encoded::new(answer.to_json(), coding).await)
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
    coding: Coding,
    Question(body): Question,
) -> Result<Encoded, ApiError> {
    // Before anything that was kept: whoever may not answer may not repeat an answer either.
    let directory = directory(&shared)?;
    let (begun, size) = (Instant::now(), shown(&shared));
    let asked = Asked::new(&body, coding);
    let warm = size.and_then(|size| shared.warm.get(&asked, size, begun));
    if let Some(answer) = warm {
        return Ok(answer);
    }
    let request = LookupRequest::parse(&body).map_err(malformed)?;
    let answer = directory.lookup(&request).await?;
    let answer = Encoded::new(answer.to_json(), coding).await;
    // If nothing was published meanwhile, this is the answer at that head.
    if let Some(size) = size.filter(|size| shown(&shared) == Some(*size)) {
        shared.warm.keep(&asked, size, begun, answer.clone());
    }
    Ok(answer)
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
    coding: Coding,
    Question(body): Question,
) -> Result<Encoded, ApiError> {
    let request = RungsRequest::parse(&body).map_err(malformed)?;
    let answer = directory(&shared)?.rungs(&request).await?;
    Ok(Encoded::new(answer.to_json(), coding).await)
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
    coding: Coding,
    Question(body): Question,
) -> Result<Encoded, ApiError> {
    let request = HistoryRequest::parse(&body).map_err(malformed)?;
    let answer = directory(&shared)?.history(&request).await?;
    Ok(Encoded::new(answer.to_json(), coding).await)
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
    coding: Coding,
    Question(body): Question,
) -> Result<Encoded, ApiError> {
    let request = StreamRequest::parse(&body).map_err(malformed)?;
    let answer = directory(&shared)?.stream(&request).await?;
    Ok(Encoded::new(answer.to_json(), coding).await)
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
    coding: Coding,
    Path(digest): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Encoded, ApiError> {
    let digest = Hash::from_hex(&digest).map_err(malformed)?;
    let since = since(query.as_deref())?;
    let answer = directory(&shared)?.artifact(&digest, since).await?;
    Ok(Encoded::new(answer.to_json(), coding).await)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use axum::body::Bytes;
    use plainsight_specs::label::Label;

    use super::*;
    use crate::support::make;

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_is_older_than_what_is_public_repeats_no_answer() {
        let made = make().await;
        let server = made.start().await;
        let size = TreeSize::new(2).unwrap();
        server.until_published(size).await;
        let shared = Arc::clone(server.shared());
        let request = LookupRequest {
            label: Label::email("anna@example.org").unwrap(),
            since: None,
            logged: false,
        };
        let body = Bytes::from(request.to_json());
        let ask = || {
            lookup(
                State(Arc::clone(&shared)),
                Coding::Plain,
                Question(body.clone()),
            )
        };
        let answer = ask().await.unwrap();
        shared
            .status
            .send_replace(Status::ReadOnly(OLDER.to_owned()));
        let asked = Asked::new(&body, Coding::Plain);
        let now = Instant::now();
        shared
            .warm
            .keep(&asked, shown(&shared).unwrap(), now, answer);
        assert!(matches!(ask().await, Err(ApiError::Unavailable(_))));
        server.shutdown().await;
    }
}
