//! A log is added by form: what is refused and why, what is written, and when it is followed.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use plainsight_auditor::{Config, Identity, init};
use plainsight_specs::checkpoint::{Origin, SignedCheckpoint};
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use serde_json::Value;

use crate::dashboard::{Stage, send_form};
use crate::support::{Site, busy};
use crate::tiny_log::TinyLog;

const TOKEN: &str = "a token of the operator";
const OWN: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

fn with_token(config: &mut Config) {
    let path = config.dir.join("token");
    plainsight_auditor::config::write_secret(&path, TOKEN.as_bytes()).unwrap();
    config.dashboard.token_file = Some("token".into());
}

fn signer(origin: &str, seed: u8) -> Signer {
    let secret = SecretKey::from_seed(&[seed; 32]);
    Signer::new(KeyName::parse(origin).unwrap(), Algorithm::Ed25519, secret).unwrap()
}

/// A log elsewhere, of which only the checkpoint is shown.
async fn elsewhere(origin: &str, seed: u8) -> (Site, String) {
    let site = Site::open().await;
    let signer = signer(origin, seed);
    let head = TinyLog::new().head();
    let signed = SignedCheckpoint::sign(&Origin::parse(origin).unwrap(), head, &signer).unwrap();
    site.put("checkpoint", signed.to_bytes());
    (site, signer.verifier_key().to_string())
}

async fn send(stage: &Stage, vkey: &str, url: &str) -> (u16, String) {
    let fields = [("vkey", vkey), ("url", url), ("token", TOKEN)];
    send_form(&stage.auditor.base.join("logs"), &fields, &OWN).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_beside_its_field_and_nothing_is_written() {
    let stage = Stage::with(with_token).await;
    let (site, vkey) = elsewhere("log.example/other", 5).await;
    let url = site.url.clone();
    let stranger = signer("log.example/other", 6).verifier_key().to_string();
    let third = signer("log.example/third", 5).verifier_key().to_string();
    let followed = stage.log.log_key().to_string();
    let empty = Site::open().await;
    let garbage = Site::open().await;
    garbage.put("checkpoint", b"<script>alert(1)</script>".to_vec());
    let (key, address) = ("vkey-wrong", "url-wrong");
    for (vkey, url, id, words) in [
        ("no key", url.as_str(), key, "This is no verifier key"),
        (
            &stage.auditor.node.verifier_key.to_string(),
            &url,
            key,
            "This key cannot be used",
        ),
        (&followed, &url, key, "followed already"),
        (&stranger, &url, key, "not signed with this key"),
        (&third, &url, address, "is called log.example/other"),
        (
            &vkey,
            "ftp://log.example",
            address,
            "no address of a server",
        ),
        (
            &vkey,
            "http://127.0.0.1:1",
            address,
            "Nothing answers there",
        ),
        (&vkey, &empty.url, address, "HTTP 404"),
        (&vkey, &garbage.url, address, "What answers there is no log"),
    ] {
        let (status, html) = send(&stage, vkey, url).await;
        assert_eq!(status, 422, "{words}: {html}");
        let (_, said) = html
            .split_once(&format!("id=\"{id}\" role=\"alert\">"))
            .unwrap_or_else(|| panic!("{id}: {html}"));
        let said = said.split("</p>").next().unwrap();
        assert!(said.contains(words), "{words}: {said}");
        assert!(
            !html.contains("alert(1)") && !html.contains(TOKEN),
            "{html}"
        );
        assert!(html.contains(&format!(
            "aria-describedby=\"{}-help {id}\" aria-invalid",
            id.trim_end_matches("-wrong")
        )));
    }
    let config = Config::load(&stage.folder()).unwrap();
    assert_eq!(config.logs.len(), 1);
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_adds_a_log_and_only_from_this_site() {
    let stage = Stage::with(with_token).await;
    let (site, vkey) = elsewhere("log.example/other", 5).await;
    let url = stage.auditor.base.join("logs");
    let right = [
        ("vkey", vkey.as_str()),
        ("url", &site.url),
        ("token", TOKEN),
    ];
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")][..],
        &[("origin", "http://elsewhere.example")][..],
        &[][..],
    ] {
        assert_eq!(send_form(&url, &right, headers).await.0, 403, "{headers:?}");
    }
    assert_eq!(send_form(&url, &right[..2], &OWN).await.0, 400);
    let guess = [
        ("vkey", vkey.as_str()),
        ("url", &site.url),
        ("token", "a guess"),
    ];
    let (status, html) = send_form(&url, &guess, &OWN).await;
    assert_eq!(status, 403);
    assert!(
        html.contains("id=\"token-wrong\"") && html.contains(&vkey),
        "{html}"
    );
    for _ in 0..4 {
        send_form(&url, &guess, &OWN).await;
    }
    assert_eq!(send_form(&url, &right, &OWN).await.0, 429);
    assert_eq!(Config::load(&stage.folder()).unwrap().logs.len(), 1);
    stage.auditor.stop().await;

    let stage = Stage::open().await;
    assert!(!stage.text("/logs").await.contains("method=\"post\""));
    let url = stage.auditor.base.join("logs");
    assert_eq!(send_form(&url, &right, &OWN).await.0, 404);
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_starts_it_again_the_operator_is_told_to() {
    let stage = Stage::with(with_token).await;
    let (site, vkey) = elsewhere("log.example/other", 5).await;
    let (status, html) = send(&stage, &vkey, &site.url).await;
    assert_eq!(status, 200, "{html}");
    assert!(html.contains("log.example/other is added"), "{html}");
    assert!(
        html.contains("restart this auditor's service")
            || html.contains("restart this auditor&#39;s service"),
        "{html}"
    );
    let config = Config::load(&stage.folder()).unwrap();
    assert_eq!(config.logs.len(), 2);
    assert_eq!(config.logs[1].origin.as_str(), "log.example/other");
    let (status, html) = send(&stage, &vkey, &site.url).await;
    assert_eq!(status, 422, "once is enough: {html}");
    assert!(html.contains("it is listed already"), "{html}");
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_follows_a_log_that_was_added_without_being_started_again() {
    let (dir, site, log) = (tempfile::tempdir().unwrap(), Site::open().await, busy());
    site.publish(&log);
    let identity = Identity {
        name: "audit.example/adding".into(),
        organisation: "Test".into(),
        jurisdiction: "CH".into(),
    };
    init(dir.path(), &identity).unwrap();
    let token = dir.path().join("token");
    plainsight_auditor::config::write_secret(&token, TOKEN.as_bytes()).unwrap();
    let file = dir.path().join("auditor.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("\n[dashboard]\ntoken_file = \"token\"\n");
    std::fs::write(&file, text).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_plainsight-auditor"))
        .args(["serve", "--dir", dir.path().to_str().unwrap()])
        .env("PLAINSIGHT_AUDITOR_LISTEN", "127.0.0.1:0")
        .env("PLAINSIGHT_AUDITOR_POLL_INTERVAL_MS", "30")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let url = line.trim_end().rsplit(' ').next().unwrap().to_owned();
    let fields = [
        ("vkey", log.log_key().to_string()),
        ("url", site.url.clone()),
        ("token", TOKEN.to_owned()),
    ];
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (status, html) = send_form(&format!("{url}/logs"), &fields, &OWN).await;
    assert_eq!(status, 200, "{html}");
    assert!(html.contains("starts again by itself"), "{html}");
    // At the same address, whatever the system chose at first.
    line.clear();
    stdout.read_line(&mut line).unwrap();
    assert!(line.trim_end().ends_with(&url), "{line}");
    let mut followed = Value::Null;
    for _ in 0..600 {
        if let Ok(answer) = reqwest::get(format!("{url}/v1/logs")).await {
            followed = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            if followed[0]["verdict"] == "ok" {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(followed[0]["verdict"], "ok", "{followed:#}");
    child.kill().unwrap();
    child.wait().unwrap();
}
