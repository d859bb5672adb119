//! The mirror of each log in the paths of C2SP tlog-tiles, with our own cosignature.

use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::hash::Hash;
use plainsight_specs::tile::{TILE_WIDTH, TileKind, TilePath, bundle_to_bytes};

use super::{Problem, Site};
use crate::desk::Handle;
use crate::store::Store;

/// Tiles never change, except that a partial one may give way to the full one.
const IMMUTABLE: &str = "public, max-age=604800, immutable";

pub(super) async fn checkpoint(
    Shared(site): Shared<Site>,
    Path(hash): Path<String>,
) -> Result<Response, Problem> {
    let desk = find(&site, &hash)?;
    let row = site.store.log(&desk.log.origin, &desk.log.keys).await;
    let row = row.map_err(|error| Problem::internal(&error))?;
    let Some(note) = row.signed_note else {
        return Err(Problem::not_found("nothing of this log is cosigned yet"));
    };
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((StatusCode::OK, headers, note).into_response())
}

pub(super) async fn tile(
    Shared(site): Shared<Site>,
    Path((hash, rest)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let desk = find(&site, &hash)?;
    let path = TilePath::parse(&format!("tile/{rest}"))
        .map_err(|error| Problem::not_found(error.to_string()))?;
    let found = match path.kind() {
        TileKind::Hashes { level } => hashes(&site.store, desk, level, &path).await,
        TileKind::Entries => entries(&site.store, desk, &path).await,
    }?;
    let Some(bytes) = found else {
        return Err(Problem::not_found("no such tile is held"));
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, IMMUTABLE),
    ];
    Ok((StatusCode::OK, headers, bytes).into_response())
}

fn find<'s>(site: &'s Site, hash: &str) -> Result<&'s Handle, Problem> {
    site.desk_by_hash(hash)
        .ok_or_else(|| Problem::not_found("this log is not followed here"))
}

async fn hashes(
    store: &Store,
    desk: &Handle,
    level: u8,
    path: &TilePath,
) -> Result<Option<Vec<u8>>, Problem> {
    let held = store.tile(desk.id, level, path.index()).await;
    let held = held.map_err(|error| Problem::internal(&error))?;
    let length = usize::from(path.width()) * Hash::LEN;
    Ok(held.filter(|held| held.len() >= length).map(|mut held| {
        held.truncate(length);
        held
    }))
}

async fn entries(
    store: &Store,
    desk: &Handle,
    path: &TilePath,
) -> Result<Option<Vec<u8>>, Problem> {
    let Some(first) = path.index().checked_mul(u64::from(TILE_WIDTH)) else {
        return Ok(None);
    };
    let range = first..first.saturating_add(u64::from(path.width()));
    let held = store.entries(desk.id, range).await;
    let held = held.map_err(|error| Problem::internal(&error))?;
    if held.len() != usize::from(path.width()) {
        return Ok(None);
    }
    let bundle = bundle_to_bytes(&held).map_err(|error| Problem::internal(&error))?;
    Ok(Some(bundle))
}
