//! A week of an honest log and an honest peer, at the speed of a test: whatever fails, nobody is
//! accused. The clock is the test's, and what fails is drawn from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plainsight_auditor::check::check;
use plainsight_auditor::{Clock, Config};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::index::IndexKey;
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use plainsight_specs::time::Timestamp;
use serde_json::Value;

use crate::support::{Auditor, Site, folder, key_entry};
use crate::tiny_log::{NOW, ORIGIN, RELEASES, TinyLog, release, secret};

const HOUR_MS: u64 = 3_600_000;

/// Numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

struct World {
    clock: Arc<AtomicU64>,
    log: TinyLog,
    site: Site,
    peer_site: Site,
    peer: Signer,
    /// A head from the beginning.
    first: plainsight_specs::checkpoint::SignedCheckpoint,
    dice: Dice,
    n: u64,
}

impl World {
    fn now_s(&self) -> u64 {
        self.clock.load(Ordering::SeqCst) / 1000
    }

    fn told(&self) -> Clock {
        let clock = self.clock.clone();
        Clock::from_fn(move || clock.load(Ordering::SeqCst))
    }

    fn hours(&self, hours: u64) {
        self.clock.fetch_add(hours * HOUR_MS, Ordering::SeqCst);
    }

    fn grow(&mut self) {
        for _ in 0..=self.dice.roll(40) {
            self.n += 1;
            let index = IndexKey::private(sha256(&self.n.to_be_bytes()));
            self.log.push(key_entry(index));
        }
        if self.dice.roll(5) == 0 {
            let version = format!("1.0.{}", self.n);
            let file = self.n.to_be_bytes();
            let draft = self.log.next(release(&version, &[&file]));
            self.log.push_statement(&draft, RELEASES);
        }
        let epoch = self
            .log
            .replay
            .next_epoch(self.clock.load(Ordering::SeqCst));
        assert!(!self.log.push(epoch.to_bytes().to_vec()).is_void());
    }

    fn peer_note(&self) -> Vec<u8> {
        let signed = self.log.signed();
        let time = Timestamp::from_seconds(self.now_s()).unwrap();
        let line = Cosignature::sign(&signed, &self.peer, time).unwrap().line;
        signed.to_bytes_with(&[line])
    }

    fn show_peer(&self, note: Vec<u8>) {
        let path = format!("{}/checkpoint", sha256(ORIGIN.as_bytes()).to_hex());
        self.peer_site.put(&path, note);
    }

    fn all_is_well(&self) {
        self.site.down(false);
        self.peer_site.down(false);
        self.site.publish(&self.log);
        self.show_peer(self.peer_note());
    }

    /// The last bundle of the log, as it is served.
    fn last_bundle(&self) -> String {
        let size = self.log.size().get();
        let (index, width) = ((size - 1) / 256, (size - 1) % 256 + 1);
        match width {
            256 => format!("tile/entries/{index:03}"),
            _ => format!("tile/entries/{index:03}.p/{width}"),
        }
    }

    /// Lets one thing go wrong, waits until it was noticed where it can be, and mends it.
    async fn trouble(&mut self, auditor: Auditor, config: &Config) -> Auditor {
        match self.dice.roll(10) {
            0 => {
                self.site.down(true);
                open_alert(&auditor, "unreachable").await;
            }
            1 => {
                self.peer_site.down(true);
                open_alert(&auditor, "peer-unreachable").await;
            }
            2 => {
                self.show_peer(b"nonsense".to_vec());
                open_alert(&auditor, "peer-unreachable").await;
            }
            3 => {
                self.site.put("checkpoint", b"nonsense".to_vec());
                open_alert(&auditor, "bad-checkpoint").await;
            }
            // Not what was signed, cut short, or nothing.
            4..=6 => {
                self.grow();
                self.site.serve(&self.log);
                let path = self.last_bundle();
                let mut bytes = self.site.get(&path);
                match self.dice.roll(3) {
                    0 => *bytes.last_mut().unwrap() ^= 1,
                    1 => drop(bytes.pop()),
                    _ => bytes.clear(),
                }
                self.site.put(&path, bytes);
                let head = self.log.signed().to_bytes();
                self.site.put("checkpoint", head);
                open_alert(&auditor, "withheld").await;
            }
            // The log sleeps, and then shows an old head again.
            7 => {
                self.hours(4);
                open_alert(&auditor, "stale").await;
                self.site.put("checkpoint", self.first.to_bytes());
                self.show_peer(self.peer_note());
            }
            // Anybody may ask for anything.
            8 => {
                let head = self.log.signed();
                let old = auditor.log().await["cosigned"]["size"].as_u64().unwrap();
                let proof = vec![Hash::ZERO; self.dice.roll(5) as usize];
                auditor.ask(old, proof, &head).await;
                auditor.ask(0, Vec::new(), &self.first).await;
                let mut opinion = auditor.shown(&self.first).await;
                while opinion["detail"].as_str().unwrap().contains("ask again") {
                    opinion = auditor.shown(&self.first).await;
                }
                assert_eq!(opinion["verdict"], "consistent");
            }
            _ => {
                auditor.stop().await;
                return Auditor::start_at(config, self.told()).await;
            }
        }
        auditor
    }
}

async fn open_alert(auditor: &Auditor, code: &str) -> Value {
    for _ in 0..600 {
        let alerts = auditor.json("v1/alerts").await;
        let mut open = alerts.as_array().unwrap().iter();
        let open = open.find(|alert| alert["code"] == code && alert["resolved"].is_null());
        if let Some(alert) = open {
            return alert.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {code}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_week_with_outages_accuses_nobody() {
    let clock = Arc::new(AtomicU64::new(NOW * 1000));
    let mut log = TinyLog::empty();
    let mut draft = log.genesis_draft();
    draft.heartbeat_s = 3600;
    log.push(draft.build().unwrap().to_bytes());
    let epoch = log.replay.next_epoch(NOW * 1000);
    log.push(epoch.to_bytes().to_vec());
    let name = KeyName::parse("audit.example/peer").unwrap();
    let mut world = World {
        clock,
        first: log.signed(),
        log,
        site: Site::open().await,
        peer_site: Site::open().await,
        peer: Signer::new(name, Algorithm::CosignatureV1, secret(66)).unwrap(),
        dice: Dice(20_261_124),
        n: 0,
    };
    world.all_is_well();
    let dir = tempfile::tempdir().unwrap();
    let mut config = folder(dir.path(), &world.log, &world.site);
    config.poll_interval_ms = 10;
    let peer = plainsight_auditor::peers::PeerConfig {
        vkey: world.peer.verifier_key().to_string(),
        url: world.peer_site.url.clone(),
    };
    let peer = plainsight_auditor::peers::Peer::new(&peer).unwrap();
    config.peers.push(peer);
    let mut auditor = Auditor::start_at(&config, world.told()).await;
    for hour in 0..7 * 24 {
        if hour % 2 == 1 {
            auditor = world.trouble(auditor, &config).await;
        }
        world.hours(1);
        world.grow();
        world.all_is_well();
        auditor.wait_ok(world.log.size()).await;
    }
    let alerts = auditor.json("v1/alerts").await;
    let alerts = alerts.as_array().unwrap();
    let mut codes: Vec<_> = alerts
        .iter()
        .map(|alert| alert["code"].as_str().unwrap())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let expected = [
        "bad-checkpoint",
        "peer-unreachable",
        "stale",
        "unreachable",
        "withheld",
    ];
    assert_eq!(codes, expected, "the seed lets everything happen");
    for alert in alerts {
        assert_eq!(alert["severity"], "availability", "{alert:#}");
    }
    assert_eq!(auditor.log().await["evidence"], serde_json::json!([]));
    assert_eq!(auditor.log().await["breaks"], serde_json::json!([]));
    auditor.stop().await;
    assert_eq!(std::fs::read_dir(config.evidence()).unwrap().count(), 0);
    let checked = check(&config).await.unwrap().remove(0);
    assert_eq!(
        (checked.faults, checked.size),
        (Vec::new(), world.log.size())
    );
}
