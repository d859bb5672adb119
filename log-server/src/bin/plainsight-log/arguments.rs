//! The command line, as types.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use plainsight_log_server::config::{Config, Layers, Loaded};
use plainsight_log_server::objects::ObjectsAddress;
use plainsight_log_server::store::{DatabaseAddress, TokenRole};
use plainsight_specs::codec;
use plainsight_specs::ed25519::PublicKey;

use crate::publisher::arguments::{KeyArgs, PublishArgs, SignCommand};

/// The provider's log: publish, sequence, serve.
#[derive(Parser)]
#[command(name = "plainsight-log", version, about)]
pub(crate) struct Cli {
    /// How it says what happens. `PLAINSIGHT_LOG` says how much, such as `info`.
    #[arg(
        long,
        global = true,
        env = "PLAINSIGHT_LOG_FORMAT",
        default_value = "text",
        hide_env = true,
        hide_possible_values = true,
        value_name = "text|json",
        help_heading = "Every command"
    )]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How what happens is written.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a log: keys, genesis, database and configuration. Nothing is overwritten.
    Init(InitArgs),
    /// Run a log.
    Serve {
        #[command(flatten)]
        place: Place,
        /// Listen here instead of where the configuration says.
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// Answer operators here: metrics and health.
        #[arg(long)]
        admin_listen: Option<SocketAddr>,
        /// Answer readers and never write, whatever becomes of the writer.
        #[arg(long)]
        read_only: bool,
    },
    /// Tokens of publishers.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// The configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
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
    /// Erase the opening and the key set of one version of a label, or of all.
    ///
    /// The label is read from standard input, one line, so that it is in no list of processes. What
    /// was logged stays in the log; what it was about is gone for good, from this database. Backups
    /// that hold it must expire by themselves.
    Forget {
        #[command(flatten)]
        place: Place,
        /// Which version.
        #[arg(long, required_unless_present = "all")]
        version: Option<u32>,
        /// Every version.
        #[arg(long, conflicts_with = "version")]
        all: bool,
    },
    /// Make a statement, sign it and print it. For publishers: needs neither the server nor its
    /// configuration.
    Sign {
        #[command(subcommand)]
        command: SignCommand,
    },
    /// Publish signed statements, wait until readers see them, and print position and leaf of each.
    Publish(PublishArgs),
    /// Print the public half of a publisher's key (base64).
    Key(KeyArgs),
    /// Print the document of the HTTP interface (`OpenAPI` 3.1).
    Openapi,
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration, the keys and the policy, and print what is in force and where it
    /// came from. Secrets are not printed.
    Check {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
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
        /// How many days it counts; for ever, if not given.
        #[arg(long)]
        days: Option<u32>,
        /// How many items a second it may publish, if not as many as any token; 0 is no limit.
        #[arg(long)]
        items_per_s: Option<u32>,
        /// Write the token to this new file, which only its owner can read, and print nothing.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// List who has which tokens. The tokens themselves are nowhere.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Make a token count no more. A running server knows within seconds.
    Revoke {
        #[command(flatten)]
        place: Place,
        /// Who has it.
        #[arg(long)]
        name: String,
    },
}

/// Where the log is.
#[derive(Args)]
#[group(skip)]
#[command(group(ArgGroup::new("place").required(true).args(["dir", "config"])))]
pub(crate) struct Place {
    /// The folder that `init` made.
    #[arg(long, env = "PLAINSIGHT_LOG_DIR")]
    dir: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, env = "PLAINSIGHT_LOG_CONFIG")]
    config: Option<PathBuf>,
    /// Another value for a member of the configuration, such as `limits.wait_ms=5000`.
    #[arg(long, value_name = "MEMBER=VALUE", value_parser = member)]
    set: Vec<(String, String)>,
}

impl Place {
    /// The configuration: file, environment, flags.
    pub(crate) fn load(&self) -> Result<Config> {
        Ok(self.load_with([])?.config)
    }

    /// The same, with more flags.
    pub(crate) fn load_with(
        &self,
        flags: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded> {
        let Some(path) = self.config.as_ref().or(self.dir.as_ref()) else {
            bail!("neither --dir nor --config");
        };
        let layers = Layers::new(path)
            .environment(std::env::vars())
            .flags(self.set.clone())
            .flags(flags);
        Ok(layers.load()?)
    }
}

fn member(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.trim().into(), value.trim().into())),
        None => Err("MEMBER=VALUE is expected".into()),
    }
}

#[derive(Args)]
pub(crate) struct InitArgs {
    /// The folder to make.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The origin: a name without scheme, such as log.example.org/1, that is never used again.
    #[arg(long)]
    pub(crate) origin: String,
    /// Where the log will listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// A public key (base64) for changes of publisher keys; without one, a key is made.
    #[arg(long, value_parser = public_key)]
    pub(crate) root: Vec<PublicKey>,
    /// A public key (base64) for releases and yanks; without one, a key is made.
    #[arg(long, value_parser = public_key)]
    pub(crate) releases: Vec<PublicKey>,
    /// A public key (base64) for protections and canaries; without one, a key is made.
    #[arg(long, value_parser = public_key)]
    pub(crate) protections: Vec<PublicKey>,
    /// The database: a file, or `postgres://user@host/database`; without it, a file in the folder.
    #[arg(long)]
    pub(crate) database: Option<DatabaseAddress>,
    /// The public objects: a folder, or `s3://bucket/prefix`, whose endpoint and credentials come
    /// from the environment; without it, a folder in the folder.
    #[arg(long)]
    pub(crate) objects: Option<ObjectsAddress>,
    /// How many keys of each role must sign.
    #[arg(long, default_value_t = 1)]
    pub(crate) threshold: u8,
    /// How far clocks may differ, in milliseconds.
    #[arg(long, default_value_t = 60_000)]
    pub(crate) max_clock_skew_ms: u64,
    /// The most time between two epochs, in seconds.
    #[arg(long, default_value_t = 3_600)]
    pub(crate) heartbeat_s: u64,
}

pub(crate) fn public_key(text: &str) -> Result<PublicKey, String> {
    let bytes = codec::base64_array(text).map_err(|error| error.to_string())?;
    PublicKey::from_bytes(&bytes).map_err(|error| error.to_string())
}
