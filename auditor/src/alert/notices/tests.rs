//! Which entries are worth a word.

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::ed25519::SecretKey;
use plainsight_specs::entry::{GenesisDraft, RoleKeys, Roles, StatementEntry};
use plainsight_specs::hash::sha256;
use plainsight_specs::rules::Replay;
use plainsight_specs::statement::{
    Artifact, Name, Place, Product, Purl, ReleaseVersion, Seq, StatementDraft,
};
use plainsight_specs::time::Timestamp;
use plainsight_specs::vrf;

use super::*;

struct Log {
    replay: Replay,
    notices: Notices,
}

fn secret() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).unwrap()
}

impl Log {
    fn new() -> Self {
        let origin = Origin::parse("log.example").unwrap();
        let role = RoleKeys::new(1, vec![secret().public()]).unwrap();
        let genesis = GenesisDraft {
            origin: origin.clone(),
            vrf_key: vrf::SecretKey::from_seed(&[2; 32]).public(),
            max_clock_skew_ms: 5_000,
            heartbeat_s: 60,
            roles: Roles {
                root: role.clone(),
                releases: role.clone(),
                protections: role,
            },
            predecessor: None,
        };
        let mut replay = Replay::new(origin);
        assert!(!replay.step(&genesis.build().unwrap().to_bytes()).is_void());
        Self {
            replay,
            notices: Notices::default(),
        }
    }

    fn push(&mut self, body: Body) -> Vec<Alert> {
        let last = self.replay.last_of(&body.stream());
        let draft = StatementDraft {
            seq: last.map_or(Seq::ZERO, |(seq, _)| seq.next().unwrap()),
            prev: last.map(|(_, leaf)| leaf),
            body,
        };
        let entry = StatementEntry::from_envelope(&draft.sign(&[&secret()])).unwrap();
        let judged = self.replay.step(&entry.to_bytes());
        assert_eq!(judged.verdict(), None);
        self.notices.of(&judged)
    }

    fn release(&mut self, arch: &str, version: &str) -> Vec<String> {
        self.push(release(arch, version))
            .into_iter()
            .map(|alert| format!("{} {}", alert.code, alert.subject))
            .collect()
    }
}

fn release(arch: &str, version: &str) -> Body {
    Body::Release(Release {
        product: Product {
            purl: Purl::parse("pkg:generic/app").unwrap(),
            channel: Name::parse("stable").unwrap(),
            arch: Name::parse(arch).unwrap(),
        },
        version: ReleaseVersion::parse(version).unwrap(),
        audience: Audience::All,
        emergency: false,
        published: now(),
        references: Vec::new(),
        artifacts: vec![Artifact {
            name: None,
            digest: sha256(format!("{arch} {version}").as_bytes()),
            size: 1,
        }],
    })
}

#[test]
fn a_stream_beside_those_that_a_product_had_is_told_of_once() {
    let mut log = Log::new();
    assert!(
        log.release("arm64", "1").is_empty(),
        "the first of a product"
    );
    assert_eq!(
        log.release("arm64-x", "1"),
        ["new-stream pkg:generic/app stable arm64-x"]
    );
    assert!(log.release("arm64-x", "2").is_empty());
}

#[test]
fn a_product_that_looks_like_another_one_is_told_of_once() {
    let mut log = Log::new();
    let mut named = |purl: &str, version: &str| {
        let mut body = release("a", version);
        if let Body::Release(release) = &mut body {
            release.product.purl = Purl::parse(purl).unwrap();
        }
        let alerts = log.push(body).into_iter();
        let told = alerts.map(|alert| format!("{} {}", alert.code, alert.subject));
        told.collect::<Vec<_>>()
    };
    assert!(named("pkg:generic/app", "1").is_empty());
    assert!(named("pkg:generic/map", "1").is_empty());
    assert_eq!(
        named("pkg:generic/App", "1"),
        ["look-alike pkg:generic/App"]
    );
    assert!(named("pkg:generic/App", "2").is_empty(), "it was told");
    assert!(named("pkg:generic/app", "2").is_empty(), "it was first");
}

#[test]
fn a_canary_whose_lapse_would_say_nothing_is_told_of() {
    let mut log = Log::new();
    let day = 86_400;
    let at = |seconds: u64| Timestamp::from_seconds(seconds).unwrap();
    let logged = now().seconds();
    let epoch = log.replay.next_epoch(logged * 1000);
    let judged = log.replay.step(&epoch.to_bytes());
    assert!(log.notices.of(&judged).is_empty());
    let mut canary = |published: u64, valid_until: u64| {
        let told = log.push(Body::Canary(Canary {
            name: Name::parse("no-secret-orders").unwrap(),
            valid_until: at(valid_until),
            published: at(published),
            text: sha256(b"We were ordered nothing."),
        }));
        let told = told.into_iter().map(|alert| (alert.code, alert.severity));
        told.collect::<Vec<_>>()
    };
    let told = [("canary-dates", Severity::Policy)];
    assert_eq!(canary(logged, logged + 30 * day), []);
    assert_eq!(canary(logged - day, logged + 400 * day), []);
    assert_eq!(canary(logged - day - 1, logged + 30 * day), told);
    assert_eq!(canary(logged, logged), []);
    assert_eq!(canary(logged, logged - 1), told);
    assert_eq!(canary(logged, logged + 400 * day + 1), told);
    // Neither date makes the other one right.
    assert_eq!(canary(logged - day, logged + 400 * day + 1), told);
    assert_eq!(canary(logged + 90 * day, logged + 490 * day), []);
}

#[test]
fn a_stream_that_its_siblings_leave_behind_is_told_of_once_for_each_version() {
    let mut log = Log::new();
    log.release("a", "1");
    log.release("b", "1");
    assert!(log.release("a", "2").is_empty());
    assert!(log.release("a", "3").is_empty());
    assert_eq!(
        log.release("a", "4"),
        ["stream-stalled pkg:generic/app stable b 1"]
    );
    assert!(log.release("a", "5").is_empty(), "it was told");
    assert!(log.release("b", "5").is_empty(), "it caught up");
    assert!(log.release("a", "6").is_empty());
    assert!(log.release("b", "6").is_empty(), "and keeps up");
    assert!(log.release("a", "7").is_empty());
}

#[test]
fn what_the_provider_says_about_itself_is_told_in_plain_words() {
    let mut log = Log::new();
    let mut few = release("a", "1");
    if let Body::Release(release) = &mut few {
        release.audience = Audience::Cohort(Name::parse("few").unwrap());
        release.emergency = true;
    }
    let codes: Vec<_> = log.push(few).into_iter().map(|alert| alert.code).collect();
    assert_eq!(codes, ["narrow-audience", "emergency-release"]);
    let state = |state| {
        Body::Protection(Protection {
            feature: Name::parse("e2ee-backup").unwrap(),
            place: Place::Everywhere,
            state,
            effective: now(),
            wording: sha256(b"wording"),
        })
    };
    assert!(log.push(state(ProtectionState::Offered)).is_empty());
    let weakened = log.push(state(ProtectionState::Weakened));
    assert_eq!(
        weakened[0].text,
        "the protection e2ee-backup is weakened everywhere from 2027-01-15T08:00:00Z, by the \
         statement at position 3"
    );
    let withdrawn = log.push(state(ProtectionState::Withdrawn));
    assert_eq!(withdrawn[0].code, "protection-withdrawn");
    assert!(
        withdrawn
            .iter()
            .chain(&weakened)
            .all(|alert| alert.severity == Severity::Policy)
    );
}
