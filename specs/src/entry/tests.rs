use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::checkpoint::Origin;
use crate::codec::to_base64;
use crate::ed25519::{PublicKey, SecretKey};
use crate::hash::sha256;
use crate::merkle::{TreeHead, TreeSize};
use crate::mutations::mutations;
use crate::note::{Algorithm, KeyName, VerifierKey};
use crate::statement::{Body, Canary, Name, Seq, StatementDraft};
use crate::time::Timestamp;
use crate::vrf;

const ORIGIN: &str = "log.example/2026";

fn key(seed: u8) -> PublicKey {
    SecretKey::from_seed(&[seed; 32]).public()
}

fn vrf_key() -> vrf::PublicKey {
    vrf::SecretKey::from_seed(&[9; 32]).public()
}

fn verifier_key(name: &str, algorithm: Algorithm) -> VerifierKey {
    VerifierKey::new(KeyName::parse(name).unwrap(), algorithm, key(5)).unwrap()
}

fn log_key(origin: &str) -> LogKey {
    LogKey::new(
        Origin::parse(origin).unwrap(),
        verifier_key(origin, Algorithm::Ed25519),
    )
    .unwrap()
}

fn role(threshold: u8, seeds: std::ops::Range<u8>) -> RoleKeys {
    RoleKeys::new(threshold, seeds.map(key).collect()).unwrap()
}

fn genesis() -> GenesisDraft {
    GenesisDraft {
        origin: Origin::parse(ORIGIN).unwrap(),
        vrf_key: vrf_key(),
        max_clock_skew_ms: 5000,
        heartbeat_s: 3600,
        roles: Roles {
            root: role(2, 1..4),
            releases: role(1, 1..2),
            protections: role(1, 4..5),
        },
        predecessor: Some(Predecessor {
            log: log_key("log.example/2025"),
            head: TreeHead {
                size: TreeSize::new(1000).unwrap(),
                root: sha256(b"root"),
            },
        }),
    }
}

fn close() -> Close {
    Close::build(log_key("log.example/2027"), vrf_key())
}

fn envelope() -> Vec<u8> {
    StatementDraft {
        seq: Seq::ZERO,
        prev: None,
        body: Body::Canary(Canary {
            name: Name::parse("c").unwrap(),
            valid_until: Timestamp::parse("2026-11-24T00:00:00Z").unwrap(),
            published: Timestamp::parse("2026-11-23T00:00:00Z").unwrap(),
            text: sha256(b"text"),
        }),
    }
    .sign(&[&SecretKey::from_seed(&[1; 32])])
}

fn json_of(entry: &[u8]) -> Value {
    serde_json::from_slice(&entry[1..]).unwrap()
}

fn genesis_json() -> Value {
    json_of(&genesis().build().unwrap().to_bytes())
}

fn parse_json(kind: EntryKind, json: &str) -> Result<Entry, EntryError> {
    Entry::parse(&entry_bytes(kind, json.as_bytes()))
}

fn parse_genesis_with(pointer: &str, value: Value) -> Result<Entry, EntryError> {
    let mut json = genesis_json();
    *json.pointer_mut(pointer).unwrap() = value;
    parse_json(EntryKind::Genesis, &json.to_string())
}

fn entries() -> Vec<Entry> {
    vec![
        Entry::Genesis(Box::new(genesis().build().unwrap())),
        Entry::Epoch(Epoch {
            time_ms: 0x0102_0304_0506_0708,
            index_size: 9,
            index_root: sha256(b"index"),
        }),
        Entry::Key(KeyEntry {
            index: IndexKey::private(sha256(b"label")),
            commitment: sha256(b"commitment"),
        }),
        Entry::Statement(Box::new(
            StatementEntry::from_envelope(&envelope()).unwrap(),
        )),
        Entry::Close(Box::new(close())),
    ]
}

#[test]
fn every_kind_parses_back() {
    for (byte, entry) in (0u8..).zip(entries()) {
        let bytes = entry.to_bytes();
        assert_eq!(bytes.first(), Some(&byte));
        assert_eq!(entry.kind().byte(), byte);
        assert_eq!(Entry::parse(&bytes), Ok(entry));
    }
}

#[test]
fn keeps_the_bytes_received() {
    for entry in [genesis().build().unwrap().to_bytes(), close().to_bytes()] {
        let mut spaced = entry.clone();
        spaced.insert(2, b' ');
        spaced.push(b'\n');
        assert_eq!(Entry::parse(&spaced).unwrap().to_bytes(), spaced);
    }
}

#[test]
fn unknown_kinds_are_refused() {
    for byte in 5..=255 {
        assert_eq!(EntryKind::from_byte(byte), None);
        assert_eq!(
            Entry::parse(&[byte, b'{', b'}']),
            Err(EntryError::Kind(byte))
        );
    }
    assert_eq!(Entry::parse(b""), Err(EntryError::Length(0)));
}

#[test]
fn an_entry_has_at_most_65535_bytes() {
    let pad = |entry: Vec<u8>, len: usize| [entry.clone(), vec![b' '; len - entry.len()]].concat();
    for entry in [
        genesis().build().unwrap().to_bytes(),
        entry_bytes(EntryKind::Statement, &envelope()),
        close().to_bytes(),
    ] {
        assert!(Entry::parse(&pad(entry.clone(), 65_535)).is_ok());
        assert_eq!(
            Entry::parse(&pad(entry, 65_536)),
            Err(EntryError::Length(65_536))
        );
    }
    let long = pad(envelope(), 65_535);
    assert_eq!(
        StatementEntry::from_envelope(&long),
        Err(EntryError::Length(65_536))
    );
    assert!(StatementEntry::from_envelope(&long[..65_534]).is_ok());
}

#[test]
fn epoch_and_key_have_one_length() {
    for entry in [entries()[1].to_bytes(), entries()[2].to_bytes()] {
        for len in 1..entry.len() {
            assert!(Entry::parse(&entry[..len]).is_err(), "{len}");
        }
        assert!(Entry::parse(&[&entry[..], &[0]].concat()).is_err());
    }
    assert_eq!(entries()[1].to_bytes().len(), 49);
    assert_eq!(entries()[2].to_bytes().len(), 65);
}

#[test]
fn epoch_bytes_are_big_endian() {
    let bytes = entries()[1].to_bytes();
    assert_eq!(
        bytes[..17],
        [1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9]
    );
    assert_eq!(bytes[17..], *sha256(b"index").as_bytes());
}

#[test]
fn the_namespace_of_a_key_entry_is_not_its_form() {
    let public = KeyEntry {
        index: IndexKey::public(sha256(b"label")),
        commitment: Hash::ZERO,
    };
    assert_eq!(Entry::parse(&public.to_bytes()), Ok(Entry::Key(public)));
}

#[test]
fn a_malformed_statement_is_a_malformed_entry() {
    let error = Entry::parse(&[3, b'{', b'}']).unwrap_err();
    assert!(matches!(error, EntryError::Statement(_)));
    assert_eq!(error.blame(), Blame::Malformed);
}

#[test]
fn refuses_every_fault_of_a_genesis_member() {
    let json = genesis_json();
    for (pointer, optional) in [
        ("", &["predecessor"][..]),
        ("/roles", &[]),
        ("/roles/root", &[]),
        ("/roles/releases", &[]),
        ("/roles/protections", &[]),
        ("/predecessor", &[]),
    ] {
        for text in mutations(&json, pointer, optional) {
            assert!(parse_json(EntryKind::Genesis, &text).is_err(), "{text}");
        }
    }
}

#[test]
fn refuses_every_fault_of_a_close_member() {
    let json = json_of(&close().to_bytes());
    for text in mutations(&json, "", &[]) {
        assert!(parse_json(EntryKind::Close, &text).is_err(), "{text}");
    }
}

#[test]
fn the_predecessor_may_be_absent() {
    let mut draft = genesis();
    draft.predecessor = None;
    let genesis = draft.build().unwrap();
    assert_eq!(genesis.predecessor(), None);
    assert_eq!(
        Entry::parse(&genesis.to_bytes()),
        Ok(Entry::Genesis(Box::new(genesis)))
    );
}

#[test]
fn genesis_bounds() {
    for (pointer, value, accepted) in [
        ("/format", json!("plainsight/v2"), false),
        ("/format", json!("plainsight/v1 "), false),
        ("/origin", json!(""), false),
        ("/origin", json!("two words"), false),
        ("/origin", json!("a+b"), false),
        ("/vrf_key", json!(to_base64(&[0; 32])), false),
        ("/vrf_key", json!(to_base64(&[7; 31])), false),
        ("/max_clock_skew_ms", json!(0), true),
        ("/max_clock_skew_ms", json!(3_600_000), true),
        ("/max_clock_skew_ms", json!(3_600_001), false),
        ("/heartbeat_s", json!(0), false),
        ("/heartbeat_s", json!(1), true),
        ("/heartbeat_s", json!(604_800), true),
        ("/heartbeat_s", json!(604_801), false),
        ("/predecessor/size", json!(0), true),
        ("/predecessor/root", json!("00"), false),
        ("/predecessor/root", json!("AB".repeat(32)), false),
    ] {
        let found = parse_genesis_with(pointer, value.clone());
        assert_eq!(found.is_ok(), accepted, "{pointer} {value}");
    }
    let mut draft = genesis();
    draft.heartbeat_s = 0;
    assert_eq!(draft.build(), Err(EntryError::Heartbeat(0)));
}

#[test]
fn thresholds_can_be_reached_with_eight_signatures() {
    let keys = |n: u8| {
        (1..=n)
            .map(|seed| to_base64(key(seed).as_bytes()))
            .collect()
    };
    for (threshold, count, accepted) in [
        (1, 1, true),
        (0, 1, false),
        (2, 1, false),
        (8, 8, true),
        (8, 32, true),
        (9, 32, false),
        (257, 32, false),
        (1, 33, false),
        (1, 0, false),
    ] {
        let keys: Vec<String> = keys(count);
        let role = json!({"threshold": threshold, "keys": keys});
        for name in ["root", "releases", "protections"] {
            let found = parse_genesis_with(&format!("/roles/{name}"), role.clone());
            assert_eq!(found.is_ok(), accepted, "{threshold} of {count}");
        }
    }
}

#[test]
fn the_keys_of_a_role_are_distinct_strict_keys() {
    let good = to_base64(key(1).as_bytes());
    let small_order = to_base64(&[1; 1].iter().chain(&[0; 31]).copied().collect::<Vec<_>>());
    for (keys, error) in [
        (json!([good, good]), EntryError::RoleKeyTwice),
        (json!([good, small_order]), EntryError::RoleKey),
    ] {
        assert_eq!(
            parse_genesis_with("/roles/root/keys", keys),
            Err(error.clone())
        );
    }
    for keys in [json!([null]), json!([1]), json!([""]), json!(["AAAA"])] {
        assert!(parse_genesis_with("/roles/root/keys", keys).is_err());
    }
}

#[test]
fn a_key_may_fill_several_roles() {
    let draft = genesis();
    assert_eq!(draft.roles.root.keys()[0], draft.roles.releases.keys()[0]);
    assert!(draft.build().is_ok());
}

#[test]
fn replacing_a_role_leaves_the_others() {
    for name in RoleName::ALL {
        let mut roles = genesis().roles;
        roles.replace(name, role(1, 20..22));
        for other in RoleName::ALL {
            let expected = if other == name {
                role(1, 20..22)
            } else {
                genesis().roles.role(other).clone()
            };
            assert_eq!(*roles.role(other), expected);
        }
        assert_eq!(RoleName::parse(name.as_str()), Some(name));
    }
    assert_eq!(RoleName::parse("Root"), None);
}

#[test]
fn a_log_key_is_of_type_1_and_named_after_its_origin() {
    let other = "log.example/other";
    let vkey = |name: &str, algorithm| json!(verifier_key(name, algorithm).to_string());
    for (value, accepted) in [
        (vkey("log.example/2025", Algorithm::Ed25519), true),
        (vkey("log.example/2025", Algorithm::CosignatureV1), false),
        (vkey(other, Algorithm::Ed25519), false),
        (json!("log.example/2025"), false),
        (json!(""), false),
    ] {
        let found = parse_genesis_with("/predecessor/log_key", value.clone());
        assert_eq!(found.is_ok(), accepted, "{value}");
        let mut json = json_of(&close().to_bytes());
        json["origin"] = json!("log.example/2025");
        json["log_key"] = value.clone();
        let found = parse_json(EntryKind::Close, &json.to_string());
        assert_eq!(found.is_ok(), accepted, "{value}");
    }
}

#[test]
fn a_log_names_another_log() {
    let mut draft = genesis();
    draft.predecessor = draft.predecessor.map(|predecessor| Predecessor {
        log: log_key(ORIGIN),
        ..predecessor
    });
    assert_eq!(draft.build(), Err(EntryError::OwnOrigin));
    let own = Origin::parse("log.example/2027").unwrap();
    assert_eq!(close().check_origin(&own), Err(EntryError::OwnOrigin));
    assert_eq!(close().check_origin(&genesis().origin), Ok(()));
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..6u8) {
        let _ = Entry::parse(&bytes);
        let _ = Entry::parse(&[&[kind], &bytes[..]].concat());
    }

    #[test]
    fn a_changed_byte_parses_to_itself_or_not_at_all(
        kind in 0..5usize,
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut bytes = entries()[kind].to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(entry) = Entry::parse(&bytes) {
            prop_assert_eq!(entry.to_bytes(), bytes);
        }
    }

    #[test]
    fn epochs_and_keys_parse_back(time_ms: u64, index_size: u64, root: [u8; 32]) {
        let epoch = Epoch { time_ms, index_size, index_root: Hash::from_bytes(root) };
        prop_assert_eq!(Entry::parse(&epoch.to_bytes()), Ok(Entry::Epoch(epoch)));
        let key = KeyEntry {
            index: IndexKey::from_bytes(root),
            commitment: Hash::from_bytes(root),
        };
        prop_assert_eq!(Entry::parse(&key.to_bytes()), Ok(Entry::Key(key)));
    }
}
