//! `plainsight-auditor`: makes an auditor, runs it, checks it.

mod verbs;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use plainsight_auditor::Config;
use plainsight_auditor::progress::Progress;

/// An independent node that mirrors, replays and cosigns transparency logs.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// Which auditor.
#[derive(Debug, Clone, Args)]
struct Folder {
    /// The auditor's folder
    #[arg(long, env = "PLAINSIGHT_AUDITOR_DIR")]
    dir: PathBuf,
}

impl Folder {
    /// The same folder, if what is written there stays its owner's.
    fn to_write(&self) -> anyhow::Result<&Self> {
        plainsight_auditor::may_write(&self.dir)?;
        Ok(self)
    }

    /// Its configuration, with what the environment replaces.
    fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load_with(&self.dir, |name| {
            std::env::var(name).ok()
        })?)
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make the keys and a configuration, and print the verifier key to hand out
    Init {
        #[command(flatten)]
        folder: Folder,
        /// The name of its key, by convention a URL without scheme
        #[arg(long)]
        name: String,
        /// Who runs it
        #[arg(long)]
        organisation: String,
        /// Under which law
        #[arg(long)]
        jurisdiction: String,
        /// The URL of a database, <postgres://user@host/database>, in place of a file. Its password goes
        /// into a file that `database_password_file` names, or into PGPASSWORD
        #[arg(long)]
        database: Option<String>,
    },
    /// Add a log to follow
    AddLog {
        #[command(flatten)]
        folder: Folder,
        /// The log's verifier key, obtained from somewhere else than the log
        #[arg(long)]
        vkey: String,
        /// Where the log is read
        #[arg(long)]
        url: String,
    },
    /// Make a key for a plain witness of foreign logs, which the table `[witness]` runs
    InitWitness {
        #[command(flatten)]
        folder: Folder,
        /// The name of its key: another than the auditor's
        #[arg(long)]
        name: String,
    },
    /// Add another auditor, to compare heads with
    AddPeer {
        #[command(flatten)]
        folder: Folder,
        /// The verifier key of its cosignatures
        #[arg(long)]
        vkey: String,
        /// Where it answers
        #[arg(long)]
        url: String,
    },
    /// Follow, replay, cosign and answer
    Serve {
        #[command(flatten)]
        folder: Folder,
    },
    /// Verify the own database from nothing. Not while `serve` runs
    Check {
        #[command(flatten)]
        folder: Folder,
    },
    /// Look the node over: clock, keys, disk, database, logs; exit code 1 if something fails
    Doctor {
        #[command(flatten)]
        folder: Folder,
    },
    /// Print the document of the HTTP interface (`OpenAPI`)
    Openapi,
    /// The configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Alerts and who is told of them
    #[command(subcommand)]
    Alert(AlertVerb),
    /// Say that this database is the newest that ever signed, where nobody else remembers what was signed
    /// last. If it is not, the key signs two stories, and nobody can rely on it again
    Resume {
        #[command(flatten)]
        folder: Folder,
        /// The log's origin
        #[arg(long)]
        log: String,
        /// Why it is known; it is published
        #[arg(long)]
        reason: String,
    },
    /// Go on cosigning after a broken rule, for a reason that is published
    Acknowledge {
        #[command(flatten)]
        folder: Folder,
        /// The log's origin
        #[arg(long)]
        log: String,
        /// The rule's id
        #[arg(long)]
        rule: String,
        /// The entry's position; for the rule "end", the head's size
        #[arg(long)]
        position: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Say whether the configuration can be used, and what is in force
    Check {
        #[command(flatten)]
        folder: Folder,
    },
}

#[derive(Debug, Subcommand)]
enum AlertVerb {
    /// The newest alerts, with what is proven and what to do
    List {
        #[command(flatten)]
        folder: Folder,
        /// Those that ended or were acknowledged too
        #[arg(long)]
        all: bool,
    },
    /// Acknowledge an alert, for a reason that is published
    Ack {
        #[command(flatten)]
        folder: Folder,
        /// The alert's id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Send a test message to every channel; exit code 1 if one fails
    Test {
        #[command(flatten)]
        folder: Folder,
    },
    /// Make a key for a web hook
    Keygen {
        /// The file to write
        #[arg(long)]
        out: PathBuf,
        /// An Ed25519 key, of which the receiver gets the public half, in place of a shared secret
        #[arg(long)]
        ed25519: bool,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let progress = Progress::to_stderr();
    let writer = progress.clone();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(move || writer.writer())
        .init();
    match Cli::parse().verb {
        Verb::Init {
            folder,
            name,
            organisation,
            jurisdiction,
            database,
        } => {
            let identity = plainsight_auditor::Identity {
                name,
                organisation,
                jurisdiction,
            };
            verbs::init(&folder.dir, &identity, database.as_deref())?;
        }
        Verb::AddLog { folder, vkey, url } => verbs::add_log(&folder.to_write()?.dir, vkey, url)?,
        Verb::InitWitness { folder, name } => verbs::init_witness(&folder.to_write()?.dir, &name)?,
        Verb::AddPeer { folder, vkey, url } => verbs::add_peer(&folder.to_write()?.dir, vkey, url)?,
        Verb::Serve { folder } => verbs::serve(|| folder.to_write()?.config(), progress).await?,
        Verb::Check { folder } => verbs::check(&folder.to_write()?.config()?, &progress).await?,
        Verb::Doctor { folder } => return verbs::doctor(&folder.config()?).await,
        Verb::Openapi => print!("{}", plainsight_auditor::openapi()),
        Verb::Config(ConfigVerb::Check { folder }) => verbs::config_check(&folder.config()?)?,
        Verb::Alert(AlertVerb::List { folder, all }) => {
            verbs::alert_list(&folder.config()?, all).await?;
        }
        Verb::Alert(AlertVerb::Ack { folder, id, reason }) => {
            plainsight_auditor::acknowledge_alert(&folder.to_write()?.config()?, &id, &reason)
                .await?;
            println!("acknowledged: {id}");
        }
        Verb::Alert(AlertVerb::Test { folder }) => {
            return verbs::alert_test(&folder.to_write()?.config()?).await;
        }
        Verb::Alert(AlertVerb::Keygen { out, ed25519 }) => verbs::alert_keygen(&out, ed25519)?,
        Verb::Resume {
            folder,
            log,
            reason,
        } => {
            let size =
                plainsight_auditor::resume(&folder.to_write()?.config()?, &log, &reason).await?;
            println!("{log}: cosigning goes on from size {size}");
        }
        Verb::Acknowledge {
            folder,
            log,
            rule,
            position,
            reason,
        } => {
            let rule = plainsight_specs::rules::Rule::parse(&rule)
                .with_context(|| format!("no rule is called {rule:?}"))?;
            let found = plainsight_auditor::audit::Break { at: position, rule };
            plainsight_auditor::acknowledge(&folder.to_write()?.config()?, &log, found, &reason)
                .await?;
            println!("acknowledged: {found}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
