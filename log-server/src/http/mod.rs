//! HTTP: who asks for what. Each handler parses, calls and maps; the work is elsewhere.

mod address;
mod admin;
mod body;
mod coding;
mod directory;
mod objects;
mod observe;
mod openapi;
mod page;
mod problem;
mod publish;
mod schema;

pub(crate) use admin::router as admin_router;
pub(crate) use coding::{Coding, Encoded};
pub use openapi::openapi;
pub(crate) use problem::ApiError;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use tower_http::cors::{Any, CorsLayer};
use tower_http::timeout::TimeoutLayer;

use crate::shared::Shared;

/// A route: the router and the document of the API are both made from [`ROUTES`].
struct Route {
    method: MethodFilter,
    path: &'static str,
    kind: Kind,
    handler: fn(MethodFilter) -> MethodRouter<Arc<Shared>>,
}

/// What is done to a request before its handler sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Asked from browsers too.
    Read,
    /// The same, and each address has its rate.
    Lookup,
    /// Each token has its rate, and no browser comes here.
    Publish,
}

const fn route(
    method: MethodFilter,
    path: &'static str,
    kind: Kind,
    handler: fn(MethodFilter) -> MethodRouter<Arc<Shared>>,
) -> Route {
    Route {
        method,
        path,
        kind,
        handler,
    }
}

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;

static ROUTES: [Route; 13] = [
    route(GET, "/", Kind::Read, |m| on(m, page::page)),
    route(GET, "/checkpoint", Kind::Read, |m| {
        on(m, objects::checkpoint)
    }),
    route(GET, "/tile/{*path}", Kind::Read, |m| on(m, objects::tile)),
    route(GET, "/v1/genesis", Kind::Lookup, |m| {
        on(m, directory::genesis)
    }),
    route(POST, "/v1/lookup", Kind::Lookup, |m| {
        on(m, directory::lookup)
    }),
    route(POST, "/v1/rungs", Kind::Lookup, |m| on(m, directory::rungs)),
    route(POST, "/v1/history", Kind::Lookup, |m| {
        on(m, directory::history)
    }),
    route(POST, "/v1/stream", Kind::Lookup, |m| {
        on(m, directory::stream)
    }),
    route(GET, "/v1/artifact/{digest}", Kind::Lookup, |m| {
        on(m, directory::artifact)
    }),
    route(POST, "/v1/publish", Kind::Publish, |m| {
        on(m, publish::publish)
    }),
    route(GET, "/v1/openapi.json", Kind::Read, |m| {
        on(m, openapi::document)
    }),
    route(GET, "/livez", Kind::Read, |m| on(m, admin::live)),
    route(GET, "/readyz", Kind::Read, |m| on(m, admin::ready)),
];

/// How long a browser may remember that it may ask.
const CORS_AGE: Duration = Duration::from_hours(24);

/// All routes of one log.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    // Waiting for publication is the longest that anything takes.
    let timeout = Duration::from_millis(shared.limits().wait_ms) + Duration::from_secs(30);
    let of = |kind| {
        let routes = ROUTES.iter().filter(|route| route.kind == kind);
        routes.fold(Router::new(), |router, route| {
            router.route(route.path, (route.handler)(route.method))
        })
    };
    let lookups = of(Kind::Lookup).layer(from_fn_with_state(Arc::clone(&shared), address::limited));
    // A page from anywhere may read, since nobody is recognised by a cookie. Publishing is no
    // business of browsers.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::IF_NONE_MATCH])
        .expose_headers([header::ETAG, header::RETRY_AFTER])
        .max_age(CORS_AGE);
    lookups
        .merge(of(Kind::Read))
        .layer(cors)
        .merge(of(Kind::Publish))
        .fallback(|| async { ApiError::NotFound })
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            timeout,
        ))
        .layer(from_fn(problem::normalise))
        .layer(from_fn_with_state(Arc::clone(&shared), observe::observe))
        // Each route reads its body within a bound of its own.
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}
