//! What was published and what happened lately, of all logs, the newest first.

use plainsight_specs::entry::Entry;
use plainsight_specs::statement::{Audience, Body, ProtectionState};
use serde::Serialize;

use super::super::error::PageError;
use super::super::view::{Badge, Tone, When, utc};
use crate::desk::Handle;
use crate::http::Site;
use crate::store::MarkedEntry;

/// Statements that are read of each log and kind.
const OF_KIND: u32 = 8;

/// Something that was published.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Change {
    /// What kind of thing.
    pub(super) badge: Badge,
    /// What it says.
    pub(super) text: String,
    /// The log.
    pub(super) log: String,
    /// The page that shows it.
    pub(super) path: String,
    /// When it was logged at the latest.
    pub(super) logged: Option<When>,
    #[serde(skip)]
    order: (u64, u64),
}

/// The newest statements of all logs.
pub(super) async fn of_all(site: &Site, now: u64) -> Result<Vec<Change>, PageError> {
    let mut changes = Vec::new();
    for desk in site.desks.values() {
        for kinds in [
            ["release", "yank"],
            ["protection", "canary"],
            ["publisher-keys", "close"],
        ] {
            for marked in site.store.marked_of(desk.id, kinds, OF_KIND).await? {
                if let Some(change) = of_entry(site, desk, &marked, now).await? {
                    changes.push(change);
                }
            }
        }
    }
    changes.sort_by_key(|change| std::cmp::Reverse(change.order));
    Ok(changes)
}

/// The newest so many, where what somebody may mind goes before what happens every day.
pub(super) fn chosen(changes: Vec<Change>, number: usize) -> Vec<Change> {
    let (grave, daily): (Vec<_>, Vec<_>) = changes
        .into_iter()
        .partition(|change| change.badge.tone >= Tone::Warn);
    let mut chosen: Vec<Change> = grave.into_iter().take(number.saturating_sub(3)).collect();
    let rest = number.saturating_sub(chosen.len());
    chosen.extend(daily.into_iter().take(rest));
    chosen.sort_by_key(|change| std::cmp::Reverse(change.order));
    chosen
}

async fn of_entry(
    site: &Site,
    desk: &Handle,
    marked: &MarkedEntry,
    now: u64,
) -> Result<Option<Change>, PageError> {
    let position = marked.mark.position;
    let Ok(entry) = Entry::parse(&marked.body) else {
        return Ok(None);
    };
    let Some((badge, text)) = describe(&entry) else {
        return Ok(None);
    };
    let badge = if marked.mark.void {
        Badge::new(Tone::Bad, "Void")
    } else {
        badge
    };
    let logged = site.store.logged_at(desk.id, position).await?;
    let logged_s = logged.map(|ms| ms / 1000);
    Ok(Some(Change {
        badge,
        text,
        log: desk.log.origin.to_string(),
        path: super::entry_path(desk, position),
        logged: logged_s.map(|s| When::new(s, now)),
        order: (logged_s.unwrap_or(u64::MAX), position),
    }))
}

/// A statement in one line, with how to take it.
pub(super) fn describe(entry: &Entry) -> Option<(Badge, String)> {
    let Entry::Statement(statement) = entry else {
        return match entry {
            Entry::Close(_) => Some((
                Badge::new(Tone::Warn, "Log closed"),
                "this log ends, and names the next one".into(),
            )),
            _ => None,
        };
    };
    Some(match statement.statement().body() {
        Body::Release(release) => {
            let product = &release.product;
            let badge = match (&release.audience, release.emergency) {
                (Audience::All, false) => Badge::new(Tone::Quiet, "Release"),
                (Audience::All, true) => Badge::new(Tone::Warn, "Emergency release"),
                (audience, _) => Badge::new(Tone::Warn, format!("Release for {audience} only")),
            };
            let text = format!(
                "{} {} ({} {})",
                product.purl, release.version, product.channel, product.arch
            );
            (badge, text)
        }
        Body::Yank(yank) => (
            Badge::new(Tone::Warn, "Taken back"),
            format!("{} {}: {}", yank.product.purl, yank.version, yank.reason),
        ),
        Body::Protection(protection) => {
            let badge = match protection.state {
                ProtectionState::Offered => Badge::new(Tone::Good, "Protection offered"),
                ProtectionState::Weakened => Badge::new(Tone::Warn, "Protection weakened"),
                ProtectionState::Withdrawn => Badge::new(Tone::Bad, "Protection withdrawn"),
            };
            (
                badge,
                format!(
                    "{} {}, from {}",
                    protection.feature,
                    place(protection.place.as_str()),
                    utc(protection.effective)
                ),
            )
        }
        Body::Canary(canary) => (
            Badge::new(Tone::Quiet, "Canary renewed"),
            format!("{}, valid until {}", canary.name, utc(canary.valid_until)),
        ),
        Body::PublisherKeys(keys) => (
            Badge::new(Tone::Warn, "Publisher's keys replaced"),
            format!(
                "the role {} is signed by other keys from now on",
                keys.role.as_str()
            ),
        ),
    })
}

/// A region in words.
pub(super) fn place(region: &str) -> String {
    match region {
        "*" => "everywhere".into(),
        region => format!("in {region}"),
    }
}
