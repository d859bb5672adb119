//! Who this auditor is: a page for people, and the same as JSON. What it says is its own claim; whom a
//! reader believes is in the reader's own policy.

use std::fmt::Write as _;

use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::hash::sha256;
use plainsight_specs::time::Timestamp;
use serde_json::{Value, json};

use super::Site;
use super::read::answer;
use crate::desk::{Status, Verdict};

/// `GET /v1/about`.
pub(super) async fn about(Shared(site): Shared<Site>) -> Response {
    let logs: Vec<Value> = statuses(&site)
        .map(|(path, status)| {
            json!({
                "origin": status.origin,
                "size": status.signed.size.get(),
                "verdict": status.verdict.as_str(),
                "path": path,
            })
        })
        .collect();
    answer(&json!({
        "name": site.sender.name,
        "vkey": site.vkey,
        "watch_vkey": site.watch_vkey,
        "organisation": site.organisation,
        "jurisdiction": site.jurisdiction,
        "contact": site.contact,
        "url": site.sender.url,
        "software": concat!("plainsight-auditor/", env!("CARGO_PKG_VERSION")),
        "cosignature": MEANING,
        "logs": logs,
    }))
}

const MEANING: &str = "consistent with every head cosigned before, complete, replayed from the first \
                       entry, and no rule broken, or each break acknowledged in public";

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:0 auto;padding:1rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
dt{font-weight:600;margin-top:.6rem}dd{margin:0}\
code{font-size:.85rem;overflow-wrap:anywhere}\
ul{list-style:none;padding:0}\
li{border:1px solid;border-radius:.4rem;padding:.6rem .8rem;margin:.6rem 0;overflow-wrap:anywhere}\
.word{font-weight:600}";

/// `GET /`.
pub(super) async fn front(Shared(site): Shared<Site>) -> Response {
    let style = sha256(STYLE.as_bytes()).to_base64();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (StatusCode::OK, headers, page(&site)).into_response()
}

fn page(site: &Site) -> String {
    let name = escape(&site.sender.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}: Plainsight auditor</title>\n<style>{STYLE}</style>\n\
         <link rel=\"alternate\" type=\"application/atom+xml\" href=\"/alerts.atom\" title=\"Alerts\">\n\
         </head>\n<body>\n<main>\n<h1>{name}</h1>\n\
         <p>An auditor of Plainsight logs. Its cosignature on a head states: {MEANING}.</p>\n<dl>\n"
    );
    let contact = site.contact.as_deref().unwrap_or("not stated");
    for (what, text) in [
        ("Organisation", site.organisation.as_str()),
        ("Jurisdiction", &site.jurisdiction),
        ("Contact", contact),
    ] {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "<dt>{what}</dt><dd>{}</dd>", escape(text));
    }
    let _ = write!(
        page,
        "<dt>Key of its cosignatures</dt><dd><code>{}</code></dd>\n\
         <dt>Key of its answers to watches</dt><dd><code>{}</code></dd>\n</dl>\n\
         <p>This is what the auditor says about itself. Get the keys over another way before you \
         rely on them.</p>\n<h2>Logs</h2>\n",
        escape(&site.vkey),
        escape(&site.watch_vkey)
    );
    let mut any = false;
    page.push_str("<ul>\n");
    for (path, status) in statuses(site) {
        any = true;
        let _ = writeln!(
            page,
            "<li>{}<br><span class=\"word\">{}</span>: {}<br>cosigned up to {}<br>{}\
             <a href=\"/{path}/checkpoint\">newest cosigned head</a></li>",
            escape(&status.origin),
            status.verdict.as_str(),
            meaning(&status),
            status.signed.size,
            newest(&status)
        );
    }
    page.push_str("</ul>\n");
    if !any {
        page.push_str("<p>No log is followed.</p>\n");
    }
    page.push_str(
        "<h2>More</h2>\n<p><a href=\"/v1/logs\">logs</a>, <a href=\"/v1/evidence\">evidence</a>, \
         <a href=\"/v1/heads\">heads</a>, \
         <a href=\"/v1/alerts\">alerts</a> (<a href=\"/alerts.atom\">feed</a>), \
         <a href=\"/v1/about\">this page as JSON</a></p>\n</main>\n</body>\n</html>\n",
    );
    page
}

fn meaning(status: &Status) -> String {
    match (status.verdict, status.open) {
        (Verdict::Ok, _) => "its newest head is cosigned".into(),
        (Verdict::Stopped, Some(open)) => {
            format!("{}; cosigning has stopped", escape(open.rule.meaning()))
        }
        (Verdict::Stopped, None) => "this auditor may not sign".into(),
        (Verdict::Behind, _) => "it has a head that is not cosigned yet".into(),
        (Verdict::Unreachable, _) => "it cannot be read at present; that is no accusation".into(),
    }
}

fn newest(status: &Status) -> String {
    let time = status
        .epoch_ms
        .and_then(|ms| Timestamp::from_seconds(ms / 1000));
    time.map_or_else(String::new, |time| format!("newest epoch {time}<br>"))
}

fn statuses(site: &Site) -> impl Iterator<Item = (String, Status)> {
    site.desks
        .values()
        .map(|desk| (desk.log.origin.origin_hash(), desk.status.borrow().clone()))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
