//! `check` and `gc`: what looks after a log that is there.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use plainsight_log_server::objects::Objects;
use plainsight_log_server::{Config, check, gc};

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
