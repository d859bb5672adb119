//! Peers that take room and say, or take, nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use plainsight_door::{Bounds, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};

/// Larger than what two sockets buffer.
const LARGE: usize = 64 << 20;
const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(30);

const BOUNDS: Bounds = Bounds {
    connections: 6,
    per_client: 3,
    head: Duration::from_mins(1),
    stall: Duration::from_mins(1),
};

/// A server, and what ends it.
async fn open(
    router: Router,
    bounds: Bounds,
    is_proxy: impl Fn(SocketAddr) -> bool + Send + 'static,
) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(serve(listener, router, bounds, is_proxy, stopped));
    (address, stop)
}

fn greeter() -> Router {
    let greet = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() };
    Router::new().route("/", get(greet))
}

async fn from(client: &str, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{client}:0").parse().unwrap()).unwrap();
    socket.connect(server).await.unwrap()
}

/// Asks, and reads what there is to read until the answer holds `end` or the connection ends.
async fn answer(stream: &mut TcpStream, end: &str) -> String {
    // A connection that is closed already may refuse it.
    let _ = stream.write_all(ASK).await;
    let mut read = Vec::new();
    let reading = async {
        loop {
            let mut piece = [0; 1024];
            let count = stream.read(&mut piece).await.unwrap_or(0);
            read.extend_from_slice(&piece[..count]);
            if count == 0 || String::from_utf8_lossy(&read).ends_with(end) {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn one_client_cannot_take_the_places_of_others() {
    let (server, _stop) = open(greeter(), BOUNDS, |_| false).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = from("127.0.0.1", server).await;
        assert!(
            answer(&mut stream, "127.0.0.1")
                .await
                .ends_with("127.0.0.1")
        );
        idle.push(stream);
    }
    for _ in 0..20 {
        let mut stream = from("127.0.0.1", server).await;
        assert_eq!(answer(&mut stream, "127.0.0.1").await, "");
    }
    let mut other = from("127.0.0.2", server).await;
    assert!(answer(&mut other, "127.0.0.2").await.ends_with("127.0.0.2"));
    // A place that is given back is there again.
    drop(idle.pop());
    let again = async {
        loop {
            let mut stream = from("127.0.0.1", server).await;
            if !answer(&mut stream, "127.0.0.1").await.is_empty() {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn a_proxy_is_many_clients() {
    let is_proxy = |peer: SocketAddr| peer.ip().to_string() == "127.0.0.1";
    let (server, _stop) = open(greeter(), BOUNDS, is_proxy).await;
    let mut all = Vec::new();
    for _ in 0..5 {
        let mut stream = from("127.0.0.1", server).await;
        assert!(
            answer(&mut stream, "127.0.0.1")
                .await
                .ends_with("127.0.0.1")
        );
        all.push(stream);
    }
}

#[tokio::test]
async fn who_says_nothing_and_who_takes_nothing_is_not_waited_for() {
    let bounds = Bounds {
        head: Duration::from_millis(200),
        stall: Duration::from_millis(200),
        ..BOUNDS
    };
    let (begun, mut begins) = mpsc::unbounded_channel();
    let large = move || {
        begun.send(()).unwrap();
        async { vec![7_u8; LARGE] }
    };
    let router = Router::new().route("/", get(large));
    let (server, _stop) = open(router, bounds, |_| false).await;
    // It says nothing.
    let mut silent = from("127.0.0.1", server).await;
    let ended = tokio::time::timeout(PATIENCE, silent.read(&mut [0; 16])).await;
    assert_eq!(ended.unwrap().unwrap_or(0), 0);
    // It drips the head of a request.
    let mut dripping = from("127.0.0.1", server).await;
    let dripped = async {
        while dripping.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, dripped).await.unwrap();
    // They ask for much and take nothing; as many as one client may, and then others get through.
    let mut takers = Vec::new();
    for _ in 0..3 {
        let mut stream = from("127.0.0.1", server).await;
        stream.write_all(ASK).await.unwrap();
        begins.recv().await.unwrap();
        takers.push(stream);
    }
    let next = async {
        loop {
            let mut stream = from("127.0.0.1", server).await;
            let _ = stream.write_all(ASK).await;
            if stream.read(&mut [0; 16]).await.unwrap_or(0) > 0 {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.unwrap();
}
