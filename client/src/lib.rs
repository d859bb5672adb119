//! Library and command line that verify a contact's keys, one's own keys and updates, trusting no
//! single party.

pub mod http;
pub mod source;
