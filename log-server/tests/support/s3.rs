//! A whole S3 server on loopback, in the test's own process: `s3s-fs` over a temporary folder.
//!
//! Its conditional writes look first and write then, so that of two racing creates both may win.
//! Writes are therefore taken one by one here: these tests show what *we* do with a store that
//! keeps to its conditions, not that this store does.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of the objects"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::sync::Mutex;

pub const BUCKET: &str = "objects";
const KEY: &str = "test-key";
pub const SECRET: &str = "test-secret-that-is-never-printed";

/// What the server does with the conditions of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// Keeps to them.
    Kept,
    /// Ignores `If-None-Match`.
    CreateIgnored,
    /// Ignores `If-Match`.
    UpdateIgnored,
}

#[derive(Clone)]
struct Served {
    service: S3Service,
    conditions: Conditions,
    /// One write at a time.
    writes: Arc<Mutex<()>>,
}

/// A server that ends with its value.
pub struct S3 {
    folder: tempfile::TempDir,
    url: String,
    conditions: Conditions,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl S3 {
    pub async fn start(conditions: Conditions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        // What is taken out of a signed request breaks its signature.
        if conditions == Conditions::Kept {
            builder.set_auth(s3s::auth::SimpleAuth::from_single(KEY, SECRET));
        }
        let served = Served {
            service: builder.build(),
            conditions,
            writes: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // Without it every answer waits for the client's delayed acknowledgement.
        let listener = listener.tap_io(|io| io.set_nodelay(true).unwrap());
        let router = axum::Router::new().fallback(answer).with_state(served);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            folder,
            url,
            conditions,
            task,
        }
    }

    /// What a process needs in its environment to use the server.
    pub fn environment(&self) -> BTreeMap<&'static str, String> {
        let skip = self.conditions != Conditions::Kept;
        BTreeMap::from([
            ("AWS_ENDPOINT", self.url.clone()),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
            ("AWS_SKIP_SIGNATURE", skip.to_string()),
        ])
    }

    /// The files of the bucket.
    pub fn folder(&self) -> std::path::PathBuf {
        self.folder.path().join(BUCKET)
    }
}

async fn answer(State(served): State<Served>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    match served.conditions {
        Conditions::Kept => {}
        Conditions::CreateIgnored => drop(parts.headers.remove(header::IF_NONE_MATCH)),
        Conditions::UpdateIgnored => drop(parts.headers.remove(header::IF_MATCH)),
    }
    let _one = match parts.method {
        Method::PUT | Method::POST | Method::DELETE => Some(served.writes.lock().await),
        _ => None,
    };
    let request = Request::from_parts(parts, s3s::Body::http_body_unsync(body));
    match served.service.call(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}")).into_response(),
    }
}
