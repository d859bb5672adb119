use proptest::prelude::*;

use super::*;
use crate::note::tests::{ml_dsa_key, signer};

const ROOT: &str = "lPvQ3YNvUDAWkubQ6t5yjuGexSv/8WBu2AfIV11aqhk=";

pub(crate) fn head(size: u64, fill: u8) -> TreeHead {
    let root = if size == 0 {
        hash::empty_root()
    } else {
        Hash::from_bytes([fill; 32])
    };
    TreeHead {
        size: TreeSize::new(size).unwrap(),
        root,
    }
}

pub(crate) fn log() -> Signer {
    signer("log.example/a", Algorithm::Ed25519, 1)
}

pub(crate) fn signed(head: TreeHead) -> SignedCheckpoint {
    let origin = Origin::parse("log.example/a").unwrap();
    SignedCheckpoint::sign(&origin, head, &log()).unwrap()
}

fn unverified(text: &str, signers: &[&Signer]) -> Result<UnverifiedCheckpoint, CheckpointError> {
    let lines = signers.iter().map(|signer| signer.sign(text).unwrap());
    let note = UnverifiedNote::new(text, lines.collect()).unwrap();
    UnverifiedCheckpoint::parse(&note.to_bytes())
}

#[test]
fn what_a_log_signs_verifies() {
    let bytes = signed(head(3, 7)).to_bytes();
    let parsed = UnverifiedCheckpoint::parse(&bytes).unwrap();
    assert_eq!(parsed.to_bytes(), bytes);
    let verified = parsed.verify_log(&[log().verifier_key()]).unwrap();
    assert_eq!(verified.head(), head(3, 7));
    assert_eq!(verified.origin().as_str(), "log.example/a");
    assert_eq!(verified, signed(head(3, 7)));
}

#[test]
fn refuses_malformed_checkpoints() {
    for (bad, why) in [
        ("o\n3\n".to_owned(), CheckpointError::Lines),
        ("o\n".to_owned(), CheckpointError::Lines),
        (format!("\n3\n{ROOT}\n"), CheckpointError::Origin),
        (
            format!("{}\n3\n{ROOT}\n", "o".repeat(256)),
            CheckpointError::Origin,
        ),
        (
            format!("o\n03\n{ROOT}\n"),
            CheckpointError::Size(CodecError::Decimal),
        ),
        (
            format!("o\n+3\n{ROOT}\n"),
            CheckpointError::Size(CodecError::Decimal),
        ),
        (
            format!("o\n\n{ROOT}\n"),
            CheckpointError::Size(CodecError::Decimal),
        ),
        (
            format!("o\n3 \n{ROOT}\n"),
            CheckpointError::Size(CodecError::Decimal),
        ),
        (
            format!("o\n9223372036854775808\n{ROOT}\n"),
            CheckpointError::Size(CodecError::Decimal),
        ),
        (format!("o\n3\n{ROOT}\n\n"), CheckpointError::EmptyExtension),
        (
            format!("o\n3\n{ROOT}\nx\n\ny\n"),
            CheckpointError::EmptyExtension,
        ),
    ] {
        assert_eq!(unverified(&bad, &[&log()]), Err(why), "{bad:?}");
    }
    let short = hash::empty_root().to_base64()[..40].to_owned();
    let trailing_bits = ROOT.replace("k=", "l=");
    for root in ["", "AA==", short.as_str(), trailing_bits.as_str(), " ", "!"] {
        let error = unverified(&format!("o\n3\n{root}\n"), &[&log()]).unwrap_err();
        assert!(matches!(error, CheckpointError::Root(_)), "{root:?}");
        assert_eq!(error.blame(), Blame::Malformed);
    }
}

#[test]
fn origins_of_other_logs_are_opaque() {
    for good in ["go.sum database tree", "a+b", "é", &"o".repeat(255)] {
        assert!(Origin::foreign(good).is_ok(), "{good:?}");
    }
    for bad in ["", "a\nb", "a\tb", &"o".repeat(256), &"é".repeat(128)] {
        assert_eq!(Origin::foreign(bad), Err(CheckpointError::Origin));
    }
    for bad in [
        "go.sum database tree",
        "a+b",
        "a\u{3000}",
        "",
        &"o".repeat(256),
    ] {
        assert_eq!(Origin::parse(bad), Err(CheckpointError::Origin));
    }
    assert!(Origin::parse("log.example/a").is_ok());
}

#[test]
fn the_origin_hash_is_of_the_bare_origin() {
    assert_eq!(
        Origin::parse("log.example/derived").unwrap().origin_hash(),
        "42e10b309b4b945ab62bd29461c293fa0989123f565bbba0935b61310f634981"
    );
}

#[test]
fn a_key_of_another_name_never_signs_for_an_origin() {
    let other = signer("log.example/b", Algorithm::Ed25519, 2);
    let text = format!("log.example/a\n3\n{ROOT}\n");
    let checkpoint = unverified(&text, &[&other]).unwrap();
    let keys = [log().verifier_key(), other.verifier_key()];
    let error = checkpoint.clone().verify_log(&keys).unwrap_err();
    assert_eq!(error, CheckpointError::Note(NoteError::NotSigned));
    assert_eq!(error.blame(), Blame::Unproven);
    // Unless the reader has said that it does.
    let origin = Origin::parse("log.example/a").unwrap();
    assert!(checkpoint.clone().verify_log_of(&origin, &keys).is_ok());
    let elsewhere = Origin::parse("log.example/b").unwrap();
    assert!(matches!(
        checkpoint.verify_log_of(&elsewhere, &keys),
        Err(CheckpointError::OtherOrigin { .. })
    ));
}

#[test]
fn cosigner_and_ml_dsa_keys_are_not_log_keys() {
    let cosigner = signer("log.example/a", Algorithm::CosignatureV1, 1);
    let post_quantum = VerifierKey::parse(&ml_dsa_key("log.example/a", 3)).unwrap();
    let checkpoint = UnverifiedCheckpoint::parse(&signed(head(3, 7)).to_bytes()).unwrap();
    let keys = [cosigner.verifier_key(), post_quantum];
    assert_eq!(
        checkpoint.verify_log(&keys),
        Err(CheckpointError::Note(NoteError::NotSigned))
    );
}

#[test]
fn old_and_new_key_may_both_sign_and_neither_may_fail() {
    let new = signer("log.example/a", Algorithm::Ed25519, 9);
    let keys = [log().verifier_key(), new.verifier_key()];
    let text = format!("log.example/a\n3\n{ROOT}\n");
    let both = unverified(&text, &[&log(), &new]).unwrap();
    assert_eq!(both.verify_log(&keys).unwrap().log_lines().len(), 2);
    let lines = vec![log().sign(&text).unwrap(), new.sign("other\n").unwrap()];
    let note = UnverifiedNote::new(&text, lines).unwrap();
    let bad = UnverifiedCheckpoint::parse(&note.to_bytes()).unwrap();
    assert!(bad.clone().verify_log(&keys).is_err());
    assert!(bad.verify_log(&keys[..1]).is_ok());
}

#[test]
fn the_empty_tree_has_one_root() {
    let text = format!("log.example/a\n0\n{ROOT}\n");
    let error = unverified(&text, &[&log()])
        .unwrap()
        .verify_log(&[log().verifier_key()])
        .unwrap_err();
    assert_eq!(error, CheckpointError::EmptyTreeRoot);
    let origin = Origin::parse("log.example/a").unwrap();
    let lie = TreeHead {
        size: TreeSize::ZERO,
        root: Hash::ZERO,
    };
    assert!(SignedCheckpoint::sign(&origin, lie, &log()).is_err());
    assert!(
        UnverifiedCheckpoint::parse(&signed(head(0, 0)).to_bytes())
            .unwrap()
            .verify_log(&[log().verifier_key()])
            .is_ok()
    );
}

#[test]
fn extension_lines_are_signed_and_kept() {
    let text = format!("log.example/a\n3\n{ROOT}\nfirst\nsecond\n");
    let checkpoint = unverified(&text, &[&log()]).unwrap();
    assert_eq!(checkpoint.extensions(), "first\nsecond\n");
    let verified = checkpoint.verify_log(&[log().verifier_key()]).unwrap();
    assert_eq!(verified.extensions(), "first\nsecond\n");
    assert_eq!(verified.text(), text);
    assert_eq!(signed(head(3, 7)).extensions(), "");
}

#[test]
fn only_verified_lines_are_sent_on() {
    let text = format!("log.example/a\n3\n{ROOT}\n");
    let stranger = signer("witness.example/w", Algorithm::Ed25519, 5);
    let checkpoint = unverified(&text, &[&stranger, &log()]).unwrap();
    let verified = checkpoint.verify_log(&[log().verifier_key()]).unwrap();
    assert_eq!(verified.other_lines(), [stranger.sign(&text).unwrap()]);
    let sent = UnverifiedCheckpoint::parse(&verified.to_bytes()).unwrap();
    assert_eq!(sent.note().signatures(), [log().sign(&text).unwrap()]);
    let with = verified.to_bytes_with(verified.other_lines());
    let sent = UnverifiedCheckpoint::parse(&with).unwrap();
    assert_eq!(sent.note().signatures().len(), 2);
}

#[test]
fn a_log_signs_only_its_own_origin() {
    let origin = Origin::parse("log.example/b").unwrap();
    assert!(matches!(
        SignedCheckpoint::sign(&origin, head(3, 7), &log()),
        Err(CheckpointError::OtherOrigin { .. })
    ));
    let cosigner = signer("log.example/b", Algorithm::CosignatureV1, 1);
    assert!(matches!(
        SignedCheckpoint::sign(&origin, head(3, 7), &cosigner),
        Err(CheckpointError::Note(NoteError::WrongAlgorithm { .. }))
    ));
}

proptest! {
    #[test]
    fn checkpoints_print_what_they_parsed(
        origin in "[!-~ ]{1,30}",
        size in 0u64..=codec::MAX_NUMBER,
        root: [u8; 32],
        extensions in "([a-z]{1,5}\n){0,3}",
    ) {
        let root = Hash::from_bytes(root).to_base64();
        let text = format!("{origin}\n{size}\n{root}\n{extensions}");
        let checkpoint = unverified(&text, &[&log()]).unwrap();
        let bytes = checkpoint.to_bytes();
        prop_assert_eq!(checkpoint.head().size.get(), size);
        prop_assert_eq!(checkpoint.origin().as_str(), origin);
        prop_assert_eq!(checkpoint.extensions(), extensions);
        prop_assert_eq!(UnverifiedCheckpoint::parse(&bytes).unwrap(), checkpoint);
    }
}
