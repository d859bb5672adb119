//! What the command line does.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use plainsight_auditor::alert::{
    Message, Sender, WebhookKey, evidence_of, evidence_path, words_of,
};
use plainsight_auditor::doctor::{self, Level};
use plainsight_auditor::peers::PeerConfig;
use plainsight_auditor::progress::Progress;
use plainsight_auditor::pulse::Disk;
use plainsight_auditor::store::{KeptAlert, Store};
use plainsight_auditor::{Clock, Config, Identity, LogConfig, Node, check as checking};
use plainsight_specs::time::Timestamp;

/// Alerts that are listed.
const LIST: u32 = 100;

pub(crate) fn init(dir: &Path, identity: &Identity, database: Option<&str>) -> anyhow::Result<()> {
    let key = plainsight_auditor::config::init_with(dir, identity, database)?;
    let watch = Config::load(dir)?.watch_signer()?.verifier_key();
    // The key alone on standard output, for scripts; the rest is for the person.
    println!("{key}");
    let dir = dir.display();
    eprintln!(
        "\nThis is the auditor's verifier key: hand it out, over more than one way, to those who are to \
         rely on it. The key of its answers to watches goes with it:\n\n{watch}\n\n\
         Next:\n\
         1. Back up {dir} without {dir}/high-water: keys and database are restored together or not at all, \
         and never is there a second auditor with this key. deploy/README.md says what to do after a restore.\n\
         2. Read {dir}/auditor.toml: contact, alert channels and heartbeat wait there as comments.\n\
         3. Add a log: plainsight-auditor add-log --dir {dir} --vkey KEY --url URL\n\
         4. Look it over: plainsight-auditor doctor --dir {dir}\n\
         5. Start it: plainsight-auditor serve --dir {dir}"
    );
    Ok(())
}

pub(crate) fn add_log(dir: &Path, vkey: String, url: String) -> anyhow::Result<()> {
    let config = plainsight_auditor::add_log(dir, &LogConfig::new(vkey, url))?;
    println!("{}", followed(config.logs.len()));
    Ok(())
}

pub(crate) fn init_witness(dir: &Path, name: &str) -> anyhow::Result<()> {
    println!("{}", plainsight_auditor::plain::init_witness(dir, name)?);
    eprintln!(
        "Hand this key out. auditor.toml says which logs are witnessed:\n\n\
         [witness]\nname = {name:?}\n\n\
         [[witness.log]]\nvkey = \"the log's verifier key\"\n\
         url = \"where its tiles are, if they are to be read there too\""
    );
    Ok(())
}

pub(crate) fn add_peer(dir: &Path, vkey: String, url: String) -> anyhow::Result<()> {
    let config = plainsight_auditor::add_peer(dir, &PeerConfig { vkey, url })?;
    match config.peers.len() {
        1 => println!("heads are compared with 1 auditor"),
        many => println!("heads are compared with {many} auditors"),
    }
    Ok(())
}

fn followed(logs: usize) -> String {
    match logs {
        0 => "no log is followed".into(),
        1 => "1 log is followed".into(),
        many => format!("{many} logs are followed"),
    }
}

/// Runs the auditor until it is told to end, again whenever its configuration was changed in the
/// dashboard.
pub(crate) async fn serve(
    load: impl Fn() -> anyhow::Result<Config>,
    progress: Progress,
) -> anyhow::Result<()> {
    let mut config = load()?;
    let ended = ended();
    tokio::pin!(ended);
    loop {
        if config.logs.is_empty() {
            tracing::warn!("no log is followed; `add-log` adds one");
        }
        let (clock, progress) = (Clock::system(), progress.clone());
        let node = Node::start_with(config, clock, progress, Disk::system()).await?;
        println!(
            "{} listens at http://{}",
            node.verifier_key.name(),
            node.local_addr
        );
        if let Some(admin) = node.admin_addr {
            println!("metrics at http://{admin}/metrics");
        }
        let mut again = node.again();
        config = loop {
            tokio::select! {
                result = &mut ended => {
                    result?;
                    node.shutdown().await;
                    return Ok(());
                }
                () = node.replaced() => {
                    node.shutdown().await;
                    bail!("another auditor has taken this database over");
                }
                Ok(()) = again.changed() => match load() {
                    Ok(config) => break config,
                    Err(error) => tracing::error!(
                        error = format!("{error:#}"),
                        "the changed configuration cannot be used; going on with the old one"
                    ),
                },
            }
        };
        tracing::info!("the configuration was changed in the dashboard: starting again");
        // Where the system had chosen a port, readers find the same one.
        config.listen = kept(config.listen, node.local_addr);
        let wanted = config.operations.admin_listen;
        if let (Some(wanted), Some(was)) = (wanted, node.admin_addr) {
            config.operations.admin_listen = Some(kept(wanted, was));
        }
        node.shutdown().await;
    }
}

/// Where to listen again.
fn kept(wanted: std::net::SocketAddr, was: std::net::SocketAddr) -> std::net::SocketAddr {
    if wanted.port() == 0 { was } else { wanted }
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

pub(crate) async fn check(config: &Config, progress: &Progress) -> anyhow::Result<()> {
    let mut faults = 0;
    for log in checking::check_showing(config, progress).await? {
        println!("{}: {} entries", log.origin, log.size);
        for fault in &log.faults {
            println!("  {fault}");
        }
        faults += log.faults.len();
    }
    match faults {
        0 => println!("everything holds"),
        1 => bail!("1 fault was found"),
        many => bail!("{many} faults were found"),
    }
    Ok(())
}

pub(crate) async fn doctor(config: &Config) -> anyhow::Result<ExitCode> {
    let lines = doctor::examine(config, &Disk::system()).await;
    for line in &lines {
        println!("{line}");
    }
    let worst = lines.iter().map(|line| line.level).max();
    Ok(if worst == Some(Level::Fail) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

pub(crate) fn config_check(config: &Config) -> anyhow::Result<()> {
    let signer = config.signer()?;
    let operations = &config.operations;
    let channels = operations.channels(&config.dir)?;
    println!("key: {}", signer.verifier_key());
    println!("watch key: {}", config.watch_signer()?.verifier_key());
    println!("listens at {}", config.listen);
    match operations.admin_listen {
        Some(admin) => println!("metrics and health at {admin}"),
        None => println!("metrics: nowhere (admin_listen is not set)"),
    }
    println!("database: {}", config.database());
    println!("{}", followed(config.logs.len()));
    for log in &config.logs {
        println!("  {} at {}", log.origin, log.url);
    }
    if let Some(witness) = &config.witness {
        let key = config.witness_signer(witness)?;
        println!("plain witness: {}", key.verifier_key());
        for log in &witness.logs {
            match &log.url {
                Some(url) => println!("  {} at {url}", log.origin),
                None => println!("  {}, wherever it hands its checkpoints in", log.origin),
            }
        }
    }
    if plainsight_auditor::dashboard::check(config)? {
        println!("pages: alerts can be acknowledged with the token");
    }
    if channels.is_empty() {
        println!("alerts: nobody is told");
    }
    for channel in &channels {
        println!("alerts: {}", channel.name);
    }
    println!("the configuration can be used");
    Ok(())
}

pub(crate) async fn alert_list(config: &Config, all: bool) -> anyhow::Result<()> {
    let store = Store::open(&config.database()).await?;
    let alerts = store.alerts(LIST).await?;
    let mut text = String::new();
    for alert in alerts.iter().filter(|alert| all || alert.is_open()) {
        let evidence = evidence_of(&store, alert).await?;
        text.push_str(&described(alert, evidence.as_deref()));
    }
    store.close().await;
    if text.is_empty() {
        text.push_str("no alert is open\n");
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough, as `head` does.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn described(alert: &KeptAlert, evidence: Option<&str>) -> String {
    let words = words_of(alert);
    let time =
        |seconds| Timestamp::from_seconds(seconds).map_or_else(String::new, |t| t.to_string());
    let mut lines = vec![
        format!(
            "{} {} {}",
            alert.id,
            alert.severity.to_uppercase(),
            time(alert.time)
        ),
        format!("  what: {}", alert.text),
        format!("  about: {}", alert.about()),
        format!("  proven: {}", words.proven),
        format!("  not proven: {}", words.not_proven),
        format!("  next: {}", words.next),
    ];
    if let Some(id) = evidence {
        lines.push(format!("  evidence: {id}, at {}", evidence_path(id)));
    }
    if let Some((when, reason)) = &alert.acknowledged {
        lines.push(format!("  acknowledged {}: {reason}", time(*when)));
    }
    if let Some(when) = alert.resolved {
        lines.push(format!("  ended {}", time(when)));
    }
    lines.push(String::new());
    lines.join("\n")
}

pub(crate) async fn alert_test(config: &Config) -> anyhow::Result<ExitCode> {
    let sender = Sender {
        name: config.identity.name.clone(),
        organisation: config.identity.organisation.clone(),
        url: config.operations.url.clone(),
    };
    let channels = config.operations.channels(&config.dir)?;
    if channels.is_empty() {
        bail!(
            "no channel is configured: add alert_file, [[hook]], [[webhook]] or [[mail]] to auditor.toml"
        );
    }
    let mut nonce = [0u8; 8];
    getrandom::fill(&mut nonce).context("no randomness")?;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let message = Message::test(&sender, &hex::encode(nonce), now);
    let mut failed = false;
    for channel in channels {
        match channel.send(&message, now).await {
            Ok(()) => println!("ok   {}", channel.name),
            Err(error) => {
                failed = true;
                println!("fail {}: {error}", channel.name);
            }
        }
    }
    println!("message {}", message.id);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

pub(crate) fn alert_keygen(out: &Path, ed25519: bool) -> anyhow::Result<()> {
    let mut secret = zeroize::Zeroizing::new([0u8; 32]);
    getrandom::fill(secret.as_mut_slice()).context("no randomness")?;
    let kind = if ed25519 { "whsk_" } else { "whsec_" };
    let text = plainsight_specs::codec::to_base64(secret.as_slice());
    let text = zeroize::Zeroizing::new(format!("{kind}{text}\n"));
    plainsight_auditor::config::write_secret(out, text.as_bytes())?;
    match WebhookKey::parse(text.trim())?.public() {
        Some(public) => println!("{public}"),
        None => println!(
            "a shared secret was written to {}; give it to the receiver over a safe way",
            out.display()
        ),
    }
    Ok(())
}
