//! What readers may ask: how the logs do, the evidence, the alerts, a head, an index.

use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::Blame;
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::evidence::Evidence;
use plainsight_specs::hash::Hash;
use plainsight_specs::index::IndexKey;
use plainsight_specs::json;
use plainsight_specs::time::Timestamp;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::sync::oneshot;

use super::{PATIENCE, Problem, Site};
use crate::desk::{Command, Handle, MAX_INDEXES};
use crate::plain::Plain;
use crate::store::{Kept, KeptBreak, StoreError};

/// Rows of a list.
const LIST: u32 = 1000;

/// `POST /v1/checkpoint`: a head that somebody was shown.
pub(super) async fn shown_checkpoint(
    Shared(site): Shared<Site>,
    body: Bytes,
) -> Result<Response, Problem> {
    let checkpoint = UnverifiedCheckpoint::parse(&body)
        .map_err(|error| Problem::malformed(error.to_string()))?;
    let Some(desk) = site.desk(checkpoint.origin().as_str()) else {
        return Ok(answer(&json!({
            "verdict": "unknown-log",
            "detail": "this log is not followed here",
        })));
    };
    let signed = checkpoint.verify_log(&desk.log.keys);
    let checkpoint = signed.map_err(|error| match error.blame() {
        Blame::Unproven => Problem::forbidden(error.to_string()),
        _ => Problem::malformed(error.to_string()),
    })?;
    // SPEC(WIT-16)
    let kept = desk.hear(&checkpoint).await;
    let kept = kept.map_err(|error| Problem::internal(&error))?;
    let opinion = ask(desk, |reply| Command::Shown { checkpoint, reply }).await?;
    if kept == Kept::NoRoom && opinion.verdict == "unproven" {
        return Err(Problem::busy(
            "this log signs more heads than it shows, and no more of them can be kept here; keep this \
             one, and show it again and to others",
        ));
    }
    let mut members = json!({ "verdict": opinion.verdict, "detail": opinion.detail });
    if let (Some(members), Some(id)) = (members.as_object_mut(), opinion.evidence) {
        members.insert("evidence".into(), Value::String(id));
    }
    Ok(answer(&members))
}

/// `POST /v1/index`: index proofs at the head cosigned last.
pub(super) async fn indexes(Shared(site): Shared<Site>, body: Bytes) -> Result<Response, Problem> {
    let malformed = |error: &dyn std::error::Error| Problem::malformed(error.to_string());
    let mut question = json::parse_object(&body).map_err(|error| malformed(&error))?;
    let origin = question
        .string("origin")
        .map_err(|error| malformed(&error))?;
    let listed = question
        .array("indexes", MAX_INDEXES)
        .map_err(|error| malformed(&error))?;
    question.finish().map_err(|error| malformed(&error))?;
    let mut indexes = Vec::with_capacity(listed.len());
    for index in listed {
        let text = index
            .into_string("indexes")
            .map_err(|error| malformed(&error))?;
        indexes.push(IndexKey::from_hex(&text).map_err(|error| malformed(&error))?);
    }
    let Some(desk) = site.desk(&origin) else {
        return Err(Problem::not_found("this log is not followed here"));
    };
    match ask(desk, |reply| Command::Index { indexes, reply }).await? {
        Ok(found) => Ok(answer(&Value::Object(found.0))),
        Err(reason) => Err(Problem::busy(reason)),
    }
}

pub(super) async fn ask<T>(
    desk: &Handle,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, Problem> {
    let (reply, answer) = oneshot::channel();
    if desk.inbox.try_send(command(reply)).is_err() {
        return Err(Problem::busy("too many requests wait for this log"));
    }
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        _ => Err(Problem::busy("no answer in time")),
    }
}

/// `GET /v1/logs`.
pub(super) async fn logs(Shared(site): Shared<Site>) -> Result<Response, Problem> {
    let mut logs = Vec::new();
    for desk in site.desks.values() {
        let log = of_log(&site, desk).await;
        logs.push(log.map_err(|error| Problem::internal(&error))?);
    }
    Ok(answer(&Value::Array(logs)))
}

async fn of_log(site: &Site, desk: &Handle) -> Result<Value, StoreError> {
    let status = desk.status.borrow().clone();
    let row = site.store.log(&desk.log.origin, &desk.log.keys).await?;
    let breaks = site.store.breaks(desk.id, LIST).await?;
    let evidence: Vec<&String> = breaks
        .iter()
        .filter_map(|kept| kept.evidence.as_ref())
        .collect();
    let mut log = json!({
        "origin": status.origin,
        "vkey": desk.log.key.to_string(),
        "vkeys": desk.log.keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "url": desk.log.url.as_str(),
        "path": desk.log.origin.origin_hash(),
        "size": status.mirrored.size.get(),
        "root": status.mirrored.root.to_base64(),
        "verdict": status.verdict.as_str(),
        "evidence": evidence,
        "breaks": breaks.iter().map(of_break).collect::<Vec<_>>(),
        "cosigned": {
            "size": status.signed.size.get(),
            "root": status.signed.root.to_base64(),
        },
    });
    let Some(members) = log.as_object_mut() else {
        return Ok(log);
    };
    if let Some(epoch_ms) = status.epoch_ms {
        members.insert("epoch_time".into(), time(epoch_ms / 1000));
    }
    if let Some(signed) = row.signed_time {
        members.insert("cosigned_time".into(), time(signed));
    }
    if let Some(open) = status.open {
        members.insert("rule".into(), json!(open.rule.as_str()));
        members.insert("position".into(), json!(open.at));
    }
    if let Some(detail) = status.detail {
        members.insert("detail".into(), json!(detail));
    }
    Ok(log)
}

fn of_break(kept: &KeptBreak) -> Value {
    let mut value = json!({
        "rule": kept.found.rule.as_str(),
        "position": kept.found.at,
        "meaning": kept.found.rule.meaning(),
        "seen": time(kept.seen),
    });
    if let Some(members) = value.as_object_mut() {
        let texts = [
            ("evidence", &kept.evidence),
            ("unproven", &kept.unproven),
            ("acknowledged", &kept.reason),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                members.insert(name.into(), json!(text));
            }
        }
    }
    value
}

/// `GET /v1/evidence`.
pub(super) async fn evidence_list(Shared(site): Shared<Site>) -> Result<Response, Problem> {
    let mut list = Vec::new();
    for desk in site.desks.values() {
        let breaks = site.store.breaks(desk.id, LIST).await;
        for kept in breaks.map_err(|error| Problem::internal(&error))? {
            if let Some(id) = &kept.evidence {
                list.push(json!({
                    "id": id,
                    "origin": desk.log.origin.as_str(),
                    "rule": kept.found.rule.as_str(),
                    "position": kept.found.at,
                    "seen": time(kept.seen),
                }));
            }
        }
    }
    for log in site.plain.iter().flat_map(Plain::logs) {
        let origin = log.origin.as_str();
        let kept = site.store.witnessed(origin).await;
        let kept = kept.map_err(|error| Problem::internal(&error))?;
        if let (Some(id), Some(seen)) = (&kept.evidence, kept.broken) {
            let file = Hash::from_hex(id).ok().and_then(|id| site.shelf.read(&id));
            let proven = file.and_then(|file| Evidence::parse(&file).ok());
            // Sizes are in the file. Peers that audit this log read it by its rule.
            list.push(json!({
                "id": id,
                "origin": origin,
                "rule": proven.map(|proven| proven.rule.as_str()),
                "position": Value::Null,
                "seen": time(seen),
            }));
        }
    }
    Ok(answer(&Value::Array(list)))
}

/// Bytes of a file that are in memory for one reader.
const PIECE: usize = 64 << 10;

/// `GET /v1/evidence/<hex>`: the bytes whose hash was asked for.
pub(super) async fn evidence(
    Shared(site): Shared<Site>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = Hash::from_hex(&id).map_err(|error| Problem::malformed(error.to_string()))?;
    // In pieces: a reader that takes its time holds a file open, and no more.
    let Ok(file) = tokio::fs::File::open(site.shelf.path(&id)).await else {
        return Err(Problem::not_found("no such evidence is kept"));
    };
    let pieces = futures::stream::try_unfold(file, async |mut file| {
        let mut piece = vec![0; PIECE];
        let count = file.read(&mut piece).await?;
        piece.truncate(count);
        Ok::<_, std::io::Error>((count > 0).then_some((piece, file)))
    });
    let body = Body::from_stream(pieces);
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=604800, immutable"),
    ];
    Ok((StatusCode::OK, headers, body).into_response())
}

pub(super) fn answer(value: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::OK, headers, value.to_string()).into_response()
}

pub(super) fn time(seconds: u64) -> Value {
    Timestamp::from_seconds(seconds).map_or(Value::Null, |time| json!(time.to_string()))
}
