//! What happened lately, and who listens.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::{broadcast, watch};

use super::REMEMBERED;
use super::seats::Seats;
use crate::dashboard::view::Tone;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A log's newest head is downloaded and verified.
    Head,
    /// This auditor cosigned a head.
    Cosignature,
    /// How a log does changed.
    Verdict,
    /// How another auditor's head fits changed.
    Peer,
    /// An alert was raised, acknowledged or ended.
    Alert,
    /// There is a new evidence file.
    Evidence,
    /// A release or a yank was logged.
    Release,
    /// A protection or a canary was logged.
    Protection,
    /// A role's keys were replaced.
    Keys,
    /// This auditor's own health changed.
    Node,
    /// The listener missed more than is remembered.
    Reset,
}

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Happening {
    /// What kind of thing.
    pub(crate) kind: Kind,
    /// The log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<String>,
    /// The page that shows it.
    pub(crate) path: String,
    /// For people.
    pub(crate) text: String,
    /// How to take it.
    pub(crate) tone: Tone,
    /// When it was noticed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) time: String,
    /// The size of a head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    /// The alert's or the evidence's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
}

/// An event as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) data: String,
    number: u64,
}

#[derive(Debug)]
struct Ring {
    /// The newest number given.
    newest: u64,
    kept: VecDeque<Kept>,
}

/// Where events are told and heard. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    /// Tells one life of the auditor from another.
    life: Arc<str>,
    ring: Arc<Mutex<Ring>>,
    sender: broadcast::Sender<Kept>,
    stop: watch::Receiver<bool>,
    seats: Seats,
}

impl Hub {
    /// Nothing happened yet. `life` is another at each start; listeners end when `stop` says so.
    pub(crate) fn new(life: &str, stop: watch::Receiver<bool>) -> Self {
        Self {
            life: life.into(),
            ring: Arc::new(Mutex::new(Ring {
                newest: 0,
                kept: VecDeque::new(),
            })),
            sender: broadcast::channel(REMEMBERED).0,
            stop,
            seats: Seats::default(),
        }
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, happening: &Happening) {
        let Ok(data) = serde_json::to_string(happening) else {
            return;
        };
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.newest = ring.newest.saturating_add(1);
        let kept = self.kept(ring.newest, data);
        if ring.kept.len() == REMEMBERED {
            ring.kept.pop_front();
        }
        ring.kept.push_back(kept.clone());
        // Under the lock, so that a listener that takes its place has each event once. Nobody may
        // be listening.
        let _ = self.sender.send(kept);
    }

    /// The id of the newest event.
    pub(crate) fn newest(&self) -> String {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        self.id(ring.newest)
    }

    /// The places for listeners.
    pub(super) fn seats(&self) -> &Seats {
        &self.seats
    }

    /// Listens, from the event with this id on or from now.
    pub(super) fn listen(&self, last: Option<&str>) -> Listener {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = match last.map(|last| self.number(last)) {
            None => VecDeque::new(),
            Some(number) => match number.filter(|number| ring.has_all_after(*number)) {
                Some(number) => {
                    let missed = ring.kept.iter().filter(|kept| kept.number > number);
                    missed.cloned().collect()
                }
                None => VecDeque::from([self.reset(ring.newest)]),
            },
        };
        Listener {
            hub: self.clone(),
            missed,
            receiver: self.sender.subscribe(),
            stop: self.stop.clone(),
        }
    }

    fn reset(&self, newest: u64) -> Kept {
        let happening = Happening {
            kind: Kind::Reset,
            log: None,
            path: "/".into(),
            text: "more happened than is remembered".into(),
            tone: Tone::Quiet,
            time: String::new(),
            size: None,
            id: None,
        };
        let data = serde_json::to_string(&happening).unwrap_or_default();
        self.kept(newest, data)
    }

    fn kept(&self, number: u64, data: String) -> Kept {
        Kept {
            id: self.id(number),
            data,
            number,
        }
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.life)
    }

    fn number(&self, id: &str) -> Option<u64> {
        let (life, number) = id.rsplit_once('-')?;
        (life == &*self.life).then(|| number.parse().ok()).flatten()
    }
}

impl Ring {
    fn has_all_after(&self, number: u64) -> bool {
        let oldest = self
            .kept
            .front()
            .map_or(self.newest + 1, |kept| kept.number);
        number <= self.newest && number.saturating_add(1) >= oldest
    }
}

/// Somebody who listens.
#[derive(Debug)]
pub(super) struct Listener {
    hub: Hub,
    missed: VecDeque<Kept>,
    receiver: broadcast::Receiver<Kept>,
    stop: watch::Receiver<bool>,
}

impl Listener {
    /// The next event; `None` when the auditor ends.
    pub(super) async fn next(&mut self) -> Option<Kept> {
        if let Some(kept) = self.missed.pop_front() {
            return Some(kept);
        }
        tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => None,
            received = self.receiver.recv() => match received {
                Ok(kept) => Some(kept),
                // A slow line: whoever reads it starts anew.
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    self.receiver = self.receiver.resubscribe();
                    let newest = self.hub.newest();
                    let number = self.hub.number(&newest).unwrap_or_default();
                    Some(self.hub.reset(number))
                }
                Err(broadcast::error::RecvError::Closed) => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(n: usize) -> Happening {
        Happening {
            kind: Kind::Node,
            log: None,
            path: "/status".into(),
            text: n.to_string(),
            tone: Tone::Quiet,
            time: String::new(),
            size: None,
            id: None,
        }
    }

    fn hub() -> (Hub, watch::Sender<bool>) {
        let (stop, stopped) = watch::channel(false);
        (Hub::new("a", stopped), stop)
    }

    async fn text(listener: &mut Listener) -> String {
        let kept = listener.next().await.unwrap();
        let value: serde_json::Value = serde_json::from_str(&kept.data).unwrap();
        match value["kind"].as_str() {
            Some("reset") => "reset".into(),
            _ => value["text"].as_str().unwrap().into(),
        }
    }

    #[tokio::test]
    async fn who_comes_back_hears_what_was_missed_once() {
        let (hub, _stop) = hub();
        hub.tell(&happening(1));
        let after = hub.newest();
        hub.tell(&happening(2));
        let mut listener = hub.listen(Some(&after));
        hub.tell(&happening(3));
        assert_eq!(text(&mut listener).await, "2");
        assert_eq!(text(&mut listener).await, "3");
        let mut fresh = hub.listen(None);
        hub.tell(&happening(4));
        assert_eq!(text(&mut fresh).await, "4");
    }

    #[tokio::test]
    async fn who_missed_more_than_is_remembered_is_told_so() {
        let (hub, _stop) = hub();
        let first = hub.newest();
        for n in 0..=REMEMBERED {
            hub.tell(&happening(n));
        }
        assert_eq!(text(&mut hub.listen(Some(&first))).await, "reset");
        for strange in ["b-1", "a-9999", "a", "", "a-x"] {
            assert_eq!(
                text(&mut hub.listen(Some(strange))).await,
                "reset",
                "{strange}"
            );
        }
        let mut slow = hub.listen(None);
        for n in 0..=REMEMBERED {
            hub.tell(&happening(n));
        }
        assert_eq!(text(&mut slow).await, "reset");
        hub.tell(&happening(7));
        assert_eq!(text(&mut slow).await, "7");
    }

    #[tokio::test]
    async fn listeners_end_with_the_auditor() {
        let (hub, stop) = hub();
        let mut listener = hub.listen(None);
        stop.send_replace(true);
        assert!(listener.next().await.is_none());
    }
}
