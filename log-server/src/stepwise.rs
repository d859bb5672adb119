//! A replica of a log that is driven by hand, one step at a time: for a simulation that decides who
//! does what next, what is lost, and who crashes in between.
//!
//! The steps are those of a running [`crate::Server`], by the same code, without its timers: nothing
//! happens unless it is asked for, and each call is over when it returns. Whoever drives it may let any replica take over at any time: safety rests on the term and
//! on compare-and-swap alone, never on the election's patience. Out of scope: HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use plainsight_specs::checkpoint::{Origin, SignedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::history::HistoryRequest;
use plainsight_specs::lookup::LookupRequest;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::publish::{PublishAnswer, PublishItem, PublishRequest, Wait};
use tokio::sync::Mutex;

pub use crate::clock::Clock;
use crate::config::Config;
use crate::cosigners::{Answer, Auditors};
use crate::directory::Directory;
use crate::forward::Forwarder;
use crate::objects::Objects;
use crate::publication::{Publisher, is_final};
use crate::publish::publish;
use crate::recovery::{Recovered, WriteError, identity, recover, show_published};
use crate::restored::not_restored;
use crate::sequencer::Sequencer;
use crate::server::{StartError, load_policy};
use crate::shared::{Shared, Status};
use crate::signer::Keys;
use crate::source::LogSource;
use crate::store::{CheckpointRow, Store, TokenRole, Writer, WriterLock};
use crate::view;
use crate::wire::Wire;

/// How long a request of another replica's may take; nothing is forwarded here.
const FORWARD: std::time::Duration = std::time::Duration::from_secs(1);

/// Why a step did not come to its end. The term is over: what is in memory is dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// This replica does not write at present.
    #[error("it does not write")]
    NotWriting,
    /// The term ended; it, or another, may take over.
    #[error("the term ended: {0}")]
    Ended(String),
    /// What is stored contradicts what was signed or published: a person must look.
    #[error("refused: {0}")]
    Refused(String),
}

/// One replica.
#[derive(Debug)]
pub struct Replica {
    shared: Arc<Shared>,
    auditors: Auditors,
    term: Option<Term>,
    /// Of terms that are over, until they are closed.
    writers: Vec<Arc<Mutex<Writer>>>,
    refused: Option<String>,
}

struct Term {
    sequencer: Sequencer,
    publisher: Publisher,
    /// Signed, and not published.
    signed: Option<CheckpointRow>,
    cosigned: BTreeMap<String, Cosignature>,
}

impl std::fmt::Debug for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Term").finish_non_exhaustive()
    }
}

/// Answers readers as a replica does.
#[derive(Debug, Clone)]
pub struct Reader(Arc<Shared>);

impl Replica {
    /// Opens a replica, which does not write yet.
    pub async fn open(
        config: Config,
        wire: Arc<dyn Wire>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let origin = Origin::parse(&config.origin)?;
        let keys = Keys::load(&config, &origin)?;
        let policy = load_policy(&config)?;
        let auditors = Auditors::over(policy.as_ref(), wire);
        let source = LogSource {
            store: Store::open_replica(&config.database, 1).await?,
            objects: Objects::open(&config.objects)?,
        };
        let forwarder = Forwarder::new(FORWARD).map_err(StartError::Http)?;
        let address = config.listen;
        let shared = Shared::new(config, origin, keys, policy, source, forwarder, address);
        Ok(Self {
            shared: Arc::new(shared.told_by(clock)),
            auditors,
            term: None,
            writers: Vec::new(),
            refused: None,
        })
    }

    /// Whoever reads from it.
    pub fn reader(&self) -> Reader {
        Reader(Arc::clone(&self.shared))
    }

    /// Whether it believes that it writes.
    pub fn is_writing(&self) -> bool {
        self.term.is_some()
    }

    /// Why it never writes again, if a contradiction made it stop.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }

    /// Takes over, whoever writes now, and reads the log back.
    pub async fn take_over(&mut self, lock: &WriterLock) -> Result<(), Stopped> {
        if let Some(why) = &self.refused {
            return Err(Stopped::Refused(why.clone()));
        }
        self.end_term();
        let begun = self.begin_term(lock).await;
        self.ended(begun)
    }

    async fn begin_term(&mut self, lock: &WriterLock) -> Result<(), WriteError> {
        let shared = &self.shared;
        identity(shared).await?;
        let store = &shared.source.store;
        let lease = store.lease().await?;
        let (holder, now_ms) = (shared.address(), shared.clock.now_ms());
        let taken = store.take_over(lock, &lease, &holder, now_ms).await?;
        let Some(mut writer) = taken else {
            return Err(crate::store::StoreError::Fenced { term: lease.term }.into());
        };
        let recovered = recover(shared, &mut writer).await;
        let writer = Arc::new(Mutex::new(writer));
        self.writers.push(Arc::clone(&writer));
        let recovered = recovered?;
        not_restored(shared, &self.auditors).await?;
        let auditors = Some(self.auditors.clone());
        let publisher = Publisher::new(
            Arc::clone(shared),
            Arc::clone(&writer),
            auditors,
            &recovered,
        );
        let Recovered {
            replay,
            head,
            unpublished,
            ..
        } = recovered;
        let sequencer = Sequencer::new(Arc::clone(shared), writer, replay, head);
        shared.pool.open();
        shared.status.send_replace(Status::Writing);
        self.term = Some(Term {
            sequencer,
            publisher,
            signed: unpublished,
            cosigned: BTreeMap::new(),
        });
        Ok(())
    }

    /// Publishes key sets as a request does, and answers once they are sequenced. With `epoch`, the
    /// same commit ends at one.
    pub async fn publish(
        &mut self,
        items: Vec<PublishItem>,
        epoch: Epoch,
    ) -> Result<Result<PublishAnswer, String>, Stopped> {
        let term = self.term.as_mut().ok_or(Stopped::NotWriting)?;
        let shared = Arc::clone(&self.shared);
        let wait = Wait::Sequenced;
        let request = PublishRequest { items, wait };
        let mut asking = std::pin::pin!(publish(&shared, TokenRole::Keys, request, None));
        let mut committed = Ok(());
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut asking => break answer,
                () = shared.pool.filled(), if committed.is_ok() => {
                    let pending = shared.pool.take();
                    committed = term.sequencer.commit(pending, epoch == Epoch::Yes).await;
                }
            }
        };
        self.ended(committed)?;
        Ok(answer.map_err(|error| format!("{error:?}")))
    }

    /// Appends an epoch.
    pub async fn epoch(&mut self) -> Result<(), Stopped> {
        let term = self.term.as_mut().ok_or(Stopped::NotWriting)?;
        let committed = term.sequencer.commit(Vec::new(), true).await;
        self.ended(committed)
    }

    /// Writes the objects of the newest epoch and signs it, unless something that was signed is not
    /// published yet. `None` if there is nothing new. From here on the note may leave.
    pub async fn sign(&mut self) -> Result<Option<SignedCheckpoint>, Stopped> {
        let term = self.term.as_mut().ok_or(Stopped::NotWriting)?;
        if term.signed.is_none() {
            let due = *self.shared.epoch.borrow();
            let signed = term.publisher.prepare(due).await;
            term.cosigned.clear();
            match signed {
                Ok(row) => term.signed = row,
                Err(error) => return self.ended(Err(error)).map(|()| None),
            }
        }
        let Some(row) = self.term.as_ref().and_then(|term| term.signed.as_ref()) else {
            return Ok(None);
        };
        let signed = self.shared.signed(row);
        self.ended(signed).map(Some)
    }

    /// Asks one auditor, by its name in the policy, to cosign what was signed. `None` if there is
    /// nothing, or no such auditor.
    pub async fn ask(&mut self, name: &str) -> Result<Option<Answer>, Stopped> {
        let Some(signed) = self.sign().await? else {
            return Ok(None);
        };
        let source = self.shared.source.clone();
        let mut auditors = self.auditors.list().iter();
        let Some(auditor) = auditors.find(|auditor| auditor.name == name) else {
            return Ok(None);
        };
        let key = auditor.key.to_string();
        let asked = async {
            let old = source.store.auditor_size(&key).await?;
            let old = old.min(signed.head().size);
            Ok(self
                .auditors
                .ask(auditor, &signed, &source.objects, old)
                .await?)
        };
        let answer: Result<Answer, WriteError> = asked.await;
        let answer = self.ended(answer)?;
        let Some(term) = &mut self.term else {
            return Ok(None);
        };
        let at = match &answer {
            Answer::Cosigned(cosignature) => {
                term.cosigned.insert(name.to_owned(), cosignature.clone());
                Some(signed.head().size)
            }
            Answer::AtSize(size) => Some(*size),
            _ => None,
        };
        if let Some(size) = at {
            let noted = term.publisher.note_auditor(&key, size).await;
            self.ended(noted)?;
        }
        if matches!(&answer, Answer::AtSize(size) if *size > signed.head().size) {
            let checked = not_restored(&self.shared, &self.auditors).await;
            self.ended(checked)?;
        }
        Ok(Some(answer))
    }

    /// Publishes what was signed if the quorum has cosigned it; the size if it did.
    pub async fn finish(&mut self) -> Result<Option<TreeSize>, Stopped> {
        let term = self.term.as_mut().ok_or(Stopped::NotWriting)?;
        let Some(row) = term.signed.clone() else {
            return Ok(None);
        };
        let is_met = |cosigned: &BTreeMap<String, Cosignature>| {
            let policy = self.shared.policy.as_ref();
            policy.is_none_or(|policy| policy.satisfied(|name| cosigned.contains_key(name)))
        };
        if row.cosigned.is_none() && !is_met(&term.cosigned) {
            return Ok(None);
        }
        let lines: Vec<_> = term.cosigned.values().map(|one| one.line.clone()).collect();
        let size = row.tree.size;
        let finished = async {
            let note = match &row.cosigned {
                Some(note) => note.clone(),
                None => self.shared.signed(&row)?.to_bytes_with(&lines),
            };
            term.publisher.finish(row, note).await
        };
        let finished = finished.await;
        let shown = match finished {
            Ok(row) => view::show(&self.shared, row).await,
            Err(error) => Err(error),
        };
        if let (Ok(()), Some(term)) = (&shown, &mut self.term) {
            term.signed = None;
        }
        self.ended(shown).map(|()| Some(size))
    }

    /// Shows readers what was published, here or by another replica.
    pub async fn follow(&mut self) -> Result<(), Stopped> {
        let followed = async {
            let row = self.shared.source.store.published_checkpoint().await?;
            show_published(&self.shared, row).await.map(drop)
        };
        let followed = followed.await;
        self.ended(followed)
    }

    /// Crashes: what is in memory is lost, and no file of the log's is open any more.
    pub async fn crash(mut self) {
        self.end_term();
        for writer in std::mem::take(&mut self.writers) {
            if let Some(writer) = Arc::into_inner(writer) {
                // A connection that is broken is closed all the same.
                let _ = writer.into_inner().abandon().await;
            }
        }
        self.shared.source.store.close().await;
    }

    fn end_term(&mut self) {
        self.term = None;
        self.shared.pool.close();
        self.shared.status.send_replace(Status::Starting);
    }

    fn ended<T>(&mut self, outcome: Result<T, WriteError>) -> Result<T, Stopped> {
        outcome.map_err(|error| {
            self.end_term();
            let why = error.to_string();
            if is_final(&error) {
                self.refused = Some(why.clone());
                return Stopped::Refused(why);
            }
            Stopped::Ended(why)
        })
    }
}

/// Whether a commit ends at an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epoch {
    /// It does.
    Yes,
    /// Later.
    No,
}

impl Reader {
    /// The answer to a question by its path, or the HTTP status of a refusal.
    pub async fn answer(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, u16> {
        let directory = Directory {
            published: &self.0.view,
            vrf: &*self.0,
            rows: &self.0.source,
        };
        match path {
            "v1/genesis" => {
                let answer = directory.genesis(None).await;
                answer.map(|answer| answer.to_json()).map_err(|_| 503)
            }
            "v1/lookup" => {
                let request = LookupRequest::parse(body).map_err(|_| 400u16)?;
                let answer = directory.lookup(&request).await;
                answer
                    .map(|answer| answer.to_json())
                    .map_err(|error| status(&error))
            }
            "v1/history" => {
                let request = HistoryRequest::parse(body).map_err(|_| 400u16)?;
                let answer = directory.history(&request).await;
                answer
                    .map(|answer| answer.to_json())
                    .map_err(|error| status(&error))
            }
            _ => Err(404),
        }
    }
}

fn status(error: &crate::directory::DirectoryError) -> u16 {
    match error {
        crate::directory::DirectoryError::SizeAhead { .. } => 409,
        _ => 503,
    }
}
