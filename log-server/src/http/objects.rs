//! The public objects: C2SP tlog-tiles.
//!
//! Tiles and bundles up to the largest *signed* size, since auditors read them before they
//! cosign; the checkpoint is the newest *published* one.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use plainsight_specs::tile::{TileKind, TilePath};

use super::ApiError;
use crate::shared::Shared;

pub(super) async fn checkpoint(State(shared): State<Arc<Shared>>) -> Result<Response, ApiError> {
    let head = shared.view.head().ok_or(ApiError::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, head.note.clone()).into_response())
}

pub(super) async fn tile(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<String>,
) -> Result<Response, ApiError> {
    let path = TilePath::parse(&format!("tile/{path}")).map_err(|_| ApiError::NotFound)?;
    let end = end(&path).ok_or(ApiError::NotFound)?;
    if end > u128::from(shared.signed_size()) {
        return Err(ApiError::NotFound);
    }
    let bytes = shared.source.objects.get(&path).await;
    let bytes = bytes.map_err(crate::source::SourceError::from)?;
    let bytes = bytes.ok_or(ApiError::NotFound)?;
    let is_published = end <= u128::from(shared.published.borrow().get());
    let caching = if is_published {
        "public, max-age=604800, immutable"
    } else {
        "no-store"
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, caching),
    ];
    Ok((headers, bytes).into_response())
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
