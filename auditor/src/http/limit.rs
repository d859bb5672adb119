//! How much one client may ask, and how much all may ask at once. In bounded memory, whoever
//! comes from however many addresses.
//!
//! Only POST requests count: they are checked against signatures or make this auditor ask others.
//! Out of scope: reads, which are static and for a cache in front to bear.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use plainsight_door::{Bounds, Clients};
use plainsight_specs::witness::MAX_BODY_BYTES;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::Problem;

/// Clients that are remembered of one generation; of two at most.
const MAX_CLIENTS: usize = 8192;
/// POST requests that are answered at once, counted when all of their body is there.
const MAX_AT_ONCE: usize = 256;
/// POST requests of one client at once, on their way or being answered.
const MAX_OF_CLIENT: usize = 32;
/// How long a body may take to arrive at the most.
const BODY: Duration = Duration::from_secs(5);
/// How long anything may take, the wait for a body and for an answer included.
const WHOLE: Duration = Duration::from_secs(30);

/// How much one client may ask, as written in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitConfig {
    /// POST requests of one client in a minute, in the long run; 0 for no bound.
    pub posts_per_minute: u32,
    /// How many of them may come at once.
    pub posts_burst: u32,
    /// Whether a reverse proxy stands before this auditor, which puts the client's address last
    /// into `X-Forwarded-For`. Wrongly true, clients can call themselves anything; wrongly false,
    /// they are all one.
    pub behind_proxy: bool,
    /// Connections at once; who comes above that waits to be accepted.
    pub connections: usize,
    /// Connections of one client at once; 0 for no bound. Not behind a proxy, which is many clients. Of
    /// its POST requests 32 are answered at once in any case.
    pub connections_per_client: usize,
    /// How long a connection may say nothing, its next request's head or the body of a POST may
    /// take, or nothing of an answer may be taken, in milliseconds.
    pub head_ms: u64,
}

impl Default for LimitConfig {
    /// A log that publishes four times a second asks 240 times a minute.
    fn default() -> Self {
        Self {
            posts_per_minute: 1200,
            posts_burst: 300,
            behind_proxy: false,
            connections: 1024,
            connections_per_client: 128,
            head_ms: 20_000,
        }
    }
}

impl LimitConfig {
    fn patience(&self) -> Duration {
        Duration::from_millis(self.head_ms.max(1))
    }

    /// What the door of this auditor keeps to.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            connections: self.connections.max(1),
            per_client: if self.behind_proxy {
                0
            } else {
                self.connections_per_client
            },
            head: self.patience(),
            stall: self.patience(),
        }
    }
}

/// The state of the limits.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    config: LimitConfig,
    buckets: Arc<Mutex<Buckets>>,
    at_once: Arc<Semaphore>,
    posting: Arc<Clients>,
    began: Instant,
}

impl Limits {
    pub(crate) fn new(config: LimitConfig) -> Self {
        Self {
            config,
            buckets: Arc::new(Mutex::new(Buckets::default())),
            at_once: Arc::new(Semaphore::new(MAX_AT_ONCE)),
            // However many connections it may have.
            posting: Arc::new(Clients::new(MAX_OF_CLIENT)),
            began: Instant::now(),
        }
    }

    /// Where a request comes from, as far as limits go.
    pub(crate) fn client(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        client(&self.config, peer, headers)
    }

    fn take(&self, client: IpAddr) -> Result<(), u64> {
        if self.config.posts_per_minute == 0 {
            return Ok(());
        }
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let rate = Rate {
            per_minute: u64::from(self.config.posts_per_minute),
            burst: u64::from(self.config.posts_burst.max(1)),
        };
        // Nobody panics while holding it; were one to, numbers are still numbers.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(client, now_ms, rate)
    }
}

/// Lets a request pass, or tells its client when to come back.
pub(crate) async fn limit(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let connected = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let connected = connected.map(|ConnectInfo(address)| *address);
    let mut place = None;
    if let Some(client) = client(&limits.config, connected, request.headers()) {
        if let Err(seconds) = limits.take(client) {
            let problem = Problem::too_many("wait a little, as long as Retry-After says");
            return refusal(problem, seconds);
        }
        place = limits.posting.enter(client);
        if place.is_none() {
            let problem = Problem::too_many("this client has too many requests at once");
            return refusal(problem, 1);
        }
    }
    // Whoever sends slowly keeps nobody from being answered.
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(BODY.min(limits.config.patience()), arrived(body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(problem)) => return problem.into_response(),
        Err(_) => return Problem::too_slow().into_response(),
    };
    let Ok(_permit) = limits.at_once.try_acquire() else {
        return refusal(Problem::busy("too many requests are being answered"), 1);
    };
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    drop(place);
    answer
}

/// The whole body, or why it is refused.
async fn arrived(body: Body) -> Result<Vec<u8>, Problem> {
    let mut whole = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::malformed("the body broke off"))?;
        if chunk.len() > MAX_BODY_BYTES - whole.len() {
            return Err(Problem::too_long(MAX_BODY_BYTES));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

fn refusal(problem: Problem, seconds: u64) -> Response {
    // SPEC(WIT-8)
    let mut response = problem.into_response();
    let seconds = HeaderValue::from(seconds);
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

/// Whatever takes longer than anything here may is told to come back.
pub(crate) async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(WHOLE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::busy("this took too long").into_response(),
    }
}

/// Where a request comes from: one IPv4 address, or one IPv6 network of 64 bits, which is what one
/// customer has.
fn client(config: &LimitConfig, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
    let address = peer.map(|address| address.ip().to_canonical());
    let forwarded = config.behind_proxy.then(|| forwarded(headers));
    forwarded
        .flatten()
        .or(address)
        .map(|address| match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from(network))
            }
        })
}

fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    let last = last.to_str().ok()?.rsplit(',').next()?;
    last.trim()
        .parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}

#[derive(Debug, Clone, Copy)]
struct Rate {
    per_minute: u64,
    burst: u64,
}

/// One client's: full at first, one less with each request, filled again with time. In units of a
/// minute's millisecond share, so that no fraction is lost.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: u64,
    at_ms: u64,
}

/// What one request takes.
const REQUEST: u64 = 60_000;

/// Two generations of clients: when the young one is full it becomes the old one, and who did not
/// come since is forgotten, which is no worse than a full bucket.
#[derive(Debug, Default)]
struct Buckets {
    young: HashMap<IpAddr, Bucket>,
    old: HashMap<IpAddr, Bucket>,
}

impl Buckets {
    /// Takes one request, or gives the seconds until there is one.
    fn take(&mut self, client: IpAddr, now_ms: u64, rate: Rate) -> Result<(), u64> {
        let full = rate.burst.saturating_mul(REQUEST);
        let known = self
            .young
            .remove(&client)
            .or_else(|| self.old.remove(&client));
        let mut bucket = known.unwrap_or(Bucket {
            level: full,
            at_ms: now_ms,
        });
        let passed = now_ms.saturating_sub(bucket.at_ms);
        let gained = passed.saturating_mul(rate.per_minute);
        bucket.level = bucket.level.saturating_add(gained).min(full);
        bucket.at_ms = now_ms;
        let taken = bucket.level.checked_sub(REQUEST);
        bucket.level = taken.unwrap_or(bucket.level);
        let missing = REQUEST.saturating_sub(bucket.level);
        if self.young.len() >= MAX_CLIENTS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(client, bucket);
        match taken {
            Some(_) => Ok(()),
            None => Err(missing
                .div_ceil(rate.per_minute.max(1))
                .div_ceil(1000)
                .max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_minute: 60,
        burst: 3,
    };

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn a_burst_passes_then_one_a_second() {
        let mut buckets = Buckets::default();
        for _ in 0..3 {
            assert_eq!(buckets.take(address(1), 0, RATE), Ok(()));
        }
        assert_eq!(buckets.take(address(1), 0, RATE), Err(1));
        assert_eq!(buckets.take(address(2), 0, RATE), Ok(()), "not another's");
        assert_eq!(buckets.take(address(1), 999, RATE), Err(1));
        assert_eq!(buckets.take(address(1), 1000, RATE), Ok(()));
        assert_eq!(buckets.take(address(1), 1000, RATE), Err(1));
        // However long nobody came, a burst is a burst.
        for _ in 0..3 {
            assert_eq!(buckets.take(address(1), u64::MAX, RATE), Ok(()));
        }
        assert!(buckets.take(address(1), u64::MAX, RATE).is_err());
    }

    #[test]
    fn says_how_long_to_wait() {
        let mut buckets = Buckets::default();
        let slow = Rate {
            per_minute: 1,
            burst: 1,
        };
        assert_eq!(buckets.take(address(1), 0, slow), Ok(()));
        assert_eq!(buckets.take(address(1), 0, slow), Err(60));
        assert_eq!(buckets.take(address(1), 30_000, slow), Err(30));
        assert_eq!(buckets.take(address(1), 60_000, slow), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_a_busy_client_is_not_forgotten() {
        let mut buckets = Buckets::default();
        for _ in 0..3 {
            assert_eq!(buckets.take(address(0), 0, RATE), Ok(()));
        }
        for n in 1..100_000 {
            assert_eq!(buckets.take(address(n), 0, RATE), Ok(()));
            if n % 1000 == 0 {
                assert!(buckets.take(address(0), 0, RATE).is_err());
            }
        }
        assert!(buckets.young.len() + buckets.old.len() <= 2 * MAX_CLIENTS);
    }

    #[test]
    fn a_client_is_an_address_or_a_network() {
        let direct = LimitConfig::default();
        let proxied = LimitConfig {
            behind_proxy: true,
            ..direct
        };
        let of = |config: &LimitConfig, connected: &str, forwarded: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(forwarded) = forwarded {
                headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            }
            let peer = connected.parse().unwrap();
            client(config, Some(peer), &headers).unwrap().to_string()
        };
        assert_eq!(of(&direct, "192.0.2.1:5", Some("192.0.2.9")), "192.0.2.1");
        assert_eq!(of(&proxied, "192.0.2.1:5", Some("192.0.2.9")), "192.0.2.9");
        assert_eq!(
            of(&proxied, "192.0.2.1:5", Some("10.0.0.1, 192.0.2.8")),
            "192.0.2.8",
            "what the client wrote itself comes first"
        );
        assert_eq!(of(&proxied, "192.0.2.1:5", Some("me")), "192.0.2.1");
        assert_eq!(of(&direct, "[2001:db8::1:2:3:4]:5", None), "2001:db8::");
        assert_eq!(of(&direct, "[::ffff:192.0.2.1]:5", None), "192.0.2.1");
    }
}
