//! The alerts for strangers: as JSON and as a feed.

use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::read::answer;
use super::{Problem, Site};
use crate::alert::feed::{self, Told};
use crate::alert::{alert_json, evidence_of};
use crate::clock;

/// Rows of the list.
const LIST: u32 = 1000;
/// Entries of the feed.
const FEED: u32 = 100;

/// `GET /v1/alerts`, the newest first.
pub(super) async fn alerts(Shared(site): Shared<Site>) -> Result<Response, Problem> {
    let kept = site.store.alerts(LIST).await;
    let kept = kept.map_err(|error| Problem::internal(&error))?;
    let mut list = Vec::new();
    for alert in &kept {
        let evidence = evidence_of(&site.store, alert).await;
        let evidence = evidence.map_err(|error| Problem::internal(&error))?;
        list.push(alert_json(alert, evidence.as_deref()));
    }
    Ok(answer(&Value::Array(list)))
}

/// `GET /alerts.atom`.
pub(super) async fn atom(Shared(site): Shared<Site>) -> Result<Response, Problem> {
    let kept = site.store.alerts(FEED).await;
    let kept = kept.map_err(|error| Problem::internal(&error))?;
    let headers = [
        (header::CONTENT_TYPE, "application/atom+xml; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=60"),
    ];
    let mut told = Vec::new();
    for alert in kept {
        let evidence = evidence_of(&site.store, &alert).await;
        let evidence = evidence.map_err(|error| Problem::internal(&error))?;
        told.push(Told { alert, evidence });
    }
    let feed = feed::atom(&site.sender, &told, clock::now_s());
    Ok((StatusCode::OK, headers, feed).into_response())
}
