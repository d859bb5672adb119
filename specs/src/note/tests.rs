use proptest::prelude::*;

use super::*;
use crate::Blame;
use crate::ed25519::SecretKey;

pub(crate) fn signer(name: &str, algorithm: Algorithm, seed: u8) -> Signer {
    let name = KeyName::parse(name).unwrap();
    Signer::new(name, algorithm, SecretKey::from_seed(&[seed; 32])).unwrap()
}

/// A key of type 0x06, which nobody here can sign with.
pub(crate) fn ml_dsa_key(name: &str, fill: u8) -> String {
    let mut key = vec![0x06];
    key.extend_from_slice(&[fill; 1312]);
    let id = crate::hash::sha256_parts(&[name.as_bytes(), b"\n", &key]);
    let id = &id.to_hex()[..8];
    format!("{name}+{id}+{}", crate::codec::to_base64(&key))
}

const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn example_key() -> VerifierKey {
    VerifierKey::parse(EXAMPLE_KEY).unwrap()
}

fn parse(note: &str) -> Result<UnverifiedNote, NoteError> {
    UnverifiedNote::parse(note.as_bytes())
}

fn signed(text: &str, signers: &[&Signer]) -> UnverifiedNote {
    let lines = signers.iter().map(|signer| signer.sign(text).unwrap());
    UnverifiedNote::new(text, lines.collect()).unwrap()
}

#[test]
fn the_example_of_the_specification_verifies() {
    let note = parse(EXAMPLE).unwrap();
    let verified = note.verify(&[example_key()]).unwrap();
    assert_eq!(verified, [(example_key(), note.signatures()[0].clone())]);
    assert_eq!(note.to_bytes(), EXAMPLE.as_bytes());
    assert_eq!(example_key().to_string(), EXAMPLE_KEY);
}

#[test]
fn a_changed_text_refuses_the_note() {
    let note = parse(&EXAMPLE.replace("This", "this")).unwrap();
    let error = note.verify(&[example_key()]).unwrap_err();
    assert!(matches!(error, NoteError::InvalidSignature { .. }));
    assert_eq!(error.blame(), Blame::Unproven);
}

#[test]
fn splits_at_the_last_empty_line() {
    let a = signer("a", Algorithm::Ed25519, 1);
    for text in [
        "one\n\ntwo\n",
        "\n",
        "ends empty\n\n",
        "— a AAAAAAA=\n\nx\n",
    ] {
        let bytes = signed(text, &[&a]).to_bytes();
        let note = UnverifiedNote::parse(&bytes).unwrap();
        assert_eq!(note.text(), text);
        assert!(note.verify(&[a.verifier_key()]).is_ok());
    }
}

#[test]
fn refuses_malformed_notes() {
    let good = "text\n\n— a AAAAAAA=\n";
    assert!(parse(good).is_ok());
    for (bad, why) in [
        ("", NoteError::NoSignatures),
        ("text\n", NoteError::NoSignatures),
        ("text\n\n", NoteError::NoSignatures),
        ("text\n— a AAAAAAA=\n", NoteError::NoSignatures),
        ("\n— a AAAAAAA=\n", NoteError::NoSignatures),
        ("text\n\n— a AAAAAAA=", NoteError::SignatureLine),
        ("text\n\n— a AAAAAAA=\nx\n", NoteError::SignatureLine),
        ("text\n\n- a AAAAAAA=\n", NoteError::SignatureLine),
        ("text\n\n—a AAAAAAA=\n", NoteError::SignatureLine),
        ("text\n\n— a\n", NoteError::SignatureLine),
        ("text\n\n— a AAAAAA==\n", NoteError::SignatureLine),
        ("text\n\n— a AAAA\n", NoteError::SignatureLine),
        ("text\n\n—  AAAAAAA=\n", NoteError::KeyName),
        ("text\n\n—  a AAAAAAA=\n", NoteError::KeyName),
        ("text\n\n— a+b AAAAAAA=\n", NoteError::KeyName),
        ("text\n\n— a\u{a0}b AAAAAAA=\n", NoteError::KeyName),
        ("te\txt\n\n— a AAAAAAA=\n", NoteError::ControlCharacter),
        ("text\r\n\n— a AAAAAAA=\n", NoteError::ControlCharacter),
        ("text\n\n— a AAAAAAA=\r\n", NoteError::ControlCharacter),
        ("te\0xt\n\n— a AAAAAAA=\n", NoteError::ControlCharacter),
    ] {
        let error = parse(bad).unwrap_err();
        assert_eq!(error, why, "{bad:?}");
        assert_eq!(error.blame(), Blame::Malformed);
    }
    // Two spellings of one signature: trailing bits, missing padding, white space, another alphabet.
    for bad in [
        "AAAAAAB=",
        "AAAAAAA",
        "AAAAAAA= ",
        " AAAAAAA=",
        "AAAAAAA==",
        "AAAA-AA=",
    ] {
        let error = parse(&format!("text\n\n— a {bad}\n")).unwrap_err();
        assert!(matches!(error, NoteError::SignatureEncoding(_)), "{bad:?}");
    }
    let mut not_utf8 = good.as_bytes().to_vec();
    not_utf8[0] = 0xff;
    assert_eq!(UnverifiedNote::parse(&not_utf8), Err(NoteError::NotUtf8));
}

#[test]
fn delete_and_c1_characters_are_text() {
    assert!(parse("a\u{7f}\u{85}\n\n— a AAAAAAA=\n").is_ok());
}

#[test]
fn bounds_hold_before_anything_is_decoded() {
    let lines = |n: usize| format!("text\n\n{}", "— a AAAAAAA=\n".repeat(n));
    assert!(parse(&lines(MAX_SIGNATURES)).is_ok());
    assert_eq!(
        parse(&lines(MAX_SIGNATURES + 1)),
        Err(NoteError::TooManySignatures {
            limit: MAX_SIGNATURES
        })
    );
    let long = format!("{}\n\n— a AAAAAAA=\n", "x".repeat(MAX_NOTE_BYTES));
    assert!(matches!(parse(&long), Err(NoteError::TooLong { .. })));
    let signature = "A".repeat(4 * (MAX_SIGNATURE_BYTES + 3) / 3);
    let error = parse(&format!("text\n\n— a {signature}\n")).unwrap_err();
    assert!(matches!(error, NoteError::SignatureEncoding(_)));
}

#[test]
fn sixteen_post_quantum_lines_are_accepted() {
    let mut note = String::from("text\n\n");
    for _ in 0..16 {
        let line = SignatureLine {
            name: KeyName::parse("a").unwrap(),
            id: KeyId::from_bytes([0; 4]),
            body: vec![0; 4627],
        };
        note = format!("{note}{line}\n");
    }
    assert_eq!(parse(&note).unwrap().signatures().len(), 16);
}

#[test]
fn new_refuses_what_parse_would() {
    let line = SignatureLine::parse("— a AAAAAAA=").unwrap();
    assert_eq!(
        UnverifiedNote::new("no line feed", vec![line.clone()]),
        Err(NoteError::TextEnd)
    );
    assert_eq!(
        UnverifiedNote::new("text\n", Vec::new()),
        Err(NoteError::NoSignatures)
    );
    assert_eq!(
        UnverifiedNote::new("\ttext\n", vec![line.clone()]),
        Err(NoteError::ControlCharacter)
    );
    assert!(UnverifiedNote::new("text\n", vec![line; MAX_SIGNATURES + 1]).is_err());
}

#[test]
fn names_have_no_white_space_of_any_kind() {
    for good in ["a", "example.com/foo", "-", "日本", "\u{7f}", "a\u{200b}"] {
        assert!(KeyName::parse(good).is_ok(), "{good:?}");
    }
    for bad in [
        "",
        "a b",
        "a+b",
        "a\u{85}",
        "\u{a0}",
        "a\u{2028}",
        "\u{3000}",
        "a\t",
        "a\n",
        "\u{1}",
    ] {
        assert_eq!(KeyName::parse(bad), Err(NoteError::KeyName), "{bad:?}");
    }
}

#[test]
fn only_the_pair_of_name_and_id_makes_a_key_known() {
    let a = signer("a", Algorithm::Ed25519, 1);
    let text = "text\n";
    let mut same_name = a.sign(text).unwrap();
    same_name.id = KeyId::from_bytes([0; 4]);
    let mut same_id = a.sign(text).unwrap();
    same_id.name = KeyName::parse("b").unwrap();
    let strangers = vec![same_name, same_id];
    let note = UnverifiedNote::new(text, strangers.clone()).unwrap();
    assert_eq!(note.verify(&[a.verifier_key()]), Err(NoteError::NotSigned));
    let mut lines = strangers;
    lines.push(a.sign(text).unwrap());
    let note = UnverifiedNote::new(text, lines).unwrap();
    assert_eq!(note.verify(&[a.verifier_key()]).unwrap().len(), 1);
}

#[test]
fn one_failing_line_of_a_known_key_sinks_the_note() {
    let a = signer("a", Algorithm::Ed25519, 1);
    let b = signer("b", Algorithm::Ed25519, 2);
    let text = "text\n";
    let mut wrong = b.sign("other\n").unwrap();
    let keys = [a.verifier_key(), b.verifier_key()];
    let note = |line| UnverifiedNote::new(text, vec![a.sign(text).unwrap(), line]).unwrap();
    assert!(note(wrong.clone()).verify(&keys).is_err());
    assert!(note(wrong.clone()).verify(&keys[..1]).is_ok());
    wrong = b.sign(text).unwrap();
    wrong.body.push(0);
    assert!(note(wrong.clone()).verify(&keys).is_err());
    wrong.body.truncate(63);
    assert!(note(wrong).verify(&keys).is_err());
}

#[test]
fn a_repeated_line_is_verified_and_counts_once() {
    let a = signer("a", Algorithm::Ed25519, 1);
    let text = "text\n";
    let line = a.sign(text).unwrap();
    let mut bad = line.clone();
    bad.body[0] ^= 1;
    let keys = [a.verifier_key()];
    let twice = UnverifiedNote::new(text, vec![line.clone(), line.clone()]).unwrap();
    assert_eq!(twice.verify(&keys).unwrap().len(), 1);
    let second_bad = UnverifiedNote::new(text, vec![line, bad]).unwrap();
    assert!(second_bad.verify(&keys).is_err());
}

#[test]
fn a_pair_configured_twice_is_misuse_only_where_it_is_used() {
    let a = signer("a", Algorithm::Ed25519, 1);
    let b = signer("b", Algorithm::Ed25519, 2);
    let keys = [a.verifier_key(), b.verifier_key(), a.verifier_key()];
    assert!(signed("text\n", &[&b]).verify(&keys).is_ok());
    let error = signed("text\n", &[&b, &a]).verify(&keys).unwrap_err();
    assert!(matches!(error, NoteError::AmbiguousKey { .. }));
    assert_eq!(error.blame(), Blame::Misuse);
}

#[test]
fn ml_dsa_lines_neither_count_nor_sink() {
    let a = signer("a", Algorithm::Ed25519, 1);
    let other = VerifierKey::parse(&ml_dsa_key("pq", 7)).unwrap();
    assert_eq!(other.ed25519(), None);
    let line = SignatureLine {
        name: other.name().clone(),
        id: other.id(),
        body: vec![1; 2428],
    };
    let keys = [a.verifier_key(), other];
    let alone = UnverifiedNote::new("text\n", vec![line.clone()]).unwrap();
    assert_eq!(alone.verify(&keys), Err(NoteError::NotSigned));
    let both = vec![line, a.sign("text\n").unwrap()];
    let both = UnverifiedNote::new("text\n", both).unwrap();
    assert_eq!(both.verify(&keys).unwrap().len(), 1);
}

#[test]
fn keys_are_refused_by_named_errors() {
    let parse = VerifierKey::parse;
    assert!(matches!(
        parse("example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"),
        Err(NoteError::KeyIdMismatch { .. })
    ));
    assert_eq!(
        parse(&EXAMPLE_KEY.replace("530d903a", "530D903A")),
        Err(NoteError::KeyForm)
    );
    assert_eq!(
        parse(&EXAMPLE_KEY.replace("530d903a", "530d903")),
        Err(NoteError::KeyForm)
    );
    assert_eq!(parse("a+00000000"), Err(NoteError::KeyForm));
    assert_eq!(parse("a+00000000+"), Err(NoteError::KeyForm));
    assert_eq!(parse(&format!("a b{EXAMPLE_KEY}")), Err(NoteError::KeyName));
    assert!(matches!(
        parse(&format!("{EXAMPLE_KEY}=")),
        Err(NoteError::KeyEncoding(_))
    ));
    assert!(matches!(
        parse("a+00000000+AQAA"),
        Err(NoteError::KeyLength {
            got: 2,
            expected: 32
        })
    ));
    assert!(matches!(
        parse("a+00000000+BgAA"),
        Err(NoteError::KeyLength {
            got: 2,
            expected: 1312
        })
    ));
    let mut weak = vec![1, 1];
    weak.extend_from_slice(&[0; 31]);
    let weak = crate::codec::to_base64(&weak);
    assert_eq!(
        parse(&format!("a+00000000+{weak}")),
        Err(NoteError::WeakKey)
    );
}

#[test]
fn not_supported_is_not_malformed() {
    for (byte, key) in [(0x02, "a+00000000+AjBZ"), (0x05, "a+00000000+BTBZ")] {
        let error = VerifierKey::parse(key).unwrap_err();
        assert_eq!(error, NoteError::NotSupported(byte));
        assert_eq!(error.blame(), Blame::Misuse);
    }
    for byte in [0x00, 0x03, 0x07, 0xfa, 0xff] {
        let key = crate::codec::to_base64(&[byte, 1, 2]);
        let error = VerifierKey::parse(&format!("a+00000000+{key}")).unwrap_err();
        assert_eq!(error, NoteError::UnknownAlgorithm(byte));
        assert_eq!(error.blame(), Blame::Malformed);
    }
}

#[test]
fn one_key_under_two_types_has_two_ids() {
    let note = signer("a", Algorithm::Ed25519, 1).verifier_key();
    let cosigner = signer("a", Algorithm::CosignatureV1, 1).verifier_key();
    assert_eq!(note.public_bytes(), cosigner.public_bytes());
    assert_ne!(note.id(), cosigner.id());
}

#[test]
fn a_cosigner_signs_no_notes_and_nobody_signs_ml_dsa() {
    let cosigner = signer("a", Algorithm::CosignatureV1, 1);
    assert!(matches!(
        cosigner.sign("text\n"),
        Err(NoteError::WrongAlgorithm { .. })
    ));
    let name = KeyName::parse("a").unwrap();
    let secret = SecretKey::from_seed(&[1; 32]);
    assert_eq!(
        Signer::new(name, Algorithm::MlDsa44, secret).unwrap_err(),
        NoteError::NotSupported(0x06)
    );
    assert!(!format!("{cosigner:?}").contains("secret"));
}

proptest! {
    #[test]
    fn notes_print_what_they_parsed(
        text in "([a-z\u{e9}\u{7f} ]{0,8}\n){1,5}",
        names in prop::collection::vec("[!-*,-~]{1,9}", 1..5),
        body in prop::collection::vec(any::<u8>(), 1..90),
    ) {
        let lines: Vec<_> = names.iter().map(|name| SignatureLine {
            name: KeyName::parse(name).unwrap(),
            id: KeyId::from_bytes([9, 8, 7, 6]),
            body: body.clone(),
        }).collect();
        let note = UnverifiedNote::new(&text, lines).unwrap();
        let bytes = note.to_bytes();
        let parsed = UnverifiedNote::parse(&bytes).unwrap();
        prop_assert_eq!(&parsed, &note);
        prop_assert_eq!(parsed.to_bytes(), bytes);
    }

    #[test]
    fn whatever_parses_prints_back(bytes in "[a\n— =A+]{0,40}") {
        if let Ok(note) = UnverifiedNote::parse(bytes.as_bytes()) {
            prop_assert_eq!(note.to_bytes(), bytes.as_bytes());
        }
    }

    #[test]
    fn keys_print_what_they_parsed(name in "[!-*,-~\u{e9}]{1,20}", seed: u8, cosigner: bool) {
        let algorithm = if cosigner { Algorithm::CosignatureV1 } else { Algorithm::Ed25519 };
        let key = signer(&name, algorithm, seed).verifier_key();
        prop_assert_eq!(VerifierKey::parse(&key.to_string()), Ok(key));
    }

    #[test]
    fn any_changed_bit_fails(place in 0usize..150, bit in 0u8..8) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        let verified = UnverifiedNote::parse(&bytes).and_then(|note| note.verify(&[example_key()]));
        prop_assert!(verified.is_err());
    }
}
