//! Keeps what runs beside the desks running: a task that panics is an alert, makes health red while it
//! is down, and begins again, after a longer pause each time.
//!
//! Out of scope: the logs' own tasks, which [`crate::desk`] opens again from disk.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::alert::{Alert, Severity};
use crate::clock;
use crate::contain::contained;
use crate::pulse::Pulse;
use crate::store::Store;

/// Before a task begins again; longer each time, unless it worked for long.
const PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_mins(1);
const LONG_LIFE: Duration = Duration::from_mins(5);
/// The code of the alert.
const FELL: &str = "task-fell";

/// What a task that fell is told to.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    pub(super) store: Store,
    pub(super) pulse: watch::Sender<Pulse>,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Keeper {
    /// Runs what `make` makes, again and again while it panics, until it ends or the node does.
    pub(super) async fn keep<T: Future<Output = ()>>(mut self, what: String, make: impl Fn() -> T) {
        let mut pause = PAUSE;
        while !*self.stopped.borrow() {
            let began = Instant::now();
            if contained(Box::pin(async { make().await })).await.is_some() {
                return;
            }
            pause = if began.elapsed() > LONG_LIFE {
                PAUSE
            } else {
                pause.saturating_mul(2).min(MAX_PAUSE)
            };
            self.fell(&what).await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = self.stopped.changed() => return,
            }
            self.stands(&what).await;
        }
    }

    async fn fell(&self, what: &str) {
        tracing::error!(what, "a task panicked; it begins again");
        self.pulse.send_modify(|pulse| {
            pulse.fallen.insert(what.to_owned());
        });
        let alert = Alert {
            severity: Severity::Own,
            code: FELL,
            subject: what.into(),
            text: format!("{what} ended by a fault of this program, and begins again"),
        };
        // If the database is what failed, there is nowhere to tell.
        let _ = self.store.raise(None, &alert, clock::now_s()).await;
    }

    /// It begins again. If it falls within ten minutes, the alert has not ended.
    async fn stands(&self, what: &str) {
        self.pulse.send_modify(|pulse| {
            pulse.fallen.remove(what);
        });
        let _ = self.store.resolve_own(FELL, what, clock::now_s()).await;
    }
}
