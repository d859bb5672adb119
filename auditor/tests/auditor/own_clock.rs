//! A machine whose clock is wrong signs nothing, and blames nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use plainsight_auditor::peers::{Peer, PeerConfig};
use plainsight_auditor::{Clock, Config};
use plainsight_specs::note::{Algorithm, KeyName, Signer};
use serde_json::Value;

use crate::support::{Auditor, Site, busy, folder, grow, now_ms};
use crate::tiny_log::{TinyLog, secret};

const DAY_MS: i64 = 86_400_000;

/// The clock of a machine that is off by so many milliseconds.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn set(&self, off_ms: i64) {
        self.0.store(off_ms, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let hand = self.clone();
        Clock::of_machine(move || now_ms().saturating_add_signed(hand.0.load(Ordering::SeqCst)))
    }
}

/// Makes what answers at `site` a peer, of which nothing but its clock is of interest.
fn add_peer(config: &mut Config, n: u8, site: &Site) {
    let name = KeyName::parse(&format!("audit.example/peer{n}")).unwrap();
    let signer = Signer::new(name, Algorithm::CosignatureV1, secret(n)).unwrap();
    let peer = PeerConfig {
        vkey: signer.verifier_key().to_string(),
        url: site.url.clone(),
    };
    config.peers.push(Peer::new(&peer).unwrap());
}

struct Setting {
    log: TinyLog,
    site: Site,
    peers: Vec<Site>,
    config: Config,
    hand: Hand,
    _dir: tempfile::TempDir,
}

impl Setting {
    async fn with_peers(peers: u8) -> Self {
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
        let log = busy();
        site.publish(&log);
        let mut config = folder(dir.path(), &log, &site);
        let mut sites = Vec::new();
        for n in 0..peers {
            let peer = Site::open().await;
            add_peer(&mut config, 80 + n, &peer);
            sites.push(peer);
        }
        Self {
            log,
            site,
            peers: sites,
            config,
            hand: Hand::default(),
            _dir: dir,
        }
    }

    async fn start(&self) -> Auditor {
        Auditor::start_at(&self.config, self.hand.clock()).await
    }
}

fn open_codes(alerts: &Value) -> Vec<&str> {
    let alerts = alerts.as_array().unwrap().iter();
    let open = alerts.filter(|alert| alert["resolved"].is_null());
    open.map(|alert| alert["code"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_signs_nothing_and_blames_nobody() {
    // SPEC(WIT-18)
    for days in [60, -60] {
        let setting = Setting::with_peers(1).await;
        setting.hand.set(days * DAY_MS);
        let auditor = setting.start().await;
        let alert = auditor.wait_alert("clock-off").await;
        assert_eq!(alert["severity"], "self");
        let way = if days > 0 { "s ahead of" } else { "s behind" };
        let text = alert["text"].as_str().unwrap();
        assert!(
            text.contains(way) && text.contains("2 of the 2 hosts"),
            "{text}"
        );
        auditor
            .wait("everything to be held", |log| {
                log["size"] == setting.log.size().get()
            })
            .await;
        let answer = auditor.ask(0, Vec::new(), &setting.log.signed()).await;
        assert_eq!((answer.status, answer.retry_after), (503, Some(1)));
        let words = String::from_utf8(answer.body).unwrap();
        assert!(words.contains("own clock is wrong"), "{words}");
        setting.site.wait_read("checkpoint").await;
        let log = auditor.log().await;
        assert_eq!(log["cosigned"]["size"], 0, "{log:#}");
        assert_eq!(log["verdict"], "stopped");
        let alerts = auditor.json("v1/alerts").await;
        assert_eq!(open_codes(&alerts), ["clock-off"], "{alerts:#}");
        let ready = auditor.http.read(&auditor.base.join("readyz"), 4096).await;
        let ready = ready.unwrap_err().to_string();
        assert!(ready.contains("clock: this auditor"), "{ready}");
        // Mended.
        setting.hand.set(0);
        auditor.wait_ok(setting.log.size()).await;
        let alerts = auditor.json("v1/alerts").await;
        assert_eq!(alerts[0]["code"], "clock-off");
        assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts:#}");
        auditor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_while_it_runs_is_noticed_before_the_next_signature() {
    let mut setting = Setting::with_peers(1).await;
    let auditor = setting.start().await;
    let signed = setting.log.size();
    auditor.wait_ok(signed).await;
    setting.hand.set(60 * DAY_MS);
    grow(&mut setting.log, 0..3);
    setting.site.publish(&setting.log);
    auditor.wait_alert("clock-off").await;
    auditor
        .wait("the new head to be held", |log| {
            log["size"] == setting.log.size().get()
        })
        .await;
    assert_eq!(auditor.log().await["cosigned"]["size"], signed.get());
    // Not even asked: an outage of the others mends nothing.
    setting.site.down(true);
    setting.peers[0].hang(true);
    setting.hand.set(61 * DAY_MS);
    let answer = auditor
        .ask(signed.get(), Vec::new(), &setting.log.signed())
        .await;
    assert_ne!(answer.status, 200);
    setting.peers[0].hang(false);
    setting.site.down(false);
    setting.hand.set(0);
    auditor.wait_ok(setting.log.size()).await;
    let alerts = auditor.json("v1/alerts").await;
    let mut codes: Vec<_> = alerts.as_array().unwrap().iter().collect();
    codes.retain(|alert| !alert["code"].as_str().unwrap().contains("unreachable"));
    assert_eq!(codes.len(), 1, "{alerts:#}");
    auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_host_that_lies_about_the_time_neither_stops_nor_is_accused() {
    for peers in [1, 2] {
        let setting = Setting::with_peers(peers).await;
        setting.peers[0].tell_date("Sun, 06 Nov 1994 08:49:37 GMT");
        let auditor = setting.start().await;
        auditor.wait_ok(setting.log.size()).await;
        setting.peers[0].wait_read("v1/evidence").await;
        assert_eq!(auditor.alerts().await, Vec::<String>::new());
        auditor.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_to_compare_with_the_own_clock_stands() {
    let mut setting = Setting::with_peers(1).await;
    setting.config.peers.clear();
    setting.hand.set(600_000);
    let auditor = setting.start().await;
    auditor.wait_ok(setting.log.size()).await;
    auditor.stop().await;
    // Nor where the operator wants nobody to be asked.
    let mut setting = Setting::with_peers(1).await;
    setting.config.operations.max_clock_offset_s = 0;
    setting.hand.set(600_000);
    let auditor = setting.start().await;
    auditor.wait_ok(setting.log.size()).await;
    auditor.stop().await;
}
