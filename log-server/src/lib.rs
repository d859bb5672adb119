//! The provider's log: publish, sequence, serve.
//!
//! | module | is |
//! |---|---|
//! | [`config`], [`init`](mod@init), [`signer`] | what a log is made from |
//! | [`store`] | private state: SQL under a fencing token |
//! | [`objects`] | public state: immutable objects and one checkpoint |
//! | `publish`, `pool`, `sequencer` | from a request to a position in the log |
//! | [`publication`] | from a sequenced head to a published checkpoint; [`cosigners`] asks auditors |
//! | `election`, `forward` | which of many replicas writes, and how publishers reach it |
//! | [`directory`], [`source`], `view` | answers to readers |
//! | `recovery` | start-up, and the same after any failed write |
//! | `keep` | the first answer to an idempotency key |
//! | `http` | who asks for what; `limit`, how much of it; [`token`], who may publish |
//! | [`metrics`], [`notify`] | what operators and the service manager see of it |
//! | [`check`](mod@check) | verifies all of it |
//! | [`stepwise`] | a replica driven by hand, for simulations; [`wire`] carries questions to auditors |
//! | [`gc`] | removes partial objects that nobody needs |
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use plainsight_log_server::{InitOptions, Server, init};
//! let options = InitOptions::new("log".as_ref(), "log.example/1", ([127, 0, 0, 1], 0).into());
//! let made = init(&options).await?;
//! let server = Server::start(made.config).await?;
//! println!("{} at {}", server.verifier_key(), server.url());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

// The tests' own parts name this crate as another would.
#[cfg(test)]
extern crate self as plainsight_log_server;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

pub mod check;
pub mod config;
pub mod cosigners;
pub mod directory;
pub mod gc;
pub mod init;
pub mod metrics;
pub mod notify;
pub mod objects;
pub mod publication;
pub mod signer;
pub mod source;
pub mod stepwise;
pub mod store;
pub mod token;
pub mod wire;

mod clock;
mod election;
#[cfg(test)]
mod fault_table;
mod forget;
mod forward;
mod http;
mod keep;
mod limit;
mod materialise;
mod pool;
mod proofs;
mod publish;
mod recovery;
mod restored;
mod sequencer;
mod server;
mod shared;
mod steady;
mod view;
mod warm;
mod words;

pub use check::check;
pub use config::Config;
pub use forget::forget;
pub use http::openapi;
pub use init::{InitOptions, Initialised, init};
pub use server::{Server, StartError};
pub use token::{NewToken, add_token, make_token, revoke_token};
