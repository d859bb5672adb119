//! For whoever restarts the process, and for whoever measures it: the routes of the operators'
//! own listener, and the two of them that are public.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::{ApiError, problem};
use crate::metrics::{self, Snapshot};
use crate::shared::{Shared, Status};

pub(super) const TEXT: [(header::HeaderName, &str); 2] = [
    (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The routes of the operators' listener. Nothing here is secret to them, and nothing is for others.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .fallback(|| async { ApiError::NotFound })
        .layer(axum::middleware::from_fn(problem::normalise))
        .with_state(shared)
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let (pool_entries, pool_bytes) = shared.pool.fill();
    let (writable, read_only) = match &*shared.status.borrow() {
        Status::Starting | Status::Following(_) | Status::Reading => (false, false),
        Status::Writing => (true, false),
        Status::ReadOnly(_) => (false, true),
    };
    let now = Snapshot {
        sequenced: shared.sequenced_size(),
        signed: shared.signed_size(),
        published: shared.published.borrow().get(),
        pool_entries,
        pool_bytes,
        writable,
        read_only,
    };
    match shared.metrics.encode(now) {
        Ok(text) => {
            let headers = [
                (header::CONTENT_TYPE, metrics::MEDIA_TYPE),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            ApiError::Internal.into_response()
        }
    }
}

/// The process answers.
#[utoipa::path(
    get, path = "/livez", tag = "operations",
    responses((status = 200, description = "The process answers",
        content_type = "text/plain; charset=utf-8", body = String)),
)]
pub(super) async fn live() -> Response {
    (TEXT, "ok\n").into_response()
}

/// Requests may be sent here: something is published, and entries are taken if this process is
/// one that takes them.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    responses(
        (status = 200, description = "Requests may be sent here",
            content_type = "text/plain; charset=utf-8", body = String),
        (status = 503, description = "They may not: why, in a line",
            content_type = "text/plain; charset=utf-8", body = String),
    ),
)]
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    match shared.unready() {
        None => (TEXT, "ok\n").into_response(),
        Some(why) => {
            let mut response =
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")).into_response();
            // It is an answer, not a problem.
            response.extensions_mut().insert(problem::Code("unready"));
            response
        }
    }
}
