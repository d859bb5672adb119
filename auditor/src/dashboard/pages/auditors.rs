//! `/auditors`: this one and those that it compares with.

use askama::Template;
use plainsight_client::trust::Auditor;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Digest, Frame, Nav, Tone, grouped};
use super::words::{head_tone, head_word};
use crate::http::Site;
use crate::peers::PeerView;

/// The page.
#[derive(Debug, Template, Serialize)]
#[template(path = "auditors.html")]
pub(super) struct Auditors {
    #[serde(rename = "page")]
    frame: Frame,
    auditors: Vec<AuditorView>,
}

/// An auditor.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AuditorView {
    name: String,
    /// Whether it is this one.
    is_own: bool,
    organisation: Option<String>,
    jurisdiction: Option<String>,
    vkey: Digest,
    url: Option<String>,
    logs: Vec<OfLog>,
}

/// What it says of a log.
#[derive(Debug, Clone, Serialize)]
pub(super) struct OfLog {
    log: String,
    path: String,
    badge: Badge,
    size: Option<u64>,
}

impl OfLog {
    /// The size for people.
    fn entries(&self) -> String {
        self.size.map_or_else(String::new, grouped)
    }
}

/// Draws it.
pub(super) async fn draw(site: Site, asked: Asked) -> Result<Auditors, PageError> {
    let frame = frame(&site, &asked, "Auditors", Nav::Auditors).await?;
    let own = AuditorView {
        name: site.sender.name.clone(),
        is_own: true,
        organisation: Some(site.organisation.clone()),
        jurisdiction: Some(site.jurisdiction.clone()),
        vkey: Digest::key(&site.vkey),
        url: site.sender.url.clone(),
        logs: own_logs(&site),
    };
    let mut auditors = vec![own];
    for desk in site.desks.values() {
        let (peers, open) = {
            let status = desk.status.borrow();
            (status.peers.clone(), status.open)
        };
        for view in &peers {
            let vkey = view.peer.key.to_string();
            let of_log = OfLog {
                log: desk.log.origin.to_string(),
                path: super::cell_path(desk, &view.peer),
                badge: match (head_tone(view.verdict), open) {
                    // That it fits says nothing good of a log that broke a rule.
                    (Tone::Good, Some(_)) => Badge::new(Tone::Quiet, "Log broke a rule"),
                    (tone, _) => Badge::new(tone, head_word(view.verdict)),
                },
                size: view.shown.as_ref().map(|shown| shown.head.size.get()),
            };
            let mut known = auditors.iter_mut();
            match known.find(|auditor| auditor.vkey.text == vkey) {
                Some(auditor) => auditor.logs.push(of_log),
                None => auditors.push(of_peer(&site, view, vkey, of_log)),
            }
        }
    }
    Ok(Auditors { frame, auditors })
}

fn own_logs(site: &Site) -> Vec<OfLog> {
    let desks = site.desks.values();
    desks
        .map(|desk| {
            let status = desk.status.borrow();
            let verdict = super::verdict_of(&status);
            OfLog {
                log: status.origin.clone(),
                path: super::log_path(desk),
                badge: Badge::new(verdict.tone, verdict.word),
                size: Some(status.signed.size.get()),
            }
        })
        .collect()
}

fn of_peer(site: &Site, view: &PeerView, vkey: String, of_log: OfLog) -> AuditorView {
    let noted = noted(site, view);
    AuditorView {
        name: view.peer.key.name().to_string(),
        is_own: false,
        organisation: noted.and_then(|noted| noted.organisation.clone()),
        jurisdiction: noted.and_then(|noted| noted.jurisdiction.clone()),
        vkey: Digest::key(vkey),
        url: Some(view.peer.url.to_string()),
        logs: vec![of_log],
    }
}

/// What the operator of this auditor noted about another, beside the policy.
fn noted<'s>(site: &'s Site, view: &PeerView) -> Option<&'s Auditor> {
    let trust = site.dashboard.trust.as_ref()?;
    let mut witnesses = trust.policy().witnesses().iter();
    let witness = witnesses.find(|witness| witness.key == view.peer.key)?;
    trust.note(witness)
}
