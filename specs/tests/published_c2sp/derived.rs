//! What was derived from the specifications for these tests.

use super::*;

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
