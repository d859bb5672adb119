#![doc = include_str!("../overview.md")]

pub mod bundle;
pub mod checkpoint;
pub mod codec;
pub mod commitment;
pub mod cosignature;
pub mod dsse;
pub mod ed25519;
pub mod entry;
pub mod evidence;
pub mod hash;
pub mod head;
pub mod history;
pub mod index;
pub mod json;
pub mod keyset;
pub mod label;
pub mod ladder;
pub mod lookup;
pub mod merkle;
pub mod note;
pub mod out_of_band;
pub mod policy;
pub mod publish;
pub mod query;
pub mod rebuild;
pub mod rules;
pub mod statement;
pub mod tile;
pub mod time;
pub mod tlog_proof;
pub mod vrf;
pub mod watch;
pub mod witness;

mod blame;
mod edwards;
#[cfg(test)]
mod mutations;

pub use blame::Blame;
