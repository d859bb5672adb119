//! Asking what became of the watches, and holding the answers against each other and the log.

use plainsight_specs::label::{Label, Version};
use plainsight_specs::watch::{Report, TokenRequest, WatchedRungs};

use super::register::{ask, extends, note};
use super::{Guard, PATIENCE_S, Watch, WatchAlarm, refuse_time};
use crate::failure::{Failure, Verdict};
use crate::own::OwnKeys;
use crate::reader::Reader;

/// What one look at the watches showed.
#[derive(Debug, Clone, Default)]
pub struct Looked {
    /// Each report that held, with the place of its watch in the list.
    pub reports: Vec<(usize, Report)>,
    /// What must not be.
    pub alarms: Vec<WatchAlarm>,
}

/// Asks each auditor about its watch. `seen` is what the log shows of the watched rungs, at the
/// reader's newest head.
pub async fn check(
    reader: &Reader<'_>,
    guards: &[Guard],
    watches: &mut [Watch],
    own: &OwnKeys,
    seen: &WatchedRungs,
) -> Looked {
    let mut looked = Looked::default();
    for (place, watch) in watches.iter_mut().enumerate() {
        let Some(guard) = guards.iter().find(|guard| guard.name == watch.auditor) else {
            looked.alarms.push(WatchAlarm::Silent {
                auditor: watch.auditor.clone(),
                why: "it is no longer in the policy with an address and a watch key".into(),
            });
            continue;
        };
        match one(reader, guard, watch).await {
            Ok(report) => {
                // What an auditor saw is told whatever the log answers.
                looked
                    .alarms
                    .extend(apart(reader, watch, &report, own.label()).await);
                looked.alarms.extend(stands_still(reader, watch, &report));
                note(watch, &report);
                looked.alarms.extend(ghosts(watch, &report, own));
                looked.reports.push((place, report));
            }
            // SPEC(WATCH-9)
            Err(failure) => looked.alarms.push(WatchAlarm::Silent {
                auditor: watch.auditor.clone(),
                why: failure.to_string(),
            }),
        }
    }
    denied(watches, own, seen, &mut looked);
    looked
}

async fn one(reader: &Reader<'_>, guard: &Guard, watch: &mut Watch) -> Result<Report, Failure> {
    let request = TokenRequest {
        token: watch.token.clone(),
    };
    let report = ask(reader, guard, watch, "v1/watch/report", &request.to_json()).await?;
    refuse_time(reader, report.time)?;
    Ok(report)
}

/// Whether what a report covers is not of the history that this reader is shown.
async fn apart(
    reader: &Reader<'_>,
    watch: &Watch,
    report: &Report,
    label: &Label,
) -> Option<WatchAlarm> {
    if report.head.size > reader.memory().head.size {
        return None;
    }
    let failure = extends(reader, label, watch.latest, report.head)
        .await
        .err()?;
    let (auditor, why) = (watch.auditor.clone(), failure.to_string());
    Some(if failure.verdict() == Verdict::Refuted {
        WatchAlarm::Apart { auditor, why }
    } else {
        WatchAlarm::Silent { auditor, why }
    })
}

/// Whether the log grows and the reports do not follow.
fn stands_still(reader: &Reader<'_>, watch: &Watch, report: &Report) -> Option<WatchAlarm> {
    let log = reader.memory().head.size;
    let still = report.head.size <= watch.seen.size && report.head.size < log;
    (still && reader.now().since(watch.grew) > PATIENCE_S).then(|| WatchAlarm::Still {
        auditor: watch.auditor.clone(),
        size: report.head.size.get(),
    })
}

/// Hits that are not of this owner's own next version.
fn ghosts(watch: &Watch, report: &Report, own: &OwnKeys) -> Vec<WatchAlarm> {
    let mut alarms = Vec::new();
    for hit in &report.hits {
        // A hit at another index was refused with the report.
        let Some(version) = watch.version_at(&hit.index) else {
            continue;
        };
        if is_own_next(watch, version, own) && hit.announced {
            continue;
        }
        alarms.push(WatchAlarm::Hit {
            auditor: watch.auditor.clone(),
            version,
            position: hit.position,
            announced: hit.announced,
        });
    }
    alarms
}

/// Whether a version is the one after those watched from, and the owner has made it.
fn is_own_next(watch: &Watch, version: Version, own: &OwnKeys) -> bool {
    watch.latest.next() == Some(version) && own.hash_of(version).is_some()
}

/// Reports that say nothing is where the log, or another auditor, shows that something is.
fn denied(watches: &[Watch], own: &OwnKeys, seen: &WatchedRungs, looked: &mut Looked) {
    let mut alarms = Vec::new();
    for (place, report) in &looked.reports {
        let Some(watch) = watches.get(*place) else {
            continue;
        };
        for (version, index) in &watch.rungs {
            let in_log = seen.rungs().iter().any(|rung| {
                rung.index == *index
                    && rung.value.is_some()
                    && report.head.size >= seen.head().tree_head().size
            });
            let by_another = looked.reports.iter().any(|(_, other)| {
                let mut hits = other.hits.iter();
                hits.any(|hit| hit.index == *index && report.denies(index, hit.position))
            });
            let denies = report.hits.iter().all(|hit| hit.index != *index);
            if denies && (in_log || by_another) {
                alarms.push(WatchAlarm::Denied {
                    auditor: watch.auditor.clone(),
                    version: *version,
                    size: report.head.size.get(),
                });
            }
        }
    }
    for planted in seen.planted() {
        let mut from = watches.iter();
        let expected = from.any(|watch| is_own_next(watch, planted.version, own));
        if !expected && !own.is_published(planted.version) {
            alarms.push(WatchAlarm::planted(planted.version));
        }
    }
    looked.alarms.extend(alarms);
}
