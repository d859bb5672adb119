//! Alerts that reach people, and the signs of life of a node.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::receiver::{Arrived, Receiver};
use crate::support::{Auditor, Site, epoch, folder};
use crate::tiny_log;
use crate::tiny_log::{PROTECTIONS, RELEASES, TinyLog, release};
use plainsight_auditor::alert::WebhookKey;
use plainsight_auditor::config::{HeartbeatConfig, WebhookConfig, write_secret};
use plainsight_auditor::doctor::{Level, examine};
use plainsight_auditor::pulse::Disk;
use plainsight_auditor::{Config, acknowledge_alert};
use plainsight_client::http::BaseUrl;
use plainsight_specs::statement::{Audience, Body};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn log() -> TinyLog {
    let mut log = TinyLog::new();
    epoch(&mut log);
    log
}

fn webhook(config: &mut Config, url: &str) {
    write_secret(&config.dir.join("hook.key"), KEY.as_bytes()).unwrap();
    config.operations.webhooks.push(WebhookConfig {
        name: "chat".into(),
        url: format!("{url}/hook"),
        key_file: "hook.key".into(),
        timeout_s: 5,
        severities: Vec::new(),
    });
}

fn emergency(log: &mut TinyLog, version: &str) {
    let mut body = release(version, &[version.as_bytes()]);
    if let Body::Release(release) = &mut body {
        release.emergency = true;
        release.audience =
            Audience::Region(plainsight_specs::statement::Region::parse("CH").unwrap());
    }
    let draft = log.next(body);
    assert!(!log.push_statement(&draft, RELEASES).is_void());
    epoch(log);
}

fn codes(arrived: &[Arrived]) -> Vec<String> {
    arrived
        .iter()
        .map(|one| one.json()["alert"]["code"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_goes_once_to_every_channel_and_says_what_it_means() {
    let (dir, site, hook) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Receiver::open().await,
    );
    let mut log = log();
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    webhook(&mut config, &hook.url);
    config.operations.alert_file = Some(dir.path().join("alerts.jsonl"));
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    emergency(&mut log, "1.0");
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    let arrived = hook.wait(|arrived| arrived.len() >= 2).await;
    assert_eq!(codes(&arrived), ["narrow-audience", "emergency-release"]);
    let one = &arrived[0];
    let key = WebhookKey::parse(KEY).unwrap();
    let id = one.header("webhook-id");
    let timestamp = one.header("webhook-timestamp").parse().unwrap();
    assert_eq!(
        one.header("webhook-signature"),
        key.sign(id, timestamp, &one.body)
    );
    let told = one.json();
    assert_eq!(
        (&told["id"], &told["event"]),
        (&id.into(), &"raised".into())
    );
    assert_eq!(told["auditor"], "audit.example/test");
    let alert = &told["alert"];
    assert_eq!(alert["severity"], "policy");
    assert_eq!(alert["log"], tiny_log::ORIGIN);
    for sentence in ["text", "proven", "not_proven", "next"] {
        assert!(alert[sentence].as_str().unwrap().len() > 10, "{sentence}");
    }
    // The same fact again is no news, and the file has what the hook had.
    emergency(&mut log, "1.1");
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    let arrived = hook.wait(|arrived| arrived.len() >= 4).await;
    let ids: BTreeSet<_> = arrived.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!((arrived.len(), ids.len()), (4, 4));
    let file = config.operations.alert_file.clone().unwrap();
    crate::support::until("the file", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.lines().count() == 4)
    })
    .await;
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: BTreeSet<_> = text.lines().map(str::to_owned).collect();
    assert_eq!(lines, arrived.iter().map(|one| one.body.clone()).collect());
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_is_public_and_told() {
    let (dir, site, hook) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Receiver::open().await,
    );
    let mut log = log();
    emergency(&mut log, "1.0");
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    webhook(&mut config, &hook.url);
    let auditor = Auditor::start(&config).await;
    let alert = auditor.wait_alert("emergency-release").await;
    let id = alert["id"].as_str().unwrap().to_owned();
    assert!(acknowledge_alert(&config, &id, "two\nlines").await.is_err());
    acknowledge_alert(&config, &id, "the maker explained it")
        .await
        .unwrap();
    assert!(acknowledge_alert(&config, &id, "again").await.is_err());
    let shown = auditor.wait_alert("emergency-release").await;
    assert_eq!(shown["acknowledged"]["reason"], "the maker explained it");
    let arrived = hook
        .wait(|arrived| {
            arrived
                .iter()
                .any(|one| one.json()["event"] == "acknowledged")
        })
        .await;
    assert_eq!(arrived.len(), 3);
    let feed = auditor.text("alerts.atom").await;
    assert!(
        feed.contains("the maker explained it") && feed.contains(&id),
        "{feed}"
    );
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_fails_is_tried_again_and_is_an_alert_for_the_others() {
    let (dir, site, hook) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Receiver::open().await,
    );
    let mut log = log();
    for version in ["1", "2", "3"] {
        emergency(&mut log, version);
    }
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    webhook(&mut config, &hook.url);
    let file = dir.path().join("alerts.jsonl");
    config.operations.alert_file = Some(file.clone());
    // All six are refused once: one after the other, no hold-up.
    hook.refuse(6);
    let auditor = Auditor::start(&config).await;
    let failing = auditor.wait_alert("channel-failing").await;
    assert_eq!(
        (&failing["severity"], &failing["subject"]),
        (&"self".into(), &"chat".into())
    );
    let arrived = hook.wait(|arrived| arrived.len() >= 12).await;
    let mut times: BTreeMap<_, u32> = BTreeMap::new();
    for one in &arrived {
        *times
            .entry(one.header("webhook-id").to_owned())
            .or_default() += 1;
    }
    assert_eq!(times.len(), 6, "the same ids, and nothing about itself");
    assert!(times.values().all(|times| *times == 2), "{times:?}");
    crate::support::until("the other channel to know", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("channel-failing"))
    })
    .await;
    let resolved = auditor.wait_alert("channel-failing").await["resolved"].clone();
    assert!(resolved.is_string(), "it works again");
    auditor.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_gets_its_environment_and_no_more_than_its_time() {
    use plainsight_auditor::alert::channel::{Channel, ChannelError, Way};
    use plainsight_auditor::alert::{Message, Sender};
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    let dir = tempfile::tempdir().unwrap();
    let sender = Sender {
        name: "audit.example".into(),
        organisation: "Example".into(),
        url: None,
    };
    let message = Message::test(&sender, "n", 1_800_000_000);
    let script = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let run = async |program, timeout| {
        let channel = Channel {
            name: "hook".into(),
            severities: Vec::new(),
            way: Way::Hook { program, timeout },
        };
        channel.send(&message, 0).await
    };
    let out = dir.path().join("out");
    let body = format!("env > {0}; cat >> {0}", out.display());
    run(script("ok", &body), Duration::from_secs(20))
        .await
        .unwrap();
    let seen = std::fs::read_to_string(&out).unwrap();
    for line in [
        "PLAINSIGHT_EVENT=test",
        "PLAINSIGHT_SEVERITY=self",
        "PLAINSIGHT_CODE=test",
        "PLAINSIGHT_TIME=1800000000",
        "PLAINSIGHT_MESSAGE_ID=audit.example.test-n.test",
        "PLAINSIGHT_ALERT_ID=test-n",
        "PLAINSIGHT_SUBJECT=n",
        "PLAINSIGHT_LOG=",
        "PLAINSIGHT_REASON=",
    ] {
        assert!(seen.lines().any(|seen| seen == line), "{line} in {seen}");
    }
    assert!(seen.contains(&message.body), "{seen}");
    assert!(!seen.contains("CARGO"), "nothing of our own environment");
    let failed = run(script("bad", "exit 3"), Duration::from_secs(20)).await;
    assert!(matches!(failed, Err(ChannelError::Exit(_))), "{failed:?}");
    let words =
        "echo the pager is >&2; echo off >&2; (sleep 5) & head -c 200000 /dev/zero >&2; exit 3";
    let failed = run(script("words", words), Duration::from_secs(20)).await;
    let why = failed.unwrap_err().to_string();
    assert!(why.contains("said: the pager is off"), "{why}");
    assert!(why.chars().count() < 400, "{why}");
    let slow = run(script("slow", "exec sleep 600"), Duration::from_millis(200)).await;
    assert!(matches!(slow, Err(ChannelError::Slow(_))), "{slow:?}");
    let none = run(dir.path().join("none"), Duration::from_secs(1)).await;
    assert!(matches!(none, Err(ChannelError::Start(_))), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heartbeat_comes_while_auditing_makes_progress() {
    let (dir, site, deadman) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Receiver::open().await,
    );
    let log = log();
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    config.operations.heartbeat = Some(HeartbeatConfig {
        url: format!("{}/ping", deadman.url),
        every_s: 1,
    });
    let auditor = Auditor::start(&config).await;
    let arrived = deadman.wait(|arrived| arrived.len() >= 2).await;
    let ping = |one: &Arrived| one.method == "GET" && one.path == "/ping" && one.body.is_empty();
    assert!(arrived.iter().all(ping));
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_nothing_is_cosigned_and_with_room_it_goes_on() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = log();
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let room = Arc::new(AtomicU64::new(u64::MAX));
    let measured = room.clone();
    let disk = Disk::with(move |_| Ok(measured.load(Ordering::SeqCst)));
    let auditor = Auditor::start_on(&config, disk).await;
    auditor.wait_ok(log.size()).await;
    let before = log.size();
    room.store(1 << 20, Ordering::SeqCst);
    let alert = auditor.wait_alert("disk-full").await;
    assert_eq!(alert["severity"], "self");
    let older = log.size().get();
    emergency(&mut log, "1.0");
    site.publish(&log);
    let answer = auditor
        .ask(older, log.consistency(older), &log.signed())
        .await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(String::from_utf8_lossy(&answer.body).contains("no room"));
    assert_eq!(auditor.log().await["cosigned"]["size"], before.get());
    room.store(u64::MAX, Ordering::SeqCst);
    auditor.wait_ok(log.size()).await;
    assert!(auditor.wait_alert("disk-full").await["resolved"].is_string());
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_and_the_measures_say_who_and_how() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = log();
    emergency(&mut log, "1.0");
    let lapsed = log.next(tiny_log::protection(
        plainsight_specs::statement::ProtectionState::Withdrawn,
    ));
    log.push_statement(&lapsed, PROTECTIONS);
    epoch(&mut log);
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    config.operations.contact = Some("<script>@example.org".into());
    config.operations.admin_listen = Some("127.0.0.1:0".parse().unwrap());
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    let page = auditor.text("").await;
    assert!(page.contains("Test") && page.contains("CH") && page.contains(tiny_log::ORIGIN));
    let about_page = auditor.text("about").await;
    assert!(
        about_page.contains("&#60;script&#62;@example.org"),
        "{about_page}"
    );
    assert!(!about_page.contains("<script>@"));
    assert!(page.contains("width=device-width"));
    let about = auditor.json("v1/about").await;
    assert_eq!(about["vkey"], auditor.node.verifier_key.to_string());
    assert_eq!(about["watch_vkey"], auditor.node.watch_key.to_string());
    assert_eq!(about["logs"][0]["verdict"], "ok");
    let admin = BaseUrl::parse(&format!("http://{}", auditor.node.admin_addr.unwrap())).unwrap();
    let measures = auditor
        .http
        .read(&admin.join("metrics"), 1 << 20)
        .await
        .unwrap();
    let measures = String::from_utf8(measures).unwrap();
    let size = log.size().get();
    for line in [
        format!(
            "plainsight_auditor_log_cosigned_entries{{origin=\"{}\"}} {size}",
            tiny_log::ORIGIN
        ),
        format!(
            "plainsight_auditor_log_held_entries{{origin=\"{}\"}} {size}",
            tiny_log::ORIGIN
        ),
        "plainsight_auditor_alerts_open{severity=\"policy\"} 3".into(),
        "plainsight_auditor_alerts_open{severity=\"tamper\"} 0".into(),
    ] {
        assert!(
            measures.lines().any(|found| found == line),
            "{line} in {measures}"
        );
    }
    assert!(
        auditor
            .http
            .read(&auditor.base.join("metrics"), 100)
            .await
            .is_err(),
        "not in public"
    );
    let lines = examine(&config, &Disk::system()).await;
    let failed: Vec<_> = lines
        .iter()
        .filter(|line| line.level == Level::Fail)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.text.starts_with("last cosignature"))
    );
    auditor.stop().await;
}

fn serve(dir: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_plainsight-auditor"))
        .args(["serve", "--dir", dir.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_nothing_is_lost_and_what_is_repeated_has_its_id() {
    let (dir, site, hook) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Receiver::open().await,
    );
    let mut log = log();
    for version in 0..20 {
        emergency(&mut log, &version.to_string());
    }
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    write_secret(&dir.path().join("hook.key"), KEY.as_bytes()).unwrap();
    let path = dir.path().join("auditor.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let channels = format!(
        "alert_file = \"alerts.jsonl\"\n\n[[webhook]]\nname = \"chat\"\nurl = \"{}/hook\"\nkey_file = \
         \"hook.key\"\n\n[[log]]",
        hook.url
    );
    let text = text
        .replace(":8090", ":0")
        .replacen("[[log]]", &channels, 1);
    std::fs::write(&path, text).unwrap();
    Config::load(&config.dir).unwrap();
    for milliseconds in [150u64, 250, 350, 500, 700] {
        let mut child = serve(dir.path());
        tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut child = serve(dir.path());
    let ids = |arrived: &[Arrived]| -> BTreeSet<String> {
        arrived
            .iter()
            .map(|one| one.header("webhook-id").to_owned())
            .collect()
    };
    let arrived = hook.wait(|arrived| ids(arrived).len() == 40).await;
    let mut bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in &arrived {
        let id = one.header("webhook-id").to_owned();
        bodies.entry(id).or_default().insert(one.body.clone());
    }
    assert!(
        bodies.values().all(|bodies| bodies.len() == 1),
        "one id, one message"
    );
    let file = dir.path().join("alerts.jsonl");
    let lines = || -> Vec<String> {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    crate::support::until("the file", || lines().len() >= 40).await;
    let lines = lines();
    let distinct: BTreeSet<_> = lines.iter().collect();
    assert_eq!(
        (lines.len(), distinct.len()),
        (40, 40),
        "the file has each once"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}
