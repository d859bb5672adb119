//! Verifies a contact's keys, one's own keys and software updates against a Plainsight log, trusting no
//! single party: not the provider, not any one auditor, not the network.
//!
//! # Two layers
//!
//! **Pure verification** is the crate [`plainsight_specs`]: bytes in, a proven value or a named failure
//! out. It has no runtime, no network, no clock and no storage; the time is an argument. Whoever has
//! bytes already, from a push message, a file or another program's cache, needs nothing else:
//!
//! ```
//! use plainsight_specs::evidence::{Evidence, EvidenceError, Finding};
//!
//! /// What a file proves about a log, checked by a stranger.
//! fn proved(file: &[u8]) -> Result<Finding, EvidenceError> {
//!     Evidence::parse(file)?.verify()
//! }
//! assert!(proved(b"{}").is_err());
//! ```
//!
//! **Flows** are this crate: they ask over HTTP, each answer within bounds of size and of time
//! ([`http::Patience`]), try reads again, and end when their future is dropped. What they return is what
//! the first layer proved, and what it rests on. They need a Tokio runtime; of the clock they know what
//! they are told.
//!
//! | to | begin with |
//! |---|---|
//! | embed it in an app | [`verifier::Verifier`], over the app's own [`verifier::Store`] and, if it wants, its own [`transport::Transport`] |
//! | ask one question with full control | a [`reader::Reader`] (the log's address, the reader's [`trust`], what is remembered, the time) and a flow: [`contact`], [`monitor`], [`release`], [`protection`], [`status`] |
//! | manage one's own keys | [`own`], [`mod@publish`], [`watch`] |
//! | show it to a person | [`report`]: sentences and JSON for each result |
//! | keep it on disk as the command line does | [`home`] |
//!
//! [`cli`] is the command line `plainsight` around all of it.
//!
//! # An app in twelve lines
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
//! // An app keeps what was verified: a forgotten head is a freeze that nobody notices.
//! let mut verifier = Verifier::new(source, trust, MemoryStore::default());
//! let contact = verifier.contact(&label::typed("alice@example.org")?, now).await?;
//! match contact.relied_on() {
//!     Some(key_set) => println!("encrypt to these keys and no other: {:?}", key_set.keys()),
//!     None => println!("do not send; tell the person why"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The examples `messenger` and `updater` do that for real; a test runs them against a log and three
//! auditors.
//!
//! # What can go wrong
//!
//! A flow fails with a [`failure::Failure`]: which step of verification failed, who is to blame, what a
//! person can do next, and the head that was shown if the log signed it. [`failure::Verdict`] is what it
//! comes to, and the exit code of the command line. An outage is never an accusation, and a proof that
//! does not hold proves nothing against anyone; what does is [`plainsight_specs::evidence`].
//!
//! # What it does not do
//!
//! It encrypts nothing, installs nothing and chooses no auditors. It shows that a key was published, not
//! who holds it: for that people compare codes ([`contact::codes`]).

pub mod cli;
pub mod contact;
pub mod entries;
pub mod failure;
pub mod home;
pub mod http;
pub mod label;
pub mod logged;
pub mod monitor;
pub mod own;
pub mod protection;
pub mod publish;
pub mod qr;
pub mod reader;
pub mod rebuilds;
pub mod release;
pub mod report;
pub mod source;
pub mod status;
pub mod streams;
pub mod transport;
pub mod trust;
pub mod verifier;
pub mod watch;
pub mod weigh;
