//! A network's folders, made once and copied for each simulation: making keys and databases takes
//! longer than a simulation.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context as _, Result};
use plainsight_auditor::peers::{Peer, PeerConfig};
use plainsight_auditor::{Identity, LogConfig};
use plainsight_log_server::config::Publication;
use plainsight_log_server::objects::ObjectsAddress;
use plainsight_log_server::store::DatabaseAddress;
use plainsight_log_server::{Config, InitOptions};

use super::op::AUDITORS;

/// The origin of the simulated log.
pub(super) const ORIGIN: &str = "log.sim.example/1";

/// The name of an auditor, and of its folder.
pub(super) fn auditor(number: u8) -> String {
    format!("a{number}.sim.example")
}

fn url(number: u8) -> String {
    format!("http://a{number}.sim")
}

/// Makes the folders.
pub(super) async fn make(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let made = plainsight_log_server::init(&InitOptions {
        max_clock_skew_ms: 60_000,
        ..InitOptions::new(&dir.join("log"), ORIGIN, listen)
    })
    .await?;
    let vkey = made.vkey.to_string();
    std::fs::write(dir.join("vkey"), &vkey)?;
    let mut policy = format!("log {vkey} http://log.sim\n");
    let mut peers = Vec::new();
    for number in 0..AUDITORS {
        let name = auditor(number);
        let identity = Identity {
            name: name.clone(),
            organisation: name.clone(),
            jurisdiction: "CH".into(),
        };
        let key = plainsight_auditor::init(&dir.join(&name), &identity)?.to_string();
        writeln!(policy, "witness {name} {key} {}", url(number))?;
        peers.push(PeerConfig {
            vkey: key,
            url: url(number),
        });
    }
    let names: Vec<_> = (0..AUDITORS).map(auditor).collect();
    writeln!(
        policy,
        "group auditors 2 {}\nquorum auditors",
        names.join(" ")
    )?;
    std::fs::write(dir.join("policy"), policy)?;
    for (number, name) in names.iter().enumerate() {
        let folder = dir.join(name);
        plainsight_auditor::add_log(&folder, &LogConfig::new(&vkey, "http://log.sim"))?;
        for (_, peer) in peers.iter().enumerate().filter(|(peer, _)| *peer != number) {
            Peer::new(peer)?;
            plainsight_auditor::add_peer(&folder, peer)?;
        }
    }
    Ok(())
}

/// The log's configuration, for a copy of the folders.
pub(super) fn config(dir: &Path) -> Result<Config> {
    let log = dir.join("log");
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::in_folder(&log, ORIGIN, listen);
    config.policy = Some(dir.join("policy"));
    config.publication = Publication::default();
    let is_here = matches!(&config.database, DatabaseAddress::Sqlite(path) if path.starts_with(&log))
        && matches!(&config.objects, ObjectsAddress::Folder(path) if path.starts_with(&log));
    is_here
        .then_some(config)
        .context("a log that is not in its folder")
}
