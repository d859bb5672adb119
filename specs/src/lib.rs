#![doc = include_str!("../overview.md")]

pub mod checkpoint;
pub mod codec;
pub mod commitment;
pub mod cosignature;
pub mod dsse;
pub mod ed25519;
pub mod entry;
pub mod hash;
pub mod index;
pub mod json;
pub mod keyset;
pub mod label;
pub mod ladder;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod statement;
pub mod tile;
pub mod time;
pub mod tlog_proof;
pub mod vrf;
pub mod witness;

mod blame;
mod edwards;

pub use blame::Blame;
