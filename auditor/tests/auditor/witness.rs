//! C2SP tlog-witness: each status of its text, requests written by hand, and who asks too much.

use plainsight_auditor::LimitConfig;
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::codec::to_base64;
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::hash::sha256;
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::note::{Algorithm, KeyName, SignatureLine, Signer};

use crate::support::{Auditor, Site, folder, grow};
use crate::tiny_log::{ORIGIN, TinyLog, secret};

/// A checkpoint of this text, signed as the log's.
fn note(text: &str, signers: &[&Signer]) -> String {
    let mut note = format!("{text}\n");
    for signer in signers {
        note.push_str(&signer.sign(text).unwrap().to_string());
        note.push('\n');
    }
    note
}

fn text(head: TreeHead) -> String {
    format!("{ORIGIN}\n{}\n{}\n", head.size, head.root.to_base64())
}

struct Stage {
    _dir: tempfile::TempDir,
    site: Site,
    log: TinyLog,
    auditor: Auditor,
}

async fn stage() -> Stage {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    site.serve(&log);
    Stage {
        _dir: dir,
        site,
        log,
        auditor,
    }
}

impl Stage {
    async fn status(&self, body: &str) -> u16 {
        self.auditor
            .post("add-checkpoint", body.as_bytes())
            .await
            .status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_status_in_the_order_of_the_text() {
    let stage = stage().await;
    let (log, auditor) = (&stage.log, &stage.auditor);
    let head = log.head();
    let size = head.size.get();
    let good = note(&text(head), &[&log.signer]);

    // 400: not a request.
    for body in [
        String::new(),
        format!("old +0\n\n{good}"),
        format!("old 00\n\n{good}"),
        format!("old 0\n{good}"),
        format!("old 0\nAAAA\n\n{good}"),
        format!("old 0\n\n{ORIGIN}\n{size}\n"),
        format!(
            "old 0\n{}\n{good}",
            "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=\n".repeat(64)
        ),
    ] {
        assert_eq!(stage.status(&body).await, 400, "{body:?}");
    }
    // 404 before 403: the origin is looked at first.
    let unknown = good.replace(ORIGIN, "log.example/unknown");
    assert_eq!(stage.status(&format!("old 0\n\n{unknown}")).await, 404);
    // 403: by nobody known, by a key of the same name, and a bad line by the known key beside a
    // good one.
    let name = KeyName::parse(ORIGIN).unwrap();
    let impostor = Signer::new(name, Algorithm::Ed25519, secret(99)).unwrap();
    let forged = note(&text(head), &[&impostor]);
    assert_eq!(stage.status(&format!("old 0\n\n{forged}")).await, 403);
    let mut line = log.signer.sign("something else\n").unwrap();
    assert_eq!(
        stage.status(&format!("old 0\n\n{good}{line}\n")).await,
        403,
        "a known key's line that fails"
    );
    // Lines by unknown keys do not matter, a line under the auditor's own name included.
    line.name = auditor.node.verifier_key.name().clone();
    // 400: old above the size.
    let body = format!("old {}\n\n{good}", size + 1);
    assert_eq!(stage.status(&body).await, 400);
    // 409 with the size: nothing was cosigned.
    let answer = auditor
        .post("add-checkpoint", format!("old {size}\n\n{good}").as_bytes())
        .await;
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (409, b"0\n".as_slice())
    );
    assert_eq!(answer.content_type.as_deref(), Some("text/x.tlog.size"));
    // 422: size 0 with a root that is not the empty tree's; a proof where old is 0.
    let zero = note(
        &format!("{ORIGIN}\n0\n{}\n", head.root.to_base64()),
        &[&log.signer],
    );
    assert_eq!(stage.status(&format!("old 0\n\n{zero}")).await, 422);
    let hash = to_base64(head.root.as_bytes());
    assert_eq!(stage.status(&format!("old 0\n{hash}\n\n{good}")).await, 422);
    // Nothing of all that was kept.
    let mirror = auditor.mirror();
    assert!(mirror.checkpoint().await.unwrap_err().is_not_found());

    // 200, and what is kept has the verified lines only.
    let forged_own = format!("old 0\n\n{good}{line}\n");
    let answer = auditor.post("add-checkpoint", forged_own.as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let kept = String::from_utf8(mirror.checkpoint().await.unwrap()).unwrap();
    assert!(!kept.contains(&line.to_string()));
    let given = String::from_utf8(answer.body).unwrap();
    assert!(kept.ends_with(&given), "the answer is what was stored");
    let given = SignatureLine::parse(given.trim_end()).unwrap();
    let key = &auditor.node.verifier_key;
    Cosignature::verify(&given, &text(head), key).unwrap();

    // 422: the same size with another root.
    let other = TreeHead {
        root: sha256(b"other"),
        ..head
    };
    let fork = note(&text(other), &[&log.signer]);
    assert_eq!(stage.status(&format!("old {size}\n\n{fork}")).await, 422);
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_has_room_for_post_quantum_lines_and_no_more() {
    let stage = stage().await;
    let good = note(&text(stage.log.head()), &[&stage.log.signer]);
    let line = SignatureLine {
        name: KeyName::parse("witness.example/ml-dsa").unwrap(),
        id: plainsight_specs::note::KeyId::from_bytes([6; 4]),
        body: vec![7; 8 + 2420],
    };
    let lines = format!("{line}\n").repeat(16);
    assert_eq!(stage.status(&format!("old 0\n\n{good}{lines}")).await, 200);
    let many = format!("{line}\n").repeat(60);
    assert_eq!(stage.status(&format!("old 0\n\n{good}{many}")).await, 413);
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_with_extension_lines_is_not_cosigned() {
    let mut stage = stage().await;
    let extended = format!("{}more\n", text(stage.log.head()));
    let note = note(&extended, &[&stage.log.signer]);
    let body = format!("old 0\n\n{note}");
    let answer = stage.auditor.post("add-checkpoint", body.as_bytes()).await;
    assert_eq!(answer.status, 422);
    let why = String::from_utf8(answer.body).unwrap();
    assert!(why.contains("extension lines"), "{why}");
    // Nobody is accused, and the same head without them is fine.
    let log = stage.auditor.log().await;
    assert_eq!(log["evidence"], serde_json::json!([]));
    let head = stage.log.signed();
    assert_eq!(stage.auditor.ask(0, Vec::new(), &head).await.status, 200);
    grow(&mut stage.log, 10..12);
    stage.site.publish(&stage.log);
    stage.auditor.wait_ok(stage.log.size()).await;
    assert_eq!(stage.auditor.alerts().await, Vec::<String>::new());
    stage.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_may_change_its_key_while_the_old_one_stays_listed() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
    let old_key = log.log_key();
    let name = KeyName::parse(ORIGIN).unwrap();
    log.signer = Signer::new(name, Algorithm::Ed25519, secret(77)).unwrap();
    config.logs[0].key = log.log_key();
    config.logs[0].keys = vec![log.log_key(), old_key.clone()];
    grow(&mut log, 3..6);
    site.publish(&log);
    let auditor = Auditor::start(&config).await;
    let status = auditor.wait_ok(log.size()).await;
    assert_eq!(status["vkeys"].as_array().unwrap().len(), 2);
    auditor.stop().await;
    // Without the key that signed what is held, nothing could be held against the log.
    config.logs[0].keys = vec![log.log_key()];
    let refused = plainsight_auditor::Node::start(config).await.unwrap_err();
    assert!(
        refused.to_string().contains(&old_key.to_string()),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_much_is_told_to_wait_and_reads_go_on() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.serve(&log);
    let mut config = folder(dir.path(), &log, &site);
    config.limits = LimitConfig {
        posts_per_minute: 1,
        posts_burst: 3,
        ..LimitConfig::default()
    };
    let auditor = Auditor::start(&config).await;
    let head = log.signed();
    assert_eq!(auditor.ask(0, Vec::new(), &head).await.status, 200);
    assert_eq!(auditor.ask(0, Vec::new(), &head).await.status, 409);
    assert_eq!(auditor.post("v1/checkpoint", b"x").await.status, 400);
    for path in ["add-checkpoint", "v1/checkpoint", "v1/index"] {
        let answer = auditor.post(path, b"x").await;
        assert_eq!(answer.status, 429, "{path}");
        assert!(answer.retry_after.unwrap() >= 1);
        let kind = answer.content_type.unwrap();
        assert_eq!(kind, "application/problem+json", "{path}");
    }
    assert_eq!(auditor.log().await["cosigned"]["size"], log.size().get());
    auditor.mirror().checkpoint().await.unwrap();
    auditor.stop().await;
}

/// Bodies that never come, from one client, and idle connections from it: others are cosigned for.
#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_and_idle_connections_keep_nobody_from_being_cosigned() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.serve(&log);
    let mut config = folder(dir.path(), &log, &site);
    config.limits.connections_per_client = 64;
    config.limits.connections = 100;
    let auditor = Auditor::start(&config).await;
    let address = auditor.node.local_addr;
    let slow = b"POST /v1/checkpoint HTTP/1.1\r\nhost: a\r\ncontent-length: 900\r\n\r\nx";
    let connect = async |client: u8| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, client], 0).into()).unwrap();
        socket.connect(address).await.unwrap()
    };
    let mut idle = Vec::new();
    for _ in 0..64 {
        idle.push(connect(2).await);
    }
    for _ in 0..64 {
        let refused = connect(2).await.read(&mut [0; 8]).await.unwrap_or(0);
        assert_eq!(refused, 0, "one client has as many connections as it may");
    }
    let head = log.signed();
    assert_eq!(auditor.ask(0, Vec::new(), &head).await.status, 200);
    drop(idle);
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let mut stream = connect(3).await;
        stream.write_all(slow).await.unwrap();
        waiting.push(stream);
    }
    assert_eq!(auditor.ask(0, Vec::new(), &head).await.status, 409);
    // Half of them were refused at once, and the others when their bodies did not come.
    for mut stream in waiting {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        let status = String::from_utf8_lossy(&answer[9..]).into_owned();
        assert!(["408", "429"].contains(&status.as_str()), "{status}");
    }
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_answered_with_later_and_harms_nothing() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    let mut config = folder(dir.path(), &log, &site);
    config.limits.connections_per_client = 0;
    let auditor = Auditor::start(&config).await;
    // The log says nothing at all, so that whoever asks waits for a first look at it.
    site.hang(true);
    let head: SignedCheckpoint = log.signed();
    let request = plainsight_specs::witness::AddCheckpoint {
        old: plainsight_specs::merkle::TreeSize::ZERO,
        proof: Vec::new(),
        checkpoint: UnverifiedCheckpoint::parse(&head.to_bytes()).unwrap(),
    }
    .to_bytes();
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..300 {
        let (http, url, body) = (
            auditor.http.clone(),
            auditor.base.join("add-checkpoint"),
            request.clone(),
        );
        flood.spawn(async move {
            let post = plainsight_client::http::Post {
                url: &url,
                content_type: "text/plain",
                body: &body,
                bearer: None,
                limit: 4096,
            };
            http.send(post).await.unwrap()
        });
    }
    let mut statuses = std::collections::BTreeMap::new();
    while let Some(answer) = flood.join_next().await {
        let answer = answer.unwrap();
        assert!(answer.retry_after.is_some(), "{answer:?}");
        *statuses.entry(answer.status).or_insert(0u32) += 1;
    }
    assert_eq!(
        statuses.values().sum::<u32>(),
        300,
        "nobody is left without an answer"
    );
    assert!(
        statuses.keys().all(|status| [429, 503].contains(status)),
        "{statuses:?}"
    );
    site.hang(false);
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    assert_eq!(auditor.log().await["evidence"], serde_json::json!([]));
    auditor.stop().await;
}
