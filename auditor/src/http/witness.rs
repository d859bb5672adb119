//! `POST /add-checkpoint` of C2SP tlog-witness, in the words and statuses of its text.

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::Blame;
use plainsight_specs::checkpoint::CheckpointError;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::witness::{
    AddCheckpoint, SIZE_MEDIA_TYPE, cosignature_lines_to_bytes, size_to_bytes,
};
use tokio::sync::oneshot;

use super::{PATIENCE, Site};
use crate::audit::Answer;
use crate::desk::{Command, Handle, Reply};

pub(super) const TEXT: &str = "text/plain; charset=utf-8";

pub(super) async fn add_checkpoint(Shared(site): Shared<Site>, body: Bytes) -> Response {
    let request = match AddCheckpoint::parse(&body) {
        Ok(request) => request,
        Err(error) => return plain(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let origin = request.checkpoint.origin().clone();
    let Some(desk) = site.desk(origin.as_str()) else {
        return plain(StatusCode::NOT_FOUND, "this log is not followed here");
    };
    let signed = request.checkpoint.verify_log(&desk.log.keys);
    let checkpoint = match signed {
        Ok(checkpoint) => checkpoint,
        Err(CheckpointError::EmptyTreeRoot) => return empty_tree(desk, request.old),
        Err(error) if error.blame() == Blame::Unproven => {
            return plain(StatusCode::FORBIDDEN, &error.to_string());
        }
        Err(error) => return plain(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    // SPEC(WIT-16)
    if let Err(error) = desk.hear(&checkpoint).await {
        tracing::error!(%origin, %error, "a signed head was not kept");
        return refused(&Answer::Later("this auditor has a problem"));
    }
    let (reply, answer) = oneshot::channel();
    let command = Command::AddCheckpoint {
        old: request.old,
        proof: request.proof,
        checkpoint,
        reply,
    };
    if desk.inbox.try_send(command).is_err() {
        return refused(&Answer::Later("too many requests wait for this log"));
    }
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(Reply::Cosigned(line))) => {
            let body = cosignature_lines_to_bytes(&[line]);
            (StatusCode::OK, [(header::CONTENT_TYPE, TEXT)], body).into_response()
        }
        Ok(Ok(Reply::Refused(answer))) => refused(&answer),
        // Dropped: the desk is being opened again.
        Ok(Err(_)) => refused(&Answer::Later("not ready")),
        Err(_) => refused(&Answer::Later("this head is still being replayed")),
    }
}

/// A signed head of no entries with a root that is not the empty tree's: the checks on the old
/// size come before the one on the root.
fn empty_tree(desk: &Handle, old: TreeSize) -> Response {
    let signed = desk.status.borrow().signed.size;
    if old > TreeSize::ZERO {
        refused(&Answer::Malformed("the old size is above the checkpoint's"))
    } else if signed > TreeSize::ZERO {
        refused(&Answer::OtherSize(signed))
    } else {
        let root = CheckpointError::EmptyTreeRoot.to_string();
        refused(&Answer::BadProof(root))
    }
}

pub(super) fn refused(answer: &Answer) -> Response {
    match answer {
        Answer::Malformed(text) => plain(StatusCode::BAD_REQUEST, text),
        Answer::OtherSize(size) => {
            let headers = [(header::CONTENT_TYPE, SIZE_MEDIA_TYPE)];
            (StatusCode::CONFLICT, headers, size_to_bytes(*size)).into_response()
        }
        Answer::BadProof(text) => plain(StatusCode::UNPROCESSABLE_ENTITY, text),
        Answer::Broken(found) => plain(StatusCode::UNPROCESSABLE_ENTITY, &found.to_string()),
        Answer::Unfit(text) => plain(StatusCode::UNPROCESSABLE_ENTITY, text),
        Answer::Later(text) => {
            let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
            let seconds = header::HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
            response
        }
    }
}

pub(super) fn plain(status: StatusCode, text: &str) -> Response {
    (status, [(header::CONTENT_TYPE, TEXT)], format!("{text}\n")).into_response()
}
