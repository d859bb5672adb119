//! A whole look: what became of the watches there are, and new ones where they are due.

use plainsight_specs::label::Version;
use plainsight_specs::watch::WatchedRungs;

use super::served::weighed;
use super::{Guard, Guarded, Registered, Watch, WatchAlarm, Watched, check, register, rungs};
use crate::failure::Failure;
use crate::own::{OwnKeys, Pending};
use crate::reader::Reader;

/// What a look came to.
#[derive(Debug, Clone)]
pub struct LookedAt {
    /// For people.
    pub watched: Watched,
    /// Watches that newer ones have replaced. They are let go once the newer ones are on disk.
    pub replaced: Vec<Watch>,
}

/// Asks about every watch, and registers with every guard that does not watch from `latest`, the
/// owner's newest version, unless something was found that must not be.
pub async fn look(
    reader: &mut Reader<'_>,
    guards: &[Guard],
    watches: &mut Vec<Watch>,
    own: &OwnKeys,
    latest: Version,
) -> Result<LookedAt, Failure> {
    let label = own.label();
    let mut alarms = Vec::new();
    let mut head = None;
    // What was watched until now may be from the version before.
    if let Some(from) = watches.iter().map(|watch| watch.latest).min() {
        let (seen, at) = rungs(reader, label, from).await?;
        alarms = check(reader, guards, watches, own, &seen).await.alarms;
        head = Some(at);
    }
    let due: Vec<&Guard> = guards
        .iter()
        .filter(|guard| {
            let mut kept = watches.iter();
            !kept.any(|watch| watch.auditor == guard.name && watch.latest == latest)
        })
        .collect();
    let (mut new, mut replaced) = (Vec::new(), Vec::new());
    if is_clean(&alarms) && (!due.is_empty() || head.is_none()) {
        let (seen, at) = rungs(reader, label, latest).await?;
        head = Some(at);
        refuse_before_adopted(own, &seen)?;
        let planted = seen.planted();
        alarms.extend(planted.map(|rung| WatchAlarm::planted(rung.version)));
        for guard in due {
            if !is_clean(&alarms) {
                break;
            }
            // SPEC(WATCH-12)
            match register(reader, guard, label, latest, &seen).await {
                Ok(Registered::Watching(watch)) => {
                    replaced.extend(watches.extract_if(.., |old| old.auditor == watch.auditor));
                    new.push(watch.auditor.clone());
                    watches.push(*watch);
                }
                Ok(Registered::Alarms(found)) => alarms.extend(found),
                Err(failure) => alarms.push(WatchAlarm::Silent {
                    auditor: guard.name.clone(),
                    why: failure.to_string(),
                }),
            }
        }
    }
    let head = match head {
        Some(head) => head,
        None => rungs(reader, label, latest).await?.1,
    };
    let head = weighed(reader, own, &mut alarms).await.unwrap_or(head);
    let guards = watches
        .iter()
        .map(|watch| Guarded {
            auditor: watch.auditor.clone(),
            watched: watch.rungs.len(),
            size: watch.seen.size.get(),
            new: new.contains(&watch.auditor),
            expires: watch.expires,
        })
        .collect();
    Ok(LookedAt {
        watched: Watched {
            label: label.clone(),
            latest,
            head,
            guards,
            alarms,
        },
        replaced,
    })
}

/// The owner's own next version, logged though the log's answer never arrived here, is no ghost; it has
/// to be known as logged before anybody can watch from it on.
fn refuse_before_adopted(own: &OwnKeys, seen: &WatchedRungs) -> Result<(), Failure> {
    let is_own = |pending: &&Pending| {
        let mut planted = seen.planted();
        planted.any(|rung| rung.value == Some(pending.leaf(rung.index)))
    };
    match own.pending().filter(is_own) {
        None => Ok(()),
        Some(pending) => Err(Failure::Question(format!(
            "version {}, which you made, is in the log, though its answer never arrived here: run \
             `plainsight keys monitor` first, then this again",
            pending.key_set.version()
        ))),
    }
}

fn is_clean(alarms: &[WatchAlarm]) -> bool {
    alarms.iter().all(WatchAlarm::is_silence)
}

/// The watch that keeps its owner from rotating: one that is not from the newest version on.
pub fn behind<'w>(watches: &'w [Watch], own: &OwnKeys) -> Option<&'w Watch> {
    // SPEC(WATCH-13)
    let newest = own.newest().map(|newest| newest.key_set.version());
    watches.iter().find(|watch| Some(watch.latest) != newest)
}
