//! `/`: is all well, did anything change, is the silence real.

use askama::Template;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Frame, Nav, Tone, When, counted};
use super::alerts::AlertLine;
use super::changes::{self, Change};
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

/// The answer to "is all well".
#[derive(Debug, Clone, Serialize)]
pub(super) struct Headline {
    /// How to take it.
    pub(super) tone: Tone,
    /// In a few words.
    pub(super) title: String,
    /// In one sentence.
    pub(super) sentence: String,
    /// The page that says what is proven and what to do.
    pub(super) link: Option<String>,
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
    let frame = frame(&site, &asked, "Overview", Nav::Overview).await?;
    let now = clock::now_s();
    let logs: Vec<LogCard> = site.desks.values().map(|desk| card(desk, now)).collect();
    let open = site.store.open_alert_list(ALERTS).await?;
    let alerts: Vec<AlertLine> = open.iter().map(|alert| AlertLine::of(alert, now)).collect();
    let health = Health::of(&site);
    let further_alerts = frame.open_alerts.saturating_sub(alerts.len() as u64);
    let changes = changes::chosen(changes::of_all(&site, now).await?, CHANGES);
    Ok(Overview {
        verdict: headline(&logs, &alerts, &health),
        frame,
        logs,
        alerts,
        further_alerts,
        changes,
        health,
    })
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
        origin: status.origin,
    }
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
    match of(&[HeadVerdict::Conflict]) {
        0 if fit == all => Badge::new(Tone::Good, format!("Same history at {others}")),
        0 => Badge::new(Tone::Unknown, format!("Same history at {fit} of {others}")),
        some => Badge::new(Tone::Bad, format!("Another history at {some} of {others}")),
    }
}

fn headline(logs: &[LogCard], alerts: &[AlertLine], health: &Health) -> Headline {
    let worst = logs.iter().map(|log| log.verdict.tone).max();
    let told = |tone, title: &str, sentence: String| Headline {
        tone,
        title: title.into(),
        sentence,
        link: alerts
            .first()
            .filter(|alert| tone == Tone::Bad && alert.badge.tone == tone)
            .map(|alert| alert.path.clone()),
    };
    let named = |tone: Tone| {
        let found = logs.iter().filter(|log| log.verdict.tone == tone);
        found
            .map(|log| log.origin.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let proven = alerts.iter().find(|alert| alert.badge.tone == Tone::Bad);
    match worst {
        None => told(
            Tone::Quiet,
            "No log is followed",
            "This auditor vouches for nothing yet: its operator has to add a log.".into(),
        ),
        Some(Tone::Bad) => told(
            Tone::Bad,
            "A log broke its promise",
            format!(
                "What {} signed contradicts its own rules, and there is proof of it. Rely on nothing \
                 new from it until this is explained.",
                named(Tone::Bad)
            ),
        ),
        _ if proven.is_some() => told(
            Tone::Bad,
            "Tampering was proven",
            proven.map_or_else(String::new, |alert| alert.text.clone()),
        ),
        Some(Tone::Warn) => told(
            Tone::Warn,
            "Something cannot be checked",
            format!(
                "Of {} this auditor knows nothing new. What it verified before still stands.",
                named(Tone::Warn)
            ),
        ),
        _ if health.badge.tone == Tone::Warn => told(
            Tone::Warn,
            "This auditor needs its operator",
            "What it verified before still stands; whether it notices what comes is not certain."
                .into(),
        ),
        _ if alerts.iter().any(|alert| alert.badge.tone == Tone::Warn) => told(
            Tone::Warn,
            "Something changed that you may mind",
            "No rule is broken: everything below was declared in the open. Whether it is acceptable \
             is for people to judge."
                .into(),
        ),
        Some(Tone::Unknown) => told(
            Tone::Unknown,
            "Still checking",
            "Nothing wrong was found so far; not everything is checked yet.".into(),
        ),
        Some(_) => {
            let checked = logs.iter().filter_map(|log| log.checked.as_ref());
            let oldest = checked.min_by(|one, two| one.iso.cmp(&two.iso));
            let since = oldest.map_or_else(String::new, |when| {
                format!(
                    " It was looked at {}, so that silence means something.",
                    when.relative
                )
            });
            told(
                Tone::Good,
                "All is well, as far as this auditor can see",
                format!(
                    "{} replayed from the first entry, with no rule broken.{since}",
                    match logs.len() {
                        1 => "The log is".to_owned(),
                        many => format!("All {many} logs are"),
                    }
                ),
            )
        }
    }
}
