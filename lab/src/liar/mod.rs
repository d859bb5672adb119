//! A dishonest log: it logs whatever it is told, right or wrong, signs it, asks real auditors to
//! cosign it, and answers readers as a real log does, unless it was told to lie.
//!
//! `state` is what it holds, `serve` its HTTP side, which answers through the directory of the
//! real log server; `script` is what it does to the answers. Out of scope: which lies there are,
//! which is [`crate::lies`].

mod said;
mod script;
mod serve;
mod state;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::source::Source;
use plainsight_log_server::directory::PublishedHead;
use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::witness::{AddCheckpoint, parse_cosignature_lines};
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

use crate::network::{base_url, free_address};

pub use said::{Bend, Garble, Said};
pub use script::{Next, Script};
pub use state::{Liar, Opened};

/// A dishonest log that is being served.
#[derive(Debug)]
pub struct Served {
    state: Arc<RwLock<Liar>>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What an auditor answered to a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditorAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Served {
    /// Serves a log at a free address.
    pub async fn start(liar: Liar) -> Result<Self> {
        Self::start_below(liar, "").await
    }

    /// The same below a path, as an auditor shows what it mirrored.
    pub async fn start_below(liar: Liar, path: &str) -> Result<Self> {
        let listener = TcpListener::bind(free_address()?).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(RwLock::new(liar));
        let router = match (serve::router(state.clone()), path) {
            (router, "") => router,
            (router, path) => axum::Router::new().nest(&format!("/{path}"), router),
        };
        let task = tokio::spawn(async move {
            // It ends with the story, and has nobody to tell of an error.
            let _ended = axum::serve(listener, router).await;
        });
        Ok(Self {
            state,
            address,
            task,
        })
    }

    /// Where it answers.
    pub fn url(&self) -> Result<BaseUrl> {
        base_url(self.address)
    }

    /// What it holds, to tell it the next lie.
    pub async fn liar(&self) -> tokio::sync::RwLockWriteGuard<'_, Liar> {
        self.state.write().await
    }

    /// The same to read, if nobody writes.
    pub fn try_liar(&self) -> Option<tokio::sync::RwLockReadGuard<'_, Liar>> {
        self.state.try_read().ok()
    }

    /// Signs the present tree, asks the log's auditors to cosign it, each from what it cosigned
    /// last, and publishes it with whatever they signed.
    pub async fn publish(&self) -> Result<Vec<AuditorAnswer>> {
        publish(&self.state).await
    }

    /// Answers readers with the present tree under the log's signature alone.
    pub async fn publish_alone(&self) -> Result<Vec<u8>> {
        let note = self.state.read().await.sign()?.to_bytes();
        self.show(note.clone()).await?;
        Ok(note)
    }

    /// Answers readers with the present tree under this note.
    pub async fn show(&self, note: Vec<u8>) -> Result<()> {
        show(&self.state, note).await
    }
}

impl Liar {
    /// Answers with the present tree under this note.
    pub async fn show(&mut self, note: Vec<u8>) -> Result<()> {
        let head = PublishedHead::gather(note, self.head(), &*self).await?;
        self.publish(head);
        Ok(())
    }
}

async fn publish(state: &RwLock<Liar>) -> Result<Vec<AuditorAnswer>> {
    let (signed, auditors) = {
        let liar = state.read().await;
        (liar.sign()?, liar.auditors.clone())
    };
    let mut answers = Vec::new();
    let mut lines = Vec::new();
    for auditor in &auditors {
        let answer = ask(state, &signed, auditor).await?;
        if answer.status == 200 {
            lines.extend(parse_cosignature_lines(answer.body.as_bytes())?);
            let size = signed.head().size;
            state
                .write()
                .await
                .cosigned
                .insert(auditor.to_string(), size);
        }
        answers.push(answer);
    }
    if lines.len() == auditors.len() {
        lines.extend(state.read().await.lines_of_colluders(&signed)?);
        show(state, signed.to_bytes_with(&lines)).await?;
    }
    Ok(answers)
}

/// Answers readers with the present tree under this note.
async fn show(state: &RwLock<Liar>, note: Vec<u8>) -> Result<()> {
    state.write().await.show(note).await
}

async fn ask(
    state: &RwLock<Liar>,
    signed: &SignedCheckpoint,
    auditor: &BaseUrl,
) -> Result<AuditorAnswer> {
    let cosigned = state.read().await.cosigned.get(auditor.as_str()).copied();
    let answer = ask_from(state, signed, auditor, cosigned.unwrap_or(TreeSize::ZERO)).await?;
    // An answer can be lost: whoever signed this very size already says so, and signs it again.
    let size = signed.head().size;
    if answer.status == 409 && answer.body.trim() == size.to_string() {
        return ask_from(state, signed, auditor, size).await;
    }
    Ok(answer)
}

async fn ask_from(
    state: &RwLock<Liar>,
    signed: &SignedCheckpoint,
    auditor: &BaseUrl,
    old: TreeSize,
) -> Result<AuditorAnswer> {
    let request = state.read().await.add_checkpoint(signed, old)?;
    let auditor = Source::new(Http::new(Patience::default())?, auditor.clone());
    let mut tries = 0;
    loop {
        let answer = auditor.add_checkpoint(&request.to_bytes()).await?;
        let body = String::from_utf8(answer.body).context("an auditor answered no text")?;
        tries += 1;
        // An auditor that is still reading asks for patience.
        if answer.status != 503 || tries == 10 {
            return Ok(AuditorAnswer {
                status: answer.status,
                body,
            });
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

impl Liar {
    /// The request for a cosignature, with a consistency proof of its own tree.
    fn add_checkpoint(&self, signed: &SignedCheckpoint, old: TreeSize) -> Result<AddCheckpoint> {
        let size = signed.head().size;
        let proof = if old == TreeSize::ZERO || old >= size {
            Vec::new()
        } else {
            self.consistency(old)?
        };
        let checkpoint =
            plainsight_specs::checkpoint::UnverifiedCheckpoint::parse(&signed.to_bytes())?;
        Ok(AddCheckpoint {
            old,
            proof,
            checkpoint,
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}
