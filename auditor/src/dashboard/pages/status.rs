//! `/status`: how this auditor itself does.

use askama::Template;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Frame, Nav, Tone, When, grouped};
use super::overview::Health;
use crate::clock;
use crate::http::Site;

/// The page.
#[derive(Debug, Template, Serialize)]
#[template(path = "status.html")]
pub(super) struct Status {
    #[serde(rename = "page")]
    frame: Frame,
    health: Health,
    /// The task of each log.
    logs: Vec<LogTask>,
    /// Whom alerts are told, and how that goes.
    channels: Vec<ChannelView>,
    /// Whether watches are taken.
    watches: Badge,
    /// Whether the plain witness runs.
    has_witness: bool,
}

/// The task of a log.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LogTask {
    log: String,
    path: String,
    badge: Badge,
    progress: When,
    checked: Option<When>,
    verified: u64,
    waiting: u64,
    /// Entries that the pages' own index still has to look through.
    unmarked: u64,
    detail: Option<String>,
}

/// A channel for alerts.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ChannelView {
    name: String,
    badge: Badge,
    told: u64,
    waiting: u64,
    given_up: u64,
}

impl LogTask {
    /// Numbers for people.
    fn numbers(&self) -> [String; 2] {
        [self.verified, self.waiting].map(grouped)
    }
}

/// Draws it.
pub(super) async fn draw(site: Site, asked: Asked) -> Result<Status, PageError> {
    let now = clock::now_s();
    let frame = frame(&site, &asked, "Status", Nav::Status).await?;
    let pulse = site.pulse.borrow().clone();
    let mut logs = Vec::new();
    for desk in site.desks.values() {
        let status = desk.status.borrow().clone();
        let beat = pulse.logs.iter().find(|beat| beat.origin == status.origin);
        let held = site.store.held(desk.id).await?;
        let badge = match beat {
            None => Badge::new(Tone::Unknown, "Starting"),
            Some(beat) if beat.rolled_back => Badge::new(Tone::Bad, "Signs nothing: old memory"),
            Some(beat) if beat.stalled => Badge::new(Tone::Warn, "Gets nowhere"),
            Some(_) => Badge::new(Tone::Good, "Makes progress"),
        };
        logs.push(LogTask {
            path: super::log_path(desk),
            badge,
            progress: When::new(beat.map_or(now, |beat| beat.progress), now),
            checked: status.checked.map(|time| When::new(time, now)),
            verified: held,
            waiting: status.seen.get().saturating_sub(status.signed.size.get()),
            unmarked: held.saturating_sub(site.store.marked(desk.id).await?),
            detail: status.detail,
            log: status.origin,
        });
    }
    let counts = site.store.delivery_counts().await?;
    let channels = counts
        .into_iter()
        .map(|(name, [told, waiting, given_up])| ChannelView {
            badge: match (waiting, given_up) {
                (_, 1..) => Badge::new(Tone::Bad, "Gave messages up"),
                (1.., _) => Badge::new(Tone::Warn, "Messages wait"),
                _ => Badge::new(Tone::Good, "All told"),
            },
            name,
            told,
            waiting,
            given_up,
        });
    let watches = if site.watches.config.enabled {
        Badge::new(Tone::Good, "Taken")
    } else {
        Badge::new(Tone::Quiet, "Not taken")
    };
    Ok(Status {
        frame,
        health: Health::of(&site),
        logs,
        channels: channels.collect(),
        watches,
        has_witness: site.plain.is_some(),
    })
}
