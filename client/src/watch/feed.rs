//! The same without registering: the owner reads what was inserted in the buckets of its rungs, at two
//! auditors or more, and compares for itself.
//!
//! The auditors learn buckets that many people share, and no index. Each list is held against what the
//! log proves about the owner's rungs, and against what the other auditors list: one that leaves out
//! anybody's insertion is found out, not only one that leaves out the owner's.

use std::collections::BTreeSet;

use plainsight_specs::index::IndexKey;
use plainsight_specs::label::Version;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::time::Timestamp;
use plainsight_specs::watch::{Bucket, Inserted, Insertion, WatchedRungs};

use super::register::extends;
use super::served::weighed;
use super::{Guard, PATIENCE_S, WatchAlarm, refuse_time, rungs};
use crate::failure::{Failure, Verdict};
use crate::own::OwnKeys;
use crate::reader::{HeadSeen, Reader};

/// Private indexes of the log that share a bucket at the least, once it has so many.
const SHARED_BY: u64 = 256;
/// Answers that one auditor is asked for in a look.
const MAX_ANSWERS: u32 = 512;
/// Bound of one answer: 4,096 lines of an index and a position.
const MAX_NOTE: usize = 512 * 1024;

/// How far the lists of one auditor were read for one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The auditor's name in the policy.
    pub auditor: String,
    /// The version that was the latest.
    pub latest: Version,
    /// What is looked for, ascending by version. All of it was proved absent when the reading began.
    pub rungs: Vec<(Version, IndexKey)>,
    /// The first position that was not read.
    pub through: TreeSize,
    /// What was found of it so far: this owner's own, or it would have been an alarm.
    pub found: Vec<IndexKey>,
    /// When the lists last covered more than before; the next look begins to count where it is not
    /// known.
    pub grew: Option<Timestamp>,
}

/// What a look at the lists showed.
#[derive(Debug, Clone)]
pub struct Fed {
    /// The version that is looked from.
    pub latest: Version,
    /// The log's head.
    pub head: HeadSeen,
    /// How far each auditor's lists were read.
    pub feeds: Vec<Feed>,
    /// Hex digits of the buckets that were asked for.
    pub digits: usize,
    /// What must not be.
    pub alarms: Vec<WatchAlarm>,
}

/// What one auditor listed in one bucket.
struct Listed {
    bucket: Bucket,
    since: TreeSize,
    through: TreeSize,
    insertions: Vec<Insertion>,
}

/// What one auditor listed.
struct Read<'f> {
    feed: &'f Feed,
    lists: Vec<Listed>,
}

/// Reads on at every auditor, and begins with those that were not read for `latest`, the owner's newest
/// version, unless something was found that must not be.
pub async fn feed(
    reader: &mut Reader<'_>,
    guards: &[Guard],
    feeds: &mut Vec<Feed>,
    own: &OwnKeys,
    latest: Version,
) -> Result<Fed, Failure> {
    let label = own.label();
    let from = feeds.iter().map(|feed| feed.latest).min().unwrap_or(latest);
    let (mut seen, mut head) = rungs(reader, label, from).await?;
    let digits = digits(head.head.size);
    let (mut alarms, mut reads) = (Vec::new(), Vec::new());
    for feed in feeds.iter() {
        let Some(guard) = guards.iter().find(|guard| guard.name == feed.auditor) else {
            alarms.push(silent(
                feed,
                "it is no longer in the policy with an address and a watch key",
            ));
            continue;
        };
        match read(reader, guard, feed, digits, own).await {
            Ok(lists) => reads.push(Read { feed, lists }),
            Err(alarm) => alarms.push(alarm),
        }
    }
    alarms.extend(hits(&reads, own));
    alarms.extend(left_out(&reads, &seen));
    alarms.extend(differ(&reads));
    alarms.extend(planted(&seen, own, from));
    alarms.extend(stand_still(reader, &reads));
    let reached: Vec<(String, TreeSize, Vec<IndexKey>)> = reads.iter().map(Read::reached).collect();
    if alarms.iter().all(WatchAlarm::is_silence) {
        // What was found must not be is looked at again until it is explained.
        for (auditor, through, found) in reached {
            if let Some(feed) = feeds.iter_mut().find(|feed| feed.auditor == auditor) {
                if through > feed.through || feed.grew.is_none() {
                    feed.grew = Some(reader.now());
                }
                feed.through = through;
                feed.found.extend(found);
            }
        }
        let is_due = |guard: &&Guard| {
            let mut kept = feeds.iter();
            !kept.any(|feed| feed.auditor == guard.name && feed.latest == latest)
        };
        let due: Vec<&Guard> = guards.iter().filter(is_due).collect();
        if !due.is_empty() {
            (seen, head) = rungs(reader, label, latest).await?;
            alarms.extend(planted(&seen, own, latest));
            if alarms.iter().all(WatchAlarm::is_silence) {
                for guard in due {
                    feeds.retain(|feed| feed.auditor != guard.name);
                    feeds.push(begin(guard, latest, &seen, reader.now()));
                }
            }
        }
    }
    head = weighed(reader, own, &mut alarms).await.unwrap_or(head);
    Ok(Fed {
        latest,
        head,
        feeds: feeds.clone(),
        digits,
        alarms,
    })
}

/// Digits of a bucket that hides among [`SHARED_BY`] others.
fn digits(size: TreeSize) -> usize {
    // Half of all buckets are private.
    let shared = |digits: &u32| size.get() / (16u64.pow(*digits) / 2) >= SHARED_BY;
    let finest = (1..=4u32).rev().find(shared).unwrap_or(1);
    usize::try_from(finest).unwrap_or(1)
}

fn begin(guard: &Guard, latest: Version, seen: &WatchedRungs, now: Timestamp) -> Feed {
    Feed {
        auditor: guard.name.clone(),
        latest,
        rungs: seen
            .rungs()
            .iter()
            .map(|rung| (rung.version, rung.index))
            .collect(),
        // The log has proved that none of them is there up to here.
        through: seen.head().tree_head().size,
        found: Vec::new(),
        grew: Some(now),
    }
}

/// Reads the buckets of a feed's rungs, each up to the auditor's head.
async fn read(
    reader: &Reader<'_>,
    guard: &Guard,
    feed: &Feed,
    digits: usize,
    own: &OwnKeys,
) -> Result<Vec<Listed>, WatchAlarm> {
    let failed = |failure: Failure| silent(feed, &failure.to_string());
    let buckets: BTreeSet<Bucket> = feed
        .rungs
        .iter()
        .map(|(_, index)| Bucket::of(index, digits))
        .collect::<Result<_, _>>()
        .map_err(|error| failed(error.into()))?;
    let (mut lists, mut answers) = (Vec::new(), 0u32);
    for bucket in buckets {
        let mut list = Listed {
            bucket,
            since: feed.through,
            through: feed.through,
            insertions: Vec::new(),
        };
        loop {
            answers += 1;
            if answers > MAX_ANSWERS {
                return Err(silent(feed, "it answers without coming to an end"));
            }
            let answer = ask(reader, guard, &list).await.map_err(failed)?;
            refuse_time(reader, answer.time).map_err(failed)?;
            apart(reader, feed, &answer, own).await?;
            let stands = answer.through == list.through;
            list.through = answer.through;
            list.insertions.extend(answer.insertions);
            // SPEC(WATCH-16): what is not covered was not seen, and is asked for.
            if answer.through == answer.head.size {
                break;
            }
            if stands {
                return Err(silent(feed, "its answers cover nothing"));
            }
        }
        lists.push(list);
    }
    Ok(lists)
}

async fn ask(reader: &Reader<'_>, guard: &Guard, list: &Listed) -> Result<Inserted, Failure> {
    let origin = reader.memory().genesis.origin();
    let path = format!(
        "v1/inserted/{}/{}?since={}",
        origin.origin_hash(),
        list.bucket.as_str(),
        list.through
    );
    let note = guard.source.read(&path, MAX_NOTE).await?;
    let key = &guard.watch_key;
    Ok(Inserted::verify(
        &note,
        key,
        origin,
        &list.bucket,
        list.through,
    )?)
}

/// Whether an answer is about another history than the one that this reader is shown.
async fn apart(
    reader: &Reader<'_>,
    feed: &Feed,
    answer: &Inserted,
    own: &OwnKeys,
) -> Result<(), WatchAlarm> {
    // A head beyond the log's newest one is held against it at the next look.
    if answer.head.size > reader.memory().head.size || answer.head == reader.memory().head {
        return Ok(());
    }
    let fits = extends(reader, own.label(), feed.latest, answer.head).await;
    fits.map_err(|failure| {
        let (auditor, why) = (feed.auditor.clone(), failure.to_string());
        if failure.verdict() == Verdict::Refuted {
            WatchAlarm::Apart { auditor, why }
        } else {
            WatchAlarm::Silent { auditor, why }
        }
    })
}

impl Read<'_> {
    /// The first position that some bucket does not cover.
    fn through(&self) -> TreeSize {
        let through = self.lists.iter().map(|list| list.through).min();
        through.unwrap_or(self.feed.through)
    }

    /// What it lists of the feed's own rungs.
    fn own(&self) -> impl Iterator<Item = (Version, Insertion)> {
        let listed = self.lists.iter().flat_map(|list| &list.insertions);
        listed.filter_map(|insertion| {
            let mut rungs = self.feed.rungs.iter();
            let rung = rungs.find(|(_, index)| *index == insertion.index)?;
            Some((rung.0, *insertion))
        })
    }

    fn reached(&self) -> (String, TreeSize, Vec<IndexKey>) {
        let through = self.through();
        let found = self
            .own()
            .filter(|(_, insertion)| insertion.position.get() < through.get());
        let found = found.map(|(_, insertion)| insertion.index).collect();
        (self.feed.auditor.clone(), through, found)
    }
}

/// Insertions that are not of this owner's own next version.
fn hits(reads: &[Read<'_>], own: &OwnKeys) -> Vec<WatchAlarm> {
    let mut alarms = Vec::new();
    for read in reads {
        for (version, insertion) in read.own() {
            let at = insertion.position;
            // Read on after several rotations, it lists all of them.
            if !is_own_next(own, read.feed.latest, version) && !own.is_published_at(version, at) {
                alarms.push(WatchAlarm::Hit {
                    auditor: read.feed.auditor.clone(),
                    version,
                    position: insertion.position,
                    announced: false,
                });
            }
        }
    }
    alarms
}

/// Auditors whose lists cover no more though the log grows.
fn stand_still(reader: &Reader<'_>, reads: &[Read<'_>]) -> Vec<WatchAlarm> {
    let log = reader.memory().head.size;
    let stands = |read: &&Read<'_>| {
        let through = read.through();
        let still = through <= read.feed.through && through < log;
        let grew = read.feed.grew.filter(|_| still);
        grew.is_some_and(|grew| reader.now().since(grew) > PATIENCE_S)
    };
    reads
        .iter()
        .filter(stands)
        .map(|read| WatchAlarm::Still {
            auditor: read.feed.auditor.clone(),
            size: read.through().get(),
        })
        .collect()
}

/// Auditors that leave out a rung which the log proves to be there.
fn left_out(reads: &[Read<'_>], seen: &WatchedRungs) -> Vec<WatchAlarm> {
    let size = seen.head().tree_head().size;
    let mut alarms = Vec::new();
    for read in reads {
        for (version, index) in &read.feed.rungs {
            let mut rungs = seen.rungs().iter();
            let in_log = rungs.any(|rung| rung.index == *index && rung.value.is_some());
            let listed = read.feed.found.contains(index)
                || read.own().any(|(_, insertion)| insertion.index == *index);
            if in_log && !listed && read.through() >= size {
                alarms.push(WatchAlarm::Denied {
                    auditor: read.feed.auditor.clone(),
                    version: *version,
                    size: read.through().get(),
                });
            }
        }
    }
    alarms
}

/// Auditors that list other insertions than another one where both cover the positions.
fn differ(reads: &[Read<'_>]) -> Vec<WatchAlarm> {
    let mut alarms = Vec::new();
    for one in reads {
        for other in reads {
            if one.feed.auditor == other.feed.auditor {
                continue;
            }
            for list in &one.lists {
                let mut others = other.lists.iter();
                let Some(against) = others.find(|against| against.bucket == list.bucket) else {
                    continue;
                };
                let missing = list.insertions.iter().find(|insertion| {
                    let at = insertion.position.get();
                    let covered = against.since.get() <= at && at < against.through.get();
                    covered && !against.insertions.contains(insertion)
                });
                if let Some(missing) = missing {
                    alarms.push(WatchAlarm::Differ {
                        lists: one.feed.auditor.clone(),
                        leaves_out: other.feed.auditor.clone(),
                        position: missing.position,
                    });
                }
            }
        }
    }
    alarms
}

/// Rungs that the log itself shows, and that are not this owner's.
fn planted(seen: &WatchedRungs, own: &OwnKeys, from: Version) -> Vec<WatchAlarm> {
    seen.planted()
        .filter(|rung| !own.is_published(rung.version) && !is_own_next(own, from, rung.version))
        .map(|rung| WatchAlarm::planted(rung.version))
        .collect()
}

fn is_own_next(own: &OwnKeys, latest: Version, version: Version) -> bool {
    latest.next() == Some(version) && own.hash_of(version).is_some()
}

fn silent(feed: &Feed, why: &str) -> WatchAlarm {
    WatchAlarm::Silent {
        auditor: feed.auditor.clone(),
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_as_fine_as_hides_among_many() {
        let digits = |size| digits(TreeSize::new(size).unwrap());
        assert_eq!(digits(2), 1);
        assert_eq!(digits(8 * 256), 1);
        assert_eq!(digits(128 * 256 - 1), 1);
        assert_eq!(digits(128 * 256), 2);
        assert_eq!(digits(2048 * 256), 3);
        assert_eq!(digits(32_768 * 256), 4);
        assert_eq!(digits(1 << 40), 4);
    }
}
