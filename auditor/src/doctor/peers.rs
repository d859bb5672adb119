//! The other auditors: whether each is reached, is who it should be, has our time, and shows the history
//! that is held here.

use plainsight_client::http::{BaseUrl, Http};
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::merkle::TreeSize;
use serde_json::Value;

use super::PATIENCE;
use super::reach::compare_clocks;
use super::{Line, fail, ok, warn};
use crate::clock::{self, ask::date_of};
use crate::config::{Config, FollowedLog};
use crate::mirror::{Mirror, MirrorError};
use crate::peers::Peer;
use crate::store::Store;

/// Bound of a peer's page about itself.
const MAX_ABOUT: usize = 1 << 20;
/// A cosignature dated ahead of our clock by more than this, in seconds, is worth a warning.
const AHEAD_S: u64 = 60;

const OTHER_KEY: &str = "Ask its operator over another way than this address which key is the right one. \
                         Never copy a key from the address that is in doubt.";

/// Looks at every peer.
pub(super) async fn look(http: &Http, config: &Config) -> Vec<Line> {
    if config.peers.is_empty() {
        return vec![warn(
            "peers: none is asked",
            "A log that shows this auditor another history than the others is noticed by comparing: \
             `plainsight-auditor add-peer`.",
        )];
    }
    // What is not held cannot be compared; whether the database is well is another line's.
    let store = if config.database().is_there() {
        Store::open(&config.database()).await.ok()
    } else {
        None
    };
    let mut lines = Vec::new();
    for peer in &config.peers {
        lines.extend(one(http, config, peer, store.as_ref()).await);
    }
    if let Some(store) = store {
        store.close().await;
    }
    lines
}

async fn one(http: &Http, config: &Config, peer: &Peer, store: Option<&Store>) -> Vec<Line> {
    let what = format!("peer {}", peer.key.name());
    let mut lines = Vec::new();
    match http.read(&peer.url.join("v1/about"), MAX_ABOUT).await {
        Ok(page) => lines.push(who(&what, peer, &page)),
        Err(error) if error.is_not_found() => lines.push(ok(format!(
            "{what}: answers at {}; it says nothing about itself",
            peer.url
        ))),
        Err(error) => {
            return vec![fail(
                format!("{what}: {error}"),
                "Check its address in auditor.toml and this machine's network, then ask its operator.",
            )];
        }
    }
    match date_of(peer.url.as_str(), PATIENCE).await {
        Some(theirs) => lines.push(compare_clocks(&what, theirs, clock::now_s())),
        None => lines.push(warn(
            format!("clock: {what} does not say what time it is"),
            "Check this machine's clock by other means.",
        )),
    }
    for log in &config.logs {
        lines.push(head(http, peer, log, store).await);
    }
    lines
}

/// What it says of its own key. That it signs with it is seen at the heads.
fn who(what: &str, peer: &Peer, page: &[u8]) -> Line {
    let page: Option<Value> = serde_json::from_slice(page).ok();
    let said = page.as_ref().and_then(|page| page.get("vkey")?.as_str());
    match said {
        Some(said) if said == peer.key.to_string() => ok(format!(
            "{what}: answers at {} under the key that is configured",
            peer.url
        )),
        Some(_) => fail(
            format!(
                "{what}: {} says that it has another key than the one configured",
                peer.url
            ),
            OTHER_KEY,
        ),
        None => fail(
            format!(
                "{what}: what {} says about itself is no auditor's",
                peer.url
            ),
            "Check the address in auditor.toml.",
        ),
    }
}

async fn head(http: &Http, peer: &Peer, log: &FollowedLog, store: Option<&Store>) -> Line {
    let what = format!("peer {}: its head of {}", peer.key.name(), log.origin);
    let base = match BaseUrl::parse(&peer.url.join(&log.origin.origin_hash())) {
        Ok(base) => base,
        Err(error) => return fail(format!("{what}: {error}"), "Check its address."),
    };
    let note = match Source::new(http.clone(), base).checkpoint().await {
        Ok(note) => note,
        Err(error) if error.is_not_found() => {
            return warn(
                format!("{what}: there is none"),
                "Ask its operator whether it follows this log; until it does, nothing is compared.",
            );
        }
        Err(error) => {
            return fail(
                format!("{what}: {error}"),
                "Ask its operator; heads are not compared meanwhile.",
            );
        }
    };
    let signed =
        UnverifiedCheckpoint::parse(&note).and_then(|checkpoint| checkpoint.verify_log(&log.keys));
    let checkpoint = match signed {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            return fail(
                format!("{what} is not one that the log signed: {error}"),
                "Compare the log's keys in both configurations with their operator.",
            );
        }
    };
    let mut lines = checkpoint.other_lines().iter();
    let cosignature =
        lines.find_map(|line| Cosignature::verify(line, checkpoint.text(), &peer.key).ok());
    let Some(cosignature) = cosignature else {
        return fail(
            format!("{what} is not signed by the key that is configured"),
            OTHER_KEY,
        );
    };
    let ahead = cosignature.time.seconds().saturating_sub(clock::now_s());
    if ahead > AHEAD_S {
        return warn(
            format!("{what} is cosigned {ahead} s ahead of this machine's clock"),
            "Check this machine's clock, then tell its operator.",
        );
    }
    let size = checkpoint.head().size;
    match agrees(store, log, &checkpoint).await {
        Ok(Fit::Same) => ok(format!("{what}: size {size}, the same history as here")),
        Ok(Fit::Ahead(held)) => ok(format!(
            "{what}: size {size}; {held} are held here, so it is not compared yet"
        )),
        Ok(Fit::Other) => fail(
            format!("{what}: size {size}, and ANOTHER history than here: the log signed both"),
            "This is what auditors are for. Leave both running: the running auditor keeps the evidence \
             at /v1/evidence. Save both databases, and tell the other operators.",
        ),
        Err(error) => warn(
            format!("{what} cannot be held against what is held here: {error}"),
            "Look at the lines about the database; then `plainsight-auditor check`.",
        ),
    }
}

/// How a head that log and peer signed fits what is held here.
enum Fit {
    Same,
    Other,
    /// It is larger than what is held.
    Ahead(TreeSize),
}

async fn agrees(
    store: Option<&Store>,
    log: &FollowedLog,
    checkpoint: &SignedCheckpoint,
) -> Result<Fit, MirrorError> {
    let Some(store) = store else {
        return Ok(Fit::Ahead(TreeSize::ZERO));
    };
    let (head, row) = (checkpoint.head(), store.log(&log.origin, &log.keys).await?);
    let held = row.frontier.size();
    if head.size > held {
        return Ok(Fit::Ahead(held));
    }
    let mirror = Mirror {
        store: store.clone(),
        log: row.id,
    };
    Ok(if mirror.root(head.size).await? == head.root {
        Fit::Same
    } else {
        Fit::Other
    })
}
