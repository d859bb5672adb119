//! Whose request it is, for the limits. Kept nowhere else and never logged.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::ApiError;
use crate::config::Network;
use crate::limit::{Rate, subscriber};
use crate::shared::Shared;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The most hops that are looked at.
const MAX_HOPS: usize = 16;

/// Refuses a look-up of an address that has asked too much.
pub(super) async fn limited(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let limits = shared.limits();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let rate = Rate::new(limits.lookups_per_s, limits.lookup_burst);
    if let (Some(ConnectInfo(peer)), Some(rate)) = (peer, rate) {
        let asker = asker(peer.ip(), request.headers(), &limits.trusted_proxies);
        if let Some(subscriber) = asker.and_then(subscriber)
            && let Err(retry) = shared.lookups.spend(subscriber, 1, rate, Instant::now())
        {
            return ApiError::Limited {
                whose: "address",
                retry,
            }
            .into_response();
        }
    }
    next.run(request).await
}

/// The peer; or, if it is a trusted proxy, the last address of X-Forwarded-For that no trusted
/// proxy has. What stands before it, anybody may have written. `None` if a trusted proxy does not
/// say whom it speaks for.
fn asker(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| {
        let address = address.to_canonical();
        trusted.iter().any(|network| network.contains(address))
    };
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let lists: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
    let hops = lists
        .iter()
        .rev()
        .flat_map(|list| list.to_str().unwrap_or_default().rsplit(','));
    for hop in hops.take(MAX_HOPS) {
        match hop.trim().parse::<IpAddr>() {
            Ok(address) if is_trusted(&address) => {}
            Ok(address) => return Some(address),
            Err(_) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(peer: &str, forwarded: &[&str], trusted: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append(FORWARDED_FOR, list.parse().unwrap());
        }
        let trusted: Vec<_> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        asker(peer.parse().unwrap(), &headers, &trusted).map(|address| address.to_string())
    }

    #[test]
    fn nobody_is_believed_by_default() {
        let given = asked("192.0.2.1", &["198.51.100.9"], &[]);
        assert_eq!(given.as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_the_last_hop_only() {
        let trusted = ["10.0.0.0/8", "127.0.0.1"];
        for (forwarded, asker) in [
            (&["198.51.100.9"][..], Some("198.51.100.9")),
            (&["203.0.113.5, 198.51.100.9"], Some("198.51.100.9")),
            (
                &["203.0.113.5, 198.51.100.9, 10.1.2.3"],
                Some("198.51.100.9"),
            ),
            (
                &["203.0.113.5", "198.51.100.9, 10.0.0.1"],
                Some("198.51.100.9"),
            ),
            (&["203.0.113.5, unknown"], None),
            (&[], None),
        ] {
            let found = asked("10.0.0.1", forwarded, &trusted);
            assert_eq!(found.as_deref(), asker, "{forwarded:?}");
        }
        let mapped = asked("::ffff:10.0.0.1", &["2001:db8::1"], &trusted);
        assert_eq!(mapped.as_deref(), Some("2001:db8::1"));
    }
}
