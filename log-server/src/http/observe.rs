//! Counts and times every request, and bounds the time of each.
//!
//! A request is known by its route, never by its address or path: an artifact's digest says who
//! looks at what.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::problem::Code;
use crate::shared::Shared;

/// The route of what has none.
const NOWHERE: &str = "none";

pub(super) async fn observe(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or(NOWHERE, |path| known(path.as_str()));
    let method = request.method().clone();
    let response = next.run(request).await;
    let took = start.elapsed();
    let status = response.status().as_u16();
    let problem = response.extensions().get::<Code>().map(|code| code.0);
    shared.metrics.http(route, status, problem, took);
    tracing::debug!(%method, route, status, ?took, "answered");
    response
}

/// The route as a word of this program.
fn known(path: &str) -> &'static str {
    let mut routes = super::ROUTES.iter();
    routes
        .find(|route| route.path == path)
        .map_or(NOWHERE, |route| route.path)
}
