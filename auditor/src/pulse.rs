//! Whether auditing makes progress: what health, the heartbeat and the service manager's watchdog are
//! fed with, so that an auditor that hangs does not look well.
//!
//! A log makes progress while its desk works and it is not behind, or while it is behind and comes
//! nearer. A log that cannot be read, or broke a rule, is no standstill of this auditor: those have
//! alerts of their own. Here is also the look at the disk: without room the desks hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::alert::{Alert, Severity};
use crate::clock;
use crate::clock::judge;
use crate::desk::{Handle, Status, Verdict};
use crate::store::{LogId, Store, StoreError};

/// How often it is looked.
pub const LOOK: Duration = Duration::from_secs(1);
/// The code of the alert about a full disk.
const DISK_FULL: &str = "disk-full";
/// The code of the alert about a database that could not be used.
const DATABASE: &str = "database";
/// How long the database may take for one look.
const LOOK_LIMIT: Duration = Duration::from_secs(30);
/// The code of the alert about this machine's clock.
const CLOCK_OFF: &str = "clock-off";
/// The codes of the alerts by which the plain witness signs nothing of a log.
const PLAIN_STOPS: [&str; 2] = [crate::plain::FORGOTTEN, crate::plain::ROLLED_BACK];
/// The code of the alert about a log that gets nowhere.
const STALLED: &str = "stalled";

/// How one log gets on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPulse {
    /// The origin.
    pub origin: String,
    /// In one word.
    pub verdict: Verdict,
    /// When it made progress last, in POSIX seconds.
    pub progress: u64,
    /// Whether that is too long ago.
    pub stalled: bool,
    /// Whether this auditor's own past keeps it from signing.
    pub rolled_back: bool,
    /// Why, in the desk's words.
    pub detail: Option<String>,
}

/// How the node gets on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Whether anybody has looked yet.
    pub looked: bool,
    /// Each log, in order.
    pub logs: Vec<LogPulse>,
    /// Bytes of room, if it is known.
    pub free: Option<u64>,
    /// Whether that is too little to go on.
    pub full: bool,
    /// Why the database cannot be used, if it cannot.
    pub store: Option<String>,
    /// Why the own clock cannot be signed with, if it cannot.
    pub clock: Option<String>,
    /// Logs for which the plain witness may not sign, by its own past.
    pub witness: BTreeSet<String>,
    /// Tasks beside the logs' own that fell and do not stand yet.
    pub fallen: BTreeSet<String>,
}

impl Pulse {
    /// Whether every log is being audited, as far as it depends on this auditor.
    pub fn is_progressing(&self) -> bool {
        let standing = |log: &LogPulse| log.stalled || log.rolled_back;
        let unreachable = |log: &LogPulse| log.verdict == Verdict::Unreachable;
        !self.full
            && self.store.is_none()
            && self.clock.is_none()
            && self.witness.is_empty()
            && self.fallen.is_empty()
            && !self.logs.iter().any(standing)
            && (self.logs.is_empty() || !self.logs.iter().all(unreachable))
    }

    /// What is wrong, for people, a line each. Empty if all is well.
    pub fn complaints(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.full {
            let mb = self.free.unwrap_or(0) >> 20;
            lines.push(format!(
                "disk: {mb} MB of room are too little; cosigning stands still"
            ));
        }
        lines.extend(self.store.iter().map(|why| format!("database: {why}")));
        lines.extend(self.clock.iter().map(|why| format!("clock: {why}")));
        let signs_nothing = |log| {
            format!(
                "plain witness: nothing is signed for {log}: its memory is lost or old, see its alert"
            )
        };
        lines.extend(self.witness.iter().map(signs_nothing));
        lines.extend(self.fallen.iter().map(|what| format!("{what}: it fell")));
        for log in &self.logs {
            let why = match log.verdict {
                _ if log.rolled_back => log.detail.as_deref().unwrap_or(
                    "rolled back, or its memory is lost; nothing is signed, see its alerts",
                ),
                _ if log.stalled => "no progress",
                Verdict::Ok | Verdict::Stopped => continue,
                verdict => verdict.as_str(),
            };
            lines.push(format!("{}: {why}", log.origin));
        }
        lines
    }
}

/// Tells how much room there is at a place, in bytes.
#[derive(Clone)]
pub struct Disk(Arc<Free>);

type Free = dyn Fn(&Path) -> std::io::Result<u64> + Send + Sync;

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}

impl Disk {
    /// As the system says.
    pub fn system() -> Self {
        Self(Arc::new(free_at))
    }

    /// As `free` says.
    pub fn with(free: impl Fn(&Path) -> std::io::Result<u64> + Send + Sync + 'static) -> Self {
        Self(Arc::new(free))
    }

    /// The room at `path`.
    pub fn free(&self, path: &Path) -> std::io::Result<u64> {
        (self.0)(path)
    }
}

#[cfg(unix)]
fn free_at(path: &Path) -> std::io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free_at(_: &Path) -> std::io::Result<u64> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Watcher {
    /// The database.
    pub store: Store,
    /// The logs.
    pub desks: Vec<Handle>,
    /// The auditor's folder.
    pub dir: PathBuf,
    /// How much room there is.
    pub disk: Disk,
    /// How much there must be, in bytes.
    pub min_free: u64,
    /// After how long a log that gets nowhere is called stalled.
    pub stall_after: Duration,
    /// How the own clock stands.
    pub own_clock: watch::Receiver<judge::Verdict>,
    /// The desks hold while this is true.
    pub hold: watch::Sender<bool>,
    /// The result.
    pub pulse: watch::Sender<Pulse>,
}

/// Where a log stood when it was looked at last.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    held: u64,
    signed: u64,
    progress: u64,
    told: bool,
}

impl Watcher {
    /// Looks until `stop` says so.
    pub async fn work(mut self, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(LOOK.min(self.stall_after));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut places: BTreeMap<String, Place> = BTreeMap::new();
        let mut outage: Option<(u64, String)> = None;
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                _ = tick.tick() => {}
            }
            let mut pulse = Pulse {
                looked: true,
                free: self.disk.free(&self.dir).ok(),
                ..Pulse::default()
            };
            if let judge::Verdict::Off(off) = &*self.own_clock.borrow() {
                pulse.clock = Some(off.text());
            }
            // Unknown room is not a full disk.
            pulse.full = pulse.free.is_some_and(|free| free < self.min_free);
            let looking = self.look(&mut places, &mut pulse);
            let looked = tokio::time::timeout(LOOK_LIMIT, looking).await;
            match looked.unwrap_or(Err(StoreError::Timeout)) {
                Ok(()) => self.tell_of(&mut outage).await,
                Err(error) => {
                    let mut why = error.to_string();
                    if pulse.full {
                        why = format!("it cannot be written, for want of room on the disk ({why})");
                    }
                    tracing::error!(%why, "the database cannot be used");
                    outage.get_or_insert((clock::now_s(), why.clone()));
                    pulse.store = Some(why);
                }
            }
            self.hold.send_if_modified(|hold| {
                let changed = *hold != pulse.full;
                *hold = pulse.full;
                changed
            });
            self.pulse.send_modify(|told| {
                pulse.fallen = std::mem::take(&mut told.fallen);
                *told = pulse;
            });
        }
    }

    async fn look(
        &mut self,
        places: &mut BTreeMap<String, Place>,
        pulse: &mut Pulse,
    ) -> Result<(), StoreError> {
        let now = clock::now_s();
        let mut failed = None;
        for desk in &mut self.desks {
            let alive = desk.status.has_changed().unwrap_or(false);
            let status = desk.status.borrow_and_update().clone();
            let held = match self.store.held(desk.id).await {
                Ok(held) => held,
                Err(error) => {
                    failed = Some(error);
                    0
                }
            };
            let place = places.entry(status.origin.clone()).or_insert(Place {
                progress: now,
                ..Place::default()
            });
            let signed = status.signed.size.get();
            let nearer = held > place.held || signed > place.signed;
            if nearer || (alive && status.verdict != Verdict::Behind) {
                place.progress = now;
            }
            place.held = place.held.max(held);
            place.signed = place.signed.max(signed);
            let stalled = now.saturating_sub(place.progress) > self.stall_after.as_secs();
            pulse.logs.push(LogPulse {
                origin: status.origin.clone(),
                verdict: status.verdict,
                progress: place.progress,
                stalled,
                rolled_back: is_rolled_back(&status),
                detail: status.detail.clone(),
            });
        }
        if let Some(error) = failed {
            return Err(error);
        }
        for code in PLAIN_STOPS {
            pulse.witness.extend(self.store.own_lasting(code).await?);
        }
        self.tell(places, pulse, now).await
    }

    /// Tells of an outage of the database once it is over: during it there is nowhere to tell, but by
    /// health, metrics and the dead-man switch.
    async fn tell_of(&self, outage: &mut Option<(u64, String)>) {
        let Some((since, why)) = outage.as_ref() else {
            return;
        };
        let now = clock::now_s();
        let alert = Alert {
            severity: Severity::Own,
            code: DATABASE,
            subject: String::new(),
            text: format!(
                "this auditor's own database could not be used for {} s, and nothing was cosigned \
                 meanwhile: {why}",
                now.saturating_sub(*since)
            ),
        };
        let told = async {
            self.raise(None, &alert, now).await?;
            self.store.resolve_own(DATABASE, "", now).await
        };
        if told.await.is_ok() {
            *outage = None;
        }
    }

    async fn tell(
        &self,
        places: &mut BTreeMap<String, Place>,
        pulse: &Pulse,
        now: u64,
    ) -> Result<(), StoreError> {
        if pulse.full {
            self.raise(
                None,
                &disk_full(pulse.free.unwrap_or(0), self.min_free),
                now,
            )
            .await?;
        } else {
            self.store.resolve_own(DISK_FULL, "", now).await?;
        }
        if let Some(why) = &pulse.clock {
            self.raise(None, &clock_off(why), now).await?;
        } else {
            self.store.resolve_own(CLOCK_OFF, "", now).await?;
        }
        for (desk, log) in self.desks.iter().zip(&pulse.logs) {
            let Some(place) = places.get_mut(&log.origin) else {
                continue;
            };
            // A standstill for want of room has an alert already.
            if log.stalled && !pulse.full {
                place.told = true;
                let alert = Alert {
                    severity: Severity::Own,
                    code: STALLED,
                    subject: String::new(),
                    text: format!(
                        "auditing of this log gets nowhere since {} s: it is {}",
                        now.saturating_sub(log.progress),
                        log.verdict.as_str()
                    ),
                };
                self.raise(Some(desk.id), &alert, now).await?;
            } else if place.told && !log.stalled {
                place.told = false;
                self.store.resolve(desk.id, STALLED, now).await?;
            }
        }
        Ok(())
    }

    async fn raise(&self, log: Option<LogId>, alert: &Alert, now: u64) -> Result<(), StoreError> {
        if self.store.raise(log, alert, now).await? {
            tracing::warn!(code = alert.code, "{}", alert.text);
        }
        Ok(())
    }
}

fn disk_full(free: u64, needed: u64) -> Alert {
    Alert {
        severity: Severity::Own,
        code: DISK_FULL,
        subject: String::new(),
        text: format!(
            "{} MB of room are left, and {} MB are needed: nothing is fetched or cosigned until \
             there is more",
            free >> 20,
            needed >> 20
        ),
    }
}

fn clock_off(why: &str) -> Alert {
    Alert {
        severity: Severity::Own,
        code: CLOCK_OFF,
        subject: String::new(),
        text: format!("{why}. Nothing is cosigned until it is right: a cosignature bears its time"),
    }
}

/// Stopped, though no break is open: by this auditor's own past.
fn is_rolled_back(status: &Status) -> bool {
    status.verdict == Verdict::Stopped && status.open.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(verdict: Verdict) -> LogPulse {
        LogPulse {
            origin: "log.example".into(),
            verdict,
            progress: 0,
            stalled: false,
            rolled_back: false,
            detail: None,
        }
    }

    fn pulse(logs: Vec<LogPulse>) -> Pulse {
        Pulse {
            logs,
            ..Pulse::default()
        }
    }

    #[test]
    fn one_log_that_is_down_is_no_standstill_and_all_of_them_are() {
        let down = log(Verdict::Unreachable);
        assert!(pulse(vec![down.clone(), log(Verdict::Ok)]).is_progressing());
        assert!(!pulse(vec![down.clone(), down]).is_progressing());
        assert!(pulse(Vec::new()).is_progressing());
        assert!(pulse(vec![log(Verdict::Stopped)]).is_progressing());
    }

    #[test]
    fn every_cause_of_a_standstill_is_named() {
        let mut stalled = log(Verdict::Behind);
        stalled.stalled = true;
        let mut rolled_back = log(Verdict::Stopped);
        rolled_back.rolled_back = true;
        let full = Pulse {
            full: true,
            free: Some(3 << 20),
            ..Pulse::default()
        };
        let broken = Pulse {
            store: Some("disk I/O error".into()),
            ..Pulse::default()
        };
        let off = Pulse {
            clock: Some("3 days ahead".into()),
            ..Pulse::default()
        };
        let forgetful = Pulse {
            witness: BTreeSet::from(["log.example".to_owned()]),
            ..Pulse::default()
        };
        for (bad, word) in [
            (forgetful, "log.example"),
            (off, "3 days"),
            (pulse(vec![stalled]), "no progress"),
            (pulse(vec![rolled_back]), "rolled back"),
            (full, "3 MB"),
            (broken, "disk I/O error"),
        ] {
            assert!(!bad.is_progressing());
            assert!(bad.complaints()[0].contains(word), "{:?}", bad.complaints());
        }
    }
}
