//! `check`, `gc` and `forget`: what looks after a log that is there.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use plainsight_log_server::objects::Objects;
use plainsight_log_server::store::DatabaseAddress;
use plainsight_log_server::{Config, check, gc};
use plainsight_specs::label::{Label, Version};

pub(crate) async fn verify(config: &Config, repair: bool) -> Result<()> {
    // Drawn on a terminal only.
    let bar = indicatif::ProgressBar::new(0);
    let style = "{bar:40} {human_pos}/{human_len} entries, {eta} left";
    bar.set_style(indicatif::ProgressStyle::with_template(style)?);
    let drawn = bar.clone();
    let options = check::Options {
        progress: Some(Arc::new(move |done, of| {
            drawn.set_length(of);
            drawn.set_position(done);
        })),
    };
    let report = if repair {
        check::repair(config, &options).await
    } else {
        check::check_with(config, &options).await
    };
    bar.finish_and_clear();
    let report = report?;
    println!("{report}");
    if report.is_well() {
        return Ok(());
    }
    bail!("the log is not as it should be");
}

pub(crate) async fn collect(config: &Config, grace_s: Option<u64>) -> Result<()> {
    let objects = Objects::open(&config.objects)?;
    let Some(public) = objects.checkpoint().await? else {
        println!("nothing is published yet");
        return Ok(());
    };
    let grace = grace_s.map_or_else(|| config.gc.grace(), Duration::from_secs);
    let size = public.head().size;
    let collected = gc::collect(&objects, size, grace, SystemTime::now()).await?;
    println!("{collected}");
    Ok(())
}

pub(crate) async fn forget(config: &Config, version: Option<u32>) -> Result<()> {
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .context("no label can be read from standard input")?;
    let label = Label::from_typed(line.trim()).context("standard input is not a label")?;
    let version = version.map(Version::new);
    let erased = plainsight_log_server::forget(config, &label, version).await?;
    if erased.is_empty() {
        bail!("nothing was erased: no such label or version was published here");
    }
    for version in erased {
        println!("version {version}: erased");
    }
    if matches!(config.database, DatabaseAddress::Postgres(_)) {
        println!("the old rows are overwritten when the table is vacuumed: VACUUM key_version");
    }
    println!("backups made before now still hold it");
    Ok(())
}
