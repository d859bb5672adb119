//! Takes what waits in the database to one channel, in order, and tries again what failed.
//!
//! One task a channel, so that one that hangs holds up no other. A message is marked only after the
//! channel took it: killed in between, it is sent again under the same id.

use std::time::Duration;

use tokio::sync::watch;

use super::channel::Channel;
use super::{Alert, Message, Sender, Severity, evidence_of};
use crate::clock;
use crate::store::{Store, StoreError};

/// How often the queue is looked at.
pub const LOOK: Duration = Duration::from_secs(1);
/// How often a message is tried before it is given up: over some 30 hours.
pub const MAX_TRIES: u32 = 24;
/// Failures in a row after which the others are told that this channel fails.
pub const PATIENCE: u32 = 3;
/// The code of the alert that says so.
pub const FAILING: &str = "channel-failing";

/// The pause after the given number of failures, in seconds: 5, 10, 20, ... at most two hours.
pub fn pause_s(tries: u32) -> u64 {
    let doubled = 5u64
        .checked_shl(tries.saturating_sub(1))
        .unwrap_or(u64::MAX);
    doubled.min(2 * 3600)
}

/// One channel's messenger.
#[derive(Debug)]
pub struct Courier {
    /// The database.
    pub store: Store,
    /// Who tells.
    pub sender: Sender,
    /// The way out.
    pub channel: Channel,
    /// How often the queue is looked at.
    pub look: Duration,
    failures: u32,
}

impl Courier {
    /// A messenger that has not failed yet.
    pub fn new(store: Store, sender: Sender, channel: Channel, look: Duration) -> Self {
        Self {
            store,
            sender,
            channel,
            look,
            failures: 0,
        }
    }

    /// Works until `stop` says so.
    pub async fn work(mut self, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(self.look);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                _ = tick.tick() => {}
            }
            if let Err(error) = self.store.queue_ends(clock::now_s()).await {
                tracing::error!(channel = %self.channel.name, %error, "the queue of alerts cannot be read");
                continue;
            }
            loop {
                tokio::select! {
                    _ = stop.changed() => return,
                    told = self.one() => match told {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(error) => {
                            tracing::error!(
                                channel = %self.channel.name, %error,
                                "the queue of alerts cannot be read"
                            );
                            break;
                        }
                    }
                }
            }
        }
    }

    /// Tells the first message whose turn it is; gives whether there was one.
    async fn one(&mut self) -> Result<bool, StoreError> {
        let now = clock::now_s();
        let name = self.channel.name.clone();
        let Some(waiting) = self.store.next_delivery(&name, now).await? else {
            return Ok(false);
        };
        let evidence = evidence_of(&self.store, &waiting.alert).await?;
        let message = Message::new(&self.sender, waiting.event, waiting.alert, evidence);
        match self.channel.send(&message, now).await {
            Ok(()) => {
                self.store.delivered(waiting.row, clock::now_s()).await?;
                self.failures = 0;
                self.store
                    .resolve_own(FAILING, &name, clock::now_s())
                    .await?;
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let tries = waiting.tries.saturating_add(1);
                let due = (tries < MAX_TRIES).then(|| now.saturating_add(pause_s(tries)));
                let why = error.to_string();
                tracing::warn!(channel = %name, id = %message.id, tries, "not told: {why}");
                self.store.not_delivered(waiting.row, due, &why).await?;
                if self.failures >= PATIENCE || due.is_none() || tries >= PATIENCE {
                    self.tell_failing(&name, &why).await?;
                }
            }
        }
        Ok(true)
    }

    async fn tell_failing(&self, name: &str, why: &str) -> Result<(), StoreError> {
        let alert = Alert {
            severity: Severity::Own,
            code: FAILING,
            subject: name.into(),
            text: format!("the channel {name} does not take alerts: {why}"),
        };
        self.store.raise(None, &alert, clock::now_s()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_at_two_hours() {
        let pauses: Vec<u64> = (1..=12).map(pause_s).collect();
        assert_eq!(pauses[..4], [5, 10, 20, 40]);
        assert_eq!(pauses[11], 7200);
        assert_eq!(pause_s(200), 7200);
        let all: u64 = (1..MAX_TRIES).map(pause_s).sum();
        assert!((24..36).contains(&(all / 3600)), "{all}");
    }
}
