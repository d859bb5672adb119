//! The `plainsight-log` command: makes, runs and checks a log.

mod arguments;
mod configuration;
mod serve;
mod tokens;
mod upkeep;

use std::io::IsTerminal as _;

use anyhow::Result;
use clap::Parser as _;
use plainsight_log_server::{InitOptions, init, openapi};

use arguments::{Cli, Command, ConfigCommand, InitArgs, LogFormat};

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    log_to_stderr(cli.log_format);
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
            serve::serve(&place, flags.collect()).await
        }
        Command::Token { command } => tokens::run(command).await,
        Command::Config {
            command: ConfigCommand::Check { place },
        } => configuration::check(&place.load_with([])?),
        Command::Check { place, repair } => upkeep::verify(&place.load()?, repair).await,
        Command::Gc { place, grace_s } => upkeep::collect(&place.load()?, grace_s).await,
        // `--all`, if there is no version.
        Command::Forget { place, version, .. } => upkeep::forget(&place.load()?, version).await,
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
