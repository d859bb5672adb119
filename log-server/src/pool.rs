//! What waits to be sequenced, bounded by count and by bytes.
//!
//! There is no timer: the sequencer takes all that queued while its last commit ran, so that a
//! lone entry waits for nothing and a crowd shares one commit. A full pool refuses at once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use plainsight_specs::hash::Hash;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::rules::Rule;
use tokio::sync::{Notify, oneshot};

/// The most entries of one commit.
const MAX_BATCH_ENTRIES: usize = 4_096;
/// The most bytes of one commit.
const MAX_BATCH_BYTES: usize = 4 << 20;

/// What became of a pending entry. A sender dropped without an outcome means that the entry may
/// or may not be in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the log.
    Sequenced(LeafIndex),
    /// It would have broken this rule, and is not in the log.
    Refused(Rule),
}

/// The private row of a pending entry, less its position.
pub(crate) enum PendingRow {
    /// What opens a key entry.
    Key {
        label_hash: Hash,
        version: u32,
        opening: [u8; 16],
        key_set: Vec<u8>,
    },
    /// What finds a statement.
    Statement { stream: Vec<u8>, seq: u32 },
}

impl PendingRow {
    fn bytes(&self) -> usize {
        match self {
            Self::Key { key_set, .. } => key_set.len(),
            Self::Statement { stream, .. } => stream.len(),
        }
    }
}

/// An entry that waits.
pub(crate) struct Pending {
    pub(crate) entry: Vec<u8>,
    pub(crate) row: PendingRow,
    pub(crate) reply: oneshot::Sender<Outcome>,
}

impl Pending {
    fn bytes(&self) -> usize {
        self.entry.len() + self.row.bytes()
    }
}

/// The pool is full; nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much waits to be sequenced")]
pub(crate) struct Full;

/// The bounded queue.
pub(crate) struct Pool {
    max_entries: usize,
    max_bytes: usize,
    queue: Mutex<Queue>,
    filled: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Pending>,
    bytes: usize,
    /// Whether there is a writer that takes from it.
    is_open: bool,
}

impl Pool {
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            max_entries,
            max_bytes,
            queue: Mutex::default(),
            filled: Notify::new(),
        }
    }

    /// Queues all or none, in order.
    pub(crate) fn submit(&self, entries: Vec<Pending>) -> Result<(), Full> {
        if entries.is_empty() {
            return Ok(());
        }
        let bytes: usize = entries.iter().map(Pending::bytes).sum();
        {
            let mut queue = self.lock();
            if !queue.is_open
                || queue.waiting.len() + entries.len() > self.max_entries
                || queue.bytes + bytes > self.max_bytes
            {
                return Err(Full);
            }
            queue.bytes += bytes;
            queue.waiting.extend(entries);
        }
        self.filled.notify_one();
        Ok(())
    }

    /// Takes what waits, within the bounds of one commit.
    pub(crate) fn take(&self) -> Vec<Pending> {
        let mut queue = self.lock();
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < MAX_BATCH_ENTRIES && bytes < MAX_BATCH_BYTES {
            let Some(next) = queue.waiting.pop_front() else {
                break;
            };
            bytes += next.bytes();
            taken.push(next);
        }
        queue.bytes -= bytes;
        taken
    }

    /// Waits until something was queued since this was last awaited.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Lets entries in: there is a writer.
    pub(crate) fn open(&self) {
        self.lock().is_open = true;
    }

    /// Drops all that waits, and lets nothing in: nobody is going to sequence it.
    pub(crate) fn close(&self) {
        let mut queue = self.lock();
        queue.is_open = false;
        queue.waiting.clear();
        queue.bytes = 0;
    }

    /// No code between lock and unlock can panic, so a poisoned queue is whole.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(bytes: usize) -> Pending {
        Pending {
            entry: vec![0; bytes],
            row: PendingRow::Statement {
                stream: Vec::new(),
                seq: 0,
            },
            reply: oneshot::channel().0,
        }
    }

    fn open(max_entries: usize, max_bytes: usize) -> Pool {
        let pool = Pool::new(max_entries, max_bytes);
        pool.open();
        pool
    }

    #[test]
    fn without_a_writer_nothing_waits() {
        let pool = open(2, 1_000);
        pool.submit(vec![pending(1)]).unwrap();
        pool.close();
        assert!(pool.take().is_empty());
        assert_eq!(pool.submit(vec![pending(1)]), Err(Full));
        pool.open();
        pool.submit(vec![pending(1)]).unwrap();
    }

    #[test]
    fn refuses_above_its_count_and_takes_none_of_it() {
        let pool = open(2, 1_000);
        pool.submit(vec![pending(1)]).unwrap();
        assert_eq!(pool.submit(vec![pending(1), pending(1)]), Err(Full));
        pool.submit(vec![pending(1)]).unwrap();
        assert_eq!(pool.take().len(), 2);
        assert!(pool.take().is_empty());
    }

    #[test]
    fn refuses_above_its_bytes_until_they_are_taken() {
        let pool = open(100, 10);
        pool.submit(vec![pending(6)]).unwrap();
        assert_eq!(pool.submit(vec![pending(5)]), Err(Full));
        pool.take();
        pool.submit(vec![pending(10)]).unwrap();
    }

    #[test]
    fn one_commit_takes_a_bounded_batch_in_order() {
        let pool = open(10_000, 1 << 30);
        pool.submit((0..5_000).map(|n| pending(n % 7 + 1)).collect())
            .unwrap();
        let first = pool.take();
        assert_eq!(first.len(), MAX_BATCH_ENTRIES);
        assert_eq!(first[3].entry.len(), 4);
        assert_eq!(pool.take().len(), 5_000 - MAX_BATCH_ENTRIES);
        pool.submit(vec![pending(MAX_BATCH_BYTES), pending(1)])
            .unwrap();
        assert_eq!(pool.take().len(), 1);
    }

    #[tokio::test]
    async fn what_is_queued_before_the_wait_wakes_it() {
        let pool = open(10, 100);
        pool.submit(vec![pending(1)]).unwrap();
        pool.filled().await;
        assert_eq!(pool.take().len(), 1);
    }
}
