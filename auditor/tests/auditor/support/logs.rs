//! Logs in memory.

use plainsight_specs::entry::KeyEntry;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::index::IndexKey;
use plainsight_specs::rules::Judged;

use crate::tiny_log::{PROTECTIONS, RELEASES, TinyLog, canary, label, release};

pub fn now_ms() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// The right epoch for the next position, now.
pub fn epoch(log: &mut TinyLog) -> Judged {
    let epoch = log.replay.next_epoch(now_ms());
    log.push(epoch.to_bytes().to_vec())
}

/// A key entry at this index.
pub fn key_entry(index: IndexKey) -> Vec<u8> {
    let commitment = Hash::ZERO;
    KeyEntry { index, commitment }.to_bytes().to_vec()
}

/// Appends as many key entries, each of its own index, and an epoch.
pub fn grow(log: &mut TinyLog, keys: std::ops::Range<u64>) {
    for n in keys {
        let index = IndexKey::private(sha256(&n.to_be_bytes()));
        assert!(!log.push(key_entry(index)).is_void());
    }
    assert!(!epoch(log).is_void());
}

/// A log with something of everything, ending at an epoch.
pub fn busy() -> TinyLog {
    let mut log = TinyLog::new();
    log.push_key_set(&label("alice@example.org"), 0);
    log.push_statement(&log.next(release("1.0.0", &[b"one"])), RELEASES);
    log.push_statement(&log.next(canary()), PROTECTIONS);
    epoch(&mut log);
    log.push_key_set(&label("bob@example.org"), 0);
    log.push_statement(&log.next(release("1.1.0", &[b"two"])), RELEASES);
    epoch(&mut log);
    assert!(log.judged.iter().all(|judged| !judged.is_void()));
    log
}

/// Two logs of one key that agree on the first epoch and on nothing after it.
pub fn forked() -> (TinyLog, TinyLog) {
    let (mut one, mut other) = (TinyLog::new(), TinyLog::new());
    let first = one.replay.next_epoch(now_ms()).to_bytes().to_vec();
    for log in [&mut one, &mut other] {
        log.push(first.clone());
    }
    for n in 0..20u8 {
        one.push(key_entry(IndexKey::private(sha256(&[1, n]))));
        other.push(key_entry(IndexKey::private(sha256(&[2, n]))));
    }
    for log in [&mut one, &mut other] {
        epoch(log);
    }
    (one, other)
}
