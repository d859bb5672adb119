//! The published edge cases of C2SP CCTV (`cctv/ed25519vectors.json`), each with flags that say
//! what is odd about it. Runs on the folder that `PLAINSIGHT_VECTORS` names; without the variable
//! it says so and passes, since the project's own vectors cover the same rules.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use plainsight_specs::ed25519::PublicKey;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    number: u32,
    key: String,
    sig: String,
    msg: String,
    flags: Option<Vec<Flag>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Debug)]
#[serde(rename_all = "snake_case")]
enum Flag {
    #[serde(rename = "low_order_A")]
    LowOrderA,
    #[serde(rename = "low_order_R")]
    LowOrderR,
    #[serde(rename = "non_canonical_A")]
    NonCanonicalA,
    #[serde(rename = "non_canonical_R")]
    NonCanonicalR,
    #[serde(rename = "low_order_component_A")]
    LowOrderComponentA,
    #[serde(rename = "low_order_component_R")]
    LowOrderComponentR,
    LowOrderResidue,
    ReencodedK,
}

/// Which flags the rules refuse. A component of small order alone is no fault; a residue is one,
/// since the equation has no cofactor. A hash over the encodings again (`reencoded_k`) differs from
/// ours only where an encoding was not canonical.
fn refused(flag: Flag) -> bool {
    match flag {
        // ENC-14 for A, ENC-15 for the others.
        Flag::LowOrderA
        | Flag::NonCanonicalA
        | Flag::LowOrderR
        | Flag::NonCanonicalR
        | Flag::LowOrderResidue
        | Flag::ReencodedK => true,
        Flag::LowOrderComponentA | Flag::LowOrderComponentR => false,
    }
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the vectors are outside of the crate"
)]
fn judges_every_published_edge_case_by_its_flags() {
    let Ok(folder) = std::env::var("PLAINSIGHT_VECTORS") else {
        println!("skipped: PLAINSIGHT_VECTORS is not set");
        return;
    };
    let path = PathBuf::from(folder).join("cctv/ed25519vectors.json");
    let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cases: Vec<Case> = serde_json::from_slice(&file).unwrap();
    let mut accepted = 0;
    for case in &cases {
        let flags = case.flags.clone().unwrap_or_default();
        let accepts = PublicKey::from_bytes(&array(&case.key))
            .is_ok_and(|key| key.verify(case.msg.as_bytes(), &array(&case.sig)).is_ok());
        let expected = !flags.iter().copied().any(refused);
        assert_eq!(accepts, expected, "number {}: {flags:?}", case.number);
        accepted += u32::from(accepts);
    }
    assert!(accepted > 1, "{accepted} of {} accepted", cases.len());
    assert!(cases.len() > 900);
}
