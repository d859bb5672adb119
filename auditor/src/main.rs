//! `plainsight-auditor`: makes an auditor, runs it, checks it.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use plainsight_auditor::audit::Break;
use plainsight_auditor::peers::PeerConfig;
use plainsight_auditor::plain::init_witness;
use plainsight_auditor::progress::Progress;
use plainsight_auditor::{
    Clock, Config, Identity, LogConfig, Node, acknowledge, add_log, add_peer, check, init,
};
use plainsight_specs::rules::Rule;

/// An independent node that mirrors, replays and cosigns transparency logs.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a key and a configuration, and print the verifier key to hand out.
    Init {
        /// The auditor's folder.
        #[arg(long)]
        dir: PathBuf,
        /// The name of its key, by convention a URL without scheme.
        #[arg(long)]
        name: String,
        /// Who runs it.
        #[arg(long)]
        organisation: String,
        /// Under which law.
        #[arg(long)]
        jurisdiction: String,
    },
    /// Add a log to follow.
    AddLog {
        /// The auditor's folder.
        #[arg(long)]
        dir: PathBuf,
        /// The log's verifier key, obtained from somewhere else than the log.
        #[arg(long)]
        vkey: String,
        /// Where the log is read.
        #[arg(long)]
        url: String,
    },
    /// Make a key for a plain witness of foreign logs, which the table `[witness]` runs.
    InitWitness {
        /// The auditor's folder.
        #[arg(long)]
        dir: PathBuf,
        /// The name of its key: another than the auditor's.
        #[arg(long)]
        name: String,
    },
    /// Add another auditor, to compare heads with.
    AddPeer {
        /// The auditor's folder.
        #[arg(long)]
        dir: PathBuf,
        /// The verifier key of its cosignatures.
        #[arg(long)]
        vkey: String,
        /// Where it answers.
        #[arg(long)]
        url: String,
    },
    /// Follow, replay, cosign and answer.
    Serve {
        /// The auditor's folder.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Verify the own database from nothing. Not while `serve` runs.
    Check {
        /// The auditor's folder.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Go on cosigning after a broken rule, for a reason that is published.
    Acknowledge {
        /// The auditor's folder.
        #[arg(long)]
        dir: PathBuf,
        /// The log's origin.
        #[arg(long)]
        log: String,
        /// The rule's id.
        #[arg(long)]
        rule: String,
        /// The entry's position; for the rule "end", the head's size.
        #[arg(long)]
        position: u64,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let progress = Progress::to_stderr();
    let writer = progress.clone();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || writer.writer())
        .init();
    match Cli::parse().verb {
        Verb::Init {
            dir,
            name,
            organisation,
            jurisdiction,
        } => {
            let identity = Identity {
                name,
                organisation,
                jurisdiction,
            };
            println!("{}", init(&dir, &identity)?);
        }
        Verb::AddLog { dir, vkey, url } => {
            let config = add_log(&dir, &LogConfig::new(vkey, url))?;
            println!("{} logs are followed", config.logs.len());
        }
        Verb::InitWitness { dir, name } => println!("{}", init_witness(&dir, &name)?),
        Verb::AddPeer { dir, vkey, url } => {
            let config = add_peer(&dir, &PeerConfig { vkey, url })?;
            println!("heads are compared with {} auditors", config.peers.len());
        }
        Verb::Serve { dir } => serve(Config::load(&dir)?, progress).await?,
        Verb::Check { dir } => run_check(&Config::load(&dir)?, &progress).await?,
        Verb::Acknowledge {
            dir,
            log,
            rule,
            position,
            reason,
        } => {
            let rule = Rule::parse(&rule).with_context(|| format!("no rule is called {rule:?}"))?;
            let found = Break { at: position, rule };
            acknowledge(&Config::load(&dir)?, &log, found, &reason).await?;
            println!("acknowledged: {found}");
        }
    }
    Ok(())
}

async fn serve(config: Config, progress: Progress) -> anyhow::Result<()> {
    if config.logs.is_empty() {
        tracing::warn!("no log is configured; `add-log` adds one");
    }
    let node = Node::start_with(config, Clock::system(), progress).await?;
    println!(
        "{} listens at http://{}",
        node.verifier_key.name(),
        node.local_addr
    );
    ended().await?;
    node.shutdown().await;
    Ok(())
}

/// Waits for whatever ends a service: Ctrl-C, or SIGTERM where there is one.
async fn ended() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

async fn run_check(config: &Config, progress: &Progress) -> anyhow::Result<()> {
    let mut faults = 0;
    for log in check::check_showing(config, progress).await? {
        println!("{}: {} entries", log.origin, log.size);
        for fault in &log.faults {
            println!("  {fault}");
        }
        faults += log.faults.len();
    }
    if faults > 0 {
        bail!("{faults} faults were found");
    }
    println!("everything holds");
    Ok(())
}
