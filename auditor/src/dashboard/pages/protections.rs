//! `/protections`: what the provider says it offers where, since when, and which promises live.

use std::collections::BTreeMap;

use askama::Template;
use plainsight_specs::entry::Entry;
use plainsight_specs::statement::{Body, Protection, ProtectionState};
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Digest, Frame, Nav, Tone, When, counted, span, utc};
use super::changes::place;
use crate::clock;
use crate::desk::Handle;
use crate::http::Site;

/// Statements that are read of each log, the newest.
const STATEMENTS: u32 = 2000;
/// The length of a bar, in its own units.
const WIDTH: u64 = 600;

/// The page.
#[derive(Debug, Template, Serialize)]
#[template(path = "protections.html")]
pub(super) struct Protections {
    #[serde(rename = "page")]
    frame: Frame,
    logs: Vec<LogProtections>,
}

/// What one log says.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LogProtections {
    origin: String,
    path: String,
    /// Each feature in each place, what is missing first.
    features: Vec<Feature>,
    canaries: Vec<CanaryView>,
}

/// A feature in a place.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Feature {
    #[serde(rename = "feature")]
    name: String,
    /// In words.
    place: String,
    badge: Badge,
    /// In one sentence.
    sentence: String,
    /// The stretches of time, for the drawing.
    stretches: Vec<Stretch>,
    /// From when the drawing begins.
    from: When,
    /// What was said, the newest first.
    statements: Vec<Said>,
}

/// A stretch of time in which one state held.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Stretch {
    state: &'static str,
    #[serde(skip)]
    x: u64,
    #[serde(skip)]
    width: u64,
}

/// A statement about a feature.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Said {
    badge: Badge,
    effective: When,
    logged: Option<When>,
    wording: Digest,
    path: String,
}

/// A canary.
#[derive(Debug, Clone, Serialize)]
pub(super) struct CanaryView {
    name: String,
    badge: Badge,
    /// In one sentence.
    sentence: String,
    valid_until: When,
    published: When,
    text: Digest,
    path: String,
    /// How often it was renewed.
    times: u64,
}

impl CanaryView {
    /// How often, for people.
    fn said(&self) -> String {
        counted(self.times, "time", "times")
    }
}

impl Protections {
    /// Whether there is a log that holds nothing about protections.
    fn has_silent(&self) -> bool {
        self.logs.iter().any(LogProtections::is_silent)
    }
}

impl LogProtections {
    /// Whether it holds nothing about protections.
    fn is_silent(&self) -> bool {
        self.features.is_empty() && self.canaries.is_empty()
    }
}

struct Heard {
    position: u64,
    logged: Option<u64>,
    protection: Protection,
}

/// Draws it.
pub(super) async fn draw(site: Site, asked: Asked) -> Result<Protections, PageError> {
    let now = clock::now_s();
    let frame = frame(&site, &asked, "Protections", Nav::Protections).await?;
    let mut logs = Vec::new();
    for desk in site.desks.values() {
        logs.push(of_log(&site, desk, now).await?);
    }
    // The logs that say something go before those that do not.
    logs.sort_by_key(LogProtections::is_silent);
    Ok(Protections { frame, logs })
}

async fn of_log(site: &Site, desk: &Handle, now: u64) -> Result<LogProtections, PageError> {
    let marked = site
        .store
        .marked_of(desk.id, ["protection", "canary"], STATEMENTS)
        .await?;
    let mut streams: BTreeMap<(String, String), Vec<Heard>> = BTreeMap::new();
    let mut canaries: BTreeMap<String, CanaryView> = BTreeMap::new();
    // The newest first, so that the first one of a stream is what holds.
    for marked in marked.iter().filter(|marked| !marked.mark.void) {
        let position = marked.mark.position;
        let Ok(Entry::Statement(entry)) = Entry::parse(&marked.body) else {
            continue;
        };
        match entry.statement().body() {
            Body::Protection(protection) => {
                let logged = site.store.logged_at(desk.id, position).await?;
                let key = (
                    protection.feature.to_string(),
                    protection.place.as_str().to_owned(),
                );
                streams.entry(key).or_default().push(Heard {
                    position,
                    logged: logged.map(|ms| ms / 1000),
                    protection: protection.clone(),
                });
            }
            Body::Canary(canary) => {
                let until = canary.valid_until.seconds();
                let known = canaries.entry(canary.name.to_string());
                let view = known.or_insert_with(|| {
                    let (badge, sentence) = life(until, now);
                    CanaryView {
                        name: canary.name.to_string(),
                        badge,
                        sentence,
                        valid_until: When::new(until, now),
                        published: When::new(canary.published.seconds(), now),
                        text: Digest::hash(&canary.text),
                        path: super::entry_path(desk, position),
                        times: 0,
                    }
                });
                view.times += 1;
            }
            _ => {}
        }
    }
    let mut features: Vec<(ProtectionState, Feature)> = streams
        .into_iter()
        .filter_map(|((feature, region), heard)| of_feature(desk, feature, &region, &heard, now))
        .collect();
    // What is withdrawn or weakened stands first.
    features.sort_by_key(|(state, _)| match state {
        ProtectionState::Withdrawn => 0,
        ProtectionState::Weakened => 1,
        ProtectionState::Offered => 2,
    });
    Ok(LogProtections {
        origin: desk.log.origin.to_string(),
        path: super::log_path(desk),
        features: features.into_iter().map(|(_, feature)| feature).collect(),
        canaries: canaries.into_values().collect(),
    })
}

/// How a canary does.
fn life(until: u64, now: u64) -> (Badge, String) {
    if until < now {
        let sentence = format!(
            "It was to be renewed {} ago and was not: the promise may no longer hold. Read its text.",
            span(now - until)
        );
        return (Badge::new(Tone::Bad, "Lapsed"), sentence);
    }
    let left = until - now;
    let sentence = format!("It has to be renewed within {}.", span(left));
    if left < 3 * 86_400 {
        (Badge::new(Tone::Warn, "Alive, due soon"), sentence)
    } else {
        (Badge::new(Tone::Good, "Alive"), sentence)
    }
}

fn badge(state: ProtectionState) -> Badge {
    match state {
        ProtectionState::Offered => Badge::new(Tone::Good, "Offered"),
        ProtectionState::Weakened => Badge::new(Tone::Warn, "Weakened"),
        ProtectionState::Withdrawn => Badge::new(Tone::Bad, "Withdrawn"),
    }
}

/// A feature by what was said of it, the newest first.
fn of_feature(
    desk: &Handle,
    feature: String,
    region: &str,
    heard: &[Heard],
    now: u64,
) -> Option<(ProtectionState, Feature)> {
    let effective = |heard: &Heard| heard.protection.effective.seconds();
    let first = heard.iter().map(effective).min()?;
    // What holds now is the last statement that is in force already.
    let current = heard.iter().find(|heard| effective(heard) <= now);
    let newest = heard.first()?;
    let shown = current.unwrap_or(newest);
    let place = place(region);
    let state = shown.protection.state;
    let since = span(now.saturating_sub(effective(shown)));
    let mut sentence = match state {
        ProtectionState::Offered => format!("Offered {place}, for {since} now."),
        ProtectionState::Weakened => {
            format!("Weakened {place} {since} ago: it is there and protects less than before.")
        }
        ProtectionState::Withdrawn => {
            format!("Withdrawn {place} {since} ago: what relied on it is no longer protected.")
        }
    };
    if current.is_none() {
        sentence = format!("Announced {place}, and not yet in force.");
    } else if effective(newest) > now {
        let Protection {
            effective, state, ..
        } = &newest.protection;
        sentence = format!("{sentence} From {} on it will be {state}.", utc(*effective));
    }
    let end = heard.iter().map(effective).max()?.max(now).max(first + 1);
    let at = |time: u64| time.saturating_sub(first).saturating_mul(WIDTH) / (end - first);
    let mut order: Vec<&Heard> = heard.iter().rev().collect();
    order.sort_by_key(|heard| effective(heard));
    let mut stretches = Vec::new();
    for (n, one) in order.iter().enumerate() {
        let (from, to) = (
            at(effective(one)),
            order.get(n + 1).map_or(WIDTH, |next| at(effective(next))),
        );
        stretches.push(Stretch {
            state: one.protection.state.as_str(),
            x: from,
            width: to.saturating_sub(from).max(3),
        });
    }
    let statements = heard.iter().map(|heard| Said {
        badge: badge(heard.protection.state),
        effective: When::new(effective(heard), now),
        logged: heard.logged.map(|time| When::new(time, now)),
        wording: Digest::hash(&heard.protection.wording),
        path: super::entry_path(desk, heard.position),
    });
    let view = Feature {
        name: feature,
        place,
        badge: badge(state),
        sentence,
        stretches,
        from: When::new(first, now),
        statements: statements.collect(),
    };
    Some((state, view))
}
