//! The HTTP side of a dishonest log: the paths of a real one, answered through the real directory
//! and then, if it was told to, bent.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use plainsight_log_server::directory::Directory;
use plainsight_log_server::source;
use plainsight_specs::commitment::Opening;
use plainsight_specs::hash::Hash;
use plainsight_specs::history::{HistoryAnswer, HistoryRequest};
use plainsight_specs::lookup::{LookupAnswer, LookupRequest};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::publish::{Logged, PublishAnswer, PublishItem, PublishRequest};
use plainsight_specs::query::StreamRequest;
use plainsight_specs::tile::TilePath;
use plainsight_specs::vrf;
use tokio::sync::RwLock;
use tower_http::cors::CorsLayer;

use super::state::{Liar, Lie};

type Shared = State<Arc<RwLock<Liar>>>;
type Answer = Result<Vec<u8>, StatusCode>;

/// The paths that readers and auditors use.
pub(super) fn router(state: Arc<RwLock<Liar>>) -> Router {
    Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*path}", get(tile))
        .route("/v1/genesis", get(genesis))
        .route("/v1/lookup", post(lookup))
        .route("/v1/history", post(history))
        .route("/v1/stream", post(stream))
        .route("/v1/artifact/{digest}", get(artifact))
        .route("/v1/publish", post(publish))
        // Browsers may ask, as they may ask a real log.
        .layer(CorsLayer::permissive())
        .with_state(state)
}

#[derive(serde::Deserialize)]
struct Since {
    since: Option<u64>,
}

/// The directory at the published head.
fn directory<'a>(liar: &'a Liar, vrf: &'a vrf::SecretKey) -> LiarDirectory<'a> {
    Directory {
        published: liar,
        vrf,
        rows: liar,
    }
}

type LiarDirectory<'a> = Directory<'a, Liar, vrf::SecretKey, Liar>;

fn bad<E>(_: E) -> StatusCode {
    StatusCode::BAD_REQUEST
}

async fn checkpoint(State(state): Shared) -> Answer {
    let liar = state.read().await;
    liar.published()
        .map(|(head, _)| head.note.clone())
        .ok_or(StatusCode::NOT_FOUND)
}

async fn tile(State(state): Shared, Path(path): Path<String>) -> Answer {
    let path = TilePath::parse(&format!("tile/{path}")).map_err(bad)?;
    state
        .read()
        .await
        .object(&path)
        .ok_or(StatusCode::NOT_FOUND)
}

async fn genesis(State(state): Shared) -> Answer {
    let liar = state.read().await;
    let vrf = liar.vrf();
    Ok(directory(&liar, &vrf)
        .genesis(None)
        .await
        .map_err(bad)?
        .to_json())
}

async fn stream(State(state): Shared, body: Bytes) -> Answer {
    let request = StreamRequest::parse(&body).map_err(bad)?;
    let liar = state.read().await;
    let vrf = liar.vrf();
    Ok(directory(&liar, &vrf)
        .stream(&request)
        .await
        .map_err(bad)?
        .to_json())
}

async fn artifact(
    State(state): Shared,
    Path(digest): Path<String>,
    Query(since): Query<Since>,
) -> Answer {
    let digest = Hash::from_hex(&digest).map_err(bad)?;
    let since = since.since.and_then(TreeSize::new);
    let liar = state.read().await;
    let vrf = liar.vrf();
    Ok(directory(&liar, &vrf)
        .artifact(&digest, since)
        .await
        .map_err(bad)?
        .to_json())
}

async fn lookup(State(state): Shared, body: Bytes) -> Answer {
    let request = LookupRequest::parse(&body).map_err(bad)?;
    let liar = state.read().await;
    let vrf = liar.vrf();
    let mut answer = directory(&liar, &vrf).lookup(&request).await.map_err(bad)?;
    bend_lookup(&liar, &request, &mut answer);
    Ok(answer.to_json())
}

async fn history(State(state): Shared, body: Bytes) -> Answer {
    let request = HistoryRequest::parse(&body).map_err(bad)?;
    let liar = state.read().await;
    let vrf = liar.vrf();
    let mut answer = directory(&liar, &vrf)
        .history(&request)
        .await
        .map_err(bad)?;
    bend_history(&liar, &request, &mut answer).await?;
    Ok(answer.to_json())
}

/// Takes key sets from anybody.
async fn publish(State(state): Shared, body: Bytes) -> Answer {
    let request = PublishRequest::parse(&body).map_err(bad)?;
    let mut results = Vec::new();
    {
        let mut liar = state.write().await;
        for item in request.items {
            let PublishItem::KeySet { key_set, opening } = item else {
                return Err(StatusCode::BAD_REQUEST);
            };
            let opened = liar
                .take_key_set(key_set, *opening.as_bytes())
                .map_err(bad)?;
            results.push(Ok(Logged::at(opened.position)));
        }
        liar.push_epoch().map_err(bad)?;
    }
    super::publish(&state).await.map_err(bad)?;
    Ok(PublishAnswer { results }.to_json())
}

/// Shows a key set that was never logged.
fn bend_lookup(liar: &Liar, request: &LookupRequest, answer: &mut LookupAnswer) {
    let (Some(Lie::NeverLogged { label, shown }), Some(found)) = (&liar.lie, &mut answer.found)
    else {
        return;
    };
    if *label == request.label {
        found.opening = Some(Opening::from_bytes(shown.opening));
        found.key_set = Some(shown.key_set.clone());
    }
}

/// Shows a harmless entry at another index in place of the real one.
async fn bend_history(
    liar: &Liar,
    request: &HistoryRequest,
    answer: &mut HistoryAnswer,
) -> Result<(), StatusCode> {
    let Some(Lie::Decoy {
        label,
        version,
        shown: Some(shown),
        ..
    }) = &liar.lie
    else {
        return Ok(());
    };
    if *label != request.label {
        return Ok(());
    }
    let size = liar.head().size;
    for listed in answer
        .versions
        .iter_mut()
        .filter(|listed| listed.version == *version)
    {
        listed.entry = liar.entry(shown.position).map_err(bad)?;
        listed.opening = Some(Opening::from_bytes(shown.opening));
        listed.key_set = Some(shown.key_set.clone());
        listed.position = shown.position;
        listed.inclusion = source::inclusion(liar, shown.position, size)
            .await
            .map_err(bad)?;
    }
    Ok(())
}
