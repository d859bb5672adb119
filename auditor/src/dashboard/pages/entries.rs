//! `/logs/<hash>/entries` and `/logs/<hash>/entries/<n>`: what a log holds, entry by entry, each with
//! the proof that it stands there.

use askama::Template;
use plainsight_specs::codec::to_base64;
use plainsight_specs::entry::{Entry, EntryKind};
use plainsight_specs::hash::leaf_hash;
use plainsight_specs::merkle::{LeafIndex, TreeSize};
use plainsight_specs::statement::Body;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Digest, Frame, Nav, Tone, When, counted, grouped};
use super::changes::{describe, place};
use super::logs::{BreakView, HeadView, found, of_genesis};
use crate::clock;
use crate::http::Site;
use crate::mirror::Mirror;
use crate::store::KeptBreak;

/// Entries of one page.
const PAGE: u64 = 50;

/// Some entries in a row.
#[derive(Debug, Template, Serialize)]
#[template(path = "entries.html")]
pub(super) struct Entries {
    #[serde(rename = "page")]
    frame: Frame,
    /// The log.
    log: String,
    /// Its page.
    log_path: String,
    /// The first position shown.
    from: u64,
    /// How many entries are held in all.
    held: u64,
    #[serde(rename = "entries")]
    lines: Vec<EntryLine>,
    /// The pages around it.
    turns: Turns,
}

/// The addresses of other pages of a list.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Turns {
    first: String,
    earlier: Option<String>,
    later: Option<String>,
    last: String,
}

/// An entry in a list.
#[derive(Debug, Clone, Serialize)]
pub(super) struct EntryLine {
    position: u64,
    path: String,
    badge: Badge,
    text: String,
}

impl Entries {
    /// In words.
    fn span(&self) -> String {
        let end = self.from.saturating_add(self.lines.len() as u64);
        format!(
            "Entries {} to {} of {}",
            grouped(self.from),
            grouped(end.saturating_sub(1)),
            grouped(self.held)
        )
    }
}

/// Draws a list.
pub(super) async fn list(site: Site, mut asked: Asked) -> Result<Entries, PageError> {
    let desk = found(&site, &asked)?;
    let held = site.store.held(desk.id).await?;
    let last = held.saturating_sub(1) / PAGE * PAGE;
    let from = asked
        .number("from")
        .unwrap_or(last)
        .min(held.saturating_sub(1));
    if asked.query("from").is_some() {
        asked.keep("from", &from.to_string());
    }
    let title = format!("Entries of {}", desk.log.origin);
    let frame = frame(&site, &asked, title, Nav::Logs).await?;
    let end = from.saturating_add(PAGE);
    let bodies = site.store.entries(desk.id, from..end).await?;
    let breaks = match (TreeSize::new(from), TreeSize::new(end)) {
        (Some(from), Some(end)) => site.store.breaks_between(desk.id, from, end).await?,
        _ => Vec::new(),
    };
    let lines = (from..).zip(&bodies).map(|(position, body)| {
        let void = breaks
            .iter()
            .any(|found| found.at == position && !found.is_about_head());
        let (badge, text) = line(body, void);
        EntryLine {
            position,
            path: super::entry_path(desk, position),
            badge,
            text,
        }
    });
    let path = super::log_path(desk);
    let at = |from: u64| format!("{path}/entries?from={from}");
    let turns = Turns {
        first: at(0),
        earlier: (from > 0).then(|| at(from.saturating_sub(PAGE))),
        later: (end < held).then(|| at(end)),
        last: at(last),
    };
    Ok(Entries {
        frame,
        turns,
        log: desk.log.origin.to_string(),
        log_path: path,
        from,
        held,
        lines: lines.collect(),
    })
}

/// An entry in one line.
fn line(body: &[u8], void: bool) -> (Badge, String) {
    let entry = match Entry::parse(body) {
        Ok(entry) => entry,
        Err(error) => return (Badge::new(Tone::Bad, "Malformed"), error.to_string()),
    };
    let (badge, text) = match &entry {
        Entry::Genesis(_) => (
            Badge::new(Tone::Quiet, "Genesis"),
            "the terms of this log".to_owned(),
        ),
        Entry::Epoch(epoch) => (
            Badge::new(Tone::Quiet, "Epoch"),
            format!(
                "{}, at {}",
                counted(epoch.index_size, "index", "indexes"),
                When::new(epoch.time_ms / 1000, 0).utc
            ),
        ),
        Entry::Key(key) => (
            Badge::new(Tone::Quiet, "Keys"),
            format!("somebody's keys, at index {}…", short(&key.index.to_hex())),
        ),
        _ => describe(&entry).unwrap_or((Badge::new(Tone::Quiet, "Statement"), String::new())),
    };
    if void {
        (
            Badge::new(Tone::Bad, "Void"),
            format!("breaks a rule: {text}"),
        )
    } else {
        (badge, text)
    }
}

fn short(hex: &str) -> &str {
    hex.get(..12).unwrap_or(hex)
}

/// One entry.
#[derive(Debug, Template, Serialize)]
#[template(path = "entry.html")]
pub(super) struct EntryPage {
    #[serde(rename = "page")]
    frame: Frame,
    /// The log.
    log: String,
    /// Its page.
    log_path: String,
    /// Where the entry stands.
    position: u64,
    /// What kind of entry.
    badge: Badge,
    /// What it says, in one line.
    text: String,
    /// What it means.
    meaning: &'static str,
    /// What it states, one by one.
    facts: Vec<Fact>,
    /// The rules that it breaks.
    breaks: Vec<BreakView>,
    /// When it was logged at the latest.
    logged: Option<When>,
    /// The hash of the leaf.
    leaf: Digest,
    /// The entry's bytes, base64.
    entry: String,
    /// What a statement's signatures are over.
    payload: Option<String>,
    /// That it stands there.
    proof: Option<InclusionView>,
}

/// Something that an entry states.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Fact {
    name: &'static str,
    #[serde(flatten)]
    value: Value,
}

/// A text, or a text that is compared and copied.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Value {
    Text(String),
    Digest(Digest),
}

/// An inclusion proof.
#[derive(Debug, Clone, Serialize)]
pub(super) struct InclusionView {
    /// The head.
    head: HeadView,
    /// The hashes, from the leaf upwards.
    hashes: Vec<Digest>,
}

/// Draws an entry.
pub(super) async fn one(site: Site, asked: Asked) -> Result<EntryPage, PageError> {
    let desk = found(&site, &asked)?;
    let now = clock::now_s();
    let missing = || PageError::not_found("No such entry is held here.");
    let position: u64 = asked.param("position").parse().map_err(|_| missing())?;
    let index = LeafIndex::new(position).ok_or_else(missing)?;
    let end = position.saturating_add(1);
    let held = site.store.entries(desk.id, position..end).await?;
    let body = held.into_iter().next().ok_or_else(missing)?;
    let title = format!("Entry {} of {}", grouped(position), desk.log.origin);
    let frame = frame(&site, &asked, title, Nav::Logs).await?;
    let broken = site.store.breaks_at(desk.id, position).await?;
    let broken: Vec<KeptBreak> = broken
        .into_iter()
        .filter(|kept| !kept.found.is_about_head())
        .collect();
    let row = site.store.log(&desk.log.origin, &desk.log.keys).await?;
    let mut proof = None;
    if let (true, Some(note)) = (row.signed.size.get() > position, &row.signed_note) {
        let mirror = Mirror {
            store: site.store.clone(),
            log: desk.id,
        };
        let included = mirror.included(index, row.signed.size).await?;
        proof = HeadView::of(note, row.signed_time, now).map(|head| InclusionView {
            head,
            hashes: included.inclusion.iter().map(Digest::hash).collect(),
        });
    }
    let (badge, text) = line(&body, !broken.is_empty());
    let parsed = Entry::parse(&body).ok();
    let logged = site.store.logged_at(desk.id, position).await?;
    Ok(EntryPage {
        frame,
        log: desk.log.origin.to_string(),
        log_path: super::log_path(desk),
        position,
        badge,
        text,
        meaning: meaning(parsed.as_ref()),
        facts: parsed.as_ref().map(facts).unwrap_or_default(),
        payload: parsed.as_ref().and_then(payload),
        breaks: broken.iter().map(|kept| BreakView::of(kept, now)).collect(),
        logged: logged.map(|ms| When::new(ms / 1000, now)),
        leaf: Digest::hash(&leaf_hash(&body)),
        entry: to_base64(&body),
        proof,
    })
}

fn meaning(entry: Option<&Entry>) -> &'static str {
    match entry.map(Entry::kind) {
        None => {
            "These bytes are none of the protocol's entries. A log that keeps the rules holds none."
        }
        Some(EntryKind::Genesis) => {
            "The first entry of the log: its name, the keys of those who may publish, and its promises. \
             It holds for the log's whole life."
        }
        Some(EntryKind::Epoch) => {
            "The log's summary of everything before it. Whoever looks somebody up is given a proof \
             against it; auditors compute it anew and compare."
        }
        Some(EntryKind::Key) => {
            "One version of somebody's keys. Whose, and which, cannot be read here: only who knows the \
             name is shown it, together with the proof that it is this entry."
        }
        Some(EntryKind::Statement) => {
            "A public statement, signed by the publisher. Its place in its stream is fixed: none can \
             be left out, and none exchanged."
        }
        Some(EntryKind::Close) => {
            "The log ends here. What follows is in the log that it names, under the keys that it names."
        }
    }
}

fn facts(entry: &Entry) -> Vec<Fact> {
    let text = |name, text: String| Fact {
        name,
        value: Value::Text(text),
    };
    let digest = |name, digest| Fact {
        name,
        value: Value::Digest(digest),
    };
    match entry {
        Entry::Genesis(genesis) => {
            let terms = of_genesis(genesis);
            let mut facts = vec![
                text("Origin", genesis.origin().to_string()),
                text("An epoch at least every", terms.heartbeat),
                text("Clock ahead by at most", format!("{} ms", terms.skew_ms)),
                digest("Key that hides who is in it", terms.vrf_key),
            ];
            facts.extend(
                terms
                    .predecessor
                    .map(|before| text("Continues the log", before)),
            );
            facts
        }
        Entry::Epoch(epoch) => vec![
            text("Time", When::new(epoch.time_ms / 1000, 0).utc),
            text("Indexes in the tree", grouped(epoch.index_size)),
            digest("Root of the tree", Digest::hash(&epoch.index_root)),
        ],
        Entry::Key(key) => vec![
            digest("Index", Digest::new(key.index.to_hex())),
            digest("Commitment to the keys", Digest::hash(&key.commitment)),
        ],
        Entry::Close(close) => vec![
            text("Next log", close.log().origin().to_string()),
            digest("Its key", Digest::key(close.log().key().to_string())),
        ],
        Entry::Statement(entry) => {
            let statement = entry.statement();
            let mut facts = vec![
                text("Kind", statement.kind().as_str().into()),
                text("Place in its stream", statement.seq().to_string()),
            ];
            match statement.body() {
                Body::Release(release) => {
                    facts.extend([
                        text("Product", release.product.purl.to_string()),
                        text("Version", release.version.to_string()),
                        text("For", release.audience.to_string()),
                        text(
                            "Published, as the publisher says",
                            release.published.to_string(),
                        ),
                    ]);
                    facts.extend(
                        release
                            .artifacts
                            .iter()
                            .map(|file| digest("SHA-256 of a file", Digest::hash(&file.digest))),
                    );
                }
                Body::Yank(yank) => facts.extend([
                    text("Product", yank.product.purl.to_string()),
                    text("Version taken back", yank.version.to_string()),
                    text("Reason", yank.reason.to_string()),
                ]),
                Body::Protection(protection) => facts.extend([
                    text("Feature", protection.feature.to_string()),
                    text("Where", place(protection.place.as_str())),
                    text("State", protection.state.to_string()),
                    text("From", protection.effective.to_string()),
                    digest("SHA-256 of the wording", Digest::hash(&protection.wording)),
                ]),
                Body::Canary(canary) => facts.extend([
                    text("Canary", canary.name.to_string()),
                    text("Valid until", canary.valid_until.to_string()),
                    digest("SHA-256 of the text", Digest::hash(&canary.text)),
                ]),
                Body::PublisherKeys(keys) => facts.extend([
                    text("Role", keys.role.as_str().into()),
                    text("Signatures needed", keys.keys.threshold().to_string()),
                ]),
            }
            facts
        }
    }
}

fn payload(entry: &Entry) -> Option<String> {
    let bytes = match entry {
        Entry::Statement(entry) => entry.statement().envelope().payload().to_vec(),
        Entry::Genesis(genesis) => genesis.to_bytes().split_off(1),
        Entry::Close(close) => close.to_bytes().split_off(1),
        Entry::Epoch(_) | Entry::Key(_) => return None,
    };
    let json: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    serde_json::to_string_pretty(&json).ok()
}
