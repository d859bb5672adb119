use proptest::prelude::*;

use super::*;
use crate::ed25519::SecretKey;
use crate::keyset::{KeyRecord, KeySetDraft, Role};
use crate::label::Label;
use crate::time::Timestamp;

fn key_set(name: &str, seed: u8) -> KeySet {
    let secret = SecretKey::from_seed(&[seed; 32]);
    let identity = KeyRecord {
        id: "main".into(),
        role: Role::Identity,
        alg: "ed25519".into(),
        key: secret.public().as_bytes().to_vec(),
    };
    let draft = KeySetDraft {
        label: Label::email(name).unwrap(),
        version: Version::FIRST,
        prev: None,
        created: Timestamp::from_seconds(1_800_000_000).unwrap(),
        keys: vec![identity],
    };
    KeySet::parse(&draft.sign(&[&secret])).unwrap()
}

fn origin(text: &str) -> Origin {
    Origin::parse(text).unwrap()
}

fn code() -> ContactCode {
    ContactCode::of(&origin("log.example"), &key_set("anna@example.org", 1))
}

/// The bytes that the chapter says, put together by hand.
fn naive(domain: &str, key_set: &KeySet) -> Hash {
    let mut bytes = format!("{domain}\n\0\u{b}log.example").into_bytes();
    let label = key_set.label().as_bytes();
    bytes.push(u8::try_from(label.len()).unwrap());
    bytes.extend_from_slice(label);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(sha256(key_set.bytes()).as_bytes());
    sha256(&bytes)
}

#[test]
fn a_contact_code_is_what_the_chapter_says() {
    let anna = key_set("anna@example.org", 1);
    assert_eq!(code().digest, naive("plainsight/contact-code/v1", &anna));
    let text = code().to_string();
    assert_eq!(text.len(), CONTACT_CODE_LEN);
    assert!(text.starts_with("psk1qyqqqqqq"), "{text}");
    assert_eq!(ContactCode::parse(&text), Ok(code()));
    assert_eq!(ContactCode::parse(&text.to_ascii_uppercase()), Ok(code()));
}

#[test]
fn a_code_is_of_one_key_set_in_one_log() {
    let log = origin("log.example");
    assert!(code().is_of(&log, &key_set("anna@example.org", 1)));
    assert!(!code().is_of(&log, &key_set("anna@example.org", 2)));
    assert!(!code().is_of(&log, &key_set("bert@example.org", 1)));
    assert!(!code().is_of(&origin("log2.example"), &key_set("anna@example.org", 1)));
}

#[test]
fn refuses_codes_that_are_cut_changed_or_of_another_form() {
    let text = code().to_string();
    for bad in [
        String::new(),
        text[..69].into(),
        format!("{text}q"),
        text.replacen("psk1", "psl1", 1),
        text.replacen("psk1", "Psk1", 1),
        format!(" {}", &text[..69]),
    ] {
        assert_eq!(
            ContactCode::parse(&bad),
            Err(CodeError::ContactCode),
            "{bad:?}"
        );
    }
    for place in 4..text.len() {
        let mut bad = text.clone().into_bytes();
        bad[place] = if bad[place] == b'q' { b'p' } else { b'q' };
        let bad = String::from_utf8(bad).unwrap();
        assert_eq!(ContactCode::parse(&bad), Err(CodeError::ContactCode));
    }
    let encoded = |prefix: &str, bytes: &[u8]| {
        bech32::encode::<Bech32m>(Hrp::parse(prefix).unwrap(), bytes).unwrap()
    };
    assert_eq!(
        ContactCode::parse(&encoded("psk", &[2; 37])),
        Err(CodeError::LaterForm { found: 2 })
    );
    assert_eq!(
        ContactCode::parse(&encoded("psl", &[1; 37])),
        Err(CodeError::ContactCode)
    );
    let old_checksum =
        bech32::encode::<bech32::Bech32>(Hrp::parse("psk").unwrap(), &[1; 37]).unwrap();
    assert_eq!(
        ContactCode::parse(&old_checksum),
        Err(CodeError::ContactCode)
    );
}

#[test]
fn a_safety_number_is_the_same_from_both_sides() {
    let log = origin("log.example");
    let (anna, bert) = (
        key_set("anna@example.org", 1),
        key_set("bert@example.org", 2),
    );
    let number = SafetyNumber::between(&log, &anna, &bert).unwrap();
    assert_eq!(SafetyNumber::between(&log, &bert, &anna).unwrap(), number);
    let groups = |key_set: &KeySet| -> String {
        let digest = naive("plainsight/safety-number/v1", key_set);
        let bytes = digest.as_bytes();
        (0..6)
            .map(|group| {
                let mut eight = [0; 8];
                eight[3..].copy_from_slice(&bytes[5 * group..5 * group + 5]);
                format!("{:05}", u64::from_be_bytes(eight) % 100_000)
            })
            .collect::<Vec<_>>()
            .concat()
    };
    let mut halves = [groups(&anna), groups(&bert)];
    halves.sort();
    assert_eq!(number.digits(), halves.concat());
    assert_eq!(SafetyNumber::parse(&number.to_string()), Ok(number.clone()));
    assert_eq!(number.to_string().len(), 71);
    let ghost = SafetyNumber::between(&log, &anna, &key_set("bert@example.org", 3)).unwrap();
    assert_ne!(ghost, number);
    assert_eq!(
        SafetyNumber::between(&log, &anna, &key_set("anna@example.org", 9)),
        Err(CodeError::SamePerson)
    );
}

#[test]
fn refuses_numbers_that_are_not_whole() {
    assert_eq!(
        SafetyNumber::parse(&"1".repeat(59)),
        Err(CodeError::Digits { got: 59 })
    );
    assert_eq!(SafetyNumber::parse(""), Err(CodeError::Digits { got: 0 }));
    let arabic = "\u{0661}".repeat(60);
    assert_eq!(SafetyNumber::parse(&arabic), Err(CodeError::NotDigits));
    assert_eq!(
        SafetyNumber::parse(&format!("{}-1", "1".repeat(59))),
        Err(CodeError::NotDigits)
    );
}

proptest! {
    #[test]
    fn parses_nothing_that_does_not_print_back(text in "psk1[02-9ac-hj-np-z]{66}|[A-Z0-9]{70}|.{0,80}") {
        if let Ok(code) = ContactCode::parse(&text) {
            prop_assert_eq!(code.to_string(), text.to_ascii_lowercase());
        }
        if let Ok(number) = SafetyNumber::parse(&text) {
            prop_assert_eq!(number.digits().len(), SAFETY_NUMBER_DIGITS);
        }
    }
}
