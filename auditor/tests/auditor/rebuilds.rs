//! Results of rebuilds: taken, served, exchanged, and told of.

use plainsight_auditor::config::Rebuilder;
use plainsight_auditor::{Clock, Config};
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::rebuild::{Outcome, RebuildClaim, RebuildList};
use plainsight_specs::time::Timestamp;

use crate::support::{Auditor, Site, busy, database, folder_named, now_ms, peer_of};
use crate::tiny_log::{RELEASES, TinyLog, release};

fn rebuilder(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn listed(seeds: &[u8]) -> Vec<Rebuilder> {
    let one = |seed: &u8| Rebuilder {
        name: format!("rebuilder {seed}"),
        key: rebuilder(*seed).public(),
    };
    seeds.iter().map(one).collect()
}

fn result(seed: u8, file: &[u8], outcome: Outcome, ago_s: i64) -> Vec<u8> {
    let now = i64::try_from(now_ms() / 1000).unwrap();
    let claim = RebuildClaim {
        file: sha256(file),
        outcome,
        time: Timestamp::from_seconds(u64::try_from(now - ago_s).unwrap()).unwrap(),
        references: Vec::new(),
    };
    claim.sign(&[&rebuilder(seed)])
}

fn mismatch() -> Outcome {
    Outcome::Mismatch {
        built: sha256(b"what the source gives"),
    }
}

struct Setting {
    _dir: tempfile::TempDir,
    log: TinyLog,
    site: Site,
    config: Config,
}

impl Setting {
    async fn new(name: &str, rebuilders: &[u8]) -> Self {
        let (dir, site, log) = (tempfile::tempdir().unwrap(), Site::open().await, busy());
        site.publish(&log);
        let mut config = folder_named(dir.path(), name, &log, &site);
        config.rebuilders = listed(rebuilders);
        Self {
            _dir: dir,
            log,
            site,
            config,
        }
    }
}

async fn of_file(auditor: &Auditor, file: &[u8]) -> Vec<Vec<u8>> {
    let path = format!("v1/rebuilds/{}", sha256(file).to_hex());
    let list = RebuildList::parse(auditor.text(&path).await.as_bytes()).unwrap();
    assert_eq!(list.next, None);
    list.results
}

async fn after(auditor: &Auditor, place: u64) -> RebuildList {
    let list = auditor.text(&format!("v1/rebuilds?after={place}")).await;
    RebuildList::parse(list.as_bytes()).unwrap()
}

async fn hand_in(auditor: &Auditor, result: &[u8]) -> u16 {
    auditor.post("v1/rebuilds", result).await.status
}

/// The results about a file, once they are as wanted.
async fn wait_results(auditor: &Auditor, file: &[u8], wanted: &[Vec<u8>]) {
    for _ in 0..600 {
        if of_file(auditor, file).await == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("waited in vain: {:?}", of_file(auditor, file).await.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_listed_rebuilders_are_taken_and_served_and_no_others() {
    let setting = Setting::new("audit.example/test", &[51, 52]).await;
    let auditor = Auditor::start(&setting.config).await;
    let (first, second) = (
        result(51, b"file", Outcome::Match, 100),
        result(52, b"file", Outcome::Unbuildable, 100),
    );
    for taken in [&first, &second, &first] {
        assert_eq!(hand_in(&auditor, taken).await, 200);
    }
    assert_eq!(
        of_file(&auditor, b"file").await,
        [first.clone(), second.clone()]
    );
    assert_eq!(of_file(&auditor, b"another").await, Vec::<Vec<u8>>::new());
    // Nobody's, none, one that is dated ahead, and one that is older.
    let of_a_stranger = result(53, b"file", mismatch(), 0);
    assert_eq!(hand_in(&auditor, &of_a_stranger).await, 403);
    assert_eq!(hand_in(&auditor, b"{}").await, 400);
    let ahead = result(51, b"file", mismatch(), -90_000);
    assert_eq!(hand_in(&auditor, &ahead).await, 400);
    let older = result(51, b"file", mismatch(), 200);
    assert_eq!(hand_in(&auditor, &older).await, 409);
    assert_eq!(
        of_file(&auditor, b"file").await,
        [first.clone(), second.clone()]
    );
    // A newer one replaces, at a new place.
    let listed = after(&auditor, 0).await;
    assert_eq!(
        (listed.next, listed.results),
        (Some(2), vec![first, second.clone()])
    );
    let newer = result(51, b"file", Outcome::Unbuildable, 50);
    assert_eq!(hand_in(&auditor, &newer).await, 200);
    let listed = after(&auditor, 2).await;
    assert_eq!(
        (listed.next, listed.results),
        (Some(3), vec![newer.clone()])
    );
    assert_eq!(after(&auditor, 3).await.next, Some(3));
    assert_eq!(
        after(&auditor, 99).await.next,
        Some(3),
        "how a list begins anew"
    );
    // They survive, and go with their rebuilder.
    auditor.stop().await;
    let mut config = setting.config.clone();
    config.rebuilders = self::listed(&[51]);
    let auditor = Auditor::start(&config).await;
    let file = of_file(&auditor, b"file").await;
    assert_eq!(file, std::slice::from_ref(&newer));
    assert_eq!(after(&auditor, 0).await.results, [newer]);
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_exchange_what_their_own_rebuilders_found() {
    let one = Setting::new("audit.example/one", &[51, 52]).await;
    let first = Auditor::start(&one.config).await;
    let (theirs, ours) = (
        result(51, b"file", Outcome::Match, 100),
        result(52, b"file", Outcome::Match, 100),
    );
    for taken in [&theirs, &ours] {
        assert_eq!(hand_in(&first, taken).await, 200);
    }
    // The other one has listed the second rebuilder only.
    let mut other = Setting::new("audit.example/other", &[52]).await;
    other.config.peers = vec![peer_of(&first)];
    let second = Auditor::start(&other.config).await;
    wait_results(&second, b"file", std::slice::from_ref(&ours)).await;
    // What is replaced there is replaced here.
    let newer = result(52, b"file", mismatch(), 50);
    assert_eq!(hand_in(&first, &newer).await, 200);
    wait_results(&second, b"file", std::slice::from_ref(&newer)).await;
    second.stop().await;
    // A rebuilder that is listed later is not missed: the list is read anew.
    other.config.rebuilders = listed(&[51, 52]);
    let second = Auditor::start(&other.config).await;
    wait_results(&second, b"file", &[newer, theirs]).await;
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_whose_list_begins_anew_is_read_from_the_beginning() {
    let one = Setting::new("audit.example/one", &[51]).await;
    let first = Auditor::start(&one.config).await;
    let mut other = Setting::new("audit.example/other", &[51]).await;
    for n in 0..3u8 {
        let taken = result(51, &[n], Outcome::Match, 100);
        assert_eq!(hand_in(&first, &taken).await, 200);
    }
    other.config.peers = vec![peer_of(&first)];
    let second = Auditor::start(&other.config).await;
    wait_results(&second, &[2], &[result_of(&first, 2).await]).await;
    second.stop().await;
    first.stop().await;
    // The peer has lost its database, and is found at the same address under the same key.
    database::lose(&one.config);
    database::make_empty(&one.config);
    let first = Auditor::start(&one.config).await;
    let fresh = result(51, b"fresh", Outcome::Match, 100);
    assert_eq!(hand_in(&first, &fresh).await, 200);
    other.config.peers = vec![peer_of(&first)];
    let second = Auditor::start(&other.config).await;
    wait_results(&second, b"fresh", &[fresh]).await;
    second.stop().await;
    first.stop().await;
}

async fn result_of(auditor: &Auditor, file: u8) -> Vec<u8> {
    of_file(auditor, &[file]).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mismatch_about_a_released_file_is_told_once_and_ends_with_its_correction() {
    let mut setting = Setting::new("audit.example/test", &[51]).await;
    let auditor = Auditor::start(&setting.config).await;
    auditor.wait_ok(setting.log.size()).await;
    // Of a file that no followed log has released nothing is told, until one has.
    assert_eq!(
        hand_in(&auditor, &result(51, b"three", mismatch(), 100)).await,
        200
    );
    assert_eq!(
        hand_in(&auditor, &result(51, b"one", mismatch(), 100)).await,
        200
    );
    let alert = auditor.wait_alert("rebuild-mismatch").await;
    assert_eq!(alert["severity"], "policy");
    assert_eq!(alert["log"], setting.log.origin.as_str());
    assert!(alert["text"].as_str().unwrap().contains("rebuilder 51"));
    assert_eq!(
        alert["subject"].as_str().unwrap(),
        format!("{} rebuilder 51", sha256(b"one").to_hex())
    );
    assert_eq!(alert["resolved"], serde_json::Value::Null);
    let statement = setting.log.next(release("2.0.0", &[b"three"]));
    setting.log.push_statement(&statement, RELEASES);
    crate::support::epoch(&mut setting.log);
    setting.site.publish(&setting.log);
    let three = sha256(b"three");
    wait_mismatch(&auditor, &three, |alert| alert["resolved"].is_null()).await;
    assert_eq!(mismatches(&auditor).await.len(), 2);
    // Nobody is accused: the log is cosigned as before.
    auditor.wait_ok(setting.log.size()).await;
    assert_eq!(
        hand_in(&auditor, &result(51, b"three", Outcome::Match, 0)).await,
        200
    );
    wait_mismatch(&auditor, &three, |alert| !alert["resolved"].is_null()).await;
    auditor.stop().await;
    // Told once: a start tells nothing again.
    let auditor = Auditor::start_at(&setting.config, Clock::system()).await;
    auditor.wait_ok(setting.log.size()).await;
    assert_eq!(mismatches(&auditor).await.len(), 2);
    auditor.stop().await;
}

async fn mismatches(auditor: &Auditor) -> Vec<serde_json::Value> {
    let alerts = auditor.json("v1/alerts").await;
    let alerts = alerts.as_array().unwrap().iter();
    alerts
        .filter(|alert| alert["code"] == "rebuild-mismatch")
        .cloned()
        .collect()
}

async fn wait_mismatch(
    auditor: &Auditor,
    file: &Hash,
    wanted: impl Fn(&serde_json::Value) -> bool,
) {
    for _ in 0..600 {
        let found = mismatches(auditor).await.into_iter().find(|alert| {
            let subject = alert["subject"].as_str().unwrap();
            subject.starts_with(&file.to_hex())
        });
        if found.is_some_and(|alert| wanted(&alert)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("waited in vain: {:#?}", mismatches(auditor).await);
}

#[test]
fn a_rebuilder_is_listed_once_with_a_key_that_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let identity = plainsight_auditor::Identity {
        name: "audit.example/test".into(),
        organisation: "Test".into(),
        jurisdiction: "CH".into(),
    };
    plainsight_auditor::init(dir.path(), &identity).unwrap();
    let path = dir.path().join("auditor.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let key = |seed| plainsight_specs::codec::to_base64(rebuilder(seed).public().as_bytes());
    let table =
        |name: &str, key: &str| format!("\n[[rebuilder]]\nname = {name:?}\nkey = {key:?}\n");
    let load = |tables: &str| {
        std::fs::write(&path, format!("{text}{tables}")).unwrap();
        Config::load(dir.path())
    };
    let good = [table("a", &key(51)), table("b", &key(52))].concat();
    assert_eq!(load(&good).unwrap().rebuilders.len(), 2);
    for wrong in [
        [table("a", &key(51)), table("a", &key(52))].concat(),
        [table("a", &key(51)), table("b", &key(51))].concat(),
        table("", &key(51)),
        table("a", "AAAA"),
        table("a", &plainsight_specs::codec::to_base64(&[0; 32])),
    ] {
        assert!(load(&wrong).is_err(), "{wrong}");
    }
}
