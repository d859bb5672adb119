//! A whole auditor against logs in memory, honest or not, over real HTTP. One program, so that it
//! is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::similar_names,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed, and a log has both a size and a site"
)]

mod adding;
mod alerts;
mod dashboard;
mod decisions;
mod described;
mod fat;
mod forks;
mod honest;
mod hostile;
mod killed;
mod liar;
mod mail;
mod memory;
mod own_clock;
mod panics;
mod peers;
mod plain;
mod postgres;
mod rebuilds;
mod rebuilt;
mod support;
#[path = "../../../specs/tests/tiny_log/mod.rs"]
mod tiny_log;
mod watches;
mod week;
mod witness;
