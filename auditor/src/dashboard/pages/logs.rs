//! `/logs` and `/logs/<hash>`: how far a log is verified, how it grew, which heads were cosigned.

use std::collections::BTreeMap;

use askama::Template;
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::entry::{Entry, Genesis};
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Digest, Frame, Nav, Tone, When, counted, grouped, span};
use super::history::{self, Chart};
use super::log_form::{Field, LogForm};
use super::overview::{LogCard, card, cards, subject};
use crate::clock;
use crate::desk::{Handle, Verdict};
use crate::http::Site;
use crate::store::KeptBreak;

/// Heads that the page of a log names.
const HEADS: u32 = 20;
/// Broken rules that it names.
const BREAKS: u32 = 50;

/// All logs.
#[derive(Debug, Template, Serialize)]
#[template(path = "logs.html")]
pub(in crate::dashboard) struct LogsPage {
    #[serde(rename = "page")]
    frame: Frame,
    logs: Vec<LogCard>,
    #[serde(skip)]
    form: LogForm,
}

/// Draws the list.
pub(super) async fn list(site: Site, asked: Asked) -> Result<LogsPage, PageError> {
    let form = LogForm::empty(&site);
    with(site, asked, form).await
}

/// Draws it with a form that somebody has sent.
pub(in crate::dashboard) async fn with(
    site: Site,
    asked: Asked,
    form: LogForm,
) -> Result<LogsPage, PageError> {
    let now = clock::now_s();
    Ok(LogsPage {
        form,
        frame: frame(&site, &asked, "Logs", Nav::Logs).await?,
        logs: cards(&site, now),
    })
}

/// One log.
#[derive(Debug, Template, Serialize)]
#[template(path = "log.html")]
pub(super) struct LogPage {
    #[serde(rename = "page")]
    frame: Frame,
    #[serde(flatten)]
    card: LogCard,
    /// Where it is read.
    url: String,
    /// The keys of its checkpoints.
    vkeys: Vec<Digest>,
    /// How far everything is.
    progress: Progress,
    /// The head that this auditor vouches for.
    head: Option<HeadView>,
    /// What the genesis states.
    terms: Option<Terms>,
    /// The rules that it broke.
    breaks: Vec<BreakView>,
    /// What it and its auditing did over time.
    charts: Vec<Chart>,
    /// The heads cosigned lately, the newest first.
    history: Vec<HeadView>,
    /// How many statements of each kind there are.
    kinds: BTreeMap<String, u64>,
    /// This auditor's mirror of it.
    mirror: String,
}

/// How far everything is, in entries.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Progress {
    /// What the log signed, as far as was seen.
    pub(super) published: u64,
    /// What is downloaded and replayed.
    pub(super) verified: u64,
    /// What is cosigned.
    pub(super) cosigned: u64,
    /// Whether this auditor has stopped, so that nothing of it will be.
    pub(super) has_stopped: bool,
}

impl Progress {
    /// How many entries wait.
    pub(super) fn backlog(&self) -> u64 {
        self.published.saturating_sub(self.cosigned)
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        match self.backlog() {
            0 => "Nothing waits.".into(),
            some if self.has_stopped => format!(
                "{} not vouched for: this auditor has stopped.",
                counted(some, "entry is", "entries are")
            ),
            some => format!(
                "{} to be checked.",
                counted(some, "entry waits", "entries wait")
            ),
        }
    }

    /// What is verified, as the width of a bar of 300.
    pub(super) fn verified_width(&self) -> u64 {
        self.width(self.verified)
    }

    /// What is cosigned, in the same way.
    pub(super) fn cosigned_width(&self) -> u64 {
        self.width(self.cosigned)
    }

    fn width(&self, of: u64) -> u64 {
        let width = of.saturating_mul(300).checked_div(self.published);
        width.unwrap_or(0).min(300)
    }

    /// The three numbers for people.
    pub(super) fn numbers(&self) -> [String; 3] {
        [self.published, self.verified, self.cosigned].map(grouped)
    }
}

/// A signed head.
#[derive(Debug, Clone, Serialize)]
pub(super) struct HeadView {
    /// How many entries it covers.
    pub(super) size: u64,
    /// Its root.
    pub(super) root: Digest,
    /// When this auditor cosigned it.
    pub(super) cosigned: Option<When>,
    /// How many signatures of others, cosignatures included, are on the note.
    pub(super) lines: usize,
    /// The note.
    pub(super) note: String,
}

impl HeadView {
    /// Of a kept note.
    pub(super) fn of(note: &[u8], time: Option<u64>, now: u64) -> Option<Self> {
        let checkpoint = UnverifiedCheckpoint::parse(note).ok()?;
        let head = checkpoint.head();
        let text = String::from_utf8(note.to_vec()).ok()?;
        Some(Self {
            size: head.size.get(),
            root: Digest::hash(&head.root),
            cosigned: time.map(|time| When::new(time, now)),
            lines: text
                .lines()
                .filter(|line| line.starts_with('\u{2014}'))
                .count(),
            note: text,
        })
    }

    /// The size for people.
    pub(super) fn entries(&self) -> String {
        grouped(self.size)
    }
}

/// What a log promised at its beginning.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Terms {
    /// The longest time between two epochs.
    pub(super) heartbeat: String,
    /// How far its clock may be ahead.
    pub(super) skew_ms: u64,
    /// The key that hides who is in it.
    pub(super) vrf_key: Digest,
    /// The log before it.
    pub(super) predecessor: Option<String>,
}

/// A rule that a log broke.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BreakView {
    /// Its id.
    pub(super) rule: &'static str,
    /// In words.
    pub(super) meaning: String,
    /// The position of the entry, or the size of the head.
    pub(super) at: u64,
    /// Whether it is about a head.
    pub(super) is_about_head: bool,
    /// When it was seen.
    pub(super) seen: When,
    /// The page of the evidence.
    pub(super) evidence: Option<String>,
    /// What the entry is about, where that can be said.
    pub(super) concerns: Option<String>,
    /// Why there is none.
    pub(super) unproven: Option<String>,
    /// Why the operator goes on.
    pub(super) reason: Option<String>,
    /// Whether an operator may go on at all.
    pub(super) can_be_acknowledged: bool,
}

impl BreakView {
    /// Of a kept break.
    pub(super) fn of(kept: &KeptBreak, now: u64) -> Self {
        Self {
            rule: kept.found.rule.as_str(),
            meaning: super::words::capital(kept.found.rule.meaning()),
            at: kept.found.at,
            is_about_head: kept.found.is_about_head(),
            seen: When::new(kept.seen, now),
            evidence: kept.evidence.as_deref().map(super::evidence_path),
            concerns: None,
            unproven: kept.unproven.clone(),
            reason: kept.reason.clone(),
            can_be_acknowledged: kept.found.can_be_acknowledged(),
        }
    }

    /// How to take it.
    pub(super) fn badge(&self) -> Badge {
        if self.reason.is_some() {
            Badge::new(Tone::Warn, "Acknowledged")
        } else {
            Badge::new(Tone::Bad, "Open")
        }
    }
}

impl LogPage {
    /// What is in it, for people.
    fn contents(&self) -> String {
        let plural = |(kind, number): (&String, &u64)| {
            let (one, many) = match kind.as_str() {
                "release" => ("release", "releases"),
                "yank" => ("release taken back", "releases taken back"),
                "protection" => ("statement on protections", "statements on protections"),
                "canary" => ("canary", "canaries"),
                "publisher-keys" => ("change of publisher's keys", "changes of publisher's keys"),
                _ => return None,
            };
            Some(counted(*number, one, many))
        };
        let kinds: Vec<String> = self.kinds.iter().filter_map(plural).collect();
        if kinds.is_empty() {
            "no public statement".into()
        } else {
            kinds.join(", ")
        }
    }
}

/// Draws a log.
pub(super) async fn one(site: Site, asked: Asked) -> Result<LogPage, PageError> {
    let desk = found(&site, &asked)?;
    let now = clock::now_s();
    let card = card(desk, now);
    let frame = frame(&site, &asked, card.origin.clone(), Nav::Logs).await?;
    let row = site.store.log(&desk.log.origin, &desk.log.keys).await?;
    let status = desk.status.borrow().clone();
    let held = row.frontier.size().get();
    let kept = site.store.breaks(desk.id, BREAKS).await?;
    let mut breaks: Vec<BreakView> = kept.iter().map(|kept| BreakView::of(kept, now)).collect();
    for broken in breaks.iter_mut().filter(|broken| !broken.is_about_head) {
        broken.concerns = subject(&site, desk, broken.at).await?;
    }
    let cosigned = site.store.cosigned(desk.id, HEADS).await?;
    let charts = history::of(&site.store, desk.id, held, now).await?;
    let signed = row.signed_note.as_deref();
    Ok(LogPage {
        frame,
        url: desk.log.url.to_string(),
        vkeys: desk
            .log
            .keys
            .iter()
            .map(|key| Digest::key(key.to_string()))
            .collect(),
        progress: Progress {
            published: status.seen.get().max(held).max(status.signed.size.get()),
            verified: held,
            cosigned: status.signed.size.get(),
            has_stopped: status.verdict == Verdict::Stopped,
        },
        head: signed.and_then(|note| HeadView::of(note, row.signed_time, now)),
        terms: terms(&site, desk).await?,
        breaks,
        charts,
        history: cosigned
            .iter()
            .filter_map(|kept| HeadView::of(&kept.note, Some(kept.time), now))
            .collect(),
        kinds: site
            .store
            .marked_kinds(desk.id)
            .await?
            .into_iter()
            .collect(),
        mirror: format!("/{}", desk.log.origin.origin_hash()),
        card,
    })
}

/// The log that a page is about.
pub(super) fn found<'s>(site: &'s Site, asked: &Asked) -> Result<&'s Handle, PageError> {
    site.desk_by_hash(asked.param("hash"))
        .ok_or_else(|| PageError::not_found("No log with this address is followed here."))
}

async fn terms(site: &Site, desk: &Handle) -> Result<Option<Terms>, PageError> {
    let first = site.store.entries(desk.id, 0..1).await?;
    let parsed = first.first().map(|entry| Entry::parse(entry));
    let Some(Ok(Entry::Genesis(genesis))) = parsed else {
        return Ok(None);
    };
    Ok(Some(of_genesis(&genesis)))
}

/// What a genesis promises.
pub(super) fn of_genesis(genesis: &Genesis) -> Terms {
    let key = plainsight_specs::codec::to_base64(genesis.vrf_key().as_bytes());
    let predecessor = genesis.predecessor();
    Terms {
        heartbeat: span(genesis.heartbeat_s()),
        skew_ms: genesis.max_clock_skew_ms(),
        vrf_key: Digest::new(key),
        predecessor: predecessor.map(|before| before.log.origin().to_string()),
    }
}
