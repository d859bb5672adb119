//! For an app that embeds this library: one object that asks a log, verifies, remembers and pins,
//! over the app's own store and transport.
//!
//! In scope: the order of these things, so that nothing unverified is ever kept and a cancelled
//! question leaves the store as it was or wholly moved on. Out of scope: encrypting and installing,
//! which are the app's, and asking a person ([`crate::cli`] does).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use plainsight_client::http::{BaseUrl, Http, Patience};
//! use plainsight_client::label;
//! use plainsight_client::source::Source;
//! use plainsight_client::trust::TrustPolicy;
//! use plainsight_client::verifier::{MemoryStore, Verifier};
//! # let (policy, now) = ("", plainsight_specs::time::Timestamp::from_seconds(0).unwrap());
//!
//! let log = BaseUrl::parse("https://log.example/")?;
//! let source = Source::new(Http::new(Patience::default())?, log);
//! let trust = TrustPolicy::parse(policy, None)?;
//! let mut verifier = Verifier::new(source, trust, MemoryStore::default());
//! let contact = verifier.contact(&label::typed("alice@example.org")?, now).await?;
//! match contact.relied_on() {
//!     Some(key_set) => println!("encrypt to these keys and no other: {:?}", key_set.keys()),
//!     None => println!("do not send; tell the person why"),
//! }
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::convert::Infallible;

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::label::Label;
use plainsight_specs::time::Timestamp;

use crate::contact::{self, Contact};
use crate::failure::{Failure, Verdict};
use crate::home::pins::{AcceptError, Anyway, Pin};
use crate::home::{Home, HomeError};
use crate::reader::{Memory, Reader};
use crate::release::{self, FileFound, FileQuestion};
use crate::source::Source;
use crate::trust::{TrustError, TrustPolicy};

/// What an app keeps between one question and the next. Each write MUST be whole or not at all,
/// and must not be lost once it returned: a forgotten head is a freeze that nobody notices.
pub trait Store {
    /// Why the store fails.
    type Error: std::error::Error + Send + Sync + 'static;

    /// What is remembered of a log.
    fn memory(&self, origin: &Origin) -> Result<Option<Memory>, Self::Error>;
    /// Remembers a head that passed every step. A smaller one MUST NOT replace it.
    fn remember(&mut self, memory: &Memory) -> Result<(), Self::Error>;
    /// What is pinned for a contact.
    fn pin(&self, origin: &Origin, label: &Label) -> Result<Option<Pin>, Self::Error>;
    /// Pins a contact.
    fn keep_pin(&mut self, origin: &Origin, label: &Label, pin: &Pin) -> Result<(), Self::Error>;
}

/// A question that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError<E: std::error::Error + 'static> {
    /// The flow failed. The verdict and the next step are the failure's.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The policy.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A change of keys that is not accepted.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// The app's store.
    #[error("the store fails: {0}")]
    Store(#[source] E),
}

impl<E: std::error::Error + 'static> AskError<E> {
    /// How the question was decided.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Failure(failure) => failure.verdict(),
            Self::Accept(AcceptError::Unconfirmed(_)) => Verdict::Undecided,
            Self::Trust(_) | Self::Store(_) | Self::Accept(AcceptError::NothingPending) => {
                Verdict::Usage
            }
        }
    }
}

/// One reader of one log, with what it keeps.
#[derive(Debug)]
pub struct Verifier<S> {
    log: Source,
    trust: TrustPolicy,
    store: S,
}

impl<S: Store> Verifier<S> {
    /// Asks `log` under `trust`, and keeps in `store`.
    pub fn new(log: Source, trust: TrustPolicy, store: S) -> Self {
        Self { log, trust, store }
    }

    /// The app's store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Looks a contact up, compares with the pin, and pins what is new and verified. Encrypt to
    /// [`Contact::relied_on`] and to nothing else.
    pub async fn contact(
        &mut self,
        label: &Label,
        now: Timestamp,
    ) -> Result<Contact, AskError<S::Error>> {
        let origin = self.origin()?;
        let pin = self.store.pin(&origin, label).map_err(AskError::Store)?;
        let mut reader = open(&self.log, &self.trust, &self.store, &origin, now).await?;
        let pinned = pin.as_ref().map(Pin::pinned);
        let outcome = contact::verify(&mut reader, label, pinned.as_ref()).await;
        // Nothing is awaited from here on: a caller that gives up has changed nothing before.
        keep(&mut self.store, &reader)?;
        let contact = outcome?;
        if let Some(pin) = Pin::after(pin, &contact, now) {
            let kept = self.store.keep_pin(&origin, label, &pin);
            kept.map_err(AskError::Store)?;
        }
        Ok(contact)
    }

    /// Relies on the changed keys that the last look-up of a contact showed, by a person's word.
    pub fn accept(
        &mut self,
        label: &Label,
        now: Timestamp,
        anyway: Anyway,
    ) -> Result<Pin, AskError<S::Error>> {
        let origin = self.origin()?;
        let pin = self.store.pin(&origin, label).map_err(AskError::Store)?;
        let pin = pin.ok_or(AcceptError::NothingPending)?;
        let pin = pin.accept(now, anyway)?;
        let kept = self.store.keep_pin(&origin, label, &pin);
        kept.map_err(AskError::Store)?;
        Ok(pin)
    }

    /// Whether a file may be installed: its state must be [`release::FileState::Logged`]. Name the
    /// stream in the question; without one a special build with a stream of its own would do.
    pub async fn file(
        &mut self,
        question: FileQuestion,
        now: Timestamp,
    ) -> Result<FileFound, AskError<S::Error>> {
        let origin = self.origin()?;
        let mut reader = open(&self.log, &self.trust, &self.store, &origin, now).await?;
        let outcome = release::verify(&mut reader, question).await;
        keep(&mut self.store, &reader)?;
        Ok(outcome?)
    }

    fn origin(&self) -> Result<Origin, TrustError> {
        self.trust.origin_at(self.log.base().as_str())
    }
}

async fn open<'r, S: Store>(
    log: &'r Source,
    trust: &'r TrustPolicy,
    store: &S,
    origin: &Origin,
    now: Timestamp,
) -> Result<Reader<'r>, AskError<S::Error>> {
    let remembered = store.memory(origin).map_err(AskError::Store)?;
    Ok(Reader::open(log, trust, remembered, now).await?)
}

/// Even if the question failed, a head that passed every step is remembered.
fn keep<S: Store>(store: &mut S, reader: &Reader<'_>) -> Result<(), AskError<S::Error>> {
    store.remember(reader.memory()).map_err(AskError::Store)
}

/// The folder of the command line.
impl Store for Home {
    type Error = HomeError;

    fn memory(&self, origin: &Origin) -> Result<Option<Memory>, HomeError> {
        Home::memory(self, origin)
    }

    fn remember(&mut self, memory: &Memory) -> Result<(), HomeError> {
        Home::remember(self, memory)
    }

    fn pin(&self, origin: &Origin, label: &Label) -> Result<Option<Pin>, HomeError> {
        Home::pin(self, origin, label)
    }

    fn keep_pin(&mut self, origin: &Origin, label: &Label, pin: &Pin) -> Result<(), HomeError> {
        Home::keep_pin(self, origin, label, pin)
    }
}

/// A store that lasts as long as the process. For tests, and as a model for an app's own.
#[derive(Debug, Default)]
pub struct MemoryStore {
    memories: BTreeMap<String, Memory>,
    pins: BTreeMap<(String, Label), Pin>,
}

impl Store for MemoryStore {
    type Error = Infallible;

    fn memory(&self, origin: &Origin) -> Result<Option<Memory>, Infallible> {
        Ok(self.memories.get(origin.as_str()).cloned())
    }

    fn remember(&mut self, memory: &Memory) -> Result<(), Infallible> {
        let origin = memory.genesis.origin().to_string();
        let kept = self.memories.get(&origin);
        if kept.is_none_or(|kept| kept.head.size <= memory.head.size) {
            self.memories.insert(origin, memory.clone());
        }
        Ok(())
    }

    fn pin(&self, origin: &Origin, label: &Label) -> Result<Option<Pin>, Infallible> {
        let key = (origin.to_string(), label.clone());
        Ok(self.pins.get(&key).cloned())
    }

    fn keep_pin(&mut self, origin: &Origin, label: &Label, pin: &Pin) -> Result<(), Infallible> {
        let key = (origin.to_string(), label.clone());
        self.pins.insert(key, pin.clone());
        Ok(())
    }
}
