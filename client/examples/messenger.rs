//! A messenger that refuses to encrypt to a key outside of the verified key set.
//!
//! With `plainsight-lab up` running:
//!
//! ```sh
//! cargo run -p plainsight-client --example messenger -- FOLDER/policy person0001@mail.example
//! ```
//!
//! A third argument is a key, in hex, that "the provider's server" wants the message encrypted to
//! as well: what a ghost device looks like to a sender.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::label;
use plainsight_client::report::Report as _;
use plainsight_client::source::Source;
use plainsight_client::trust::TrustPolicy;
use plainsight_client::verifier::{MemoryStore, Store, Verifier};
use plainsight_specs::keyset::{KeyRecord, Role};
use plainsight_specs::time::Timestamp;

/// Why nothing is sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// The contact's keys cannot be relied on.
    #[error("nothing is sent: the contact's keys cannot be relied on")]
    NotVerified,
    /// The server wants a key that the owner never published.
    #[error("nothing is sent: the server wants it encrypted to a key outside of the key set")]
    GhostKey,
}

/// The keys to encrypt a message to: every key that reads, and no other. `wanted` is what the
/// provider's server says to encrypt to; it may leave devices out, and may add none.
pub(crate) async fn recipients<S: Store>(
    verifier: &mut Verifier<S>,
    typed: &str,
    wanted: Option<&[Vec<u8>]>,
    now: Timestamp,
) -> Result<Vec<KeyRecord>, Box<dyn Error>> {
    let contact = verifier.contact(&label::typed(typed)?, now).await?;
    for line in contact.lines() {
        println!("{line}");
    }
    let key_set = contact.relied_on().ok_or(Refused::NotVerified)?;
    let reads = |key: &&KeyRecord| key.role != Role::Identity;
    let keys: Vec<KeyRecord> = key_set.keys().iter().filter(reads).cloned().collect();
    let is_in_set = |wanted: &Vec<u8>| keys.iter().any(|key| key.key == *wanted);
    if !wanted.unwrap_or_default().iter().all(is_in_set) {
        return Err(Refused::GhostKey.into());
    }
    Ok(keys)
}

/// The log that a policy file lists, asked by this library's own transport.
pub(crate) fn verifier(
    policy: &str,
    notes: Option<&str>,
) -> Result<Verifier<MemoryStore>, Box<dyn Error>> {
    let trust = TrustPolicy::parse(policy, notes)?;
    let log = trust.log_url().ok_or("the policy's log has no address")?;
    let source = Source::new(Http::new(Patience::default())?, BaseUrl::parse(log)?);
    Ok(Verifier::new(source, trust, MemoryStore::default()))
}

/// The system's clock.
pub(crate) fn clock() -> Result<Timestamp, Box<dyn Error>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Timestamp::from_seconds(now).ok_or_else(|| "no such time".into())
}

#[tokio::main(flavor = "current_thread")]
#[allow(dead_code, reason = "the test of this example has its own main")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(policy), Some(typed)) = (args.next(), args.next()) else {
        return Err("usage: messenger POLICY LABEL [KEY]".into());
    };
    let notes = std::fs::read_to_string(format!("{policy}.toml")).ok();
    let mut verifier = verifier(&std::fs::read_to_string(policy)?, notes.as_deref())?;
    let wanted = args.map(|key| from_hex(&key)).collect::<Option<Vec<_>>>();
    let wanted = wanted.ok_or("KEY is hex")?;
    for key in recipients(&mut verifier, &typed, Some(&wanted), clock()?).await? {
        // Here the app encrypts, with its own protocol.
        println!("Encrypting to {} ({}, {}).", key.id, key.role, key.alg);
    }
    Ok(())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
