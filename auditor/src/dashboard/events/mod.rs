//! `GET /v1/events`: what happens, as server-sent events, so that a page that is open need not ask.
//!
//! Each event is one JSON object in one `data` line, of the default type `message`:
//!
//! | member | is |
//! |---|---|
//! | `kind` | `head` (a log's newest head is downloaded and verified), `cosignature` (this auditor cosigned it), `verdict` (how a log does, in one word, changed), `peer` (how another auditor's head fits changed), `alert` (raised, acknowledged or ended), `evidence`, `release` (a yank too), `protection` (a canary too), `keys` (a publisher's role has new keys), `node` (this auditor's own health), `reset` |
//! | `log` | the log's origin; absent if it is about no one log |
//! | `path` | the page that shows it |
//! | `text` | one sentence for people |
//! | `tone` | `good`, `quiet`, `unknown`, `warn` or `bad` |
//! | `time` | when it was noticed, `YYYY-MM-DDTHH:MM:SSZ` |
//! | `size` | of the head, for `head` and `cosignature` |
//! | `id` | the alert's or the evidence's, for those |
//!
//! Expect new kinds and members. Every event has an id; a listener that comes back with it, in
//! `Last-Event-ID` or as `?after=`, gets what it missed. `reset` says that it missed more than is
//! remembered ([`REMEMBERED`] events, since the auditor started): everything shown is to be read
//! anew. A comment comes every [`HEARTBEAT`], so that silence means a broken line. There are at most
//! [`MAX_LISTENERS`] listeners, and [`MAX_PER_ADDRESS`] of one address; one more is told 503 or 429.

mod herald;
mod hub;
mod seats;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::http::{Problem, Site};

pub(crate) use herald::Herald;
use hub::Kept;
pub(crate) use hub::{Happening, Hub, Kind};
use seats::Full;

/// Events that are remembered for listeners that come back.
pub(crate) const REMEMBERED: usize = 512;
/// How often a line without news is sent.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
/// Listeners in all.
pub(crate) const MAX_LISTENERS: usize = 1024;
/// Listeners of one address.
pub(crate) const MAX_PER_ADDRESS: usize = 16;
/// After how long a listener that lost its line is asked to come back, in milliseconds.
const RETRY: Duration = Duration::from_secs(2);

/// From where on a listener wants to hear, for one that cannot set a header.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct After {
    after: Option<String>,
}

/// `GET /v1/events`.
pub(super) async fn stream(
    State(site): State<Site>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> Response {
    let hub = &site.dashboard.events;
    let address = site.limits.client(Some(peer), &headers);
    let seat = match hub.seats().take(address) {
        Ok(seat) => seat,
        Err(Full::All) => return Problem::busy("too many listen already").into_response(),
        Err(Full::Address) => {
            return Problem::too_many("too many listen from this address").into_response();
        }
    };
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .map(str::to_owned)
        .or(query.after);
    let listener = hub.listen(last.as_deref());
    let events = futures::stream::unfold((listener, seat), |(mut listener, seat)| async move {
        let kept = listener.next().await?;
        Some((Ok::<_, Infallible>(event(&kept)), (listener, seat)))
    });
    let keep = KeepAlive::new().interval(HEARTBEAT).text("nothing new");
    let mut response = Sse::new(events).keep_alive(keep).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather an answer before they pass it on are asked not to.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    headers.insert(unbuffered, HeaderValue::from_static("no"));
    response
}

fn event(kept: &Kept) -> Event {
    Event::default().id(&kept.id).retry(RETRY).data(&kept.data)
}
