//! Whether the process lives and whether it audits, and what its operator measures.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::{Problem, Site};
use crate::dashboard::{self, Serve};
use crate::desk::Verdict;
use crate::metrics;

/// What its operator is shown, at an address of its own.
pub(crate) fn admin(site: Site) -> Router {
    let pages = match site.serve {
        // What the pages refer to goes with them.
        Serve::Admin => super::readings().merge(dashboard::routes()),
        Serve::Public | Serve::Off => Router::new(),
    };
    Router::new()
        .merge(pages)
        .route("/metrics", get(measures))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .fallback(|| async { Problem::not_found("there is nothing here") })
        .with_state(site)
}

/// `GET /livez`: the process answers.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: it audits. Red when it does not, since silence must not look like health.
pub(super) async fn readyz(Shared(site): Shared<Site>) -> Response {
    let mut complaints = site.pulse.borrow().complaints();
    // The look is once a second; what the desks say is of now.
    for desk in site.desks.values() {
        let status = desk.status.borrow();
        let known = complaints
            .iter()
            .any(|line| line.starts_with(&format!("{}: ", status.origin)));
        if !known && !matches!(status.verdict, Verdict::Ok | Verdict::Stopped) {
            complaints.push(format!("{}: {}", status.origin, status.verdict.as_str()));
        }
    }
    if complaints.is_empty() {
        return "ok\n".into_response();
    }
    let mut body = String::new();
    for line in complaints {
        // Writing to a String cannot fail.
        let _ = writeln!(body, "{line}");
    }
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

/// `GET /metrics` in the text format of Prometheus.
async fn measures(Shared(site): Shared<Site>) -> Result<Response, Problem> {
    let pulse = site.pulse.borrow().clone();
    let text = metrics::text(&site.store, site.desks.values(), &pulse).await;
    let text = text.map_err(|error| Problem::internal(&error))?;
    let headers = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    Ok((StatusCode::OK, headers, text).into_response())
}
