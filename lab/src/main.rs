//! The `plainsight-lab` command: see a whole network, and every lie caught.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use plainsight_lab::{load, simulate, stage, story, up};

/// A whole network in one process: a provider's log, three auditors, people, and lies.
#[derive(Parser)]
#[command(name = "plainsight-lab", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a log and three auditors, publish real input, and keep running.
    Up(up::UpArgs),
    /// Tell the whole story: honest steps that verify, and lies that are caught.
    ///
    /// The exit code is 0 only if every honest step verified and every lie was caught.
    Story(story::StoryArgs),
    /// Simulate whole networks from seeds, with faults, and check what must hold after each step.
    ///
    /// The exit code is 0 only if all held; else the seed's operations are printed, cut down to
    /// those that are needed for the failure.
    Simulate(simulate::SimulateArgs),
    /// Start a network with lying logs beside the honest one, and tell the lies that standard input
    /// names.
    Stage(stage::StageArgs),
    /// Measure what a log server can take, over HTTP.
    ///
    /// The exit code is 0 only if every request came to what it should.
    Load(Box<load::LoadArgs>),
    /// A party of a network that `load` started.
    #[command(name = load::CHILD, hide = true)]
    LoadChild(load::ChildArgs),
    /// The `plainsight` command line, as the people of the story use it.
    #[command(disable_help_flag = true)]
    Plainsight {
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let logs = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(logs)
        .with_writer(std::io::stderr)
        .init();
    match cli.command {
        Command::Up(args) => up::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Story(args) => story::run(args).await,
        Command::Simulate(args) => simulate::run(args).await,
        Command::Stage(args) => stage::run(args).await.map(|()| ExitCode::SUCCESS),
        Command::Load(args) => load::run(*args).await,
        Command::LoadChild(args) => load::run_child(args).await.map(|()| ExitCode::SUCCESS),
        Command::Plainsight { args } => {
            let name = OsString::from("plainsight");
            let args = std::iter::once(name).chain(args);
            Ok(ExitCode::from(plainsight_client::cli::run(args).await))
        }
    }
}
