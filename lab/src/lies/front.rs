//! An auditor that lies to owners: it stands in front of an honest one, speaks with its keys, and
//! changes what is signed about watches and insertions.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use plainsight_auditor::Config;
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::sha256;
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::note::{Algorithm, Signer, UnverifiedNote};
use plainsight_specs::time::Timestamp;
use plainsight_specs::watch::{Bucket, Inserted, Report, ReportAnswer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::network::{base_url, free_address};
use crate::provider::random;

/// Where an owner asks about a watch.
const REPORT: &str = "v1/watch/report";
/// Where an owner reads lists of insertions.
const LISTS: &str = "v1/inserted/";

/// What an auditor signs for owners.
pub(super) enum Word {
    Report(Report),
    List(Inserted),
}

impl Word {
    fn parse(note: &[u8], path: &str) -> Result<Self> {
        let note = UnverifiedNote::parse(note)?;
        Ok(if path == REPORT {
            Self::Report(Report::parse_text(note.text())?)
        } else {
            Self::List(Inserted::parse_text(note.text())?)
        })
    }

    pub(super) fn time(&mut self) -> &mut Timestamp {
        match self {
            Self::Report(report) => &mut report.time,
            Self::List(list) => &mut list.time,
        }
    }

    pub(super) fn head(&mut self) -> &mut TreeHead {
        match self {
            Self::Report(report) => &mut report.head,
            Self::List(list) => &mut list.head,
        }
    }

    /// As if somebody else had asked, who had nothing to fear.
    pub(super) fn answer_another(&mut self) -> Result<()> {
        self.deny();
        match self {
            Self::Report(report) => report.id = sha256(b"another watch"),
            Self::List(list) => {
                let other = if list.bucket.as_str() == "0" {
                    "1"
                } else {
                    "0"
                };
                list.bucket = Bucket::parse(other)?;
            }
        }
        Ok(())
    }

    /// As if another log had been meant.
    pub(super) fn of_another_log(&mut self) -> Result<()> {
        let origin = Origin::parse("log.example/another")?;
        match self {
            Self::Report(report) => report.origin = origin,
            Self::List(list) => list.origin = origin,
        }
        Ok(())
    }

    /// As if nothing had been inserted.
    pub(super) fn deny(&mut self) {
        match self {
            Self::Report(report) => report.hits.clear(),
            Self::List(list) => list.insertions.clear(),
        }
    }

    /// As if the log had ended at `head`, before which nothing was asked for.
    pub(super) fn end_at(&mut self, head: TreeHead) {
        self.deny();
        *self.head() = head;
        if let Self::List(list) = self {
            list.through = head.size;
        }
    }

    fn sign(&self, signer: &Signer) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Report(report) => report.sign(signer)?,
            Self::List(list) => list.sign(signer)?,
        })
    }
}

/// Who signs what was changed.
pub(super) enum Voice {
    /// The auditor's watch key.
    Own,
    /// Another key of the same name.
    Stranger,
    /// It says nothing.
    Nobody,
}

/// Changes a word on its way to the owner.
pub(super) type BendWord = Arc<dyn Fn(&mut Word) -> Result<Voice> + Send + Sync>;

/// Stands in front of an honest auditor and speaks with its keys.
pub(super) struct Lying {
    pub(super) url: BaseUrl,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Front {
    upstream: Source,
    signer: Arc<Signer>,
    stranger: Arc<Signer>,
    bend: BendWord,
}

impl Lying {
    /// In front of the auditor at `upstream`.
    pub(super) async fn start(upstream: &BaseUrl, config: &Config, bend: BendWord) -> Result<Self> {
        let listener = TcpListener::bind(free_address()?).await?;
        let url = base_url(listener.local_addr()?)?;
        let signer = config.watch_signer()?;
        let name = signer.verifier_key().name().clone();
        let stranger = Signer::new(name, Algorithm::Ed25519, SecretKey::from_seed(&random()?))?;
        let front = Front {
            upstream: Source::new(Http::new(Patience::default())?, upstream.clone()),
            signer: Arc::new(signer),
            stranger: Arc::new(stranger),
            bend,
        };
        let router = Router::new().fallback(forward).with_state(front);
        let task = tokio::spawn(async move {
            // It ends with the lie, and has nobody to tell of an error.
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self { url, task })
    }
}

impl Drop for Lying {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(
    State(front): State<Front>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Result<(StatusCode, Vec<u8>), StatusCode> {
    let asked = uri.path_and_query().map_or("/", |asked| asked.as_str());
    let (path, away) = (asked.trim_start_matches('/'), StatusCode::BAD_GATEWAY);
    if method == Method::GET {
        let bytes = front.upstream.read(path, 1 << 26).await;
        let bytes = bytes.map_err(|_| away)?;
        if !path.starts_with(LISTS) {
            return Ok((StatusCode::OK, bytes));
        }
        let bent = front.bent(&bytes, path).map_err(|_| away)?;
        return Ok((StatusCode::OK, bent));
    }
    let answer = front.upstream.send(path, &body, None, 1 << 26).await;
    let answer = answer.map_err(|_| away)?;
    let status = StatusCode::from_u16(answer.status).map_err(|_| away)?;
    if path != REPORT {
        return Ok((status, answer.body));
    }
    let answer = ReportAnswer::parse(&answer.body).map_err(|_| away)?;
    let note = front.bent(&answer.note, path).map_err(|_| away)?;
    Ok((status, ReportAnswer { note, ..answer }.to_json()))
}

impl Front {
    fn bent(&self, note: &[u8], path: &str) -> Result<Vec<u8>> {
        let mut word = Word::parse(note, path)?;
        match (self.bend)(&mut word)? {
            Voice::Own => word.sign(&self.signer),
            Voice::Stranger => word.sign(&self.stranger),
            Voice::Nobody => anyhow::bail!("it says nothing"),
        }
    }
}
