//! `plainsight-lab simulate`: whole networks from seeds, with everything that can go wrong.
//!
//! A seed stands for a list of operations ([`op`]): who publishes, who asks whom, what is lost, who
//! crashes, whose clock is wrong, which backup is restored, and in every fourth seed a lie. The
//! parties are the real ones, without their sockets, tasks and timers: the log's replicas step by
//! step ([`plainsight_log_server::stepwise`]), the auditors' pure decisions over their real database,
//! the client's library. They share a simulated network and simulated clocks, and one thing happens
//! at a time, so a seed means the same today and tomorrow.
//!
//! After each operation all that must hold is checked (`holds`). A list that fails is cut down to
//! the few operations that still make it fail. Out of scope: load, and HTTP.

mod auditor;
mod holds;
mod net;
pub mod op;
mod person;
mod tally;
mod template;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use op::Op;
pub use tally::Tally;
use world::World;
pub use world::{BOUND, Violation};

/// What `simulate` can be told.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// How many seeds
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// A list of operations after which something does not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The seed that it came from.
    pub seed: u64,
    /// What does not hold.
    pub violation: String,
    /// The operations, cut down.
    pub list: Vec<Op>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.violation)?;
        writeln!(f, "after {} operations:", self.list.len())?;
        for op in &self.list {
            writeln!(f, "    {op},")?;
        }
        Ok(())
    }
}

/// Folders for simulations, removed at the end.
#[derive(Debug)]
pub struct Ground {
    dir: PathBuf,
}

impl Ground {
    /// In memory where the system has a folder for that.
    pub async fn new(name: &str) -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let dir = parent.join(format!("plainsight-simulate-{name}-{}", std::process::id()));
        template::make(&dir.join("template")).await?;
        Ok(Self { dir })
    }

    /// Runs a list of operations: what happened, and what does not hold, if anything.
    pub async fn run(&self, seed: u64, list: &[Op]) -> Result<(Tally, Option<String>)> {
        let place = self.dir.join(format!("seed-{seed}"));
        let mut world = World::begin(&self.dir.join("template"), &place, seed).await?;
        let outcome = async {
            for op in list {
                world.step(*op).await.with_context(|| op.to_string())?;
            }
            world.end().await
        };
        let outcome = outcome.await;
        let tally = world.close().await;
        std::fs::remove_dir_all(&place)?;
        let violation = outcome
            .err()
            .map(|error| match error.downcast_ref::<Violation>() {
                Some(violation) => violation.to_string(),
                // A party that stops for an unknown reason is a failure too.
                None => format!("{error:#}"),
            });
        Ok((tally, violation))
    }

    /// Runs a seed, and cuts its list down if it fails.
    pub async fn seed(&self, seed: u64) -> Result<std::result::Result<Tally, Failure>> {
        let list = op::list(seed);
        let violation = match self.run(seed, &list).await? {
            (tally, None) => return Ok(Ok(tally)),
            (_, Some(violation)) => violation,
        };
        let list = self.cut(seed, list).await?;
        let (_, still) = self.run(seed, &list).await?;
        Ok(Err(Failure {
            seed,
            violation: still.unwrap_or(violation),
            list,
        }))
    }

    /// Takes away what is not needed for the failure, in ever smaller pieces.
    async fn cut(&self, seed: u64, mut list: Vec<Op>) -> Result<Vec<Op>> {
        let mut piece = list.len().div_ceil(2);
        while piece > 0 {
            let mut at = 0;
            while at < list.len() {
                let end = (at + piece).min(list.len());
                let kept = list.iter().take(at).chain(list.iter().skip(end));
                let shorter: Vec<Op> = kept.copied().collect();
                if self.run(seed, &shorter).await?.1.is_some() {
                    list = shorter;
                } else {
                    at = end;
                }
            }
            piece /= 2;
        }
        Ok(list)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Nothing is lost if it stays: it is named after this process.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Simulates the seeds; the exit code is 0 if all held.
pub async fn run(args: SimulateArgs) -> Result<ExitCode> {
    let ground = Ground::new("command").await?;
    let style = ProgressStyle::with_template("seeds {wide_bar} {pos}/{len} {eta}")
        .context("the progress bar's template")?;
    let bar = ProgressBar::new(args.seeds).with_style(style);
    let mut all = Tally::default();
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        match ground.seed(seed).await? {
            Ok(tally) => all = all.and(tally),
            Err(failure) => {
                bar.abandon();
                println!("{failure}");
                println!("Again: plainsight-lab simulate --seeds 1 --seed {seed}");
                return Ok(ExitCode::FAILURE);
            }
        }
        bar.inc(1);
    }
    bar.finish();
    println!(
        "{} seeds from {}: all that must hold held.",
        args.seeds, args.seed
    );
    for (what, count) in all.each() {
        println!("{count:>10} {what}");
    }
    Ok(ExitCode::SUCCESS)
}
