//! One file a page, and the addresses of all of them.

mod about;
mod advice;
mod alerts;
mod auditors;
mod changes;
mod entries;
pub(super) mod error;
mod evidence;
mod headline;
mod heads;
mod history;
mod inspect;
mod log_form;
mod logs;
mod overview;
mod protections;
mod quorum;
mod rebuilt;
mod releases;
mod search;
mod status;
mod words;

use axum::Router;
use axum::routing::get;

use super::page;
use crate::desk::Handle;
use crate::http::Site;
use crate::peers::Peer;

pub(super) use alerts::found_break;
pub(super) use evidence::Findings;
pub(super) use log_form::{Added, Field, LogForm, Wrong};
pub(super) use logs::with as logs_with;
pub(super) use words::{head_tone, severity_tone, verdict_of};

/// All pages.
pub(super) fn add(router: Router<Site>) -> Router<Site> {
    let router = router
        .route("/search", get(search::search))
        .route("/search.json", get(search::search));
    let router = page(router, "/", overview::draw);
    let router = page(router, "/logs", logs::list);
    let router = page(router, "/logs/{hash}", logs::one);
    let router = page(router, "/logs/{hash}/entries", entries::list);
    let router = page(router, "/logs/{hash}/entries/{position}", entries::one);
    let router = page(router, "/alerts", alerts::list);
    let router = page(router, "/alerts/{id}", alerts::one);
    let router = page(router, "/evidence/{id}", evidence::draw);
    let router = page(router, "/heads", heads::list);
    let router = page(router, "/heads/{hash}/{peer}", heads::one);
    let router = page(router, "/quorum", quorum::draw);
    let router = page(router, "/releases", releases::list);
    let router = page(router, "/releases/{hash}", releases::one);
    let router = page(router, "/protections", protections::draw);
    let router = page(router, "/auditors", auditors::draw);
    let router = page(router, "/status", status::draw);
    let router = page(router, "/verify", inspect::verify);
    let router = page(router, "/lookup", inspect::lookup);
    let router = page(router, "/me", inspect::me);
    let router = page(router, "/words", about::words);
    page(router, "/about", about::draw)
}

/// The page of a log.
pub(super) fn log_path(desk: &Handle) -> String {
    format!("/logs/{}", desk.log.origin.origin_hash())
}

/// The page of an entry.
pub(super) fn entry_path(desk: &Handle, position: u64) -> String {
    format!("{}/entries/{position}", log_path(desk))
}

/// The page of what a peer shows of a log.
pub(super) fn cell_path(desk: &Handle, peer: &Peer) -> String {
    format!(
        "/heads/{}/{}",
        desk.log.origin.origin_hash(),
        peer_id(&peer.key.to_string())
    )
}

/// How an auditor is called in addresses: by its key.
pub(super) fn peer_id(vkey: &str) -> String {
    let hash = plainsight_specs::hash::sha256(vkey.as_bytes()).to_hex();
    hash.chars().take(16).collect()
}

/// The page of an alert.
pub(super) fn alert_path(id: &str) -> String {
    format!("/alerts/{id}")
}

/// The page of an evidence file.
pub(super) fn evidence_path(id: &str) -> String {
    format!("/evidence/{id}")
}
