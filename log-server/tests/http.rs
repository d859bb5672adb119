//! The HTTP interface from outside: what is refused and how, what caches and browsers are told, what
//! limits hold, and that the document of the interface describes real answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use std::collections::BTreeSet;
use std::io::Read as _;

use plainsight_log_server::Server;
use plainsight_specs::hash::sha256;
use plainsight_specs::history::HistoryRequest;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::lookup::LookupRequest;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::publish::{PublishItem, PublishRequest, Wait};
use plainsight_specs::query::StreamRequest;
use plainsight_specs::watch::RungsRequest;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use support::{Client, Made, key_item, key_set, make, problem, product, publisher, release};

const POSTS: [&str; 4] = ["/v1/lookup", "/v1/history", "/v1/stream", "/v1/publish"];
const GETS: [&str; 7] = [
    "/",
    "/checkpoint",
    "/v1/genesis",
    "/v1/openapi.json",
    "/livez",
    "/readyz",
    "/tile/entries/000.p/2",
];

async fn start(change: impl FnOnce(&mut Made)) -> (Made, Server, Client) {
    let mut made = make().await;
    change(&mut made);
    let server = made.start().await;
    server.until_published(TreeSize::new(2).unwrap()).await;
    let client = Client::new(&server.url());
    (made, server, client)
}

impl Client {
    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(body).send().await.unwrap()
    }
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

fn lookup(name: &str) -> Vec<u8> {
    LookupRequest {
        label: Label::email(name).unwrap(),
        since: Some(TreeSize::ZERO),
        logged: true,
    }
    .to_json()
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_is_a_problem_document_with_its_code() {
    let (_made, server, client) = start(|_| {}).await;
    let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
    let long = "x".repeat(20_000);
    let gzip = [JSON, ("content-encoding", "gzip")];
    let token = [JSON, ("authorization", "Bearer nobody's")];
    let mut cases = vec![
        (Method::GET, "/nothing", &[][..], "", 404, "not-found"),
        (Method::GET, "/metrics", &[], "", 404, "not-found"),
        (Method::GET, "/tile/0/xyz", &[], "", 404, "not-found"),
        (Method::GET, "/tile/0/x999/000", &[], "", 404, "not-found"),
        (Method::GET, "/v1/artifact/%ff", &[], "", 400, "malformed"),
        (Method::GET, "/v1/artifact/00", &[], "", 400, "malformed"),
        (
            Method::GET,
            "/v1/genesis?until=1",
            &[],
            "",
            400,
            "malformed",
        ),
        (
            Method::GET,
            "/v1/genesis?since=99999",
            &[],
            "",
            409,
            "size-ahead",
        ),
        (Method::POST, "/v1/lookup", &[JSON], "{}", 400, "malformed"),
        (Method::POST, "/v1/lookup", &[JSON], &deep, 400, "malformed"),
        (
            Method::POST,
            "/v1/publish",
            &token,
            "{}",
            401,
            "unauthorized",
        ),
        (
            Method::POST,
            "/v1/publish",
            &[JSON],
            "{}",
            401,
            "unauthorized",
        ),
    ];
    for path in &POSTS[..3] {
        cases.push((Method::POST, path, &[], "{}", 415, "unsupported-media"));
        cases.push((Method::POST, path, &gzip, "{}", 415, "unsupported-media"));
        cases.push((Method::POST, path, &[JSON], &long, 413, "too-large"));
    }
    for path in POSTS {
        cases.push((Method::GET, path, &[], "", 405, "method-not-allowed"));
        cases.push((Method::DELETE, path, &[], "", 405, "method-not-allowed"));
    }
    for path in GETS {
        cases.push((Method::POST, path, &[], "", 405, "method-not-allowed"));
    }
    for (method, path, headers, body, status, code) in cases {
        let what = format!("{method} {path} {headers:?}");
        let response = client.ask(method, path, headers, body.to_owned()).await;
        assert_eq!(response.status(), status, "{what}");
        let kind = header(&response, "content-type");
        assert_eq!(kind, "application/problem+json", "{what}");
        assert_eq!(
            header(&response, "allow").is_empty(),
            status != 405,
            "{what}"
        );
        let body = response.bytes().await.unwrap();
        assert_eq!(problem(&body), code, "{what}");
        let document: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["status"], json!(status));
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused_before_the_body_is_read() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (_made, server, _client) = start(|_| {}).await;
    let mut stream = tokio::net::TcpStream::connect(server.local_addr())
        .await
        .unwrap();
    let head = "POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Authorization: Bearer nobody's\r\nContent-Length: 8000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_are_told_what_never_changes_and_what_does() {
    let (made, server, client) = start(|_| {}).await;
    let items: Vec<_> = (0..300u32)
        .map(|n| {
            let seed = u8::try_from(n % 250).unwrap() + 1;
            key_item(&key_set(&format!("{n}@example.org"), 0, None, seed), seed)
        })
        .collect();
    let results = client
        .publish(&made.tokens.keys, items, Wait::Published)
        .await;
    assert!(results.iter().all(Result::is_ok));
    let size = client.checkpoint().await.head().size.get();
    let width = size - 256;
    let partial = format!("/tile/entries/001.p/{width}");
    for (path, caching) in [
        ("/checkpoint", "no-cache"),
        ("/tile/0/000", "public, max-age=31536000, immutable"),
        ("/tile/entries/000", "public, max-age=31536000, immutable"),
        (&partial, "no-cache"),
    ] {
        let response = client.ask(Method::GET, path, &[], "").await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(header(&response, "cache-control"), caching, "{path}");
        let tag = header(&response, "etag");
        let weak = format!("\"other\", W/{tag}");
        for known in [tag.as_str(), &weak] {
            let known = [("if-none-match", known)];
            let response = client.ask(Method::GET, path, &known, "").await;
            assert_eq!(response.status(), 304, "{path}");
            assert_eq!(header(&response, "etag"), tag);
            assert!(response.bytes().await.unwrap().is_empty());
        }
        let other = [("if-none-match", "\"other\"")];
        let response = client.ask(Method::GET, path, &other, "").await;
        assert_eq!(response.status(), 200, "{path}");
    }
    // A partial one that is gone, and one that the size does not imply.
    let file = made
        .config
        .objects
        .folder()
        .unwrap()
        .join(partial.trim_start_matches('/'));
    std::fs::remove_file(file).unwrap();
    for path in [partial, format!("/tile/entries/001.p/{}", width + 1)] {
        let (status, body) = client.get(&path).await;
        assert_eq!((status, problem(&body).as_str()), (404, "not-found"));
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_from_anywhere_may_look_up_and_not_publish() {
    let (_made, server, client) = start(|_| {}).await;
    let origin = ("origin", "https://pages.example");
    for path in GETS {
        let response = client.ask(Method::GET, path, &[origin], "").await;
        assert_eq!(
            header(&response, "access-control-allow-origin"),
            "*",
            "{path}"
        );
        let credentials = header(&response, "access-control-allow-credentials");
        assert_eq!(credentials, "");
    }
    let preflight = [
        origin,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    for path in POSTS {
        let response = client.ask(Method::OPTIONS, path, &preflight, "").await;
        let allowed = header(&response, "access-control-allow-origin");
        if path == "/v1/publish" {
            assert_eq!((response.status().as_u16(), allowed.as_str()), (405, ""));
        } else {
            assert_eq!((response.status().as_u16(), allowed.as_str()), (200, "*"));
            let headers = header(&response, "access-control-allow-headers");
            assert!(headers.contains("content-type"));
        }
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_compressed_for_who_asks_and_objects_never() {
    let (made, server, client) = start(|_| {}).await;
    let item = key_item(&key_set("anna@example.org", 0, None, 1), 1);
    client.publish_one(&made.tokens.keys, item).await.unwrap();
    let body = lookup("anna@example.org");
    let ask = async |coding: &[(&str, &str)]| {
        let origin = ("origin", "https://pages.example");
        let headers = [&[JSON, origin], coding].concat();
        let body = body.clone();
        let response = client.ask(Method::POST, "/v1/lookup", &headers, body).await;
        assert_eq!(response.status(), 200);
        let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
        let vary = format!("{vary:?}");
        assert!(vary.contains("accept-encoding"), "{vary}");
        assert_eq!(header(&response, "access-control-allow-origin"), "*");
        assert_eq!(header(&response, "content-type"), "application/json");
        let told = header(&response, "content-length");
        let coding = header(&response, "content-encoding");
        let bytes = response.bytes().await.unwrap();
        assert_eq!(told, bytes.len().to_string());
        (coding, bytes)
    };
    let gzip = [("accept-encoding", "br, gzip;q=0.9")];
    // Each twice: made, and kept.
    for _ in 0..2 {
        let (coding, plain) = ask(&[]).await;
        assert_eq!(coding, "");
        let (coding, sent) = ask(&gzip).await;
        assert_eq!(coding, "gzip");
        assert!(sent.len() < plain.len());
        let mut decoded = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(&*sent);
        decoder.read_to_end(&mut decoded).unwrap();
        assert_eq!(decoded, plain);
    }
    let (coding, _) = ask(&[("accept-encoding", "gzip;q=0")]).await;
    assert_eq!(coding, "");
    for path in ["/checkpoint", "/tile/0/000.p/2", "/tile/entries/000.p/2"] {
        let response = client.ask(Method::GET, path, &gzip, "").await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(header(&response, "content-encoding"), "", "{path}");
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_too_much_waits_and_others_do_not() {
    let (_made, server, client) = start(|made| {
        let limits = &mut made.config.limits;
        limits.lookups_per_s = 1;
        limits.lookup_burst = 3;
        limits.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let ask = async |address: &str| {
        let headers = [JSON, ("x-forwarded-for", address)];
        let body = lookup("anna@example.org");
        client.ask(Method::POST, "/v1/lookup", &headers, body).await
    };
    let mut refused = None;
    for _ in 0..20 {
        let response = ask("2001:db8::1").await;
        if response.status() != 200 {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("twenty look-ups at one a second");
    assert_eq!(refused.status(), 429);
    assert!(header(&refused, "retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(problem(&refused.bytes().await.unwrap()), "rate-limited");
    // The same /64, another one, and what is no look-up.
    assert_eq!(ask("2001:db8::ffff").await.status(), 429);
    assert_eq!(ask("2001:db8:0:1::1").await.status(), 200);
    assert_eq!(ask("192.0.2.1").await.status(), 200);
    let forwarded = [("x-forwarded-for", "2001:db8::1")];
    let tile = client.ask(Method::GET, "/checkpoint", &forwarded, "").await;
    assert_eq!(tile.status(), 200);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_publishes_too_much_waits_and_others_do_not() {
    let (made, server, client) = start(|made| {
        made.config.limits.token_items_per_s = 1;
        made.config.limits.token_burst = 5;
    })
    .await;
    let items = |from: u32| -> Vec<_> {
        (from..from + 50)
            .map(|n| key_item(&key_set(&format!("{n}@example.org"), 0, None, 1), 1))
            .collect()
    };
    let first = client
        .send(&made.tokens.keys, items(0), Wait::Sequenced)
        .await;
    assert_eq!(first.unwrap().0, 200);
    let (status, body) = client
        .send(&made.tokens.keys, items(50), Wait::Sequenced)
        .await
        .unwrap();
    assert_eq!((status, problem(&body).as_str()), (429, "rate-limited"));
    let statement = PublishItem::Statement {
        envelope: release("1.0", 0, None, &publisher()),
    };
    let other = client
        .send(&made.tokens.releases, vec![statement], Wait::Sequenced)
        .await;
    assert_eq!(other.unwrap().0, 200);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_numbers_and_nobody_s_name() {
    let (made, server, client) = start(|made| {
        made.config.admin_listen = Some(([127, 0, 0, 1], 0).into());
    })
    .await;
    let item = key_item(&key_set("anna@example.org", 0, None, 1), 1);
    client.publish_one(&made.tokens.keys, item).await.unwrap();
    client.post("/v1/lookup", lookup("anna@example.org")).await;
    client.get("/v1/artifact/00").await;
    client.get("/anna@example.org").await;
    let admin = Client::new(&format!("http://{}", server.admin_addr().unwrap()));
    for path in ["/livez", "/readyz"] {
        assert_eq!(admin.get(path).await.0, 200, "{path}");
    }
    let (status, body) = admin.get("/nothing").await;
    assert_eq!((status, problem(&body).as_str()), (404, "not-found"));
    let response = admin.ask(Method::GET, "/metrics", &[], "").await;
    let kind = header(&response, "content-type");
    assert!(kind.starts_with("application/openmetrics-text"));
    let text = response.text().await.unwrap();
    for line in [
        "plainsight_log_items_total{result=\"logged\"} 1",
        "plainsight_log_publish_seconds_count{wait=\"published\"} 1",
        "plainsight_log_http_seconds_count{route=\"/v1/lookup\"} 1",
        "plainsight_log_http_responses_total{route=\"none\",status=\"404\"} 1",
        "plainsight_log_problems_total{code=\"malformed\"} 1",
        "plainsight_log_writable 1",
        "plainsight_log_unpublished_entries 0",
        "plainsight_log_term 1",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line} in\n{text}");
    }
    for private in ["anna", "example.org", &made.tokens.keys, "127.0.0.1"] {
        assert!(!text.contains(private), "{private}");
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_names_the_keys_and_forbids_everything_else() {
    let (made, server, client) = start(|_| {}).await;
    let response = client.ask(Method::GET, "/", &[], "").await;
    let policy = header(&response, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!policy.contains("unsafe"));
    let page = response.text().await.unwrap();
    assert!(page.contains(&made.vkey.to_string()));
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_to_a_key_is_given_again() {
    let (made, server, client) = start(|_| {}).await;
    let send = async |token: &str, key: &str, items: Vec<PublishItem>| {
        let request = PublishRequest {
            items,
            wait: Wait::Sequenced,
        };
        let bearer = format!("Bearer {token}");
        let headers = [JSON, ("authorization", &bearer), ("idempotency-key", key)];
        let body = request.to_json();
        let response = client
            .ask(Method::POST, "/v1/publish", &headers, body)
            .await;
        let status = response.status().as_u16();
        (status, response.bytes().await.unwrap().to_vec())
    };
    let (keys, releases) = (&made.tokens.keys, &made.tokens.releases);
    let item = |name: &str, seed| key_item(&key_set(name, 0, None, seed), seed);
    let both = || vec![item("anna@example.org", 1), item("bert@example.org", 2)];
    let first = send(keys, "one", both()).await;
    assert_eq!(first.0, 200);
    assert_eq!(send(keys, "one", both()).await, first);
    let other = send(keys, "one", vec![item("anna@example.org", 1)]).await;
    assert_eq!((other.0, problem(&other.1).as_str()), (422, "key-reused"));
    // What was refused is answered the same too, although it would now be answered otherwise.
    let early = || vec![key_item(&key_set("carl@example.org", 1, None, 3), 3)];
    let refused = send(keys, "two", early()).await;
    assert_eq!(refused.0, 200);
    client
        .publish_one(keys, item("carl@example.org", 3))
        .await
        .unwrap();
    assert_eq!(send(keys, "two", early()).await, refused);
    let gap = || {
        let envelope = release("1.0", 3, None, &publisher());
        vec![PublishItem::Statement { envelope }]
    };
    let refused = send(releases, "three", gap()).await;
    assert_eq!(send(releases, "three", gap()).await, refused);
    // A key belongs to a token.
    let first_release = || {
        let envelope = release("1.0", 0, None, &publisher());
        vec![PublishItem::Statement { envelope }]
    };
    assert_eq!(send(releases, "one", first_release()).await.0, 200);
    let wrong = send(keys, &"k".repeat(256), both()).await;
    assert_eq!((wrong.0, problem(&wrong.1).as_str()), (400, "malformed"));
    // Many at once are one.
    let many = (0..20).map(|_| send(keys, "four", vec![item("dora@example.org", 4)]));
    let answers = futures::future::join_all(many).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(answers[0].0, 200);
    server.shutdown().await;
    made.check().await;
    // And after a restart.
    let server = made.start().await;
    let client = Client::new(&server.url());
    let request = PublishRequest {
        items: both(),
        wait: Wait::Sequenced,
    };
    let bearer = format!("Bearer {keys}");
    let headers = [JSON, ("authorization", &bearer), ("idempotency-key", "one")];
    let response = client
        .ask(Method::POST, "/v1/publish", &headers, request.to_json())
        .await;
    assert_eq!(response.bytes().await.unwrap(), first.1);
    server.shutdown().await;
}

/// The schema of a component of the checked-in document.
struct Document(Value);

impl Document {
    fn faults(&self, name: &str, body: &[u8]) -> Vec<String> {
        let mut schema = self.0.clone();
        schema["$ref"] = json!(format!("#/components/schemas/{name}"));
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let value: Value = serde_json::from_slice(body).unwrap();
        validator
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect()
    }

    fn describes(&self, name: &str, body: &[u8]) {
        let faults = self.faults(name, body);
        assert_eq!(faults, Vec::<String>::new(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_answers_are_what_the_document_says() {
    let (made, server, client) = start(|_| {}).await;
    let (status, served) = client.get("/v1/openapi.json").await;
    assert_eq!(status, 200);
    assert_eq!(served, include_bytes!("../openapi.json"));
    let document = Document(serde_json::from_slice(&served).unwrap());

    let first = key_set("anna@example.org", 0, None, 1);
    let request = PublishRequest {
        items: vec![key_item(&first, 1), key_item(b"{}", 1)],
        wait: Wait::Published,
    };
    document.describes("PublishRequest", &request.to_json());
    let (_, answer) = client
        .send(&made.tokens.keys, request.items, request.wait)
        .await
        .unwrap();
    document.describes("PublishAnswer", &answer);
    let statement = |envelope: Vec<u8>| PublishItem::Statement { envelope };
    let request = PublishRequest {
        items: ["1.0", "1.0", "2.0"]
            .iter()
            .zip([0, 0, 9])
            .map(|(version, seq)| statement(release(version, seq, None, &publisher())))
            .collect(),
        wait: Wait::Published,
    };
    document.describes("PublishRequest", &request.to_json());
    let (_, answer) = client
        .send(&made.tokens.releases, request.items, request.wait)
        .await
        .unwrap();
    document.describes("PublishAnswer", &answer);

    for name in ["anna@example.org", "nobody@example.org"] {
        document.describes("LookupRequest", &lookup(name));
        let (status, answer) = client.post("/v1/lookup", lookup(name)).await;
        assert_eq!(status, 200);
        document.describes("LookupAnswer", &answer);
        let request = HistoryRequest {
            label: Label::email(name).unwrap(),
            from: Version::new(0),
            since: None,
        };
        document.describes("HistoryRequest", &request.to_json());
        let (status, answer) = client.post("/v1/history", request.to_json()).await;
        assert_eq!(status, 200);
        document.describes("HistoryAnswer", &answer);
    }
    let request = RungsRequest {
        label: Label::email("anna@example.org").unwrap(),
        latest: Version::new(0),
        since: None,
    };
    document.describes("RungsRequest", &request.to_json());
    let (status, answer) = client.post("/v1/rungs", request.to_json()).await;
    assert_eq!(status, 200);
    document.describes("RungsAnswer", &answer);
    for version in ["1.0", "9.9"] {
        let request = StreamRequest {
            stream: product().stream(),
            since: TreeSize::new(2),
            version: Some(plainsight_specs::statement::ReleaseVersion::parse(version).unwrap()),
            digest: Some(sha256(version.as_bytes())),
        };
        document.describes("StreamRequest", &request.to_json());
        let (status, answer) = client.post("/v1/stream", request.to_json()).await;
        assert_eq!(status, 200);
        document.describes("StreamAnswer", &answer);
        let digest = sha256(version.as_bytes()).to_hex();
        let (status, answer) = client.get(&format!("/v1/artifact/{digest}?since=2")).await;
        assert_eq!(status, 200);
        document.describes("ArtifactAnswer", &answer);
    }
    let (_, answer) = client.get("/v1/genesis").await;
    document.describes("GenesisAnswer", &answer);
    let (_, answer) = client.get("/nothing").await;
    document.describes("Problem", &answer);

    // The schemas are as strict as the parsers.
    for (name, wrong) in [
        ("LookupRequest", json!({ "label": "AA==", "more": 1 })),
        ("LookupRequest", json!({ "label": 1 })),
        ("LookupRequest", json!({ "label": "AA==", "since": null })),
        ("PublishRequest", json!({ "items": [] })),
        ("PublishAnswer", json!({ "results": [{ "position": -1 }] })),
        (
            "Problem",
            json!({ "type": "about:blank", "title": "", "status": 400, "detail": "" }),
        ),
    ] {
        let faults = document.faults(name, wrong.to_string().as_bytes());
        assert!(!faults.is_empty(), "{name} {wrong}");
    }
    let schemas = document.0["components"]["schemas"].as_object().unwrap();
    let names: BTreeSet<_> = schemas.keys().map(String::as_str).collect();
    assert!(names.contains("SearchResult"));
    server.shutdown().await;
}
