//! `GET /v1/heads`: what others show of each log, and how it fits what is held here.

use axum::extract::State as Shared;
use axum::response::Response;
use plainsight_specs::merkle::TreeHead;
use serde_json::{Value, json};

use super::read::{answer, time};
use super::{Problem, Site};
use crate::desk::Handle;
use crate::peers::{PeerView, ShownHead};
use crate::store::StoreError;

pub(super) async fn heads(Shared(site): Shared<Site>) -> Result<Response, Problem> {
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
    let kept = site.store.shown(desk.id).await?;
    let readers = kept.iter().filter(|shown| shown.source.is_empty());
    Ok(json!({
        "origin": status.origin,
        "own": head(status.mirrored, row.mirrored.as_deref()),
        "peers": status.peers.iter().map(of_peer).collect::<Vec<_>>(),
        "readers": readers.map(of_shown).collect::<Vec<_>>(),
    }))
}

fn of_peer(view: &PeerView) -> Value {
    let mut value = match &view.shown {
        Some(shown) => of_shown(shown),
        None => json!({}),
    };
    if let Some(members) = value.as_object_mut() {
        members.insert("name".into(), json!(view.peer.key.name().as_str()));
        members.insert("vkey".into(), json!(view.peer.key.to_string()));
        members.insert("url".into(), json!(view.peer.url.as_str()));
        members.insert("verdict".into(), json!(view.verdict.as_str()));
        members.insert("detail".into(), json!(view.detail));
    }
    value
}

fn of_shown(shown: &ShownHead) -> Value {
    let mut value = json!({
        "verdict": shown.verdict.as_str(),
        "detail": shown.detail,
        "head": head(shown.head, Some(&shown.note)),
        "against": head(shown.own, None),
        "compared": time(shown.time),
    });
    if let (Some(members), Some(id)) = (value.as_object_mut(), &shown.evidence) {
        members.insert("evidence".into(), json!(id));
    }
    value
}

fn head(head: TreeHead, note: Option<&[u8]>) -> Value {
    let mut value = json!({
        "size": head.size.get(),
        "root": head.root.to_base64(),
    });
    // Every note that is kept was text when it was verified.
    let note = note.and_then(|note| std::str::from_utf8(note).ok());
    if let (Some(members), Some(note)) = (value.as_object_mut(), note) {
        members.insert("checkpoint".into(), json!(note));
    }
    value
}
