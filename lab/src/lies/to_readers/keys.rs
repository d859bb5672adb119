//! Lies about keys: in look-ups, histories and rungs.

use anyhow::Result;
use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::entry::KeyEntry;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder::rungs_for;
use plainsight_specs::merkle::LeafIndex;

use super::{alice, found, index_without, logged_at, prove_from, tell_one};
use crate::accounts;
use crate::liar::{Liar, Said, Script};
use crate::lies::theatre::{ALICE, Theatre};
use crate::lies::{Told, homes};
use crate::provider::random;

/// Who looks a person up, and the person.
const BOTH: [&str; 2] = ["contact", "owner"];

/// Answers about Alice as if she were somebody else, or had nothing.
fn nobody(label: &'static str, hidden: bool) -> Script {
    Script::bending(move |liar, said| {
        let label = Label::email(label)?;
        let tree = if hidden {
            let versions = (0..3).map(|n| liar.index_of(&label, Version::new(n)));
            index_without(liar, &versions.collect::<Vec<_>>())?
        } else {
            liar.index()?.clone()
        };
        let (proof, output) = liar.vrf().prove(&label.vrf_input(Version::FIRST));
        let index = tree.prove(&[output.index_key()]);
        let answer = match said {
            Said::Lookup(_, answer) => answer,
            Said::History(_, answer) => {
                answer.versions.clear();
                &mut answer.lookup
            }
            _ => return Ok(()),
        };
        (answer.found, answer.vrf, answer.index) = (None, vec![proof], index);
        Ok(())
    })
}
pub(super) async fn tell(theatre: &Theatre, told: &mut Told) -> Result<()> {
    about_ladders(theatre, told).await?;
    about_entries(theatre, told).await?;
    about_places(theatre, told).await
}

/// Lies about which version is the latest.
async fn about_ladders(theatre: &Theatre, told: &mut Told) -> Result<()> {
    tell_one(
        theatre,
        told,
        "somebody-else",
        &BOTH,
        nobody("nobody@mail.example", false),
    )
    .await?;
    tell_one(
        theatre,
        told,
        "out-of-the-index",
        &BOTH,
        nobody(ALICE, true),
    )
    .await?;
    let script = Script::bending(|liar, said| {
        let Said::Rungs(request, answer) = said else {
            return Ok(());
        };
        let other = Label::email("nobody@mail.example")?;
        let proofs = request.rungs().into_iter();
        let proofs = proofs.map(|rung| liar.vrf().prove(&other.vrf_input(rung)));
        let (vrf, keys): (Vec<_>, Vec<_>) = proofs
            .map(|(proof, output)| (proof, output.index_key()))
            .unzip();
        (answer.vrf, answer.index) = (vrf, liar.index()?.prove(&keys));
        Ok(())
    });
    tell_one(
        theatre,
        told,
        "rungs-of-somebody-else",
        &["watcher"],
        script,
    )
    .await?;
    let script = Script::bending(|liar, said| {
        let first = Version::FIRST;
        match said {
            Said::Lookup(request, answer) => {
                answer.found = Some(found(liar, first, request.logged)?);
                answer.vrf = ladder_proofs(liar, first)?;
            }
            Said::History(_, answer) => {
                answer.versions.retain(|listed| listed.version <= first);
                answer.lookup.found = Some(found(liar, first, false)?);
                answer.lookup.vrf = ladder_proofs(liar, first)?;
            }
            _ => return Ok(()),
        }
        prove_from(&liar.index()?.clone(), liar, said);
        Ok(())
    });
    tell_one(theatre, told, "an-older-version", &BOTH, script).await
}

/// Lies about what a version's entry commits to.
async fn about_entries(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let forged = accounts::first_key_set(&alice()?)?;
    let opening: [u8; 16] = random()?;
    let script = Script::bending(move |liar, said| {
        let version = Version::new(2);
        let opening = Opening::from_bytes(opening);
        let commitment = commit(&opening, &alice()?, version, &forged);
        let index = liar.index_of(&alice()?, version);
        let entry = KeyEntry { index, commitment }.to_bytes().to_vec();
        match said {
            Said::Lookup(_, answer) => {
                if let Some(found) = &mut answer.found {
                    found.entry = entry;
                    found.opening = Some(opening);
                    found.key_set = Some(forged.clone());
                }
            }
            Said::History(_, answer) => {
                if let Some(listed) = answer.versions.last_mut() {
                    listed.entry = entry;
                    listed.opening = Some(opening);
                    listed.key_set = Some(forged.clone());
                }
            }
            _ => {}
        }
        Ok(())
    });
    tell_one(theatre, told, "an-entry-never-logged", &BOTH, script).await?;
    let forged = accounts::first_key_set(&alice()?)?;
    let script = Script::bending(move |_, said| {
        match said {
            Said::Lookup(_, answer) => {
                if let Some(found) = &mut answer.found {
                    found.key_set = Some(forged.clone());
                }
            }
            Said::History(_, answer) => {
                if let Some(listed) = answer.versions.last_mut() {
                    listed.key_set = Some(forged.clone());
                }
            }
            _ => {}
        }
        Ok(())
    });
    tell_one(theatre, told, "keys-never-logged", &BOTH, script).await?;
    let ran = theatre.ask("friend of carol").await?;
    let noticed = homes::noticed("contact", &ran)?;
    told.insert("somebody-elses-keys".into(), noticed);
    let ran = theatre.ask("friend of erin").await?;
    let noticed = homes::noticed("contact", &ran)?;
    told.insert("carries-on-what-never-was".into(), noticed);
    Ok(())
}

/// Lies about where a version stands, and what is left out.
async fn about_places(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let script = Script::bending(|liar, said| {
        let Said::Lookup(_, answer) = said else {
            return Ok(());
        };
        if let Some(logged) = answer
            .found
            .as_mut()
            .and_then(|found| found.logged.as_mut())
        {
            let position = logged.position;
            *logged = logged_at(liar, position, |epoch| epoch < position)?;
        }
        Ok(())
    });
    tell_one(theatre, told, "logged-before-it-was", &["contact"], script).await?;
    let script = Script::bending(|liar, said| {
        let Said::History(_, answer) = said else {
            return Ok(());
        };
        if let Some(listed) = answer.versions.last_mut() {
            listed.position = LeafIndex::new(1).unwrap_or_default();
            listed.inclusion = liar.inclusion(listed.position)?;
        }
        Ok(())
    });
    tell_one(theatre, told, "elsewhere-in-the-log", &["owner"], script).await?;
    let script = Script::bending(|_, said| {
        match said {
            Said::Lookup(_, answer) => {
                if let Some(found) = &mut answer.found {
                    (found.opening, found.key_set) = (None, None);
                }
            }
            Said::History(_, answer) => {
                for listed in &mut answer.versions {
                    (listed.opening, listed.key_set) = (None, None);
                }
            }
            _ => {}
        }
        Ok(())
    });
    tell_one(theatre, told, "does-not-open", &BOTH, script).await?;
    let script = Script::bending(|liar, said| {
        if let Said::History(_, answer) = said {
            answer.versions.clear();
            prove_from(&liar.index()?.clone(), liar, said);
        }
        Ok(())
    });
    tell_one(theatre, told, "leaves-a-version-out", &["owner"], script).await
}

fn ladder_proofs(liar: &Liar, claimed: Version) -> Result<Vec<plainsight_specs::vrf::Proof>> {
    let label = alice()?;
    let rungs = rungs_for(Some(claimed)).into_iter();
    Ok(rungs
        .map(|rung| liar.vrf().prove(&label.vrf_input(rung)).0)
        .collect())
}
