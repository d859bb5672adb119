//! Who this auditor is. What it says is its own claim; whom a reader believes is in the reader's own
//! policy.

use axum::extract::State as Shared;
use axum::response::Response;
use serde_json::{Value, json};

use super::Site;
use super::read::answer;
use crate::desk::Status;

/// `GET /v1/about`.
pub(super) async fn about(Shared(site): Shared<Site>) -> Response {
    let logs: Vec<Value> = statuses(&site)
        .map(|(path, status)| {
            json!({
                "origin": status.origin,
                "size": status.signed.size.get(),
                "verdict": status.verdict.as_str(),
                "path": path,
            })
        })
        .collect();
    answer(&json!({
        "name": site.sender.name,
        "vkey": site.vkey,
        "watch_vkey": site.watch_vkey,
        "organisation": site.organisation,
        "jurisdiction": site.jurisdiction,
        "contact": site.contact,
        "url": site.sender.url,
        "software": concat!("plainsight-auditor/", env!("CARGO_PKG_VERSION")),
        "cosignature": MEANING,
        "logs": logs,
    }))
}

/// What a cosignature of an auditor states.
pub(crate) const MEANING: &str = "consistent with every head cosigned before, complete, replayed from the first \
                       entry, and no rule broken, or each break acknowledged in public";

fn statuses(site: &Site) -> impl Iterator<Item = (String, Status)> {
    site.desks
        .values()
        .map(|desk| (desk.log.origin.origin_hash(), desk.status.borrow().clone()))
}
