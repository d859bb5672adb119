//! Strangers who mean harm, against the program itself.

#[path = "../../../log-server/tests/support/planted.rs"]
mod planted;
#[path = "../../../log-server/tests/support/hostile.rs"]
mod strangers;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Site, folder, grow};
use crate::tiny_log::TinyLog;
use plainsight_auditor::config::write_secret;
use plainsight_specs::codec::base64_bytes;
use plainsight_specs::hash::sha256;
use plainsight_specs::index::IndexKey;
use plainsight_specs::watch::{RegisterRequest, WatchedIndexes};
use planted::{Planted, none_in};
use strangers::Service;

/// Ended when the test ends, however it does.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves, and writes what happens at this level.
fn serve(dir: &Path, level: &str, told: Stdio) -> (Process, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plainsight-auditor"))
        .args(["serve", "--dir", dir.to_str().unwrap()])
        .env("RUST_LOG", level)
        .stdout(Stdio::piped())
        .stderr(told)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let url = line.trim_end().rsplit(' ').next().unwrap();
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let address = address.parse().unwrap();
    (Process(child), address)
}

#[tokio::test(flavor = "multi_thread")]
async fn withstands_strangers() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..300);
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let path = config.dir.join("auditor.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace(":8090", ":0")).unwrap();
    // All strangers of this test have one address.
    let limits = "\n[limits]\nposts_per_minute = 0\nhead_ms = 1000\nconnections_per_client = 0\n";
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    file.write_all(limits.as_bytes()).unwrap();
    let (process, address) = serve(&config.dir, "off", Stdio::null());
    let service = Service {
        address,
        pid: process.0.id(),
        well: "/livez",
        large: "/".into(),
        posts: &[
            "/add-checkpoint",
            "/v1/checkpoint",
            "/v1/index",
            "/v1/watch",
            "/v1/watch/report",
            "/v1/watch/announce",
            "/v1/watch/cancel",
        ],
    };
    service.withstands_all().await;

    // A page of another site may ask, in nobody's name: there is nothing that a browser adds.
    let page = "Origin: https://evil.example\r\nContent-Type: text/plain\r\n";
    let reply = service.post("/v1/watch/cancel", page, b"{}").await;
    assert_eq!(reply.status, Some(400));
    let text = reply.text.to_ascii_lowercase();
    assert!(!text.contains("access-control-allow-credentials"), "{text}");
    assert!(!text.contains("set-cookie"), "{text}");
    // It did its own work meanwhile, or does it now.
    let checkpoint = format!(
        "/{}/checkpoint",
        sha256(log.origin.as_str().as_bytes()).to_hex()
    );
    for _ in 0..1200 {
        if service.get(&checkpoint).await.status == Some(200) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("it cosigns nothing any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_its_secrets_to_itself() {
    const WEBHOOK: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..20);
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    write_secret(&config.dir.join("hook.key"), WEBHOOK.as_bytes()).unwrap();
    let path = config.dir.join("auditor.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let hook = "\n[[webhook]]\nname = \"chat\"\nurl = \"http://127.0.0.1:9/planted-in-url\"\n\
                key_file = \"hook.key\"\ntimeout_s = 1\n";
    std::fs::write(&path, format!("{}{hook}", text.replace(":8090", ":0"))).unwrap();
    let file = dir.path().join("told");
    let told = std::fs::File::create(&file).unwrap();
    let (process, address) = serve(&config.dir, "trace", told.into());
    let service = Service {
        address,
        pid: process.0.id(),
        well: "/livez",
        large: "/".into(),
        posts: &[],
    };
    let index = IndexKey::private(sha256(b"what an owner waits for"));
    let register = RegisterRequest {
        origin: log.origin.clone(),
        indexes: WatchedIndexes::new(vec![index]).unwrap(),
    };
    let mut answer = service.post("/v1/watch", "", &register.to_json()).await;
    for _ in 0..600 {
        if answer.status == Some(200) {
            break;
        }
        // It takes no watch before it holds the log.
        assert_eq!(answer.status, Some(503), "{}", answer.text);
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        answer = service.post("/v1/watch", "", &register.to_json()).await;
    }
    let body = answer.text.split("\r\n\r\n").nth(1).unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let token = body["token"].as_str().unwrap().to_owned();
    let seed = |file: &str| {
        let text = std::fs::read_to_string(config.dir.join(file)).unwrap();
        let (_, encoded) = text.trim().rsplit_once('+').unwrap();
        // Base64 may have a plus of its own: the seed is what is behind the type's byte.
        let whole = text.trim().splitn(5, '+').nth(4).unwrap_or(encoded);
        base64_bytes(whole, 64).unwrap()[1..].to_vec()
    };
    let planted = [
        Planted::bytes("the cosigner's seed", &seed("cosigner.key")),
        Planted::bytes("the watch key's seed", &seed("watch.key")),
        Planted::text("the webhook's secret", WEBHOOK),
        Planted::bytes(
            "the webhook's bytes",
            &base64_bytes(WEBHOOK.trim_start_matches("whsec_"), 64).unwrap(),
        ),
        Planted::text("a path that lets somebody in", "planted-in-url"),
        Planted::bytes("a watch's token", &base64_bytes(&token, 64).unwrap()),
        Planted::bytes("a watched index", index.as_bytes()),
    ];
    let with_token = format!("{{\"token\":\"{token}\"}}");
    let half = &with_token[..with_token.len() - 1];
    let mut answers = Vec::new();
    for (path, body) in [
        ("/v1/watch/report", with_token.as_str()),
        ("/v1/watch/report", half),
        ("/v1/watch/announce", &with_token),
        ("/v1/watch/cancel", &with_token),
        ("/v1/watch/cancel", &with_token),
    ] {
        answers.push(service.post(path, "", body.as_bytes()).await.text);
    }
    for path in ["/", "/v1/logs", "/v1/about", "/v1/alerts", "/readyz"] {
        answers.push(service.get(path).await.text);
    }
    drop(process);
    for answer in &answers {
        none_in(&planted, "an answer", answer.as_bytes());
    }
    let written = std::fs::read(&file).unwrap();
    assert!(written.len() > 5_000, "it told next to nothing");
    none_in(&planted, "what it writes at trace", &written);
    // A key that does not parse: named, not shown.
    let key = config.dir.join("cosigner.key");
    let text = std::fs::read_to_string(&key).unwrap();
    std::fs::write(&key, text.replace("PRIVATE", "PRIVAT")).unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_plainsight-auditor"))
        .args(["serve", "--dir", config.dir.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!refused.status.success());
    none_in(&planted, "a refusal to start", &refused.stderr);
    none_in(&planted, "a refusal to start", &refused.stdout);
}
