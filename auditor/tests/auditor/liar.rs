//! Logs that lie, each in one way, and logs that merely fail. A lie ends in evidence that a
//! stranger accepts, a failure in an alert and in nothing else.

use crate::support::{Auditor, Site, busy, database, epoch, folder, forked, key_entry, now_ms};
use crate::tiny_log::{RELEASES, ROOT, TinyLog, label, release, secret, yank};
use plainsight_auditor::audit::Break;
use plainsight_auditor::check::check;
use plainsight_auditor::{AcknowledgeError, acknowledge};
use plainsight_specs::checkpoint::Origin;
use plainsight_specs::entry::{Close, LogKey};
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::index::IndexKey;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::rules::Rule;
use plainsight_specs::statement::{Seq, StatementDraft};

fn close() -> Vec<u8> {
    let origin = Origin::parse("log.example/next").unwrap();
    let name = KeyName::parse(origin.as_str()).unwrap();
    let signer = Signer::new(name, Algorithm::Ed25519, secret(60)).unwrap();
    let vrf = plainsight_specs::vrf::SecretKey::from_seed(&[61; 32]).public();
    Close::build(LogKey::new(origin, signer.verifier_key()).unwrap(), vrf).to_bytes()
}

type Lie = fn(&mut TinyLog);

fn lies() -> Vec<(Rule, Lie)> {
    fn wrong_epoch(log: &mut TinyLog, change: impl Fn(&mut plainsight_specs::entry::Epoch)) {
        let mut wrong = log.replay.next_epoch(now_ms());
        change(&mut wrong);
        log.push(wrong.to_bytes().to_vec());
    }
    let mut lies: Vec<(Rule, Lie)> = Vec::new();
    lies.push((Rule::Malformed, |log| drop(log.push(vec![0x07, 1, 2]))));
    lies.push((Rule::Genesis, |log| {
        drop(log.push(log.entries[0].clone()));
    }));
    lies.push((Rule::AfterClose, |log| {
        log.push(close());
        drop(log.push(key_entry(IndexKey::private(sha256(b"x")))));
    }));
    lies.push((Rule::AfterClose, |log| {
        log.push(close());
        epoch(log);
        drop(log.push(key_entry(IndexKey::private(sha256(b"x")))));
    }));
    lies.push((Rule::Namespace, |log| {
        drop(log.push(key_entry(IndexKey::public(sha256(b"x")))));
    }));
    lies.push((Rule::DuplicateIndex, |log| {
        let index = log.index_of(&label("alice@example.org"), 0);
        drop(log.push(key_entry(index)));
    }));
    lies.push((Rule::EpochSize, |log| {
        wrong_epoch(log, |epoch| epoch.index_size += 1);
    }));
    lies.push((Rule::EpochRoot, |log| {
        wrong_epoch(log, |epoch| epoch.index_root = Hash::ZERO);
    }));
    lies.push((Rule::Time, |log| {
        wrong_epoch(log, |epoch| epoch.time_ms = 1);
    }));
    lies.push((Rule::Signature, |log| {
        drop(log.push_statement(&log.next(release("1.2.0", &[b"three"])), ROOT));
    }));
    lies.push((Rule::Seq, |log| {
        let draft = log.next(release("1.2.0", &[b"three"]));
        let gap = StatementDraft {
            seq: Seq::new(9),
            ..draft
        };
        drop(log.push_statement(&gap, RELEASES));
    }));
    lies.push((Rule::Prev, |log| {
        let draft = log.next(release("1.2.0", &[b"three"]));
        let other = StatementDraft {
            prev: Some(sha256(b"other")),
            ..draft
        };
        drop(log.push_statement(&other, RELEASES));
    }));
    lies.push((Rule::VersionConflict, |log| {
        drop(log.push_statement(&log.next(release("1.0.0", &[b"special"])), RELEASES));
    }));
    lies.push((Rule::Yank, |log| {
        drop(log.push_statement(&log.next(yank("9.9.9", &[b"one"])), RELEASES));
    }));
    lies
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_rule_about_entries_stops_cosigning_with_evidence() {
    for (rule, lie) in lies() {
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
        let mut log = busy();
        site.publish(&log);
        let config = folder(dir.path(), &log, &site);
        let auditor = Auditor::start(&config).await;
        auditor.wait_ok(log.size()).await;
        let before = log.size().get();

        lie(&mut log);
        let judged = log.judged.last().unwrap();
        assert_eq!(judged.verdict(), Some(rule));
        let position = judged.position.get();
        epoch(&mut log);
        site.serve(&log);
        let expected = format!("rule {rule} {position}\n").into_bytes();
        let answer = auditor
            .ask(before, log.consistency(before), &log.signed())
            .await;
        assert_eq!((answer.status, answer.body), (422, expected.clone()));
        let stopped = auditor.wait_stopped(rule.as_str()).await;
        assert_eq!(stopped["position"], position);
        let finding = auditor.finding().await;
        assert_eq!(finding.rule, rule);
        assert_eq!(finding.position.map(LeafIndex::get), Some(position));
        assert_eq!(finding.log_key, log.log_key());
        let alert = auditor.wait_alert("rule-broken").await;
        assert_eq!(alert["severity"], "tamper");
        auditor.stop().await;

        // It is remembered, and what is signed stays where it was.
        let auditor = Auditor::start(&config).await;
        let answer = auditor
            .ask(before, log.consistency(before), &log.signed())
            .await;
        assert_eq!((answer.status, answer.body), (422, expected));
        let stopped = auditor.wait_stopped(rule.as_str()).await;
        assert_eq!(stopped["cosigned"]["size"], before);
        // One fact, one alert, one file, whatever was asked how often.
        let alerts = auditor.json("v1/alerts").await;
        let told = alerts.as_array().unwrap().iter();
        let told = told.filter(|alert| alert["severity"] == "tamper");
        let facts = log.judged.iter().filter(|judged| judged.is_void()).count();
        assert_eq!(told.count(), facts, "{rule}: {alerts:#}");
        auditor.stop().await;
        assert_eq!(std::fs::read_dir(config.evidence()).unwrap().count(), facts);
        assert_eq!(
            check(&config).await.unwrap()[0].faults,
            Vec::<String>::new()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_break_lets_later_heads_be_cosigned() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = busy();
    log.push(vec![0x07]);
    let found = Break {
        at: log.size().get() - 1,
        rule: Rule::Malformed,
    };
    let origin = log.origin.to_string();
    epoch(&mut log);
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_stopped("malformed").await;
    let other = Break { at: 1, ..found };
    assert!(matches!(
        acknowledge(&config, &origin, other, "x").await,
        Err(AcknowledgeError::NotOpen(_))
    ));
    assert!(matches!(
        acknowledge(&config, &origin, found, " ").await,
        Err(AcknowledgeError::Reason)
    ));
    acknowledge(&config, &origin, found, "a bug of the log, see its notice")
        .await
        .unwrap();
    // The running auditor notices, and the head that holds the void entry is fine.
    let log_status = auditor.wait_ok(log.size()).await;
    assert_eq!(
        log_status["breaks"][0]["acknowledged"],
        "a bug of the log, see its notice"
    );
    log.push_key_set(&label("carol@example.org"), 0);
    epoch(&mut log);
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_whose_last_epoch_is_void_is_never_cosigned() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = busy();
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    let before = log.size().get();
    let mut wrong = log.replay.next_epoch(now_ms());
    wrong.index_root = Hash::ZERO;
    log.push(wrong.to_bytes().to_vec());
    site.publish(&log);
    auditor.wait_stopped("epoch-root").await;
    let found = Break {
        at: before,
        rule: Rule::EpochRoot,
    };
    acknowledge(&config, log.origin.as_str(), found, "known")
        .await
        .unwrap();
    auditor
        .wait("the acknowledgement", |log| log["verdict"] == "behind")
        .await;
    let answer = auditor
        .ask(before, log.consistency(before), &log.signed())
        .await;
    assert_eq!(answer.status, 422);
    epoch(&mut log);
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_end_at_an_epoch_is_evidence() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    let only_genesis = log.signed();
    epoch(&mut log);
    log.push_key_set(&label("alice@example.org"), 0);
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_stopped("end").await;
    assert_eq!(auditor.finding().await.rule, Rule::End);
    assert_eq!(auditor.log().await["position"], 3);
    let answer = auditor.ask(0, Vec::new(), &only_genesis).await;
    assert_eq!(
        (answer.status, answer.body),
        (422, b"rule end 3\n".to_vec())
    );
    auditor.stop().await;

    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let log = TinyLog::new();
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_stopped("end").await;
    assert_eq!(auditor.finding().await.rule, Rule::End);
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_genesis_of_another_origin_cannot_be_acknowledged() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::empty();
    let mut draft = log.genesis_draft();
    draft.origin = Origin::parse("log.example/other").unwrap();
    log.push(draft.build().unwrap().to_bytes());
    epoch(&mut log);
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_stopped("genesis").await;
    assert_eq!(auditor.finding().await.rule, Rule::Genesis);
    let found = Break {
        at: 0,
        rule: Rule::Genesis,
    };
    assert!(matches!(
        acknowledge(&config, log.origin.as_str(), found, "please").await,
        Err(AcknowledgeError::Never(_))
    ));
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_heads_of_one_size_are_evidence_whoever_shows_the_second() {
    for shown_by_reader in [true, false] {
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
        let (log, other) = forked();
        site.publish(&log);
        let config = folder(dir.path(), &log, &site);
        let auditor = Auditor::start(&config).await;
        auditor.wait_ok(log.size()).await;
        if shown_by_reader {
            let opinion = auditor.shown(&other.signed()).await;
            assert_eq!(opinion["verdict"], "fork");
            assert_eq!(opinion["evidence"], auditor.log().await["evidence"][0]);
        } else {
            let size = log.size().get();
            let answer = auditor.ask(size, Vec::new(), &other.signed()).await;
            assert_eq!(answer.status, 422);
        }
        auditor.wait_stopped("fork").await;
        assert_eq!(auditor.finding().await.rule, Rule::Fork);
        let found = Break {
            at: log.size().get(),
            rule: Rule::Fork,
        };
        assert!(matches!(
            acknowledge(&config, log.origin.as_str(), found, "please").await,
            Err(AcknowledgeError::Never(_))
        ));
        auditor.stop().await;
        // Both heads stay refused.
        let auditor = Auditor::start(&config).await;
        let size = log.size().get();
        assert_eq!(
            auditor.ask(size, Vec::new(), &log.signed()).await.status,
            422
        );
        assert_eq!(
            auditor.ask(size, Vec::new(), &other.signed()).await.status,
            422
        );
        auditor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_log_is_convicted_by_the_real_root() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let (log, mut other) = forked();
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    for n in 0..300u16 {
        let index = IndexKey::private(sha256(&n.to_be_bytes()));
        other.push(key_entry(index));
    }
    epoch(&mut other);
    site.clear();
    site.publish(&other);
    auditor.wait_stopped("extension").await;
    assert_eq!(auditor.finding().await.rule, Rule::Extension);
    assert_eq!(auditor.log().await["cosigned"]["size"], log.size().get());
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_head_of_another_tree_is_convicted_from_the_own_mirror() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let (mut log, other) = forked();
    let old = log.signed();
    epoch(&mut log);
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    assert_eq!(auditor.shown(&old).await["verdict"], "consistent");
    // The log itself need not be there any more.
    site.down(true);
    assert_eq!(auditor.shown(&other.signed()).await["verdict"], "fork");
    assert_eq!(auditor.finding().await.rule, Rule::Extension);
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_larger_head_without_its_tiles_is_unproven() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let (log, mut other) = forked();
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    epoch(&mut other);
    let opinion = auditor.shown(&other.signed()).await;
    assert_eq!(opinion["verdict"], "unproven");
    assert_eq!(auditor.log().await["evidence"], serde_json::json!([]));
    // With them it is a lie.
    site.clear();
    site.serve(&other);
    assert_eq!(auditor.shown(&other.signed()).await["verdict"], "fork");
    assert_eq!(auditor.finding().await.rule, Rule::Extension);
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_an_alert_that_ends() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = busy();
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    site.down(true);
    let alert = auditor.wait_alert("unreachable").await;
    assert_eq!(alert["severity"], "availability");
    assert_eq!(auditor.log().await["verdict"], "unreachable");
    assert!(
        auditor
            .http
            .read(&auditor.base.join("readyz"), 1000)
            .await
            .is_err()
    );
    site.down(false);
    epoch(&mut log);
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    assert!(auditor.wait_alert("unreachable").await["resolved"].is_string());
    assert_eq!(auditor.log().await["evidence"], serde_json::json!([]));
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_an_alert_and_no_evidence() {
    let spoil: [fn(&Site, &TinyLog); 5] = [
        // A bundle that ends early.
        |site, log| {
            let path = format!("tile/entries/000.p/{}", log.size());
            let mut bytes = site.get(&path);
            bytes.pop();
            site.put(&path, bytes);
        },
        // An entry that is not the one that was signed.
        |site, log| {
            let path = format!("tile/entries/000.p/{}", log.size());
            let mut bytes = site.get(&path);
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            site.put(&path, bytes);
        },
        // Hashes that are not the log's.
        |site, log| {
            let path = format!("tile/0/000.p/{}", log.size());
            let mut bytes = site.get(&path);
            bytes[0] ^= 1;
            site.put(&path, bytes);
        },
        // Nothing.
        |site, log| {
            let checkpoint = site.get("checkpoint");
            site.clear();
            site.put("checkpoint", checkpoint);
            assert!(log.size().get() > 0);
        },
        // A tile of the wrong length.
        |site, log| site.put(&format!("tile/0/000.p/{}", log.size()), vec![0; 31]),
    ];
    for spoil in spoil {
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
        let mut log = busy();
        site.publish(&log);
        let config = folder(dir.path(), &log, &site);
        let auditor = Auditor::start(&config).await;
        let good = auditor.wait_ok(log.size()).await;
        log.push_key_set(&label("carol@example.org"), 0);
        epoch(&mut log);
        site.serve(&log);
        spoil(&site, &log);
        site.put("checkpoint", log.signed().to_bytes());
        let alert = auditor.wait_alert("withheld").await;
        assert_eq!(alert["severity"], "availability");
        let status = auditor.log().await;
        assert_eq!(status["cosigned"], good["cosigned"]);
        assert_eq!(status["verdict"], "behind");
        assert_eq!(status["evidence"], serde_json::json!([]));
        // Once it is served rightly, all is well, and nothing false was kept.
        site.publish(&log);
        auditor.wait_ok(log.size()).await;
        auditor.stop().await;
        assert_eq!(
            check(&config).await.unwrap()[0].faults,
            Vec::<String>::new()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_of_which_nothing_can_be_had_are_one_fact() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = busy();
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    let old = log.size().get();
    for _ in 0..3 {
        epoch(&mut log);
        let answer = auditor.ask(old, log.consistency(old), &log.signed()).await;
        assert_eq!(answer.status, 503);
        assert_eq!(auditor.alerts().await, ["withheld"]);
    }
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_checkpoint_by_another_key_is_no_evidence() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let log = busy();
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    let text = String::from_utf8(log.signed().to_bytes()).unwrap();
    let size = format!("\n{}\n", log.size());
    site.put("checkpoint", text.replacen(&size, "\n99\n", 1).into_bytes());
    let alert = auditor.wait_alert("bad-checkpoint").await;
    assert_eq!(alert["severity"], "availability");
    assert_eq!(auditor.log().await["evidence"], serde_json::json!([]));
    site.put("checkpoint", b"garbage".to_vec());
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_goes_quiet_is_stale() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    let old = log.replay.next_epoch(now_ms() - 181_000);
    log.push(old.to_bytes().to_vec());
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    assert_eq!(
        auditor.wait_alert("stale").await["severity"],
        "availability"
    );
    epoch(&mut log);
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    auditor
        .wait("the alert to end", |log| log["verdict"] == "ok")
        .await;
    assert_eq!(auditor.log().await["evidence"], serde_json::json!([]));
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_finds_damage() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let log = busy();
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
    database::sql(
        &config,
        "UPDATE entries SET body = x'07' WHERE position = 1",
        r"UPDATE entries SET body = '\x07' WHERE position = 1",
    )
    .await;
    let faults = check(&config).await.unwrap().remove(0).faults;
    assert!(
        faults.iter().any(|fault| fault.contains("tile/0/000")),
        "{faults:?}"
    );
    assert!(
        faults.iter().any(|fault| fault.contains("compact range")),
        "{faults:?}"
    );
    assert!(
        faults.iter().any(|fault| fault.contains("malformed 1")),
        "{faults:?}"
    );
}
