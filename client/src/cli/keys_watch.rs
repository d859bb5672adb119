//! `plainsight keys watch`, and what a rotation owes to those who watch.

use plainsight_specs::label::Version;

use super::output::Output;
use super::session::Session;
use super::stop::Stop;
use crate::failure::{Failure, Verdict};
use crate::own::OwnKeys;
use crate::report::{FeedReport, Report as _};
use crate::watch::{self, Guard, MIN_GUARDS, Standing, Watched, guards};

/// Asks about the watches of a label, and registers anew where that is due.
pub(crate) async fn run(
    session: &Session,
    own: &OwnKeys,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let watched = look(session, own).await?;
    Ok(output.report(&watched))
}

async fn look(session: &Session, own: &OwnKeys) -> Result<Watched, Stop> {
    let label = own.label();
    let Some(latest) = newest(own) else {
        return Err(Stop::Usage(format!(
            "nothing of {label} is published yet; `plainsight keys publish` does that"
        )));
    };
    let guards = enough_guards(session)?;
    let mut reader = session.reader().await?;
    let mut watches = session.home.watches(&session.origin, label)?;
    let outcome = watch::look(&mut reader, &guards, &mut watches, own, latest).await;
    // The new ones are on disk before the old ones are let go.
    session
        .home
        .keep_watches(&session.origin, label, &watches)?;
    let looked = session.end(&reader, outcome)?;
    for old in &looked.replaced {
        if let Some(guard) = guards.iter().find(|guard| guard.name == old.auditor) {
            // One that cannot be let go expires by itself.
            let _gone = watch::cancel(guard, old).await;
        }
    }
    Ok(looked.watched)
}

fn enough_guards(session: &Session) -> Result<Vec<Guard>, Stop> {
    let guards = guards(&session.trust, &session.http()?)?;
    if guards.len() < MIN_GUARDS {
        return Err(Stop::Usage(format!(
            "watching takes at least {MIN_GUARDS} auditors: note `url` and `watch_key` for each in the \
             file beside the policy"
        )));
    }
    Ok(guards)
}

/// The same without registering anything.
pub(crate) async fn feed(
    session: &Session,
    own: &OwnKeys,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let label = own.label();
    let Some(latest) = newest(own) else {
        return Err(Stop::Usage(format!(
            "nothing of {label} is published yet; `plainsight keys publish` does that"
        )));
    };
    let guards = enough_guards(session)?;
    let mut reader = session.reader().await?;
    let mut feeds = session.home.feeds(&session.origin, label)?;
    let outcome = watch::feed(&mut reader, &guards, &mut feeds, own, latest).await;
    session.home.keep_feeds(&session.origin, label, &feeds)?;
    Ok(output.report(&FeedReport {
        label: label.clone(),
        fed: session.end(&reader, outcome)?,
    }))
}

/// Announces the version that waits to everybody who watches. Nothing is published before that.
pub(crate) async fn announce_all(session: &Session, own: &OwnKeys) -> Result<(), Stop> {
    let label = own.label();
    let mut watches = session.home.watches(&session.origin, label)?;
    // Watches that are left over from keys that are lost are about no version of these.
    let is_watched = !watches.is_empty() && own.newest().is_some();
    let Some(pending) = own.pending().filter(|_| is_watched) else {
        return Ok(());
    };
    let guards = guards(&session.trust, &session.http()?)?;
    let mut reader = session.reader().await?;
    let mut outcome = Ok(());
    for watch in &mut watches {
        let Some(guard) = guards.iter().find(|guard| guard.name == watch.auditor) else {
            continue;
        };
        outcome = match watch::announce(&reader, guard, watch, label, pending).await {
            // An auditor that has seen the version logged already refuses; what it is, the log proves.
            Err(refused) if refused.is_conflict() => {
                match watch::standing_at(&mut reader, watch, pending).await {
                    Ok(Standing::Own) => Ok(()),
                    Ok(Standing::Other) => Err(Failure::Taken {
                        version: pending.key_set.version(),
                    }),
                    Ok(Standing::Nothing) | Err(_) => Err(refused),
                }
            }
            announced => announced,
        };
        if outcome.is_err() {
            break;
        }
    }
    session
        .home
        .keep_watches(&session.origin, label, &watches)?;
    session.end(&reader, outcome)
}

/// Whether a rotation may be made: everybody who watches must watch from the newest version.
pub(crate) fn may_rotate(session: &Session, own: &OwnKeys) -> Result<(), Stop> {
    let watches = session.home.watches(&session.origin, own.label())?;
    match watch::behind(&watches, own) {
        None => Ok(()),
        Some(watch) => Err(Stop::Usage(format!(
            "{} still watches from version {}: run `plainsight keys watch {}` before the next rotation",
            watch.auditor,
            watch.latest,
            own.label().display()
        ))),
    }
}

/// Lets the watches of before a reset go: they are from a version that the reset does not follow.
pub(crate) async fn let_go(session: &Session, own: &OwnKeys, output: &Output) -> Result<(), Stop> {
    let label = own.label();
    let watches = session.home.watches(&session.origin, label)?;
    if !watches.is_empty() {
        output.note(&format!(
            "The auditors that watched do not watch for what comes after a reset: run `plainsight keys \
             watch {}` once it is published.",
            label.display()
        ));
    }
    let guards = guards(&session.trust, &session.http()?)?;
    session.home.keep_watches(&session.origin, label, &[])?;
    session.home.keep_feeds(&session.origin, label, &[])?;
    for old in &watches {
        if let Some(guard) = guards.iter().find(|guard| guard.name == old.auditor) {
            // One that cannot be let go expires by itself.
            let _gone = watch::cancel(guard, old).await;
        }
    }
    Ok(())
}

/// Registers anew after a rotation, if there were watches. What does not work is said, and is no
/// failure of the rotation.
pub(crate) async fn renew(session: &Session, own: &OwnKeys, output: &Output) {
    let watches = session.home.watches(&session.origin, own.label());
    if watches.is_ok_and(|watches| watches.is_empty()) {
        return;
    }
    let said = match look(session, own).await {
        Ok(watched) if watched.verdict() == Verdict::Verified => {
            "The auditors that watch now watch for the version after this one.".into()
        }
        Ok(watched) => watched.lines().join("\n"),
        Err(stop) => stop.lines().join("\n"),
    };
    output.note(&said);
}

fn newest(own: &OwnKeys) -> Option<Version> {
    own.newest().map(|newest| newest.key_set.version())
}
