//! Auditors that compare: what one is shown and another is not comes out, and nothing else does.

use std::net::{Ipv4Addr, SocketAddr};

use plainsight_auditor::peers::{Peer, PeerConfig};
use plainsight_auditor::pulse::Disk;
use plainsight_auditor::{Clock, Config};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::hash::sha256;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::rules::Rule;
use plainsight_specs::time::Timestamp;
use serde_json::Value;

use crate::support::{
    Auditor, Site, busy, database, epoch, folder, folder_named, forked, grow, now_ms, peer_of,
};
use crate::tiny_log::{ORIGIN, TinyLog, secret};

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Makes the auditor of `other` a peer of `config`'s.
fn introduce(config: &mut Config, other: &Config) {
    let peer = PeerConfig {
        vkey: other.signer().unwrap().verifier_key().to_string(),
        url: format!("http://{}", other.listen),
    };
    config.peers.push(Peer::new(&peer).unwrap());
}

/// Folders of two auditors, each with what it sees of a log, at addresses that each knows.
struct Two {
    dirs: [tempfile::TempDir; 2],
    configs: [Config; 2],
}

impl Two {
    fn new(seen: [(&TinyLog, &Site); 2]) -> Self {
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let names = ["audit.example/a", "audit.example/b"];
        let mut configs: [Config; 2] = std::array::from_fn(|n| {
            let (log, site) = seen[n];
            let mut config = folder_named(dirs[n].path(), names[n], log, site);
            config.listen = free_address();
            config
        });
        let [a, b] = &mut configs;
        let known = a.clone();
        introduce(a, b);
        introduce(b, &known);
        Self { dirs, configs }
    }

    async fn start(&self) -> [Auditor; 2] {
        let [a, b] = &self.configs;
        [Auditor::start(a).await, Auditor::start(b).await]
    }
}

/// What an auditor says about its first peer.
async fn peer(auditor: &Auditor) -> Value {
    auditor.json("v1/heads").await[0]["peers"][0].clone()
}

async fn wait_peer(auditor: &Auditor, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut seen = Value::Null;
    for _ in 0..600 {
        seen = peer(auditor).await;
        if wanted(&seen) {
            return seen;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("waited in vain for {what}: {seen:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_of_an_honest_log_agree() {
    let site = Site::open().await;
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.publish(&log);
    let two = Two::new([(&log, &site), (&log, &site)]);
    let auditors = two.start().await;
    for keys in [3..300, 300..301, 301..600] {
        for auditor in &auditors {
            auditor.wait_ok(log.size()).await;
            let seen = wait_peer(auditor, "agreement", |peer| {
                peer["verdict"] == "same" && peer["head"]["size"] == log.size().get()
            });
            assert_eq!(seen.await["against"]["size"], log.size().get());
        }
        grow(&mut log, keys);
        site.publish(&log);
    }
    for auditor in auditors {
        auditor.wait_ok(log.size()).await;
        // The one that started first did not find the other.
        for alert in auditor.json("v1/alerts").await.as_array().unwrap() {
            assert_eq!(alert["code"], "peer-unreachable");
            assert!(alert["resolved"].is_string());
        }
        assert_eq!(auditor.log().await["evidence"], serde_json::json!([]));
        auditor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_view_is_found_by_both_with_evidence_that_a_stranger_accepts() {
    // Of one size, and of two sizes, where neither log shows the other's tiles.
    for rule in [Rule::Fork, Rule::Extension] {
        let sites = [Site::open().await, Site::open().await];
        let (one, mut other) = forked();
        if rule == Rule::Extension {
            grow(&mut other, 1000..1400);
        }
        sites[0].publish(&one);
        sites[1].publish(&other);
        let two = Two::new([(&one, &sites[0]), (&other, &sites[1])]);
        let auditors = two.start().await;
        let is_conflict = |peer: &Value| peer["verdict"] == "conflict";
        // Whoever finds it before its first cosignature has no head to be compared with, and is
        // believed for its evidence.
        let is_silent = |peer: &Value| peer["detail"] == "it has cosigned nothing of this log";
        let mut conflicts = 0;
        for auditor in &auditors {
            auditor.wait_stopped(rule.as_str()).await;
            let finding = auditor.finding().await;
            assert_eq!((finding.rule, finding.log_key), (rule, one.log_key()));
            let seen = wait_peer(auditor, "a conflict", |peer| {
                is_conflict(peer) || is_silent(peer)
            });
            let seen = seen.await;
            if is_conflict(&seen) {
                conflicts += 1;
                assert_eq!(seen["evidence"], auditor.log().await["evidence"][0]);
                assert_ne!(seen["head"]["root"], seen["against"]["root"]);
            }
        }
        assert!(conflicts > 0);
        // The liar goes on, and nothing new is learnt from it.
        grow(&mut other, 2000..2003);
        sites[1].publish(&other);
        for auditor in &auditors {
            wait_peer(auditor, "another look", |peer| {
                is_conflict(peer) && peer["evidence"].is_string() || is_silent(peer)
            })
            .await;
        }
        for (auditor, config) in auditors.into_iter().zip(&two.configs) {
            let alerts = auditor.alerts().await;
            let told = alerts.iter().filter(|code| *code == "rule-broken");
            assert_eq!(told.count(), 1, "{alerts:?}");
            assert_eq!(auditor.log().await["breaks"].as_array().unwrap().len(), 1);
            auditor.stop().await;
            let files = std::fs::read_dir(config.evidence()).unwrap();
            assert_eq!(files.count(), 1, "one fact, one file");
        }
        assert_eq!(two.dirs.len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_that_nobody_can_reach_compares_by_asking() {
    let sites = [Site::open().await, Site::open().await];
    let (one, other) = forked();
    sites[0].publish(&one);
    sites[1].publish(&other);
    let mut two = Two::new([(&one, &sites[0]), (&other, &sites[1])]);
    // The second does not know the first.
    two.configs[1].peers.clear();
    let [hidden, open] = two.start().await;
    open.wait_ok(other.size()).await;
    hidden.wait_stopped("fork").await;
    assert_eq!(hidden.finding().await.rule, Rule::Fork);
    // What it found convinces the other too, by the head alone.
    assert_eq!(open.shown(&one.signed()).await["verdict"], "fork");
    assert_eq!(open.finding().await.rule, Rule::Fork);
    for auditor in [hidden, open] {
        auditor.stop().await;
    }
}

/// A peer that shows whatever it is told.
struct Puppet {
    site: Site,
    signer: Signer,
}

impl Puppet {
    async fn new() -> Self {
        let name = KeyName::parse("audit.example/puppet").unwrap();
        Self {
            site: Site::open().await,
            signer: Signer::new(name, Algorithm::CosignatureV1, secret(88)).unwrap(),
        }
    }

    fn peer(&self) -> Peer {
        Peer::new(&PeerConfig {
            vkey: self.signer.verifier_key().to_string(),
            url: self.site.url.clone(),
        })
        .unwrap()
    }

    fn show_bytes(&self, note: Vec<u8>) {
        let path = format!("{}/checkpoint", sha256(ORIGIN.as_bytes()).to_hex());
        self.site.put(&path, note);
    }

    fn show(&self, log: &TinyLog, seconds: u64) {
        let signed = log.signed();
        let time = Timestamp::from_seconds(seconds).unwrap();
        let line = Cosignature::sign(&signed, &self.signer, time).unwrap().line;
        self.show_bytes(signed.to_bytes_with(&[line]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_shows_nonsense_or_nothing_accuses_nobody() {
    let (dir, site, puppet) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Puppet::new().await,
    );
    let (log, mut other) = forked();
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    config.peers.push(puppet.peer());
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(log.size()).await;
    let unproven = |detail: &'static str| {
        move |peer: &Value| {
            peer["verdict"] == "unproven" && peer["detail"].as_str().unwrap().contains(detail)
        }
    };
    wait_peer(&auditor, "nothing", unproven("cosigned nothing")).await;
    puppet.show_bytes(b"garbage".to_vec());
    wait_peer(&auditor, "garbage", unproven("note")).await;
    let alert = auditor.wait_alert("peer-unreachable").await;
    assert_eq!(alert["severity"], "availability");
    // A head that anybody could have copied from the log.
    puppet.show_bytes(other.signed().to_bytes());
    wait_peer(&auditor, "no cosignature", unproven("own cosignature")).await;
    // Larger, by the log, and nobody shows what it covers.
    epoch(&mut other);
    puppet.show(&other, now_ms() / 1000);
    wait_peer(&auditor, "a head without tiles", |peer| {
        peer["verdict"] == "unproven" && peer["head"]["size"] == other.size().get()
    })
    .await;
    let alert = auditor.wait_alert("peer-unreachable").await;
    assert!(alert["resolved"].is_string(), "it answers again");
    assert_eq!(auditor.log().await["evidence"], serde_json::json!([]));
    assert_eq!(auditor.log().await["verdict"], "ok");
    auditor.stop().await;
    // It is remembered.
    puppet.site.down(true);
    let auditor = Auditor::start(&config).await;
    let seen = wait_peer(&auditor, "an outage", unproven("502")).await;
    assert_eq!(seen["head"]["size"], other.size().get());
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_with_another_key_is_told_of_as_that() {
    let (dir, site, puppet) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Puppet::new().await,
    );
    let log = busy();
    site.publish(&log);
    let mut config = folder(dir.path(), &log, &site);
    config.peers.push(puppet.peer());
    let name = puppet.signer.verifier_key().name().clone();
    let other = Puppet {
        site: puppet.site.clone(),
        signer: Signer::new(name, Algorithm::CosignatureV1, secret(89)).unwrap(),
    };
    other.show(&log, now_ms() / 1000);
    let auditor = Auditor::start(&config).await;
    let alert = auditor.wait_alert("peer-other-key").await;
    assert_eq!(
        (&alert["severity"], &alert["log"]),
        (&"availability".into(), &Value::Null)
    );
    assert!(
        alert["text"].as_str().unwrap().contains("another key"),
        "{alert:#}"
    );
    assert!(alert["next"].as_str().unwrap().contains("Never copy a key"));
    // Away altogether: another fact, and the newest cause of it.
    puppet.site.down(true);
    let alert = auditor.wait_alert("peer-unreachable").await;
    assert!(alert["text"].as_str().unwrap().contains("502"), "{alert:#}");
    puppet.site.down(false);
    puppet.show(&log, now_ms() / 1000);
    wait_peer(&auditor, "the right key", |peer| peer["verdict"] == "same").await;
    for alert in auditor.json("v1/alerts").await.as_array().unwrap() {
        assert!(alert["resolved"].is_string(), "{alert:#}");
    }
    puppet.site.down(true);
    auditor.wait_alert("peer-unreachable").await;
    auditor.stop().await;
    // Nobody asks it any more.
    config.peers.clear();
    let auditor = Auditor::start(&config).await;
    for alert in auditor.json("v1/alerts").await.as_array().unwrap() {
        assert!(alert["resolved"].is_string(), "{alert:#}");
    }
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_head_is_stale_and_so_is_one_older_than_was_shown() {
    let (dir, site, puppet) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Puppet::new().await,
    );
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    puppet.show(&log, now_ms() / 1000);
    let mut newer = TinyLog::new();
    for entry in &log.entries[1..] {
        newer.push(entry.clone());
    }
    grow(&mut newer, 3..6);
    site.publish(&newer);
    let mut config = folder(dir.path(), &log, &site);
    config.peers.push(puppet.peer());
    let auditor = Auditor::start(&config).await;
    auditor.wait_ok(newer.size()).await;
    let verdict = |wanted: &'static str| move |peer: &Value| peer["verdict"] == wanted;
    wait_peer(&auditor, "an earlier head", verdict("consistent")).await;
    puppet.show(&log, now_ms() / 1000 - 7200);
    let seen = wait_peer(&auditor, "an old one", verdict("stale")).await;
    assert!(seen["detail"].as_str().unwrap().contains("s ago"), "{seen}");
    puppet.show(&newer, now_ms() / 1000);
    wait_peer(&auditor, "the same", verdict("same")).await;
    puppet.show(&log, now_ms() / 1000);
    let seen = wait_peer(&auditor, "a step back", verdict("stale")).await;
    assert_eq!(
        seen["head"]["size"],
        newer.size().get(),
        "the newest is kept"
    );
    assert_eq!(auditor.alerts().await, Vec::<String>::new());
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_is_told_by_a_peer_what_it_had_signed() {
    let site = Site::open().await;
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.publish(&log);
    let two = Two::new([(&log, &site), (&log, &site)]);
    let [restored, witness] = two.start().await;
    restored.wait_ok(log.size()).await;
    let old = log.size().get();
    restored.stop().await;
    let config = &two.configs[0];
    let copy = database::back_up(config);
    let restored = Auditor::start(config).await;
    grow(&mut log, 3..6);
    site.publish(&log);
    restored.wait_ok(log.size()).await;
    wait_peer(&witness, "the newest head", |peer| {
        peer["verdict"] == "same" && peer["head"]["size"] == log.size().get()
    })
    .await;
    restored.stop().await;

    // The log shows no cosignature of ours: only the peer knows.
    database::put_back(config, &copy);
    std::fs::remove_dir_all(two.dirs[0].path().join("high-water")).unwrap();
    let restored = Auditor::start(config).await;
    let alert = restored.wait_alert("rolled-back").await;
    assert_eq!(alert["subject"], log.size().to_string());
    assert!(alert["text"].as_str().unwrap().contains("Restore"));
    let answer = restored.ask(old, log.consistency(old), &log.signed()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(restored.log().await["cosigned"]["size"], old);
    restored.stop().await;
    witness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_before_the_peers_were_asked_but_a_dead_one_is_not_waited_for() {
    let (dir, site, puppet) = (
        tempfile::tempdir().unwrap(),
        Site::open().await,
        Puppet::new().await,
    );
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.publish(&log);
    puppet.site.hang(true);
    let mut config = folder(dir.path(), &log, &site);
    config.peers.push(puppet.peer());
    let auditor = Auditor::start(&config).await;
    // The log was looked at and followed, and still nothing is signed.
    auditor
        .wait("the log to be followed", |status| {
            status["size"] == log.size().get()
        })
        .await;
    assert_eq!(auditor.log().await["cosigned"]["size"], 0);
    puppet.site.down(true);
    puppet.site.hang(false);
    auditor.wait_ok(log.size()).await;
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_was_shown_is_explained_once_more_is_held() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let (mut log, mut other) = forked();
    site.publish(&log);
    let auditor = Auditor::start(&folder(dir.path(), &log, &site)).await;
    auditor.wait_ok(log.size()).await;
    grow(&mut other, 50..53);
    let shown = other.signed();
    assert_eq!(auditor.shown(&shown).await["verdict"], "unproven");
    let readers = auditor.json("v1/heads").await[0]["readers"].clone();
    assert_eq!(readers[0]["verdict"], "unproven");
    assert_eq!(readers[0]["head"]["size"], shown.head().size.get());
    assert!(readers[0]["head"]["checkpoint"].is_string());
    // The honest side grows beyond it: from there its real root is known.
    grow(&mut log, 60..70);
    site.publish(&log);
    auditor.wait_stopped("extension").await;
    assert_eq!(auditor.finding().await.rule, Rule::Extension);
    let readers = auditor.json("v1/heads").await[0]["readers"].clone();
    assert_eq!(readers[0]["verdict"], "conflict");
    assert_eq!(readers[0]["evidence"], auditor.log().await["evidence"][0]);
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_lapses_is_told_once() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    log.push_statement(
        &log.next(crate::tiny_log::canary()),
        crate::tiny_log::PROTECTIONS,
    );
    let now_s = crate::tiny_log::NOW;
    let epoch = log.replay.next_epoch(now_s * 1000 - 1000);
    log.push(epoch.to_bytes().to_vec());
    site.publish(&log);
    let config = folder(dir.path(), &log, &site);
    // Valid until now, to the second.
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(now_s * 1000));
    let hand = clock.clone();
    let told = Clock::from_fn(move || hand.load(std::sync::atomic::Ordering::SeqCst));
    let auditor = Auditor::start_at(&config, told.clone()).await;
    auditor.wait_ok(log.size()).await;
    assert_eq!(auditor.alerts().await, Vec::<String>::new());
    clock.fetch_add(2000, std::sync::atomic::Ordering::SeqCst);
    let alert = auditor.wait_alert("canary-lapsed").await;
    assert_eq!(alert["severity"], "policy");
    assert!(alert["text"].as_str().unwrap().contains("no-orders"));
    auditor.stop().await;
    let auditor = Auditor::start_at(&config, told).await;
    auditor.wait_ok(log.size()).await;
    assert_eq!(auditor.alerts().await, ["canary-lapsed"]);
    assert_eq!(auditor.log().await["evidence"], serde_json::json!([]));
    auditor.stop().await;
}

async fn doctor(config: &Config) -> Vec<String> {
    let lines = plainsight_auditor::doctor::examine(config, &Disk::system()).await;
    let about_peers = lines.iter().map(ToString::to_string);
    about_peers.filter(|line| line.contains("peer")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_the_peers_too() {
    let (log, site) = (busy(), Site::open().await);
    site.publish(&log);
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = folder_named(one.path(), "audit.example/one", &log, &site);
    let theirs = folder_named(other.path(), "audit.example/other", &log, &site);
    let has = |lines: &[String], start: &str, words: &str| {
        let mut lines = lines.iter();
        lines.any(|line| line.starts_with(start) && line.contains(words))
    };
    let lines = doctor(&config).await;
    assert!(has(&lines, "warn", "none is asked"), "{lines:#?}");
    // Both have read the log.
    let own = Auditor::start(&config).await;
    let peer = Auditor::start(&theirs).await;
    own.wait_ok(log.size()).await;
    peer.wait_ok(log.size()).await;
    own.stop().await;
    config.peers = vec![peer_of(&peer)];
    let lines = doctor(&config).await;
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(
        has(&lines, "ok", "under the key that is configured"),
        "{lines:#?}"
    );
    assert!(has(&lines, "ok", "clock: "), "{lines:#?}");
    assert!(has(&lines, "ok", "the same history as here"), "{lines:#?}");
    // The same address under another key is not that peer.
    let right = config.peers[0].clone();
    config.peers[0].key = own_key(&config);
    let lines = doctor(&config).await;
    assert!(
        has(&lines, "fail", "another key than the one configured"),
        "{lines:#?}"
    );
    assert!(
        has(&lines, "fail", "not signed by the key that is configured"),
        "{lines:#?}"
    );
    config.peers[0] = right;
    peer.stop().await;
    let lines = doctor(&config).await;
    assert!(
        has(&lines, "fail", "nothing usable came from"),
        "{lines:#?}"
    );
    assert!(
        lines.iter().all(|line| line.contains("next: ")),
        "{lines:#?}"
    );
}

fn own_key(config: &Config) -> plainsight_specs::note::VerifierKey {
    config.signer().unwrap().verifier_key()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_sees_another_history_and_one_that_is_ahead() {
    let (mine, others) = forked();
    let (here, there) = (Site::open().await, Site::open().await);
    here.publish(&mine);
    there.publish(&others);
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = folder_named(one.path(), "audit.example/one", &mine, &here);
    let theirs = folder_named(other.path(), "audit.example/other", &others, &there);
    let peer = Auditor::start(&theirs).await;
    peer.wait_ok(others.size()).await;
    config.peers = vec![peer_of(&peer)];
    // With nothing held there is nothing to compare with.
    let lines = doctor(&config).await;
    assert!(
        lines.iter().any(|line| line.contains("not compared yet")),
        "{lines:#?}"
    );
    config.peers.clear();
    let own = Auditor::start(&config).await;
    own.wait_ok(mine.size()).await;
    own.stop().await;
    config.peers = vec![peer_of(&peer)];
    let lines = doctor(&config).await;
    let split = lines
        .iter()
        .find(|line| line.contains("ANOTHER history"))
        .unwrap();
    assert!(
        split.starts_with("fail") && split.contains("/v1/evidence"),
        "{split}"
    );
    peer.stop().await;
}
