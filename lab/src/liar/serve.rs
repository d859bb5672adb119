//! The HTTP side of a dishonest log: the paths of a real one, answered through the real directory
//! and then, if it was told to, bent.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use plainsight_log_server::directory::Directory;
use plainsight_specs::hash::Hash;
use plainsight_specs::history::HistoryRequest;
use plainsight_specs::lookup::LookupRequest;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::publish::{Logged, PublishAnswer, PublishItem, PublishRequest};
use plainsight_specs::query::StreamRequest;
use plainsight_specs::tile::TilePath;
use plainsight_specs::vrf;
use plainsight_specs::watch::RungsRequest;
use tokio::sync::RwLock;
use tower_http::cors::CorsLayer;

use super::said::Said;
use super::state::Liar;

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
        .route("/v1/rungs", post(rungs))
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

/// An answer as it leaves: bent, then garbled, if the script wants it.
fn say(liar: &Liar, mut said: Said) -> Answer {
    if let Some(bend) = &liar.script.bend {
        bend(liar, &mut said).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    }
    let bytes = said.to_json();
    Ok(match &liar.script.garble {
        Some(garble) => garble(bytes),
        None => bytes,
    })
}

async fn checkpoint(State(state): Shared) -> Answer {
    let liar = state.read().await;
    if liar.script.is_down {
        return Err(StatusCode::BAD_GATEWAY);
    }
    if let Some(shown) = &liar.script.checkpoint {
        return Ok(shown.clone());
    }
    liar.published()
        .map(|(head, _)| head.note.clone())
        .ok_or(StatusCode::NOT_FOUND)
}

async fn tile(State(state): Shared, Path(path): Path<String>) -> Answer {
    let path = TilePath::parse(&format!("tile/{path}")).map_err(bad)?;
    let liar = state.read().await;
    if liar.script.hides_tiles {
        return Err(StatusCode::NOT_FOUND);
    }
    liar.object(&path).ok_or(StatusCode::NOT_FOUND)
}

async fn genesis(State(state): Shared) -> Answer {
    let liar = state.read().await;
    let liar = liar.spokesman();
    let vrf = liar.vrf();
    let answer = directory(liar, &vrf).genesis(None).await.map_err(bad)?;
    say(liar, Said::Genesis(answer))
}

async fn stream(State(state): Shared, body: Bytes) -> Answer {
    let request = StreamRequest::parse(&body).map_err(bad)?;
    let liar = state.read().await;
    let liar = liar.spokesman();
    let vrf = liar.vrf();
    let answer = directory(liar, &vrf).stream(&request).await.map_err(bad)?;
    say(liar, Said::Stream(request, answer))
}

async fn artifact(
    State(state): Shared,
    Path(digest): Path<String>,
    Query(since): Query<Since>,
) -> Answer {
    let digest = Hash::from_hex(&digest).map_err(bad)?;
    let since = since.since.and_then(TreeSize::new);
    let liar = state.read().await;
    let liar = liar.spokesman();
    let vrf = liar.vrf();
    let directory = directory(liar, &vrf);
    let answer = directory.artifact(&digest, since).await.map_err(bad)?;
    say(liar, Said::Artifact(digest, answer))
}

async fn lookup(State(state): Shared, body: Bytes) -> Answer {
    let request = LookupRequest::parse(&body).map_err(bad)?;
    let liar = state.read().await;
    let looked_up = liar.script.looked_up.as_deref();
    let liar = looked_up.unwrap_or_else(|| liar.spokesman());
    let vrf = liar.vrf();
    let answer = directory(liar, &vrf).lookup(&request).await.map_err(bad)?;
    say(liar, Said::Lookup(request, answer))
}

async fn history(State(state): Shared, body: Bytes) -> Answer {
    let request = HistoryRequest::parse(&body).map_err(bad)?;
    let liar = state.read().await;
    let liar = liar.spokesman();
    if liar.script.is_silent {
        return Err(StatusCode::BAD_GATEWAY);
    }
    let vrf = liar.vrf();
    let answer = directory(liar, &vrf).history(&request).await.map_err(bad)?;
    say(liar, Said::History(request, answer))
}

async fn rungs(State(state): Shared, body: Bytes) -> Answer {
    let request = RungsRequest::parse(&body).map_err(bad)?;
    let liar = state.read().await;
    let liar = liar.spokesman();
    let vrf = liar.vrf();
    let answer = directory(liar, &vrf).rungs(&request).await.map_err(bad)?;
    say(liar, Said::Rungs(request, answer))
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
