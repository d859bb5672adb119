//! The door of a server: a bounded number of connections, of which one client has a bounded part,
//! each with a bounded time to say what it wants and to take what it is given. So slow, idle or many
//! peers do not keep others out.
//!
//! The log server and the auditor both stand behind it. Out of scope: TLS, which a proxy in front
//! terminates; HTTP/2; how often somebody may ask.

mod clients;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

pub use clients::{Clients, Entered};

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The pause after the system refused to accept, as when it has no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// How many connections there may be, and how long each may keep the server waiting.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at once; who comes above that waits to be accepted.
    pub connections: usize,
    /// Connections of one IPv4 address, or of one IPv6 network of 64 bits; who comes above that is
    /// turned away. 0 is no bound, for a server behind a proxy.
    pub per_client: usize,
    /// How long a connection may say nothing, or its next request's head may take.
    pub head: Duration,
    /// How long it may take nothing of an answer.
    pub stall: Duration,
}

/// Serves until `stop` is set, and then until the open requests are answered. Each request knows its
/// peer by [`ConnectInfo`]. Peers for which `is_proxy` holds are many clients and are not counted.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    is_proxy: impl Fn(SocketAddr) -> bool,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let clients = Arc::new(Clients::new(bounds.per_client));
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let accepted = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = stopped(&mut stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let counted = (!is_proxy(peer)).then(|| clients.enter(peer.ip()));
                if matches!(counted, Some(None)) {
                    // Closed at once: whoever has that many knows how to ask again.
                    continue;
                }
                let connection = connection(stream, peer, router.clone(), bounds, stop.clone());
                open.spawn(async move {
                    connection.await;
                    drop((place, counted));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the server was dropped.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    bounds: Bounds,
    mut stop: watch::Receiver<bool>,
) {
    // An answer is one write; waiting to fill a segment only delays it.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(bounds.stall));
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = &mut connection => served,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}
