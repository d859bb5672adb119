//! Lists of insertions, read by buckets at auditors that leave out what they should not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod reading;
mod tiny_log;

use plainsight_client::failure::Verdict;
use plainsight_client::http::BaseUrl;
use plainsight_client::own::{DeviceChange, OwnKeys};
use plainsight_client::publish::publish;
use plainsight_client::reader::Reader;
use plainsight_client::report::{FeedReport, Report as _};
use plainsight_client::source::Source;
use plainsight_client::trust::TrustPolicy;
use plainsight_client::watch::{Fed, Feed, Guard, WatchAlarm, feed, guards};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::LeafIndex;
use reading::{http, label, now};
use tiny_log::{GuardLie, Served, TOKEN, TinyLog, serve};

struct Owner {
    served: Served,
    source: Source,
    trust: TrustPolicy,
    guards: Vec<Guard>,
    own: OwnKeys,
    feeds: Vec<Feed>,
    others: u32,
}

impl Owner {
    /// An owner whose version 0 is published and who has looked once.
    async fn new() -> Self {
        let served = serve(TinyLog::new(now()));
        let http = http();
        let notes = TinyLog::watching(&served.url, 0..2);
        let trust = TrustPolicy::parse(&TinyLog::policy(&served.url), Some(&notes)).unwrap();
        let mut owner = Self {
            source: Source::new(http.clone(), BaseUrl::parse(&served.url).unwrap()),
            guards: guards(&trust, &http).unwrap(),
            own: OwnKeys::create(label(), &["phone".into()], now()).unwrap(),
            feeds: Vec::new(),
            others: 0,
            served,
            trust,
        };
        publish(&owner.source, &mut owner.own, Some(TOKEN))
            .await
            .unwrap();
        let first = owner.look().await;
        assert_eq!(first.alarms, []);
        assert_eq!(first.feeds.len(), 2, "both are begun");
        owner
    }

    async fn look(&mut self) -> Fed {
        let latest = self.own.newest().unwrap().key_set.version();
        let mut reader = Reader::open(&self.source, &self.trust, None, now())
            .await
            .unwrap();
        let looked = feed(
            &mut reader,
            &self.guards,
            &mut self.feeds,
            &self.own,
            latest,
        )
        .await;
        looked.unwrap()
    }

    /// Other people's keys are logged, as many as fill every bucket.
    fn others(&mut self, number: u32) {
        let mut log = self.served.log();
        for _ in 0..number {
            self.others += 1;
            let other = Label::opaque(&self.others.to_be_bytes()).unwrap();
            let key_set = log.draft(&other, None, Vec::new(), true);
            log.log_key_set(&key_set, [7; 16]);
        }
        log.publish();
    }

    fn lie(&self, guard: usize, lie: GuardLie) {
        self.served.log().guards[guard].lie = lie;
    }

    fn size(&self) -> u64 {
        self.served.log().heads.last().unwrap().head.size.get()
    }
}

#[tokio::test]
async fn what_others_log_is_no_alarm_and_is_read_to_the_end() {
    let mut owner = Owner::new().await;
    owner.others(80);
    let fed = owner.look().await;
    assert_eq!(fed.alarms, []);
    assert!(
        fed.feeds
            .iter()
            .all(|feed| feed.through.get() == owner.size())
    );
    // Only buckets are asked for, of one digit as the log is small, and no label.
    let asked = owner.served.asked();
    let mut lists = asked.iter().filter(|path| path.contains("/v1/inserted/"));
    assert!(lists.clone().count() > 6, "several answers a bucket");
    assert!(lists.all(|path| {
        path.split('?')
            .next()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .len()
            == 1
    }));
    let report = FeedReport {
        label: label(),
        fed,
    };
    assert_eq!(report.verdict(), Verdict::Verified);
    assert!(
        report.lines()[0].starts_with("VERIFIED: 2 auditors"),
        "{:?}",
        report.lines()
    );
}

#[tokio::test]
async fn several_rotations_before_the_next_look_are_the_owners_own() {
    let mut owner = Owner::new().await;
    for _ in 0..3 {
        owner.own.rotate(&DeviceChange::default(), now()).unwrap();
        publish(&owner.source, &mut owner.own, Some(TOKEN))
            .await
            .unwrap();
    }
    let fed = owner.look().await;
    assert_eq!(fed.alarms, []);
    assert!(fed.feeds.iter().all(|feed| feed.latest.get() == 3));
    owner.served.log().log_next(&label(), "ghost", false);
    let fed = owner.look().await;
    let kinds: Vec<_> = fed.alarms.iter().map(WatchAlarm::kind).collect();
    assert_eq!(kinds, ["hit", "hit", "served"], "{:?}", fed.alarms);
}

#[tokio::test]
async fn the_owners_own_next_version_is_expected_and_the_reading_begins_anew() {
    let mut owner = Owner::new().await;
    for version in 1..4u32 {
        owner.own.rotate(&DeviceChange::default(), now()).unwrap();
        publish(&owner.source, &mut owner.own, Some(TOKEN))
            .await
            .unwrap();
        owner.others(5);
        let fed = owner.look().await;
        assert_eq!(fed.alarms, [], "after version {version}");
        assert!(owner.feeds.iter().all(|feed| feed.latest.get() == version));
        assert_eq!(owner.look().await.alarms, []);
    }
    let rungs: Vec<u32> = owner.feeds[0]
        .rungs
        .iter()
        .map(|(version, _)| version.get())
        .collect();
    assert_eq!(rungs, [4, 5, 7]);
}

#[tokio::test]
async fn a_ghost_is_listed_by_both_and_does_not_go_away() {
    let mut owner = Owner::new().await;
    let at = owner.served.log().plant(&label(), 2);
    let hit = |auditor: &str| WatchAlarm::Hit {
        auditor: auditor.into(),
        version: Version::new(2),
        position: LeafIndex::new(at).unwrap(),
        announced: false,
    };
    for _ in 0..2 {
        let alarms = owner.look().await.alarms;
        assert!(
            alarms.contains(&hit("w0")) && alarms.contains(&hit("w1")),
            "{alarms:?}"
        );
        owner.others(3);
    }
}

#[tokio::test]
async fn an_auditor_that_leaves_the_ghost_out_is_contradicted_by_the_log_and_by_the_other() {
    let mut owner = Owner::new().await;
    let at = owner.served.log().plant(&label(), 2);
    owner.lie(0, GuardLie::LeaveOut);
    let fed = owner.look().await;
    let denied = WatchAlarm::Denied {
        auditor: "w0".into(),
        version: Version::new(2),
        size: owner.size(),
    };
    let differ = WatchAlarm::Differ {
        lists: "w1".into(),
        leaves_out: "w0".into(),
        position: LeafIndex::new(at).unwrap(),
    };
    assert!(fed.alarms.contains(&denied), "{:?}", fed.alarms);
    assert!(fed.alarms.contains(&differ), "{:?}", fed.alarms);
    let report = FeedReport {
        label: label(),
        fed,
    };
    assert_eq!(report.verdict(), Verdict::Refuted);
    let text = report.lines().join("\n");
    assert!(text.contains("w0 signed that up to size"), "{text}");
    assert!(text.contains("w1 lists an insertion"), "{text}");
}

#[tokio::test]
async fn an_auditor_that_leaves_out_anybodys_insertion_differs_from_the_other() {
    let mut owner = Owner::new().await;
    owner.others(80);
    owner.lie(1, GuardLie::LeaveOut);
    let alarms = owner.look().await.alarms;
    let by_one = |alarm: &WatchAlarm| {
        matches!(alarm, WatchAlarm::Differ { lists, leaves_out, .. }
                 if lists == "w0" && leaves_out == "w1")
    };
    assert!(
        !alarms.is_empty() && alarms.iter().all(by_one),
        "{alarms:?}"
    );
    // Once it lists all of it, it is read on from where it was.
    owner.lie(1, GuardLie::None);
    assert_eq!(owner.look().await.alarms, []);
}

#[tokio::test]
async fn silence_is_an_alarm_of_its_own_and_nothing_that_was_missed_is_lost() {
    for lie in [
        GuardLie::Silent,
        GuardLie::Old,
        GuardLie::Still,
        GuardLie::OtherKey,
    ] {
        let mut owner = Owner::new().await;
        owner.others(9);
        let before = owner.feeds[0].through;
        owner.lie(0, lie);
        let fed = owner.look().await;
        assert!(
            matches!(&fed.alarms[..], [WatchAlarm::Silent { auditor, .. }] if auditor == "w0"),
            "{lie:?}: {:?}",
            fed.alarms
        );
        assert_eq!(owner.feeds[0].through, before);
        assert_eq!(owner.feeds[1].through.get(), owner.size());
        // The ghost that came meanwhile is found when it speaks again, at both.
        owner.served.log().plant(&label(), 3);
        owner.lie(0, GuardLie::None);
        let alarms = owner.look().await.alarms;
        let hits = alarms
            .iter()
            .filter(|alarm| matches!(alarm, WatchAlarm::Hit { .. }));
        assert_eq!(hits.count(), 2, "{alarms:?}");
    }
}

#[tokio::test]
async fn lists_of_another_history_are_apart() {
    let mut owner = Owner::new().await;
    owner.others(9);
    owner.lie(0, GuardLie::OtherRoot);
    let alarms = owner.look().await.alarms;
    assert!(
        alarms
            .iter()
            .any(|alarm| matches!(alarm, WatchAlarm::Apart { auditor, .. } if auditor == "w0")),
        "{alarms:?}"
    );
}

#[tokio::test]
async fn lists_that_cover_nothing_or_hardly_anything_come_to_an_end() {
    for (lie, said) in [
        (GuardLie::Nothing, "cover nothing"),
        (GuardLie::Drip, "without coming to an end"),
    ] {
        let mut owner = Owner::new().await;
        owner.others(600);
        owner.lie(0, lie);
        let alarms = owner.look().await.alarms;
        assert!(
            matches!(&alarms[..], [WatchAlarm::Silent { auditor, why }] if auditor == "w0" && why.contains(said)),
            "{lie:?}: {alarms:?}"
        );
    }
}

#[tokio::test]
async fn a_version_planted_where_the_next_watch_would_look_begins_none() {
    let mut owner = Owner::new().await;
    for _ in 0..2 {
        assert_eq!(owner.look().await.alarms, []);
        owner.own.rotate(&DeviceChange::default(), now()).unwrap();
        publish(&owner.source, &mut owner.own, Some(TOKEN))
            .await
            .unwrap();
    }
    // Of the rungs of version 2, which nobody reads yet; those of version 1 are as they should be.
    owner.served.log().plant(&label(), 5);
    let alarms = owner.look().await.alarms;
    let version = Version::new(5);
    assert!(
        matches!(&alarms[..], [WatchAlarm::Planted { version: seen, .. }] if *seen == version),
        "{alarms:?}"
    );
    assert!(
        owner
            .feeds
            .iter()
            .all(|feed| feed.latest == Version::new(1))
    );
}

#[tokio::test]
async fn a_version_that_only_the_log_shows_is_planted() {
    let mut owner = Owner::new().await;
    owner.served.log().plant(&label(), 3);
    for guard in 0..2 {
        // It ends where the ghost is not yet.
        owner.lie(guard, GuardLie::Still);
    }
    let alarms = owner.look().await.alarms;
    let version = Version::new(3);
    assert!(
        alarms.iter().any(
            |alarm| matches!(alarm, WatchAlarm::Planted { version: seen, .. } if *seen == version)
        ),
        "{alarms:?}"
    );
}
