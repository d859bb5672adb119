//! The plain witness's side of C2SP tlog-witness, under addresses of its own.

use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::Blame;
use plainsight_specs::checkpoint::CheckpointError;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::witness::{AddCheckpoint, cosignature_lines_to_bytes};
use serde_json::{Value, json};

use super::read::{answer, time};
use super::witness::{TEXT, plain as text, refused};
use super::{PATIENCE, Problem, Site};
use crate::audit::Answer;
use crate::plain::{Plain, PlainError};

/// `POST /witness/add-checkpoint`.
pub(super) async fn add_checkpoint(Shared(site): Shared<Site>, body: Bytes) -> Response {
    let Some(plain) = site.plain else {
        return text(StatusCode::NOT_FOUND, "there is no plain witness here");
    };
    let request = match AddCheckpoint::parse(&body) {
        Ok(request) => request,
        Err(error) => return text(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let Some(log) = plain.log(request.checkpoint.origin().as_str()) else {
        return text(StatusCode::NOT_FOUND, "this log is not witnessed here");
    };
    let old = request.old;
    let checkpoint = match request.checkpoint.verify_log_of(&log.origin, &log.keys) {
        Ok(checkpoint) => checkpoint,
        Err(CheckpointError::EmptyTreeRoot) => {
            return match plain.kept(log).await {
                Ok(kept) => refused(&empty_tree(kept.head.size, old)),
                Err(error) => failed(&error.into()),
            };
        }
        Err(error) if error.blame() == Blame::Unproven => {
            return text(StatusCode::FORBIDDEN, &error.to_string());
        }
        Err(error) => return text(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let added = plain.add(old, &request.proof, &checkpoint);
    match tokio::time::timeout(PATIENCE, added).await {
        Ok(Ok(Ok(line))) => {
            let body = cosignature_lines_to_bytes(&[line]);
            (StatusCode::OK, [(header::CONTENT_TYPE, TEXT)], body).into_response()
        }
        Ok(Ok(Err(answer))) => refused(&answer),
        Ok(Err(error)) => failed(&error),
        Err(_) => refused(&Answer::Later("no answer in time")),
    }
}

/// See the auditor's own: the checks on the old size come before the one on the root.
fn empty_tree(signed: TreeSize, old: TreeSize) -> Answer {
    if old > TreeSize::ZERO {
        Answer::Malformed("the old size is above the checkpoint's")
    } else if signed > TreeSize::ZERO {
        Answer::OtherSize(signed)
    } else {
        Answer::BadProof(CheckpointError::EmptyTreeRoot.to_string())
    }
}

fn failed(error: &PlainError) -> Response {
    tracing::error!(%error, "the plain witness could not answer");
    refused(&Answer::Later("this witness has a problem"))
}

/// `GET /witness/<origin hash>/checkpoint`: the latest head that it cosigned.
pub(super) async fn checkpoint(
    Shared(site): Shared<Site>,
    Path(hash): Path<String>,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("this log is not witnessed here");
    let plain = site.plain.ok_or_else(unknown)?;
    let log = plain.logs().find(|log| log.origin.origin_hash() == hash);
    let kept = plain.kept(log.ok_or_else(unknown)?).await;
    let kept = kept.map_err(|error| Problem::internal(&error))?;
    let Some(note) = kept.note else {
        return Err(Problem::not_found("nothing of this log is cosigned yet"));
    };
    let headers = [
        (header::CONTENT_TYPE, TEXT),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((StatusCode::OK, headers, note).into_response())
}

/// `GET /v1/witness`: who the plain witness is, and how its logs do.
pub(super) async fn witness(Shared(site): Shared<Site>) -> Result<Response, Problem> {
    let Some(plain) = site.plain else {
        return Err(Problem::not_found("there is no plain witness here"));
    };
    let logs = logs(&plain).await;
    let logs = logs.map_err(|error| Problem::internal(&error))?;
    Ok(answer(&json!({
        "vkey": plain.verifier_key().to_string(),
        "states": "consistent with all that it saw of the log before, and nothing about entries",
        "logs": logs,
    })))
}

async fn logs(plain: &Plain) -> Result<Vec<Value>, crate::store::StoreError> {
    let mut logs = Vec::new();
    for log in plain.logs() {
        let kept = plain.kept(log).await?;
        let verdict = match (&kept.broken, kept.rolled_back) {
            (Some(_), _) => "conflict",
            (None, true) => "stopped",
            (None, false) => "ok",
        };
        logs.push(json!({
            "origin": log.origin.as_str(),
            "vkeys": log.keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "path": format!("witness/{}", log.origin.origin_hash()),
            "verdict": verdict,
            "evidence": kept.evidence,
            "cosigned": {
                "size": kept.head.size.get(),
                "root": kept.head.root.to_base64(),
                "time": kept.time.map(time),
            },
        }));
    }
    Ok(logs)
}
