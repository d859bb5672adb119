//! The tiny log over HTTP.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::TreeSize;

use super::{Lie, TOKEN, TinyLog};

/// A log that is being served.
#[derive(Clone)]
pub(crate) struct Served {
    log: Arc<Mutex<TinyLog>>,
    requests: Arc<Mutex<Vec<Request>>>,
    pub(crate) url: String,
}

/// A request, whole, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path with its query.
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Served {
    pub(crate) fn log(&self) -> MutexGuard<'_, TinyLog> {
        self.log.lock().unwrap()
    }

    /// Every path that was asked for, with its query.
    pub(crate) fn asked(&self) -> Vec<String> {
        let requests = self.requests();
        requests.into_iter().map(|request| request.uri).collect()
    }

    /// Every request.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// Serves a log on loopback for the life of the process, on a runtime of its own.
pub(crate) fn serve(log: TinyLog) -> Served {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = Served {
        log: Arc::new(Mutex::new(log)),
        requests: Arc::new(Mutex::new(Vec::new())),
        url,
    };
    let router = axum::Router::new()
        .fallback(answer)
        .with_state(served.clone());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    served
}

async fn answer(
    State(served): State<Served>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    served.requests.lock().unwrap().push(Request {
        method: method.clone(),
        uri: uri.to_string(),
        headers: headers.clone(),
        body: body.clone(),
    });
    let lie = served.log().lie;
    match lie {
        Lie::Malformed => return response(200, b"{\"checkpoint\":".to_vec()),
        Lie::Huge => return response(200, vec![b' '; 40 * 1024 * 1024]),
        Lie::Slow => tokio::time::sleep(Duration::from_mins(10)).await,
        Lie::SizeAhead => return response(409, problem("size-ahead")),
        _ => {}
    }
    let (status, body) = {
        let mut log = served.log();
        let answered = route(&mut log, &method, &uri, &headers, &body);
        if lie == Lie::BrokenProof && answered.0 == 200 && uri.path() != "/v1/genesis" {
            (200, TinyLog::break_proof(&answered.1))
        } else {
            answered
        }
    };
    response(status, body)
}

fn route(
    log: &mut TinyLog,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> (u16, Vec<u8>) {
    let since = uri
        .query()
        .and_then(|query| query.strip_prefix("since="))
        .map(|since| TreeSize::new(since.parse().unwrap()).unwrap());
    let path = uri.path().trim_start_matches('/');
    let bearer = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    match (method.as_str(), path) {
        ("GET", "v1/genesis") => (200, log.genesis(since)),
        ("POST", "v1/lookup") => (200, log.lookup(body)),
        ("POST", "v1/rungs") => (200, log.rungs(body)),
        ("POST", path) if path.starts_with("guard") => log.guard(path, body),
        ("POST", "v1/history") => (200, log.history(body)),
        ("POST", "v1/stream") => {
            let answer = log.stream(body);
            if log.lie == Lie::Restless {
                log.publish();
            }
            (200, answer)
        }
        ("POST", "v1/publish") if bearer != Some(&format!("Bearer {TOKEN}")) => {
            (401, problem("unauthorized"))
        }
        ("POST", "v1/publish") => (200, log.take(body)),
        ("POST", "v1/index") => (200, log.index_proof(body, None)),
        // One auditor each, that shows its own cosignature only.
        ("POST", "auditor0/v1/index") => (200, log.index_proof(body, Some(0))),
        ("POST", "auditor1/v1/index") => (200, log.index_proof(body, Some(1))),
        // The auditor that heads are handed to.
        ("POST", "v1/checkpoint" | "auditor2/v1/checkpoint") => match &log.verdict {
            Some(verdict) => (200, verdict.clone().into_bytes()),
            None => (404, Vec::new()),
        },
        ("GET", path) if path.contains("/v1/inserted/") => log.inserted(path, since),
        ("GET", path) => {
            if let Some(digest) = path.strip_prefix("v1/artifact/") {
                return (200, log.artifact(&Hash::from_hex(digest).unwrap(), since));
            }
            let evidence = path
                .trim_start_matches("auditor2/")
                .strip_prefix("v1/evidence/")
                .and_then(|id| log.evidence.get(id));
            match evidence.or_else(|| log.snapshot().files.get(path)) {
                Some(bytes) => (200, bytes.clone()),
                None => (404, Vec::new()),
            }
        }
        _ => (404, Vec::new()),
    }
}

fn problem(code: &str) -> Vec<u8> {
    let kind = format!("urn:plainsight:error:{code}");
    serde_json::json!({"type": kind, "title": code, "status": 400, "detail": code})
        .to_string()
        .into_bytes()
}

fn response(status: u16, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
