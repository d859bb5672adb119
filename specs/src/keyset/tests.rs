use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::checkpoint::Origin;
use crate::entry::{GenesisDraft, LogKey, Predecessor, RoleKeys, Roles};
use crate::merkle::{TreeHead, TreeSize};
use crate::mutations::mutations;
use crate::note::{Algorithm, KeyName, VerifierKey};
use crate::vrf;

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn record(id: &str, role: Role, alg: &str, key: &[u8]) -> KeyRecord {
    KeyRecord {
        id: id.into(),
        role,
        alg: alg.into(),
        key: key.to_vec(),
    }
}

fn identity(id: &str, seed: u8) -> KeyRecord {
    let key = secret(seed).public();
    record(id, Role::Identity, "ed25519", key.as_bytes())
}

fn draft(version: u32, prev: Option<&KeySet>, seed: u8) -> KeySetDraft {
    KeySetDraft {
        label: Label::email("anna@example.org").unwrap(),
        version: Version::new(version),
        prev: prev.map(KeySet::hash),
        created: Timestamp::parse("2026-11-24T04:37:38Z").unwrap(),
        keys: vec![
            identity("main", seed),
            record("phone", Role::Device, "x25519", &[7; 32]),
            record("vault", Role::Recovery, "ml-kem-1024", &[8; 1568]),
            record("office", Role::Escrow, "x25519", &[9; 32]),
        ],
    }
}

/// Signed by the keys with these seeds.
fn signed(draft: &KeySetDraft, seeds: &[u8]) -> Result<KeySet, KeySetError> {
    let secrets: Vec<_> = seeds.iter().map(|seed| secret(*seed)).collect();
    KeySet::parse(&draft.sign(&secrets.iter().collect::<Vec<_>>()))
}

fn first() -> KeySet {
    signed(&draft(0, None, 1), &[1]).unwrap()
}

fn parse(payload: &str) -> Result<KeySet, KeySetError> {
    KeySet::parse(&Envelope::build(
        PAYLOAD_TYPE,
        payload.as_bytes(),
        &[&secret(1)],
    ))
}

fn payload() -> Value {
    let mut draft = draft(1, None, 1);
    draft.prev = Some(Hash::ZERO);
    serde_json::from_slice(&draft.payload()).unwrap()
}

fn parse_with(pointer: &str, value: Value) -> Result<KeySet, KeySetError> {
    let mut payload = payload();
    *payload.pointer_mut(pointer).unwrap() = value;
    parse(&payload.to_string())
}

#[test]
fn parses_what_it_signed() {
    let draft = draft(0, None, 1);
    let bytes = draft.sign(&[&secret(1)]);
    let set = KeySet::parse(&bytes).unwrap();
    assert_eq!(set.label(), &draft.label);
    assert_eq!(set.version(), draft.version);
    assert_eq!(set.prev(), None);
    assert_eq!(set.created(), draft.created);
    assert_eq!(set.keys(), draft.keys);
    assert_eq!(set.identity_keys(), [secret(1).public()]);
    assert_eq!(set.bytes(), bytes);
    assert_eq!(set.hash(), sha256(&bytes));
}

#[test]
fn refuses_every_fault_of_a_member() {
    let payload = payload();
    for text in mutations(&payload, "", &["prev"]) {
        assert!(parse(&text).is_err(), "{text}");
    }
    for key in 0..4 {
        for text in mutations(&payload, &format!("/keys/{key}"), &[]) {
            assert!(parse(&text).is_err(), "{text}");
        }
    }
}

#[test]
fn the_label_is_canonical() {
    for (label, accepted) in [
        (&b"\x01anna@example.org"[..], true),
        (b"\x7fx", true),
        (b"\x01Anna@example.org", false),
        (b"\x01anna", false),
        (b"\x05x", false),
        (b"\x7f", false),
        (b"", false),
        (&[0x7f; 255], true),
        (&[0x7f; 256], false),
    ] {
        let found = parse_with("/label", to_base64(label).into());
        assert_eq!(found.is_ok(), accepted, "{label:?}");
    }
}

#[test]
fn bounds_of_members() {
    let words = ["a", "0", "a.b_c-d", &"a".repeat(64)];
    let not_words = [
        "",
        ".a",
        "-a",
        "_a",
        "a b",
        "a\n",
        "\u{e9}",
        "a/b",
        &"a".repeat(65),
    ];
    for member in ["/keys/1/id", "/keys/1/alg"] {
        for word in words {
            assert!(parse_with(member, word.into()).is_ok(), "{word:?}");
        }
        for word in not_words {
            assert!(parse_with(member, word.into()).is_err(), "{word:?}");
        }
    }
    assert!(parse_with("/keys/1/id", "A".into()).is_ok());
    assert_eq!(
        parse_with("/keys/1/alg", "A".into()),
        Err(KeySetError::Algorithm("A".into()))
    );
    for (pointer, value, accepted) in [
        ("/version", json!(4_294_967_295u64), true),
        ("/version", json!(4_294_967_296u64), false),
        ("/prev", json!("00"), false),
        ("/created", json!("2026-11-24T04:37:38+00:00"), false),
        ("/keys/1/role", json!("Device"), false),
        ("/keys/1/role", json!("escrow"), true),
        ("/keys/1/key", json!(""), false),
        ("/keys/1/key", json!(to_base64(&[0; 1])), true),
        ("/keys/1/key", json!(to_base64(&[0; 8192])), true),
        ("/keys/1/key", json!(to_base64(&[0; 8193])), false),
        ("/keys/1/key", json!("AA"), false),
    ] {
        let found = parse_with(pointer, value.clone());
        assert_eq!(found.is_ok(), accepted, "{pointer}");
    }
}

#[test]
fn ids_are_distinct() {
    assert_eq!(
        parse_with("/keys/2/id", "phone".into()),
        Err(KeySetError::KeyIdTwice("phone".into()))
    );
}

#[test]
fn one_to_64_keys() {
    for (count, accepted) in [(0, false), (1, true), (64, true), (65, false)] {
        let mut draft = draft(0, None, 1);
        draft.keys = (0..count)
            .map(|n| match n {
                0 => identity("main", 1),
                _ => record(&format!("d{n}"), Role::Device, "x25519", &[7; 32]),
            })
            .collect();
        let found = signed(&draft, &[1]);
        let expected = if accepted {
            None
        } else {
            Some(KeySetError::KeyCount(count))
        };
        assert_eq!(found.err(), expected);
    }
}

#[test]
fn identity_keys_are_strict_ed25519() {
    let mut small_order = [0; 32];
    small_order[0] = 1;
    let key = secret(1).public();
    for (alg, key) in [
        ("ed25519", &small_order[..]),
        ("ed25519", &[0xff; 32]),
        ("ed25519", &key.as_bytes()[..31]),
        ("ed448", key.as_bytes()),
    ] {
        let mut draft = draft(0, None, 1);
        draft.keys.push(record("second", Role::Identity, alg, key));
        assert_eq!(
            signed(&draft, &[1]),
            Err(KeySetError::IdentityKey("second".into()))
        );
    }
}

#[test]
fn there_is_an_identity_key() {
    let mut draft = draft(0, None, 1);
    draft.keys.remove(0);
    assert_eq!(signed(&draft, &[1]), Err(KeySetError::NoIdentityKey));
}

#[test]
fn one_of_its_own_identity_keys_signed() {
    let mut draft = draft(0, None, 1);
    draft.keys.push(identity("second", 2));
    assert!(signed(&draft, &[2]).is_ok());
    assert!(signed(&draft, &[3, 1]).is_ok());
    let error = signed(&draft, &[3]).unwrap_err();
    assert_eq!(error, KeySetError::NotSigned);
    assert_eq!(error.blame(), Blame::Unproven);
}

#[test]
fn a_key_of_another_role_does_not_sign() {
    let mut draft = draft(0, None, 1);
    let device = secret(2).public();
    draft.keys.push(record(
        "signing",
        Role::Device,
        "ed25519",
        device.as_bytes(),
    ));
    assert_eq!(signed(&draft, &[2]), Err(KeySetError::NotSigned));
}

#[test]
fn refuses_other_payload_types_and_changed_payloads() {
    let payload = draft(0, None, 1).payload();
    let bytes = Envelope::build("application/json", &payload, &[&secret(1)]);
    assert_eq!(KeySet::parse(&bytes), Err(KeySetError::PayloadType));
    let signature = secret(1).sign(&crate::dsse::pae(PAYLOAD_TYPE, &payload));
    let changed = draft(1, None, 1).payload();
    let bytes = Envelope::assemble(PAYLOAD_TYPE, &changed, &[signature]);
    assert_eq!(KeySet::parse(&bytes), Err(KeySetError::NotSigned));
}

#[test]
fn the_very_first_has_no_previous() {
    assert_eq!(first().continuity(None), Continuity::First);
    let unknown = Continuity::Reset(ResetReason::PreviousUnknown);
    let linked = signed(&draft(0, Some(&first()), 1), &[1]).unwrap();
    assert_eq!(linked.continuity(None), unknown);
    let later = signed(&draft(1, None, 1), &[1]).unwrap();
    assert_eq!(later.continuity(None), unknown);
}

#[test]
fn a_rotation_is_signed_by_both() {
    let previous = first();
    let next = draft(1, Some(&previous), 2);
    for (seeds, expected) in [
        (&[2, 1][..], Continuity::Signed),
        (&[1, 3, 2], Continuity::Signed),
        (&[2], Continuity::Reset(ResetReason::NotSignedByPrevious)),
        (&[2, 3], Continuity::Reset(ResetReason::NotSignedByPrevious)),
    ] {
        let next = signed(&next, seeds).unwrap();
        assert_eq!(next.continuity(Some(&previous)), expected);
    }
}

#[test]
fn one_signature_counts_for_both() {
    let previous = first();
    let next = signed(&draft(1, Some(&previous), 1), &[1]).unwrap();
    assert_eq!(next.continuity(Some(&previous)), Continuity::Signed);
}

#[test]
fn a_device_key_of_the_previous_does_not_continue_it() {
    let mut before = draft(0, None, 1);
    let device = secret(5).public();
    before.keys.push(record(
        "signing",
        Role::Device,
        "ed25519",
        device.as_bytes(),
    ));
    let previous = signed(&before, &[1]).unwrap();
    let next = signed(&draft(1, Some(&previous), 2), &[2, 5]).unwrap();
    assert_eq!(
        next.continuity(Some(&previous)),
        Continuity::Reset(ResetReason::NotSignedByPrevious)
    );
}

#[test]
fn a_wrong_or_absent_link_is_a_reset() {
    let previous = first();
    let wrong = Continuity::Reset(ResetReason::WrongLink);
    let mut next = draft(1, None, 1);
    assert_eq!(
        signed(&next, &[1]).unwrap().continuity(Some(&previous)),
        wrong
    );
    next.prev = Some(Hash::ZERO);
    assert_eq!(
        signed(&next, &[1]).unwrap().continuity(Some(&previous)),
        wrong
    );
    // The same keys in other bytes are another key set.
    let again = signed(&draft(0, None, 1), &[1, 2]).unwrap();
    next.prev = Some(again.hash());
    assert_eq!(
        signed(&next, &[1]).unwrap().continuity(Some(&previous)),
        wrong
    );
}

#[test]
fn only_the_version_before_is_the_previous() {
    let previous = first();
    let skipped = signed(&draft(2, Some(&previous), 1), &[1]).unwrap();
    let mut other = draft(1, Some(&previous), 1);
    other.label = Label::email("bert@example.org").unwrap();
    let other = signed(&other, &[1]).unwrap();
    for next in [skipped, other] {
        assert_eq!(
            next.continuity(Some(&previous)),
            Continuity::Reset(ResetReason::NotPrevious)
        );
    }
}

#[test]
fn version_0_continues_the_latest_of_the_predecessor() {
    let last = signed(&draft(17, None, 1), &[1]).unwrap();
    let next = signed(&draft(0, Some(&last), 2), &[2, 1]).unwrap();
    assert_eq!(next.continuity(Some(&last)), Continuity::Signed);
    let silent = signed(&draft(0, None, 1), &[1]).unwrap();
    assert_eq!(
        silent.continuity(Some(&last)),
        Continuity::Reset(ResetReason::WrongLink)
    );
}

#[test]
fn version_0_links_only_in_a_log_with_a_predecessor() {
    let role = || RoleKeys::new(1, vec![secret(1).public()]).unwrap();
    let mut genesis = GenesisDraft {
        origin: Origin::parse("log.example/2").unwrap(),
        vrf_key: vrf::SecretKey::from_seed(&[9; 32]).public(),
        max_clock_skew_ms: 0,
        heartbeat_s: 1,
        roles: Roles {
            root: role(),
            releases: role(),
            protections: role(),
        },
        predecessor: None,
    };
    let alone = genesis.clone().build().unwrap();
    let name = "log.example/1";
    let key = VerifierKey::new(
        KeyName::parse(name).unwrap(),
        Algorithm::Ed25519,
        secret(3).public(),
    )
    .unwrap();
    genesis.predecessor = Some(Predecessor {
        log: LogKey::new(Origin::parse(name).unwrap(), key).unwrap(),
        head: TreeHead {
            size: TreeSize::new(3).unwrap(),
            root: Hash::ZERO,
        },
    });
    let successor = genesis.build().unwrap();

    let linked = signed(&draft(0, Some(&first()), 1), &[1]).unwrap();
    assert_eq!(
        linked.check_genesis(&alone),
        Err(KeySetError::NoPredecessor)
    );
    assert_eq!(linked.check_genesis(&successor), Ok(()));
    assert_eq!(first().check_genesis(&alone), Ok(()));
    assert_eq!(first().check_genesis(&successor), Ok(()));
    let later = signed(&draft(1, Some(&first()), 1), &[1]).unwrap();
    assert_eq!(later.check_genesis(&alone), Ok(()));
}

proptest! {
    #[test]
    fn never_panics(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = KeySet::parse(&payload);
        let _ = KeySet::parse(&Envelope::assemble(PAYLOAD_TYPE, &payload, &[[0; 64]]));
    }

    #[test]
    fn a_changed_byte_is_refused(at: prop::sample::Index, flip in 1..=255u8) {
        let mut bytes = draft(0, None, 1).sign(&[&secret(1)]);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(KeySet::parse(&bytes).is_err());
    }

    #[test]
    fn every_key_set_parses_back(
        version: u32,
        prev: Option<[u8; 32]>,
        label in proptest::collection::vec(any::<u8>(), 1..254),
        devices in proptest::collection::vec("[A-Za-z0-9][A-Za-z0-9._-]{0,62}", 0..6),
        key in proptest::collection::vec(any::<u8>(), 1..2000),
    ) {
        let mut draft = draft(version, None, 1);
        draft.prev = prev.map(Hash::from_bytes);
        draft.label = Label::opaque(&label).unwrap();
        for (n, id) in devices.iter().enumerate() {
            let mut device = record("", Role::Device, "x25519", &key);
            device.id = format!("{n}{}", &id[..id.len().min(60)]);
            draft.keys.push(device);
        }
        let set = signed(&draft, &[1]).unwrap();
        prop_assert_eq!(&set.content, &draft);
    }
}
