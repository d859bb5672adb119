//! Lies in the log itself: the log signs them, and so convicts itself.

use std::path::Path;

use anyhow::{Context as _, Result};
use plainsight_specs::hash::sha256;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::{Artifact, Audience, Body, Release, ReleaseVersion};

use super::stage::{Stage, all_refuse};
use super::{Kind, Plainsight, Telling};
use crate::accounts;
use crate::clock;
use crate::crates::product;

pub(super) async fn tell(telling: &mut Telling, plainsight: &Plainsight, dir: &Path) -> Result<()> {
    second_build(telling, plainsight, dir).await?;
    wrong_root(telling, plainsight, dir).await?;
    rewrite(telling, plainsight, dir).await
}

fn build(version: &str, file: &[u8]) -> Result<Body> {
    Ok(Body::Release(Release {
        product: product("messenger")?,
        version: ReleaseVersion::parse(version)?,
        audience: Audience::All,
        emergency: false,
        published: clock::now()?,
        references: Vec::new(),
        artifacts: vec![Artifact {
            name: None,
            digest: sha256(file),
            size: file.len() as u64,
        }],
    }))
}

async fn second_build(telling: &mut Telling, plainsight: &Plainsight, dir: &Path) -> Result<()> {
    let stage = Stage::start(dir, "second-build").await?;
    let (good, evil) = (
        stage.path("messenger-1.0.0"),
        stage.path("messenger-1.0.0-special"),
    );
    std::fs::write(&good, b"the build that everybody has")?;
    std::fs::write(&evil, b"the build for one person")?;
    {
        let mut liar = stage.log.liar().await;
        liar.push_statement(build("1.0.0", b"the build that everybody has")?)?;
        liar.push_epoch()?;
    }
    stage.publish_honestly().await?;
    let olivia = stage.person(plainsight, "olivia")?;
    let good = good.to_str().context("the path is not text")?;
    let ran = olivia.run(&["release", "verify", good]).await?;
    telling.command(
        Kind::Honest,
        "Olivia verifies the build that everybody has",
        &ran,
        0,
        &[],
    );
    {
        let mut liar = stage.log.liar().await;
        liar.push_statement(build("1.0.0", b"the build for one person")?)?;
        liar.push_epoch()?;
    }
    let answers = stage.log.publish().await?;
    let title = "A second build is logged under a version that is taken: no auditor cosigns";
    all_refuse(telling, title, &answers, "rule version-conflict");
    let evil = evil.to_str().context("the path is not text")?;
    let ran = olivia.run(&["release", "verify", evil]).await?;
    let title = "Olivia is given the special build: it is not what the log vouches for";
    let refused = if ran.code == 1 { 1 } else { 6 };
    telling.command(Kind::Lie, title, &ran, refused, &[]);
    stage
        .stranger_is_convinced(telling, plainsight, Rule::VersionConflict)
        .await?;
    stage.end().await;
    Ok(())
}

async fn wrong_root(telling: &mut Telling, plainsight: &Plainsight, dir: &Path) -> Result<()> {
    let stage = Stage::start(dir, "wrong-root").await?;
    {
        let mut liar = stage.log.liar().await;
        let label = Label::email("peggy@mail.example")?;
        liar.push_key_set(&label, Version::FIRST, accounts::first_key_set(&label)?)?;
        liar.push_wrong_epoch(|epoch| {
            epoch.index_root = sha256(b"an index with something else in it");
        })?;
    }
    let answers = stage.log.publish().await?;
    let title =
        "An epoch states an index that does not follow from the entries: no auditor cosigns";
    all_refuse(telling, title, &answers, "rule epoch-root");
    stage
        .stranger_is_convinced(telling, plainsight, Rule::EpochRoot)
        .await?;
    stage.end().await;
    Ok(())
}

async fn rewrite(telling: &mut Telling, plainsight: &Plainsight, dir: &Path) -> Result<()> {
    let stage = Stage::start(dir, "rewrite").await?;
    let text = "rupert@mail.example";
    let label = Label::email(text)?;
    let before = {
        let mut liar = stage.log.liar().await;
        let before = liar.len();
        liar.push_key_set(&label, Version::FIRST, accounts::first_key_set(&label)?)?;
        liar.push_epoch()?;
        before
    };
    stage.publish_honestly().await?;
    let sybil = stage.person(plainsight, "sybil")?;
    let ran = sybil.run(&["contact", "verify", text]).await?;
    telling.command(Kind::Honest, "Sybil verifies Rupert's keys", &ran, 0, &[]);
    {
        // Another history, and a larger tree over it.
        let mut liar = stage.log.liar().await;
        let mut twin = liar.rewound(before)?;
        twin.push_key_set(&label, Version::FIRST, accounts::first_key_set(&label)?)?;
        twin.push_epoch()?;
        twin.push_epoch()?;
        *liar = twin;
    }
    let answers = stage.log.publish().await?;
    let title = "History is rewritten under a newer head: no auditor cosigns";
    all_refuse(telling, title, &answers, "");
    stage.log.publish_alone().await?;
    let ran = sybil.run(&["contact", "verify", text]).await?;
    let title = "Sybil is shown the new history: her policy is not met";
    telling.command(Kind::Lie, title, &ran, 4, &[]);
    stage
        .stranger_is_convinced(telling, plainsight, Rule::Extension)
        .await?;
    stage.end().await;
    Ok(())
}
