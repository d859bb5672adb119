//! `plainsight keys`.

use std::time::Duration;

use plainsight_specs::label::Label;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::out_of_band::ContactCode;

use super::args::{KeysVerb, Places, Token};
use super::contact::own_key_set;
use super::draw::drawn;
use super::keys_reset as reset;
use super::keys_reset::{Asked, Wanted};
use super::keys_watch as watch;
use super::monitor::Service;
use super::output::Output;
use super::session::{Session, label};
use super::stop::Stop;
use crate::failure::{Failure, Verdict};
use crate::http::BaseUrl;
use crate::monitor::{self, Monitored, by_auditors};
use crate::own::reset::Strangers;
use crate::own::{DeviceChange, OwnError, OwnKeys};
use crate::publish;
use crate::reader::Reader;
use crate::report::{CodeKind, CodeShown, KeysPublished, KeysShown, KeysStaged, KeysTaken};

pub(crate) async fn run(
    places: &Places,
    verb: KeysVerb,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    match verb {
        KeysVerb::New {
            label: typed,
            device,
        } => {
            let label = label(&typed)?;
            new(&Session::open(places)?, label, &device, output)
        }
        KeysVerb::Publish {
            label: typed,
            token,
        } => {
            let label = label(&typed)?;
            let session = Session::open(places)?;
            let own = own(&session, &label)?;
            publish(&session, own, &token, output).await
        }
        KeysVerb::Rotate {
            label: typed,
            add_device,
            remove_device,
            token,
        } => {
            let change = DeviceChange {
                add: add_device,
                remove: remove_device,
            };
            rotate(places, &typed, &change, &token, output).await
        }
        KeysVerb::Reset {
            label: typed,
            device,
            not_mine,
            mine,
            yes,
            token,
        } => {
            let asked = if yes { Asked::Before } else { Asked::Now };
            let strangers = match (mine, not_mine) {
                (true, _) => Strangers::Mine,
                (false, true) => Strangers::NotMine,
                (false, false) => Strangers::Unsaid,
            };
            let wanted = Wanted {
                devices: &device,
                strangers,
                asked,
            };
            begin_anew(places, &typed, &wanted, &token, output).await
        }
        KeysVerb::Monitor {
            label: typed,
            every: Some(seconds),
            on_alarm,
        } => {
            let typed = typed.as_deref().map(label).transpose()?;
            let service = Service {
                label: typed,
                every: Duration::from_secs(seconds),
                on_alarm,
            };
            service.run(places, output).await
        }
        KeysVerb::Monitor { label: typed, .. } => {
            let typed = typed.as_deref().map(label).transpose()?;
            let looks = look_all(&Session::open(places)?, typed.as_ref()).await?;
            let verdicts = looks.iter().map(|monitored| output.report(monitored));
            let worst = verdicts.max_by_key(|verdict| *verdict == Verdict::Refuted);
            Ok(worst.unwrap_or(Verdict::Verified))
        }
        KeysVerb::Code {
            label: typed,
            drawing,
        } => {
            let session = Session::open(places)?;
            let own = own_key_set(&session, typed.as_deref())?;
            let text = ContactCode::of(&session.origin, &own).to_string();
            // Capitals make a smaller QR code, and are the same code.
            let qr = drawn(&text.to_ascii_uppercase(), &drawing, output)?;
            Ok(output.report(&CodeShown {
                kind: CodeKind::Contact,
                text,
                qr,
                about: vec![(own.label().clone(), own.version())],
            }))
        }
        KeysVerb::Watch { label: typed, feed } => {
            let label = label(&typed)?;
            let session = Session::open(places)?;
            let own = own(&session, &label)?;
            if feed {
                watch::feed(&session, &own, output).await
            } else {
                watch::run(&session, &own, output).await
            }
        }
        KeysVerb::History { label: typed } => show(places, &typed, true, output),
        KeysVerb::Show { label: typed } => show(places, &typed, false, output),
    }
}

async fn rotate(
    places: &Places,
    typed: &str,
    change: &DeviceChange,
    token: &Token,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let label = label(typed)?;
    let session = Session::open(places)?;
    let mut own = own(&session, &label)?;
    watch::may_rotate(&session, &own)?;
    own.rotate(change, super::clock()?)?;
    // On disk before it is sent: what may be logged must never be unknown here.
    session.home.keep_own_keys(&session.origin, &own)?;
    publish(&session, own, token, output).await
}

async fn begin_anew(
    places: &Places,
    typed: &str,
    wanted: &Wanted<'_>,
    token: &Token,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let label = label(typed)?;
    let session = Session::open(places)?;
    let own = reset::stage(&session, label, wanted, output).await?;
    publish(&session, own, token, output).await
}

pub(super) fn own(session: &Session, label: &Label) -> Result<OwnKeys, Stop> {
    let own = session.home.own_keys(&session.origin, label)?;
    own.ok_or_else(|| {
        Stop::Usage(format!(
            "no keys of {label} are in this home; `plainsight keys new` makes some"
        ))
    })
}

fn new(
    session: &Session,
    label: Label,
    devices: &[String],
    output: &mut Output,
) -> Result<Verdict, Stop> {
    if session.home.own_keys(&session.origin, &label)?.is_some() {
        return Err(Stop::Usage(format!(
            "keys of {label} are in this home already; `plainsight keys rotate` makes a new version"
        )));
    }
    let own = OwnKeys::create(label, devices, super::clock()?)?;
    session.home.keep_own_keys(&session.origin, &own)?;
    Ok(output.report(&KeysStaged(&own)))
}

/// How often what was published is looked for, and the pause before the next time.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// Publishes the version that waits, and looks at what the log shows since.
async fn publish(
    session: &Session,
    mut own: OwnKeys,
    token: &Token,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let token = session.token(token.token_file.as_ref())?;
    let Some(waiting) = own.pending().map(|pending| pending.key_set.version()) else {
        return Err(OwnError::NothingPending.into());
    };
    let reset = reset::notice(session, &own)?;
    let position = match send(session, &mut own, token.as_deref(), output).await {
        Ok(position) => position,
        Err(stop) => return Err(stop.with_waiting(own.label(), waiting)),
    };
    session.home.keep_own_keys(&session.origin, &own)?;
    let version = own.newest().map(|newest| newest.key_set.version());
    // That the log took it is its word; that it shows it, and nothing else, is checked.
    let monitored = match look_after(session, &mut own, position).await {
        Ok(monitored) => monitored,
        Err(Stop::Failure { failure, .. }) => {
            return Ok(output.report(&KeysTaken {
                label: own.label().clone(),
                version,
                position,
                reset,
                failure,
            }));
        }
        Err(stop) => return Err(stop),
    };
    watch::renew(session, &own, output).await;
    keep_records(session, &monitored)?;
    Ok(output.report(&KeysPublished {
        version,
        position,
        reset,
        monitored,
    }))
}

async fn send(
    session: &Session,
    own: &mut OwnKeys,
    token: Option<&str>,
    output: &Output,
) -> Result<LeafIndex, Stop> {
    watch::announce_all(session, own).await?;
    output.note("Publishing, and waiting for the auditors to cosign.");
    Ok(publish::publish(&session.log_for_publishing()?, own, token).await?)
}

/// Looks until the head covers a position. Another server of the log may still show an older head,
/// for a moment.
async fn look_after(
    session: &Session,
    own: &mut OwnKeys,
    position: LeafIndex,
) -> Result<Monitored, Stop> {
    let mut looks = 0;
    loop {
        let mut reader = session.reader().await?;
        let outcome = monitor::monitor(&mut reader, own).await;
        session.home.keep_own_keys(&session.origin, own)?;
        let monitored = session.end(&reader, outcome)?;
        looks += 1;
        let is_reached = monitored.head.head.size.get() > position.get();
        if is_reached || !monitored.alarms.is_empty() || looks == LOOKS {
            return Ok(monitored);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks at every label of one's own, or at one.
pub(super) async fn look_all(
    session: &Session,
    label: Option<&Label>,
) -> Result<Vec<Monitored>, Stop> {
    let labels = match label {
        Some(label) => vec![label.clone()],
        None => session.home.own_labels(&session.origin)?,
    };
    if labels.is_empty() {
        return Err(Stop::Usage(
            "no keys of your own are in this home; `plainsight keys new` makes some".into(),
        ));
    }
    let mut reader = session.reader().await?;
    let mut looks = Vec::new();
    for label in labels {
        let mut own = own(session, &label)?;
        let outcome = monitor::monitor(&mut reader, &mut own).await;
        session.home.keep_own_keys(&session.origin, &own)?;
        let monitored = match outcome {
            Err(failure) if failure.is_for_others() => {
                look_by_auditors(session, &mut reader, &own, failure).await?
            }
            outcome => session.end(&reader, outcome)?,
        };
        keep_records(session, &monitored)?;
        looks.push(monitored);
    }
    Ok(looks)
}

/// Asks the auditors that have an address. The log's own failure is told if they do not help, and if it
/// did more than not answer.
async fn look_by_auditors(
    session: &Session,
    reader: &mut Reader<'_>,
    own: &OwnKeys,
    failure: Failure,
) -> Result<Monitored, Stop> {
    let named = session.trust.auditor_urls().into_iter();
    let auditors: Vec<_> = named
        .filter_map(|(name, url)| Some((name, BaseUrl::parse(&url).ok()?)))
        .collect();
    let looked = by_auditors::look(&session.http()?, &auditors, reader, own, failure.clone()).await;
    // What the log showed is kept either way.
    let refused = session.end::<Monitored>(reader, Err(failure.clone()));
    match looked {
        Ok(seen) if seen.alarms.is_empty() && !failure.is_outage() => {
            refused.map_err(|stop| stop.with_auditors(own.label(), seen.newest, &seen.auditors))
        }
        Ok(seen) => Ok(seen),
        // Two histories are worth more than the log's silence.
        Err(refuted) if refuted.is_refuted() && !failure.is_refuted() => {
            session.end(reader, Err(refuted))
        }
        Err(_) => refused,
    }
}

fn keep_records(session: &Session, monitored: &Monitored) -> Result<(), Stop> {
    for record in &monitored.records {
        session.home.keep_evidence(&record.id, &record.bytes)?;
    }
    Ok(())
}

fn show(places: &Places, typed: &str, all: bool, output: &mut Output) -> Result<Verdict, Stop> {
    let label = label(typed)?;
    let session = Session::open(places)?;
    let own = own(&session, &label)?;
    Ok(output.report(&KeysShown { own: &own, all }))
}
