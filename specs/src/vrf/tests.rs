//! Vectors, and agreement with another implementation.

use proptest::prelude::*;
use serde::Deserialize;
use vrf_rfc9381::ec::edwards25519::EdVrfProof;
use vrf_rfc9381::ec::edwards25519::elligator2::{
    EdVrfEdwards25519Ell2PublicKey, EdVrfEdwards25519Ell2SecretKey,
};
use vrf_rfc9381::{Proof as _, Prover as _, Verifier as _};

use super::*;
use crate::index::Namespace;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    key: String,
    alpha: String,
    proof: String,
    output: Option<String>,
    error: Option<String>,
    seed: Option<String>,
    h: Option<String>,
}

fn cases() -> Vec<Case> {
    let text = include_str!("../../vectors/vrf.json");
    serde_json::from_str::<Vectors>(text).unwrap().cases
}

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    bytes(hex).try_into().unwrap()
}

fn verify(key: &[u8; 32], alpha: &[u8], proof: &[u8]) -> Result<Output, VrfError> {
    PublicKey::from_bytes(key)?.verify(alpha, &Proof::parse(proof)?)
}

/// The other implementation, which reduces `s` and takes any encoding of a point.
fn other_verifier_accepts(key: &[u8; 32], alpha: &[u8], proof: &[u8]) -> bool {
    let key = EdVrfEdwards25519Ell2PublicKey::from_slice(key).unwrap();
    EdVrfProof::decode_pi(proof).is_ok_and(|proof| key.verify(alpha, proof).is_ok())
}

#[test]
fn judges_every_vector_as_written() {
    let (mut accepted, mut refused) = (0, 0);
    for case in cases() {
        let verdict = verify(&array(&case.key), &bytes(&case.alpha), &bytes(&case.proof));
        let expected = match case.error.as_deref() {
            None => Ok(Output(array(case.output.as_deref().unwrap()))),
            Some("public key") => Err(VrfError::PublicKey),
            Some("length") => Err(VrfError::Length {
                got: case.proof.len() / 2,
            }),
            Some("gamma") => Err(VrfError::Gamma),
            Some("scalar") => Err(VrfError::Scalar),
            Some("equation") => Err(VrfError::Equation),
            Some(other) => panic!("{}: unknown error {other}", case.name),
        };
        accepted += u32::from(expected.is_ok());
        refused += u32::from(expected.is_err());
        assert_eq!(verdict, expected, "{}", case.name);
    }
    assert_eq!((accepted, refused), (5, 37));
}

#[test]
fn gives_the_examples_of_rfc_9381() {
    let mut examples = 0;
    for case in cases() {
        let Some(seed) = case.seed else { continue };
        examples += 1;
        let alpha = bytes(&case.alpha);
        let secret = SecretKey::from_seed(&array(&seed));
        assert_eq!(secret.public().as_bytes(), &array(&case.key));
        let h = encode_to_curve(secret.public().as_bytes(), &alpha);
        assert_eq!(h.compress().to_bytes(), array(case.h.as_deref().unwrap()));
        let (proof, output) = secret.prove(&alpha);
        assert_eq!(proof.as_bytes(), &array(&case.proof));
        assert_eq!(output.as_bytes(), &array(case.output.as_deref().unwrap()));
        assert_eq!(secret.evaluate(&alpha), output);
    }
    assert_eq!(examples, 3);
}

#[test]
fn index_is_the_first_half_with_the_top_bit_clear() {
    let output = Output([0xff; 64]);
    let mut expected = [0xff; 32];
    expected[0] = 0x7f;
    assert_eq!(output.index_key(), IndexKey::from_bytes(expected));
    assert_eq!(output.index_key().namespace(), Namespace::Private);
    let mut clear = [0; 64];
    clear[32] = 0xff;
    assert_eq!(Output(clear).index_key(), IndexKey::from_bytes([0; 32]));
}

/// Why the check of `s` is ours: the other implementation takes both spellings.
#[test]
fn refuses_s_plus_q_where_another_implementation_accepts_it() {
    let case = cases()
        .into_iter()
        .find(|case| case.name == "s plus q")
        .unwrap();
    let (key, alpha, proof) = (array(&case.key), bytes(&case.alpha), bytes(&case.proof));
    assert!(other_verifier_accepts(&key, &alpha, &proof));
    assert_eq!(verify(&key, &alpha, &proof), Err(VrfError::Scalar));
}

#[test]
fn refuses_every_single_bit_flip() {
    let secret = SecretKey::from_seed(&[7; 32]);
    let (proof, _) = secret.prove(b"input");
    let key = secret.public();
    for bit in 0..Proof::LEN * 8 {
        let mut flipped = *proof.as_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let verdict = Proof::parse(&flipped).and_then(|proof| key.verify(b"input", &proof));
        assert!(verdict.is_err(), "bit {bit}");
    }
}

#[test]
fn refuses_every_other_length() {
    let (proof, _) = SecretKey::from_seed(&[7; 32]).prove(b"input");
    let long = [proof.as_bytes().as_slice(), &[0; 80]].concat();
    for got in (0..Proof::LEN).chain(Proof::LEN + 1..=long.len()) {
        assert_eq!(Proof::parse(&long[..got]), Err(VrfError::Length { got }));
    }
}

#[test]
fn debug_of_a_secret_key_shows_the_public_half_only() {
    let secret = SecretKey::from_seed(&[7; 32]);
    let shown = format!("{secret:?}");
    assert!(shown.contains(&hex::encode(secret.public().as_bytes())));
    assert!(!shown.contains("scalar") && !shown.contains("nonce"));
}

#[test]
fn bad_bytes_are_malformed_and_a_bad_proof_is_no_evidence() {
    assert_eq!(VrfError::Scalar.blame(), Blame::Malformed);
    assert_eq!(VrfError::PublicKey.blame(), Blame::Malformed);
    assert_eq!(VrfError::Equation.blame(), Blame::Unproven);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_with_another_implementation(
        seed: [u8; 32],
        alpha in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let ours = SecretKey::from_seed(&seed);
        let theirs = EdVrfEdwards25519Ell2SecretKey::from_slice(&seed).unwrap();
        let (proof, output) = ours.prove(&alpha);
        let their_proof = theirs.prove(&alpha).unwrap();
        prop_assert_eq!(proof.as_bytes().to_vec(), their_proof.encode_to_pi());
        let their_output = theirs.verifier().verify(&alpha, their_proof).unwrap();
        prop_assert_eq!(&output.as_bytes()[..], &their_output[..]);
        prop_assert_eq!(ours.evaluate(&alpha), output);
        prop_assert_eq!(ours.public().verify(&alpha, &proof), Ok(output));
        prop_assert_eq!(Proof::parse(proof.as_bytes()), Ok(proof));
        prop_assert_eq!(PublicKey::from_bytes(ours.public().as_bytes()), Ok(ours.public()));
    }

    #[test]
    fn a_proof_holds_for_its_input_and_key_alone(
        seed: [u8; 32],
        alpha in proptest::collection::vec(any::<u8>(), 0..40),
        other in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        prop_assume!(alpha != other);
        let secret = SecretKey::from_seed(&seed);
        let mut other_seed = seed;
        other_seed[0] ^= 1;
        let stranger = SecretKey::from_seed(&other_seed).public();
        let (proof, output) = secret.prove(&alpha);
        prop_assert_eq!(secret.public().verify(&other, &proof), Err(VrfError::Equation));
        prop_assert_eq!(stranger.verify(&alpha, &proof), Err(VrfError::Equation));
        prop_assert_ne!(secret.evaluate(&other), output);
    }

    #[test]
    fn random_bytes_are_never_a_proof(bytes in proptest::collection::vec(any::<u8>(), 80)) {
        let key = SecretKey::from_seed(&[7; 32]).public();
        let verdict = Proof::parse(&bytes).and_then(|proof| key.verify(b"input", &proof));
        prop_assert!(verdict.is_err());
    }
}
