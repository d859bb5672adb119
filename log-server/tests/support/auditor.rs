//! An auditor that keeps C2SP add-checkpoint, remembers everything it was shown, and can be told
//! to answer otherwise first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::merkle::verify::verify_consistency;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::{Algorithm, KeyName, Signer, VerifierKey};
use plainsight_specs::witness::{
    AddCheckpoint, SIZE_MEDIA_TYPE, cosignature_lines_to_bytes, size_to_bytes,
};

/// An answer out of order.
#[derive(Debug, Clone)]
pub enum Trick {
    /// Status and body.
    Status(u16, &'static str),
    /// 503 with a Retry-After of zero seconds.
    Behind,
    /// 409 with this size.
    AtSize(u64),
    /// 200 with these bytes.
    Garbage(Vec<u8>),
    /// 200 with a body that does not end.
    Huge,
    /// No answer for this long.
    Slow(Duration),
    /// 200 with a good line of a key that nobody knows.
    WrongKey,
    /// 200 with a line that does not verify.
    WrongSignature,
    /// 302 to elsewhere.
    Redirect,
}

struct Inner {
    name: String,
    seed: u8,
    log: VerifierKey,
    cosigned: Option<TreeHead>,
    tricks: VecDeque<Trick>,
    /// Root by size of everything that the log's key signed.
    seen: BTreeMap<TreeSize, TreeHead>,
    /// Contradictions among them.
    contradictions: Vec<String>,
    requests: usize,
    /// The note that it cosigned last.
    note: Option<Vec<u8>>,
    /// Whether it answers nothing.
    is_away: bool,
}

/// A running auditor.
#[derive(Clone)]
pub struct FakeAuditor {
    inner: Arc<Mutex<Inner>>,
    pub url: String,
}

fn signer(name: &str, seed: u8) -> Signer {
    let name = KeyName::parse(name).unwrap();
    Signer::new(
        name,
        Algorithm::CosignatureV1,
        SecretKey::from_seed(&[seed; 32]),
    )
    .unwrap()
}

impl FakeAuditor {
    pub async fn start(name: &str, seed: u8, log: &VerifierKey) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner {
            name: name.into(),
            seed,
            log: log.clone(),
            cosigned: None,
            tricks: VecDeque::new(),
            seen: BTreeMap::new(),
            contradictions: Vec::new(),
            requests: 0,
            note: None,
            is_away: false,
        }));
        let router = axum::Router::new()
            .route("/add-checkpoint", axum::routing::post(add_checkpoint))
            .route("/{hash}/checkpoint", axum::routing::get(checkpoint))
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { inner, url }
    }

    pub fn vkey(&self) -> VerifierKey {
        let inner = self.inner.lock().unwrap();
        signer(&inner.name, inner.seed).verifier_key()
    }

    /// The line of a policy.
    pub fn policy_line(&self) -> String {
        let name = self.inner.lock().unwrap().name.clone();
        format!("witness {name} {} {}\n", self.vkey(), self.url)
    }

    /// What to answer to the next requests, one each.
    pub fn play(&self, tricks: impl IntoIterator<Item = Trick>) {
        self.inner.lock().unwrap().tricks.extend(tricks);
    }

    /// Plays no more tricks.
    pub fn relent(&self) {
        self.inner.lock().unwrap().tricks.clear();
    }

    /// Answers nothing, or answers again.
    pub fn away(&self, is_away: bool) {
        self.inner.lock().unwrap().is_away = is_away;
    }

    pub fn forget(&self) {
        self.inner.lock().unwrap().cosigned = None;
    }

    /// Has lost everything it knew.
    pub fn forget_all(&self) {
        let mut inner = self.inner.lock().unwrap();
        (inner.cosigned, inner.note) = (None, None);
        inner.seen.clear();
    }

    pub fn requests(&self) -> usize {
        self.inner.lock().unwrap().requests
    }

    pub fn tricks_left(&self) -> usize {
        self.inner.lock().unwrap().tricks.len()
    }

    pub fn contradictions(&self) -> Vec<String> {
        self.inner.lock().unwrap().contradictions.clone()
    }

    /// Remembers a head that the log signed and was seen elsewhere.
    pub fn show(&self, head: TreeHead) {
        self.inner.lock().unwrap().see(head);
    }

    pub fn seen(&self) -> BTreeMap<TreeSize, TreeHead> {
        self.inner.lock().unwrap().seen.clone()
    }
}

impl Inner {
    fn see(&mut self, head: TreeHead) {
        let known = *self.seen.entry(head.size).or_insert(head);
        if known != head {
            self.contradictions
                .push(format!("two roots at size {}", head.size));
        }
    }
}

async fn add_checkpoint(State(inner): State<Arc<Mutex<Inner>>>, body: Bytes) -> Response {
    let trick = {
        let mut inner = inner.lock().unwrap();
        if inner.is_away {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        inner.requests += 1;
        inner.tricks.pop_front()
    };
    if let Some(Trick::Slow(time)) = trick {
        tokio::time::sleep(time).await;
    }
    answer(&inner, &body, trick)
}

fn answer(inner: &Mutex<Inner>, body: &[u8], trick: Option<Trick>) -> Response {
    let mut inner = inner.lock().unwrap();
    let request = AddCheckpoint::parse(body).unwrap();
    let log = inner.log.clone();
    let signed = request.checkpoint.verify_log(&[log]).unwrap();
    let head = signed.head();
    inner.see(head);
    let by = |name: &str, seed: u8| {
        Cosignature::sign(&signed, &signer(name, seed), super::now())
            .unwrap()
            .line
    };
    let lines = |line| cosignature_lines_to_bytes(&[line]).into_response();
    match trick {
        None | Some(Trick::Slow(_)) => {}
        Some(Trick::Status(status, text)) => {
            return (StatusCode::from_u16(status).unwrap(), text).into_response();
        }
        Some(Trick::Behind) => {
            let headers = [(header::RETRY_AFTER, "0")];
            return (StatusCode::SERVICE_UNAVAILABLE, headers, "").into_response();
        }
        Some(Trick::AtSize(size)) => return conflict(TreeSize::new(size).unwrap()),
        Some(Trick::Garbage(bytes)) => return bytes.into_response(),
        Some(Trick::Huge) => {
            let chunks = futures::stream::repeat_with(|| {
                Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 65_536]))
            });
            return Body::from_stream(chunks).into_response();
        }
        Some(Trick::WrongKey) => return lines(by("nobody", 200)),
        Some(Trick::WrongSignature) => {
            let mut line = by(&inner.name, inner.seed);
            line.body[20] ^= 1;
            return lines(line);
        }
        Some(Trick::Redirect) => {
            return (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response();
        }
    }
    let at = inner.cosigned.map_or(TreeSize::ZERO, |head| head.size);
    if request.old != at {
        return conflict(at);
    }
    if let Some(older) = inner.cosigned
        && let Err(error) = verify_consistency(&older, &head, &request.proof)
    {
        inner
            .contradictions
            .push(format!("{} to {}: {error}", older.size, head.size));
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    inner.cosigned = Some(head);
    inner.note = Some(signed.to_bytes());
    lines(by(&inner.name, inner.seed))
}

async fn checkpoint(State(inner): State<Arc<Mutex<Inner>>>) -> Response {
    let inner = inner.lock().unwrap();
    match inner.note.clone() {
        _ if inner.is_away => StatusCode::BAD_GATEWAY.into_response(),
        Some(note) => note.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn conflict(size: TreeSize) -> Response {
    let headers = [(header::CONTENT_TYPE, SIZE_MEDIA_TYPE)];
    (StatusCode::CONFLICT, headers, size_to_bytes(size)).into_response()
}
