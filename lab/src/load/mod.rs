//! `plainsight-lab load`: what a log server can take, measured over HTTP as its users feel it.
//!
//! It starts a log and auditors as processes of their own on loopback, or is pointed at a log that
//! runs, sends real key sets and look-ups, and prints rates, latencies, the lag of publication and
//! what the server used. Everything is bounded in count and in time. Out of scope: what the
//! figures mean on other machines; generator, database and auditors share this one.

mod children;
mod drive;
mod lag;
mod looking;
mod material;
mod meter;
mod phases;
mod process;
mod publishing;
mod report;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};
use plainsight_client::http::BaseUrl;
use plainsight_log_server::store::DatabaseAddress;
use plainsight_specs::publish::{MAX_ITEMS, Wait};
use tokio::task::LocalSet;

use self::children::Children;
pub use self::children::{CHILD, ChildArgs, run as run_child};
use self::material::MAX_PEOPLE;
use self::meter::Meter;
use self::wire::Target;

/// The most connections.
const MAX_CONNECTIONS: i64 = 4_096;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Phase {
    /// Batches of key sets, closed loop
    Publish,
    /// Batches of key sets at a fixed rate, open loop
    Open,
    /// One key set a request, closed loop
    Single,
    /// Look-ups of distinct labels
    Cold,
    /// Look-ups of the same few labels again and again
    Warm,
    /// Look-ups while key sets come in at a fixed rate
    Mixed,
}

/// What publishers wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WaitLevel {
    /// Until the key sets are durable and have their positions
    Sequenced,
    /// Until a published checkpoint covers them
    Published,
}

impl From<WaitLevel> for Wait {
    fn from(level: WaitLevel) -> Self {
        match level {
            WaitLevel::Sequenced => Self::Sequenced,
            WaitLevel::Published => Self::Published,
        }
    }
}

/// What `load` can be told.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// A log that runs, by plain http; without it, a log and auditors are started
    #[arg(long, value_parser = |url: &str| BaseUrl::parse(url), requires = "token")]
    url: Option<BaseUrl>,
    /// A token of that log that publishes key sets
    #[arg(long, env = "PLAINSIGHT_LOAD_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The process of that log, if it is on this machine: what it uses is reported
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// How many auditors to start, and wait for a majority of; 0 publishes without
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=3), conflicts_with = "url")]
    auditors: u8,
    /// The URL of a database of `PostgreSQL` for the log, which must hold no log yet; without it, a
    /// file
    #[arg(long, conflicts_with = "url")]
    database: Option<DatabaseAddress>,
    /// The first process of that database's server, if it is on this machine: what it and its
    /// children use is reported
    #[arg(long)]
    database_pid: Option<u32>,
    /// Keep the network here; the folder must not hold one. Without it, a new folder for temporary
    /// files, which is removed at the end
    #[arg(long, conflicts_with = "url")]
    dir: Option<PathBuf>,
    /// Keep the signed key sets here, for the next run
    #[arg(long)]
    cache: Option<PathBuf>,
    /// What to measure, in this order of the list
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "publish,single,cold,warm"
    )]
    phases: Vec<Phase>,
    /// How many labels the log holds from earlier runs with the same key sets
    #[arg(long, default_value_t = 0)]
    published: u64,
    /// Publish this many labels before anything else
    #[arg(long, default_value_t = 0)]
    labels: u64,
    /// Key sets of the phase `publish`
    #[arg(long, default_value_t = 25_600)]
    items: u64,
    /// Key sets of one request
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=MAX_ITEMS as u64))]
    batch: u64,
    /// Connections that publish batches
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=MAX_CONNECTIONS))]
    publishers: u16,
    /// Key sets a second, in the phases `open` and `mixed`
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// How long the phases `open` and `mixed` take, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    open_seconds: u64,
    /// Key sets of the phase `single`
    #[arg(long, default_value_t = 10_000)]
    singles: u64,
    /// Look-ups of the phase `cold`
    #[arg(long, default_value_t = 5_000)]
    lookups: u64,
    /// Look-ups of the phase `warm`
    #[arg(long, default_value_t = 20_000)]
    warm_lookups: u64,
    /// Labels of the phase `warm`
    #[arg(long, default_value_t = 1_000)]
    warm_labels: u64,
    /// Connections that publish single key sets, or look labels up
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=MAX_CONNECTIONS))]
    connections: u16,
    /// What publishers wait for
    #[arg(long, value_enum, default_value_t = WaitLevel::Sequenced)]
    wait: WaitLevel,
    /// No phase sends for longer than this, in seconds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

impl LoadArgs {
    fn limit(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn measures(&self, phase: Phase) -> bool {
        self.phases.contains(&phase)
    }

    /// Key sets of a phase with a fixed rate.
    fn open_items(&self) -> u64 {
        self.rate.saturating_mul(self.open_seconds)
    }

    /// How many people there must be.
    fn people(&self) -> Result<u64> {
        let of = |phase, items| if self.measures(phase) { items } else { 0 };
        let counts = [
            self.published,
            self.labels,
            of(Phase::Publish, self.items),
            of(Phase::Open, self.open_items()),
            of(Phase::Single, self.singles),
            of(Phase::Mixed, self.open_items()),
        ];
        let people = counts.into_iter().fold(0, u64::saturating_add);
        ensure!(people <= MAX_PEOPLE, "more than {MAX_PEOPLE} key sets");
        Ok(people)
    }
}

/// Measures, prints, and says with the exit code whether every request succeeded.
pub async fn run(args: LoadArgs) -> Result<ExitCode> {
    // A thread of its own: what is measured must not wait for its own bookkeeping.
    let measured = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let outcome = LocalSet::new().block_on(&runtime, measure(args));
        // Key sets may still be signed after an interrupt; nobody waits for them.
        runtime.shutdown_background();
        outcome
    });
    measured.await?
}

async fn measure(args: LoadArgs) -> Result<ExitCode> {
    let folder = Folder::new(&args)?;
    let mut children = None;
    let report = tokio::select! {
        report = stages(&args, &folder.path, &mut children) => report,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Err(anyhow::anyhow!("interrupted"))
        }
    };
    if let Some(children) = children {
        children.stop().await;
    }
    let report = report?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    let succeeded = report.succeeded();
    Ok(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn stages(
    args: &LoadArgs,
    folder: &Path,
    children: &mut Option<Children>,
) -> Result<report::Report> {
    let people = args.people()?;
    let cache = args
        .cache
        .clone()
        .unwrap_or_else(|| folder.join("key-sets"));
    let material = phases::prepare(cache, people).await?;
    let (target, meter) = if let Some(url) = &args.url {
        let pids: Vec<_> = args.pid.into_iter().collect();
        let target = Target::resolve(url, args.token.as_deref()).await?;
        (target, Meter::new(pids, Vec::new(), args.database_pid))
    } else {
        let network = folder.join("network");
        let database = args.database.clone();
        let started = Children::start(&network, args.auditors.into(), database).await?;
        let target = Target::resolve(&started.url, Some(&started.token)).await?;
        let (log, auditors) = (vec![started.log_pid()], started.auditor_pids());
        let meter = Meter::new(log, auditors, args.database_pid);
        *children = Some(started);
        (target, meter)
    };
    phases::measure(args, target, meter, material, children.as_ref()).await
}

/// Where a run keeps its files.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    fn new(args: &LoadArgs) -> Result<Self> {
        let name = format!("plainsight-load-{}", std::process::id());
        let path = args.dir.clone();
        let path = path.unwrap_or_else(|| std::env::temp_dir().join(name));
        if path.join("network").exists() {
            bail!(
                "{} holds a network already; give another --dir, or remove that folder",
                path.display()
            );
        }
        std::fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self {
            path,
            is_temporary: args.dir.is_none(),
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // What stays in a folder for temporary files is in nobody's way.
            let _removed = std::fs::remove_dir_all(&self.path);
        }
    }
}
