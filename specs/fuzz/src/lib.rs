//! What each fuzz target does with its input: it parses, acts, and asserts what must hold, and
//! panics when it does not.
//!
//! The bodies are here so that the targets of `cargo fuzz` and the plain test
//! `specs/tests/fuzzing.rs` run the same code. Out of scope: the auditor's decisions, whose body
//! is `decisions.rs` and is included where the code under test is.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each program that includes this uses its own part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what cannot go on has failed"
)]

#[path = "../../tests/reference/index.rs"]
mod reference_index;
#[path = "../../tests/reference/log.rs"]
mod reference_log;
#[path = "../../tests/tiny_log/mod.rs"]
mod tiny_log;

pub mod formats;
pub mod indexes;
pub mod json;
pub mod log;
pub mod looking;
pub mod said;
pub mod seeds;
pub mod smoke;
pub mod trees;
pub mod watching;

/// A target: its name, which is also its corpus's folder, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 7] = [
    ("formats", formats::run),
    ("json", json::run),
    ("trees", trees::run),
    ("indexes", indexes::run),
    ("looking", looking::run),
    ("log", log::run),
    ("watching", watching::run),
];
