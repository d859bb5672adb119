#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use plainsight_specs::keyset::Continuity;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000).unwrap()
}

fn own() -> OwnKeys {
    let label = Label::email("a@example.org").unwrap();
    OwnKeys::create(label, &["phone".into(), "laptop".into()], now()).unwrap()
}

#[test]
fn a_rotation_is_signed_by_the_previous_identity_key() {
    let mut own = own();
    let first = own.pending().unwrap().key_set.clone();
    assert_eq!(first.continuity(None), Continuity::First);
    own.published(None).unwrap();
    let change = DeviceChange {
        add: vec!["tablet".into()],
        remove: vec!["phone".into()],
    };
    own.rotate(&change, now()).unwrap();
    let second = &own.pending().unwrap().key_set;
    assert_eq!(second.continuity(Some(&first)), Continuity::Signed);
    let ids: Vec<_> = second.keys().iter().map(|key| key.id.as_str()).collect();
    assert_eq!(ids, ["identity-1", "laptop", "tablet"]);
    assert_ne!(second.identity_keys(), first.identity_keys());
}

#[test]
fn secrets_of_keys_that_are_gone_are_forgotten_once_published() {
    let mut own = own();
    own.published(None).unwrap();
    let change = DeviceChange {
        add: vec!["phone".into()],
        remove: vec!["phone".into()],
    };
    let before = own.secrets()[1].record();
    own.rotate(&change, now()).unwrap();
    assert_eq!(
        own.secrets().len(),
        5,
        "both identities and both phones, until published"
    );
    own.published(None).unwrap();
    let ids: Vec<_> = own
        .secrets()
        .iter()
        .map(|secret| secret.id.as_str())
        .collect();
    assert_eq!(ids, ["laptop", "identity-1", "phone"]);
    assert!(own.secrets().iter().all(|secret| secret.record() != before));
}

#[test]
fn refuses_what_makes_no_sense() {
    let mut own = own();
    let none = DeviceChange::default();
    assert_eq!(
        own.rotate(&none, now()),
        Err(OwnError::StillPending(Version::FIRST))
    );
    own.published(None).unwrap();
    assert_eq!(own.published(None), Err(OwnError::NothingPending));
    let gone = DeviceChange {
        add: Vec::new(),
        remove: vec!["watch".into()],
    };
    assert_eq!(
        own.rotate(&gone, now()),
        Err(OwnError::NoDevice("watch".into()))
    );
    let twice = DeviceChange {
        add: vec!["phone".into()],
        remove: Vec::new(),
    };
    assert_eq!(
        own.rotate(&twice, now()),
        Err(OwnError::DeviceTwice("phone".into()))
    );
    assert!(own.pending().is_none(), "nothing is staged by a refusal");
    let odd = DeviceChange {
        add: vec!["my phone".into()],
        remove: Vec::new(),
    };
    assert!(matches!(own.rotate(&odd, now()), Err(OwnError::KeySet(_))));
}

#[test]
fn a_later_rotation_without_the_identity_secret_is_refused() {
    let mut own = own();
    own.published(None).unwrap();
    own.secrets.retain(|secret| secret.role != Role::Identity);
    let refused = own.rotate(&DeviceChange::default(), now());
    assert_eq!(refused, Err(OwnError::NoIdentity));
}
