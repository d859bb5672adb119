//! What all tests share: logs in memory, where they are shown, and auditors as strangers see them.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test uses its own part"
)]

pub mod database;
mod logs;
mod node;
pub mod receiver;
mod site;

pub use logs::{busy, epoch, forked, grow, key_entry, now_ms};
pub use node::{Auditor, folder, folder_named, peer_of, until};
pub use site::Site;
