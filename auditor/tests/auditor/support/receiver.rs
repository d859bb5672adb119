//! A server that takes whatever is posted or read, or refuses it.

#![allow(unreachable_pub, reason = "each test file uses its own part")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Arrived {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Debug, Default)]
struct Inbox {
    arrived: Vec<Arrived>,
    refusing: u32,
}

#[derive(Debug, Clone)]
pub struct Receiver {
    inbox: Arc<Mutex<Inbox>>,
    pub url: String,
}

impl Receiver {
    pub async fn open() -> Self {
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(inbox.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { inbox, url }
    }

    /// Refuses the next requests.
    pub fn refuse(&self, number: u32) {
        self.inbox.lock().unwrap().refusing = number;
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.inbox.lock().unwrap().arrived.clone()
    }

    /// Waits until as many requests as wanted have arrived.
    pub async fn wait(&self, wanted: impl Fn(&[Arrived]) -> bool) -> Vec<Arrived> {
        for _ in 0..1200 {
            let arrived = self.arrived();
            if wanted(&arrived) {
                return arrived;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("waited in vain: {:#?}", self.arrived());
    }
}

async fn take(
    State(inbox): State<Arc<Mutex<Inbox>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut inbox = inbox.lock().unwrap();
    inbox.arrived.push(Arrived {
        method: method.to_string(),
        path: uri.path().into(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    if inbox.refusing > 0 {
        inbox.refusing -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::OK
}
