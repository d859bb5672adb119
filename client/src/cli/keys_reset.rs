//! `plainsight keys reset`: looks, makes, says what it means, and asks.

use std::io::Write as _;

use plainsight_specs::label::Label;

use super::keys_watch as watch;
use super::output::Output;
use super::session::Session;
use super::stop::Stop;
use crate::own::OwnKeys;
use crate::own::reset::{LoggedBefore, Strangers, look};
use crate::report::{ResetNotice, ResetPlan};

/// What a person answers who wants it.
const YES: &str = "reset";
/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 256;

/// Whether the person has agreed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Before,
    Now,
}

/// The reset that is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) devices: &'a [String],
    pub(super) strangers: Strangers,
    pub(super) asked: Asked,
}

/// A reset that the person has agreed to, on disk.
pub(super) async fn stage(
    session: &Session,
    label: Label,
    wanted: &Wanted<'_>,
    output: &mut Output,
) -> Result<OwnKeys, Stop> {
    let kept = session.home.own_keys(&session.origin, &label)?;
    let mut reader = session.reader().await?;
    let outcome = look(&mut reader, &label).await;
    let Some(before) = session.end(&reader, outcome)? else {
        return Err(Stop::Usage(format!(
            "the log is proved to have no key set of {label}, so that there is nothing to go over: \
             `plainsight keys new` and `keys publish` make the first"
        )));
    };
    let mut own = kept.unwrap_or_else(|| OwnKeys::none(label));
    // One that was agreed to before and did not get through is taken as it is.
    if own
        .waiting_reset()
        .is_none_or(|waiting| waiting <= before.latest)
    {
        let now = super::clock()?;
        own.reset(&before, wanted.devices, wanted.strangers, now)?;
    } else {
        output.note(
            "A reset that you agreed to before still waits, and is taken as it is, with the devices that it \
             was made with.",
        );
    }
    explain(
        &own,
        &before,
        session.trust.annotations().reset_delay_s,
        wanted.asked,
        output,
    )?;
    // On disk before it is sent: what may be logged must never be unknown here.
    session.home.keep_own_keys(&session.origin, &own)?;
    watch::let_go(session, &own, output).await?;
    Ok(own)
}

fn explain(
    own: &OwnKeys,
    before: &LoggedBefore,
    delay_s: u64,
    asked: Asked,
    output: &Output,
) -> Result<(), Stop> {
    let plan = ResetPlan {
        before,
        own,
        delay_s,
    };
    let text = plan.lines().join("\n");
    if asked == Asked::Before {
        output.note(&text);
        return Ok(());
    }
    // A question is for a person, in whatever form the answer is wanted.
    let mut error = std::io::stderr().lock();
    let _closed = write!(
        error,
        "{text}\nType {YES} to publish it, anything else to leave all as it is: "
    );
    let _closed = error.flush();
    let mut line = String::new();
    let input = std::io::Read::take(std::io::stdin().lock(), MAX_ANSWER);
    let read = std::io::BufRead::read_line(&mut std::io::BufReader::new(input), &mut line);
    if read.is_ok() && line.trim() == YES {
        return Ok(());
    }
    Err(Stop::Usage(format!(
        "nothing was published and nothing is changed, since the answer was not `{YES}`"
    )))
}

/// What to say about the version that waits, if it is a reset.
pub(super) fn notice(session: &Session, own: &OwnKeys) -> Result<Option<ResetNotice>, Stop> {
    let Some(version) = own.waiting_reset() else {
        return Ok(None);
    };
    let delay_s = session.trust.annotations().reset_delay_s;
    Ok(Some(ResetNotice {
        label: own.label().clone(),
        version,
        unconfirmed_until: super::clock()?.plus(delay_s),
    }))
}
