//! Lies told in answers: the log is kept by the rules, and readers are shown something else.

use std::path::Path;

use anyhow::{Context as _, Result};
use plainsight_specs::keyset::KeySet;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::rules::Rule;

use super::honest::forged;
use super::stage::{Stage, all_refuse};
use super::{Kind, Plainsight, Telling};
use crate::accounts;
use crate::liar::{Next, Opened, Script, Served};
use crate::provider::random;

pub(super) async fn tell(telling: &mut Telling, plainsight: &Plainsight, dir: &Path) -> Result<()> {
    decoy(telling, plainsight, dir).await?;
    never_logged(telling, plainsight, dir).await?;
    split_view(telling, plainsight, dir).await
}

async fn decoy(telling: &mut Telling, plainsight: &Plainsight, dir: &Path) -> Result<()> {
    let stage = Stage::start(dir, "decoy").await?;
    let grace = stage.person(plainsight, "grace")?;
    let text = "grace@mail.example";
    let label = Label::email(text)?;
    grace
        .run(&["keys", "new", text, "--device", "phone"])
        .await?;
    let ran = grace.run(&["keys", "publish", text]).await?;
    telling.command(
        Kind::Honest,
        "Grace publishes her keys on another log",
        &ran,
        0,
        &[],
    );
    let current = {
        let liar = stage.log.liar().await;
        let opened = liar
            .opened(&label, Version::FIRST)
            .context("Grace's keys are not logged")?;
        KeySet::parse(&opened.key_set)?
    };
    let ghost = forged(&current, &["ghost-device"])?;
    let version = Version::new(1);
    stage.log.liar().await.script.next = Some((label, version, Next::Ghost(ghost)));
    let ran = grace
        .run(&["keys", "rotate", text, "--add-device", "tablet"])
        .await?;
    let caught_at_once = ran.code == 1;
    let ran = if caught_at_once {
        ran
    } else {
        grace.run(&["keys", "monitor", text]).await?
    };
    let title = "A ghost takes the place of Grace's new version, and she is shown her own at \
                 another index: a decoy";
    telling.command(Kind::Lie, title, &ran, 1, &["decoy"]);
    stage.end().await;
    Ok(())
}

/// The first key set of somebody made up, on a log.
async fn log_somebody(log: &Served, text: &str) -> Result<(Label, Opened)> {
    let label = Label::email(text)?;
    let key_set = accounts::first_key_set(&label)?;
    let mut liar = log.liar().await;
    let opened = liar.push_key_set(&label, Version::FIRST, key_set)?;
    Ok((label, opened))
}

async fn never_logged(telling: &mut Telling, plainsight: &Plainsight, dir: &Path) -> Result<()> {
    let stage = Stage::start(dir, "never-logged").await?;
    let text = "heidi@mail.example";
    let (label, opened) = log_somebody(&stage.log, text).await?;
    stage.log.liar().await.push_epoch()?;
    stage.publish_honestly().await?;
    let ivan = stage.person(plainsight, "ivan")?;
    let ran = ivan.run(&["contact", "verify", text]).await?;
    telling.command(Kind::Honest, "Ivan verifies Heidi's keys", &ran, 0, &[]);
    let key_set = accounts::first_key_set(&label)?;
    let shown = Opened {
        opening: random()?,
        key_set,
        ..opened
    };
    stage.log.liar().await.script = Script::never_logged(label, shown);
    let judy = stage.person(plainsight, "judy")?;
    let ran = judy.run(&["contact", "verify", text]).await?;
    let title = "Judy is shown a key of Heidi's that was never logged: it does not open the entry";
    telling.command(Kind::Lie, title, &ran, 1, &[]);
    stage.end().await;
    Ok(())
}

async fn split_view(telling: &mut Telling, plainsight: &Plainsight, dir: &Path) -> Result<()> {
    let stage = Stage::start(dir, "split-view").await?;
    let text = "mallory@mail.example";
    let before = stage.log.liar().await.len();
    log_somebody(&stage.log, text).await?;
    stage.log.liar().await.push_epoch()?;
    stage.publish_honestly().await?;
    let twin = stage.log.liar().await.rewound(before)?;
    // The same keys, the same size, another key for the same person.
    let other = Served::start(twin).await?;
    log_somebody(&other, text).await?;
    other.liar().await.push_epoch()?;
    let answers = other.publish().await?;
    let title = "The log asks its auditors to cosign a second tree of the same size: refused";
    all_refuse(telling, title, &answers, "");
    let note = other.publish_alone().await?;
    let niaj = stage.person_at(plainsight, "niaj", &other.url()?)?;
    let ran = niaj.run(&["contact", "verify", text]).await?;
    let title = "Niaj is shown that tree, without the auditors: his policy is not met";
    telling.command(Kind::Lie, title, &ran, 4, &[]);
    let file = stage.path("shown-to-niaj");
    std::fs::write(&file, note)?;
    let file = file.to_str().context("the path is not text")?;
    let auditor = stage.auditor()?.to_string();
    let ran = niaj
        .run(&["log", "submit", file, "--auditor", &auditor])
        .await?;
    let title = "Niaj hands the head that he was shown to an auditor: a fork";
    telling.command(Kind::Lie, title, &ran, 1, &["fork"]);
    stage
        .stranger_is_convinced(telling, plainsight, Rule::Fork)
        .await?;
    stage.end().await;
    Ok(())
}
