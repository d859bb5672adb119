//! The `plainsight-log` command: makes, runs and checks a log.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};
use plainsight_log_server::objects::{Objects, ObjectsAddress};
use plainsight_log_server::store::{DatabaseAddress, Store, TokenRole};
use plainsight_log_server::{Config, InitOptions, Server, add_token, check, gc, init};
use plainsight_specs::codec;
use plainsight_specs::ed25519::PublicKey;

/// The provider's log: publish, sequence, serve.
#[derive(Parser)]
#[command(name = "plainsight-log", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a log: keys, genesis, database and configuration. Nothing is overwritten.
    Init(InitArgs),
    /// Run a log.
    Serve {
        #[command(flatten)]
        place: Place,
        /// Listen here instead of where the configuration says.
        #[arg(long)]
        listen: Option<SocketAddr>,
    },
    /// Tokens of publishers.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Verify the whole log: objects, database, every checkpoint ever signed.
    Check {
        #[command(flatten)]
        place: Place,
        /// Write objects that are missing again, if the entries are proven to be what was
        /// signed. Nothing that is there is changed.
        #[arg(long)]
        repair: bool,
    },
    /// Remove partial tiles and bundles whose full ones are published.
    Gc {
        #[command(flatten)]
        place: Place,
        /// How long the full one must have been there, in seconds; else what the configuration
        /// says.
        #[arg(long)]
        grace_s: Option<u64>,
    },
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Make a token and print it, once.
    Add {
        #[command(flatten)]
        place: Place,
        /// What the token may publish.
        #[arg(long)]
        role: TokenRole,
        /// Who has it.
        #[arg(long)]
        name: String,
    },
}

/// Where the log is.
#[derive(Args)]
struct Place {
    /// The folder that `init` made.
    #[arg(long, env = "PLAINSIGHT_LOG_DIR", required_unless_present = "config")]
    dir: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, env = "PLAINSIGHT_LOG_CONFIG", conflicts_with = "dir")]
    config: Option<PathBuf>,
}

impl Place {
    fn load(&self) -> Result<Config> {
        match self.config.as_ref().or(self.dir.as_ref()) {
            Some(path) => Ok(Config::load(path)?),
            None => bail!("neither --dir nor --config"),
        }
    }
}

#[derive(Args)]
struct InitArgs {
    /// The folder to make.
    #[arg(long)]
    dir: PathBuf,
    /// The origin: a name without scheme, such as log.example.org/1, that is never used again.
    #[arg(long)]
    origin: String,
    /// Where the log will listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// A public key (base64) for changes of publisher keys; without one, a key is made.
    #[arg(long, value_parser = public_key)]
    root: Vec<PublicKey>,
    /// A public key (base64) for releases and yanks; without one, a key is made.
    #[arg(long, value_parser = public_key)]
    releases: Vec<PublicKey>,
    /// A public key (base64) for protections and canaries; without one, a key is made.
    #[arg(long, value_parser = public_key)]
    protections: Vec<PublicKey>,
    /// The database: a file, or `postgres://user@host/database`; without it, a file in the folder.
    #[arg(long)]
    database: Option<DatabaseAddress>,
    /// The public objects: a folder, or `s3://bucket/prefix`, whose endpoint and credentials come
    /// from the environment; without it, a folder in the folder.
    #[arg(long)]
    objects: Option<ObjectsAddress>,
    /// How many keys of each role must sign.
    #[arg(long, default_value_t = 1)]
    threshold: u8,
    /// How far clocks may differ, in milliseconds.
    #[arg(long, default_value_t = 60_000)]
    max_clock_skew_ms: u64,
    /// The most time between two epochs, in seconds.
    #[arg(long, default_value_t = 3_600)]
    heartbeat_s: u64,
}

fn public_key(text: &str) -> Result<PublicKey, String> {
    let bytes = codec::base64_array(text).map_err(|error| error.to_string())?;
    PublicKey::from_bytes(&bytes).map_err(|error| error.to_string())
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("PLAINSIGHT_LOG")
                .unwrap_or_else(|_| "info,sqlx=warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    match cli.command {
        Command::Init(args) => make(args).await,
        Command::Serve { place, listen } => serve(place.load()?, listen).await,
        Command::Token {
            command: TokenCommand::Add { place, role, name },
        } => {
            let store = Store::open(&place.load()?.database, 1).await?;
            println!("{}", add_token(&store, &name, role).await?);
            store.close().await;
            Ok(())
        }
        Command::Check { place, repair } => verify(&place.load()?, repair).await,
        Command::Gc { place, grace_s } => collect(&place.load()?, grace_s).await,
    }
}

async fn verify(config: &Config, repair: bool) -> Result<()> {
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

async fn collect(config: &Config, grace_s: Option<u64>) -> Result<()> {
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

async fn serve(mut config: Config, listen: Option<SocketAddr>) -> Result<()> {
    config.listen = listen.unwrap_or(config.listen);
    let mut terminate = signal(Signal::Terminate)?;
    let mut interrupt = signal(Signal::Interrupt)?;
    let server = Server::start(config)
        .await
        .context("the log did not start")?;
    println!("listening on {}", server.url());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    eprintln!("stopping; a second signal stops at once");
    tokio::select! {
        () = server.shutdown() => {}
        _ = terminate.recv() => bail!("stopped at once"),
        _ = interrupt.recv() => bail!("stopped at once"),
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Signal {
    Terminate,
    Interrupt,
}

fn signal(which: Signal) -> std::io::Result<tokio::signal::unix::Signal> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(match which {
        Signal::Terminate => SignalKind::terminate(),
        Signal::Interrupt => SignalKind::interrupt(),
    })
}
