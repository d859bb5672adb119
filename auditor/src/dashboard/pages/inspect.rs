//! `/verify`, `/lookup` and `/me`: pages whose work is done in the browser. This node gives them its
//! keys and a policy, and learns nothing of what is checked, looked up or listed there.

use std::fmt::Write as _;

use askama::Template;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Digest, Frame, Nav, Tone};
use super::words::verdict_of;
use crate::http::Site;

/// What a browser verifies with. It is this node's word.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Keyring {
    /// The logs that are followed here.
    logs: Vec<LogKeys>,
    /// This auditor.
    auditor: AuditorKeys,
    /// A policy in the form of the chapter `policy`.
    policy: String,
    /// Whether the operator configured it.
    is_own_policy: bool,
}

/// A log, by its keys.
#[derive(Debug, Clone, Serialize)]
struct LogKeys {
    origin: String,
    /// Its name in the addresses of this node.
    hash: String,
    url: String,
    vkeys: Vec<String>,
    /// What is wrong with it, if it broke a rule.
    broke: Option<String>,
}

impl LogKeys {
    fn shown(&self) -> Vec<Digest> {
        self.vkeys.iter().map(Digest::new).collect()
    }
}

/// This auditor, by its keys.
#[derive(Debug, Clone, Serialize)]
struct AuditorKeys {
    name: String,
    vkey: String,
    watch_vkey: String,
}

impl AuditorKeys {
    fn key(&self) -> Digest {
        Digest::new(&self.vkey)
    }

    fn watch_key(&self) -> Digest {
        Digest::new(&self.watch_vkey)
    }
}

impl Keyring {
    fn of(site: &Site) -> Self {
        let logs = site.desks.values().map(|desk| LogKeys {
            origin: desk.log.origin.to_string(),
            hash: desk.log.origin.origin_hash(),
            url: desk.log.url.to_string(),
            vkeys: desk.log.keys.iter().map(ToString::to_string).collect(),
            broke: Some(verdict_of(&desk.status.borrow()))
                .filter(|verdict| verdict.tone == Tone::Bad)
                .map(|verdict| verdict.sentence),
        });
        let logs: Vec<_> = logs.collect();
        let configured = site.dashboard.trust.as_ref();
        let policy = configured.map_or_else(
            || majority(&logs, &site.vkey, &peers(site)),
            |trust| trust.policy().text().to_owned(),
        );
        Self {
            logs,
            auditor: AuditorKeys {
                name: site.sender.name.clone(),
                vkey: site.vkey.clone(),
                watch_vkey: site.watch_vkey.clone(),
            },
            policy,
            is_own_policy: configured.is_some(),
        }
    }
}

/// The keys of the auditors that this one compares itself with, each once.
fn peers(site: &Site) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for desk in site.desks.values() {
        for view in &desk.status.borrow().peers {
            let key = view.peer.key.to_string();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

/// The group of that policy.
const GROUP: &str = "majority";

/// A policy that asks for more than half of these auditors.
fn majority(logs: &[LogKeys], own: &str, peers: &[String]) -> String {
    let mut policy = String::new();
    for log in logs {
        for key in &log.vkeys {
            // Writing to a String cannot fail.
            let _ = writeln!(policy, "log {key} {}", log.url);
        }
    }
    let mut names: Vec<String> = Vec::new();
    for key in std::iter::once(own).chain(peers.iter().map(String::as_str)) {
        let own_name = key.split('+').next().unwrap_or_default();
        let is_taken = names.iter().any(|name| name == own_name);
        let name = if is_taken || ["none", GROUP].contains(&own_name) {
            format!("auditor-{}", names.len() + 1)
        } else {
            own_name.to_owned()
        };
        let _ = writeln!(policy, "witness {name} {key}");
        names.push(name);
    }
    let quorum = names.len() / 2 + 1;
    let names = names.join(" ");
    let _ = write!(policy, "group {GROUP} {quorum} {names}\nquorum {GROUP}\n");
    policy
}

/// `/verify`.
#[derive(Debug, Template, Serialize)]
#[template(path = "verify.html")]
pub(super) struct Verify {
    #[serde(rename = "page")]
    frame: Frame,
    #[serde(flatten)]
    keyring: Keyring,
}

/// Draws it.
pub(super) async fn verify(site: Site, asked: Asked) -> Result<Verify, PageError> {
    Ok(Verify {
        frame: frame(&site, &asked, "Verify a file", Nav::Verify).await?,
        keyring: Keyring::of(&site),
    })
}

/// `/lookup`.
#[derive(Debug, Template, Serialize)]
#[template(path = "lookup.html")]
pub(super) struct Lookup {
    #[serde(rename = "page")]
    frame: Frame,
    #[serde(flatten)]
    keyring: Keyring,
}

/// Draws it.
pub(super) async fn lookup(site: Site, asked: Asked) -> Result<Lookup, PageError> {
    Ok(Lookup {
        frame: frame(&site, &asked, "Look up somebody's keys", Nav::Lookup).await?,
        keyring: Keyring::of(&site),
    })
}

/// `/me`.
#[derive(Debug, Template, Serialize)]
#[template(path = "me.html")]
pub(super) struct Me {
    #[serde(rename = "page")]
    frame: Frame,
    #[serde(flatten)]
    keyring: Keyring,
}

/// Draws it.
pub(super) async fn me(site: Site, asked: Asked) -> Result<Me, PageError> {
    Ok(Me {
        frame: frame(&site, &asked, "Me and my contacts", Nav::Me).await?,
        keyring: Keyring::of(&site),
    })
}

#[cfg(test)]
mod tests {
    use plainsight_specs::ed25519::SecretKey;
    use plainsight_specs::note::{Algorithm, KeyName, Signer};
    use plainsight_specs::policy::Policy;

    use super::*;

    fn vkey(name: &str, seed: u8, algorithm: Algorithm) -> String {
        let key = SecretKey::from_seed(&[seed; 32]);
        let name = KeyName::parse(name).unwrap();
        let signer = Signer::new(name, algorithm, key).unwrap();
        signer.verifier_key().to_string()
    }

    #[test]
    fn the_policy_of_a_page_is_one() {
        let logs = [LogKeys {
            origin: "log.example".into(),
            hash: String::new(),
            url: "https://log.example/".into(),
            vkeys: vec![vkey("log.example", 1, Algorithm::Ed25519)],
            broke: None,
        }];
        let own = vkey("a.example", 2, Algorithm::CosignatureV1);
        let peers = [3, 4].map(|seed| vkey("b.example", seed, Algorithm::CosignatureV1));
        let policy = Policy::parse(&majority(&logs, &own, &peers)).unwrap();
        assert!(policy.satisfied(|name| name != "a.example"));
        assert!(!policy.satisfied(|name| name == "auditor-3"));
        assert!(Policy::parse(&majority(&logs, &own, &[])).is_ok());
    }
}
