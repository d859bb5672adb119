//! Asking an auditor to watch, announcing to it, and letting it go.

use plainsight_specs::commitment::commit;
use plainsight_specs::head::Trust;
use plainsight_specs::index::IndexKey;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::lookup::{LookupAnswer, LookupRequest};
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::watch::{
    Announcement, RegisterAnswer, RegisterRequest, Registration, Report, ReportAnswer, RungsAnswer,
    RungsRequest, TokenRequest, WatchedIndexes, WatchedRungs, watch_id,
};

use super::{Guard, Watch, WatchAlarm, refuse_time};
use crate::failure::Failure;
use crate::own::Pending;
use crate::reader::{MAX_ANSWER, Purpose, Reader};

/// What a registration came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// It is watched.
    Watching(Box<Watch>),
    /// Something must not be; nothing is watched.
    Alarms(Vec<WatchAlarm>),
}

/// Registers the rungs with one auditor, and looks at the log again at a head that extends what the
/// auditor proved.
pub async fn register(
    reader: &Reader<'_>,
    guard: &Guard,
    label: &Label,
    latest: Version,
    seen: &WatchedRungs,
) -> Result<Registered, Failure> {
    let mut indexes: Vec<IndexKey> = seen.rungs().iter().map(|rung| rung.index).collect();
    indexes.sort_unstable();
    let request = RegisterRequest {
        origin: reader.memory().genesis.origin().clone(),
        indexes: WatchedIndexes::new(indexes)?,
    };
    let path = "v1/watch";
    let answer = guard
        .source
        .send(path, &request.to_json(), None, MAX_ANSWER)
        .await?;
    let body = crate::http::success(&guard.source.base().join(path), answer)?;
    let answer = RegisterAnswer::parse(&body)?;
    let policy = guard.policy(reader.trust_policy(), &request.origin)?;
    let trust = Trust {
        policy: &policy,
        remembered: None,
        ..reader.trust(Purpose::Contacts)
    };
    let version_at = |index: &IndexKey| {
        let mut rungs = seen.rungs().iter();
        rungs
            .find(|rung| rung.index == *index)
            .map(|rung| rung.version)
    };
    match answer.verify(&trust, &request, &guard.watch_key)? {
        Registration::Present { present, .. } => Ok(Registered::Alarms(
            present
                .iter()
                .filter_map(|(index, _)| version_at(index))
                .map(WatchAlarm::planted)
                .collect(),
        )),
        Registration::Watched { token, report, .. } => {
            refuse_time(reader, report.time)?;
            // SPEC(WATCH-5)
            let shown = latest_since(reader, label, report.head).await?;
            if shown != Some(latest) {
                return Ok(Registered::Alarms(vec![WatchAlarm::OtherLatest { shown }]));
            }
            let expires = answer
                .registered
                .as_ref()
                .map_or(report.time, |registered| registered.report.expires);
            Ok(Registered::Watching(Box::new(Watch {
                auditor: guard.name.clone(),
                token,
                latest,
                rungs: seen
                    .rungs()
                    .iter()
                    .map(|rung| (rung.version, rung.index))
                    .collect(),
                seen: report.head,
                grew: report.time,
                expires,
            })))
        }
    }
}

/// The latest version at a head of the log that extends `from`.
async fn latest_since(
    reader: &Reader<'_>,
    label: &Label,
    from: TreeHead,
) -> Result<Option<Version>, Failure> {
    let request = LookupRequest {
        label: label.clone(),
        since: Some(from.size),
        logged: false,
    };
    let body = reader
        .log()
        .ask("v1/lookup", &request.to_json(), MAX_ANSWER)
        .await?;
    let answer = LookupAnswer::parse(&body).map_err(Failure::refused)?;
    let trust = Trust {
        remembered: Some(from),
        ..reader.trust(Purpose::Contacts)
    };
    let lookup = answer
        .verify(&trust, &request)
        .map_err(|error| reader.refuse(error, &answer.head.checkpoint))?;
    Ok(lookup.found().map(|found| found.key_set().version()))
}

/// Whether the log shows that its head extends `from`.
pub(super) async fn extends(
    reader: &Reader<'_>,
    label: &Label,
    latest: Version,
    from: TreeHead,
) -> Result<(), Failure> {
    let request = RungsRequest {
        label: label.clone(),
        latest,
        since: Some(from.size),
    };
    let body = reader
        .log()
        .ask("v1/rungs", &request.to_json(), MAX_ANSWER)
        .await?;
    let answer = RungsAnswer::parse(&body)?;
    let trust = Trust {
        remembered: Some(from),
        ..reader.trust(Purpose::Contacts)
    };
    answer
        .verify(&trust, &request)
        .map_err(|error| reader.refuse(error, &answer.head.checkpoint))?;
    Ok(())
}

/// Announces the version that is about to be published.
pub async fn announce(
    reader: &Reader<'_>,
    guard: &Guard,
    watch: &mut Watch,
    label: &Label,
    pending: &Pending,
) -> Result<(), Failure> {
    let version = pending.key_set.version();
    // SPEC(WATCH-13)
    let follows = watch.latest.next() == Some(version);
    let Some(index) = watch.index_of(version).filter(|_| follows) else {
        return Err(Failure::Question(format!(
            "{} watches from version {} on, which is not the one before {version}",
            watch.auditor, watch.latest
        )));
    };
    // SPEC(WATCH-10)
    let announcement = Announcement {
        token: watch.token.clone(),
        index,
        commitment: commit(&pending.opening, label, version, pending.key_set.bytes()),
    };
    let path = "v1/watch/announce";
    let report = ask(reader, guard, watch, path, &announcement.to_json()).await?;
    note(watch, &report);
    Ok(())
}

/// Lets a watch go.
pub async fn cancel(guard: &Guard, watch: &Watch) -> Result<(), Failure> {
    let request = TokenRequest {
        token: watch.token.clone(),
    };
    let path = "v1/watch/cancel";
    let answer = guard
        .source
        .send(path, &request.to_json(), None, MAX_ANSWER)
        .await?;
    crate::http::success(&guard.source.base().join(path), answer)?;
    Ok(())
}

/// Asks about a watch, and verifies the report.
pub(super) async fn ask(
    reader: &Reader<'_>,
    guard: &Guard,
    watch: &mut Watch,
    path: &str,
    body: &[u8],
) -> Result<Report, Failure> {
    let body = guard.source.ask(path, body, MAX_ANSWER).await?;
    let answer = ReportAnswer::parse(&body)?;
    let origin = reader.memory().genesis.origin();
    let indexes = watch.indexes()?;
    let id = watch_id(origin, &indexes, &watch.token);
    let report = Report::verify(&answer.note, &guard.watch_key, origin, &id, &indexes)?;
    report.refuse_back(&watch.seen)?;
    watch.expires = answer.expires;
    Ok(report)
}

/// Remembers what a report covered.
pub(super) fn note(watch: &mut Watch, report: &Report) {
    if report.head.size > watch.seen.size {
        watch.grew = report.time;
    }
    watch.seen = report.head;
}
