//! The one writer of entries: judges what is pending by the auditors' own rules, and commits it.
//!
//! One commit takes all that queued while the last one ran: head, segment and private rows in one
//! transaction. Only then are the publishers answered. An epoch is appended only when the
//! publisher is ready for a new head, and in the same commit as the entries before it. After any
//! failed commit this ends: what is in memory, the index above all, is then no longer what the
//! database holds, and is read anew (see [`crate::recovery`]).

use std::sync::Arc;
use std::time::Duration;

use plainsight_specs::entry::Genesis;
use plainsight_specs::merkle::{LeafIndex, TreeSize};
use plainsight_specs::rules::{Judged, Replay};
use tokio::sync::{Mutex, oneshot, watch};
use tokio::time::Instant;

use crate::pool::{Outcome, Pending, PendingRow};
use crate::recovery::{WriteError, refuse};
use crate::shared::Shared;
use crate::steady::Steady;
use crate::store::{Batch, Head, NewKey, NewStatement, Segment, Writer};

/// The pause before a clock that has leapt is read again.
const LEAPT: Duration = Duration::from_secs(1);

/// The sequencer of one term.
pub(crate) struct Sequencer {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Writer>>,
    replay: Replay,
    head: Head,
    /// When the last epoch was appended in this term.
    last_epoch: Option<Instant>,
    steady: Steady,
    /// Until when no epoch is tried, since the clock has leapt.
    held: Option<Instant>,
}

/// A batch as it is built.
struct Building {
    batch: Batch,
    acks: Vec<(oneshot::Sender<Outcome>, Outcome)>,
}

impl Sequencer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        writer: Arc<Mutex<Writer>>,
        replay: Replay,
        head: Head,
    ) -> Self {
        // Half of what auditors bear, so that the other half is left for theirs.
        let skew_ms = replay.genesis().map_or(0, Genesis::max_clock_skew_ms);
        let clock = &shared.clock;
        let steady = Steady::new(skew_ms / 2, clock.now_ms(), clock.counted());
        Self {
            shared,
            writer,
            replay,
            head,
            last_epoch: None,
            steady,
            held: None,
        }
    }

    /// Sequences until `stop` is set, and then what is left.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), WriteError> {
        let mut published = self.shared.published.subscribe();
        loop {
            let is_stopping = *stop.borrow_and_update();
            published.borrow_and_update();
            let due = self.epoch_due();
            let is_due = due.is_some_and(|due| due <= Instant::now());
            let pending = self.shared.pool.take();
            if !pending.is_empty() || is_due {
                // An entry that comes when no epoch is held back by the tick is published at once.
                let with_epoch = is_due || (self.is_publisher_ready() && self.tick_is_over());
                self.commit(pending, with_epoch).await?;
                continue;
            }
            // What was acknowledged is not left without an epoch; the caller bounds the time.
            if is_stopping && self.head.tree.size == self.head.epoch_size {
                return Ok(());
            }
            let until_due = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.shared.pool.filled() => {}
                () = until_due => {}
                // Senders live as long as `shared` and the caller.
                _ = published.changed() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// When the next epoch is to be appended; `None` while the publisher is busy.
    fn epoch_due(&self) -> Option<Instant> {
        if !self.is_publisher_ready() {
            return None;
        }
        let now = Instant::now();
        if let Some(held) = self.held.filter(|held| *held > now) {
            return Some(held);
        }
        if self.head.tree.size > self.head.epoch_size {
            let tick = self.shared.config.publication.tick();
            return Some(self.last_epoch.map_or(now, |last| last + tick));
        }
        let heartbeat_ms = self.heartbeat_ms()?;
        let left = self
            .head
            .last_ms
            .saturating_add(heartbeat_ms)
            .saturating_sub(self.shared.clock.now_ms());
        Some(now + Duration::from_millis(left))
    }

    /// Half of what the genesis promises, which leaves the auditors the other half. `None` for a
    /// log that is closed.
    fn heartbeat_ms(&self) -> Option<u64> {
        use plainsight_specs::rules::Phase;
        let genesis = self.replay.genesis()?;
        (self.replay.phase() != Phase::Ended).then(|| genesis.heartbeat_s().saturating_mul(500))
    }

    /// All that ends at an epoch is published.
    fn is_publisher_ready(&self) -> bool {
        *self.shared.published.borrow() >= self.head.epoch_size
    }

    fn tick_is_over(&self) -> bool {
        let tick = self.shared.config.publication.tick();
        self.last_epoch.is_none_or(|last| last.elapsed() >= tick)
    }

    pub(crate) async fn commit(
        &mut self,
        pending: Vec<Pending>,
        with_epoch: bool,
    ) -> Result<(), WriteError> {
        let mut building = self.build(pending);
        let with_epoch = with_epoch && self.append_epoch(&mut building)?;
        let Building { mut batch, acks } = building;
        if batch.segment.count > 0 {
            batch.head.tree = self.replay.head();
            let start = Instant::now();
            self.writer.lock().await.commit(&batch).await?;
            let metrics = &self.shared.metrics;
            metrics.commit(batch.segment.count, start.elapsed());
            self.head = batch.head;
            self.shared.set_sequenced(self.head.tree.size);
            tracing::debug!(
                entries = batch.segment.count,
                size = self.head.tree.size.get(),
                "committed"
            );
        }
        for (reply, outcome) in acks {
            // A publisher that went away needs no answer.
            let _ = reply.send(outcome);
        }
        if with_epoch {
            self.last_epoch = Some(Instant::now());
            self.shared.epoch.send_replace(Some(self.head.tree));
        }
        Ok(())
    }

    /// Judges each pending entry at the position it would have, and leaves out what would break
    /// a rule.
    fn build(&mut self, pending: Vec<Pending>) -> Building {
        let start = self.head.tree.size;
        let mut building = Building {
            batch: Batch {
                old_size: start,
                head: self.head,
                segment: Segment {
                    start: start.get(),
                    count: 0,
                    body: Vec::new(),
                },
                keys: Vec::new(),
                statements: Vec::new(),
                answers: Vec::new(),
            },
            acks: Vec::with_capacity(pending.len()),
        };
        for Pending {
            entry,
            row,
            reply,
            keyed,
        } in pending
        {
            let judged = self.replay.judge(&entry);
            let outcome = if let Some(rule) = judged.verdict() {
                Outcome::Refused(rule)
            } else {
                self.replay.advance(&judged);
                building.append(&entry);
                building.insert(row, &judged);
                Outcome::Sequenced(judged.position)
            };
            if let Some(keyed) = keyed {
                let answer = keyed.decided(outcome, self.shared.clock.now_ms());
                building.batch.answers.extend(answer);
            }
            building.acks.push((reply, outcome));
        }
        building
    }

    /// False if the clock is not to be believed at present.
    fn append_epoch(&mut self, building: &mut Building) -> Result<bool, WriteError> {
        let Some(now_ms) = self
            .steady
            .read(self.shared.clock.now_ms(), self.shared.clock.counted())
        else {
            if self.held.is_none() {
                tracing::error!(
                    "the clock has leapt forward: no epoch is made until it is taken back, or has \
                     gone on evenly for a minute"
                );
            }
            self.held = Some(Instant::now() + LEAPT);
            return Ok(false);
        };
        self.held = None;
        let epoch = self.replay.next_epoch(now_ms);
        let entry = epoch.to_bytes();
        let judged = self.replay.judge(&entry);
        if let Some(rule) = judged.verdict() {
            return refuse(&format!("the log's own epoch breaks the rule {rule}"));
        }
        self.replay.advance(&judged);
        building.append(&entry);
        building.batch.head.epoch_size = judged.position.size_with();
        building.batch.head.last_ms = epoch.time_ms;
        Ok(true)
    }
}

impl Building {
    fn append(&mut self, entry: &[u8]) {
        // An entry that the rules accept is at most 65,535 bytes long.
        let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        let segment = &mut self.batch.segment;
        segment.body.extend_from_slice(&length.to_be_bytes());
        segment.body.extend_from_slice(entry);
        segment.count += 1;
    }

    fn insert(&mut self, row: PendingRow, judged: &Judged) {
        let position: LeafIndex = judged.position;
        match row {
            PendingRow::Key {
                label_hash,
                version,
                opening,
                key_set,
            } => self.batch.keys.push(NewKey {
                position,
                label_hash,
                version,
                opening,
                key_set,
            }),
            PendingRow::Statement { stream, seq } => self.batch.statements.push(NewStatement {
                position,
                leaf: judged.leaf,
                stream,
                seq,
            }),
        }
    }
}

/// The smallest size that may be signed: a genesis and an epoch.
pub(crate) const SMALLEST: u64 = 2;

/// Whether a head of this size may be signed.
pub(crate) fn may_be_signed(size: TreeSize) -> bool {
    size.get() >= SMALLEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_genesis_alone_is_not_signed() {
        let may = |size| may_be_signed(TreeSize::new(size).unwrap_or_default());
        assert_eq!([0, 1, 2, 3].map(may), [false, false, true, true]);
    }
}
