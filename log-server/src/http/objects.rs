//! The public objects: C2SP tlog-tiles.
//!
//! Tiles and bundles up to the largest *signed* size, since auditors read them before they
//! cosign; the checkpoint is the newest *published* one. A cache keeps full tiles and bundles for
//! ever, but only below the published size: what is above it, no reader has a proof for. A partial
//! one may be removed once the full one exists; who then gets 404 asks for the full one.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::hash::sha256;
use plainsight_specs::tile::{TILE_WIDTH, TileKind, TilePath};

use super::{ApiError, schema};
use crate::shared::Shared;

/// A year, the longest that a cache is asked for.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Keep it, and ask each time whether it is still the one.
const ASK_AGAIN: &str = "no-cache";
/// It may never become public.
const KEEP_NOT: &str = "no-store";

/// The newest checkpoint that may be relied on.
#[utoipa::path(
    get, path = "/checkpoint", tag = "objects",
    responses(
        (status = 200, description = "C2SP tlog-checkpoint with its cosignatures",
            content_type = "text/plain; charset=utf-8", body = String),
        (status = 304, description = "It is the one named by If-None-Match"),
    ),
)]
pub(super) async fn checkpoint(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let head = shared.view.head().ok_or(ApiError::NotFound)?;
    let tag = format!("\"{}\"", &sha256(&head.note).to_hex()[..32]);
    if is_known(&headers, &tag) {
        return Ok(not_modified(&tag, ASK_AGAIN));
    }
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, ASK_AGAIN),
        (header::ETAG, &tag),
    ];
    Ok((headers, head.note.clone()).into_response())
}

/// A hash tile, `<level>/<index>`, or an entry bundle, `entries/<index>`; each may end in
/// `.p/<width>`.
#[utoipa::path(
    get, path = "/tile/{path}", tag = "objects",
    params(("path" = String, Path,
        description = "C2SP tlog-tiles, slashes included: 0/000, 1/x001/234.p/5, entries/000")),
    responses(
        (status = 200, description = "The bytes of a tile, or of a bundle: u16 length and entry, each",
            content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "It is the one named by If-None-Match"),
        (status = 404, description = "Never made, or partial and no longer kept: ask for the full one",
            content_type = "application/problem+json", body = schema::Problem),
    ),
)]
pub(super) async fn tile(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let path = TilePath::parse(&format!("tile/{path}")).map_err(|_| ApiError::NotFound)?;
    let end = end(&path).ok_or(ApiError::NotFound)?;
    if end > u128::from(shared.signed_size()) {
        // Another replica may have signed since, and the auditors that it asks ask here.
        shared.learn_signed().await?;
        if end > u128::from(shared.signed_size()) {
            return Err(ApiError::NotFound);
        }
    }
    let is_published = end <= u128::from(shared.published.borrow().get());
    let caching = match is_published {
        true if path.width() == TILE_WIDTH => FOR_EVER,
        true => ASK_AGAIN,
        false => KEEP_NOT,
    };
    // An object under a final name never changes, so its name is its tag.
    let tag = format!("\"{path}\"");
    if is_published && is_known(&headers, &tag) {
        return Ok(not_modified(&tag, caching));
    }
    let bytes = shared.source.objects.get(&path).await;
    let bytes = bytes.map_err(crate::source::SourceError::from)?;
    // SPEC(PUB-8)
    let bytes = bytes.ok_or(ApiError::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, caching),
    ];
    let mut response = (headers, bytes).into_response();
    if is_published {
        insert(&mut response, header::ETAG, &tag);
    }
    Ok(response)
}

/// The size from which on the tile exists: the end of the last entry that it covers.
fn end(path: &TilePath) -> Option<u128> {
    let level = match path.kind() {
        TileKind::Hashes { level } => u32::from(level),
        TileKind::Entries => 0,
    };
    let leaves = 256u128.checked_pow(level)?;
    let hashes = u128::from(path.index()) * 256 + u128::from(path.width());
    hashes.checked_mul(leaves)
}

/// Whether the asker names this tag, or any. Weak tags compare like strong ones (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|named| named == "*" || named.strip_prefix("W/").unwrap_or(named) == tag)
}

fn not_modified(tag: &str, caching: &'static str) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    insert(&mut response, header::ETAG, tag);
    insert(&mut response, header::CACHE_CONTROL, caching);
    response
}

fn insert(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
