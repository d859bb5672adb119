//! What is shown where nothing can be.

use askama::Template;
use serde::Serialize;

use super::super::asked::Asked;
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Frame, When};
use crate::clock;
use crate::http::Site;

/// A page that cannot be shown.
#[derive(Debug, Template, Serialize)]
#[template(path = "error.html")]
pub(in crate::dashboard) struct ErrorPage {
    #[serde(rename = "page")]
    frame: Frame,
    /// In one sentence.
    what: String,
    /// What it does and does not mean.
    meaning: &'static str,
    /// The page from which it was tried, if it is known.
    back: Option<String>,
    /// As HTTP says it.
    status: u16,
}

/// The page for an error.
pub(in crate::dashboard) async fn of(site: &Site, asked: &Asked, error: &PageError) -> ErrorPage {
    let (title, what, meaning) = match error {
        PageError::NotFound(what) => (
            "Not found",
            what.clone(),
            "The address may be mistyped or old. That something is not shown here proves nothing \
             about any log.",
        ),
        PageError::Refused(refusal) => ("Not done", refusal.to_string(), "Nothing was changed."),
        PageError::Store(_) | PageError::Mirror(_) => {
            tracing::error!(%error, "a page cannot be shown");
            (
                "This auditor has a problem",
                "The page cannot be made at the moment.".to_owned(),
                "It is this auditor's own problem, and says nothing about any log. Try again in a \
                 moment; its operator can read more in its log.",
            )
        }
    };
    let frame = match frame(site, asked, title, None).await {
        Ok(frame) => frame,
        Err(_) => bare(site, asked, title),
    };
    ErrorPage {
        frame,
        what,
        meaning,
        back: asked.tried_from(),
        status: error.status().as_u16(),
    }
}

/// A frame that nothing has to be read for.
fn bare(site: &Site, asked: &Asked, title: &str) -> Frame {
    let now = clock::now_s();
    Frame {
        title: title.into(),
        here: None,
        canonical: asked.canonical(),
        json: asked.json_path(),
        auditor: site.sender.name.clone(),
        organisation: site.organisation.clone(),
        jurisdiction: site.jurisdiction.clone(),
        software: concat!("plainsight-auditor/", env!("CARGO_PKG_VERSION")),
        made: When::new(now, now),
        open_alerts: 0,
        after: String::new(),
    }
}
