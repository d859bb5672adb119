//! The plain witness of foreign logs: C2SP to the letter, and never to be taken for the auditor.

use plainsight_auditor::plain::{PlainLog, PlainLogConfig, init_witness};
use plainsight_auditor::{Config, ConfigError, Identity, WitnessConfig, init};
use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::evidence::Evidence;
use plainsight_specs::hash::sha256;
use plainsight_specs::note::{Algorithm, KeyName, SignatureLine, Signer, VerifierKey};
use plainsight_specs::rules::Rule;
use serde_json::Value;

use crate::support::{Auditor, Site, database, epoch, forked, grow};
use crate::tiny_log::{ORIGIN, TinyLog, secret};

const NAME: &str = "witness.example/plain";

/// A folder of an auditor that audits nothing and witnesses these logs.
fn folder(dir: &std::path::Path, logs: &[PlainLogConfig]) -> (Config, VerifierKey) {
    let identity = Identity {
        name: "audit.example/test".into(),
        organisation: "Test".into(),
        jurisdiction: "CH".into(),
    };
    init(dir, &identity).unwrap();
    let key = init_witness(dir, NAME).unwrap();
    let mut config = Config::load(dir).unwrap();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.poll_interval_ms = 30;
    config.witness = Some(WitnessConfig {
        name: NAME.into(),
        logs: logs.iter().map(|log| PlainLog::new(log).unwrap()).collect(),
    });
    (config, key)
}

fn log_config(log: &TinyLog, site: Option<&Site>) -> PlainLogConfig {
    PlainLogConfig {
        vkey: log.log_key().to_string(),
        other_vkeys: Vec::new(),
        origin: None,
        url: site.map(|site| site.url.clone()),
    }
}

async fn ask(auditor: &Auditor, old: u64, proof: &[String], note: &[u8]) -> (u16, Vec<u8>) {
    let mut body = format!("old {old}\n").into_bytes();
    for hash in proof {
        body.extend_from_slice(format!("{hash}\n").as_bytes());
    }
    body.push(b'\n');
    body.extend_from_slice(note);
    let answer = auditor.post("witness/add-checkpoint", &body).await;
    (answer.status, answer.body)
}

fn consistency(log: &TinyLog, older: u64) -> Vec<String> {
    let proof = log.consistency(older);
    proof
        .iter()
        .map(plainsight_specs::hash::Hash::to_base64)
        .collect()
}

async fn kept(auditor: &Auditor, origin: &str) -> Option<String> {
    let path = format!("witness/{}/checkpoint", sha256(origin.as_bytes()).to_hex());
    let note = auditor.http.read(&auditor.base.join(&path), 1 << 20).await;
    note.ok().map(|note| String::from_utf8(note).unwrap())
}

async fn wait(auditor: &Auditor, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut seen = Value::Null;
    for _ in 0..600 {
        seen = auditor.json("v1/witness").await["logs"][0].clone();
        if wanted(&seen) {
            return seen;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("waited in vain for {what}: {seen:#}");
}

fn verify(line: &str, signed: &SignedCheckpoint, key: &VerifierKey) {
    let line = SignatureLine::parse(line.trim_end()).unwrap();
    Cosignature::verify(&line, signed.text(), key).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigns_what_extends_what_it_saw_and_says_so_under_its_own_key() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = TinyLog::new();
    let (config, key) = folder(dir.path(), &[log_config(&log, None)]);
    let auditor = Auditor::start(&config).await;
    assert_ne!(key.ed25519(), auditor.node.verifier_key.ed25519());
    // A head that no auditor would sign: it has one entry and ends at no epoch.
    let first = log.signed();
    assert_eq!(kept(&auditor, ORIGIN).await, None);
    assert_eq!(
        ask(&auditor, 1, &[], &first.to_bytes()).await,
        (409, b"0\n".to_vec())
    );
    let (status, line) = ask(&auditor, 0, &[], &first.to_bytes()).await;
    assert_eq!(status, 200);
    verify(&String::from_utf8(line).unwrap(), &first, &key);
    // The auditor itself knows no such log.
    assert_eq!(auditor.ask(0, Vec::new(), &first).await.status, 404);

    grow(&mut log, 0..300);
    let second = log.signed();
    let note = second.to_bytes();
    assert_eq!(ask(&auditor, 0, &[], &note).await, (409, b"1\n".to_vec()));
    assert_eq!(ask(&auditor, 1, &[], &note).await.0, 422);
    assert_eq!(ask(&auditor, 999, &[], &note).await.0, 400);
    assert_eq!(ask(&auditor, 1, &consistency(&log, 1), &note).await.0, 200);
    let size = log.size().get();
    assert_eq!(ask(&auditor, size, &[], &note).await.0, 200, "again");
    auditor.stop().await;

    let auditor = Auditor::start(&config).await;
    let answer = ask(&auditor, 1, &consistency(&log, 1), &note).await;
    assert_eq!(answer, (409, format!("{size}\n").into_bytes()));
    let note = kept(&auditor, ORIGIN).await.unwrap();
    let line = note.lines().last().unwrap();
    verify(line, &second, &key);
    assert_eq!(auditor.json("v1/witness").await["vkey"], key.to_string());
    // Another root of the same size, signed by the log: no cosignature, and a file.
    let (_, mut other) = forked();
    while other.size() < log.size() {
        epoch(&mut other);
    }
    assert_eq!(
        ask(&auditor, size, &[], &other.signed().to_bytes()).await.0,
        422
    );
    let broken = wait(&auditor, "a conflict", |log| log["verdict"] == "conflict").await;
    let id = broken["evidence"].as_str().unwrap();
    let file = auditor.base.join(&format!("v1/evidence/{id}"));
    let file = auditor.http.read(&file, 1 << 20).await.unwrap();
    assert_eq!(
        Evidence::parse(&file).unwrap().verify().unwrap().rule,
        Rule::Fork
    );
    assert_eq!(ask(&auditor, size, &[], &second.to_bytes()).await.0, 422);
    assert_eq!(auditor.alerts().await, ["witnessed-fork"]);
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_another_kind_is_witnessed_too() {
    // An origin that is no key name, extension lines, two keys: as the Go checksum database.
    let origin = "go.sum example tree";
    let signer = |seed| {
        let name = KeyName::parse("sum.example").unwrap();
        Signer::new(name, Algorithm::Ed25519, secret(seed)).unwrap()
    };
    let (old_key, new_key) = (signer(70), signer(71));
    let log = PlainLogConfig {
        vkey: new_key.verifier_key().to_string(),
        other_vkeys: vec![old_key.verifier_key().to_string()],
        origin: Some(origin.into()),
        url: None,
    };
    let dir = tempfile::tempdir().unwrap();
    let (config, key) = folder(dir.path(), &[log]);
    let auditor = Auditor::start(&config).await;
    let root = sha256(b"root").to_base64();
    let text = format!("{origin}\n7\n{root}\nextension\n");
    for signer in [&old_key, &new_key] {
        let line = signer.sign(&text).unwrap();
        let note = format!("{text}\n{line}\n");
        let old = if signer.verifier_key() == old_key.verifier_key() {
            0
        } else {
            7
        };
        let (status, line) = ask(&auditor, old, &[], note.as_bytes()).await;
        assert_eq!(status, 200);
        let line = String::from_utf8(line).unwrap();
        let line = SignatureLine::parse(line.trim_end()).unwrap();
        Cosignature::verify(&line, &text, &key).unwrap();
    }
    assert!(kept(&auditor, origin).await.unwrap().starts_with(&text));
    let name = KeyName::parse("sum.example").unwrap();
    let other = Signer::new(name, Algorithm::Ed25519, secret(72)).unwrap();
    let note = format!("{text}\n{}\n", other.sign(&text).unwrap());
    assert_eq!(ask(&auditor, 7, &[], note.as_bytes()).await.0, 403);
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_an_address_is_read_there_and_convicted_from_there() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let (mut log, mut other) = forked();
    site.publish(&log);
    let (config, key) = folder(dir.path(), &[log_config(&log, Some(&site))]);
    let auditor = Auditor::start(&config).await;
    let at = |log: &TinyLog| {
        let size = log.size().get();
        move |seen: &Value| seen["cosigned"]["size"] == size
    };
    wait(&auditor, "the first head", at(&log)).await;
    grow(&mut log, 100..500);
    site.publish(&log);
    wait(&auditor, "the next head", at(&log)).await;
    let note = kept(&auditor, ORIGIN).await.unwrap();
    verify(note.lines().last().unwrap(), &log.signed(), &key);
    // An outage is told, and ends.
    site.down(true);
    let alert = auditor.wait_alert("witnessed-unreachable").await;
    assert_eq!(alert["severity"], "availability");
    site.down(false);
    while auditor.wait_alert("witnessed-unreachable").await["resolved"].is_null() {
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    // Another tree, larger.
    grow(&mut other, 600..1400);
    site.clear();
    site.publish(&other);
    let broken = wait(&auditor, "a conflict", |log| log["verdict"] == "conflict").await;
    assert_eq!(broken["cosigned"]["size"], log.size().get());
    let id = broken["evidence"].as_str().unwrap();
    let file = auditor.base.join(&format!("v1/evidence/{id}"));
    let file = auditor.http.read(&file, 1 << 20).await.unwrap();
    let finding = Evidence::parse(&file).unwrap().verify().unwrap();
    assert_eq!(
        (finding.rule, finding.log_key),
        (Rule::Extension, log.log_key())
    );
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_its_state_signs_nothing() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.publish(&log);
    let (config, _) = folder(dir.path(), &[log_config(&log, Some(&site))]);
    let auditor = Auditor::start(&config).await;
    let size = log.size().get();
    wait(&auditor, "the first head", |seen| {
        seen["cosigned"]["size"] == size
    })
    .await;
    auditor.stop().await;
    let copy = database::back_up(&config);
    let auditor = Auditor::start(&config).await;
    grow(&mut log, 3..6);
    site.publish(&log);
    let newest = log.size().get();
    wait(&auditor, "the next head", |seen| {
        seen["cosigned"]["size"] == newest
    })
    .await;
    let note = kept(&auditor, ORIGIN).await.unwrap();
    auditor.stop().await;
    database::put_back(&config, &copy);
    std::fs::remove_dir_all(dir.path().join("high-water")).unwrap();
    site.put("checkpoint", note.into_bytes());
    let auditor = Auditor::start(&config).await;
    let alert = auditor.wait_alert("witness-rolled-back").await;
    assert_eq!(alert["severity"], "self");
    let note = log.signed().to_bytes();
    assert_eq!(
        ask(&auditor, size, &consistency(&log, size), &note).await.0,
        503
    );
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_an_address_is_looked_at_before_anything_of_it_is_signed() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let mut log = TinyLog::new();
    grow(&mut log, 0..3);
    site.publish(&log);
    site.down(true);
    let (config, _) = folder(dir.path(), &[log_config(&log, Some(&site))]);
    let auditor = Auditor::start(&config).await;
    let note = log.signed().to_bytes();
    assert_eq!(ask(&auditor, 0, &[], &note).await.0, 503);
    site.down(false);
    let size = log.size().get();
    wait(&auditor, "the first head", |seen| {
        seen["cosigned"]["size"] == size
    })
    .await;
    assert_eq!(ask(&auditor, size, &[], &note).await.0, 200);
    auditor.stop().await;
}

/// Waits for the conviction of the first log, and gives the rule that its file proves.
async fn convicted(auditor: &Auditor) -> Rule {
    let broken = wait(auditor, "a conflict", |log| log["verdict"] == "conflict").await;
    let id = broken["evidence"].as_str().unwrap();
    let file = auditor.base.join(&format!("v1/evidence/{id}"));
    let file = auditor.http.read(&file, 1 << 20).await.unwrap();
    Evidence::parse(&file).unwrap().verify().unwrap().rule
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_convicts_whatever_old_size_the_log_asks_with() {
    let dir = tempfile::tempdir().unwrap();
    let (log, other) = forked();
    let (config, _) = folder(dir.path(), &[log_config(&log, None)]);
    let auditor = Auditor::start(&config).await;
    assert_eq!(ask(&auditor, 0, &[], &log.signed().to_bytes()).await.0, 200);
    let note = other.signed().to_bytes();
    assert_eq!(ask(&auditor, 0, &[], &note).await.0, 409);
    assert_eq!(convicted(&auditor).await, Rule::Fork);
    assert_eq!(auditor.alerts().await, ["witnessed-fork"]);
    // Nobody is told that nothing happens here.
    let overview = auditor.json("index.json").await;
    assert_eq!(
        overview["verdict"]["title"], "Tampering was proven",
        "{overview:#}"
    );
    let listed = auditor.json("v1/evidence").await;
    assert_eq!(
        (&listed[0]["origin"], &listed[0]["rule"]),
        (&ORIGIN.into(), &"fork".into())
    );
    let alert = auditor.wait_alert("witnessed-fork").await;
    assert_eq!(alert["evidence"]["id"], listed[0]["id"]);
    assert_eq!(alert["log"], ORIGIN);
    let feed = auditor.text("alerts.atom").await;
    let id = listed[0]["id"].as_str().unwrap();
    assert!(
        feed.contains(&format!("Evidence: /v1/evidence/{id}")),
        "{feed}"
    );
    assert!(feed.contains(&format!("About: {ORIGIN}.")), "{feed}");
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_was_refused_is_held_against_the_one_that_is_to_be_signed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, mut other) = forked();
    let (config, _) = folder(dir.path(), &[log_config(&log, None)]);
    let auditor = Auditor::start(&config).await;
    let size = log.size().get();
    assert_eq!(ask(&auditor, 0, &[], &log.signed().to_bytes()).await.0, 200);
    epoch(&mut log);
    epoch(&mut other);
    // Larger, and refused: nobody knows yet whether it fits.
    assert_eq!(
        ask(&auditor, 0, &[], &other.signed().to_bytes()).await.0,
        409
    );
    auditor.stop().await;
    let auditor = Auditor::start(&config).await;
    let proof = consistency(&log, size);
    assert_eq!(
        ask(&auditor, size, &proof, &log.signed().to_bytes())
            .await
            .0,
        422
    );
    assert_eq!(convicted(&auditor).await, Rule::Fork);
    assert_eq!(
        auditor.json("v1/witness").await["logs"][0]["cosigned"]["size"],
        size
    );
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_head_of_another_tree_is_found_out_from_the_tiles() {
    let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
    let (mut log, other) = forked();
    epoch(&mut log);
    let earlier = log.signed().to_bytes();
    grow(&mut log, 100..110);
    site.publish(&log);
    let (config, _) = folder(dir.path(), &[log_config(&log, Some(&site))]);
    let auditor = Auditor::start(&config).await;
    let size = log.size().get();
    wait(&auditor, "the head", |seen| {
        seen["cosigned"]["size"] == size
    })
    .await;
    // One that is public, which says nothing, and one that is not.
    assert_eq!(ask(&auditor, 0, &[], &earlier).await.0, 409);
    assert_eq!(
        ask(&auditor, 0, &[], &other.signed().to_bytes()).await.0,
        409
    );
    assert_eq!(convicted(&auditor).await, Rule::Extension);
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_its_state_signs_nothing_of_a_log_without_an_address() {
    let dir = tempfile::tempdir().unwrap();
    let (log, other) = forked();
    let (config, _) = folder(dir.path(), &[log_config(&log, None)]);
    let auditor = Auditor::start(&config).await;
    auditor.stop().await;
    let copy = database::back_up(&config);
    let auditor = Auditor::start(&config).await;
    let (size, note) = (log.size().get(), log.signed().to_bytes());
    assert_eq!(ask(&auditor, 0, &[], &note).await.0, 200);
    auditor.stop().await;
    // A start with the newest state is as any other.
    let auditor = Auditor::start(&config).await;
    assert_eq!(ask(&auditor, size, &[], &note).await.0, 200);
    assert_eq!(auditor.alerts().await, Vec::<String>::new());
    auditor.stop().await;

    database::put_back(&config, &copy);
    let auditor = Auditor::start(&config).await;
    let alert = auditor.wait_alert("witness-rolled-back").await;
    assert_eq!(alert["severity"], "self");
    for log in [&other, &log] {
        let answer = ask(&auditor, 0, &[], &log.signed().to_bytes()).await;
        assert_eq!(answer.0, 503);
    }
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_cannot_read_what_it_signed_last_signs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = TinyLog::new();
    let (config, _) = folder(dir.path(), &[log_config(&log, None)]);
    let auditor = Auditor::start(&config).await;
    let note = log.signed().to_bytes();
    assert_eq!(ask(&auditor, 0, &[], &note).await.0, 200);
    auditor.stop().await;
    let hash = sha256(ORIGIN.as_bytes()).to_hex();
    let file = dir.path().join("high-water").join(hash);
    let whole = std::fs::read(&file).unwrap();
    // Signed by the log alone, as anybody could put there.
    for spoilt in [Vec::new(), whole[1..].to_vec(), note.clone()] {
        std::fs::write(&file, spoilt).unwrap();
        let auditor = Auditor::start(&config).await;
        assert_eq!(ask(&auditor, 1, &[], &note).await.0, 503);
        auditor.wait_alert("witness-memory-lost").await;
        auditor.stop().await;
    }
    std::fs::write(&file, whole).unwrap();
    let auditor = Auditor::start(&config).await;
    assert_eq!(ask(&auditor, 1, &[], &note).await.0, 200);
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_whose_folder_was_put_back_waits_for_its_operator() {
    let dir = tempfile::tempdir().unwrap();
    let log = TinyLog::new();
    let (config, _) = folder(dir.path(), &[log_config(&log, None)]);
    let auditor = Auditor::start(&config).await;
    let note = log.signed().to_bytes();
    assert_eq!(ask(&auditor, 0, &[], &note).await.0, 200);
    auditor.stop().await;
    let hash = sha256(ORIGIN.as_bytes()).to_hex();
    let file = dir.path().join("high-water").join(hash);
    // A copy is another file, whatever is in it.
    std::fs::copy(&file, dir.path().join("copy")).unwrap();
    std::fs::rename(dir.path().join("copy"), &file).unwrap();
    let auditor = Auditor::start(&config).await;
    assert_eq!(ask(&auditor, 1, &[], &note).await.0, 503);
    auditor.wait_alert("witness-memory-lost").await;
    let mut why = String::new();
    for _ in 0..600 {
        let ready = auditor.http.read(&auditor.base.join("readyz"), 4096).await;
        why = ready
            .err()
            .map_or_else(String::new, |error| error.to_string());
        if why.contains(ORIGIN) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert!(why.contains("nothing is signed for"), "{why}");
    auditor.stop().await;
    // Who is no longer witnessed needs no look any more.
    let mut without = config.clone();
    without.witness.as_mut().unwrap().logs.clear();
    let auditor = Auditor::start(&without).await;
    let alert = auditor.wait_alert("witness-memory-lost").await;
    assert!(alert["resolved"].is_string(), "{alert:#}");
    assert!(
        alert["text"]
            .as_str()
            .unwrap()
            .contains("no longer names it")
    );
    auditor.stop().await;
    let size = plainsight_auditor::resume(&config, ORIGIN, "the folder was moved").await;
    assert_eq!(size.unwrap(), log.size());
    let auditor = Auditor::start(&config).await;
    assert_eq!(ask(&auditor, 1, &[], &note).await.0, 200);
    auditor.stop().await;
}

#[test]
fn the_witness_has_a_name_a_key_and_logs_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let log = TinyLog::new();
    let (config, _) = folder(dir.path(), &[]);
    let file = dir.path().join("auditor.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let load = |more: &str| {
        std::fs::write(&file, format!("{text}\n{more}")).unwrap();
        Config::load(dir.path())
    };
    let table = |name: &str, origin: &str| {
        format!(
            "[witness]\nname = \"{name}\"\n[[witness.log]]\nvkey = \"{}\"\norigin = \"{origin}\"\n",
            log.log_key()
        )
    };
    let loaded = load(&table(NAME, ORIGIN)).unwrap();
    let witness = loaded.witness.clone().unwrap();
    assert_eq!(witness.logs[0].origin.as_str(), ORIGIN);
    loaded.witness_signer(&witness).unwrap();
    let own = config.identity.name.as_str();
    assert!(matches!(
        load(&table(own, ORIGIN)),
        Err(ConfigError::WitnessName)
    ));
    for taken in [own, NAME] {
        assert!(matches!(
            load(&table(NAME, taken)),
            Err(ConfigError::Log { .. })
        ));
    }
    let audited = format!(
        "[[log]]\nvkey = \"{}\"\nurl = \"http://127.0.0.1:1\"\n{}",
        log.log_key(),
        table(NAME, ORIGIN)
    );
    assert!(matches!(load(&audited), Err(ConfigError::Log { .. })));
    // The auditor's key under the witness's name.
    let secret = std::fs::read_to_string(dir.path().join("cosigner.key")).unwrap();
    let key = secret.trim_end().splitn(5, '+').nth(4).unwrap();
    let public = config.signer().unwrap().verifier_key();
    let bytes = [&[0x04], public.ed25519().unwrap().as_bytes().as_slice()].concat();
    let id = sha256(&[NAME.as_bytes(), b"\n", &bytes].concat()).to_hex();
    let renamed = &id[..8];
    let path = dir.path().join("witness.key");
    std::fs::write(path, format!("PRIVATE+KEY+{NAME}+{renamed}+{key}\n")).unwrap();
    assert!(matches!(
        loaded.witness_signer(&witness),
        Err(ConfigError::WitnessKey)
    ));
}
