#![doc = include_str!("../../index.md")]

mod error;
mod key;
mod merge;
pub mod node;
mod page;
mod proof;
mod prove;
mod transition;
mod tree;
mod verify;

pub use error::IndexError;
pub use key::{IndexKey, Namespace};
pub use proof::{IndexProof, MAX_RESULTS, SearchResult};
pub use transition::{MAX_INSERTED, TransitionProof};
pub use tree::{Iter, Tree};
