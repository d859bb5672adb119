//! Lies in answers: the log keeps the rules, and readers are shown something else. Each is made so
//! that every later step would have passed.

mod bundles;
mod heads;
mod keys;
mod publishing;
mod statements;
mod watching;

use anyhow::{Context as _, Result};
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::commitment::Opening;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::index::{IndexKey, Tree};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::lookup::{FoundAnswer, LoggedAnswer};
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::statement::Stream;

use super::Told;
use super::theatre::{ALICE, Theatre, cosigned};
use crate::clock;
use crate::crates::product;
use crate::liar::{Liar, Said, Script};
use crate::provider::random;
use crate::story::Plainsight;

/// Everybody who asks the log with what they remember.
const ALL: [&str; 5] = ["returning", "owner", "installer", "reader", "watcher"];
/// Days after which nobody's patience is left.
const LONG_AGO_S: u64 = 30 * 86_400;
/// Further ahead than any clock may be.
const TOMORROW_S: u64 = 86_400;

fn alice() -> Result<Label> {
    Ok(Label::email(ALICE)?)
}

fn stream() -> Result<Stream> {
    Ok(product("messenger")?.stream())
}

/// The published index, changed.
fn index_without(liar: &Liar, hidden: &[IndexKey]) -> Result<Tree> {
    let mut kept: Vec<(IndexKey, Hash)> = liar
        .index()?
        .iter()
        .filter(|(index, _)| !hidden.contains(index))
        .map(|(index, value)| (*index, *value))
        .collect();
    kept.sort_unstable();
    let mut tree = Tree::new();
    tree.insert_batch(&kept)?;
    Ok(tree)
}

/// The published index with something more in it.
fn made_up_index(liar: &Liar) -> Result<Tree> {
    let mut tree = liar.index()?.clone();
    tree.insert_batch(&[(IndexKey::private(sha256(b"made up")), Hash::ZERO)])?;
    Ok(tree)
}

/// Proves from another index what the reader is going to search.
fn prove_from(tree: &Tree, liar: &Liar, said: &mut Said) {
    let searched = said.searched(liar);
    if let Some(index) = said.index() {
        *index = tree.prove(&searched);
    }
}

/// A head with another note.
fn with_note(note: Vec<u8>) -> Script {
    Script::bending(move |_, said| {
        said.head().checkpoint.clone_from(&note);
        Ok(())
    })
}

/// The published head, signed by a key of the same name.
fn by_another_key(liar: &Liar, colluders: &[Signer]) -> Result<Vec<u8>> {
    let published = UnverifiedCheckpoint::parse(liar.note()?)?;
    let name = KeyName::parse(published.origin().as_str())?;
    let other = Signer::new(name, Algorithm::Ed25519, SecretKey::from_seed(&random()?))?;
    let signed = SignedCheckpoint::sign(published.origin(), published.head(), &other)?;
    cosigned(&signed, colluders, clock::now()?)
}

/// What the answer to a look-up says of a version, as it is.
fn found(liar: &Liar, version: Version, logged: bool) -> Result<FoundAnswer> {
    let opened = liar.opened(&alice()?, version).context("no such version")?;
    let logged = if logged {
        Some(logged_at(liar, opened.position, |epoch| {
            epoch > opened.position
        })?)
    } else {
        None
    };
    Ok(FoundAnswer {
        version,
        entry: liar.entry(opened.position)?,
        opening: Some(Opening::from_bytes(opened.opening)),
        key_set: Some(opened.key_set.clone()),
        logged,
    })
}

fn logged_at(
    liar: &Liar,
    position: LeafIndex,
    wanted: impl Fn(LeafIndex) -> bool,
) -> Result<LoggedAnswer> {
    let mut epochs = liar.epochs();
    let epoch = epochs
        .find(|epoch| wanted(*epoch))
        .context("no such epoch")?;
    Ok(LoggedAnswer {
        position,
        inclusion: liar.inclusion(position)?,
        epoch: liar.entry(epoch)?,
        epoch_position: epoch,
        epoch_inclusion: liar.inclusion(epoch)?,
    })
}
pub(super) async fn tell(plainsight: &Plainsight, dir: &std::path::Path) -> Result<Told> {
    let theatre = Theatre::open(plainsight, dir, "readers").await?;
    let mut told = Told::new();
    heads::tell(&theatre, &mut told).await?;
    keys::tell(&theatre, &mut told).await?;
    statements::tell(&theatre, &mut told).await?;
    bundles::tell(&theatre, &mut told).await?;
    watching::tell(&theatre, &mut told).await?;
    publishing::tell(&theatre, &mut told).await?;
    theatre.end().await;
    publishing::planted(plainsight, dir, &mut told).await?;
    Ok(told)
}

async fn tell_one(
    theatre: &Theatre,
    told: &mut Told,
    name: &str,
    parties: &[&str],
    script: Script,
) -> Result<()> {
    let noticed = theatre
        .lie(script, parties)
        .await
        .with_context(|| name.to_owned())?;
    told.entry(name.to_owned()).or_default().extend(noticed);
    Ok(())
}
