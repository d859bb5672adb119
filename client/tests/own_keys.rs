//! One's own keys: made, published, rotated and monitored, at a log that is honest and at one
//! that is not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod reading;
mod tiny_log;

use plainsight_client::failure::{Failure, Verdict};
use plainsight_client::http::{BaseUrl, Http, HttpError, Patience};
use plainsight_client::monitor::{Alarm, Monitored, by_auditors, monitor, record};
use plainsight_client::own::{DeviceChange, OwnKeys};
use plainsight_client::publish::publish;
use plainsight_client::reader::Reader;
use plainsight_client::report::Report as _;
use plainsight_client::source::Source;
use plainsight_client::trust::TrustPolicy;
use plainsight_specs::hash::sha256;
use plainsight_specs::head::Step;
use plainsight_specs::keyset::Role;
use plainsight_specs::label::{Label, Version};
use reading::{label, now, source, trust};
use tiny_log::{Lie, Served, TOKEN, TinyLog, serve};

struct Owner {
    served: Served,
    source: Source,
    trust: TrustPolicy,
    own: OwnKeys,
}

impl Owner {
    /// An owner whose version 0 is published.
    async fn new() -> Self {
        let served = serve(TinyLog::new(now()));
        let (source, trust) = (source(&served), trust(&served));
        let own = OwnKeys::create(label(), &["phone".into()], now()).unwrap();
        let mut owner = Self {
            served,
            source,
            trust,
            own,
        };
        publish(&owner.source, &mut owner.own, Some(TOKEN))
            .await
            .unwrap();
        owner
    }

    async fn rotate(&mut self) {
        self.own.rotate(&DeviceChange::default(), now()).unwrap();
        publish(&self.source, &mut self.own, Some(TOKEN))
            .await
            .unwrap();
    }

    async fn look(&mut self) -> Result<Monitored, Failure> {
        let mut reader = Reader::open(&self.source, &self.trust, None, now()).await?;
        monitor(&mut reader, &mut self.own).await
    }
}

#[tokio::test]
async fn published_and_rotated_keys_are_found_to_be_ones_own() {
    let mut owner = Owner::new().await;
    owner.rotate().await;
    owner.rotate().await;
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.alarms, []);
    assert_eq!((seen.confirmed, seen.latest), (3, Some(Version::new(2))));
    assert_eq!(seen.verdict(), Verdict::Verified);
    assert_eq!(owner.own.checked(), Some(Version::new(2)));
    owner.rotate().await;
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.from, Version::new(2), "only what is new is opened");
    assert_eq!(seen.confirmed, 2);
}

#[tokio::test]
async fn without_the_token_nothing_is_published_and_the_version_still_waits() {
    let mut owner = Owner::new().await;
    owner.own.rotate(&DeviceChange::default(), now()).unwrap();
    let refused = publish(&owner.source, &mut owner.own, None)
        .await
        .unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Usage);
    assert!(
        refused.next_step().contains("--token-file"),
        "{}",
        refused.next_step()
    );
    assert!(owner.own.pending().is_some());
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.waiting, Some(Version::new(1)));
    assert_eq!(seen.verdict(), Verdict::Verified);
}

#[tokio::test]
async fn a_version_that_was_logged_before_the_answer_arrived_is_adopted() {
    let mut owner = Owner::new().await;
    owner.own.rotate(&DeviceChange::default(), now()).unwrap();
    // The log takes it, and its answer is lost.
    let pending = owner.own.pending().unwrap();
    let (bytes, opening) = (
        pending.key_set.bytes().to_vec(),
        *pending.opening.as_bytes(),
    );
    let position = owner.served.log().log_key_set(&bytes, opening);
    owner.served.log().publish();
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.verdict(), Verdict::Verified);
    assert!(owner.own.pending().is_none());
    let newest = owner.own.newest().unwrap();
    assert_eq!(newest.position.unwrap().get(), position);
}

#[tokio::test]
async fn a_flash_ghost_is_named_with_its_keys_place_and_time() {
    let mut owner = Owner::new().await;
    owner.look().await.unwrap();
    // Added by the provider, then put back: both without the owner's signature.
    owner.served.log().log_next(&label(), "ghost-phone", false);
    owner.served.log().log_next(&label(), "phone", false);
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.verdict(), Verdict::Refuted);
    assert_eq!(seen.alarms.len(), 2);
    let Alarm::Ghost {
        version,
        position,
        no_later_than_ms,
        strangers,
        signed_by_own_key,
    } = &seen.alarms[0]
    else {
        panic!("{:?}", seen.alarms)
    };
    assert_eq!(*version, Version::new(1));
    let held = owner.served.log().keys[&label()][1].position;
    assert_eq!(position.get(), held);
    assert_eq!(
        *no_later_than_ms,
        Some(now().seconds() * 1000),
        "proved from the tiles"
    );
    assert!(
        strangers
            .iter()
            .any(|key| key.id == "ghost-phone" && key.role == Role::Device)
    );
    assert!(!signed_by_own_key);
    let text = seen.lines().join("\n");
    assert!(text.contains("ghost-phone (device)"), "{text}");
    assert!(
        text.contains(&format!("position {held}, proved no later than 2027-")),
        "{text}"
    );
    // It stays an alarm at the next look.
    assert_eq!(owner.look().await.unwrap().alarms.len(), 2);
    assert_eq!(owner.own.checked(), Some(Version::FIRST));
}

#[tokio::test]
async fn a_ghost_at_version_zero_is_no_ones_own() {
    let served = serve(TinyLog::new(now()));
    served.log().log_next(&label(), "ghost", false);
    let mut owner = Owner::new().await;
    owner.own = OwnKeys::create(label(), &["phone".into()], now()).unwrap();
    owner.source = {
        let http = Http::new(Patience::default()).unwrap();
        Source::new(http, BaseUrl::parse(&served.url).unwrap())
    };
    let refused = publish(&owner.source, &mut owner.own, Some(TOKEN))
        .await
        .unwrap_err();
    assert!(matches!(&refused, Failure::Publish(error) if error.code == "exists"));
    assert!(refused.next_step().contains("keys monitor"));
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.alarms.len(), 1);
    assert_eq!(seen.alarms[0].version(), Version::FIRST);
}

#[tokio::test]
async fn a_hole_and_withheld_openings_are_alarms() {
    let mut owner = Owner::new().await;
    owner.rotate().await;
    owner.rotate().await;
    owner.served.log().lie = Lie::Hole;
    let seen = owner.look().await.unwrap();
    assert_eq!(
        seen.alarms,
        [Alarm::Hole {
            version: Version::new(1)
        }]
    );
    assert_eq!(seen.verdict(), Verdict::Refuted);
    owner.served.log().lie = Lie::Withhold;
    let seen = owner.look().await.unwrap();
    assert_eq!(seen.verdict(), Verdict::Refuted);
    let withheld = |alarm: &Alarm| {
        matches!(
            alarm,
            Alarm::Withheld {
                no_later_than_ms: Some(_),
                ..
            }
        )
    };
    assert!(
        !seen.alarms.is_empty() && seen.alarms.iter().all(withheld),
        "{:?}",
        seen.alarms
    );
}

#[tokio::test]
async fn an_alarm_is_told_again_until_what_it_is_about_is_gone() {
    let mut owner = Owner::new().await;
    owner.rotate().await;
    owner.rotate().await;
    owner.served.log().lie = Lie::Hole;
    // The versions after it are the owner's own, which says nothing about it.
    for _ in 0..2 {
        let version = Version::new(1);
        assert_eq!(
            owner.look().await.unwrap().alarms,
            [Alarm::Hole { version }]
        );
        assert!(owner.own.checked() < Some(version));
    }
    owner.served.log().lie = Lie::None;
    assert_eq!(owner.look().await.unwrap().alarms, []);
    assert_eq!(owner.own.checked(), Some(Version::new(2)));
}

#[tokio::test]
async fn a_version_of_ones_own_that_is_no_longer_shown_is_missing() {
    let mut owner = Owner::new().await;
    owner.rotate().await;
    // Another history of the same log, told to an owner who has forgotten the head.
    let served = serve(TinyLog::new(now()));
    let version_0 = owner.own.versions()[0].key_set.bytes().to_vec();
    served.log().log_key_set(&version_0, [0; 16]);
    for _ in 0..4 {
        served.log().publish();
    }
    owner.source = {
        let http = Http::new(Patience::default()).unwrap();
        Source::new(http, BaseUrl::parse(&served.url).unwrap())
    };
    let seen = owner.look().await.unwrap();
    assert!(
        matches!(seen.alarms[..], [Alarm::Missing { .. }]),
        "{:?}",
        seen.alarms
    );
    assert_eq!(seen.alarms[0].version(), Version::new(1));
}

#[tokio::test]
async fn a_decoy_history_is_refuted() {
    let mut owner = Owner::new().await;
    owner.rotate().await;
    owner.served.log().lie = Lie::Decoy;
    let refused = owner.look().await.unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Refuted);
    assert_eq!(refused.step(), Some(Step::Index));
    assert!(refused.to_string().contains("decoy"), "{refused}");
}

#[tokio::test]
async fn a_ghost_leaves_a_record_that_a_stranger_checks_by_their_policy() {
    let mut owner = Owner::new().await;
    owner.served.log().log_next(&label(), "ghost", false);
    let seen = owner.look().await.unwrap();
    let [found] = seen.records.as_slice() else {
        panic!("one page, one record");
    };
    let text = seen.lines().join("\n");
    assert!(text.contains(&found.id.to_hex()), "{text}");
    let reader = Reader::open(&owner.source, &owner.trust, None, now())
        .await
        .unwrap();
    let genesis = reader.memory().genesis.clone();
    assert!(record::is_record(&found.bytes));
    let shown = record::check(&owner.trust, &genesis, &found.bytes).unwrap();
    assert_eq!(shown.history.versions().len(), 2);
    let text = shown.lines().join("\n");
    assert!(text.starts_with("PROVED"), "{text}");
    assert!(text.contains("NOT signed by the version before"), "{text}");
    assert!(text.contains("ghost (device)"), "{text}");
    // Anything else than what was answered proves nothing.
    let bytes = String::from_utf8(found.bytes.clone()).unwrap();
    let other_from = bytes.replace("\"from\":0", "\"from\":1");
    assert!(record::check(&owner.trust, &genesis, other_from.as_bytes()).is_err());
    let other = Label::email("mf@example.org").unwrap();
    let (own, other) = (
        plainsight_specs::codec::to_base64(label().as_bytes()),
        plainsight_specs::codec::to_base64(other.as_bytes()),
    );
    let of_other = bytes.replace(&own, &other);
    assert_ne!(of_other, bytes);
    let refused = record::check(&owner.trust, &genesis, of_other.as_bytes()).unwrap_err();
    assert_eq!(refused.verdict(), Verdict::Refuted);
    assert!(!record::is_record(b"{}"));
}

/// A log that does not answer.
fn down() -> Failure {
    Failure::Http(HttpError::Unreachable {
        url: "http://log.example".into(),
        reason: "connection refused".into(),
    })
}

#[tokio::test]
async fn when_the_log_refuses_an_auditor_proves_what_was_logged() {
    let mut owner = Owner::new().await;
    owner.rotate().await;
    let mut reader = Reader::open(&owner.source, &owner.trust, None, now())
        .await
        .unwrap();
    monitor(&mut reader, &mut owner.own).await.unwrap();
    let http = Http::new(Patience::default()).unwrap();
    // The tiny log answers as each of its auditors, of whom the policy wants two.
    let named = |path: &str| {
        let url = format!("{}/{path}", owner.served.url);
        (path.to_owned(), BaseUrl::parse(&url).unwrap())
    };
    let one = [named("auditor0")];
    let alone = by_auditors::look(&http, &one, &reader, &owner.own, down()).await;
    assert_eq!(alone.unwrap_err().verdict(), Verdict::PolicyNotMet);
    let auditor = [named("nobody"), named("auditor0"), named("auditor1")];
    let seen = by_auditors::look(&http, &auditor, &reader, &owner.own, down())
        .await
        .unwrap();
    assert_eq!((seen.alarms.len(), seen.confirmed), (0, 2));
    assert_eq!(seen.auditors, ["auditor0", "auditor1"]);
    assert!(
        seen.lines()[0].contains("does not answer"),
        "{:?}",
        seen.lines()
    );
    let ghost = owner.served.log().log_next(&label(), "ghost", false);
    let seen = by_auditors::look(&http, &auditor, &reader, &owner.own, down())
        .await
        .unwrap();
    assert_eq!(seen.verdict(), Verdict::Refuted);
    let versions: Vec<_> = seen.alarms.iter().map(Alarm::version).collect();
    assert_eq!(versions, [ghost.version()]);
    // An older head than the one seen, or a broken proof, says nothing.
    for lie in [Lie::OldHead, Lie::BrokenProof] {
        owner.served.log().lie = lie;
        let looked = by_auditors::look(&http, &auditor, &reader, &owner.own, down()).await;
        assert!(looked.is_err(), "{lie:?}");
    }
    let stranger = OwnKeys::create(label(), &["phone".into()], now()).unwrap();
    let nothing = by_auditors::look(&http, &auditor, &reader, &stranger, down()).await;
    assert_eq!(nothing.unwrap_err().verdict(), Verdict::Usage);
}

#[tokio::test]
async fn auditors_that_show_another_tree_of_the_size_seen_prove_nothing() {
    let mut owner = Owner::new().await;
    owner.rotate().await;
    let mut reader = Reader::open(&owner.source, &owner.trust, None, now())
        .await
        .unwrap();
    monitor(&mut reader, &mut owner.own).await.unwrap();
    let mut memory = reader.memory().clone();
    memory.head.root = sha256(b"another tree");
    let reader = Reader::open(&owner.source, &owner.trust, Some(memory), now())
        .await
        .unwrap();
    let http = Http::new(Patience::default()).unwrap();
    let auditors = ["auditor0", "auditor1"].map(|path| {
        let url = format!("{}/{path}", owner.served.url);
        (path.to_owned(), BaseUrl::parse(&url).unwrap())
    });
    let refused = by_auditors::look(&http, &auditors, &reader, &owner.own, down()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.step(), Some(Step::Consistency), "{refused}");
    assert!(refused.is_refuted(), "{refused}");
}
