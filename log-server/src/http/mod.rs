//! HTTP: who asks for what. Each handler parses, calls and maps; the work is elsewhere.

mod directory;
mod objects;
mod page;
mod problem;
mod publish;

pub(crate) use problem::ApiError;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tower_http::cors::CorsLayer;
use tower_http::timeout::TimeoutLayer;

use crate::shared::Shared;

/// The longest request to the directory: a label or a stream in base64, with room.
const MAX_QUERY_BYTES: usize = 16 * 1024;

/// All routes of one log.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let limits = &shared.config.limits;
    // Waiting for publication is the longest that anything takes.
    let timeout = Duration::from_millis(limits.wait_ms) + Duration::from_secs(30);
    let publish = Router::new()
        .route("/v1/publish", post(publish::publish))
        .layer(DefaultBodyLimit::max(limits.publish_bytes));
    let queries = Router::new()
        .route("/v1/lookup", post(directory::lookup))
        .route("/v1/rungs", post(directory::rungs))
        .route("/v1/history", post(directory::history))
        .route("/v1/stream", post(directory::stream))
        .layer(DefaultBodyLimit::max(MAX_QUERY_BYTES));
    let reads = Router::new()
        .route("/", get(page::page))
        .route("/checkpoint", get(objects::checkpoint))
        .route("/tile/{*path}", get(objects::tile))
        .route("/v1/genesis", get(directory::genesis))
        .route("/v1/artifact/{digest}", get(directory::artifact))
        .route("/livez", get(page::live))
        .route("/readyz", get(page::ready));
    publish
        .merge(queries)
        .merge(reads)
        .fallback(|| async { ApiError::NotFound })
        // Auditors' pages and readers in a browser may come from anywhere; no cookie is used.
        .layer(CorsLayer::permissive())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            timeout,
        ))
        .with_state(shared)
}
