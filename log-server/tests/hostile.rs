//! Strangers who mean harm, against the program itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/planted.rs"]
mod planted;
mod support;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hostile::Service;
use plainsight_log_server::store::{Store, TokenRole};
use plainsight_log_server::{NewToken, make_token, revoke_token};
use plainsight_specs::label::Label;
use plainsight_specs::lookup::LookupRequest;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::publish::{PublishRequest, Wait};
use planted::{Planted, none_below, none_in};
use support::{Made, key_item, key_set, make};

/// Ended when the test ends, however it does.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(made: &Made) -> (Process, Service) {
    serve_telling(made, "off", Stdio::null())
}

/// Serves, and writes what happens at this level.
fn serve_telling(made: &Made, level: &str, told: Stdio) -> (Process, Service) {
    let dir = made.config.database.file().unwrap().parent().unwrap();
    let toml = made.config.to_toml(dir).unwrap();
    std::fs::write(dir.join("plainsight-log.toml"), toml).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_plainsight-log"))
        .args(["serve", "--dir"])
        .arg(dir)
        .env("PLAINSIGHT_LOG", level)
        .stdout(Stdio::piped())
        .stderr(told)
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let line = BufReader::new(stdout).lines().next().unwrap().unwrap();
    let url = line.strip_prefix("listening on http://").unwrap();
    let service = Service {
        address: url.trim_end_matches('/').parse().unwrap(),
        pid: child.id(),
        well: "/livez",
        large: "/v1/openapi.json".into(),
        posts: &[
            "/v1/lookup",
            "/v1/history",
            "/v1/stream",
            "/v1/rungs",
            "/v1/publish",
        ],
    };
    (Process(child), service)
}

#[tokio::test(flavor = "multi_thread")]
async fn withstands_strangers() {
    let mut made = make().await;
    made.config.limits.head_ms = 1_000;
    made.config.limits.body_ms = 1_000;
    made.config.limits.stall_ms = 1_000;
    made.config.limits.connections_per_client = 0;
    let (_process, service) = serve(&made);
    service.withstands_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_token_that_counts_publishes_and_a_page_never_does() {
    let made = make().await;
    let store = Store::open(&made.config.database, 1).await.unwrap();
    let new = |name, lifetime| NewToken {
        name,
        role: TokenRole::Keys,
        lifetime,
        items_per_s: None,
    };
    let expired = new("expired", Some(Duration::ZERO));
    let expired = make_token(&store, &expired).await.unwrap();
    let revoked = make_token(&store, &new("revoked", None)).await.unwrap();
    assert!(revoke_token(&store, "revoked").await.unwrap());
    store.close().await;
    let (_process, service) = serve(&made);
    let request = PublishRequest {
        items: vec![key_item(&key_set("a@example.org", 0, None, 1), 1)],
        wait: Wait::Sequenced,
    };
    let body = request.to_json();
    let keys = &made.tokens.keys;
    let json = "Content-Type: application/json\r\n";
    for authorization in [
        String::new(),
        format!("Authorization: Bearer {expired}\r\n"),
        format!("Authorization: Bearer {revoked}\r\n"),
        format!("Authorization: Bearer {}\r\n", keys.to_uppercase()),
        format!("Authorization: Bearer {}\r\n", &keys[..63]),
        format!("Authorization: Bearer {keys}0\r\n"),
        format!("Authorization: Bearer  {keys}\r\n"),
        format!("Authorization: Basic {keys}\r\n"),
        format!("Authorization: {keys}\r\n"),
        format!("Authorization: Bearer x\r\nAuthorization: Bearer {keys}\r\n"),
        format!("Cookie: token={keys}\r\n"),
        format!("X-Authorization: Bearer {keys}\r\n"),
    ] {
        let reply = service
            .post("/v1/publish", &format!("{json}{authorization}"), &body)
            .await;
        assert_eq!(reply.status, Some(401), "{authorization}: {}", reply.text);
        assert!(!reply.text.contains(keys.as_str()), "it is not repeated");
    }
    let in_address = format!("/v1/publish?token={keys}");
    let reply = service.post(&in_address, json, &body).await;
    assert_eq!(reply.status, Some(401));

    // What a page of another site can send without asking first: never JSON, and no answer that
    // such a page may read.
    let bearer = format!("Authorization: Bearer {keys}\r\n");
    let page = "Origin: https://evil.example\r\n";
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        let headers = format!("{page}{bearer}Content-Type: {kind}\r\n");
        let reply = service.post("/v1/publish", &headers, &body).await;
        assert_eq!(reply.status, Some(415), "{kind}");
    }
    let ask = format!(
        "OPTIONS /v1/publish HTTP/1.1\r\nHost: x\r\n{page}Access-Control-Request-Method: POST\r\n\
         Access-Control-Request-Headers: authorization, content-type\r\n\r\n"
    );
    let reply = service.raw(ask.as_bytes()).await;
    let text = reply.text.to_ascii_lowercase();
    assert!(!text.contains("access-control-allow"), "{text}");

    let reply = service
        .post("/v1/publish", &format!("{json}{bearer}"), &body)
        .await;
    assert_eq!(reply.status, Some(200), "{}", reply.text);
    // The same again is the same entry, not another one.
    let again = service
        .post("/v1/publish", &format!("{json}{bearer}"), &body)
        .await;
    let told = |text: &str| text.split("\r\n\r\n").nth(1).map(str::to_owned);
    assert_eq!(told(&reply.text), told(&again.text));
}

/// Asks rightly and wrongly with everything that is secret, and gives what was answered to those
/// who may not know it.
async fn driven(made: &Made, service: &Service, body: &[u8], label: &str) -> Vec<String> {
    let keys = &made.tokens.keys;
    let json = "Content-Type: application/json\r\n";
    let bearer = format!("{json}Authorization: Bearer {keys}\r\nIdempotency-Key: first\r\n");
    let reply = service.post("/v1/publish", &bearer, body).await;
    assert_eq!(reply.status, Some(200), "{}", reply.text);
    assert!(reply.text.contains("position"), "{}", reply.text);
    let mut told = vec![reply.text];
    let other = PublishRequest {
        items: vec![key_item(&key_set(label, 0, None, 77), 77)],
        wait: Wait::Sequenced,
    };
    for (token, body) in [
        // The key again with another body, another key set of the version, and half a request.
        (keys, other.to_json()),
        (&made.tokens.releases, body.to_vec()),
        (keys, body[..body.len() / 2].to_vec()),
        (&keys[..60].to_owned(), body.to_vec()),
    ] {
        let headers = format!("{json}Authorization: Bearer {token}\r\nIdempotency-Key: first\r\n");
        told.push(service.post("/v1/publish", &headers, &body).await.text);
        let headers = format!("{json}Authorization: Bearer {token}\r\n");
        told.push(service.post("/v1/publish", &headers, &body).await.text);
    }
    let asked = LookupRequest {
        label: Label::email(label).unwrap(),
        since: TreeSize::new(1 << 40),
        logged: true,
    };
    let mut question = asked.to_json();
    for path in ["/v1/lookup", "/v1/history", "/v1/rungs"] {
        told.push(service.post(path, json, &question).await.text);
    }
    question.truncate(question.len() - 1);
    told.push(service.post("/v1/lookup", json, &question).await.text);
    for path in [
        "/",
        "/checkpoint",
        "/v1/genesis",
        "/readyz",
        "/tile/entries/000.p/2",
    ] {
        told.push(service.get(path).await.text);
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_its_secrets_to_itself() {
    const NAME: &str = "planted-4711@secrets.example";
    let made = make().await;
    let set = key_set(NAME, 0, None, 3);
    let request = PublishRequest {
        items: vec![key_item(&set, 3)],
        wait: Wait::Published,
    };
    let body = request.to_json();
    let dir = made.config.database.file().unwrap().parent().unwrap();
    let seed = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        hex::decode(text.trim()).unwrap()
    };
    let planted = [
        Planted::bytes("the log's seed", &seed(&made.config.log_key)),
        Planted::bytes("the VRF's seed", &seed(&made.config.vrf_key)),
        Planted::text("a token", &made.tokens.keys),
        Planted::text("another token", &made.tokens.releases),
        Planted::bytes("a token's bytes", &hex::decode(&made.tokens.keys).unwrap()),
        Planted::text("a label", NAME),
        Planted::bytes("an opening", support::opening(3).as_bytes()),
        Planted::bytes("a key set", &set),
    ];
    let file = made.dir.path().join("told");
    let (process, service) =
        serve_telling(&made, "trace", std::fs::File::create(&file).unwrap().into());
    let told = driven(&made, &service, &body, NAME).await;
    drop(process);
    for answer in &told {
        none_in(&planted, "an answer", answer.as_bytes());
    }
    let written = std::fs::read(&file).unwrap();
    assert!(written.len() > 10_000, "it told next to nothing");
    none_in(&planted, "what it writes at trace", &written);
    let objects = made.config.objects.folder().unwrap();
    assert!(none_below(&planted, objects) >= 3);
    // A seed that does not parse, and one that others can read: named, not shown.
    let text = std::fs::read_to_string(&made.config.vrf_key).unwrap();
    for spoiled in [format!("{}x", text.trim()), text.to_uppercase()] {
        std::fs::write(&made.config.vrf_key, spoiled).unwrap();
        let refused = Command::new(env!("CARGO_BIN_EXE_plainsight-log"))
            .args(["serve", "--dir"])
            .arg(dir)
            .output()
            .unwrap();
        assert!(!refused.status.success());
        none_in(&planted, "a refusal to start", &refused.stderr);
        none_in(&planted, "a refusal to start", &refused.stdout);
    }
}

/// Every case that the description of the interface allows or forbids, by a generator that knows
/// nothing else: no failure of the server, no answer that is not described.
#[tokio::test(flavor = "multi_thread")]
async fn answers_as_described_to_generated_requests() {
    let required = std::env::var_os("PLAINSIGHT_REQUIRE_SCHEMATHESIS").is_some();
    let program = std::env::var_os("PLAINSIGHT_SCHEMATHESIS").unwrap_or("schemathesis".into());
    if Command::new(&program).arg("--version").output().is_err() {
        assert!(!required, "there is no schemathesis");
        println!("SKIPPED: there is no schemathesis");
        return;
    }
    let made = make().await;
    let (_process, service) = serve(&made);
    let url = format!("http://{}", service.address);
    let output = tokio::task::spawn_blocking(move || {
        Command::new(program)
            .args(["run", &format!("{url}/v1/openapi.json"), "--url", &url])
            .args(["--phases", "coverage,fuzzing", "--max-examples", "10"])
            .args(["--generation-deterministic", "--workers", "2", "--no-color"])
            // Labels and streams have grammars that no schema states.
            .args(["--exclude-checks", "positive_data_acceptance"])
            .args([
                "--header",
                &format!("Authorization: Bearer {}", made.tokens.keys),
            ])
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    service.is_well("generated requests").await;
}
