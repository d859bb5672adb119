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
struct Stage {
    auditor: Auditor,
    site: Site,
    log: TinyLog,
    web: Client,
    _dir: tempfile::TempDir,
}

impl Stage {
    async fn open() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
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
            _dir: dir,
        }
    }

    async fn get(&self, path: &str) -> Response {
        let url = self.auditor.base.join(path.trim_start_matches('/'));
        self.web.get(url).send().await.unwrap()
    }

    async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    /// Waits until a page says what is wanted.
    async fn wait(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
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

    fn log_page(&self) -> String {
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
        if !seen.insert(path.clone()) {
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
        format!("{}/entries/999999", stage.log_page()),
        format!("{}/entries/x", stage.log_page()),
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
            *text = rest.to_owned();
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
        let chunk = chunk.await.unwrap().unwrap().expect("the stream ended");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_and_who_comes_back_misses_nothing() {
    let mut stage = Stage::open().await;
    let marked = stage.log.size().get();
    let path = format!("{}/entries/{}.json", stage.log_page(), marked - 1);
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
    assert_eq!(head["path"], stage.log_page());
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
