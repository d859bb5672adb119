//! `/evidence/<id>`: what a file proves, about whom, and what it does not show.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use plainsight_specs::evidence::{Evidence, Proof};
use plainsight_specs::hash::Hash;
use serde::Serialize;
use tokio::sync::Mutex;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Digest, Frame, Nav, Tone, When, grouped};
use super::advice;
use super::logs::HeadView;
use super::overview::subject;
use super::words::capital;
use crate::clock;
use crate::http::Site;

/// Files whose verdict is remembered.
const REMEMBERED: usize = 64;

/// What was found in the files that somebody asked for. Files do not change; one is verified at a
/// time, since it may take long, and nobody can make it be done twice.
#[derive(Debug, Default)]
pub(in crate::dashboard) struct Findings(Mutex<BTreeMap<Hash, Arc<Found>>>);

/// What a file turned out to be.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Found {
    /// Bytes of the file.
    bytes: usize,
    /// The rule.
    rule: &'static str,
    /// In words.
    meaning: String,
    /// What people do who use the log.
    steps: &'static str,
    /// Who is concerned, as far as the rule says it.
    #[serde(skip)]
    concerned: &'static str,
    /// The key whose holder broke it.
    log_key: Digest,
    /// The log that the key is named after.
    log: String,
    /// Where the entry stands.
    position: Option<u64>,
    /// What is proved.
    proves: Option<String>,
    /// Why nothing is.
    proves_nothing: Option<String>,
    /// What is not shown.
    does_not_show: String,
    /// The signed heads in it.
    heads: Vec<HeadView>,
    /// What else is in it.
    holds: String,
}

impl Findings {
    async fn of(&self, id: Hash, bytes: Vec<u8>) -> Option<Arc<Found>> {
        let mut known = self.0.lock().await;
        if let Some(found) = known.get(&id) {
            return Some(found.clone());
        }
        let found = tokio::task::spawn_blocking(move || look(&bytes)).await;
        let found = Arc::new(found.ok()??);
        if known.len() >= REMEMBERED {
            known.pop_first();
        }
        known.insert(id, found.clone());
        Some(found)
    }
}

/// The checkpoint of an interval, which is a string of the file.
fn checkpoint_in(bytes: &[u8]) -> Vec<u8> {
    #[derive(serde::Deserialize)]
    struct File {
        checkpoint: String,
    }
    let file = serde_json::from_slice::<File>(bytes);
    file.map_or_else(|_| Vec::new(), |file| file.checkpoint.into_bytes())
}

fn look(bytes: &[u8]) -> Option<Found> {
    let evidence = Evidence::parse(bytes).ok()?;
    let head = |note: &[u8]| HeadView::of(note, None, 0);
    let (heads, holds) = match &evidence.proof {
        Proof::Fork { first, second } => (
            vec![head(first), head(second)],
            "two heads of the same size, both signed by the log".to_owned(),
        ),
        Proof::Extension { older, newer, .. } => (
            vec![head(older), head(newer)],
            "an older and a newer head, both signed by the log, and the proof that the newer one does \
             not contain the older one"
                .into(),
        ),
        Proof::End { checkpoint, .. } => (
            vec![head(checkpoint)],
            "a head that the log signed, and the entry that it ends with".into(),
        ),
        Proof::Interval(_) => (
            vec![head(&checkpoint_in(bytes))],
            "a head that the log signed, the entries up to the one that breaks the rule, and the proofs \
             that tie them together"
                .into(),
        ),
    };
    let finding = evidence.verify();
    Some(Found {
        bytes: bytes.len(),
        rule: evidence.rule.as_str(),
        meaning: capital(evidence.rule.meaning()),
        steps: advice::steps(evidence.rule),
        concerned: advice::concerned(evidence.rule),
        log_key: Digest::key(evidence.log_key.to_string()),
        log: evidence.log_key.name().to_string(),
        position: finding
            .as_ref()
            .ok()
            .and_then(|finding| finding.position)
            .map(plainsight_specs::merkle::LeafIndex::get),
        does_not_show: finding
            .as_ref()
            .map_or_else(|_| String::new(), |finding| finding.does_not_show.clone()),
        proves: finding.as_ref().ok().map(|finding| finding.proves.clone()),
        proves_nothing: finding.err().map(|error| error.to_string()),
        heads: heads.into_iter().flatten().collect(),
        holds,
    })
}

/// One evidence file.
#[derive(Debug, Template, Serialize)]
#[template(path = "evidence.html")]
pub(super) struct EvidencePage {
    #[serde(rename = "page")]
    frame: Frame,
    /// Who is concerned.
    whom: String,
    /// SHA-256 of the file.
    id: Digest,
    /// Where the file is.
    file: String,
    /// The command that fetches it.
    fetch: String,
    /// The command that checks it elsewhere.
    check: String,
    #[serde(flatten)]
    found: Arc<Found>,
    /// The page of the log, if it is followed here.
    log_path: Option<String>,
    /// The page of the entry.
    entry: Option<String>,
    /// When the break was seen.
    seen: Option<When>,
}

impl EvidencePage {
    /// The length for people.
    fn length(&self) -> String {
        grouped(self.found.bytes as u64)
    }
}

/// Draws it.
pub(super) async fn draw(site: Site, asked: Asked) -> Result<EvidencePage, PageError> {
    let missing = || PageError::not_found("No such evidence is kept here.");
    let id = Hash::from_hex(asked.param("id")).map_err(|_| missing())?;
    let bytes = site.shelf.read(&id).ok_or_else(missing)?;
    let found = site
        .dashboard
        .findings
        .of(id, bytes)
        .await
        .ok_or_else(missing)?;
    let hex = id.to_hex();
    let kept = site.store.break_of_evidence(&hex).await?;
    let desk = site.desk(&found.log);
    let position = found.position;
    let file = format!("/v1/evidence/{hex}");
    let about = match desk.zip(position) {
        Some((desk, position)) => subject(&site, desk, position).await?,
        None => None,
    };
    Ok(EvidencePage {
        whom: match about {
            Some(about) => format!("Everybody who uses {about}"),
            None => found.concerned.into(),
        },
        frame: frame(&site, &asked, "Evidence", Nav::Alerts).await?,
        fetch: format!("curl -o evidence.json {}{file}", asked.base(&site)),
        check: "plainsight evidence verify evidence.json".into(),
        file,
        id: Digest::new(hex),
        log_path: desk.map(super::log_path),
        entry: desk
            .zip(position)
            .map(|(desk, position)| super::entry_path(desk, position)),
        seen: kept.map(|(_, kept)| When::new(kept.seen, clock::now_s())),
        found,
    })
}
