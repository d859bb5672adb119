//! The pages for people, as browsers and programs get them.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use plainsight_auditor::Config;
use plainsight_auditor::dashboard::Serve;
use plainsight_specs::hash::sha256;
use plainsight_specs::statement::{Audience, Body, ProtectionState, Region};
use reqwest::{Client, Response};
use serde_json::Value;

use crate::support::{Auditor, Site, busy, epoch, folder};
use crate::tiny_log::{self, ORIGIN, PROTECTIONS, RELEASES, TinyLog, release};

/// A running auditor with a log of which there is something to see.
pub(crate) struct Stage {
    pub auditor: Auditor,
    pub site: Site,
    pub log: TinyLog,
    web: Client,
    dir: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
        let mut log = busy();
        let mut narrow = release("1.2.0", &[b"three"]);
        if let Body::Release(release) = &mut narrow {
            release.audience = Audience::Region(Region::parse("GB").unwrap());
        }
        log.push_statement(&log.next(narrow), RELEASES);
        for state in [ProtectionState::Offered, ProtectionState::Withdrawn] {
            let draft = log.next(tiny_log::protection(state));
            log.push_statement(&draft, PROTECTIONS);
        }
        epoch(&mut log);
        site.publish(&log);
        let mut config = folder(dir.path(), &log, &site);
        change(&mut config);
        let auditor = Auditor::start(&config).await;
        auditor.wait_ok(log.size()).await;
        Self {
            auditor,
            site,
            log,
            web: Client::new(),
            dir,
        }
    }

    /// The auditor's folder.
    pub(crate) fn folder(&self) -> std::path::PathBuf {
        self.dir.path().to_owned()
    }

    async fn get(&self, path: &str) -> Response {
        let url = self.auditor.base.join(path.trim_start_matches('/'));
        self.web.get(url).send().await.unwrap()
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    /// Waits until a page says what is wanted.
    pub(crate) async fn wait(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut page = Value::Null;
        for _ in 0..600 {
            page = self.json(path).await;
            if wanted(&page) {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("waited in vain for {path}: {page:#}");
    }

    fn log_page() -> String {
        format!("/logs/{}", sha256(ORIGIN.as_bytes()).to_hex())
    }
}

/// The addresses within this site that a page names.
fn links(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in ["href=\"", "src=\"", "action=\""] {
        for (place, _) in html.match_indices(attribute) {
            let rest = &html[place + attribute.len()..];
            let link = rest.split('"').next().unwrap().replace("&#38;", "&");
            let link = link.split('#').next().unwrap().to_owned();
            if link.starts_with('/') {
                found.push(link);
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_reached_is_strict_and_has_its_twin() {
    let stage = Stage::open().await;
    stage
        .wait("/index.json", |page| {
            page["changes"].as_array().is_some_and(|all| all.len() >= 4)
        })
        .await;
    let mut seen = BTreeSet::new();
    let mut open = VecDeque::from(["/".to_owned()]);
    let mut pages = 0;
    while let Some(path) = open.pop_front() {
        // For machines, which are told by the status how the node does.
        if path == "/readyz" || !seen.insert(path.clone()) {
            continue;
        }
        let answer = stage.get(&path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let headers = answer.headers().clone();
        let media = headers["content-type"].to_str().unwrap().to_owned();
        assert!(!headers.contains_key("set-cookie"), "{path}");
        if !media.starts_with("text/html") {
            continue;
        }
        pages += 1;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("unsafe"), "{policy}");
        let asked = format!("connect-src 'self' {}; ", stage.site.url);
        assert!(policy.contains(&asked), "{policy}");
        for part in [
            "default-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        let html = answer.text().await.unwrap();
        for forbidden in [" style=\"", "<style", "javascript:", " onclick", " onload"] {
            assert!(!html.contains(forbidden), "{forbidden} in {path}");
        }
        for script in html.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap();
            assert!(tag.contains(" src=\"/assets/"), "{path}: {tag}");
        }
        let twin = html
            .split("type=\"application/json\" href=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap_or_else(|| panic!("{path} has no twin"));
        let twin = stage.json(&twin.replace("&#38;", "&")).await;
        let own = twin["page"]["canonical"].as_str().unwrap();
        assert!(html.contains("rel=\"canonical\""), "{path}");
        assert_eq!(stage.get(own).await.status(), 200, "{own}");
        open.extend(links(&html));
    }
    assert!(pages >= 20, "{pages}: {seen:?}");
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_immutable_and_another_builds_are_not_there() {
    let stage = Stage::open().await;
    let html = stage.text("/").await;
    let style = links(&html)
        .into_iter()
        .find(|link| link.ends_with("style.css"))
        .unwrap();
    let answer = stage.get(&style).await;
    assert_eq!(answer.status(), 200);
    let cache = answer.headers()["cache-control"].to_str().unwrap();
    assert!(cache.contains("immutable"), "{cache}");
    assert_eq!(answer.headers()["content-type"], "text/css; charset=utf-8");
    for wrong in [
        "/assets/0000000000000000/style.css".to_owned(),
        style.replace("style.css", "none.css"),
        style.replace("style.css", "../style.css"),
    ] {
        assert_ne!(stage.get(&wrong).await.status(), 200, "{wrong}");
    }
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_a_page_too() {
    let stage = Stage::open().await;
    for path in [
        "/logs/00".to_owned(),
        format!("{}/entries/999999", Stage::log_page()),
        format!("{}/entries/x", Stage::log_page()),
    ] {
        let answer = stage.get(&path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert!(answer.headers().contains_key("content-security-policy"));
        let html = answer.text().await.unwrap();
        assert!(html.contains("<h1>Not found</h1>"), "{path}: {html}");
        let answer = stage.get(&format!("{path}.json")).await;
        assert_eq!(answer.status(), 404);
        let text = answer.text().await.unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["status"], 404);
    }
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_served_where_the_configuration_says() {
    let stage = Stage::with(|config| {
        config.operations.admin_listen = Some("127.0.0.1:0".parse().unwrap());
        config.dashboard.serve = Serve::Admin;
    })
    .await;
    assert_eq!(stage.get("/").await.status(), 404);
    assert_eq!(stage.get("/v1/events").await.status(), 404);
    assert_eq!(stage.get("/v1/logs").await.status(), 200);
    let admin = stage.auditor.node.admin_addr.unwrap();
    for path in ["", "about", "v1/logs", "alerts.atom"] {
        let url = format!("http://{admin}/{path}");
        assert_eq!(
            stage.web.get(url).send().await.unwrap().status(),
            200,
            "{path}"
        );
    }
    stage.auditor.stop().await;
    let stage = Stage::with(|config| config.dashboard.serve = Serve::Off).await;
    assert_eq!(stage.get("/").await.status(), 404);
    assert_eq!(stage.get("/v1/about").await.status(), 200);
    stage.auditor.stop().await;
}

/// Reads events until one of the kind comes; gives its id and its data.
async fn event(response: &mut Response, text: &mut String, kind: &str) -> (String, Value) {
    loop {
        while let Some((block, rest)) = text.clone().split_once("\n\n") {
            rest.clone_into(text);
            let field = |name: &str| {
                let mut lines = block.lines();
                lines.find_map(|line| line.strip_prefix(name).map(|value| value.trim().to_owned()))
            };
            let Some(data) = field("data:") else { continue };
            let data: Value = serde_json::from_str(&data).unwrap();
            if data["kind"] == kind {
                return (field("id:").unwrap(), data);
            }
        }
        let chunk = tokio::time::timeout(Duration::from_secs(30), response.chunk());
        let chunk = chunk.await.unwrap().unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_and_who_comes_back_misses_nothing() {
    let mut stage = Stage::open().await;
    let marked = stage.log.size().get();
    let path = format!("{}/entries/{}.json", Stage::log_page(), marked - 1);
    // An epoch is known as such once the entries were looked through: from then on, all is news.
    stage.wait(&path, |page| page["logged"].is_string()).await;
    let mut stream = stage.get("/v1/events").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    stage
        .log
        .push_statement(&stage.log.next(release("2.0.0", &[b"four"])), RELEASES);
    epoch(&mut stage.log);
    stage.site.publish(&stage.log);
    let (id, head) = event(&mut stream, &mut text, "head").await;
    assert_eq!(head["log"], ORIGIN);
    assert_eq!(head["path"], Stage::log_page());
    drop(stream);
    let url = stage.auditor.base.join("v1/events");
    let again = stage.web.get(&url).header("last-event-id", &id);
    let mut stream = again.send().await.unwrap();
    let mut text = String::new();
    let (_, cosigned) = event(&mut stream, &mut text, "cosignature").await;
    assert_eq!(cosigned["size"], stage.log.size().get());
    drop(stream);
    // By the query, for a page that was made before it began to listen.
    let mut stream = stage.get(&format!("/v1/events?after={id}")).await;
    let mut text = String::new();
    event(&mut stream, &mut text, "cosignature").await;
    drop(stream);
    let again = stage.web.get(&url).header("last-event-id", "another-1");
    let mut stream = again.send().await.unwrap();
    let mut text = String::new();
    event(&mut stream, &mut text, "reset").await;
    stage.auditor.stop().await;
}

/// Sends the form of an alert as a browser on this site would, but for what is changed.
async fn acknowledge(
    stage: &Stage,
    id: &str,
    fields: &[(&str, &str)],
    headers: &[(&'static str, &str)],
) -> (u16, String) {
    let url = stage.auditor.base.join(&format!("alerts/{id}/acknowledge"));
    send_form(&url, fields, headers).await
}

/// Sends a form as a browser would.
pub(crate) async fn send_form(
    url: &str,
    fields: &[(&str, &str)],
    headers: &[(&'static str, &str)],
) -> (u16, String) {
    let mut body = String::new();
    for (name, value) in fields {
        body.extend([name, "="]);
        for byte in value.bytes() {
            let [high, low] = [byte >> 4, byte & 15].map(u32::from);
            body.push('%');
            body.extend([high, low].map(|half| char::from_digit(half, 16).unwrap()));
        }
        body.push('&');
    }
    let mut request = Client::new()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_acknowledges_with_a_token_and_nobody_else_does() {
    const TOKEN: &str = "a token of the operator";
    let stage = Stage::with(|config| {
        let path = config.dir.join("token");
        plainsight_auditor::config::write_secret(&path, TOKEN.as_bytes()).unwrap();
        config.dashboard.token_file = Some("token".into());
    })
    .await;
    let alert = stage.auditor.wait_alert("protection-withdrawn").await;
    let id = alert["id"].as_str().unwrap();
    let page = stage.text(&format!("/alerts/{id}")).await;
    assert!(page.contains("name=\"token\"") && !page.contains(TOKEN));
    let own = [("sec-fetch-site", "same-origin")];
    let right = [("token", TOKEN), ("reason", "<b>known</b>")];
    for (fields, headers, status) in [
        (&right[..], &[("sec-fetch-site", "cross-site")][..], 403),
        (
            &right[..],
            &[("origin", "http://elsewhere.example")][..],
            403,
        ),
        (&right[..], &[][..], 403),
        (&right[..1], &own[..], 400),
        (
            &[("token", TOKEN), ("reason", "two\nlines")][..],
            &own[..],
            409,
        ),
        (
            &[("token", TOKEN), ("reason", "turned \u{202e}round")][..],
            &own[..],
            409,
        ),
        (
            &[("token", "a guess"), ("reason", "why")][..],
            &own[..],
            403,
        ),
    ] {
        let (found, html) = acknowledge(&stage, id, fields, headers).await;
        assert_eq!(found, status, "{fields:?} {headers:?} {html}");
        assert!(html.contains("Nothing was changed"), "{html}");
        assert!(
            html.contains(&format!("href=\"/alerts/{id}\"")),
            "the way back: {html}"
        );
    }
    let now = stage.json(&format!("/alerts/{id}.json")).await;
    assert!(now["acknowledged"].is_null(), "{now:#}");
    let (status, html) = acknowledge(&stage, id, &right, &own).await;
    assert_eq!(status, 200, "after the way back to the page: {html}");
    assert!(html.contains("&#60;b&#62;known&#60;/b&#62;") && !html.contains("<b>known"));
    assert!(!html.contains("name=\"token\""), "it is done");
    for _ in 0..4 {
        acknowledge(&stage, id, &[("token", "guess"), ("reason", "x")], &own).await;
    }
    let (status, _) = acknowledge(&stage, id, &right, &own).await;
    assert_eq!(status, 429);
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_the_page_names_the_command_line() {
    let stage = Stage::open().await;
    let alert = stage.auditor.wait_alert("protection-withdrawn").await;
    let id = alert["id"].as_str().unwrap();
    let page = stage.text(&format!("/alerts/{id}")).await;
    assert!(!page.contains("method=\"post\""), "{page}");
    assert!(page.contains("plainsight-auditor alert ack"), "{page}");
    let own = [("sec-fetch-site", "same-origin")];
    let fields = [("token", "anything at all"), ("reason", "x")];
    assert_eq!(acknowledge(&stage, id, &fields, &own).await.0, 404);
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_log_says_stays_text() {
    const HOSTILE: &str = "<script>alert(1)</script>\"'&";
    let mut stage = Stage::open().await;
    let mut body = release("6.6.6+<script>", &[b"six"]);
    if let Body::Release(release) = &mut body {
        release.artifacts[0].name = Some(HOSTILE.into());
    }
    let Body::Release(named) = body.clone() else {
        panic!("a release")
    };
    stage.log.push_statement(&stage.log.next(body), RELEASES);
    let yank = plainsight_specs::statement::Yank {
        product: named.product.clone(),
        version: named.version.clone(),
        reason: plainsight_specs::statement::Reason::parse(HOSTILE).unwrap(),
        published: named.published,
        digests: named.artifacts.iter().map(|file| file.digest).collect(),
    };
    let draft = stage.log.next(Body::Yank(yank));
    assert!(!stage.log.push_statement(&draft, RELEASES).is_void());
    epoch(&mut stage.log);
    stage.site.publish(&stage.log);
    stage.auditor.wait_ok(stage.log.size()).await;
    let overview = stage
        .wait("/index.json", |page| page.to_string().contains("alert(1)"))
        .await;
    let position = stage.log.size().get() - 2;
    let stream = stage.json("/releases.json").await["logs"][0]["streams"][0]["path"].clone();
    let mut seen = 0;
    for path in [
        "/".to_owned(),
        stream.as_str().unwrap().to_owned(),
        format!("{}/entries", Stage::log_page()),
        format!("{}/entries/{}", Stage::log_page(), position),
        format!("{}/entries/{}", Stage::log_page(), position - 1),
        format!("/releases?q={}", "%3Cscript%3Ealert(1)"),
        format!("/quorum?compelled={}", "%3Cscript%3Ealert(1)"),
    ] {
        let html = stage.text(&path).await;
        assert!(!html.contains("<script>"), "{path}: {html}");
        seen += html.matches("&#60;script&#62;").count();
    }
    assert!(seen >= 7, "{seen}: {overview:#}");
    stage.auditor.stop().await;
}
