//! Sigsum's checkpoints, cosignatures and policies.

use super::*;

#[test]
fn sigsum_checkpoints_and_cosignatures() {
    let Some(vectors) = load("sigsum-go/checkpoint.json") else {
        return;
    };
    let seed = seed(string(&vectors["ed25519_private_key_hex"]));
    let public = SecretKey::from_seed(&seed).public();
    let digest = hash::sha256(public.as_bytes()).to_hex();
    let origin = Origin::parse(&format!("sigsum.org/v1/tree/{digest}")).unwrap();
    let log = signer(origin.as_str(), Algorithm::Ed25519, seed);
    let text = &vectors["valid_checkpoint"]["text"];
    let signed = checkpoint(text).verify_log(&[log.verifier_key()]).unwrap();
    let own = SignedCheckpoint::sign(&origin, signed.head(), &log).unwrap();
    assert_eq!(own.to_bytes(), string(text).as_bytes());

    let example = checkpoint(&vectors["unsigned_format_example"]);
    let witness = signer("example.org/witness", Algorithm::CosignatureV1, seed).verifier_key();
    let lines = string(&vectors["cosignatures_for_unsigned_format_example"]["lines"]);
    let lines: Vec<_> = lines.split_inclusive('\n').map(line).collect();
    let text = example.note().text();
    let cosignature = Cosignature::verify(&lines[1], text, &witness).unwrap();
    assert_eq!(cosignature.time, Timestamp::from_seconds(1234).unwrap());
    let note = UnverifiedNote::new(text, lines[..3].to_vec()).unwrap();
    let verified = note.verify(std::slice::from_ref(&witness)).unwrap();
    assert_eq!(verified, [(witness.clone(), lines[1].clone())]);
    // STRICTER: the fourth line has the witness's name and id and a wrong length. Sigsum skips it;
    // a line of a known key that fails refuses the note.
    let note = UnverifiedNote::new(text, lines).unwrap();
    assert!(matches!(
        note.verify(std::slice::from_ref(&witness)),
        Err(NoteError::InvalidSignature { .. })
    ));

    let sumdb = &vectors["gosumdb_2024_09_23"];
    let origin = Origin::foreign("go.sum database tree").unwrap();
    let signed = checkpoint(&sumdb["text"]).verify_log_of(&origin, &[key(&sumdb["vkey"])]);
    assert_eq!(signed.unwrap().head().size.get(), 30_055_305);

    let request = string(&vectors["add_checkpoint_request"]);
    let parsed = AddCheckpoint::parse(request.as_bytes()).unwrap();
    assert_eq!((parsed.old.get(), parsed.proof.len()), (3, 1));
    assert_eq!(parsed.to_bytes(), request.as_bytes());
    for good in list(&vectors["decimal_valid"]) {
        let number = codec::decimal(string(good)).unwrap();
        assert_eq!(number.to_string(), string(good));
    }
    for bad in list(&vectors["decimal_invalid"]) {
        assert!(codec::decimal(string(bad)).is_err(), "{bad}");
    }
}

#[test]
fn sigsum_lines_and_keys() {
    let Some(vectors) = load("sigsum-go/checkpoint.json") else {
        return;
    };
    let cases = &vectors["cosignature_lines"];
    let witness = signer("w", Algorithm::CosignatureV1, [1; 32]).verifier_key();
    let single = line(string(&cases["single"]));
    let time = cases["timestamp"].as_u64().unwrap();
    assert_eq!(single.body[..8], time.to_be_bytes());
    // STRICTER: Sigsum reads this time; the specification ends at 2^63 - 1.
    assert_eq!(
        Cosignature::verify(&claimed_by(&witness, single.body), "x\n", &witness),
        Err(CosignatureError::Time)
    );
    let several = string(&cases["multiple_only_second_is_a_cosignature"]);
    assert_eq!(
        parse_cosignature_lines(several.as_bytes()).unwrap().len(),
        2
    );

    let expected = ["ok", "skip", "illegal", "skip", "skip", "invalid"];
    let cases = list(&vectors["signature_line_cases"]);
    assert_eq!(cases.len(), expected.len());
    for (place, case) in cases.iter().enumerate() {
        let parsed = SignatureLine::parse(string(&case["in"]));
        assert!(string(&case["expect"]).starts_with(expected[place]));
        match place {
            0 => assert_eq!(parsed.unwrap().id.to_string(), "75e69d6d"),
            // Well formed, by another signer or of another length: for verification to ignore.
            1 | 3 => assert!(parsed.is_ok(), "{case}"),
            2 => assert!(matches!(parsed, Err(NoteError::SignatureEncoding(_)))),
            // STRICTER: three bytes hold no key id, so the line and its note are malformed.
            4 => assert_eq!(parsed, Err(NoteError::SignatureLine)),
            _ => assert!(parsed.is_err()),
        }
    }
    for case in list(&vectors["vkey_cases"]) {
        let found = key(&case["vkey"]);
        assert_eq!(found.to_string(), string(&case["vkey"]));
        assert_eq!(found.name().as_str(), string(&case["name"]));
        assert_eq!(found.algorithm(), Algorithm::CosignatureV1);
    }
}

/// Sigsum's policies have raw keys in hex where C2SP has verifier keys; `public` makes one of the
/// 32 bytes.
fn sigsum_policy(text: &str, public: impl Fn([u8; 32]) -> PublicKey) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let algorithm = if line.trim_start().starts_with("log") {
            Algorithm::Ed25519
        } else {
            Algorithm::CosignatureV1
        };
        let mut translated = line.to_owned();
        for word in line.split_whitespace() {
            if let Ok(bytes) = codec::hex_array::<32>(word) {
                let name = KeyName::parse(&word[..8]).unwrap();
                let key = VerifierKey::new(name, algorithm, public(bytes)).unwrap();
                translated = translated.replace(word, &key.to_string());
            }
        }
        out += &translated;
    }
    out
}

/// The keys of the test policies are patterns, not points: they serve as seeds.
fn from_pattern(bytes: [u8; 32]) -> PublicKey {
    SecretKey::from_seed(&bytes).public()
}

fn has(numbers: &Value, name: &str) -> bool {
    list(numbers)
        .iter()
        .any(|number| Some(number.to_string().as_str()) == name.get(1..))
}

#[test]
fn sigsum_policies() {
    let Some(vectors) = load("sigsum-go/policy.json") else {
        return;
    };
    for case in list(&vectors["valid"]) {
        let policy = Policy::parse(&sigsum_policy(string(&case["config"]), from_pattern)).unwrap();
        assert_eq!(Some(policy.logs().len() as u64), case["logs"].as_u64());
        assert_eq!(
            Some(policy.witnesses().len() as u64),
            case["witnesses"].as_u64()
        );
        for row in case["quorum_cases_by_witness_number"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let met = policy.satisfied(|name| has(&row[0], name));
            assert_eq!(Some(met), row[1].as_bool(), "{row}");
        }
        for row in case["quorum_cases_A_B"].as_array().into_iter().flatten() {
            let met = policy.satisfied(|name| {
                has(
                    if name.starts_with('A') {
                        &row[0]
                    } else {
                        &row[1]
                    },
                    name,
                )
            });
            assert_eq!(Some(met), row[2].as_bool(), "{row}");
        }
    }
    for case in list(&vectors["invalid"]) {
        let error = refusal(&sigsum_policy(string(&case["config"]), from_pattern));
        let text = string(&case["error_contains"]);
        let as_expected = match text {
            "no quorum" => error == PolicyError::NoQuorum,
            "invalid log policy line" => error == PolicyError::Form,
            "already a member" => error == PolicyError::MemberTwice,
            "cannot be a group member" => error == PolicyError::Undefined("none".into()),
            _ if text.starts_with("control character") => error == PolicyError::ControlCharacter,
            _ if text.starts_with("duplicate name") => matches!(error, PolicyError::NameTaken(_)),
            _ if text.starts_with("duplicate") => error == PolicyError::DuplicateKey,
            _ if text.starts_with("undefined name") => matches!(error, PolicyError::Undefined(_)),
            _ => false,
        };
        assert!(as_expected, "{case}: {error}");
    }
}

#[test]
fn sigsum_builtin_policies() {
    for (file, witnesses, liars) in [
        ("sigsum-go/sigsum-generic-2025-1.builtin-policy", 3, 1),
        ("sigsum-go/sigsum-test-2025-3.builtin-policy", 8, 2),
        ("sigsum-go/sigsum-test1-2025.builtin-policy", 3, 1),
        ("sigsum-go/sigsum-test2-2025.builtin-policy", 7, 3),
    ] {
        let Some(text) = read(file) else {
            return;
        };
        let point = |bytes: [u8; 32]| PublicKey::from_bytes(&bytes).unwrap();
        let policy = Policy::parse(&sigsum_policy(&text, point)).unwrap();
        assert_eq!(policy.witnesses().len(), witnesses, "{file}");
        assert_eq!(policy.liars_for_a_split(), Some(liars), "{file}");
    }
}
