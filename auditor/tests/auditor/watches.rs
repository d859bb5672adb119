//! Watches at a running auditor, asked by an owner who believes nothing that is not proved.

use crate::support::{Auditor, Site, epoch, folder, now_ms};
use crate::tiny_log;
use crate::tiny_log::{TinyLog, key_set, label};
use plainsight_auditor::Config;
use plainsight_specs::entry::KeyEntry;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::head::Trust;
use plainsight_specs::index::IndexKey;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder::watched_rungs;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::policy::Policy;
use plainsight_specs::time::Timestamp;
use plainsight_specs::watch::{
    Announcement, Bucket, Hit, Inserted, MAX_INSERTIONS, RegisterAnswer, RegisterRequest,
    Registration, Report, ReportAnswer, TokenRequest, WatchToken, WatchedIndexes, watch_id,
};

fn me() -> Label {
    label("me@example.org")
}

/// A key entry for a version of ours, with a commitment of our choice.
fn push(log: &mut TinyLog, version: u32, commitment: Hash) -> u64 {
    let index = log.index_of(&me(), version);
    let judged = log.push(KeyEntry { index, commitment }.to_bytes().to_vec());
    assert!(!judged.is_void());
    judged.position.get()
}

fn log() -> TinyLog {
    let mut log = TinyLog::new();
    push(&mut log, 0, sha256(b"mine"));
    epoch(&mut log);
    log
}

struct Setting {
    log: TinyLog,
    site: Site,
    auditor: Auditor,
    config: Config,
    _dir: tempfile::TempDir,
}

impl Setting {
    async fn new(log: TinyLog, change: impl FnOnce(&mut Config)) -> Self {
        let (dir, site) = (tempfile::tempdir().unwrap(), Site::open().await);
        site.publish(&log);
        let mut config = folder(dir.path(), &log, &site);
        change(&mut config);
        let auditor = Auditor::start(&config).await;
        auditor.wait_ok(log.size()).await;
        Self {
            log,
            site,
            auditor,
            config,
            _dir: dir,
        }
    }

    async fn publish(&mut self) {
        epoch(&mut self.log);
        self.site.publish(&self.log);
        self.auditor.wait_ok(self.log.size()).await;
    }

    fn request(&self, latest: u32) -> RegisterRequest {
        let versions: Vec<Version> = watched_rungs(Version::new(latest));
        let mut indexes: Vec<IndexKey> = versions
            .iter()
            .map(|version| self.log.index_of(&me(), version.get()))
            .collect();
        indexes.sort_unstable();
        RegisterRequest {
            origin: self.log.origin.clone(),
            indexes: WatchedIndexes::new(indexes).unwrap(),
        }
    }

    async fn register(&self, request: &RegisterRequest) -> Registration {
        let answer = self.auditor.post("v1/watch", &request.to_json()).await;
        assert_eq!(
            answer.status,
            200,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        let answer = RegisterAnswer::parse(&answer.body).unwrap();
        let policy = Policy::parse(&format!(
            "log {}\nwitness a {}\nquorum a\n",
            self.log.log_key(),
            self.auditor.node.verifier_key
        ))
        .unwrap();
        let genesis = self.log.genesis();
        let trust = Trust {
            policy: &policy,
            genesis: &genesis,
            remembered: None,
            now: Timestamp::from_seconds(now_ms() / 1000).unwrap(),
            max_age_s: 60,
        };
        answer
            .verify(&trust, request, &self.auditor.node.watch_key)
            .unwrap()
    }

    async fn watch(&self, request: &RegisterRequest) -> WatchToken {
        match self.register(request).await {
            Registration::Watched {
                token,
                report,
                head,
            } => {
                assert_eq!(report.head, self.log.head());
                assert_eq!(head.tree_head(), report.head);
                token
            }
            Registration::Present { present, .. } => panic!("present: {present:?}"),
        }
    }

    fn verify(&self, request: &RegisterRequest, token: &WatchToken, body: &[u8]) -> Report {
        let answer = ReportAnswer::parse(body).unwrap();
        let id = watch_id(&request.origin, &request.indexes, token);
        let key = &self.auditor.node.watch_key;
        Report::verify(&answer.note, key, &request.origin, &id, &request.indexes).unwrap()
    }

    async fn report(&self, request: &RegisterRequest, token: &WatchToken) -> Report {
        let asked = TokenRequest {
            token: token.clone(),
        };
        let answer = self.auditor.post("v1/watch/report", &asked.to_json()).await;
        assert_eq!(answer.status, 200);
        self.verify(request, token, &answer.body)
    }

    async fn announce(&self, token: &WatchToken, version: u32, commitment: Hash) -> u16 {
        let announcement = Announcement {
            token: token.clone(),
            index: self.log.index_of(&me(), version),
            commitment,
        };
        let body = announcement.to_json();
        self.auditor.post("v1/watch/announce", &body).await.status
    }
}

fn seen(report: &Report) -> Vec<(u64, bool)> {
    let hit = |hit: &Hit| (hit.position.get(), hit.announced);
    report.hits.iter().map(hit).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn absence_is_proved_and_reports_follow_the_log() {
    let mut setting = Setting::new(log(), |_| {}).await;
    let request = setting.request(0);
    let token = setting.watch(&request).await;
    for _ in 0..3 {
        setting
            .log
            .push_key_set(&label("you@example.org"), setting.log.entries.len() as u32);
        setting.publish().await;
        let report = setting.report(&request, &token).await;
        assert_eq!(
            (report.head, seen(&report)),
            (setting.log.head(), Vec::new())
        );
    }
    setting.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hit_is_announced_only_with_the_commitment_that_was_announced() {
    let mut setting = Setting::new(log(), |_| {}).await;
    let request = setting.request(0);
    let (first, second, third) = (
        setting.watch(&request).await,
        setting.watch(&request).await,
        setting.watch(&request).await,
    );
    assert_eq!(setting.announce(&first, 1, sha256(b"mine")).await, 200);
    assert_eq!(setting.announce(&second, 1, sha256(b"theirs")).await, 200);
    assert_eq!(
        setting.announce(&first, 9, sha256(b"mine")).await,
        400,
        "not watched"
    );
    let at = push(&mut setting.log, 1, sha256(b"mine"));
    setting.publish().await;
    for (token, announced) in [(&first, true), (&second, false), (&third, false)] {
        let report = setting.report(&request, token).await;
        assert_eq!(seen(&report), [(at, announced)]);
    }
    assert_eq!(
        setting.announce(&third, 1, sha256(b"mine")).await,
        409,
        "too late"
    );
    // The operator is told once, whoever watches: one had announced this entry, the others had not.
    let alert = setting.auditor.wait_alert("watch-hit").await;
    assert_eq!(alert["severity"], "identity");
    assert_eq!(alert["subject"], setting.log.index_of(&me(), 1).to_hex());
    let text = alert["text"].as_str().unwrap();
    let counts =
        "of the 3 who watch it here 1 had announced this entry, 1 another one, and 1 nothing";
    assert!(
        text.contains(counts) && text.contains(&at.to_string()),
        "{text}"
    );
    let hits = setting.auditor.alerts().await;
    assert_eq!(hits.iter().filter(|code| *code == "watch-hit").count(), 1);
    // A report of before is still what it was after a restart.
    setting.auditor.stop().await;
    setting.auditor = Auditor::start(&setting.config).await;
    setting.auditor.wait_ok(setting.log.size()).await;
    let report = setting.report(&request, &second).await;
    assert_eq!(seen(&report), [(at, false)]);
    setting.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_planted_while_watched_is_reported_and_one_planted_before_is_proved() {
    let mut setting = Setting::new(log(), |_| {}).await;
    let request = setting.request(0);
    let token = setting.watch(&request).await;
    let at = push(&mut setting.log, 2, sha256(b"ghost"));
    setting.publish().await;
    assert_eq!(seen(&setting.report(&request, &token).await), [(at, false)]);
    // Whoever comes now is shown it, and gets no watch.
    let Registration::Present { present, .. } = setting.register(&request).await else {
        panic!("2 is there")
    };
    assert_eq!(present.len(), 1);
    assert_eq!(present[0].0, setting.log.index_of(&me(), 2));
    setting.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rotations_without_registering_anew_leave_the_second_unwatched() {
    let mut setting = Setting::new(log(), |_| {}).await;
    let request = setting.request(0);
    let token = setting.watch(&request).await;
    let mut places = Vec::new();
    for version in 1..=2u32 {
        setting.announce(&token, version, sha256(b"mine")).await;
        places.push((push(&mut setting.log, version, sha256(b"mine")), true));
        setting.publish().await;
    }
    let report = setting.report(&request, &token).await;
    let mut found = seen(&report);
    found.sort_unstable();
    assert_eq!(found, places, "1, 2 and 3 are watched from 0 on");
    // What was announced is no alert.
    assert_eq!(setting.auditor.alerts().await, Vec::<String>::new());
    // From version 2 on a ghost may come at 4 or 5, of which this watch knows nothing.
    push(&mut setting.log, 3, sha256(b"mine"));
    push(&mut setting.log, 5, sha256(b"ghost"));
    setting.publish().await;
    assert_eq!(setting.report(&request, &token).await.hits.len(), 3);
    let anew = setting.request(3);
    let Registration::Present { present, .. } = setting.register(&anew).await else {
        panic!("5 is there")
    };
    assert_eq!(present[0].0, setting.log.index_of(&me(), 5));
    setting.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn void_entries_are_no_hits() {
    let mut setting = Setting::new(log(), |_| {}).await;
    let request = setting.request(0);
    let token = setting.watch(&request).await;
    let at = push(&mut setting.log, 1, sha256(b"mine"));
    let index = setting.log.index_of(&me(), 1);
    let again = KeyEntry {
        index,
        commitment: sha256(b"again"),
    };
    assert!(setting.log.push(again.to_bytes().to_vec()).is_void());
    epoch(&mut setting.log);
    setting.site.publish(&setting.log);
    setting.auditor.wait_stopped("duplicate-index").await;
    // The auditor has stopped: its reports stay at the head that it cosigned last.
    let report = setting.report(&request, &token).await;
    assert!(report.head.size.get() <= at);
    assert_eq!(report.hits, []);
    let found = plainsight_auditor::audit::Break {
        at: at + 1,
        rule: plainsight_specs::rules::Rule::DuplicateIndex,
    };
    plainsight_auditor::acknowledge(&setting.config, tiny_log::ORIGIN, found, "known")
        .await
        .unwrap();
    setting.auditor.wait_ok(setting.log.size()).await;
    assert_eq!(seen(&setting.report(&request, &token).await), [(at, false)]);
    setting.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_and_unknown_tokens_are_unknown() {
    let setting = Setting::new(log(), |config| {
        config.operations.watch.per_address = 3;
        config.operations.watch.total = 2;
    })
    .await;
    let request = setting.request(0);
    let token = setting.watch(&request).await;
    setting.watch(&request).await;
    let post =
        async |path: &'static str, body: Vec<u8>| setting.auditor.post(path, &body).await.status;
    assert_eq!(post("v1/watch", request.to_json()).await, 503, "in all");
    let mine = TokenRequest {
        token: token.clone(),
    };
    assert_eq!(post("v1/watch/cancel", mine.to_json()).await, 200);
    assert_eq!(
        post("v1/watch", request.to_json()).await,
        429,
        "from one address"
    );
    assert_eq!(post("v1/watch/report", mine.to_json()).await, 404);
    assert_eq!(post("v1/watch/report", b"{}".to_vec()).await, 400);
    let stranger = TokenRequest {
        token: WatchToken::from_bytes([0; 32]),
    };
    assert_eq!(post("v1/watch/report", stranger.to_json()).await, 404);
    setting.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_expired_is_unknown_and_makes_room() {
    let mut setting = Setting::new(log(), |config| {
        config.operations.watch.days = 0;
        config.operations.watch.total = 1;
        config.operations.watch.per_address = 1000;
    })
    .await;
    let request = setting.request(0);
    let token = setting.watch(&request).await;
    let asked = TokenRequest { token }.to_json();
    let report = setting.auditor.post("v1/watch/report", &asked).await;
    assert_eq!(report.status, 404, "it has expired");
    let body = request.to_json();
    assert_eq!(setting.auditor.post("v1/watch", &body).await.status, 503);
    // What expired is forgotten as an auditor starts, and once an hour.
    setting.auditor.stop().await;
    setting.auditor = Auditor::start(&setting.config).await;
    setting.auditor.wait_ok(setting.log.size()).await;
    for left in (0..200).rev() {
        match setting.auditor.post("v1/watch", &body).await.status {
            200 => break,
            status => assert!(status == 503 && left > 0, "{status}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    setting.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_token_or_the_label_is_on_the_disk() {
    let setting = Setting::new(log(), |_| {}).await;
    let request = setting.request(0);
    let token = setting.watch(&request).await;
    setting.report(&request, &token).await;
    let config = setting.config.clone();
    setting.auditor.stop().await;
    if config.database().file().is_none() {
        println!("SKIPPED: there is no file of the database to look into");
        return;
    }
    for suffix in ["", "-wal"] {
        let mut path = config.database().file().unwrap().as_os_str().to_owned();
        path.push(suffix);
        let bytes = std::fs::read(path).unwrap_or_default();
        let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|found| found == wanted);
        assert!(!holds(token.as_bytes()));
        assert!(!holds(b"me@example.org"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_gives_every_index_of_a_bucket_and_nothing_else() {
    let mut log = log();
    let mut all = Vec::new();
    for n in 0..600u32 {
        let who = label(&format!("p{n}@example.org"));
        let key_set = key_set(&who, 0, 40);
        let index = log.index_of(&who, 0);
        let at = log.push_key_set_at(index, &who, 0, key_set).position.get();
        all.push((index, at));
    }
    epoch(&mut log);
    let setting = Setting::new(log, |config| config.operations.watch.bucket_feed = true).await;
    let hash = setting.log.origin.origin_hash();
    let key = setting.auditor.node.watch_key.clone();
    for digits in 1..=4 {
        let bucket = Bucket::of(&all[17].0, digits).unwrap();
        let since = TreeSize::new(all[5].1).unwrap();
        let path = format!("v1/inserted/{hash}/{}?since={since}", bucket.as_str());
        let note = setting.auditor.text(&path).await;
        let inserted =
            Inserted::verify(note.as_bytes(), &key, &setting.log.origin, &bucket, since).unwrap();
        assert_eq!(
            (inserted.head, inserted.through),
            (setting.log.head(), setting.log.size())
        );
        let found: Vec<_> = inserted
            .insertions
            .iter()
            .map(|one| (one.index, one.position.get()))
            .collect();
        let expected: Vec<_> = all[5..]
            .iter()
            .filter(|(index, _)| bucket.contains(index))
            .copied()
            .collect();
        assert!(expected.contains(&all[17]));
        assert_eq!(found, expected, "{digits} digits");
    }
    let read = async |path: String| {
        let url = setting.auditor.base.join(&path);
        setting.auditor.http.read(&url, 1 << 20).await.is_ok()
    };
    assert!(
        !read(format!("v1/inserted/{hash}/8?since=0")).await,
        "a public bucket"
    );
    assert!(!read(format!("v1/inserted/{hash}/01")).await, "no size");
    setting.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_covers_no_more_than_it_has_room_for() {
    let mut log = log();
    for n in 0..MAX_INSERTIONS as u64 + 9 {
        let mut index = *sha256(&n.to_be_bytes()).as_bytes();
        index[0] &= 0x0f;
        let index = IndexKey::private(Hash::from_bytes(index));
        let commitment = sha256(b"somebody's");
        log.push(KeyEntry { index, commitment }.to_bytes().to_vec());
    }
    epoch(&mut log);
    let setting = Setting::new(log, |config| config.operations.watch.bucket_feed = true).await;
    let (hash, size) = (setting.log.origin.origin_hash(), setting.log.size());
    let key = setting.auditor.node.watch_key.clone();
    let bucket = Bucket::parse("0").unwrap();
    let (mut since, mut lengths) = (TreeSize::new(3).unwrap(), Vec::new());
    while since < size {
        let path = format!("v1/inserted/{hash}/0?since={since}");
        let note = setting.auditor.text(&path).await;
        let origin = &setting.log.origin;
        let inserted = Inserted::verify(note.as_bytes(), &key, origin, &bucket, since).unwrap();
        assert!(inserted.through > since, "it goes on");
        lengths.push(inserted.insertions.len());
        since = inserted.through;
    }
    assert_eq!(lengths, [MAX_INSERTIONS, 9]);
    let beyond = format!("v1/inserted/{hash}/0?since={}", size.get() + 1);
    let url = setting.auditor.base.join(&beyond);
    assert!(setting.auditor.http.read(&url, 1 << 20).await.is_err());
    setting.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_keeps_the_watch() {
    let mut setting = Setting::new(log(), |config| config.operations.watch.days = 1).await;
    let token = setting.watch(&setting.request(0)).await;
    let asked = TokenRequest { token }.to_json();
    let expires = async |setting: &Setting| {
        let answer = setting.auditor.post("v1/watch/report", &asked).await;
        ReportAnswer::parse(&answer.body).unwrap().expires
    };
    let before = expires(&setting).await;
    setting.auditor.stop().await;
    setting.config.operations.watch.days = 30;
    setting.auditor = Auditor::start(&setting.config).await;
    setting.auditor.wait_ok(setting.log.size()).await;
    assert!(expires(&setting).await.since(before) > 28 * 86_400);
    setting.auditor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_feed_there_is_none() {
    let setting = Setting::new(log(), |_| {}).await;
    let path = format!(
        "v1/inserted/{}/01?since=0",
        setting.log.origin.origin_hash()
    );
    let url = setting.auditor.base.join(&path);
    assert!(
        setting
            .auditor
            .http
            .read(&url, 1000)
            .await
            .unwrap_err()
            .is_not_found()
    );
    setting.auditor.stop().await;
}
