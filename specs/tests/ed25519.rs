//! Ed25519 as the chapter on encodings has it, on vectors that lax verifiers accept.

#![allow(clippy::unwrap_used, reason = "a test")]

use plainsight_specs::ed25519::{PublicKey, SecretKey};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    key: String,
    message: String,
    signature: String,
    verdict: String,
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

fn verdict(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> &'static str {
    match PublicKey::from_bytes(key) {
        Err(_) => "key",
        Ok(key) => match key.verify(message, signature) {
            Err(_) => "signature",
            Ok(()) => "accept",
        },
    }
}

#[test]
fn judges_every_vector_as_written() {
    let text = include_str!("../vectors/ed25519.json");
    let cases = serde_json::from_str::<Vectors>(text).unwrap().cases;
    for case in &cases {
        let message = hex::decode(&case.message).unwrap();
        assert_eq!(
            verdict(&array(&case.key), &message, &array(&case.signature)),
            case.verdict,
            "{}",
            case.name
        );
    }
    let count = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
    assert_eq!(
        (count("accept"), count("key"), count("signature")),
        (5, 6, 14)
    );
}

/// RFC 8032 section 7.1, test 2.
#[test]
fn signs_as_rfc_8032_has_it() {
    let secret = SecretKey::from_seed(&array(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    ));
    assert_eq!(
        hex::encode(secret.sign(&[0x72])),
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    );
}

#[test]
fn refuses_every_single_bit_flip() {
    let secret = SecretKey::from_seed(&[7; 32]);
    let key = secret.public();
    let signature = secret.sign(b"message");
    for bit in 0..512 {
        let mut flipped = signature;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(key.verify(b"message", &flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn debug_of_a_secret_key_shows_the_public_half_only() {
    let shown = format!("{:?}", SecretKey::from_seed(&[7; 32]));
    assert!(shown.starts_with("SecretKey { public: ") && shown.ends_with(", .. }"));
    assert!(!shown.contains("7, 7, 7") && !shown.contains("0707"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_signature_holds_for_its_message_and_key_alone(
        seed: [u8; 32],
        message: Vec<u8>,
        other: Vec<u8>,
    ) {
        prop_assume!(message != other);
        let secret = SecretKey::from_seed(&seed);
        let key = PublicKey::from_bytes(secret.public().as_bytes()).unwrap();
        prop_assert_eq!(key, secret.public());
        let mut other_seed = seed;
        other_seed[31] ^= 1;
        let signature = secret.sign(&message);
        prop_assert!(key.verify(&message, &signature).is_ok());
        prop_assert!(key.verify(&other, &signature).is_err());
        let stranger = SecretKey::from_seed(&other_seed).public();
        prop_assert!(stranger.verify(&message, &signature).is_err());
    }
}

#[test]
fn secret_keys_are_wiped_when_they_go() {
    // Neither type has anything else to do when it is dropped.
    assert!(std::mem::needs_drop::<SecretKey>());
    assert!(std::mem::needs_drop::<plainsight_specs::vrf::SecretKey>());
}
