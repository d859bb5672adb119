//! An honest log: followed, cosigned, mirrored, and followed again after everything that can
//! happen to an auditor.

use crate::support::{Auditor, Site, database, epoch, folder, grow, now_ms};
use crate::tiny_log::{PROTECTIONS, RELEASES, TinyLog, protection, release, secret};
use plainsight_auditor::check::check;
use plainsight_auditor::{FollowedLog, LogConfig};
use plainsight_specs::checkpoint::{Origin, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::entry::Entry;
use plainsight_specs::hash::sha256;
use plainsight_specs::head::{HeadBlock, Trust};
use plainsight_specs::index::{IndexKey, IndexProof};
use plainsight_specs::json;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::policy::Policy;
use plainsight_specs::rules::Replay;
use plainsight_specs::statement::{Audience, Body, ProtectionState};
use plainsight_specs::tile::{TilePath, parse_bundle};
use plainsight_specs::time::Timestamp;

#[tokio::test(flavor = "multi_thread")]
async fn follows_cosigns_and_mirrors_an_honest_log() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    // Across tiles and chunks.
    grow(&mut log, 3..700);
    site.publish(&log);
    auditor.wait_ok(log.size()).await;

    let mirror = auditor.mirror();
    let note = mirror.checkpoint().await.unwrap();
    let signed = UnverifiedCheckpoint::parse(&note)
        .unwrap()
        .verify_log(&[log.log_key()])
        .unwrap();
    assert_eq!(signed.head(), log.head());
    let line = &signed.other_lines()[0];
    Cosignature::verify(line, signed.text(), &auditor.node.verifier_key).unwrap();
    for path in [
        "tile/0/001",
        "tile/0/002.p/191",
        "tile/1/000.p/2",
        "tile/0/001.p/7",
    ] {
        let path = TilePath::parse(path).unwrap();
        let bytes = mirror.tile(path).await.unwrap();
        let expected: Vec<u8> = log
            .tiles
            .get(&path)
            .unwrap()
            .iter()
            .flat_map(|hash| *hash.as_bytes())
            .collect();
        assert_eq!(bytes, expected);
    }
    let bundle = TilePath::parse("tile/entries/002.p/191").unwrap();
    assert_eq!(mirror.bundle(bundle).await.unwrap(), log.entries[512..]);
    assert!(
        mirror
            .bundle(TilePath::parse("tile/entries/003").unwrap())
            .await
            .unwrap_err()
            .is_not_found()
    );
    let raw = site.get("tile/entries/001");
    assert_eq!(parse_bundle(&raw, 256).unwrap().len(), 256);
    assert_eq!(auditor.alerts().await, Vec::<String>::new());
    auditor.stop().await;
    let checked = check(&config).await.unwrap();
    assert_eq!(checked[0].faults, Vec::<String>::new());
    assert_eq!(checked[0].size, log.size());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_add_checkpoint_as_c2sp_says() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    // Nothing is published: the log asks first, and serves what it asks about.
    site.serve(&log);
    let first = log.signed();
    let answer = auditor.ask(0, Vec::new(), &first).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let line = String::from_utf8(answer.body).unwrap();
    let line = plainsight_specs::note::SignatureLine::parse(line.trim_end()).unwrap();
    Cosignature::verify(&line, first.text(), &auditor.node.verifier_key).unwrap();

    let older = first.head().size.get();
    grow(&mut log, 3..9);
    site.serve(&log);
    let second = log.signed();
    let size = format!("{older}\n").into_bytes();
    let answer = auditor.ask(0, Vec::new(), &second).await;
    assert_eq!((answer.status, &answer.body), (409, &size));
    assert_eq!(answer.content_type.as_deref(), Some("text/x.tlog.size"));
    assert_eq!(auditor.ask(older, Vec::new(), &second).await.status, 422);
    assert_eq!(
        auditor
            .ask(second.head().size.get() + 1, Vec::new(), &second)
            .await
            .status,
        400
    );
    assert_eq!(auditor.post("add-checkpoint", b"old 1\n").await.status, 400);
    let answer = auditor.ask(older, log.consistency(older), &second).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let newer = second.head().size.get();
    assert_eq!(auditor.ask(newer, Vec::new(), &second).await.status, 200);
    let answer = auditor.ask(older, log.consistency(older), &second).await;
    assert_eq!(answer.status, 409);

    // Signed by somebody else under the log's name, and a log that nobody knows.
    let body = String::from_utf8(second.to_bytes()).unwrap();
    let forged = body.replacen(&format!("\n{newer}\n"), &format!("\n{}\n", newer + 1), 1);
    let request = format!("old {newer}\n\n{forged}");
    assert_eq!(
        auditor
            .post("add-checkpoint", request.as_bytes())
            .await
            .status,
        403
    );
    let unknown = body.replace("log.example/tiny", "log.example/other");
    let request = format!("old {newer}\n\n{unknown}");
    assert_eq!(
        auditor
            .post("add-checkpoint", request.as_bytes())
            .await
            .status,
        404
    );
    // A bad proof for a head that extends is nobody's fault.
    assert_eq!(auditor.log().await["verdict"], "ok");
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_ahead_of_the_clock_is_withheld_and_no_accusation() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    let epoch = log.replay.next_epoch(now_ms() + 63_000);
    log.push(epoch.to_bytes().to_vec());
    site.serve(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    let answer = auditor.ask(0, Vec::new(), &log.signed()).await;
    assert_eq!(answer.status, 503);
    assert!(answer.retry_after.is_some());
    let alert = auditor.wait_alert("clock-ahead").await;
    assert_eq!(alert["severity"], "availability");
    // Another head, and the same fact.
    let epoch = log.replay.next_epoch(now_ms() + 63_000);
    log.push(epoch.to_bytes().to_vec());
    site.serve(&log);
    let answer = auditor.ask(0, Vec::new(), &log.signed()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(auditor.alerts().await, ["clock-ahead"]);
    assert_eq!(auditor.log().await["evidence"], serde_json::json!([]));
    // The genesis allows 60 seconds: in a few seconds the same head is fine.
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn goes_on_where_it_stopped() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..300);
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
    grow(&mut log, 300..301);
    // What it holds is not asked for again: the log shows the new part only.
    let tail = TilePath::parse("tile/entries/001.p/48").unwrap();
    site.clear();
    site.publish(&log);
    assert_eq!(tail.index(), 1);
    site.put("tile/entries/000", b"gone".to_vec());
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_the_database_signs_nothing() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
    let copy = database::back_up(&config);

    let auditor = Auditor::start(&config).await;
    grow(&mut log, 3..6);
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    let cosigned = auditor.mirror().checkpoint().await.unwrap();
    auditor.stop().await;

    database::put_back(&config, &copy);
    std::fs::remove_dir_all(dir.path().join("high-water")).unwrap();
    // The log publishes our own cosignature beside its signature.
    site.put("checkpoint", cosigned);
    let auditor = Auditor::start(&config).await;
    let alert = auditor.wait_alert("rolled-back").await;
    assert_eq!(alert["severity"], "self");
    assert!(alert["text"].as_str().unwrap().contains("Restore"));
    let old = auditor.log().await["cosigned"]["size"].as_u64().unwrap();
    let answer = auditor.ask(old, log.consistency(old), &log.signed()).await;
    assert_eq!(answer.status, 503);
    auditor.stop().await;
    // Not even when the log stops showing it.
    site.publish(&log);
    let auditor = Auditor::start(&config).await;
    let answer = auditor.ask(old, log.consistency(old), &log.signed()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(auditor.log().await["verdict"], "stopped");
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proves_what_the_index_holds() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..20);
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    let searched = [5, 500].map(|n: u64| IndexKey::private(sha256(&n.to_be_bytes())));
    let question = serde_json::json!({
        "origin": log.origin.as_str(),
        "indexes": searched.map(|index| index.to_hex()),
    });
    let answer = auditor
        .post("v1/index", question.to_string().as_bytes())
        .await;
    assert_eq!(answer.status, 200);
    let mut answer = json::parse_object(&answer.body).unwrap();
    let block = HeadBlock::take(&mut answer).unwrap();
    let proof = IndexProof::from_json(answer.required("index").unwrap()).unwrap();
    let policy = format!(
        "log {}\nwitness a {}\nquorum a\n",
        log.log_key(),
        auditor.node.verifier_key
    );
    let head = block
        .verify(&Trust {
            policy: &Policy::parse(&policy).unwrap(),
            genesis: &log.genesis(),
            remembered: None,
            now: Timestamp::from_seconds(now_ms() / 1000).unwrap(),
            max_age_s: 60,
        })
        .unwrap();
    let values = proof.verify(&head.epoch().index_root, &searched).unwrap();
    assert!(values[0].is_some() && values[1].is_none());
    let refused = auditor
        .post("v1/index", b"{\"origin\":\"log.example/tiny\"}")
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.content_type.as_deref(),
        Some("application/problem+json")
    );
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_the_rules_allow_and_people_may_not_like() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    log.push_statement(&log.next(protection(ProtectionState::Offered)), PROTECTIONS);
    log.push_statement(
        &log.next(protection(ProtectionState::Weakened)),
        PROTECTIONS,
    );
    log.push_statement(
        &log.next(protection(ProtectionState::Withdrawn)),
        PROTECTIONS,
    );
    let Body::Release(mut special) = release("1.0.0", &[b"special"]) else {
        unreachable!()
    };
    special.audience = Audience::parse("region:XX").unwrap();
    special.emergency = true;
    log.push_statement(&log.next(Body::Release(special)), RELEASES);
    epoch(&mut log);
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    let mut expected = [
        "emergency-release",
        "narrow-audience",
        "protection-withdrawn",
        "protection-weakened",
    ];
    expected.sort_unstable();
    let mut alerts = auditor.alerts().await;
    alerts.sort_unstable();
    assert_eq!(alerts, expected);
    auditor.stop().await;
    // A restart replays everything and tells nothing twice.
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    assert_eq!(auditor.alerts().await.len(), expected.len());
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_a_reader_was_shown_is_placed() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    let older = log.signed();
    grow(&mut log, 3..9);
    let newest = log.signed();
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    assert_eq!(auditor.shown(&newest).await["verdict"], "same");
    assert_eq!(auditor.shown(&older).await["verdict"], "consistent");
    grow(&mut log, 9..12);
    let hidden = log.signed();
    assert_eq!(auditor.shown(&hidden).await["verdict"], "unproven");
    site.serve(&log);
    assert_eq!(auditor.shown(&hidden).await["verdict"], "ahead");
    // What a reader was shown is audited, published or not.
    auditor
        .wait_ok(TreeSize::new(log.entries.len() as u64).unwrap())
        .await;
    let text = String::from_utf8(newest.to_bytes()).unwrap();
    let unknown = text.replace("log.example/tiny", "log.example/other");
    let answer = auditor.post("v1/checkpoint", unknown.as_bytes()).await;
    assert!(
        String::from_utf8(answer.body)
            .unwrap()
            .contains("unknown-log")
    );
    let forged = text.replacen("\n12\n", "\n11\n", 1);
    assert_eq!(
        auditor
            .post("v1/checkpoint", forged.as_bytes())
            .await
            .status,
        403
    );
    assert!(matches!(
        Entry::parse(log.entries.last().unwrap()),
        Ok(Entry::Epoch(_))
    ));
    auditor.stop().await;
}

/// A log of another origin.
pub(crate) fn other_log(origin: &str) -> TinyLog {
    let mut log = TinyLog::empty();
    log.origin = Origin::parse(origin).unwrap();
    let name = KeyName::parse(origin).unwrap();
    log.signer = Signer::new(name, Algorithm::Ed25519, secret(50)).unwrap();
    log.replay = Replay::new(log.origin.clone());
    let genesis = log.genesis_draft().build().unwrap();
    assert!(!log.push(genesis.to_bytes()).is_void());
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_log_stops_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (site, dead, rude) = (Site::open().await, Site::open().await, Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.publish(&log);
    // One never answers, the other signs what it does not show.
    dead.hang(true);
    let silent = other_log("log.example/silent");
    let mut bad = other_log("log.example/bad");
    grow(&mut bad, 0..300);
    rude.put("checkpoint", bad.signed().to_bytes());
    let mut config = folder(dir.path(), &log, &site);
    for (log, site) in [(&silent, &dead), (&bad, &rude)] {
        let log = LogConfig::new(log.log_key().to_string(), &site.url);
        config.logs.push(FollowedLog::new(&log).unwrap());
    }
    let auditor = Auditor::start(&config).await;
    let wait = async |log: &TinyLog| {
        auditor
            .wait_for("a log to be cosigned", |logs| {
                let mut logs = logs.as_array().unwrap().iter();
                logs.any(|status| {
                    status["origin"] == log.origin.as_str()
                        && status["cosigned"]["size"] == log.size().get()
                })
            })
            .await
    };
    for keys in [3..600, 600..601] {
        wait(&log).await;
        grow(&mut log, keys);
        site.publish(&log);
    }
    wait(&log).await;
    assert_eq!(
        auditor.wait_alert("withheld").await["log"],
        "log.example/bad"
    );
    rude.publish(&bad);
    wait(&bad).await;
    let front = auditor.http.read(&auditor.base.join("readyz"), 4096).await;
    assert!(front.is_err(), "a log that is not followed is not health");
    auditor.stop().await;
}
