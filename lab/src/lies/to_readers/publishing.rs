//! Lies that need somebody to publish.

use std::path::Path;

use anyhow::Result;
use plainsight_specs::label::{Label, Version};

use super::{alice, tell_one};
use crate::accounts;
use crate::liar::{Next, Script};
use crate::lies::Told;
use crate::lies::theatre::{Quorum, Theatre};
use crate::story::{Plainsight, forged};

/// In this order, since what is logged stays.
pub(super) async fn tell(theatre: &Theatre, told: &mut Told) -> Result<()> {
    let ghost = forged(&theatre.alices().await?, &["ghost-device"])?;
    let (label, version) = (alice()?, Version::new(3));
    let script = Script {
        next: Some((label, version, Next::Nothing)),
        ..Script::default()
    };
    tell_one(
        theatre,
        told,
        "acknowledges-and-drops",
        &["rotator"],
        script,
    )
    .await?;
    // Whoever looks away sees nothing; both look.
    let version = Version::new(3);
    theatre
        .log
        .liar()
        .await
        .push_key_set(&alice()?, version, ghost)?;
    theatre.log.liar().await.push_epoch()?;
    theatre.publish().await?;
    tell_one(
        theatre,
        told,
        "a-ghost",
        &["returning", "owner", "watcher"],
        Script::default(),
    )
    .await?;
    let script = Script {
        is_silent: true,
        ..Script::default()
    };
    // The auditors' word is all there is.
    theatre.write_policy(Quorum::OfAuditors, None)?;
    tell_one(theatre, told, "a-ghost-and-silence", &["owner"], script).await?;
    theatre.write_policy(Quorum::WithColluders, None)?;
    let dave = accounts::first_key_set(&Label::email("dave@mail.example")?)?;
    let version = Version::new(4);
    theatre
        .log
        .liar()
        .await
        .push_key_set(&alice()?, version, dave)?;
    theatre.log.liar().await.push_epoch()?;
    theatre.publish().await?;
    let both = ["contact", "owner"];
    tell_one(
        theatre,
        told,
        "a-ghost-in-another-name",
        &both,
        Script::default(),
    )
    .await
}

/// A version that no ladder shows yet: it waits for the next rotation.
pub(super) async fn planted(plainsight: &Plainsight, dir: &Path, told: &mut Told) -> Result<()> {
    let theatre = Theatre::open(plainsight, dir, "planted").await?;
    let ghost = accounts::first_key_set(&alice()?)?;
    let version = Version::new(4);
    theatre
        .log
        .liar()
        .await
        .push_key_set(&alice()?, version, ghost)?;
    theatre.log.liar().await.push_epoch()?;
    theatre.publish().await?;
    tell_one(
        &theatre,
        told,
        "plants-a-version",
        &["watcher"],
        Script::default(),
    )
    .await?;
    theatre.end().await;
    Ok(())
}
