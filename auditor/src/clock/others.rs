//! Holds the own clock against those of the hosts that this auditor talks to anyway.
//!
//! Asked are the logs and the other auditors, each host once, for the `Date` of an answer. That is
//! good to some seconds, and not authenticated but by TLS: enough to tell a clock that is minutes off,
//! and [`judge`] takes no single word for it. Out of scope: setting any clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use plainsight_client::http::BaseUrl;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Clock;
use super::ask::date_of;
use super::judge::{Reading, Verdict, judge};
use crate::config::Config;

/// For one host's answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Hosts that are asked, at most.
const MAX_HOSTS: usize = 32;
/// How often it is looked whether the clock was set.
const TICK: Duration = Duration::from_secs(1);
/// Looks are at least so far apart, but after a jump of the clock.
const EVERY: Duration = Duration::from_mins(1);
/// A look as new as this need not be repeated.
const FRESH: Duration = Duration::from_secs(30);

/// The hosts to compare with. Clones are the same.
#[derive(Debug, Clone)]
pub struct Others {
    clock: Clock,
    /// An address of each host.
    hosts: Arc<BTreeMap<String, String>>,
    bound_s: u64,
    every: Duration,
    looked: Arc<Mutex<Option<Looked>>>,
    verdict: watch::Sender<Verdict>,
}

/// When it was looked last, by a clock that nobody sets and by the one that is judged.
#[derive(Debug, Clone, Copy)]
struct Looked {
    at: Instant,
    shown_ms: u64,
}

impl Others {
    /// The logs' and the peers' hosts of this configuration. A clock that is no machine's, or a bound
    /// of 0, is compared with nobody's.
    pub fn new(config: &Config, clock: &Clock) -> Self {
        let bound_s = config.operations.max_clock_offset_s;
        let logs = config.logs.iter().map(|log| log.url.as_str());
        let peers = config.peers.iter().map(|peer| peer.url.as_str());
        let witness = config.witness.iter().flat_map(|witness| &witness.logs);
        let witnessed = witness.filter_map(|log| log.url.as_ref());
        let mut hosts = BTreeMap::new();
        if bound_s > 0 && clock.is_of_a_machine() {
            for url in peers.chain(logs).chain(witnessed.map(BaseUrl::as_str)) {
                if let Some(host) = host_of(url).filter(|_| hosts.len() < MAX_HOSTS) {
                    hosts.entry(host).or_insert_with(|| url.to_owned());
                }
            }
        }
        let poll = Duration::from_millis(config.poll_interval_ms);
        Self {
            clock: clock.clone(),
            hosts: Arc::new(hosts),
            bound_s,
            every: poll.saturating_mul(6).min(EVERY),
            looked: Arc::default(),
            verdict: watch::Sender::new(Verdict::Alone),
        }
    }

    /// What was found out last.
    pub fn verdict(&self) -> Verdict {
        self.verdict.borrow().clone()
    }

    /// Whether nothing may be signed, because the own clock is off.
    pub fn is_off(&self) -> bool {
        matches!(*self.verdict.borrow(), Verdict::Off(_))
    }

    /// Is told of each change.
    pub fn watch(&self) -> watch::Receiver<Verdict> {
        self.verdict.subscribe()
    }

    /// Whether the clock was set since the last look, or nobody has looked.
    pub fn has_jumped(&self) -> bool {
        if !self.can_compare() {
            return false;
        }
        let Some(looked) = self.looked() else {
            return true;
        };
        let passed = u64::try_from(looked.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let should_be = looked.shown_ms.saturating_add(passed);
        should_be.abs_diff(self.clock.now_ms()) > self.bound_s.saturating_mul(1000) / 2
    }

    /// Looks, unless that was done just now, and says whether the own clock is off.
    pub async fn is_off_by_now(&self) -> bool {
        let fresh = self
            .looked()
            .is_some_and(|looked| looked.at.elapsed() < FRESH);
        if self.can_compare() && (!fresh || self.has_jumped()) {
            self.look().await;
        }
        self.is_off()
    }

    /// Asks everybody once. Ends as soon as no majority can say any more that the clock is off.
    pub async fn look(&self) {
        if !self.can_compare() {
            return;
        }
        let mut asked = JoinSet::new();
        for (host, url) in self.hosts.iter() {
            let (clock, host, url) = (self.clock.clone(), host.clone(), url.clone());
            asked.spawn(async move { read(&clock, host, &url).await });
        }
        let mut readings = Vec::new();
        let mut fitting = 0;
        while let Some(read) = asked.join_next().await {
            let Ok(Some(reading)) = read else { continue };
            fitting += usize::from(reading.ahead_s.unsigned_abs() <= self.bound_s);
            readings.push(reading);
            if fitting >= 2 && fitting * 2 >= self.hosts.len() {
                break;
            }
        }
        self.told(judge(&readings, self.bound_s));
    }

    /// Looks again and again until `stop` says so, and at once when the clock was set.
    pub async fn work(self, mut stop: watch::Receiver<bool>) {
        if !self.can_compare() {
            return;
        }
        let mut tick = tokio::time::interval(TICK.min(self.every));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                _ = tick.tick() => {}
            }
            let is_due = self
                .looked()
                .is_none_or(|looked| looked.at.elapsed() >= self.every);
            if is_due || self.has_jumped() {
                tokio::select! {
                    _ = stop.changed() => return,
                    () = self.look() => {}
                }
            }
        }
    }

    fn can_compare(&self) -> bool {
        self.hosts.len() >= 2
    }

    fn looked(&self) -> Option<Looked> {
        // Nobody panics while holding it; were one to, it is still a time.
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self, verdict: Verdict) {
        let now = Looked {
            at: Instant::now(),
            shown_ms: self.clock.now_ms(),
        };
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        self.verdict.send_if_modified(|known| {
            // Silence mends no clock.
            let silence = verdict == Verdict::Alone && matches!(known, Verdict::Off(_));
            let is_news = !silence && *known != verdict;
            if is_news {
                *known = verdict;
            }
            is_news
        });
    }
}

/// Asks one host. `None` if it does not say, or the own clock was set meanwhile.
async fn read(clock: &Clock, host: String, url: &str) -> Option<Reading> {
    let before = clock.now_s();
    let theirs = date_of(url, PATIENCE).await?;
    let after = clock.now_s();
    let took = after.checked_sub(before)?;
    if took > PATIENCE.as_secs() + 1 {
        return None;
    }
    let ours = i64::try_from(before + took / 2).ok()?;
    let ahead_s = i64::try_from(theirs).ok()?.checked_sub(ours)?;
    Some(Reading { host, ahead_s })
}

/// Which host an address is of. On the loopback, where all hosts are one, its port tells them apart.
fn host_of(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    let host = url.host_str()?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    let is_loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match url.port_or_known_default().filter(|_| is_loopback) {
        Some(port) => Some(format!("{host}:{port}")),
        None => Some(host.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_addresses_of_one_host_are_one_word() {
        assert_eq!(
            host_of("https://a.example/x"),
            host_of("https://A.example:8443")
        );
        assert_ne!(host_of("https://a.example"), host_of("https://b.example"));
        assert_ne!(
            host_of("http://127.0.0.1:1"),
            host_of("http://127.0.0.1:2"),
            "there is but one host"
        );
        assert_ne!(host_of("http://[::1]:1"), host_of("http://[::1]:2"));
        assert_eq!(host_of("nothing"), None);
    }
}
