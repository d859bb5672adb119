//! `/heads` and `/heads/<hash>/<auditor>`: whether everybody is shown the same.

use askama::Template;
use plainsight_specs::merkle::TreeSize;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Digest, Frame, Nav, Tone, When, grouped};
use super::logs::{HeadView, found};
use super::words::{LogVerdict, capital, head_meaning, head_tone, head_word, verdict_of};
use crate::clock;
use crate::desk::{Handle, Status};
use crate::http::Site;
use crate::mirror::Mirror;
use crate::peers::{HeadVerdict, ShownHead};

/// The matrix.
#[derive(Debug, Template, Serialize)]
#[template(path = "heads.html")]
pub(super) struct Heads {
    #[serde(rename = "page")]
    frame: Frame,
    logs: Vec<LogHeads>,
}

/// What is shown of one log, by whom.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LogHeads {
    /// The log.
    origin: String,
    /// Its page.
    path: String,
    /// How many entries this auditor holds and replayed.
    own: u64,
    /// All of it in a word.
    agreement: Badge,
    /// The page of the log's break, if it broke a rule.
    broke: Option<LogVerdict>,
    /// What each other auditor shows.
    rows: Vec<Row>,
    /// What readers were shown and nobody could explain yet.
    readers: Vec<Row>,
}

/// What somebody shows.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    /// Who.
    name: String,
    /// How it fits.
    verdict: Badge,
    /// How many entries its newest head covers.
    size: Option<u64>,
    /// When it was compared.
    compared: Option<When>,
    /// For people.
    detail: String,
    /// The page with both heads.
    path: String,
}

impl LogHeads {
    /// The own size for people.
    fn entries(&self) -> String {
        grouped(self.own)
    }
}

impl Row {
    /// The size for people.
    fn entries(&self) -> String {
        self.size.map_or_else(String::new, grouped)
    }
}

fn badge(verdict: HeadVerdict) -> Badge {
    Badge::new(head_tone(verdict), head_word(verdict))
}

/// Draws the matrix.
pub(super) async fn list(site: Site, asked: Asked) -> Result<Heads, PageError> {
    let now = clock::now_s();
    let frame = frame(&site, &asked, "Heads", Nav::Heads).await?;
    let mut logs = Vec::new();
    for desk in site.desks.values() {
        let status = desk.status.borrow().clone();
        let kept = site.store.shown(desk.id).await?;
        let readers = kept.iter().filter(|shown| shown.source.is_empty());
        logs.push(LogHeads {
            path: super::log_path(desk),
            own: status.mirrored.size.get(),
            agreement: super::overview::agreement(&status),
            broke: Some(verdict_of(&status)).filter(|verdict| verdict.tone == Tone::Bad),
            rows: rows(desk, &status, now),
            readers: readers
                .map(|shown| Row {
                    name: "A reader".into(),
                    verdict: badge(shown.verdict),
                    size: Some(shown.head.size.get()),
                    compared: Some(When::new(shown.time, now)),
                    detail: capital(&shown.detail),
                    path: reader_path(desk, shown),
                })
                .collect(),
            origin: status.origin,
        });
    }
    logs.sort_by_key(|log| log.broke.is_none());
    Ok(Heads { frame, logs })
}

fn rows(desk: &Handle, status: &Status, now: u64) -> Vec<Row> {
    let peers = status.peers.iter();
    peers
        .map(|view| Row {
            name: view.peer.key.name().to_string(),
            verdict: match (badge(view.verdict), status.open) {
                // That two were shown the same says nothing good of a log that broke a rule.
                (same, Some(_)) if same.tone == Tone::Good => Badge::new(Tone::Quiet, same.word),
                (badge, _) => badge,
            },
            size: view.shown.as_ref().map(|shown| shown.head.size.get()),
            compared: view.shown.as_ref().map(|shown| When::new(shown.time, now)),
            detail: capital(&view.detail),
            path: super::cell_path(desk, &view.peer),
        })
        .collect()
}

/// A reader's head is called by its size and root.
fn reader_path(desk: &Handle, shown: &ShownHead) -> String {
    format!(
        "/heads/{}/{}",
        desk.log.origin.origin_hash(),
        reader_id(shown)
    )
}

fn reader_id(shown: &ShownHead) -> String {
    let root: String = shown.head.root.to_hex().chars().take(16).collect();
    format!("reader-{}-{root}", shown.head.size.get())
}

/// What somebody shows, beside what is held here.
#[derive(Debug, Template, Serialize)]
#[template(path = "head.html")]
pub(super) struct HeadPage {
    #[serde(rename = "page")]
    frame: Frame,
    /// The log.
    log: String,
    /// Its page.
    log_path: String,
    /// The keys of the log's checkpoints.
    log_keys: Vec<Digest>,
    /// Who shows it.
    name: String,
    /// The key of its cosignatures, if it is an auditor.
    vkey: Option<Digest>,
    /// How it fits.
    verdict: Badge,
    /// What that means.
    meaning: &'static str,
    /// For people.
    detail: String,
    /// What it showed.
    theirs: Option<HeadView>,
    /// When it was compared.
    compared: Option<When>,
    /// What is held here.
    own: Option<HeadView>,
    /// That one extends the other.
    proof: Option<Extension>,
    /// Why that cannot be shown here.
    no_proof: Option<String>,
    /// The page of the evidence.
    evidence: Option<String>,
}

/// A consistency proof between two heads.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Extension {
    /// The smaller size.
    older: u64,
    /// The larger size.
    newer: u64,
    /// The hashes.
    hashes: Vec<Digest>,
}

/// Draws a cell.
pub(super) async fn one(site: Site, asked: Asked) -> Result<HeadPage, PageError> {
    let desk = found(&site, &asked)?;
    let now = clock::now_s();
    let who = asked.param("peer");
    let status = desk.status.borrow().clone();
    let mut peers = status.peers.iter();
    let peer = peers.find(|view| super::peer_id(&view.peer.key.to_string()) == who);
    let kept = site.store.shown(desk.id).await?;
    let (name, vkey, verdict, detail, shown) = if let Some(view) = peer {
        (
            view.peer.key.name().to_string(),
            Some(Digest::key(view.peer.key.to_string())),
            view.verdict,
            view.detail.clone(),
            view.shown.clone(),
        )
    } else {
        let mut readers = kept.iter().filter(|shown| shown.source.is_empty());
        let shown = readers.find(|shown| reader_id(shown) == who).cloned();
        let shown = shown
            .ok_or_else(|| PageError::not_found("Nobody of that name is compared with here."))?;
        let detail = shown.detail.clone();
        ("A reader".into(), None, shown.verdict, detail, Some(shown))
    };
    let row = site.store.log(&desk.log.origin, &desk.log.keys).await?;
    let proof = extension(&site, desk, &status, verdict, shown.as_ref()).await?;
    let title = format!("{name} on {}", desk.log.origin);
    let note = row.mirrored.or(row.signed_note);
    let evidence = shown.as_ref().and_then(|shown| shown.evidence.clone());
    Ok(HeadPage {
        frame: frame(&site, &asked, title, Nav::Heads).await?,
        log: desk.log.origin.to_string(),
        log_path: super::log_path(desk),
        log_keys: desk
            .log
            .keys
            .iter()
            .map(|key| Digest::key(key.to_string()))
            .collect(),
        name,
        vkey,
        verdict: badge(verdict),
        meaning: head_meaning(verdict),
        detail: capital(&detail),
        theirs: shown
            .as_ref()
            .and_then(|shown| HeadView::of(&shown.note, None, now)),
        compared: shown.as_ref().map(|shown| When::new(shown.time, now)),
        own: note.and_then(|note| HeadView::of(&note, None, now)),
        proof: proof.clone().ok(),
        no_proof: proof.err(),
        evidence: evidence.as_deref().map(super::evidence_path),
    })
}

async fn extension(
    site: &Site,
    desk: &Handle,
    status: &Status,
    verdict: HeadVerdict,
    shown: Option<&ShownHead>,
) -> Result<Result<Extension, String>, PageError> {
    let Some(shown) = shown else {
        return Ok(Err("It has shown no head of this log.".into()));
    };
    let (older, newer) = (shown.head, status.mirrored);
    if verdict == HeadVerdict::Conflict {
        return Ok(Err(
            "The two heads contradict each other, so that no proof can join them.".into(),
        ));
    }
    if older == newer {
        return Ok(Err(
            "The heads are the same, so that nothing has to be joined.".into(),
        ));
    }
    if older.size == TreeSize::ZERO || older.size > newer.size {
        return Ok(Err(
            "It is ahead of what is held here; the proof can be made once this auditor has followed."
                .into(),
        ));
    }
    let mirror = Mirror {
        store: site.store.clone(),
        log: desk.id,
    };
    if mirror.root(older.size).await? != older.root {
        return Ok(Err("What is held here does not contain it.".into()));
    }
    let hashes = mirror.consistency(older.size, newer.size).await?;
    Ok(Ok(Extension {
        older: older.size.get(),
        newer: newer.size.get(),
        hashes: hashes.iter().map(Digest::hash).collect(),
    }))
}
