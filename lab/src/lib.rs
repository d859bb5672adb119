//! Where the parties meet: a whole network in one process, a dishonest log, the story of what each
//! lie comes to, and load. Nothing depends on this crate.

pub mod accounts;
pub mod clock;
pub mod crates;
mod folder;
pub mod liar;
pub mod lies;
pub mod load;
pub mod network;
pub mod populate;
pub mod provider;
pub mod simulate;
pub mod stage;
pub mod story;
pub mod up;
