//! Notices what happened, and tells it; looks through new entries for what people look for.
//!
//! It looks at what others keep (the desks' status, the database) every so often, so that nothing
//! that matters waits for it or fails with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use plainsight_specs::merkle::TreeSize;
use plainsight_specs::time::Timestamp;
use tokio::sync::watch;

use super::{Happening, Hub, Kind};
use crate::alert::Severity;
use crate::clock;
use crate::dashboard::pages;
use crate::dashboard::view::Tone;
use crate::desk::{Handle, Status, Verdict};
use crate::peers::HeadVerdict;
use crate::pulse::Pulse;
use crate::store::{KeptAlert, Mark, Store, StoreError};

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(400);
/// Alerts and evidence files that are looked at each time, the newest.
const NEWEST: u32 = 128;
/// Statements of one look that are told one by one.
const MAX_TOLD: usize = 64;

/// Where a log stood when it was looked at last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stand {
    mirrored: TreeSize,
    signed: TreeSize,
    verdict: Verdict,
    peers: BTreeMap<String, HeadVerdict>,
}

impl Stand {
    fn of(status: &Status) -> Self {
        let peers = status.peers.iter();
        Self {
            mirrored: status.mirrored.size,
            signed: status.signed.size,
            verdict: status.verdict,
            peers: peers
                .map(|view| (view.peer.key.to_string(), view.verdict))
                .collect(),
        }
    }
}

/// What was known of an alert: whether it was acknowledged and whether it ended.
type Known = (bool, bool);

/// Looks and tells.
#[derive(Debug)]
pub(crate) struct Herald {
    hub: Hub,
    store: Store,
    desks: Vec<Handle>,
    pulse: watch::Receiver<Pulse>,
    stands: BTreeMap<String, Stand>,
    /// `None` before the first look: what is there then is no news.
    alerts: Option<BTreeMap<String, Known>>,
    evidence: Option<BTreeSet<String>>,
    complaints: Option<Vec<String>>,
    /// The logs whose entries were all looked through once: what comes now is news.
    caught_up: BTreeSet<String>,
}

impl Herald {
    /// For these logs.
    pub(crate) fn new(
        hub: Hub,
        store: Store,
        desks: Vec<Handle>,
        pulse: watch::Receiver<Pulse>,
    ) -> Self {
        Self {
            hub,
            store,
            desks,
            pulse,
            stands: BTreeMap::new(),
            alerts: None,
            evidence: None,
            complaints: None,
            caught_up: BTreeSet::new(),
        }
    }

    /// Looks until `stop` says so.
    pub(crate) async fn work(mut self, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => return,
                _ = tick.tick() => {}
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "the dashboard's news cannot be read");
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        for desk in self.desks.clone() {
            self.look_at_entries(&desk).await?;
            self.look_at_log(&desk);
        }
        self.look_at_alerts().await?;
        self.look_at_evidence().await?;
        self.look_at_pulse();
        Ok(())
    }

    async fn look_at_entries(&mut self, desk: &Handle) -> Result<(), StoreError> {
        let (marks, more) = self.store.mark_some(desk.id).await?;
        let origin = desk.log.origin.as_str();
        if self.caught_up.contains(origin) {
            for mark in marks.iter().filter(|mark| !mark.void).take(MAX_TOLD) {
                if let Some(news) = statement(desk, mark) {
                    self.tell(news);
                }
            }
        }
        if !more {
            self.caught_up.insert(origin.to_owned());
        }
        Ok(())
    }

    fn look_at_log(&mut self, desk: &Handle) {
        let status = desk.status.borrow().clone();
        let stand = Stand::of(&status);
        let Some(before) = self.stands.insert(status.origin.clone(), stand.clone()) else {
            return;
        };
        let path = pages::log_path(desk);
        let sized = |size: TreeSize| Some(size.get());
        if stand.mirrored > before.mirrored {
            let size = stand.mirrored;
            self.tell(News {
                kind: Kind::Head,
                log: Some(&status.origin),
                path: path.clone(),
                text: format!("a head of {size} entries is downloaded and verified"),
                tone: Tone::Quiet,
                size: sized(size),
                id: None,
            });
        }
        if stand.signed > before.signed {
            let size = stand.signed;
            self.tell(News {
                kind: Kind::Cosignature,
                log: Some(&status.origin),
                path: path.clone(),
                text: format!("this auditor cosigned the head of {size} entries"),
                tone: Tone::Good,
                size: sized(size),
                id: None,
            });
        }
        if stand.verdict != before.verdict {
            let verdict = pages::verdict_of(&status);
            self.tell(News {
                kind: Kind::Verdict,
                log: Some(&status.origin),
                path,
                text: verdict.sentence,
                tone: verdict.tone,
                size: None,
                id: None,
            });
        }
        for view in &status.peers {
            let key = view.peer.key.to_string();
            let told = before.peers.get(&key);
            if told.is_some_and(|told| *told != view.verdict) {
                let name = view.peer.key.name();
                self.tell(News {
                    kind: Kind::Peer,
                    log: Some(&status.origin),
                    path: pages::cell_path(desk, &view.peer),
                    text: format!("the head of {name}: {}", view.verdict.as_str()),
                    tone: pages::head_tone(view.verdict),
                    size: None,
                    id: None,
                });
            }
        }
    }

    async fn look_at_alerts(&mut self) -> Result<(), StoreError> {
        let kept = self.store.alerts(NEWEST).await?;
        let known = |alert: &KeptAlert| (alert.acknowledged.is_some(), alert.resolved.is_some());
        let now: BTreeMap<_, _> = kept
            .iter()
            .map(|alert| (alert.id.clone(), known(alert)))
            .collect();
        let before = self.alerts.replace(now);
        let Some(before) = before else { return Ok(()) };
        for alert in kept.iter().rev() {
            let (acknowledged, ended) = known(alert);
            let what = match before.get(&alert.id) {
                None => "raised",
                Some((false, _)) if acknowledged => "acknowledged",
                Some((_, false)) if ended => "ended",
                Some((_, true)) if !ended => "back",
                Some(_) => continue,
            };
            let severity = Severity::parse(&alert.severity).unwrap_or(Severity::Own);
            self.tell(News {
                kind: Kind::Alert,
                log: alert.origin.as_deref(),
                path: pages::alert_path(&alert.id),
                text: format!("{what}: {}", alert.text),
                tone: pages::severity_tone(severity),
                size: None,
                id: Some(alert.id.clone()),
            });
        }
        Ok(())
    }

    async fn look_at_evidence(&mut self) -> Result<(), StoreError> {
        let mut now = BTreeSet::new();
        let mut news = Vec::new();
        for desk in &self.desks {
            for kept in self.store.newest_evidence(desk.id, NEWEST).await? {
                let Some(id) = kept.evidence else { continue };
                let is_known = |known: &BTreeSet<String>| known.contains(&id);
                if self.evidence.as_ref().is_some_and(|known| !is_known(known)) {
                    news.push((desk.log.origin.to_string(), id.clone(), kept.found.rule));
                }
                now.insert(id);
            }
        }
        self.evidence = Some(now);
        for (origin, id, rule) in news {
            self.tell(News {
                kind: Kind::Evidence,
                log: Some(&origin),
                path: pages::evidence_path(&id),
                text: format!("there is evidence: {}", rule.meaning()),
                tone: Tone::Bad,
                size: None,
                id: Some(id),
            });
        }
        Ok(())
    }

    fn look_at_pulse(&mut self) {
        let pulse = self.pulse.borrow().clone();
        if !pulse.looked {
            return;
        }
        let complaints = pulse.complaints();
        let before = self.complaints.replace(complaints.clone());
        if before.is_none_or(|before| before == complaints) {
            return;
        }
        let (text, tone) = match complaints.first() {
            None => ("this auditor works as it should".to_owned(), Tone::Good),
            Some(first) => (first.clone(), Tone::Warn),
        };
        self.tell(News {
            kind: Kind::Node,
            log: None,
            path: "/status".into(),
            text,
            tone,
            size: None,
            id: None,
        });
    }

    fn tell(&self, news: News<'_>) {
        let time = Timestamp::from_seconds(clock::now_s());
        self.hub.tell(&Happening {
            kind: news.kind,
            log: news.log.map(str::to_owned),
            path: news.path,
            text: news.text,
            tone: news.tone,
            time: time.map_or_else(String::new, |time| time.to_string()),
            size: news.size,
            id: news.id,
        });
    }
}

/// What there is to tell, before it has a time.
struct News<'l> {
    kind: Kind,
    log: Option<&'l str>,
    path: String,
    text: String,
    tone: Tone,
    size: Option<u64>,
    id: Option<String>,
}

fn statement<'d>(desk: &'d Handle, mark: &Mark) -> Option<News<'d>> {
    let kind = match mark.kind.as_str() {
        "release" | "yank" => Kind::Release,
        "protection" | "canary" => Kind::Protection,
        "publisher-keys" => Kind::Keys,
        _ => return None,
    };
    let about = mark.stream.lines().skip(1).collect::<Vec<_>>().join(" ");
    Some(News {
        kind,
        log: Some(desk.log.origin.as_str()),
        path: pages::entry_path(desk, mark.position),
        text: format!("{} {about}", mark.kind),
        tone: Tone::Quiet,
        size: None,
        id: None,
    })
}
