//! Library and command line that verify a contact's keys, one's own keys and updates, trusting no
//! single party.
//!
//! It has two layers. **Pure verification** is [`plainsight_specs`]: bytes in, a proven value or a
//! named failure out, without runtime, network and clock. **Flows** are here: each asks over a
//! [`source::Source`], within bounds, trying reads again, and ends when its future is dropped.
//!
//! - An app begins with [`verifier::Verifier`], over its own [`verifier::Store`] and, if it wants,
//!   its own [`transport::Transport`]. The examples `messenger` and `updater` do.
//! - Below it, each flow takes a [`reader::Reader`], which holds the log's address, the reader's
//!   [`trust`], what is remembered and a clock value, and returns what was found together with what
//!   it rests on: [`contact`], [`monitor`], [`release`], [`protection`], [`status`].
//! - [`report`] puts that into sentences and JSON, [`home`] keeps it on disk, and [`cli`] is the
//!   command line around all of it.

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
