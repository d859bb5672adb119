//! What there is to tell about entries that broke no rule: the provider kept the letter, and people may
//! mind all the same.
//!
//! A function of the log's bytes alone, so that every auditor tells the same. What only a clock
//! decides (a canary that lapsed) is in [`crate::desk`].

use std::collections::BTreeMap;

use plainsight_specs::entry::Entry;
use plainsight_specs::rules::Judged;
use plainsight_specs::statement::{
    Audience, Body, Canary, Protection, ProtectionState, Release, Statement, Stream,
};

use super::{Alert, Severity};

mod likeness;

use likeness::likeness;

/// Releases that its siblings have had since a stream's last one, after which it is called stalled.
pub const STALLED_AFTER: u32 = 3;
/// Streams of one product whose progress is remembered; further ones are told of, once each.
const MAX_STREAMS: usize = 256;

/// How long before it was logged a canary may be dated, in seconds.
const CANARY_BACK_S: u64 = 86_400;
/// For how long a canary may promise anything, in seconds: 400 days.
const CANARY_AHEAD_S: u64 = 400 * 86_400;

/// What is remembered of the streams of each product, by its package URL.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    products: BTreeMap<String, BTreeMap<Stream, Progress>>,
    /// The first product of each look.
    looks: BTreeMap<String, String>,
    /// The time of the last epoch, in POSIX seconds; 0 before the first.
    epoch_s: u64,
}

/// How a stream of releases gets on.
#[derive(Debug, Clone)]
struct Progress {
    channel: String,
    arch: String,
    /// The version that it had last.
    version: String,
    /// Releases of one sibling since then: the most that any had.
    behind: BTreeMap<Stream, u32>,
}

impl Notices {
    /// What there is to tell about an entry. To be called once for each, in order.
    pub fn of(&mut self, judged: &Judged) -> Vec<Alert> {
        match &judged.entry {
            Some(Entry::Statement(entry)) if !judged.is_void() => {
                self.of_statement(entry.statement(), judged.position.get())
            }
            Some(Entry::Epoch(epoch)) if !judged.is_void() => {
                self.epoch_s = epoch.time_ms / 1000;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn of_statement(&mut self, statement: &Statement, position: u64) -> Vec<Alert> {
        match statement.body() {
            Body::Protection(protection) => {
                of_protection(protection, position).into_iter().collect()
            }
            Body::Release(release) => {
                let mut alerts = of_release(release, position);
                alerts.extend(self.of_name(release, position));
                alerts.extend(self.of_stream(&statement.stream(), release, position));
                alerts
            }
            Body::Canary(canary) => self.of_canary(canary, position).into_iter().collect(),
            Body::Yank(_) | Body::PublisherKeys(_) => Vec::new(),
        }
    }

    /// Whether a product that had no release yet could be taken for one that had.
    fn of_name(&mut self, release: &Release, position: u64) -> Option<Alert> {
        let purl = release.product.purl.as_str();
        if self.products.contains_key(purl) {
            return None;
        }
        let first = self.looks.entry(likeness(purl)).or_insert(purl.into());
        (first.as_str() != purl).then(|| {
            policy(
                "look-alike",
                purl.into(),
                format!(
                    "{purl} has its first release, at position {position}, and looks like {first}, \
                     which is another product"
                ),
            )
        })
    }

    /// Whether a canary's dates keep its lapse from saying anything.
    fn of_canary(&self, canary: &Canary, position: u64) -> Option<Alert> {
        let (from, until) = (canary.published.seconds(), canary.valid_until.seconds());
        let begins = self.epoch_s.max(from);
        let what = if from.saturating_add(CANARY_BACK_S) < self.epoch_s {
            "was logged more than a day after it is dated"
        } else if until < from {
            "is valid until a time before it is dated"
        } else if until.saturating_sub(begins) > CANARY_AHEAD_S {
            "is valid for more than 400 days"
        } else {
            return None;
        };
        Some(policy(
            "canary-dates",
            position.to_string(),
            format!(
                "the canary {} at position {position} {what}: it is dated {} and valid until {}",
                canary.name.as_str(),
                canary.published,
                canary.valid_until
            ),
        ))
    }

    /// Whether a stream is new beside others of its product, and which of those it leaves behind.
    fn of_stream(&mut self, stream: &Stream, release: &Release, position: u64) -> Vec<Alert> {
        let product = &release.product;
        let purl = product.purl.as_str();
        let streams = self.products.entry(purl.into()).or_default();
        let mut alerts = Vec::new();
        if !streams.is_empty() && !streams.contains_key(stream) {
            let known: Vec<String> = streams.values().take(4).map(Progress::place).collect();
            alerts.push(policy(
                "new-stream",
                format!(
                    "{purl} {} {}",
                    product.channel.as_str(),
                    product.arch.as_str()
                ),
                format!(
                    "{purl} has its first release for the channel {} and the architecture {}, at \
                     position {position}; so far it had {}",
                    product.channel.as_str(),
                    product.arch.as_str(),
                    known.join(", ")
                ),
            ));
        }
        for (other, progress) in streams.iter_mut() {
            if other == stream || progress.channel != product.channel.as_str() {
                continue;
            }
            let behind = progress.behind.entry(stream.clone()).or_insert(0);
            *behind = behind.saturating_add(1);
            if *behind == STALLED_AFTER {
                alerts.push(policy(
                    "stream-stalled",
                    format!("{purl} {} {}", progress.place(), progress.version),
                    format!(
                        "{purl} has had {STALLED_AFTER} releases for {} since {} got {}, the newest \
                         at position {position}",
                        product.arch.as_str(),
                        progress.place(),
                        progress.version
                    ),
                ));
            }
        }
        if streams.len() < MAX_STREAMS || streams.contains_key(stream) {
            let progress = Progress {
                channel: product.channel.as_str().into(),
                arch: product.arch.as_str().into(),
                version: release.version.as_str().into(),
                behind: BTreeMap::new(),
            };
            streams.insert(stream.clone(), progress);
        }
        // A sibling's alert is told once for each version that it is held on.
        alerts.sort_by(|one, two| one.subject.cmp(&two.subject));
        alerts.dedup_by(|one, two| one.code == two.code && one.subject == two.subject);
        alerts
    }
}

impl Progress {
    fn place(&self) -> String {
        format!("{} {}", self.channel, self.arch)
    }
}

fn policy(code: &'static str, subject: String, text: String) -> Alert {
    Alert {
        severity: Severity::Policy,
        code,
        subject,
        text,
    }
}

fn of_protection(protection: &Protection, position: u64) -> Option<Alert> {
    let (feature, place) = (protection.feature.as_str(), protection.place.as_str());
    let place = if place == "*" {
        "everywhere".to_owned()
    } else {
        format!("in {place}")
    };
    let (code, what) = match protection.state {
        ProtectionState::Offered => return None,
        ProtectionState::Withdrawn => ("protection-withdrawn", "is withdrawn"),
        ProtectionState::Weakened => ("protection-weakened", "is weakened"),
    };
    Some(policy(
        code,
        position.to_string(),
        format!(
            "the protection {feature} {what} {place} from {}, by the statement at position {position}",
            protection.effective
        ),
    ))
}

fn of_release(release: &Release, position: u64) -> Vec<Alert> {
    let (purl, version) = (release.product.purl.as_str(), release.version.as_str());
    let product = &release.product;
    let place = format!("{} {}", product.channel.as_str(), product.arch.as_str());
    let mut alerts = Vec::new();
    if release.audience != Audience::All {
        alerts.push(policy(
            "narrow-audience",
            position.to_string(),
            format!(
                "{purl} {version} ({place}), at position {position}, is for {} only",
                release.audience
            ),
        ));
    }
    if release.emergency {
        alerts.push(policy(
            "emergency-release",
            position.to_string(),
            format!(
                "{purl} {version} ({place}), at position {position}, is called an emergency release"
            ),
        ));
    }
    alerts
}

#[cfg(test)]
mod tests;
