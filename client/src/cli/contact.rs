//! `plainsight contact`.

use std::path::Path;

use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::Label;
use plainsight_specs::out_of_band::SafetyNumber;

use super::args::{CodeArgs, ContactVerb, Drawing, Places};
use super::draw::drawn;
use super::files::{refuse_special, to_write};
use super::output::Output;
use super::session::{Session, label};
use super::stop::Stop;
use crate::contact;
use crate::contact::codes::{self, Code};
use crate::failure::Verdict;
use crate::home::pins::{Anyway, Pin, PinState};
use crate::report::{
    CodeKind, CodeShown, Compared, ContactReport, PinForgotten, PinSet, PinsListed, PinsMoved,
};

pub(crate) async fn run(
    places: &Places,
    verb: ContactVerb,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    match verb {
        ContactVerb::Verify { label: typed, code } => verify(places, &typed, &code, output).await,
        ContactVerb::Accept {
            label: typed,
            unconfirmed,
        } => {
            let anyway = if unconfirmed { Anyway::Yes } else { Anyway::No };
            accept(places, &typed, anyway, output)
        }
        ContactVerb::List => {
            let session = Session::open(places)?;
            Ok(output.report(&PinsListed(session.home.pins(&session.origin)?)))
        }
        ContactVerb::Number {
            label: typed,
            me,
            drawing,
        } => number(places, &typed, me.as_deref(), &drawing, output),
        ContactVerb::Revoke { label: typed } => revoke(places, &typed, output),
        ContactVerb::Forget { label: typed } => {
            let (label, session) = (label(&typed)?, Session::open(places)?);
            session.home.forget_pin(&session.origin, &label)?;
            Ok(output.report(&PinForgotten(label)))
        }
        ContactVerb::Export { out } => {
            let session = Session::open(places)?;
            let count = session
                .home
                .export_pins(&session.origin, &to_write(&out)?)?;
            Ok(moved(&out, false, count, 0, output))
        }
        ContactVerb::Import { file } => {
            refuse_special(&file)?;
            let session = Session::open(places)?;
            let imported = session.home.import_pins(&session.origin, &file)?;
            Ok(moved(&file, true, imported.new, imported.kept, output))
        }
    }
}

async fn verify(
    places: &Places,
    typed: &str,
    args: &CodeArgs,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let label = label(typed)?;
    let code = args.code.as_deref().map(Code::parse).transpose()?;
    let session = Session::open(places)?;
    // One's own keys are looked for before anything is asked of the log.
    let own = match &code {
        Some(Code::Number(_)) => Some(own_key_set(&session, args.me.as_deref())?),
        _ => None,
    };
    let pin = session.home.pin(&session.origin, &label)?;
    let mut reader = session.reader().await?;
    let pinned = pin.as_ref().map(Pin::pinned);
    let outcome = contact::verify(&mut reader, &label, pinned.as_ref()).await;
    let contact = session.end(&reader, outcome)?;
    let compared = match &code {
        None => None,
        Some(code) => {
            let outcome = codes::compare(&mut reader, &contact, code, own.as_ref()).await;
            session.end(&reader, outcome)?
        }
    };
    let vouched = compared.as_ref().is_some_and(codes::Compared::holds);
    let is_revoked = pin
        .as_ref()
        .is_some_and(|pin| pin.state == PinState::Revoked);
    let after = match &contact.found {
        Some(found) if vouched && !is_revoked => {
            let state = if args.in_person {
                PinState::InPerson
            } else {
                PinState::CodeVerified
            };
            Some(Pin::vouched(found.key_set.clone(), state, reader.now()))
        }
        // A code that differs pins nothing.
        _ if compared.is_some() => pin,
        _ => Pin::after(pin, &contact, reader.now()),
    };
    let state = after.as_ref().map(|pin| pin.state);
    if let Some(pin) = after {
        session.home.keep_pin(&session.origin, &label, &pin)?;
    }
    Ok(output.report(&ContactReport {
        contact,
        compared,
        state,
    }))
}

fn accept(
    places: &Places,
    typed: &str,
    anyway: Anyway,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let label = label(typed)?;
    let session = Session::open(places)?;
    let pin = known(&session, &label)?;
    let compared = pin.pending.as_ref().and_then(|pending| {
        let compared = matches!(pending.before, PinState::CodeVerified | PinState::InPerson);
        compared.then_some(Compared {
            version: pin.key_set.version(),
            state: pending.before,
            signed: pending.signed,
        })
    });
    let pin = pin.accept(super::clock()?, anyway)?;
    keep(&session, label, pin, compared, output)
}

fn revoke(places: &Places, typed: &str, output: &mut Output) -> Result<Verdict, Stop> {
    let label = label(typed)?;
    let session = Session::open(places)?;
    let pin = known(&session, &label)?.revoke(super::clock()?);
    keep(&session, label, pin, None, output)
}

fn known(session: &Session, label: &Label) -> Result<Pin, Stop> {
    let pin = session.home.pin(&session.origin, label)?;
    pin.ok_or_else(|| {
        Stop::Usage(format!(
            "nothing is pinned for {label}: run `plainsight contact verify` first"
        ))
    })
}

fn keep(
    session: &Session,
    label: Label,
    pin: Pin,
    compared: Option<Compared>,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    session.home.keep_pin(&session.origin, &label, &pin)?;
    Ok(output.report(&PinSet {
        label,
        key_set: pin.key_set,
        state: pin.state,
        compared,
    }))
}

fn number(
    places: &Places,
    typed: &str,
    me: Option<&str>,
    drawing: &Drawing,
    output: &mut Output,
) -> Result<Verdict, Stop> {
    let label = label(typed)?;
    let session = Session::open(places)?;
    let own = own_key_set(&session, me)?;
    let pin = known(&session, &label)?;
    if !pin.from_log || matches!(pin.state, PinState::Changed | PinState::Revoked) {
        return Err(Stop::Usage(format!(
            "the pin of {label} is {}: run `plainsight contact verify` first",
            pin.state.as_str()
        )));
    }
    let number = SafetyNumber::between(&session.origin, &own, &pin.key_set)?;
    let qr = drawn(number.digits(), drawing, output)?;
    Ok(output.report(&CodeShown {
        kind: CodeKind::SafetyNumber,
        text: number.to_string(),
        qr,
        about: vec![
            (own.label().clone(), own.version()),
            (label, pin.key_set.version()),
        ],
    }))
}

/// One's own newest published key set: of the label given, or of the only one.
pub(super) fn own_key_set(session: &Session, me: Option<&str>) -> Result<KeySet, Stop> {
    let me = if let Some(typed) = me {
        label(typed)?
    } else {
        let own = session.home.own_labels(&session.origin)?;
        let Ok([only]) = <[Label; 1]>::try_from(own) else {
            return Err(Stop::Usage(
                "say which keys are your own: --me LABEL, of `plainsight keys new`".into(),
            ));
        };
        only
    };
    let own = session.home.own_keys(&session.origin, &me)?;
    let newest = own.as_ref().and_then(|own| own.newest());
    newest.map(|newest| newest.key_set.clone()).ok_or_else(|| {
        Stop::Usage(format!(
            "no published keys of {me} are in this home; see `plainsight keys show`"
        ))
    })
}

fn moved(path: &Path, imported: bool, count: usize, kept: usize, output: &mut Output) -> Verdict {
    output.report(&PinsMoved {
        path: path.into(),
        imported,
        count,
        kept,
    })
}
