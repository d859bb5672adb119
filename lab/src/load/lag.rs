//! How long it takes from an acknowledged entry to a published checkpoint that covers it.
//!
//! A follower reads the checkpoint as an auditor would, every [`POLL`], so a lag is exact to that.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::drive::{microseconds, record};
use super::wire::{Target, Wire};

/// How often the checkpoint is read.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// What is acknowledged and not published yet, and the lags of what is.
pub(crate) struct Lag {
    state: RefCell<State>,
}

struct State {
    /// Positions, and when each was acknowledged: one of each answer, its last.
    waiting: Vec<(u64, Instant)>,
    lags: Histogram<u64>,
}

impl Lag {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            state: RefCell::new(State {
                waiting: Vec::new(),
                lags: microseconds()?,
            }),
        })
    }

    /// Notes a position that was just acknowledged.
    pub(crate) fn acknowledged(&self, position: u64) {
        let mut state = self.state.borrow_mut();
        state.waiting.push((position, Instant::now()));
    }

    fn published(&self, size: u64) {
        let now = Instant::now();
        let State { waiting, lags } = &mut *self.state.borrow_mut();
        waiting.retain(|(position, since)| {
            let is_covered = *position < size;
            if is_covered {
                record(lags, now.saturating_duration_since(*since));
            }
            !is_covered
        });
    }

    /// Follows the checkpoint until the task is aborted.
    pub(crate) fn follow(self: &Rc<Self>, target: &Target) -> JoinHandle<Result<()>> {
        let (lag, target) = (Rc::clone(self), target.clone());
        tokio::task::spawn_local(async move {
            let mut wire = Wire::new(&target);
            let mut poll = interval(POLL);
            poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                poll.tick().await;
                lag.published(published_size(&target, &mut wire).await?);
            }
        })
    }

    /// Waits until all that was acknowledged is published, within `limit`. What is left then.
    pub(crate) async fn settle(&self, limit: Duration) -> usize {
        let end = Instant::now() + limit;
        loop {
            let left = self.state.borrow().waiting.len();
            if left == 0 || Instant::now() >= end {
                return left;
            }
            sleep(POLL).await;
        }
    }

    /// The lags so far.
    pub(crate) fn lags(&self) -> Histogram<u64> {
        self.state.borrow().lags.clone()
    }
}

/// The size of the log's published checkpoint; zero if there is none yet.
pub(crate) async fn published_size(target: &Target, wire: &mut Wire) -> Result<u64> {
    let answer = wire.exchange(&target.get("checkpoint")).await?;
    if answer.status == 404 {
        return Ok(0);
    }
    let text = std::str::from_utf8(answer.body).context("the checkpoint is not text")?;
    let size = text.lines().nth(1).context("the checkpoint has no size")?;
    size.parse().context("the checkpoint's size")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lag_ends_when_the_checkpoint_covers_the_position() {
        let lag = Lag::new().unwrap();
        lag.acknowledged(9);
        lag.acknowledged(10);
        lag.published(10);
        assert_eq!(lag.lags().len(), 1);
        assert_eq!(lag.settle(Duration::ZERO).await, 1);
        lag.published(11);
        assert_eq!(lag.settle(Duration::from_mins(1)).await, 0);
        assert_eq!(lag.lags().len(), 2);
    }
}
