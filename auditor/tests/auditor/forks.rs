//! What a log signed is held against it, by whatever way it came and whatever came after: no fork is
//! forgotten, none has to wait for another, and an honest log is accused of nothing.

use plainsight_auditor::Config;
use plainsight_auditor::peers::{Peer, PeerConfig};
use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::evidence::{Evidence, Proof};
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::rules::Rule;
use plainsight_specs::time::Timestamp;
use serde_json::{Value, json};

use crate::support::{Auditor, Site, database, epoch, folder, forked, grow, now_ms};
use crate::tiny_log::{ORIGIN, TinyLog, secret};

/// A head that the log signs and whose entries nobody has.
fn junk(log: &TinyLog, size: u64) -> SignedCheckpoint {
    let root = sha256(&size.to_be_bytes()).to_base64();
    let text = format!("{ORIGIN}\n{size}\n{root}\n");
    let note = format!("{text}\n{}\n", log.signer.sign(&text).unwrap());
    let note = UnverifiedCheckpoint::parse(note.as_bytes()).unwrap();
    note.verify_log(&[log.log_key()]).unwrap()
}

/// Two logs of one key that agree on the first epoch, at which both stand.
fn twins() -> (TinyLog, TinyLog) {
    let (mut one, mut other) = (TinyLog::new(), TinyLog::new());
    let first = one.replay.next_epoch(now_ms()).to_bytes().to_vec();
    one.push(first.clone());
    other.push(first);
    (one, other)
}

async fn kept(auditor: &Auditor) -> Vec<Value> {
    let heads = auditor.json("v1/heads").await;
    heads[0]["readers"].as_array().unwrap().clone()
}

async fn wait_kept(auditor: &Auditor, number: usize) {
    for _ in 0..600 {
        if kept(auditor).await.len() == number {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("waited in vain for {number}: {:#?}", kept(auditor).await);
}

async fn convicted(auditor: &Auditor, rule: Rule, cosigned: TreeSize) {
    auditor.wait_stopped(rule.as_str()).await;
    assert_eq!(auditor.finding().await.rule, rule);
    assert_eq!(auditor.log().await["cosigned"]["size"], cosigned.get());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_convicts_whatever_old_size_the_log_asks_with() {
    for old in [0, 2] {
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
        let (log, other) = forked();
        site.publish(&log);
        let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
        auditor.wait_ok(log.size()).await;
        let proof = if old == 0 {
            Vec::new()
        } else {
            other.consistency(old)
        };
        let answer = auditor.ask(old, proof, &other.signed()).await;
        let size = format!("{}\n", log.size()).into_bytes();
        assert_eq!((answer.status, answer.body), (409, size));
        // It was decided before it was answered.
        assert_eq!(auditor.finding().await.rule, Rule::Fork);
        convicted(&auditor, Rule::Fork, log.size()).await;
        auditor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_of_one_size_convict_before_anything_is_held() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let (log, other) = forked();
    site.down(true);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    assert_eq!(auditor.shown(&log.signed()).await["verdict"], "unproven");
    assert_eq!(auditor.shown(&other.signed()).await["verdict"], "fork");
    convicted(&auditor, Rule::Fork, TreeSize::ZERO).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_log_keeps_nobody_from_showing_a_fork() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let (log, other) = forked();
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    site.hang(true);
    let (http, url) = (auditor.http.clone(), auditor.base.join("v1/checkpoint"));
    for n in 0..20 {
        let (http, url, note) = (http.clone(), url.clone(), junk(&log, 1000 + n).to_bytes());
        tokio::spawn(async move {
            let post = plainsight_client::http::Post {
                url: &url,
                content_type: "text/plain",
                body: &note,
                bearer: None,
                limit: 1 << 20,
            };
            let _ = http.send(post).await;
        });
    }
    wait_kept(&auditor, 20).await;
    let opinion = auditor.shown(&other.signed()).await;
    assert_eq!(opinion["verdict"], "fork");
    convicted(&auditor, Rule::Fork, log.size()).await;
    site.hang(false);
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_not_pushed_out_by_others_nor_forgotten_over_a_restart() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let (mut log, mut other) = forked();
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    let before = log.size();
    epoch(&mut other);
    assert_eq!(auditor.shown(&other.signed()).await["verdict"], "unproven");
    for n in 0..100 {
        let opinion = auditor.shown(&junk(&log, 1_000_000 + n)).await;
        assert_eq!(opinion["verdict"], "unproven");
    }
    auditor.stop().await;
    let auditor = Auditor::start(&config).await;
    epoch(&mut log);
    epoch(&mut log);
    assert!(log.size() > other.size());
    site.publish(&log);
    convicted(&auditor, Rule::Extension, before).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_was_withheld_is_not_forgotten_for_later_ones() {
    // The head comes by a request with a good proof, or is published, and its entries are not shown.
    for published in [false, true] {
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
        let (mut log, mut other) = twins();
        site.publish(&log);
        let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
        auditor.wait_ok(log.size()).await;
        grow(&mut other, 10..13);
        if published {
            site.put("checkpoint", other.signed().to_bytes());
        } else {
            let proof = other.consistency(2);
            let answer = auditor.ask(2, proof, &other.signed()).await;
            assert_eq!(answer.status, 503);
        }
        auditor.wait_alert("withheld").await;
        let mut cosigned = log.size();
        while log.size() <= other.size() {
            epoch(&mut log);
            site.publish(&log);
            if log.size() < other.size() {
                cosigned = log.size();
                auditor
                    .wait("the next head", |log| {
                        log["cosigned"]["size"] == cosigned.get()
                    })
                    .await;
            }
        }
        auditor
            .wait("a stop", |log| log["verdict"] == "stopped")
            .await;
        let finding = auditor.finding().await;
        assert!(matches!(finding.rule, Rule::Fork | Rule::Extension));
        assert_eq!(auditor.log().await["cosigned"]["size"], cosigned.get());
        auditor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_showed_once_is_held_against_the_log() {
    let (dir, site, peer) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Site::open().await,
    );
    let name = KeyName::parse("audit.example/puppet").unwrap();
    let signer = Signer::new(name, Algorithm::CosignatureV1, secret(88)).unwrap();
    let show = |log: &TinyLog| {
        let time = Timestamp::from_seconds(now_ms() / 1000).unwrap();
        let line = Cosignature::sign(&log.signed(), &signer, time)
            .unwrap()
            .line;
        let path = format!("{}/checkpoint", sha256(ORIGIN.as_bytes()).to_hex());
        peer.put(&path, log.signed().to_bytes_with(&[line]));
    };
    let (mut log, mut other) = forked();
    site.publish(&log);
    let mut config: Config = folder(dir.path(), &log, &site);
    let puppet = PeerConfig {
        vkey: signer.verifier_key().to_string(),
        url: peer.url.clone(),
    };
    config.peers.push(Peer::new(&puppet).unwrap());
    grow(&mut other, 50..53);
    show(&other);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    wait_kept(&auditor, 1).await;
    // It shows what everybody sees from now on.
    let before = log.size();
    show(&log);
    grow(&mut log, 60..70);
    site.publish(&log);
    convicted(&auditor, Rule::Extension, before).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peers_evidence_convinces_if_it_verifies_and_nothing_less() {
    let (dir, site, peer) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Site::open().await,
    );
    let (log, other) = forked();
    site.publish(&log);
    let mut config: Config = folder(dir.path(), &log, &site);
    let name = KeyName::parse("audit.example/puppet").unwrap();
    let signer = Signer::new(name, Algorithm::CosignatureV1, secret(88)).unwrap();
    let puppet = PeerConfig {
        vkey: signer.verifier_key().to_string(),
        url: peer.url.clone(),
    };
    config.peers.push(Peer::new(&puppet).unwrap());
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    let (key, head) = (log.log_key(), log.signed());
    let (one, two) = (head.clone(), other.signed());
    let evidence = Evidence::of_heads(&key, &one, &two, two.head().root, Vec::new()).unwrap();
    let good = evidence.to_json();
    // The same without the log's second signature.
    let text = String::from_utf8(good.clone()).unwrap();
    let root = two.head().root.to_base64();
    let unsigned = text
        .replace(&root, &sha256(b"other").to_base64())
        .into_bytes();
    assert_ne!(unsigned, good);
    // Of a head and itself, both signed.
    let itself = Evidence {
        proof: Proof::Fork {
            first: one.to_bytes(),
            second: one.to_bytes(),
        },
        ..Evidence::parse(&good).unwrap()
    };
    // By somebody else's key, whose line was put below the log's own head.
    let name = KeyName::parse(ORIGIN).unwrap();
    let stranger = Signer::new(name, Algorithm::Ed25519, secret(89)).unwrap();
    let forged = SignedCheckpoint::sign(&log.origin, two.head(), &stranger).unwrap();
    let line = stranger.sign(one.text()).unwrap();
    let by_a_stranger = Evidence {
        rule: Rule::Fork,
        log_key: stranger.verifier_key(),
        proof: Proof::Fork {
            first: forged.to_bytes(),
            second: one.to_bytes_with(&[line]),
        },
    };
    assert!(by_a_stranger.verify().is_ok());
    let bad = [unsigned, itself.to_json(), by_a_stranger.to_json()];
    let show = |file: &[u8]| {
        let id = sha256(file).to_hex();
        let list = json!([{ "id": id, "origin": ORIGIN, "rule": "fork", "position": 1 }]);
        peer.put(&format!("v1/evidence/{id}"), file.to_vec());
        peer.put("v1/evidence", list.to_string().into_bytes());
    };
    for bad in bad {
        show(&bad);
        peer.wait_read(&format!("v1/evidence/{}", sha256(&bad).to_hex()))
            .await;
        // A look later it was judged.
        peer.wait_read("v1/evidence").await;
        assert_eq!(auditor.log().await["verdict"], "ok");
    }
    show(&good);
    convicted(&auditor, Rule::Fork, log.size()).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_log_that_is_ahead_is_explained_and_nothing_of_it_stays() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    let mut heads = Vec::new();
    for n in 0..30 {
        grow(&mut log, 10 * n..10 * n + 3);
        heads.push((log.size(), log.signed()));
        if n == 9 {
            site.publish(&log);
        }
    }
    let (held, _) = heads[9];
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(held).await;
    // What is public already can be said again by anybody, and nothing is kept of it.
    for (_, head) in &heads[..10] {
        auditor.shown(head).await;
        auditor.ask(0, Vec::new(), head).await;
        auditor.ask(held.get(), vec![Hash::ZERO], head).await;
    }
    assert_eq!(kept(&auditor).await, Vec::<Value>::new());
    for (number, (_, head)) in heads[10..].iter().enumerate() {
        assert_eq!(auditor.shown(head).await["verdict"], "unproven");
        auditor.ask(held.get(), vec![Hash::ZERO], head).await;
        assert_eq!(kept(&auditor).await.len(), number + 1);
    }
    site.publish(&log);
    auditor.wait_ok(log.size()).await;
    assert_eq!(kept(&auditor).await, Vec::<Value>::new());
    assert_eq!(auditor.log().await["evidence"], json!([]));
    for alert in auditor.json("v1/alerts").await.as_array().unwrap() {
        assert_eq!(alert["severity"], "availability", "{alert}");
    }
    auditor.stop().await;
}

/// Signed heads of the test's log, as many as are kept of one log.
async fn fill(config: &Config) {
    database::sql(
        config,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 65536)
         INSERT INTO shown SELECT 1, '', 1000000 + i, randomblob(32), x'00', 'unproven', '', NULL,
                                  0, zeroblob(32), 1 FROM n",
        r"INSERT INTO shown SELECT 1, '', 1000000 + i, sha256(i::text::bytea), '\x00', 'unproven', '', NULL,
                                 0, decode(repeat('00', 32), 'hex'), 1 FROM generate_series(1, 65536) AS i;
           ANALYZE shown",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_signs_more_than_can_be_kept_is_on_hold_until_it_shows_it() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let (mut log, other) = forked();
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    let before = log.size();
    auditor.stop().await;
    fill(&config).await;

    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(before).await;
    let note = junk(&log, 999_999).to_bytes();
    let answer = auditor.post("v1/checkpoint", &note).await;
    assert_eq!(answer.status, 503);
    let said = String::from_utf8(answer.body).unwrap();
    assert!(said.contains("more heads than it shows"), "{said}");
    let alert = auditor.wait_alert("unshown-heads").await;
    assert_eq!(alert["severity"], "policy");
    let text = alert["text"].as_str().unwrap();
    assert!(text.contains("signs heads that it does not show"), "{text}");
    // Nothing new is cosigned, over a restart too.
    epoch(&mut log);
    let ask = async |auditor: &Auditor, log: &TinyLog| {
        let proof = log.consistency(before.get());
        auditor.ask(before.get(), proof, &log.signed()).await.status
    };
    site.publish(&log);
    assert_eq!(ask(&auditor, &log).await, 503);
    auditor.stop().await;
    let auditor = Auditor::start(&config).await;
    auditor
        .wait("the next head", |status| {
            status["size"] == log.size().get() && status["verdict"] == "stopped"
        })
        .await;
    assert_eq!(ask(&auditor, &log).await, 503);
    assert_eq!(auditor.log().await["cosigned"]["size"], before.get());
    auditor.stop().await;

    // They are explained: here, by a hand that takes them away.
    let fewer = "DELETE FROM shown WHERE size >= 1000000";
    database::sql(&config, fewer, fewer).await;
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    assert!(auditor.wait_alert("unshown-heads").await["resolved"].is_string());
    assert_eq!(auditor.log().await["evidence"], json!([]));
    auditor.stop().await;

    // What is held decides without any room.
    fill(&config).await;
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    assert_eq!(auditor.shown(&other.signed()).await["verdict"], "fork");
    assert_eq!(auditor.finding().await.rule, Rule::Extension);
    auditor.stop().await;
}
