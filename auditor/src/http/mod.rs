//! The auditor's HTTP: C2SP `add-checkpoint` and mirror, and what readers may ask.
//!
//! Every body is bounded, every wait is bounded, and nobody is authenticated: whatever is asked
//! is checked against a log's signature or answered from what is public anyway.

mod about;
mod alerts;
mod heads;
mod health;
mod limit;
mod mirror;
mod openapi;
mod plain;
mod problem;
mod read;
mod rebuilds;
mod watch;
mod witness;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use plainsight_specs::witness::MAX_BODY_BYTES;
use tower_http::cors::CorsLayer;

use crate::alert::Sender;
use crate::dashboard::{self, Dashboard, Serve};
use crate::desk::Handle;
use crate::evidence::Shelf;
use crate::plain::Plain;
use crate::pulse::Pulse;
use crate::rebuilds::Rebuilds;
use crate::store::Store;
use crate::watch::Watches;

pub(crate) use about::MEANING;
pub(crate) use health::admin;
pub use limit::LimitConfig;
pub use openapi::openapi;

pub(crate) use limit::Limits;
pub(crate) use problem::Problem;

/// How long `add-checkpoint` waits for its own fetch and replay.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What the handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) desks: Arc<BTreeMap<String, Handle>>,
    pub(crate) store: Store,
    pub(crate) shelf: Shelf,
    pub(crate) limits: Limits,
    pub(crate) plain: Option<Plain>,
    /// For the front page.
    pub(crate) vkey: String,
    pub(crate) watch_vkey: String,
    pub(crate) organisation: String,
    pub(crate) jurisdiction: String,
    pub(crate) contact: Option<String>,
    /// Who tells the alerts.
    pub(crate) sender: Sender,
    /// Whether auditing makes progress.
    pub(crate) pulse: tokio::sync::watch::Receiver<Pulse>,
    /// What owners ask about.
    pub(crate) watches: Watches,
    /// What rebuilders found.
    pub(crate) rebuilds: Rebuilds,
    /// What the pages for people need.
    pub(crate) dashboard: Arc<Dashboard>,
    /// Who sees them.
    pub(crate) serve: Serve,
}

impl Site {
    /// The desk of the log with this origin.
    pub(crate) fn desk(&self, origin: &str) -> Option<&Handle> {
        self.desks.get(origin)
    }

    /// The desk of the log whose origin has this hash.
    pub(crate) fn desk_by_hash(&self, hash: &str) -> Option<&Handle> {
        self.desks
            .values()
            .find(|desk| desk.log.origin.origin_hash() == hash)
    }
}

/// What is read and never changes anything.
fn readings() -> Router<Site> {
    Router::new()
        .route("/v1/logs", get(read::logs))
        .route("/v1/witness", get(plain::witness))
        .route("/v1/heads", get(heads::heads))
        .route("/v1/evidence", get(read::evidence_list))
        .route("/v1/evidence/{id}", get(read::evidence))
        .route("/v1/alerts", get(alerts::alerts))
        .route("/alerts.atom", get(alerts::atom))
        .route("/v1/about", get(about::about))
        .route("/v1/rebuilds/{file}", get(self::rebuilds::of_file))
        .route("/{hash}/checkpoint", get(mirror::checkpoint))
        .route("/{hash}/tile/{*rest}", get(mirror::tile))
}

/// All routes.
pub(crate) fn router(site: Site) -> Router {
    let pages = match site.serve {
        Serve::Public => dashboard::routes().fallback(dashboard::nowhere),
        Serve::Admin | Serve::Off => {
            Router::new().fallback(|| async { Problem::not_found("there is nothing here") })
        }
    };
    let limits = from_fn_with_state(site.limits.clone(), limit::limit);
    Router::new()
        .route("/add-checkpoint", post(witness::add_checkpoint))
        .route("/v1/checkpoint", post(read::shown_checkpoint))
        .route("/v1/index", post(read::indexes))
        .route("/witness/add-checkpoint", post(plain::add_checkpoint))
        .route("/witness/{hash}/checkpoint", get(plain::checkpoint))
        .route("/v1/watch", post(self::watch::register))
        .route("/v1/watch/report", post(self::watch::report))
        .route("/v1/watch/announce", post(self::watch::announce))
        .route("/v1/watch/cancel", post(self::watch::cancel))
        .route("/v1/inserted/{hash}/{bucket}", get(self::watch::inserted))
        .route(
            "/v1/rebuilds",
            post(self::rebuilds::take).get(self::rebuilds::after),
        )
        .route("/v1/openapi.json", get(openapi::document))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .merge(readings())
        .merge(pages)
        .method_not_allowed_fallback(|method: axum::http::Method| async move {
            Problem::method(&method)
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(limits)
        .layer(axum::middleware::from_fn(limit::in_time))
        // Auditing from a browser is welcome: nothing here depends on who asks.
        .layer(CorsLayer::permissive())
        .with_state(site)
}
