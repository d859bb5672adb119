//! The published vectors of the C2SP formats, from the folder that `PLAINSIGHT_VECTORS` names.
//! Without the variable nothing is run; with it a missing file is a failure.
//!
//! Where an upstream implementation is more lenient than the specification, the specification
//! decides; each such case stands in one of the lists called `STRICTER` with its reason. Out of
//! scope: ML-DSA verification, ECDSA, RFC 6962 tree heads, subtrees, add-entries, Sigsum's own
//! proofs.
#![allow(
    clippy::disallowed_methods,
    reason = "this test reads files that the environment names; the crate does not"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that the tests share are test code too"
)]

use plainsight_specs::checkpoint::{
    CheckpointError, Origin, SignedCheckpoint, UnverifiedCheckpoint,
};
use plainsight_specs::codec::{self, CodecError};
use plainsight_specs::cosignature::{Cosignature, CosignatureError};
use plainsight_specs::ed25519::{PublicKey, SecretKey};
use plainsight_specs::hash::{self, leaf_hash};
use plainsight_specs::merkle::verify::verify_consistency;
use plainsight_specs::merkle::{LeafIndex, TreeHead};
use plainsight_specs::note::{
    Algorithm, KeyName, NoteError, SignatureLine, Signer, UnverifiedNote, VerifierKey,
};
use plainsight_specs::policy::{Policy, PolicyError};
use plainsight_specs::time::Timestamp;
use plainsight_specs::tlog_proof::{TlogProof, TlogProofError};
use plainsight_specs::witness::{AddCheckpoint, parse_cosignature_lines};
use serde_json::Value;

fn read(file: &str) -> Option<String> {
    let Ok(folder) = std::env::var("PLAINSIGHT_VECTORS") else {
        println!("skipped {file}: PLAINSIGHT_VECTORS is not set");
        return None;
    };
    let path = std::path::Path::new(&folder).join(file);
    Some(
        std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    )
}

fn load(file: &str) -> Option<Value> {
    read(file).map(|text| serde_json::from_str(&text).unwrap())
}

fn string(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no string: {value}"))
}

fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}

fn key(text: &Value) -> VerifierKey {
    VerifierKey::parse(string(text)).unwrap()
}

fn note(text: &Value) -> UnverifiedNote {
    let bytes = string(text).as_bytes();
    let note = UnverifiedNote::parse(bytes).unwrap();
    assert_eq!(note.to_bytes(), bytes);
    note
}

fn checkpoint(text: &Value) -> UnverifiedCheckpoint {
    let bytes = string(text).as_bytes();
    let checkpoint = UnverifiedCheckpoint::parse(bytes).unwrap();
    assert_eq!(checkpoint.to_bytes(), bytes);
    checkpoint
}

fn line(text: &str) -> SignatureLine {
    let text = text.strip_suffix('\n').unwrap();
    let line = SignatureLine::parse(text).unwrap();
    assert_eq!(line.to_string(), text);
    line
}

fn seed(hex: &str) -> [u8; 32] {
    codec::hex_array(hex).unwrap()
}

fn signer(name: &str, algorithm: Algorithm, seed: [u8; 32]) -> Signer {
    let name = KeyName::parse(name).unwrap();
    Signer::new(name, algorithm, SecretKey::from_seed(&seed)).unwrap()
}

/// `line` with the name and id of `key`, so that it gets as far as the signature.
fn claimed_by(key: &VerifierKey, body: Vec<u8>) -> SignatureLine {
    SignatureLine {
        name: key.name().clone(),
        id: key.id(),
        body,
    }
}

#[test]
fn golang_opens_and_rejects_notes() {
    let Some(vectors) = load("golang-mod/note.json") else {
        return;
    };
    let keys = &vectors["keys"];
    for case in list(&vectors["open"]) {
        let known: Vec<_> = list(&case["known"])
            .iter()
            .map(|name| key(&keys[string(name)]["vkey"]))
            .collect();
        if case["msg_rule"].is_string() {
            let one = string(&vectors["sig_lines"]["peter"]).repeat(101);
            let text = format!("{}\n{one}", string(&vectors["text"]));
            assert!(matches!(
                UnverifiedNote::parse(text.as_bytes()),
                Err(NoteError::TooManySignatures { .. })
            ));
            continue;
        }
        let opened = note(&case["msg"]).verify(&known);
        if case["ok"] == true {
            let names: Vec<_> = opened
                .unwrap()
                .iter()
                .map(|(key, _)| key.name().to_string())
                .collect();
            let expected: Vec<_> = list(&case["verified"]).iter().map(string).collect();
            assert_eq!(names, expected);
        } else {
            let error = opened.unwrap_err();
            let as_expected = match string(&case["error"]) {
                "note has no verifiable signatures" => error == NoteError::NotSigned,
                text if text.starts_with("ambiguous key") => {
                    matches!(error, NoteError::AmbiguousKey { .. })
                }
                _ => matches!(error, NoteError::InvalidSignature { .. }),
            };
            assert!(as_expected, "{case}: {error}");
        }
    }
    for case in list(&vectors["malformed"]) {
        let bytes = match case["hex"].as_str() {
            Some(hex) => hex::decode(hex).unwrap(),
            None => string(&case["utf8"]).as_bytes().to_vec(),
        };
        assert!(UnverifiedNote::parse(&bytes).is_err(), "{case}");
    }
}

#[test]
fn golang_rejects_changed_keys() {
    let Some(vectors) = load("golang-mod/note.json") else {
        return;
    };
    for case in list(&vectors["vkey_reject"]) {
        if let Some(text) = case["vkey"].as_str() {
            assert!(VerifierKey::parse(text).is_err(), "{text}");
        }
    }
    for name in ["PeterNeumann", "EnochRoot"] {
        let text = string(&vectors["keys"][name]["vkey"]);
        assert_eq!(VerifierKey::parse(text).unwrap().to_string(), text);
        for start in 0..text.len() {
            for end in start..=text.len() {
                let part = &text[start..end];
                assert!(part == text || VerifierKey::parse(part).is_err(), "{part}");
            }
            let mut bytes = text.as_bytes().to_vec();
            bytes[start] += 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(VerifierKey::parse(&changed).is_err(), "{changed}");
        }
    }
}

#[test]
fn golang_tree_notes() {
    let Some(vectors) = load("golang-mod/tlog.json") else {
        return;
    };
    let origin = Origin::foreign("go.sum database tree").unwrap();
    let parse = |text: &Value| {
        let lines = vec![SignatureLine::parse("— x AAAAAAA=").unwrap()];
        let note = UnverifiedNote::new(string(text), lines).unwrap();
        UnverifiedCheckpoint::parse(&note.to_bytes())
    };
    let tree = &vectors["format_tree"];
    let parsed = parse(&tree["text"]).unwrap();
    assert_eq!(parsed.origin(), &origin);
    assert_eq!(Some(parsed.head().size.get()), tree["n"].as_u64());
    for (place, bad) in list(&vectors["parse_tree_bad"]).iter().enumerate() {
        match parse(bad) {
            // Another log's checkpoint, so the reader has no key for it.
            Ok(parsed) => assert!(place == 0 && parsed.origin() != &origin),
            Err(error) => assert!(place > 0, "{error}"),
        }
    }
}

#[test]
fn formats_keys_and_notes() {
    let Some(vectors) = load("transparency-dev-formats/notes.json") else {
        return;
    };
    for case in list(&vectors["vkeys_accept"]) {
        let parsed = VerifierKey::parse(string(&case["vkey"]));
        // STRICTER: ECDSA (0x02) and RFC 6962 tree heads (0x05) are not supported here.
        match string(&case["type"]) {
            name if name.contains("0x02") => assert_eq!(parsed, Err(NoteError::NotSupported(2))),
            name if name.contains("0x05") => assert_eq!(parsed, Err(NoteError::NotSupported(5))),
            _ => assert_eq!(parsed.unwrap().to_string(), string(&case["vkey"])),
        }
    }
    for case in list(&vectors["vkeys_reject"]) {
        assert!(VerifierKey::parse(string(case)).is_err(), "{case}");
    }
    for group in ["test_keys", "witness_test_keys"] {
        for (name, value) in vectors[group].as_object().unwrap() {
            if name != "note" {
                let text = value.as_str().unwrap_or_else(|| string(&value["vkey"]));
                assert_eq!(VerifierKey::parse(text).unwrap().to_string(), text);
            }
        }
    }
    // STRICTER: the library does not compare this key id; by the specification it is wrong.
    for case in list(&vectors["vkeys_accepted_upstream_but_key_id_mismatch"]) {
        match VerifierKey::parse(string(&case["vkey"])) {
            Err(NoteError::KeyIdMismatch { stated, computed }) => {
                assert_eq!(stated.to_string(), string(&case["embedded_key_id"]));
                assert_eq!(computed.to_string(), string(&case["key_id_by_spec"]));
            }
            other => panic!("{other:?}"),
        }
    }
    // Notes under keys that are not supported still parse.
    for case in list(&vectors["ecdsa_notes"]) {
        note(&case["note"]);
    }
    checkpoint(&vectors["rfc6962"]["checkpoint"]);
}

#[test]
fn formats_sumdb_checkpoint_and_cosignature_time() {
    let Some(vectors) = load("transparency-dev-formats/notes.json") else {
        return;
    };
    let sumdb = &vectors["sumdb_checkpoint"];
    let keys = [key(&sumdb["vkey"])];
    let unverified = checkpoint(&sumdb["note"]);
    let origin = Origin::foreign(string(&sumdb["origin_accept"])).unwrap();
    let other = Origin::foreign(string(&sumdb["origin_reject"])).unwrap();
    let signed = unverified.clone().verify_log_of(&origin, &keys).unwrap();
    assert_eq!(signed.head().size.get(), 6_476_701);
    assert!(unverified.clone().verify_log_of(&other, &keys).is_err());
    // Its key is not named as its origin, so it has to be configured by hand.
    assert!(unverified.verify_log(&keys).is_err());

    let case = &vectors["cosignature_v1_timestamp"];
    let witness = signer("w", Algorithm::CosignatureV1, [1; 32]).verifier_key();
    let body = |text: &Value| codec::base64_bytes(string(text), 200).unwrap()[4..].to_vec();
    let timed = claimed_by(&witness, body(&case["sig_base64"]));
    assert_eq!(
        timed.body[..8],
        case["unix"].as_u64().unwrap().to_be_bytes()
    );
    assert_eq!(
        Cosignature::verify(&timed, "x\n", &witness),
        Err(CosignatureError::Invalid(witness.name().clone()))
    );
    let plain = claimed_by(&witness, body(&case["reject_plain_ed25519"]));
    assert_eq!(
        Cosignature::verify(&plain, "x\n", &witness),
        Err(CosignatureError::Length { got: 64 })
    );
}

#[test]
fn formats_checkpoints() {
    /// Accepted by the library; the second element says what the specification refuses once the
    /// root is one.
    const STRICTER: [(&str, Option<CheckpointError>); 5] = [
        ("valid one", None),
        ("valid with different origin", None),
        ("valid with trailing data", None),
        ("valid with multiple trailing data lines", None),
        (
            "valid with trailing newlines",
            Some(CheckpointError::EmptyExtension),
        ),
    ];
    let Some(vectors) = load("transparency-dev-formats/checkpoint_parse.json") else {
        return;
    };
    let parse = |text: &str| {
        let lines = vec![SignatureLine::parse("— x AAAAAAA=").unwrap()];
        let note = UnverifiedNote::new(text, lines)?;
        UnverifiedCheckpoint::parse(&note.to_bytes())
    };
    let root = hash::empty_root().to_base64();
    for case in list(&vectors["cases"]) {
        let (desc, text) = (string(&case["desc"]), string(&case["text"]));
        let parsed = parse(text);
        if case["ok"] != true {
            assert!(parsed.is_err(), "{desc}");
            continue;
        }
        // STRICTER: a root of another length than 32 bytes, in every case that is accepted.
        assert!(
            matches!(
                parsed,
                Err(CheckpointError::Root(
                    CodecError::Length { .. } | CodecError::TooLong { .. }
                ))
            ),
            "{desc}"
        );
        let (_, refused) = STRICTER.iter().find(|(name, _)| *name == desc).unwrap();
        let old_root = text.split('\n').nth(2).unwrap();
        let parsed = parse(&text.replacen(old_root, &root, 1));
        if let Some(error) = refused {
            assert_eq!(parsed.unwrap_err(), *error, "{desc}");
            continue;
        }
        let parsed = parsed.unwrap();
        assert_eq!(parsed.origin().as_str(), string(&case["origin"]));
        assert_eq!(Some(parsed.head().size.get()), case["size"].as_u64());
        assert_eq!(parsed.extensions(), string(&case["rest"]));
    }
}

#[test]
fn formats_log_ids_are_not_origin_hashes() {
    let Some(vectors) = load("transparency-dev-formats/log_id.json") else {
        return;
    };
    for case in list(&vectors["cases"]) {
        let origin = Origin::foreign(string(&case["origin"])).unwrap();
        let id = hash::sha256_parts(&[b"o:", origin.as_str().as_bytes()]).to_hex();
        assert_eq!(id, string(&case["id"]));
        assert_ne!(origin.origin_hash(), id);
    }
}

#[test]
fn formats_proofs() {
    let Some(vectors) = load("transparency-dev-formats/tlog_proof.json") else {
        return;
    };
    // STRICTER: these checkpoints are placeholders, not notes; a real one takes their place.
    let origin = Origin::parse("log.example/a").unwrap();
    let log = signer(origin.as_str(), Algorithm::Ed25519, [1; 32]);
    let head = TreeHead {
        size: LeafIndex::new(10).unwrap().size_with(),
        root: leaf_hash(b"x"),
    };
    let real = SignedCheckpoint::sign(&origin, head, &log)
        .unwrap()
        .to_bytes();
    let real = String::from_utf8(real).unwrap();
    for case in list(&vectors["marshal"]) {
        let want = string(&case["want"]).replace(string(&case["checkpoint"]), &real);
        let hashes = list(&case["hashes"]).iter();
        let proof = TlogProof {
            extra: case["extra"]
                .as_str()
                .map(|extra| extra.as_bytes().to_vec()),
            index: LeafIndex::new(case["index"].as_u64().unwrap()).unwrap(),
            inclusion: hashes
                .map(|hash| hash::Hash::from_base64(string(hash)).unwrap())
                .collect(),
            checkpoint: UnverifiedCheckpoint::parse(real.as_bytes()).unwrap(),
        };
        assert_eq!(proof.to_bytes(), want.as_bytes());
        assert_eq!(TlogProof::parse(want.as_bytes()), Ok(proof));
    }
    for case in list(&vectors["reject"]) {
        let proof = match case["proof"].as_str() {
            Some(proof) => proof.replace("checkpoint\n", &real),
            None => format!(
                "c2sp.org/tlog-proof@v1\nindex 0\n{}\n\n{real}",
                "a".repeat(65 * 1024)
            ),
        };
        let error = TlogProof::parse(proof.as_bytes()).unwrap_err();
        let as_expected = match string(&case["desc"]) {
            "missing header" => error == TlogProofError::Header,
            "bad extra base64" => matches!(error, TlogProofError::Extra(_)),
            text if text.contains("index") => error == TlogProofError::Index,
            _ => matches!(error, TlogProofError::Hash(_)),
        };
        assert!(as_expected, "{case}: {error}");
    }
}

/// The error of the line, if a line is to blame.
fn refusal(text: &str) -> PolicyError {
    match Policy::parse(text).unwrap_err() {
        PolicyError::Line { source, .. } => *source,
        error => error,
    }
}

#[test]
fn formats_policies() {
    let Some(vectors) = load("transparency-dev-formats/policy.json") else {
        return;
    };
    let cases: Vec<(&str, &str)> = list(&vectors["accept"])
        .iter()
        .map(|case| (string(&case["name"]), string(&case["policy"])))
        .chain(
            list(&vectors["group_n"])
                .iter()
                .map(|case| (string(&case["desc"]), string(&case["policy"]))),
        )
        .collect();
    for (name, text) in cases {
        // STRICTER: a comment behind the fields is a field too many.
        let without = text.replace("    #comment", "");
        if without != text {
            assert_eq!(refusal(text), PolicyError::Form, "{name}");
        }
        // STRICTER: a witness's key is of a cosignature type; the library reads note keys as such.
        assert_eq!(
            refusal(&without),
            PolicyError::KeyType(Algorithm::Ed25519),
            "{name}"
        );
        let mut read_as = without.clone();
        for word in text.split_whitespace() {
            if let Ok(found) = VerifierKey::parse(word) {
                let public = *found.ed25519().unwrap();
                let key = VerifierKey::new(found.name().clone(), Algorithm::CosignatureV1, public);
                read_as = read_as.replace(word, &key.unwrap().to_string());
            }
        }
        match name {
            "tidy" | "whitespace and comments" => {
                assert_eq!(Policy::parse(&read_as).unwrap().groups()[0].threshold, 2);
            }
            // STRICTER: w2 and w3 have the same key.
            _ => assert_eq!(refusal(&read_as), PolicyError::DuplicateKey, "{name}"),
        }
    }
    for case in list(&vectors["reject"]) {
        assert!(Policy::parse(string(&case["policy"])).is_err(), "{case}");
    }
}

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

#[test]
fn examples_of_the_specifications() {
    let Some(vectors) = load("c2sp-spec-examples/examples.json") else {
        return;
    };
    let example = &vectors["signed_note_example"];
    assert!(
        note(&example["note"])
            .verify(&[key(&example["vkey"])])
            .is_ok()
    );
    let intro = note(&vectors["signed_note_intro"]);
    assert!(intro.text().contains("\n\ned è subito sera.\n"));
    checkpoint(&vectors["checkpoint_example"]);
    // No keys are published for these, so they are examples of the form only.
    let cosigned = checkpoint(&vectors["cosigned_checkpoint_example"]);
    assert_eq!(cosigned.note().signatures().len(), 2);
    let message = string(&vectors["cosignature_v1_signed_message"]);
    let time = cosigned.note().signatures()[1].body[..8].to_vec();
    let time = u64::from_be_bytes(time.try_into().unwrap());
    assert_eq!(
        message,
        format!("cosignature/v1\ntime {time}\n{}", cosigned.note().text())
    );
    let request = string(&vectors["add_checkpoint_request"]);
    let parsed = AddCheckpoint::parse(request.as_bytes()).unwrap();
    assert_eq!((parsed.old.get(), parsed.proof.len()), (20_852_014, 4));
    assert_eq!(parsed.to_bytes(), request.as_bytes());
    let answer = string(&vectors["add_checkpoint_response"]);
    assert_eq!(parse_cosignature_lines(answer.as_bytes()).unwrap().len(), 3);

    let mut policy = string(&list(&vectors["policy_fences"])[0]).to_owned();
    let mut next = 1;
    while policy.contains("<vkey>") {
        let algorithm = if next == 1 {
            Algorithm::Ed25519
        } else {
            Algorithm::CosignatureV1
        };
        let key = signer("k", algorithm, [next; 32]).verifier_key();
        policy = policy.replacen("<vkey>", &key.to_string(), 1);
        next += 1;
    }
    let policy = Policy::parse(&policy).unwrap();
    assert!(policy.satisfied(|name| ["X1", "X3", "Y2"].contains(&name)));
    assert!(!policy.satisfied(|name| name.starts_with('X')));
    // STRICTER: abridged with `[...]`, and its extra line is no base64.
    let proof = string(&vectors["proof_example_abridged"]);
    assert!(TlogProof::parse(proof.as_bytes()).is_err());
}

struct Derived {
    vectors: Value,
    origin: Origin,
    log: Signer,
    witness: Signer,
}

fn derived() -> Option<Derived> {
    let vectors = load("derived/c2sp_reference.json")?;
    let origin = Origin::parse(string(&vectors["origin"])).unwrap();
    let seed_of = |name: &str| seed(string(&vectors["keys"][name]["seed_hex"]));
    let log = signer(origin.as_str(), Algorithm::Ed25519, seed_of("log_ed25519"));
    let cosignature = Algorithm::CosignatureV1;
    let witness = signer(
        "witness.example/w1",
        cosignature,
        seed_of("witness_ed25519"),
    );
    Some(Derived {
        vectors,
        origin,
        log,
        witness,
    })
}

impl Derived {
    fn policy(&self) -> Policy {
        let keys = &self.vectors["keys"];
        let text = format!(
            "log {}\nlog {}\nwitness w {}\nwitness pq {}\ngroup any any w pq\nquorum any\n",
            string(&keys["log_ed25519"]["vkey"]),
            string(&keys["log_mldsa44"]["vkey"]),
            string(&keys["witness_ed25519"]["vkey"]),
            string(&keys["witness_mldsa44"]["vkey"]),
        );
        Policy::parse(&text).unwrap()
    }
}

#[test]
fn derived_keys() {
    let Some(derived) = derived() else {
        return;
    };
    let keys = derived.vectors["keys"].as_object().unwrap();
    assert_eq!(keys.len(), 5);
    for (name, case) in keys {
        let found = key(&case["vkey"]);
        assert_eq!(found.to_string(), string(&case["vkey"]));
        if name.ends_with("mldsa44") {
            assert_eq!(found.algorithm(), Algorithm::MlDsa44);
            assert_eq!(found.ed25519(), None);
        } else {
            let secret = SecretKey::from_seed(&seed(string(&case["seed_hex"])));
            assert_eq!(found.ed25519(), Some(&secret.public()));
        }
    }
    assert_eq!(
        derived.origin.origin_hash(),
        string(&derived.vectors["origin_hash"])
    );
}

#[test]
fn derived_checkpoints_are_signed_and_cosigned_alike() {
    let Some(derived) = derived() else {
        return;
    };
    let policy = derived.policy();
    let cases = derived.vectors["checkpoints"].as_object().unwrap();
    assert!(!cases.is_empty());
    for (size, case) in cases {
        let text = string(&case["text"]);
        let bytes = format!("{text}\n{}", string(&case["log_sig_line"]));
        let unverified = UnverifiedCheckpoint::parse(bytes.as_bytes()).unwrap();
        assert_eq!(&unverified.head().size.to_string(), size);
        let own = SignedCheckpoint::sign(&derived.origin, unverified.head(), &derived.log).unwrap();
        assert_eq!(own.to_bytes(), bytes.as_bytes());
        // The quorum is not met by the log alone.
        let error = policy.verify(unverified).unwrap_err();
        assert!(matches!(error, PolicyError::Quorum { .. }));

        let published = line(string(&case["w1_cosig_line"]));
        let message = string(&case["w1_signed_message"]);
        let time = message
            .lines()
            .nth(1)
            .unwrap()
            .strip_prefix("time ")
            .unwrap();
        let time = Timestamp::from_seconds(time.parse().unwrap()).unwrap();
        let cosignature = Cosignature::sign(&own, &derived.witness, time).unwrap();
        assert_eq!(cosignature.line, published);
        let cosigned = own.to_bytes_with(&[published]);
        let cosigned = UnverifiedCheckpoint::parse(&cosigned).unwrap();
        assert_eq!(policy.verify(cosigned).unwrap().freshest(), Some(time));
    }
}

#[test]
fn derived_ml_dsa_lines_neither_count_nor_sink() {
    let Some(derived) = derived() else {
        return;
    };
    let policy = derived.policy();
    let log_line = line(string(
        &derived.vectors["mldsa_log_signature_size_300_ts0"]["line"],
    ));
    for size in ["0", "3", "300"] {
        let case = &derived.vectors["checkpoints"][size];
        let (log, cosignature) = (
            string(&case["log_sig_line"]),
            string(&case["w1_cosig_line"]),
        );
        let post_quantum = string(&derived.vectors["mldsa_checkpoint_cosignatures"][size]["line"]);
        line(post_quantum);
        let verify = |lines: &str| {
            let bytes = format!("{}\n{lines}", string(&case["text"]));
            policy.verify(UnverifiedCheckpoint::parse(bytes.as_bytes()).unwrap())
        };
        let alone = verify(&format!("{log}{post_quantum}"));
        assert!(matches!(alone, Err(PolicyError::Quorum { .. })));
        // The log's line is right for one size only; unverifiable, it sinks none.
        let all = format!("{log_line}\n{log}{post_quantum}{cosignature}");
        assert_eq!(verify(&all).unwrap().cosignatures().len(), 1);
        let without_ed25519 = format!("{log_line}\n{cosignature}");
        assert!(matches!(
            verify(&without_ed25519),
            Err(PolicyError::Checkpoint(CheckpointError::Note(
                NoteError::NotSigned
            )))
        ));
    }
}

#[test]
fn derived_add_checkpoint_sequence() {
    let Some(derived) = derived() else {
        return;
    };
    let mut held: Option<TreeHead> = None;
    for case in list(&derived.vectors["add_checkpoint_sequence"]) {
        let body = string(&case["body"]).as_bytes();
        let request = AddCheckpoint::parse(body).unwrap();
        assert_eq!(request.to_bytes(), body);
        assert_eq!(Some(request.old.get()), case["old"].as_u64());
        let signed = request
            .checkpoint
            .verify_log(&[derived.log.verifier_key()])
            .unwrap();
        if let Some(held) = held {
            assert_eq!(held.size, request.old);
            verify_consistency(&held, &signed.head(), &request.proof).unwrap();
        }
        held = Some(signed.head());
        let published = line(string(&case["cosig_at_fixed_time"]));
        let key = derived.witness.verifier_key();
        let cosignature = Cosignature::verify(&published, signed.text(), &key).unwrap();
        let own = Cosignature::sign(&signed, &derived.witness, cosignature.time).unwrap();
        assert_eq!(own.line, published);
    }
    assert_eq!(held.map(|head| head.size.get()), Some(600));
}

#[test]
fn derived_proofs_verify_and_their_mutations_do_not() {
    let Some(derived) = derived() else {
        return;
    };
    let policy = derived.policy();
    for case in list(&derived.vectors["tlog_proofs"]) {
        let bytes = string(&case["tlog_proof"]).as_bytes();
        let proof = TlogProof::parse(bytes).unwrap();
        assert_eq!(proof.to_bytes(), bytes);
        assert_eq!(Some(proof.index.get()), case["index"].as_u64());
        let leaf = leaf_hash(string(&case["leaf"]).as_bytes());
        let verified = proof.clone().verify(&leaf, &policy).unwrap();
        assert_eq!(Some(verified.head().size.get()), case["size"].as_u64());
        let refused = |proof: TlogProof| {
            matches!(
                proof.verify(&leaf, &policy),
                Err(TlogProofError::Inclusion(_))
            )
        };
        assert!(proof.clone().verify(&leaf_hash(b"entry"), &policy).is_err());
        let mut moved = proof.clone();
        moved.index = LeafIndex::new(proof.index.get() ^ 1).unwrap();
        assert!(refused(moved));
        let mut longer = proof.clone();
        longer.inclusion.push(leaf);
        assert!(refused(longer));
        let mut shorter = proof;
        if shorter.inclusion.pop().is_some() {
            assert!(refused(shorter));
        }
    }
}
