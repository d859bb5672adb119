//! `plainsight contact`.

use super::args::{ContactVerb, Places};
use super::output::Output;
use super::session::{Session, label};
use super::stop::Stop;
use crate::contact;
use crate::failure::Verdict;
use crate::home::pins::Pin;
use crate::report::Accepted;

pub(crate) async fn run(
    places: &Places,
    verb: ContactVerb,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    match verb {
        ContactVerb::Verify { label: typed } => verify(places, &typed, output).await,
        ContactVerb::Accept { label: typed } => accept(places, &typed, output),
    }
}

async fn verify(places: &Places, typed: &str, output: &mut Output) -> Result<Verdict, Stop> {
    let label = label(typed)?;
    let session = Session::open(places)?;
    let pin = session.home.pin(&session.origin, &label)?;
    let mut reader = session.reader().await?;
    let pinned = pin.as_ref().map(Pin::pinned);
    let outcome = contact::verify(&mut reader, &label, pinned.as_ref()).await;
    let contact = session.end(&reader, outcome)?;
    if let Some(pin) = Pin::after(pin, &contact, reader.now()) {
        session.home.keep_pin(&session.origin, &label, &pin)?;
    }
    Ok(output.report(&contact))
}

fn accept(places: &Places, typed: &str, output: &mut Output) -> Result<Verdict, Stop> {
    let label = label(typed)?;
    let session = Session::open(places)?;
    let pin = session.home.pin(&session.origin, &label)?;
    let accepted = pin.and_then(|pin| Some(pin.accept(super::clock().ok()?)));
    let Some(Some(pin)) = accepted else {
        return Err(Stop::Usage(format!(
            "nothing waits to be accepted for {label}: run `plainsight contact verify` first"
        )));
    };
    session.home.keep_pin(&session.origin, &label, &pin)?;
    Ok(output.report(&Accepted {
        label,
        key_set: pin.key_set,
    }))
}
