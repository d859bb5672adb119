//! For people: what this log is, its keys, how to audit it. No script, no font, nothing from
//! elsewhere, and a policy that forbids all of it.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use plainsight_specs::codec::to_base64;
use plainsight_specs::entry::Entry;
use plainsight_specs::hash::sha256;
use plainsight_specs::policy::Policy;
use plainsight_specs::time::Timestamp;

use crate::shared::{Shared, Status};

const STYLE: &str = include_str!("page.css");

/// Nothing but this style, in nobody's frame.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = to_base64(sha256(STYLE.as_bytes()).as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// What is shown.
struct Facts {
    origin: String,
    vkey: String,
    vrf_key: String,
    size: u64,
    newest: Option<String>,
    notice: Option<&'static str>,
    auditors: Vec<(String, String)>,
}

/// What this log is and how to audit it.
#[utoipa::path(
    get, path = "/", tag = "operations",
    responses((status = 200, description = "A page for people", content_type = "text/html; charset=utf-8",
        body = String)),
)]
pub(super) async fn page(State(shared): State<Arc<Shared>>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, html(&facts(&shared))).into_response()
}

fn facts(shared: &Shared) -> Facts {
    let (mut size, mut newest) = (0, None);
    if let Some(head) = shared.view.head() {
        size = head.tree.size.get();
        if let Ok(Entry::Epoch(epoch)) = Entry::parse(&head.epoch) {
            let time = Timestamp::from_seconds(epoch.time_ms / 1_000);
            newest = time.map(|time| time.to_string());
        }
    }
    let notice = match &*shared.status.borrow() {
        Status::Writing | Status::Following(_) | Status::Reading => None,
        Status::Starting => Some("The log is starting."),
        Status::ReadOnly(_) => Some("Nothing is added to this log at present."),
    };
    let witnesses = shared.policy.iter().flat_map(Policy::witnesses);
    Facts {
        origin: shared.origin.to_string(),
        vkey: shared.vkey.to_string(),
        vrf_key: to_base64(shared.keys.vrf.public().as_bytes()),
        size,
        newest,
        notice,
        auditors: witnesses
            .map(|witness| (witness.name.clone(), witness.key.to_string()))
            .collect(),
    }
}

fn html(facts: &Facts) -> String {
    let origin = escaped(&facts.origin);
    let vkey = escaped(&facts.vkey);
    let notice = facts.notice.map_or_else(String::new, |notice| {
        format!("<p class=\"notice\">{notice}</p>\n")
    });
    let state = match (&facts.newest, facts.size) {
        (_, 0) => "Nothing is published yet.".to_owned(),
        (None, size) => format!("{size} entries are published."),
        (Some(time), size) => format!(
            "{size} entries are published. The newest checkpoint is of <time datetime=\"{time}\">{}</time>.",
            time.replace('T', " ").replace('Z', " UTC")
        ),
    };
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{origin} - a Plainsight log</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>This is a transparency log. Every key of every user, every software release and every statement
about what is protected that this provider makes is an entry here, in order. Entries are added and
never changed or taken out. You do not have to believe that: it can be checked, and the tools that
read this log do check it.</p>
{notice}<p>{state}</p>
<h2>Its keys</h2>
<dl>
<dt>Verifier key, which signs its checkpoints</dt>
<dd><code>{vkey}</code></dd>
<dt>VRF key, which hides who is in it</dt>
<dd><code>{vrf_key}</code></dd>
</dl>
<p>A page cannot vouch for itself: compare the keys with what you have from somewhere else.</p>
<h2>Who audits it</h2>
{auditors}<h2>Audit it yourself</h2>
<p>With <code>plainsight-auditor</code>, and the address of this page:</p>
<pre><code>plainsight-auditor init --dir my-auditor --name auditor.example.org \
    --organisation "Example" --jurisdiction CH
plainsight-auditor add-log --dir my-auditor --url ADDRESS \
    --vkey {vkey}
plainsight-auditor serve --dir my-auditor</code></pre>
<p>With your own program: follow <a href="checkpoint">checkpoint</a> and the tiles and entry bundles
of C2SP tlog-tiles under <code>tile/</code>, hash the entries to the checkpoint's root, and replay
each into an index of your own. Entry 0 is the <a href="v1/genesis">genesis</a>. Everything else that
can be asked is in the <a href="v1/openapi.json">document of the interface</a> (OpenAPI).</p>
<h2>What it does not show</h2>
<p>The log shows that something was published, and that everybody is shown the same. It does not show
who holds a key, nor that a device does what was published for it.</p>
</main>
</body>
</html>
"#,
        // Where a narrow window may break the line.
        title = origin.replace('/', "/<wbr>"),
        vrf_key = escaped(&facts.vrf_key),
        auditors = auditors(&facts.auditors),
    )
}

fn auditors(auditors: &[(String, String)]) -> String {
    if auditors.is_empty() {
        return "<p>Nobody whom this server knows of. Checkpoints are published with the log's own \
                signature alone.</p>\n"
            .into();
    }
    let mut list = String::from("<p>This log asks them to cosign each checkpoint.</p>\n<dl>\n");
    for (name, key) in auditors {
        // Writing to a string does not fail.
        let _ = write!(
            list,
            "<dt>{}</dt>\n<dd><code>{}</code></dd>\n",
            escaped(name),
            escaped(key)
        );
    }
    list.push_str("</dl>\n");
    list
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            origin: "log.example/1".into(),
            vkey: "log.example/1+00+AA==".into(),
            vrf_key: "AA==".into(),
            size: 300,
            newest: Some("2026-11-24T05:00:00Z".into()),
            notice: None,
            auditors: vec![("<b>auditor</b>".into(), "key\"".into())],
        }
    }

    #[test]
    fn names_are_text_whatever_is_in_them() {
        let page = html(&facts());
        assert!(page.contains("&lt;b&gt;auditor&lt;/b&gt;"));
        assert!(page.contains("key&quot;"));
        assert!(!page.contains("<b>"));
    }

    #[test]
    fn nothing_in_the_page_needs_what_its_policy_forbids() {
        let page = html(&facts());
        for forbidden in [
            "<script", " style=", " src=", "@import", "url(", "http:", "https:",
        ] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains(&format!("<style>{STYLE}</style>")));
    }

    #[test]
    fn an_empty_log_and_one_without_auditors_say_so() {
        let page = html(&Facts {
            size: 0,
            newest: None,
            auditors: Vec::new(),
            ..facts()
        });
        assert!(page.contains("Nothing is published yet."));
        assert!(page.contains("signature alone"));
    }
}
