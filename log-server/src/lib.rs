//! WIP
pub mod config;
pub mod store;
