//! `/about`: who this auditor is, what it does, what it does not, and how to check it.

use askama::Template;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Digest, Frame, Nav};
use crate::http::{MEANING, Site};

/// The page.
#[derive(Debug, Template, Serialize)]
#[template(path = "about.html")]
pub(super) struct About {
    #[serde(rename = "page")]
    frame: Frame,
    /// What its cosignature states.
    states: &'static str,
    /// The key of its cosignatures.
    vkey: Digest,
    /// The key of its answers to watches.
    watch_vkey: Digest,
    /// Whom to write to.
    contact: Option<String>,
    /// Where it is reached.
    url: Option<String>,
    /// The key and address of the first log, for the command that audits it.
    first: Option<(String, String)>,
}

/// Draws it.
pub(super) async fn draw(site: Site, asked: Asked) -> Result<About, PageError> {
    let desk = site.desks.values().next();
    Ok(About {
        frame: frame(&site, &asked, "About", Nav::About).await?,
        states: MEANING,
        vkey: Digest::key(&site.vkey),
        watch_vkey: Digest::key(&site.watch_vkey),
        contact: site.contact.clone(),
        url: site.sender.url.clone(),
        first: desk.map(|desk| (desk.log.key.to_string(), desk.log.url.to_string())),
    })
}
