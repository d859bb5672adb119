//! A network whose parties are processes of their own: this very program, started again with a
//! hidden command, so that what each party uses can be told apart.
//!
//! A child ends when its standard input does, and that ends with its parent, however the parent
//! ends. It has a process group of its own, so an interrupt reaches the parent alone, which then
//! ends its children in order.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use plainsight_auditor::{Identity, LogConfig, Node};
use plainsight_client::http::BaseUrl;
use plainsight_log_server::store::{DatabaseAddress, Store, TokenRole};
use plainsight_log_server::{InitOptions, Server};

use crate::network::{AUDITORS, Member, ORIGIN, base_url, free_address, write_policy_of};

/// The hidden command.
pub const CHILD: &str = "load-child";
/// How long a party has to come up or to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the auditors look at the log by themselves, in milliseconds.
const AUDITOR_POLL_MS: u64 = 500;

/// A party of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Party {
    /// The provider's log.
    Log,
    /// An auditor.
    Auditor,
}

/// What a child is told.
#[derive(Debug, Args)]
pub struct ChildArgs {
    /// What it is.
    party: Party,
    /// The folder that was made for it.
    dir: PathBuf,
}

/// Runs one party until standard input ends.
pub async fn run(args: ChildArgs) -> Result<()> {
    match args.party {
        Party::Log => {
            let config = plainsight_log_server::Config::load(&args.dir)?;
            let server = Server::start(config).await?;
            println!("{}", server.local_addr());
            end_of_input().await?;
            server.shutdown().await;
        }
        Party::Auditor => {
            let mut config = plainsight_auditor::Config::load(&args.dir)?;
            config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            config.poll_interval_ms = AUDITOR_POLL_MS;
            let node = Node::start(config).await?;
            println!("{}", node.local_addr);
            end_of_input().await?;
            node.shutdown().await;
        }
    }
    Ok(())
}

async fn end_of_input() -> Result<()> {
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await??;
    Ok(())
}

/// A party that runs as a process, which is killed if this is dropped before it was stopped.
#[derive(Debug)]
struct Running {
    process: Child,
    address: SocketAddr,
}

impl Running {
    async fn start(party: Party, dir: &Path) -> Result<Self> {
        let program = std::env::current_exe().context("this program's own file is not known")?;
        let party = match party {
            Party::Log => "log",
            Party::Auditor => "auditor",
        };
        let notes = dir.join("stderr");
        let process = Command::new(program)
            .args([CHILD, party])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&notes)?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting the {party}"))?;
        let mut running = Self {
            process,
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        };
        let output = running.process.stdout.take();
        let mut output = BufReader::new(output.context("no standard output")?);
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            output.read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(PATIENCE, line).await;
        let address = match line {
            Ok(line) => line??.trim().parse().ok(),
            Err(_) => None,
        };
        let Some(address) = address else {
            let said = std::fs::read_to_string(&notes).unwrap_or_default();
            bail!("the {party} did not come up: {said}");
        };
        running.address = address;
        Ok(running)
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Ends its input and waits for it to end.
    async fn stop(mut self) {
        drop(self.process.stdin.take());
        let ended = async {
            while matches!(self.process.try_wait(), Ok(None)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // One that does not end in time is killed as it is dropped.
        let _ended = tokio::time::timeout(PATIENCE, ended).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, or it ends now.
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A log and its auditors.
#[derive(Debug)]
pub(crate) struct Children {
    log: Running,
    auditors: Vec<Running>,
    pub(crate) url: BaseUrl,
    /// A token that publishes key sets.
    pub(crate) token: String,
    /// The policy of somebody who relies on the auditors, if there are any.
    pub(crate) policy: Option<PathBuf>,
    dir: PathBuf,
}

impl Children {
    /// Makes a network in `dir`, which holds none yet, and starts it.
    pub(crate) async fn start(
        dir: &Path,
        auditors: usize,
        database: Option<DatabaseAddress>,
    ) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let log_dir = dir.join("log");
        let listen = free_address()?;
        let url = base_url(listen)?;
        let made = plainsight_log_server::init(&InitOptions {
            heartbeat_s: 60,
            database,
            ..InitOptions::new(&log_dir, ORIGIN, listen)
        })
        .await
        .context("making the log")?;
        let store = Store::open(&made.config.database, 1).await?;
        let token = plainsight_log_server::add_token(&store, "load", TokenRole::Keys).await?;
        store.close().await;
        let follow = LogConfig::new(made.vkey.to_string(), url.to_string());
        let (mut running, mut members) = (Vec::new(), Vec::new());
        for auditor in AUDITORS.into_iter().take(auditors) {
            let dir = dir.join("auditors").join(auditor.name);
            let vkey = plainsight_auditor::init(&dir, &Identity::from(auditor))?;
            plainsight_auditor::add_log(&dir, &follow)?;
            let node = Running::start(Party::Auditor, &dir).await?;
            members.push(Member {
                auditor,
                url: base_url(node.address)?,
                vkey: vkey.to_string(),
                watch_key: None,
            });
            running.push(node);
        }
        let mut config = made.config;
        let policy = dir.join("policy");
        if !members.is_empty() {
            write_policy_of(&policy, &follow.vkey, &url, &members)?;
            config.policy = Some(policy.clone());
        }
        std::fs::write(&made.config_path, config.to_toml(&log_dir)?)?;
        let log = Running::start(Party::Log, &log_dir).await?;
        Ok(Self {
            log,
            auditors: running,
            url,
            token,
            policy: config.policy.is_some().then_some(policy),
            dir,
        })
    }

    /// The process of the log.
    pub(crate) fn log_pid(&self) -> u32 {
        self.log.pid()
    }

    /// The processes of the auditors.
    pub(crate) fn auditor_pids(&self) -> Vec<u32> {
        self.auditors.iter().map(Running::pid).collect()
    }

    /// The log's folder.
    pub(crate) fn log_dir(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The log's public objects.
    pub(crate) fn objects(&self) -> PathBuf {
        self.log_dir().join("public")
    }

    /// The auditors' folder.
    pub(crate) fn auditors_dir(&self) -> PathBuf {
        self.dir.join("auditors")
    }

    /// Ends everything, the log first.
    pub(crate) async fn stop(self) {
        self.log.stop().await;
        for auditor in self.auditors {
            auditor.stop().await;
        }
    }
}
