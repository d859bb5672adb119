//! `plainsight policy`.

use super::args::{Places, PolicyVerb};
use super::output::Output;
use super::session::Session;
use super::stop::Stop;
use crate::failure::Verdict;
use crate::home::policies::{PolicyPin, PolicyStanding};
use crate::report::{PolicyAccepted, PolicyChecked, PolicyShown, Supposition};
use crate::weigh::{Party, Weighed};

pub(crate) fn run(places: &Places, verb: PolicyVerb, output: &mut Output) -> Result<Verdict, Stop> {
    match verb {
        PolicyVerb::Show { compelled, lying } => {
            let session = Session::open(places)?;
            let weighed = Weighed::of(&session.trust);
            let mut suppose = Vec::new();
            for name in &compelled {
                let party = weighed.jurisdiction(name);
                suppose.push((Supposition::Compelled, known(party, name, "jurisdiction")?));
            }
            for name in &lying {
                let party = weighed.organisation(name);
                suppose.push((Supposition::Lies, known(party, name, "organisation")?));
            }
            Ok(output.report(&PolicyShown {
                path: session.policy,
                since: session.policy_since,
                weighed,
                suppose,
            }))
        }
        PolicyVerb::Check => {
            let session = Session::open(places)?;
            Ok(output.report(&PolicyChecked {
                weighed: Weighed::of(&session.trust),
                path: session.policy,
            }))
        }
        PolicyVerb::Accept => accept(places, output),
    }
}

fn known(party: Option<&Party>, name: &str, what: &str) -> Result<Party, Stop> {
    party.cloned().ok_or_else(|| {
        Stop::Usage(format!(
            "no auditor in the quorum has {name:?} noted as its {what}"
        ))
    })
}

fn accept(places: &Places, output: &mut Output) -> Result<Verdict, Stop> {
    let (session, standing) = Session::open_with_any_policy(places)?;
    let change = match standing {
        PolicyStanding::Changed(change) => Some(change),
        PolicyStanding::New | PolicyStanding::Pinned(_) => None,
    };
    if change.is_some() {
        session.home.pin_policy(&PolicyPin {
            path: session.policy.clone(),
            origin: session.origin.clone(),
            essence: session.trust.essence(),
            since: super::clock()?,
        })?;
    }
    Ok(output.report(&PolicyAccepted {
        weighed: Weighed::of(&session.trust),
        path: session.policy,
        change,
    }))
}
