//! For people and for whoever restarts the process.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::shared::{Shared, Status};

const TEXT: [(header::HeaderName, &str); 2] = [
    (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
];

/// What this is and how to audit it.
pub(super) async fn page(State(shared): State<Arc<Shared>>) -> Response {
    let text = format!(
        "Plainsight log {origin}\n\
         \n\
         verifier key    {vkey}\n\
         published size  {size}\n\
         \n\
         To audit it, follow /checkpoint, /tile/<level>/<index> and /tile/entries/<index>\n\
         (C2SP tlog-tiles), hash the entries to the checkpoint's root, and replay each into an\n\
         index of your own. The genesis is entry 0, and /v1/genesis gives it with its proof.\n",
        origin = shared.origin,
        vkey = shared.vkey,
        size = *shared.published.borrow(),
    );
    (TEXT, text).into_response()
}

/// The process answers.
pub(super) async fn live() -> Response {
    (TEXT, "ok\n").into_response()
}

/// The log can be written and something is published.
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let text = match &*shared.status.borrow() {
        Status::Starting => "starting".to_owned(),
        Status::ReadOnly(why) => format!("read-only: {why}"),
        Status::Writing | Status::Following(_) if shared.published.borrow().get() == 0 => {
            "nothing is published".into()
        }
        Status::Following(holder) if holder.is_empty() => "no replica writes".into(),
        Status::Writing | Status::Following(_) => return (TEXT, "ok\n").into_response(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{text}\n")).into_response()
}
