use proptest::prelude::*;

use super::*;
use crate::checkpoint::Origin;
use crate::checkpoint::SignedCheckpoint;
use crate::checkpoint::tests::{head, log, signed};
use crate::hash::{leaf_hash, node_hash};
use crate::merkle::{TreeHead, TreeSize};

fn proof(extra: Option<Vec<u8>>, path: usize) -> TlogProof {
    TlogProof {
        extra,
        index: LeafIndex::new(4).unwrap(),
        inclusion: vec![Hash::from_bytes([5; 32]); path],
        checkpoint: UnverifiedCheckpoint::parse(&signed(head(9, 7)).to_bytes()).unwrap(),
    }
}

fn changed(from: &str, to: &str) -> TlogProofError {
    let text = String::from_utf8(proof(Some(b"extra".to_vec()), 2).to_bytes()).unwrap();
    assert!(text.contains(from));
    TlogProof::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err()
}

#[test]
fn refuses_malformed_proofs() {
    let hash = Hash::from_bytes([5; 32]).to_base64();
    assert_eq!(changed("@v1", "@v2"), TlogProofError::Header);
    assert_eq!(changed("@v1\n", "@v1 \n"), TlogProofError::Header);
    assert!(matches!(
        changed("extra Z", "extra !"),
        TlogProofError::Extra(_)
    ));
    assert_eq!(changed("extra ", "Extra "), TlogProofError::Index);
    assert_eq!(changed("\nindex 4", ""), TlogProofError::Index);
    for index in ["04", "+4", "-4", "", "x", "9223372036854775807"] {
        let index = format!("index {index}\n");
        assert_eq!(changed("index 4\n", &index), TlogProofError::Index);
    }
    assert!(matches!(changed(&hash, "AAAA"), TlogProofError::Hash(_)));
    assert!(matches!(
        changed("\n\nlog", "\nlog"),
        TlogProofError::Hash(_)
    ));
    assert!(matches!(
        changed("\n9\n", "\n09\n"),
        TlogProofError::Checkpoint(_)
    ));
    assert_eq!(
        TlogProof::parse(b"c2sp.org/tlog-proof@v1\nindex 4\n"),
        Err(TlogProofError::NoCheckpoint)
    );
    assert_eq!(TlogProof::parse(b"\xff"), Err(TlogProofError::NotUtf8));
    let twice = changed("index 4\n", "index 4\nindex 4\n");
    assert!(matches!(twice, TlogProofError::Hash(_)));
}

#[test]
fn bounds_hold() {
    assert!(TlogProof::parse(&proof(None, 63).to_bytes()).is_ok());
    assert_eq!(
        TlogProof::parse(&proof(None, 64).to_bytes()),
        Err(TlogProofError::LongPath)
    );
    let extra = |n| Some(vec![0; n]);
    assert!(TlogProof::parse(&proof(extra(MAX_EXTRA_BYTES), 1).to_bytes()).is_ok());
    assert!(matches!(
        TlogProof::parse(&proof(extra(MAX_EXTRA_BYTES + 1), 1).to_bytes()),
        Err(TlogProofError::Extra(_))
    ));
    assert!(matches!(
        TlogProof::parse(&vec![b'x'; MAX_PROOF_BYTES + 1]),
        Err(TlogProofError::TooLong { .. })
    ));
}

#[test]
fn a_leaf_is_proved_under_a_policy() {
    let (left, right) = (leaf_hash(b"left"), leaf_hash(b"right"));
    let origin = Origin::parse("log.example/a").unwrap();
    let head = TreeHead {
        size: TreeSize::new(2).unwrap(),
        root: node_hash(&left, &right),
    };
    let checkpoint = SignedCheckpoint::sign(&origin, head, &log()).unwrap();
    let proof = TlogProof {
        extra: None,
        index: LeafIndex::new(1).unwrap(),
        inclusion: vec![left],
        checkpoint: UnverifiedCheckpoint::parse(&checkpoint.to_bytes()).unwrap(),
    };
    let policy = format!("log {}\nquorum none\n", log().verifier_key());
    let policy = Policy::parse(&policy).unwrap();
    assert_eq!(proof.clone().verify(&right, &policy).unwrap().head(), head);
    assert!(matches!(
        proof.clone().verify(&left, &policy),
        Err(TlogProofError::Inclusion(_))
    ));
    let mut long = proof.clone();
    long.inclusion.push(left);
    assert!(long.verify(&right, &policy).is_err());
    let nobody = Policy::parse("quorum none\n").unwrap();
    assert!(matches!(
        proof.verify(&right, &nobody),
        Err(TlogProofError::Policy(PolicyError::UnknownLog(_)))
    ));
}

proptest! {
    #[test]
    fn proofs_print_what_they_parsed(
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
        path in 0usize..=63,
    ) {
        let proof = proof(extra, path);
        let bytes = proof.to_bytes();
        let parsed = TlogProof::parse(&bytes).unwrap();
        prop_assert_eq!(&parsed, &proof);
        prop_assert_eq!(parsed.to_bytes(), bytes);
    }
}
