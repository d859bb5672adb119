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

mod derived;
mod formats;
mod golang;
mod sigsum;

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

/// The error of the line, if a line is to blame.
fn refusal(text: &str) -> PolicyError {
    match Policy::parse(text).unwrap_err() {
        PolicyError::Line { source, .. } => *source,
        error => error,
    }
}
