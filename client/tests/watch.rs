//! Blind watches: registered, asked about, rotated with, at a log and at auditors that lie.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod reading;
mod tiny_log;

use plainsight_client::failure::{Failure, Verdict};
use plainsight_client::http::{BaseUrl, Http, Patience};
use plainsight_client::own::{DeviceChange, OwnKeys};
use plainsight_client::publish::publish;
use plainsight_client::reader::Reader;
use plainsight_client::report::Report as _;
use plainsight_client::source::Source;
use plainsight_client::trust::TrustPolicy;
use plainsight_client::watch::{
    Guard, Standing, Watch, WatchAlarm, Watched, announce, behind, guards, look, standing_at,
};
use plainsight_specs::label::Version;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::time::Timestamp;
use reading::{http, label, now};
use tiny_log::{GuardLie, Served, TOKEN, TinyLog, serve};

struct Owner {
    served: Served,
    source: Source,
    trust: TrustPolicy,
    guards: Vec<Guard>,
    own: OwnKeys,
    watches: Vec<Watch>,
    now: Timestamp,
}

impl Owner {
    /// An owner whose version 0 is published and who watches nothing yet.
    async fn new() -> Self {
        let served = serve(TinyLog::new(now()));
        let http = http();
        let notes = TinyLog::watching(&served.url, 0..2);
        let trust = TrustPolicy::parse(&TinyLog::policy(&served.url), Some(&notes)).unwrap();
        let mut owner = Self {
            source: Source::new(http.clone(), BaseUrl::parse(&served.url).unwrap()),
            guards: guards(&trust, &http).unwrap(),
            own: OwnKeys::create(label(), &["phone".into()], now()).unwrap(),
            watches: Vec::new(),
            now: now(),
            served,
            trust,
        };
        owner.publish().await;
        owner
    }

    async fn publish(&mut self) {
        publish(&self.source, &mut self.own, Some(TOKEN))
            .await
            .unwrap();
    }

    /// Both steps: announced, then published.
    async fn rotate(&mut self) {
        assert_eq!(behind(&self.watches, &self.own), None);
        self.own.rotate(&DeviceChange::default(), now()).unwrap();
        self.announce().await;
        self.publish().await;
    }

    async fn announce(&mut self) {
        let mut watches = self.watches.clone();
        let reader = self.reader().await;
        for watch in &mut watches {
            let mut guards = self.guards.iter();
            let guard = guards.find(|guard| guard.name == watch.auditor).unwrap();
            announce(&reader, guard, watch, &label(), self.own.pending().unwrap())
                .await
                .unwrap();
        }
        self.watches = watches;
    }

    async fn reader(&self) -> Reader<'_> {
        Reader::open(&self.source, &self.trust, None, self.now)
            .await
            .unwrap()
    }

    async fn look(&mut self) -> Result<Watched, Failure> {
        let latest = self.own.newest().unwrap().key_set.version();
        let mut watches = self.watches.clone();
        let mut reader = self.reader().await;
        let looked = look(&mut reader, &self.guards, &mut watches, &self.own, latest).await?;
        self.watches = watches;
        Ok(looked.watched)
    }

    /// Time goes on, for the log and for the owner.
    fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(seconds);
        let mut log = self.served.log();
        log.now = self.now;
        log.publish();
    }

    fn lie(&self, guard: usize, lie: GuardLie) {
        self.served.log().guards[guard].lie = lie;
    }

    fn watched_versions(&self) -> Vec<u32> {
        let rungs = &self.watches[0].rungs;
        rungs.iter().map(|(version, _)| version.get()).collect()
    }
}

fn hit(auditor: &str, version: u32, position: u64) -> WatchAlarm {
    WatchAlarm::Hit {
        auditor: auditor.into(),
        version: Version::new(version),
        position: LeafIndex::new(position).unwrap(),
        announced: false,
    }
}

fn planted(version: u32) -> WatchAlarm {
    WatchAlarm::Planted {
        version: Version::new(version),
        hidden: true,
    }
}

#[tokio::test]
async fn two_ladders_are_watched_and_nothing_is_seen() {
    let mut owner = Owner::new().await;
    let first = owner.look().await.unwrap();
    assert_eq!(first.alarms, []);
    assert!(first.guards.iter().all(|guard| guard.new));
    assert_eq!(first.guards.len(), 2);
    assert_eq!(owner.watched_versions(), [1, 2, 3]);
    owner.later(60);
    let second = owner.look().await.unwrap();
    assert_eq!(second.verdict(), Verdict::Verified);
    assert!(second.guards.iter().all(|guard| !guard.new));
    assert!(second.guards[0].size > first.guards[0].size);
}

#[tokio::test]
async fn nobody_who_watches_is_told_the_label() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    let asked = owner.served.asked();
    assert!(asked.iter().any(|path| path.contains("guard0/v1/watch")));
    assert!(
        asked
            .iter()
            .all(|path| !path.contains("me@") && !path.contains('?'))
    );
}

#[tokio::test]
async fn rotations_that_were_announced_are_no_alarm_and_are_watched_anew() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    for version in 1..4 {
        owner.rotate().await;
        let seen = owner.look().await.unwrap();
        assert_eq!(seen.alarms, [], "after version {version}");
        assert!(seen.guards.iter().all(|guard| guard.new));
        assert!(
            owner
                .watches
                .iter()
                .all(|watch| watch.latest.get() == version)
        );
    }
    assert_eq!(owner.watched_versions(), [4, 5, 7], "A(3) and A(4)");
}

#[tokio::test]
async fn a_second_rotation_without_registering_anew_is_not_made() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    owner.rotate().await;
    assert_eq!(
        behind(&owner.watches, &owner.own).map(|watch| watch.latest),
        Some(Version::new(0))
    );
    // Even one who tries cannot announce it.
    owner.own.rotate(&DeviceChange::default(), now()).unwrap();
    let reader = owner.reader().await;
    let (mut watch, guard) = (owner.watches[0].clone(), owner.guards[0].clone());
    let refused = announce(
        &reader,
        &guard,
        &mut watch,
        &label(),
        owner.own.pending().unwrap(),
    )
    .await
    .unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Usage);
}

#[tokio::test]
async fn a_version_planted_while_watched_is_seen_by_every_auditor() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    let at = owner.served.log().plant(&label(), 2);
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.verdict(), Verdict::Refuted);
    assert_eq!(
        seen.alarms,
        [hit("w0", 2, at), hit("w1", 2, at), planted(2)]
    );
}

#[tokio::test]
async fn a_version_planted_before_surfaces_at_the_owners_rotation_unless_it_watches() {
    // 2 is planted while 0 is the latest: the ladder for 0 goes on to say 0.
    let mut owner = Owner::new().await;
    owner.served.log().plant(&label(), 2);
    let shown = owner.look().await.unwrap();
    assert_eq!(shown.alarms, [planted(2)], "seen at the first registration");
    assert_eq!(owner.watches, [], "and nothing is watched");
    // Had the owner not looked, its rotation would have made 2 the latest for every contact.
    let rungs = plainsight_specs::ladder::rungs_for(Some(Version::new(0)));
    assert!(rungs.iter().all(|rung| rung.get() != 2));
    let mut climber = plainsight_specs::ladder::Ladder::<Version>::new();
    let latest = loop {
        match climber.next() {
            plainsight_specs::ladder::LadderStep::Look(rung) => climber.answer(rung.get() <= 2),
            plainsight_specs::ladder::LadderStep::Found(latest) => break latest,
        }
    };
    assert_eq!(latest, Some(Version::new(2)));
}

#[tokio::test]
async fn a_version_that_contacts_are_shown_already_is_told_as_that() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    for watched in [true, false] {
        let number = if watched { 1 } else { 2 };
        owner.served.log().log_next(&label(), "ghost", false);
        if !watched {
            owner.watches.clear();
        }
        let seen = owner.look().await.unwrap();
        let served: Vec<_> = seen
            .alarms
            .iter()
            .filter(|alarm| alarm.kind() == "served")
            .collect();
        let first = served.first().unwrap();
        let WatchAlarm::Served {
            version,
            latest,
            position: Some(_),
            no_later_than_ms: Some(_),
        } = first
        else {
            panic!("{first:?}")
        };
        assert_eq!((version.get(), latest.get()), (1, number));
        let text = seen.lines().join("\n");
        let shown = if watched {
            "contacts are shown it as your latest: whoever looked you up since then"
        } else {
            "contacts are shown it before version 2, the latest"
        };
        assert!(text.contains(shown), "{text}");
        assert!(!text.contains("no contact is shown yet"), "{text}");
    }
}

#[tokio::test]
async fn what_contacts_are_shown_is_not_said_when_the_log_withholds_it() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    owner.served.log().plant(&label(), 1);
    // The ladder says that 1 is the latest, and the history does not hold it.
    let seen = owner.look().await.unwrap();
    let unknown = WatchAlarm::Planted {
        version: Version::new(1),
        hidden: false,
    };
    assert!(seen.alarms.contains(&unknown), "{:?}", seen.alarms);
    let text = seen.lines().join("\n");
    assert!(text.contains("could not be found out"), "{text}");
}

#[tokio::test]
async fn ones_own_version_whose_answer_was_lost_is_no_ghost() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    let watches = owner.watches.clone();
    owner.own.rotate(&DeviceChange::default(), now()).unwrap();
    let pending = owner.own.pending().unwrap();
    let (bytes, opening) = (
        pending.key_set.bytes().to_vec(),
        *pending.opening.as_bytes(),
    );
    owner.served.log().log_key_set(&bytes, opening);
    owner.served.log().publish();
    owner.watches.clear();
    let refused = owner.look().await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Usage);
    assert!(refused.to_string().contains("keys monitor"), "{refused}");
    let watch = watches.first().unwrap();
    let mut reader = owner.reader().await;
    let pending = owner.own.pending().unwrap();
    let standing = standing_at(&mut reader, watch, pending).await.unwrap();
    assert_eq!(standing, Standing::Own);
}

#[tokio::test]
async fn a_ghost_in_the_place_of_the_announced_version_is_seen() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    owner.own.rotate(&DeviceChange::default(), now()).unwrap();
    owner.announce().await;
    // The provider takes the owner's key set and logs another one.
    let at = owner.served.log().plant(&label(), 1);
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.alarms, [hit("w0", 1, at), hit("w1", 1, at)]);
}

#[tokio::test]
async fn an_auditor_that_was_shown_another_log_is_told_apart() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    owner.lie(0, GuardLie::OtherRoot);
    owner.later(60);
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.verdict(), Verdict::Refuted);
    assert!(
        matches!(&seen.alarms[..], [WatchAlarm::Apart { auditor, .. }] if auditor == "w0"),
        "{:?}",
        seen.alarms
    );
}

#[tokio::test]
async fn an_auditor_that_denies_a_hit_is_contradicted() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    let at = owner.served.log().plant(&label(), 3);
    owner.lie(1, GuardLie::Deny);
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.verdict(), Verdict::Refuted);
    let size = owner.watches[1].seen.size.get();
    assert_eq!(
        seen.alarms,
        [
            hit("w0", 3, at),
            WatchAlarm::Denied {
                auditor: "w1".into(),
                version: Version::new(3),
                size
            },
            planted(3)
        ]
    );
    // Both deny, and the log's own index shows it.
    owner.lie(0, GuardLie::Deny);
    let seen = owner.look().await.unwrap();
    let denied = |alarm: &&WatchAlarm| matches!(alarm, WatchAlarm::Denied { .. });
    assert_eq!(seen.alarms.iter().filter(denied).count(), 2);
}

#[tokio::test]
async fn silence_is_an_alarm() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    for lie in [GuardLie::Silent, GuardLie::OtherKey] {
        owner.lie(0, lie);
        let seen = owner.look().await.unwrap();
        assert_eq!(seen.verdict(), Verdict::Undecided, "{lie:?}");
        assert!(
            matches!(&seen.alarms[..], [WatchAlarm::Silent { auditor, .. }] if auditor == "w0"),
            "{lie:?} {:?}",
            seen.alarms
        );
    }
    owner.lie(0, GuardLie::None);
    assert_eq!(owner.look().await.unwrap().alarms, []);
    owner.later(7 * 3600);
    owner.lie(0, GuardLie::Old);
    owner.lie(1, GuardLie::Still);
    let seen = owner.look().await.unwrap();
    assert!(
        matches!(
            &seen.alarms[..],
            [WatchAlarm::Silent { .. }, WatchAlarm::Still { auditor, .. }] if auditor == "w1"
        ),
        "{:?}",
        seen.alarms
    );
    assert_eq!(seen.verdict(), Verdict::Undecided);
}

#[tokio::test]
async fn an_auditor_that_forgot_the_watch_is_silent() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    owner.served.log().guards[0].watches.clear();
    let seen = owner.look().await.unwrap();
    assert!(matches!(&seen.alarms[..], [WatchAlarm::Silent { .. }]));
}

#[tokio::test]
async fn an_auditor_whose_watch_key_is_not_its_own_is_refused() {
    let owner = Owner::new().await;
    let notes =
        TinyLog::watching(&owner.served.url, 0..2).replace("name = \"w0\"", "name = \"w1\"");
    let trust = TrustPolicy::parse(&TinyLog::policy(&owner.served.url), Some(&notes)).unwrap();
    let http = Http::new(Patience::default()).unwrap();
    let refused = guards(&trust, &http).unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Usage);
}
