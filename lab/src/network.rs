//! A whole network in one process: a log, three auditors of different organisations and
//! jurisdictions, and the policy of somebody who relies on them.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use plainsight_auditor::config::Rebuilder;
use plainsight_auditor::peers::Peer;
use plainsight_auditor::{Config, Identity, LogConfig, Node};
use plainsight_client::http::BaseUrl;
use plainsight_log_server::store::{DatabaseAddress, Store, TokenRole};
use plainsight_log_server::{InitOptions, Server};
use serde_json::json;

use crate::provider::{RoleSecrets, Tokens};

/// Who runs the auditors: name, organisation, jurisdiction.
pub const AUDITORS: [Auditor; 3] = [
    Auditor {
        name: "auditor.university.example",
        organisation: "Example University",
        jurisdiction: "CH",
    },
    Auditor {
        name: "auditor.newspaper.example",
        organisation: "Example Newspaper",
        jurisdiction: "DE",
    },
    Auditor {
        name: "auditor.foundation.example",
        organisation: "Example Foundation",
        jurisdiction: "IS",
    },
];

/// One auditor's identity.
#[derive(Debug, Clone, Copy)]
pub struct Auditor {
    /// The name of its key.
    pub name: &'static str,
    /// Who runs it.
    pub organisation: &'static str,
    /// Under whose law.
    pub jurisdiction: &'static str,
}

impl From<Auditor> for Identity {
    fn from(auditor: Auditor) -> Self {
        Self {
            name: auditor.name.to_owned(),
            organisation: auditor.organisation.to_owned(),
            jurisdiction: auditor.jurisdiction.to_owned(),
        }
    }
}

/// The origin of the lab's honest log.
pub const ORIGIN: &str = "log.provider.example/lab";

/// A running network.
#[derive(Debug)]
pub struct Network {
    dir: PathBuf,
    server: Server,
    nodes: Vec<RunningAuditor>,
    tokens: Tokens,
    roles: RoleSecrets,
    log_url: BaseUrl,
    policy: PathBuf,
}

/// An auditor that was started, with where it answers.
#[derive(Debug)]
pub struct RunningAuditor {
    /// Who runs it.
    pub auditor: Auditor,
    /// Where it answers.
    pub url: BaseUrl,
    /// Its configuration, with the names of its key files.
    pub config: plainsight_auditor::Config,
    node: Node,
}

/// `http://` and a loopback address.
pub fn base_url(address: SocketAddr) -> Result<BaseUrl> {
    Ok(BaseUrl::parse(&format!("http://{address}"))?)
}

/// Loopback, at a port: free ones with `base` 0, else `base` + `offset`.
fn listen(base: u16, offset: u16) -> Result<SocketAddr> {
    let port = if base == 0 {
        0
    } else {
        base.checked_add(offset).context("no such port")?
    };
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// A loopback address that was free a moment ago, for a party whose address others must know
/// before it starts.
pub fn free_address() -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// Makes and starts an auditor in `dir` that follows one log.
pub async fn start_auditor(
    dir: &Path,
    auditor: Auditor,
    listen: SocketAddr,
    log: &LogConfig,
) -> Result<RunningAuditor> {
    start_carrying(dir, auditor, listen, log, Vec::new()).await
}

/// Makes an auditor in `dir` that carries results of these rebuilders, and starts it.
pub async fn start_carrying(
    dir: &Path,
    auditor: Auditor,
    listen: SocketAddr,
    log: &LogConfig,
    rebuilders: Vec<Rebuilder>,
) -> Result<RunningAuditor> {
    plainsight_auditor::init(dir, &Identity::from(auditor))?;
    let logs = std::slice::from_ref(log);
    run_auditor(dir, auditor, listen, logs, |config| {
        config.rebuilders = rebuilders;
    })
    .await
}

/// What the auditors of a stage know beside the log.
#[derive(Debug, Default)]
pub struct Staged {
    /// Logs that they follow too.
    pub also: Vec<LogConfig>,
    /// What their operators are known by in the dashboard, if they can do anything there.
    pub token: Option<String>,
    /// Whose results of rebuilds they carry.
    pub rebuilders: Vec<Rebuilder>,
}

/// Starts an auditor that was made in `dir`.
async fn run_auditor(
    dir: &Path,
    auditor: Auditor,
    listen: SocketAddr,
    logs: &[LogConfig],
    change: impl FnOnce(&mut Config),
) -> Result<RunningAuditor> {
    for log in logs {
        plainsight_auditor::add_log(dir, log)?;
    }
    let mut config = Config::load(dir)?;
    config.listen = listen;
    config.poll_interval_ms = 500;
    config.operations.watch.bucket_feed = true;
    change(&mut config);
    let node = Node::start(config.clone()).await?;
    let url = base_url(node.local_addr)?;
    Ok(RunningAuditor {
        auditor,
        url,
        config,
        node,
    })
}

impl RunningAuditor {
    /// The key that its cosignatures verify with.
    pub fn vkey(&self) -> String {
        self.node.verifier_key.to_string()
    }

    /// It, as a policy names it.
    pub fn member(&self) -> Member {
        Member {
            auditor: self.auditor,
            url: self.url.clone(),
            vkey: self.vkey(),
            watch_key: Some(self.node.watch_key.to_string()),
        }
    }

    /// Ends it.
    pub async fn shutdown(self) {
        self.node.shutdown().await;
    }
}

/// An auditor as a policy names it.
#[derive(Debug, Clone)]
pub struct Member {
    /// Who runs it.
    pub auditor: Auditor,
    /// Where it answers.
    pub url: BaseUrl,
    /// The key that its cosignatures verify with.
    pub vkey: String,
    /// The key that its answers to watches verify with, if it is to be asked for any.
    pub watch_key: Option<String>,
}

/// A policy that trusts one log and wants two of three auditors, with the reader's annotations.
pub fn write_policy(
    path: &Path,
    log_vkey: &str,
    log_url: &BaseUrl,
    auditors: &[RunningAuditor],
) -> Result<()> {
    let members: Vec<_> = auditors.iter().map(RunningAuditor::member).collect();
    write_policy_of(path, log_vkey, log_url, &members)
}

/// A policy that trusts one log and wants a majority of these auditors, with the reader's
/// annotations.
pub fn write_policy_of(
    path: &Path,
    log_vkey: &str,
    log_url: &BaseUrl,
    members: &[Member],
) -> Result<()> {
    let mut policy = format!("log {log_vkey} {log_url}\n");
    let mut names = Vec::new();
    let mut annotated = Vec::new();
    for member in members {
        let Member {
            auditor,
            url,
            vkey,
            watch_key,
        } = member;
        let Auditor {
            name,
            organisation,
            jurisdiction,
        } = *auditor;
        writeln!(policy, "witness {name} {vkey} {url}")?;
        let mut known = json!({
            "name": name,
            "organisation": organisation,
            "jurisdiction": jurisdiction,
            "url": url.as_str(),
        });
        if let (Some(members), Some(key)) = (known.as_object_mut(), watch_key) {
            members.insert("watch_key".into(), json!(key));
        }
        annotated.push(known);
        names.push(name);
    }
    let quorum = names.len() / 2 + 1;
    let names = names.join(" ");
    write!(policy, "group auditors {quorum} {names}\nquorum auditors\n")?;
    std::fs::write(path, policy)?;
    let annotations = json!({
        "max_age_contacts_s": 86_400,
        "max_age_releases_s": 604_800,
        "auditor": annotated,
    });
    let mut sidecar = path.as_os_str().to_owned();
    sidecar.push(".toml");
    let text = format!(
        "# What the reader of this policy knows about its auditors; nothing here is their claim.\n{}",
        toml::to_string(&annotations)?
    );
    std::fs::write(sidecar, text)?;
    Ok(())
}

/// Makes a reader's home: where the log is, the policy, and the token for publishing keys.
pub fn write_home(home: &Path, log_url: &BaseUrl, policy: &Path, token: &str) -> Result<()> {
    std::fs::create_dir_all(home)?;
    let token_file = home.join("token");
    write_private(&token_file, token.as_bytes())?;
    let config = json!({ "log": log_url.as_str(), "policy": policy, "token_file": token_file });
    std::fs::write(home.join("config.toml"), toml::to_string(&config)?)?;
    Ok(())
}

impl Network {
    /// Makes a network under `dir`, which holds none yet, and starts it: the log at `port_base`, the
    /// auditors at the ports after it; all at free ports if it is 0.
    pub async fn start(dir: &Path, port_base: u16) -> Result<Self> {
        Self::start_with(dir, port_base, None).await
    }

    /// Like [`Self::start`], with auditors that compare themselves with each other, show the readers'
    /// policy, and know what `staged` says.
    pub async fn start_staged(dir: &Path, port_base: u16, staged: &Staged) -> Result<Self> {
        Self::start_with(dir, port_base, Some(staged)).await
    }

    async fn start_with(dir: &Path, port_base: u16, staged: Option<&Staged>) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let log_dir = dir.join("log");
        let log_listen = match listen(port_base, 0)? {
            address if address.port() == 0 => free_address()?,
            address => address,
        };
        let made = plainsight_log_server::init(&InitOptions {
            heartbeat_s: 60,
            ..InitOptions::new(&log_dir, ORIGIN, log_listen)
        })
        .await
        .context("making the log")?;
        let tokens = add_tokens(&made.config.database).await?;
        let log_url = base_url(log_listen)?;
        let vkey = made.vkey.to_string();
        let follow = LogConfig::new(&vkey, log_url.to_string());
        let nodes = match staged {
            None => start_auditors(&dir, port_base, &follow).await?,
            Some(staged) => start_peers(&dir, port_base, &follow, staged).await?,
        };
        let policy = dir.join("policy");
        write_policy(&policy, &vkey, &log_url, &nodes)?;
        let mut config = made.config;
        config.policy = Some(policy.clone());
        std::fs::write(&made.config_path, config.to_toml(&log_dir)?)?;
        let server = Server::start(config)
            .await
            .with_context(|| format!("starting the log at {log_listen}"))?;
        let roles = RoleSecrets::read(&log_dir)?;
        Ok(Self {
            dir,
            server,
            nodes,
            tokens,
            roles,
            log_url,
            policy,
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The log.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Where the log answers.
    pub fn log_url(&self) -> &BaseUrl {
        &self.log_url
    }

    /// The auditors.
    pub fn auditors(&self) -> &[RunningAuditor] {
        &self.nodes
    }

    /// The policy file.
    pub fn policy(&self) -> &Path {
        &self.policy
    }

    /// The publishers' tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The publishers' keys.
    pub fn roles(&self) -> &RoleSecrets {
        &self.roles
    }

    /// Makes the home of a reader of this network.
    pub fn write_home(&self, home: &Path) -> Result<()> {
        write_home(home, &self.log_url, &self.policy, &self.tokens.keys)
    }

    /// Writes `network.json` for scripts: where everything is and the tokens. Last, so that who
    /// waits for the file finds a network that is ready.
    pub fn write_description(&self, home: &Path) -> Result<PathBuf> {
        let auditors: Vec<_> = self
            .nodes
            .iter()
            .map(|running| {
                json!({
                    "name": running.auditor.name,
                    "organisation": running.auditor.organisation,
                    "jurisdiction": running.auditor.jurisdiction,
                    "url": running.url.to_string(),
                    "vkey": running.vkey(),
                })
            })
            .collect();
        let description = json!({
            "origin": ORIGIN,
            "log": { "url": self.log_url.to_string(), "vkey": self.server.verifier_key().to_string() },
            "auditors": auditors,
            "policy": self.policy,
            "home": home,
            "tokens": {
                "keys": self.tokens.keys,
                "releases": self.tokens.releases,
                "protections": self.tokens.protections,
                "root": self.tokens.root,
            },
            "role_keys": self.dir.join("log/keys"),
        });
        let path = self.dir.join("network.json");
        let fresh = self.dir.join("network.json.new");
        write_private(&fresh, format!("{description:#}\n").as_bytes())?;
        std::fs::rename(&fresh, &path)?;
        Ok(path)
    }

    /// Ends everything, the log first.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
        for node in self.nodes {
            node.shutdown().await;
        }
    }
}

/// The auditors of a network, which know nothing of each other.
async fn start_auditors(
    dir: &Path,
    port_base: u16,
    follow: &LogConfig,
) -> Result<Vec<RunningAuditor>> {
    let mut nodes = Vec::new();
    for (offset, auditor) in (1..).zip(AUDITORS) {
        let listen = listen(port_base, offset)?;
        let auditor_dir = dir.join("auditors").join(auditor.name);
        let node = start_auditor(&auditor_dir, auditor, listen, follow)
            .await
            .with_context(|| format!("starting {} at {listen}", auditor.name))?;
        nodes.push(node);
    }
    Ok(nodes)
}

/// Auditors that compare themselves with each other, and follow other logs too.
async fn start_peers(
    dir: &Path,
    port_base: u16,
    follow: &LogConfig,
    staged: &Staged,
) -> Result<Vec<RunningAuditor>> {
    let mut members = Vec::new();
    let mut made = Vec::new();
    for (offset, auditor) in (1..).zip(AUDITORS) {
        let at = match listen(port_base, offset)? {
            address if address.port() == 0 => free_address()?,
            address => address,
        };
        let auditor_dir = dir.join("auditors").join(auditor.name);
        let key = plainsight_auditor::init(&auditor_dir, &Identity::from(auditor))?;
        let watch = Config::load(&auditor_dir)?.watch_signer()?.verifier_key();
        members.push(Member {
            auditor,
            url: base_url(at)?,
            vkey: key.to_string(),
            watch_key: Some(watch.to_string()),
        });
        made.push((auditor_dir, auditor, at, key));
    }
    let logs: Vec<_> = std::iter::once(follow)
        .chain(&staged.also)
        .cloned()
        .collect();
    let shown = dir.join("auditors").join("policy");
    write_policy_of(
        &shown,
        &follow.vkey,
        &BaseUrl::parse(&follow.url)?,
        &members,
    )?;
    let mut policy = std::fs::read_to_string(&shown)?;
    for log in &staged.also {
        policy = format!("log {} {}\n{policy}", log.vkey, log.url);
    }
    std::fs::write(&shown, policy)?;
    let mut nodes = Vec::new();
    for (auditor_dir, auditor, listen, _) in &made {
        let others = made.iter().filter(|(_, _, at, _)| at != listen);
        let peers = others
            .map(|(_, _, at, key)| {
                Ok(Peer {
                    key: key.clone(),
                    url: base_url(*at)?,
                })
            })
            .collect::<Result<_>>()?;
        let token = Path::new("admin.token");
        if let Some(text) = &staged.token {
            let file = auditor_dir.join(token);
            plainsight_auditor::config::write_secret(&file, text.as_bytes())?;
        }
        let change = |config: &mut Config| {
            config.peers = peers;
            config.rebuilders.clone_from(&staged.rebuilders);
            config.dashboard.policy = Some(shown.clone());
            config.dashboard.token_file = staged.token.as_ref().map(|_| token.into());
        };
        let started = run_auditor(auditor_dir, *auditor, *listen, &logs, change).await;
        nodes.push(started.with_context(|| format!("starting {} at {listen}", auditor.name))?);
    }
    Ok(nodes)
}

async fn add_tokens(database: &DatabaseAddress) -> Result<Tokens> {
    let store = Store::open(database, 1).await?;
    let add = async |name, role| plainsight_log_server::add_token(&store, name, role).await;
    let tokens = Tokens {
        keys: add("lab keys", TokenRole::Keys).await?,
        releases: add("lab releases", TokenRole::Releases).await?,
        protections: add("lab protections", TokenRole::Protections).await?,
        root: add("lab root", TokenRole::Root).await?,
    };
    store.close().await;
    Ok(tokens)
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    Ok(())
}
