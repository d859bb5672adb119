//! Library and command line that verify a contact's keys, one's own keys and updates, trusting no
//! single party.
//!
//! Pure verification, bytes in and a proven value or a named failure out, is in
//! [`plainsight_specs`]. Here are the flows over HTTP: each takes a [`reader::Reader`], which holds
//! the log's address, the reader's [`trust`], what is remembered and a clock value, and returns
//! what was found together with what it rests on. [`report`] puts that into sentences and JSON,
//! [`home`] keeps it on disk, and [`cli`] is the command line around all of it.

pub mod cli;
pub mod contact;
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
pub mod release;
pub mod report;
pub mod source;
pub mod status;
pub mod trust;
pub mod weigh;
