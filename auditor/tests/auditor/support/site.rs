//! Where a log is shown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use plainsight_specs::tile::{TILE_WIDTH, TilePath, bundle_to_bytes};
use tokio::sync::watch;

use crate::tiny_log::TinyLog;

#[derive(Debug, Default)]
struct Objects {
    files: BTreeMap<String, Vec<u8>>,
    down: bool,
    hang: watch::Sender<bool>,
    /// Says that it is another time, if it lies about that.
    date: Option<&'static str>,
    /// How often each was read.
    read: watch::Sender<BTreeMap<String, u64>>,
}

/// What a log shows at an address.
#[derive(Debug, Clone)]
pub struct Site {
    objects: Arc<Mutex<Objects>>,
    pub url: String,
}

impl Site {
    pub async fn open() -> Self {
        let objects = Arc::new(Mutex::new(Objects::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(show).with_state(objects.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { objects, url }
    }

    /// Shows the tiles and bundles of the log as it is now.
    pub fn serve(&self, log: &TinyLog) {
        let mut objects = self.objects.lock().unwrap();
        let size = log.size().get();
        for level in 0..3 {
            let hashes = size >> (8 * u32::from(level));
            for index in 0..hashes.div_ceil(256) {
                let path = TilePath::hashes_at(level, index, log.size()).unwrap();
                let tile = log.tiles.get(&path).unwrap();
                let bytes = tile.iter().flat_map(|hash| *hash.as_bytes()).collect();
                objects.files.insert(path.to_string(), bytes);
            }
        }
        for (index, bundle) in log.entries.chunks(usize::from(TILE_WIDTH)).enumerate() {
            let path = TilePath::entries_at(index as u64, log.size()).unwrap();
            let bytes = bundle_to_bytes(bundle).unwrap();
            objects.files.insert(path.to_string(), bytes);
        }
    }

    /// Shows the log as it is now, and publishes its head.
    pub fn publish(&self, log: &TinyLog) {
        self.serve(log);
        self.put("checkpoint", log.signed().to_bytes());
    }

    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        let mut objects = self.objects.lock().unwrap();
        objects.files.insert(path.into(), bytes);
    }

    pub fn get(&self, path: &str) -> Vec<u8> {
        self.objects.lock().unwrap().files[path].clone()
    }

    /// Shows nothing of what it showed.
    pub fn clear(&self) {
        self.objects.lock().unwrap().files.clear();
    }

    /// Takes requests and does not answer them before it no longer hangs.
    pub fn hang(&self, hang: bool) {
        self.objects.lock().unwrap().hang.send_replace(hang);
    }

    /// Has this object no more, until it is put again.
    pub fn remove(&self, path: &str) {
        self.objects.lock().unwrap().files.remove(path);
    }

    /// Waits until this object is read once more.
    pub async fn wait_read(&self, path: &str) {
        let mut read = self.objects.lock().unwrap().read.subscribe();
        let before = read.borrow().get(path).copied().unwrap_or(0);
        let more = |read: &BTreeMap<String, u64>| read.get(path).copied().unwrap_or(0) > before;
        let found = tokio::time::timeout(Duration::from_mins(1), read.wait_for(more)).await;
        assert!(found.is_ok(), "waited in vain for a read of {path}");
    }

    /// Says that it is this time, whenever it is asked.
    pub fn tell_date(&self, date: &'static str) {
        self.objects.lock().unwrap().date = Some(date);
    }

    pub fn down(&self, down: bool) {
        self.objects.lock().unwrap().down = down;
    }
}

async fn show(State(objects): State<Arc<Mutex<Objects>>>, uri: Uri) -> Response {
    let date = objects.lock().unwrap().date;
    let mut answer = shown(objects, uri).await.into_response();
    if let Some(date) = date {
        let date = axum::http::HeaderValue::from_static(date);
        answer.headers_mut().insert("date", date);
    }
    answer
}

async fn shown(objects: Arc<Mutex<Objects>>, uri: Uri) -> impl IntoResponse {
    let mut hang = objects.lock().unwrap().hang.subscribe();
    hang.wait_for(|hang| !hang).await.unwrap();
    let objects = objects.lock().unwrap();
    if objects.down {
        return (StatusCode::BAD_GATEWAY, Vec::new());
    }
    let path = uri.path().trim_start_matches('/');
    objects
        .read
        .send_modify(|read| *read.entry(path.into()).or_default() += 1);
    match objects.files.get(path) {
        Some(bytes) => (StatusCode::OK, bytes.clone()),
        None => (StatusCode::NOT_FOUND, Vec::new()),
    }
}
