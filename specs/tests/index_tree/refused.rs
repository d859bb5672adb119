//! Proofs that are refused.

use super::*;

#[test]
fn refuses_a_searched_index_as_the_other_leaf() {
    let all = leaves(&[0x40]);
    let other = json!({
        "results": [{
            "type": "leaf",
            "depth": 0,
            "leaf": { "index": to_base64(at(0x40).as_bytes()), "value": value(0x40).to_base64() },
        }],
        "elements": [],
    });
    assert_eq!(
        verify(&other, &reference::root(&all), &[at(0x40)]),
        Err(IndexError::LeafIsSearched(at(0x40)))
    );
}

#[test]
fn refuses_a_leaf_that_lies_elsewhere() {
    let all = leaves(&[0x40, 0xc0]);
    // The way to 00 leads to 40 at depth 1; the leaf c0 is shown instead.
    let other = json!({
        "results": [{
            "type": "leaf",
            "depth": 1,
            "leaf": { "index": to_base64(at(0xc0).as_bytes()), "value": value(0xc0).to_base64() },
        }],
        "elements": [reference::leaf(&at(0x40), &value(0x40)).to_base64()],
    });
    assert_eq!(
        verify(&other, &reference::root(&all), &[at(0)]),
        Err(IndexError::LeafElsewhere(at(0)))
    );
}

#[test]
fn refuses_a_terminal_above_another() {
    let all = leaves(&[0, 0x40, 0xc0]);
    let root = reference::root(&all);
    for (changed, searched) in [
        (json!({ "type": "empty", "depth": 1 }), [at(0), at(0x20)]),
        (json!({ "type": "empty", "depth": 1 }), [at(0), at(0x40)]),
        (
            json!({ "type": "inclusion", "depth": 0, "value": value(1).to_base64() }),
            [at(0), at(0)],
        ),
    ] {
        let honest = reference::prove(&all, &searched);
        assert!(verify(&honest, &root, &searched).is_ok());
        for place in [0, 1] {
            let mut proof = honest.clone();
            proof["results"][place] = changed.clone();
            let verdict = verify(&proof, &root, &searched);
            assert!(
                matches!(verdict, Err(IndexError::Contradiction(_))),
                "{verdict:?}"
            );
        }
    }
}

#[test]
fn refuses_an_inclusion_under_another_terminal() {
    let all = leaves(&[0, 0x40, 0xc0]);
    let root = reference::root(&all);
    let searched = [at(0x40), at(0x60)];
    let honest = reference::prove(&all, &searched);
    // 60 ends at the leaf 40 that is also included: claimed empty, and claimed another leaf.
    for other in [
        json!({ "type": "empty", "depth": 2 }),
        json!({
            "type": "leaf",
            "depth": 2,
            "leaf": { "index": to_base64(at(0x50).as_bytes()), "value": value(0x40).to_base64() },
        }),
        json!({ "type": "inclusion", "depth": 2, "value": value(0x40).to_base64() }),
    ] {
        let mut proof = honest.clone();
        proof["results"][1] = other;
        assert_eq!(
            verify(&proof, &root, &searched),
            Err(IndexError::Contradiction(at(0x60)))
        );
    }
}

/// Roots that a log could sign though its tree is not minimal, with proofs that hash to them.
#[test]
fn refuses_nodes_that_a_minimal_tree_does_not_have() {
    let (index, value) = (at(0x40), value(0x40));
    let leaf = reference::leaf(&index, &value);
    let inclusion = json!({ "type": "inclusion", "depth": 1, "value": value.to_base64() });
    let other_leaf = json!({
        "type": "leaf",
        "depth": 1,
        "leaf": { "index": to_base64(index.as_bytes()), "value": value.to_base64() },
    });
    let empty = json!({ "type": "empty", "depth": 1 });
    let zero = Hash::ZERO.to_base64();
    let lonely = reference::parent(&leaf, &Hash::ZERO);
    let hollow = reference::parent(&Hash::ZERO, &Hash::ZERO);
    for (root, results, elements, searched) in [
        (lonely, json!([inclusion]), json!([zero]), vec![index]),
        (lonely, json!([other_leaf]), json!([zero]), vec![at(0)]),
        (
            lonely,
            json!([inclusion, empty]),
            json!([]),
            vec![index, at(0x80)],
        ),
        (hollow, json!([empty]), json!([zero]), vec![index]),
        (
            hollow,
            json!([empty, empty]),
            json!([]),
            vec![index, at(0x80)],
        ),
    ] {
        let proof = json!({ "results": results, "elements": elements });
        let verdict = verify(&proof, &root, &searched);
        assert!(
            matches!(verdict, Err(IndexError::NotMinimal(_))),
            "{proof} {verdict:?}"
        );
    }
}

#[test]
fn a_proof_of_nothing_says_nothing() {
    let tree = tree(&leaves(&[0, 0x40]));
    let proof = tree.prove(&[]);
    assert!(proof.elements().is_empty());
    assert_eq!(proof.verify(&tree.root(), &[]), Ok(vec![]));
    assert_eq!(
        proof.verify(&tree.root(), &[at(0)]),
        Err(IndexError::ResultCount {
            got: 0,
            expected: 1
        })
    );
    let root = json!({ "results": [], "elements": [tree.root().to_base64()] });
    assert!(parse(&root).is_err());
    let nothing = tree.prove_insertion(&[]).unwrap();
    assert_eq!(nothing.verify(&tree.root(), &[]), Ok(tree.root()));
}

#[test]
fn proofs_are_bounded_before_they_are_decoded() {
    let result = json!({ "type": "empty", "depth": 1 });
    let results = |count: usize| vec![result.clone(); count];
    let elements = |count: usize| vec!["not base64"; count];
    assert!(parse(&json!({ "results": results(4096), "elements": [] })).is_ok());
    let json = json!({ "results": results(4097), "elements": [] });
    assert!(matches!(
        parse(&json),
        Err(IndexError::Json(json::JsonError::Wrong { .. }))
    ));
    let json = json!({ "results": results(3), "elements": elements(4) });
    assert!(matches!(
        parse(&json),
        Err(IndexError::Json(json::JsonError::Wrong { .. }))
    ));
    let json = json!({ "results": results(3), "elements": elements(3) });
    assert!(matches!(
        parse(&json),
        Err(IndexError::Json(json::JsonError::Codec { .. }))
    ));
}

#[test]
fn a_hash_in_a_proof_has_one_spelling() {
    let element = |text: &str| {
        let results = [json!({ "type": "empty", "depth": 1 })];
        parse(&json!({ "results": results, "elements": [text] }))
    };
    // 0xfb and 0xff, so that it has digits by which the two alphabets differ.
    let hash = Hash::from_bytes([0xfb, 0xff].repeat(16).try_into().unwrap());
    let good = hash.to_base64();
    assert_eq!(element(&good).unwrap().elements(), [hash]);
    let other_bits = good.replace("/8=", "/9=");
    let url_safe = good.replace('+', "-").replace('/', "_");
    assert!(other_bits != good && url_safe != good);
    for (bad, what) in [
        (hash.to_hex(), "hex"),
        (good.trim_end_matches('=').into(), "without padding"),
        (format!("{good}="), "more padding"),
        (url_safe, "the other alphabet"),
        (other_bits, "unused bits that are not zero"),
        (format!("{good}\n"), "white space after it"),
        (format!(" {good}"), "white space before it"),
        (to_base64(&[0xfb; 31]), "31 bytes"),
        (to_base64(&[0xfb; 33]), "33 bytes"),
        (String::new(), "nothing"),
    ] {
        assert!(element(&bad).is_err(), "{what}");
    }
}

#[test]
fn refuses_json_that_is_not_a_proof() {
    let good = value(1).to_base64();
    let leaf = json!({ "index": good, "value": good });
    for (bad, what) in [
        (json!({ "type": "empty", "depth": 257 }), "depth"),
        (
            json!({ "type": "empty", "depth": 65536 }),
            "depth beyond 16 bits",
        ),
        (json!({ "type": "empty" }), "no depth"),
        (
            json!({ "type": "empty", "depth": 1, "value": good }),
            "a member more",
        ),
        (json!({ "type": "inclusion", "depth": 1 }), "no value"),
        (
            json!({ "type": "inclusion", "depth": 1, "value": null }),
            "null",
        ),
        (
            json!({ "type": "leaf", "depth": 1, "leaf": leaf, "value": good }),
            "a member more",
        ),
        (
            json!({ "type": "leaf", "depth": 1, "leaf": { "index": good } }),
            "no leaf value",
        ),
        (json!({ "type": "Empty", "depth": 1 }), "another type"),
        (json!([]), "not an object"),
    ] {
        let json = json!({ "results": [bad], "elements": [] });
        assert!(parse(&json).is_err(), "{what}");
    }
    assert!(parse(&json!({ "results": [], "elements": [], "values": [] })).is_err());
    assert!(parse(&json!({ "results": [] })).is_err());
    assert!(parse_transition(&json!({ "results": [], "elements": [] })).is_err());
    assert_eq!(
        parse_transition(&json!({ "results": [], "elements": [], "values": [good] })),
        Err(IndexError::ValueCount {
            got: 1,
            expected: 0
        })
    );
}
