//! Watches over HTTP. Tokens and indexes travel in bodies, never in an address; of who asks nothing is
//! kept or logged.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, RawQuery, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::codec;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::watch::{
    Announcement, Bucket, RegisterAnswer, RegisterRequest, TokenRequest,
};
use serde_json::Value;

use super::read::ask;
use super::{Problem, Site};
use crate::clock;
use crate::desk::{Command, Handle};
use crate::store::KeptWatch;
use crate::watch::WatchRefusal;

/// `POST /v1/watch`.
pub(super) async fn register(
    Shared(site): Shared<Site>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    if !site.watches.config.enabled {
        return Err(Problem::not_found("this auditor takes no watches"));
    }
    let client = site.limits.client(Some(peer), &headers);
    let client = client.unwrap_or_else(|| peer.ip());
    if !site.watches.limits.take(client, clock::now_s()) {
        return Err(Problem::too_many(
            "too many registrations from this address",
        ));
    }
    let request =
        RegisterRequest::parse(&body).map_err(|error| Problem::malformed(error.to_string()))?;
    let Some(desk) = site.desk(request.origin.as_str()) else {
        return Err(Problem::not_found("this log is not followed here"));
    };
    let indexes = request.indexes.as_slice().to_vec();
    let found = ask(desk, |reply| Command::Index { indexes, reply }).await?;
    let proof = found.map_err(Problem::busy)?;
    let proof = Value::Object(proof.0).to_string();
    // Our own answer about indexes has the members of a registration that has not happened yet.
    let proof =
        RegisterAnswer::parse(proof.as_bytes()).map_err(|error| Problem::internal(&error))?;
    let answer = site
        .watches
        .register(desk.id, &request, proof)
        .await
        .map_err(|refusal| refused(&refusal))?;
    Ok(json(answer.to_json()))
}

/// `POST /v1/watch/report`.
pub(super) async fn report(Shared(site): Shared<Site>, body: Bytes) -> Result<Response, Problem> {
    let request =
        TokenRequest::parse(&body).map_err(|error| Problem::malformed(error.to_string()))?;
    let watch = site
        .watches
        .find(&request.token)
        .await
        .map_err(|refusal| refused(&refusal))?;
    newest(&site, &watch).await
}

/// `POST /v1/watch/announce`.
pub(super) async fn announce(Shared(site): Shared<Site>, body: Bytes) -> Result<Response, Problem> {
    let announcement =
        Announcement::parse(&body).map_err(|error| Problem::malformed(error.to_string()))?;
    let watch = site
        .watches
        .find(&announcement.token)
        .await
        .map_err(|refusal| refused(&refusal))?;
    site.watches
        .announce(&watch, &announcement)
        .await
        .map_err(|refusal| refused(&refusal))?;
    newest(&site, &watch).await
}

/// `POST /v1/watch/cancel`.
pub(super) async fn cancel(Shared(site): Shared<Site>, body: Bytes) -> Result<Response, Problem> {
    let request =
        TokenRequest::parse(&body).map_err(|error| Problem::malformed(error.to_string()))?;
    let watch = site
        .watches
        .find(&request.token)
        .await
        .map_err(|refusal| refused(&refusal))?;
    let done = site.watches.store.cancel_watch(&watch).await;
    done.map_err(|error| Problem::internal(&error))?;
    Ok(json(b"{}".to_vec()))
}

/// `GET /v1/inserted/<hash of the origin>/<bucket>?since=n`.
pub(super) async fn inserted(
    Shared(site): Shared<Site>,
    Path((hash, bucket)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let Some(desk) = site.desk_by_hash(&hash) else {
        return Err(Problem::not_found("this log is not followed here"));
    };
    let bucket = Bucket::parse(&bucket).map_err(|error| Problem::malformed(error.to_string()))?;
    let since = query
        .as_deref()
        .and_then(|query| query.strip_prefix("since="))
        .and_then(|size| codec::decimal(size).ok())
        .and_then(TreeSize::new)
        .ok_or_else(|| Problem::malformed("the one parameter is since, a size"))?;
    let note = site
        .watches
        .inserted(desk, bucket, since)
        .await
        .map_err(|refusal| refused(&refusal))?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((StatusCode::OK, headers, note).into_response())
}

async fn newest(site: &Site, watch: &KeptWatch) -> Result<Response, Problem> {
    let desk = desk_of(site, watch)?;
    let answer = site
        .watches
        .report(watch, desk)
        .await
        .map_err(|refusal| refused(&refusal))?;
    Ok(json(answer.to_json()))
}

fn desk_of<'s>(site: &'s Site, watch: &KeptWatch) -> Result<&'s Handle, Problem> {
    let mut desks = site.desks.values();
    desks
        .find(|desk| desk.id == watch.log)
        .ok_or_else(|| Problem::not_found("this log is no longer followed here"))
}

fn refused(refusal: &WatchRefusal) -> Problem {
    match refusal {
        WatchRefusal::Later(_) => Problem::busy(refusal.to_string()),
        WatchRefusal::Unknown | WatchRefusal::Off(_) => Problem::not_found(refusal.to_string()),
        WatchRefusal::NotWatched => Problem::malformed(refusal.to_string()),
        WatchRefusal::Late => Problem::conflict(refusal.to_string()),
        WatchRefusal::Store(_) | WatchRefusal::Note(_) => Problem::internal(refusal),
    }
}

fn json(body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::OK, headers, body).into_response()
}
