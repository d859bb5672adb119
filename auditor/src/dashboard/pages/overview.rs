//! `/`: is all well, did anything change, is the silence real.

use askama::Template;
use plainsight_specs::entry::Entry;
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::Body;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Frame, Nav, Tone, When, counted};
use super::advice;
use super::alerts::AlertLine;
use super::changes::{self, Change};
use super::headline::{Headline, headline};
use super::releases::stream_path;
use super::words::{LogVerdict, verdict_of};
use crate::clock;
use crate::desk::{Handle, Status};
use crate::http::Site;
use crate::peers::HeadVerdict;

/// Alerts that the overview names.
const ALERTS: u32 = 6;
/// Changes that the overview names.
const CHANGES: usize = 8;

/// The overview.
#[derive(Debug, Template, Serialize)]
#[template(path = "overview.html")]
pub(super) struct Overview {
    #[serde(rename = "page")]
    frame: Frame,
    /// All in one sentence.
    verdict: Headline,
    /// Each log in one sentence.
    logs: Vec<LogCard>,
    /// The gravest alerts that nobody acknowledged.
    alerts: Vec<AlertLine>,
    /// Further ones.
    further_alerts: u64,
    /// What was published or happened lately.
    changes: Vec<Change>,
    /// How this auditor does.
    health: Health,
}

/// A log, in short.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LogCard {
    /// Its origin.
    pub(super) origin: String,
    /// Its page.
    pub(super) path: String,
    /// How it does.
    pub(super) verdict: LogVerdict,
    /// How many entries this auditor vouches for.
    pub(super) cosigned: u64,
    /// The time of its newest epoch.
    pub(super) newest: Option<When>,
    /// When it was read last.
    pub(super) checked: Option<When>,
    /// Whether other auditors see the same.
    pub(super) agreement: Badge,
    /// What the entry is about that broke a rule, where that can be said.
    pub(super) concerns: Option<String>,
    /// The rule for which this auditor has stopped.
    #[serde(skip)]
    rule: Option<Rule>,
}

/// How this auditor does.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Health {
    /// In a word.
    pub(super) badge: Badge,
    /// What is wrong, a line each.
    pub(super) complaints: Vec<String>,
    /// Room on the disk, in bytes, if it is known.
    pub(super) free: Option<u64>,
}

impl Health {
    /// Of a site.
    pub(super) fn of(site: &Site) -> Self {
        let pulse = site.pulse.borrow().clone();
        let complaints = pulse.complaints();
        let badge = match (pulse.looked, complaints.is_empty()) {
            (false, _) => Badge::new(Tone::Unknown, "Starting"),
            (true, true) => Badge::new(Tone::Good, "Works as it should"),
            (true, false) => Badge::new(Tone::Warn, "Needs its operator"),
        };
        Self {
            badge,
            complaints,
            free: pulse.free,
        }
    }

    /// The room for people.
    pub(super) fn room(&self) -> Option<String> {
        self.free.map(|free| format!("{:.1} GB", gigabytes(free)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// Draws it.
pub(super) async fn draw(site: Site, asked: Asked) -> Result<Overview, PageError> {
    let mut frame = frame(&site, &asked, "Overview", Nav::Overview).await?;
    let now = clock::now_s();
    let mut logs = cards(&site, now);
    for card in &mut logs {
        if let Some(desk) = site.desk(&card.origin) {
            card.concerns = concerns(&site, desk).await?;
        }
    }
    let open = site.store.open_alert_list(ALERTS).await?;
    let alerts: Vec<AlertLine> = open.iter().map(|alert| AlertLine::of(alert, now)).collect();
    let health = Health::of(&site);
    let further_alerts = frame.open_alerts.saturating_sub(alerts.len() as u64);
    let changes = changes::chosen(changes::of_all(&site, now).await?, CHANGES);
    let verdict = headline(&logs, &alerts, &health);
    if verdict.tone >= Tone::Warn {
        // Whoever has the page in the background sees only this.
        frame.title.clone_from(&verdict.title);
    }
    Ok(Overview {
        frame,
        verdict,
        logs,
        alerts,
        further_alerts,
        changes,
        health,
    })
}

impl LogCard {
    /// The rule that it broke, as a sentence.
    pub(super) fn broke(&self) -> String {
        let meaning = self.rule.map_or("it broke a rule", Rule::meaning);
        format!("{meaning}.")
    }

    /// Who is concerned by the rule that it broke: by name, where the entry says it.
    pub(super) fn whom(&self) -> String {
        match (&self.concerns, self.rule) {
            (Some(about), _) => format!("Everybody who uses {about}"),
            (None, Some(rule)) => advice::concerned(rule).into(),
            (None, None) => "Everybody who uses this provider".into(),
        }
    }
}

/// All logs, what is wrong with one before what is right with others.
pub(super) fn cards(site: &Site, now: u64) -> Vec<LogCard> {
    let mut cards: Vec<LogCard> = site.desks.values().map(|desk| card(desk, now)).collect();
    cards.sort_by_key(|card| std::cmp::Reverse(card.verdict.tone));
    cards
}

/// A log in short.
pub(super) fn card(desk: &Handle, now: u64) -> LogCard {
    let status = desk.status.borrow().clone();
    LogCard {
        path: super::log_path(desk),
        verdict: verdict_of(&status),
        cosigned: status.signed.size.get(),
        newest: status.epoch_ms.map(|ms| When::new(ms / 1000, now)),
        checked: status.checked.map(|time| When::new(time, now)),
        agreement: agreement(&status),
        concerns: None,
        rule: status.open.map(|open| open.rule),
        origin: status.origin,
    }
}

/// What the entry is about for which a log is no longer vouched for.
pub(super) async fn concerns(site: &Site, desk: &Handle) -> Result<Option<String>, PageError> {
    let open = desk.status.borrow().open;
    match open.filter(|open| !open.is_about_head()) {
        Some(open) => subject(site, desk, open.at).await,
        None => Ok(None),
    }
}

/// What the statement at a position is about.
pub(super) async fn subject(
    site: &Site,
    desk: &Handle,
    position: u64,
) -> Result<Option<String>, PageError> {
    let bodies = site.store.entries(desk.id, position..position + 1).await?;
    let entry = bodies.first().and_then(|body| Entry::parse(body).ok());
    Ok(entry
        .and_then(|entry| changes::describe(&entry))
        .map(|(_, text)| text))
}

/// The page of the product whose release stands at a position.
pub(super) async fn product_page(
    site: &Site,
    desk: &Handle,
    position: u64,
) -> Result<Option<String>, PageError> {
    let bodies = site.store.entries(desk.id, position..position + 1).await?;
    let entry = bodies.first().and_then(|body| Entry::parse(body).ok());
    let Some(Entry::Statement(entry)) = entry else {
        return Ok(None);
    };
    Ok(match entry.statement().body() {
        Body::Release(release) => {
            let product = &release.product;
            let [purl, channel, arch] = [
                product.purl.to_string(),
                product.channel.to_string(),
                product.arch.to_string(),
            ];
            Some(stream_path(desk, &purl, &channel, &arch))
        }
        _ => None,
    })
}

/// Whether the other auditors see the same.
pub(super) fn agreement(status: &Status) -> Badge {
    let all = status.peers.len() as u64;
    let of = |wanted: &[HeadVerdict]| {
        let peers = status.peers.iter();
        peers.filter(|view| wanted.contains(&view.verdict)).count() as u64
    };
    let fit = of(&[HeadVerdict::Same, HeadVerdict::Consistent]);
    if all == 0 {
        return Badge::new(Tone::Quiet, "No other auditor is compared with");
    }
    let others = counted(all, "other auditor", "other auditors");
    if status.open.is_some() && of(&[HeadVerdict::Conflict]) == 0 {
        return of_a_convict(status, all);
    }
    match of(&[HeadVerdict::Conflict]) {
        0 if fit == all => Badge::new(Tone::Good, format!("Same history at {others}")),
        0 => Badge::new(Tone::Unknown, format!("Same history at {fit} of {others}")),
        some => Badge::new(Tone::Bad, format!("Another history at {some} of {others}")),
    }
}

/// What the others vouch for of a log that broke a rule. That they were shown the same would
/// sound as if all were well.
fn of_a_convict(status: &Status, all: u64) -> Badge {
    let heads = status.peers.iter().filter_map(|view| view.shown.as_ref());
    let sizes: Vec<_> = heads.map(|shown| shown.head.size).collect();
    let further = sizes.iter().filter(|size| **size > status.signed.size);
    let (known, further) = (sizes.len() as u64, further.count() as u64);
    match further {
        0 if known == all => Badge::new(
            Tone::Quiet,
            match all {
                1 => "The other auditor stopped there too".into(),
                many => format!("All {many} others stopped there too"),
            },
        ),
        0 => Badge::new(Tone::Unknown, "Not known of all others"),
        some => Badge::new(
            Tone::Warn,
            format!("{some} of {all} others vouch for more of it"),
        ),
    }
}
