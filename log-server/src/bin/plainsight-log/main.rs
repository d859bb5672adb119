//! The `plainsight-log` command: makes, runs and checks a log.

mod arguments;
mod configuration;
mod publisher;
mod serve;
mod tokens;
mod upkeep;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;
use plainsight_log_server::{InitOptions, init, openapi};

use arguments::{Cli, Command, ConfigCommand, InitArgs, LogFormat};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(cli.log_format);
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}", words(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, in one sentence: each cause that is not in the words before it.
fn words(error: &anyhow::Error) -> String {
    let mut words = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Init(args) => make(args).await,
        Command::Serve {
            place,
            listen,
            admin_listen,
            read_only,
        } => {
            let flags = [
                ("listen", listen.map(|address| address.to_string())),
                (
                    "admin_listen",
                    admin_listen.map(|address| address.to_string()),
                ),
                ("replica.read_only", read_only.then(|| "true".to_owned())),
            ];
            let flags = flags
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)));
            serve::serve(&place, flags.collect(), cli.log_format).await
        }
        Command::Token { command } => tokens::run(command).await,
        Command::Config {
            command: ConfigCommand::Check { place },
        } => configuration::check(&place.load_with([])?),
        Command::Check { place, repair } => upkeep::verify(&place.load()?, repair).await,
        Command::Gc { place, grace_s } => upkeep::collect(&place.load()?, grace_s).await,
        // `--all`, if there is no version.
        Command::Forget { place, version, .. } => upkeep::forget(&place.load()?, version).await,
        Command::Sign { command } => publisher::sign(command).await,
        Command::Publish(args) => publisher::publish(&args).await,
        Command::Key(args) => publisher::key(&args),
        Command::Openapi => {
            print!("{}", openapi());
            Ok(())
        }
    }
}

/// Nothing that is written holds a label, a token or an address.
fn log_to_stderr(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PLAINSIGHT_LOG")
        .unwrap_or_else(|_| "info,sqlx=warn".into());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

async fn make(args: InitArgs) -> Result<()> {
    let made = init(&InitOptions {
        dir: args.dir,
        origin: args.origin,
        listen: args.listen,
        root: args.root,
        releases: args.releases,
        protections: args.protections,
        threshold: args.threshold,
        max_clock_skew_ms: args.max_clock_skew_ms,
        heartbeat_s: args.heartbeat_s,
        predecessor: None,
        database: args.database,
        objects: args.objects,
    })
    .await?;
    eprintln!("configuration: {}", made.config_path.display());
    eprintln!("verifier key:");
    println!("{}", made.vkey);
    Ok(())
}
