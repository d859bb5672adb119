//! The index against a naive reference, and every single change of a proof against its verifier.

#![allow(clippy::unwrap_used)]

#[path = "reference/index.rs"]
mod reference;

use plainsight_specs::codec::to_base64;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::index::{IndexError, IndexKey, IndexProof, TransitionProof, Tree};
use plainsight_specs::json;
use proptest::prelude::*;
use reference::Leaves;
use serde_json::{Value, json};

fn parse(proof: &Value) -> Result<IndexProof, IndexError> {
    IndexProof::from_json(json::parse(&serde_json::to_vec(proof).unwrap()).unwrap())
}

fn parse_transition(proof: &Value) -> Result<TransitionProof, IndexError> {
    TransitionProof::from_json(json::parse(&serde_json::to_vec(proof).unwrap()).unwrap())
}

fn verify(
    proof: &Value,
    root: &Hash,
    searched: &[IndexKey],
) -> Result<Vec<Option<Hash>>, IndexError> {
    parse(proof)?.verify(root, searched)
}

/// The index whose first byte is `first` and whose other bytes are zero.
fn at(first: u8) -> IndexKey {
    let mut bytes = [0; 32];
    bytes[0] = first;
    IndexKey::from_bytes(bytes)
}

fn value(number: u8) -> Hash {
    sha256(&[number])
}

fn tree(leaves: &Leaves) -> Tree {
    let batch: Vec<_> = leaves
        .iter()
        .map(|(index, value)| (*index, *value))
        .collect();
    let mut tree = Tree::new();
    tree.insert_batch(&batch).unwrap();
    tree
}

fn leaves(firsts: &[u8]) -> Leaves {
    firsts
        .iter()
        .map(|first| (at(*first), value(*first)))
        .collect()
}

/// Random indexes, and those that share long prefixes with 00...00, ff...ff or 5a...5a.
fn any_index() -> impl Strategy<Value = IndexKey> {
    let near = |fill: u8| {
        (0..256usize, any::<u8>()).prop_map(move |(bit, last)| {
            let mut bytes = [fill; 32];
            bytes[31] ^= last & 3;
            bytes[bit / 8] ^= 0x80 >> (bit % 8);
            bytes
        })
    };
    prop_oneof![
        4 => any::<[u8; 32]>(),
        2 => near(0x00),
        2 => near(0xff),
        1 => near(0x5a),
        1 => prop_oneof![Just([0; 32]), Just([0xff; 32]), Just([0x5a; 32])],
    ]
    .prop_map(IndexKey::from_bytes)
}

fn any_leaves(most: usize) -> impl Strategy<Value = Leaves> {
    prop::collection::btree_map(
        any_index(),
        any::<[u8; 32]>().prop_map(Hash::from_bytes),
        0..most,
    )
}

/// Lists longer than this, of indexes with long shared prefixes, are not changed in every way.
const SHORT: usize = 24;

/// The proof with one bit of one byte of the hash at `pointer` changed.
fn flipped(proof: &Value, pointer: &str, byte: usize) -> Value {
    let mut other = proof.clone();
    let hash = other.pointer_mut(pointer).unwrap();
    let mut bytes = *Hash::from_base64(hash.as_str().unwrap())
        .unwrap()
        .as_bytes();
    bytes[byte] ^= 1 << (byte % 8);
    *hash = Hash::from_bytes(bytes).to_base64().into();
    other
}

/// The proof with another value at `pointer`.
fn replaced(proof: &Value, pointer: &str, value: impl Into<Value>) -> Value {
    let mut other = proof.clone();
    *other.pointer_mut(pointer).unwrap() = value.into();
    other
}

/// The proof with one of its lists changed.
fn edited(proof: &Value, list: &str, edit: impl FnOnce(&mut Vec<Value>)) -> Value {
    let mut other = proof.clone();
    edit(other[list].as_array_mut().unwrap());
    other
}

/// Every change of one byte of a hash, of one depth, and of one part of a list.
fn single_changes(proof: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for list in ["results", "elements", "values"] {
        let Some(length) = proof.get(list).map(|list| list.as_array().unwrap().len()) else {
            continue;
        };
        for at in 0..length {
            all.push(edited(proof, list, |list| drop(list.remove(at))));
            all.push(edited(proof, list, |list| {
                list.insert(at, list[at].clone());
            }));
            // Every pair of a short list, and the neighbours of a long one.
            let end = if length > SHORT { at + 2 } else { length };
            for with in at + 1..end.min(length) {
                all.push(edited(proof, list, |list| list.swap(at, with)));
            }
        }
        if list != "results" {
            all.extend(hash_list_changes(proof, list, length));
        }
    }
    for (at, result) in proof["results"].as_array().unwrap().iter().enumerate() {
        all.extend(result_changes(proof, at, result));
    }
    all.retain(|other| other != proof);
    all
}

fn hash_list_changes(proof: &Value, list: &str, length: usize) -> Vec<Value> {
    let mut all = Vec::new();
    for at in 0..length {
        let pointer = format!("/{list}/{at}");
        let only = at % 32;
        let bytes = if length > SHORT {
            only..only + 1
        } else {
            0..32
        };
        all.extend(bytes.map(|byte| flipped(proof, &pointer, byte)));
        all.push(replaced(proof, &pointer, Hash::ZERO.to_base64()));
    }
    for extra in [Hash::ZERO, value(1)] {
        let extra = || Value::from(extra.to_base64());
        all.push(edited(proof, list, |list| list.push(extra())));
        all.push(edited(proof, list, |list| list.insert(0, extra())));
    }
    all
}

fn result_changes(proof: &Value, at: usize, result: &Value) -> Vec<Value> {
    let pointer = format!("/results/{at}");
    let depth = result["depth"].as_u64().unwrap();
    let mut all = vec![replaced(
        proof,
        &pointer,
        json!({ "type": "empty", "depth": depth }),
    )];
    for wrong in [0, depth.saturating_sub(1), depth + 1, 255, 256, 257] {
        all.push(replaced(proof, &format!("{pointer}/depth"), wrong));
    }
    for member in ["/value", "/leaf/index", "/leaf/value"] {
        if result.pointer(member).is_some() {
            let pointer = format!("{pointer}{member}");
            all.extend((0..32).map(|byte| flipped(proof, &pointer, byte)));
        }
    }
    if let Some(value) = result.pointer("/leaf/value") {
        let inclusion = json!({ "type": "inclusion", "depth": depth, "value": value });
        all.push(replaced(proof, &pointer, inclusion));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn batches_build_the_tree_of_the_reference(
        all in any_leaves(60),
        order in any::<u64>(),
        cuts in 1..8u64,
    ) {
        let mut batches = vec![Vec::new(); usize::try_from(cuts).unwrap()];
        for (position, (index, value)) in all.iter().enumerate() {
            let mix = order.rotate_left(u32::try_from(position % 64).unwrap()) % cuts;
            batches[usize::try_from(mix).unwrap()].push((*index, *value));
        }
        let (mut tree, mut held) = (Tree::new(), Leaves::new());
        for batch in batches {
            tree.insert_batch(&batch).unwrap();
            held.extend(batch);
            prop_assert_eq!(tree.root(), reference::root(&held));
            prop_assert_eq!(tree.len(), held.len() as u64);
        }
        prop_assert!(tree.iter().eq(all.iter()));
        for (index, value) in &all {
            prop_assert_eq!(tree.value(index), Some(*value));
        }
    }

    #[test]
    fn proofs_are_those_of_the_reference_and_verify(
        all in any_leaves(40),
        others in prop::collection::vec(any_index(), 0..8),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let present: Vec<IndexKey> = all.keys().copied().collect();
        let mut searched = others;
        if !present.is_empty() {
            searched.extend(picks.iter().map(|pick| *pick.get(&present)));
        }
        let tree = tree(&all);
        let proof = tree.prove(&searched).to_json();
        prop_assert_eq!(&proof, &reference::prove(&all, &searched));
        let found = verify(&proof, &tree.root(), &searched).unwrap();
        let expected: Vec<_> = searched.iter().map(|index| all.get(index).copied()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn transitions_lead_to_the_root_of_the_reference(
        before in any_leaves(30),
        new in any_leaves(12),
    ) {
        let new: Vec<_> = new.into_iter().filter(|(index, _)| !before.contains_key(index)).collect();
        let indexes: Vec<_> = new.iter().map(|(index, _)| *index).collect();
        let tree = tree(&before);
        let proof = tree.prove_insertion(&new).unwrap().to_json();
        let mut after = before.clone();
        after.extend(new.iter().copied());
        let parsed = parse_transition(&proof).unwrap();
        prop_assert_eq!(parsed.to_json(), proof);
        prop_assert_eq!(parsed.verify(&tree.root(), &indexes), Ok(reference::root(&after)));
        prop_assert!(parsed.values().iter().eq(new.iter().map(|(_, value)| value)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_single_change_of_a_proof_fails(
        all in any_leaves(12),
        others in prop::collection::vec(any_index(), 1..3),
    ) {
        let tree = tree(&all);
        let mut searched = others;
        searched.extend(all.keys().step_by(5));
        let proof = tree.prove(&searched).to_json();
        prop_assert!(verify(&proof, &tree.root(), &searched).is_ok());
        for changed in single_changes(&proof) {
            prop_assert!(verify(&changed, &tree.root(), &searched).is_err(), "{}", changed);
        }
        for byte in 0..32 {
            let mut root = *tree.root().as_bytes();
            root[byte] ^= 0x10;
            let root = Hash::from_bytes(root);
            prop_assert_eq!(verify(&proof, &root, &searched), Err(IndexError::Root));
        }
    }

    /// A changed value leads to another root; any other change is refused.
    #[test]
    fn any_single_change_of_a_transition_fails(
        before in any_leaves(10),
        new in any_leaves(6),
    ) {
        let new: Vec<_> = new.into_iter().filter(|(index, _)| !before.contains_key(index)).collect();
        let indexes: Vec<_> = new.iter().map(|(index, _)| *index).collect();
        let tree = tree(&before);
        let proof = tree.prove_insertion(&new).unwrap().to_json();
        let after = parse_transition(&proof).unwrap().verify(&tree.root(), &indexes).unwrap();
        for changed in single_changes(&proof) {
            let verdict = parse_transition(&changed)
                .and_then(|changed| changed.verify(&tree.root(), &indexes));
            if changed["results"] == proof["results"] && changed["elements"] == proof["elements"] {
                prop_assert_ne!(verdict, Ok(after), "{}", changed);
            } else {
                prop_assert!(verdict.is_err(), "{}", changed);
            }
        }
    }
}

#[test]
fn shapes_of_the_chapter() {
    let (a, b, c) = (at(0x00), at(0x40), at(0xc0));
    let hash = |index| reference::leaf(&index, &value(index.as_bytes()[0]));
    let ab = reference::parent(&hash(a), &hash(b));
    assert_eq!(Tree::new().root(), Hash::ZERO);
    assert_eq!(tree(&leaves(&[0])).root(), hash(a));
    let three = tree(&leaves(&[0, 0x40, 0xc0]));
    assert_eq!(three.root(), reference::parent(&ab, &hash(c)));
    let two = tree(&leaves(&[0, 0xc0]));
    assert_eq!(two.root(), reference::parent(&hash(a), &hash(c)));
    let two = tree(&leaves(&[0, 0x40]));
    assert_eq!(two.root(), reference::parent(&ab, &Hash::ZERO));
    assert_eq!(
        three.prove(&[at(0x60)]).to_json(),
        json!({
            "results": [{
                "type": "leaf",
                "depth": 2,
                "leaf": { "index": to_base64(b.as_bytes()), "value": value(0x40).to_base64() },
            }],
            "elements": [hash(a).to_base64(), hash(c).to_base64()],
        })
    );
}

#[test]
fn indexes_that_differ_in_the_last_bit_lie_at_depth_256() {
    let mut last = [0; 32];
    last[31] = 1;
    let twins = [at(0), IndexKey::from_bytes(last)];
    let all: Leaves = twins.iter().map(|index| (*index, value(1))).collect();
    let tree = tree(&all);
    assert_eq!(tree.root(), reference::root(&all));
    let proof = tree.prove(&twins);
    assert_eq!(proof.elements().len(), 255);
    assert_eq!(proof.results()[0].depth(), 256);
    assert_eq!(
        proof.verify(&tree.root(), &twins),
        Ok(vec![Some(value(1)); 2])
    );
}

#[test]
fn an_index_searched_twice_has_two_equal_results() {
    let tree = tree(&leaves(&[0, 0x40, 0xc0]));
    let searched = [at(0x40), at(0xc0), at(0x40)];
    let proof = tree.prove(&searched);
    assert_eq!(proof.results()[0], proof.results()[2]);
    let found = proof.verify(&tree.root(), &searched).unwrap();
    assert_eq!(
        found,
        [Some(value(0x40)), Some(value(0xc0)), Some(value(0x40))]
    );
    let mut other = proof.to_json();
    other["results"][2]["value"] = value(9).to_base64().into();
    assert_eq!(
        verify(&other, &tree.root(), &searched),
        Err(IndexError::Contradiction(at(0x40)))
    );
}

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

#[test]
fn a_refused_batch_leaves_the_tree_as_it_was() {
    let mut tree = tree(&leaves(&[0, 0x40, 0xc0]));
    let root = tree.root();
    let new = |first| (at(first), value(first));
    for (batch, error) in [
        (
            vec![new(0x20), new(0x40), new(0xe0)],
            IndexError::Present(at(0x40)),
        ),
        (
            vec![new(0x60), new(0x20)],
            IndexError::NotAscending(at(0x20)),
        ),
        (
            vec![new(0x20), new(0x20)],
            IndexError::NotAscending(at(0x20)),
        ),
    ] {
        assert_eq!(tree.insert_batch(&batch), Err(error.clone()));
        assert_eq!(tree.prove_insertion(&batch), Err(error));
        assert_eq!((tree.root(), tree.len()), (root, 3));
    }
    tree.insert_batch(&[]).unwrap();
    assert_eq!((tree.root(), tree.len()), (root, 3));
}

#[test]
fn transitions_refuse_disorder_and_presence() {
    let before = leaves(&[0, 0x40, 0xc0]);
    let tree = tree(&before);
    let new = [(at(0x20), value(1)), (at(0xe0), value(2))];
    let proof = tree.prove_insertion(&new).unwrap();
    for (inserted, error) in [
        ([at(0xe0), at(0x20)], IndexError::NotAscending(at(0x20))),
        ([at(0x20), at(0x20)], IndexError::NotAscending(at(0x20))),
    ] {
        assert_eq!(proof.verify(&tree.root(), &inserted), Err(error));
    }
    let mut present = reference::prove(&before, &[at(0x40)]);
    present["values"] = json!([value(7).to_base64()]);
    assert_eq!(
        parse_transition(&present)
            .unwrap()
            .verify(&tree.root(), &[at(0x40)]),
        Err(IndexError::Present(at(0x40)))
    );
}

/// A published library let an unchanged node be a prefix of an inserted leaf: the node stayed in
/// the new root, and what was inserted under it replaced what it held. Here the places above the
/// true terminal are tried, with the unchanged node as element wherever it could be.
#[test]
fn no_unchanged_node_covers_an_inserted_leaf() {
    let before = leaves(&[0x00, 0x08, 0x10, 0x30, 0x40, 0xc0]);
    let tree = tree(&before);
    let new = (at(0x0c), value(1));
    let honest = tree.prove_insertion(&[new]).unwrap().to_json();
    let depth = honest["results"][0]["depth"].as_u64().unwrap();
    assert!(depth > 3);
    for shallow in 0..depth {
        let node = reference::under(&before, &new.0, usize::try_from(shallow).unwrap());
        for keep in 0..=honest["elements"].as_array().unwrap().len() {
            for place in 0..=keep {
                let mut elements: Vec<Value> =
                    honest["elements"].as_array().unwrap()[..keep].to_vec();
                for with_node in [false, true] {
                    if with_node {
                        elements.insert(place, node.to_base64().into());
                    }
                    for result in [
                        json!({ "type": "empty", "depth": shallow }),
                        json!({
                            "type": "leaf",
                            "depth": shallow,
                            "leaf": honest["results"][0]["leaf"].clone(),
                        }),
                    ] {
                        let forged = json!({
                            "results": [result],
                            "elements": elements,
                            "values": honest["values"],
                        });
                        let verdict = parse_transition(&forged)
                            .and_then(|forged| forged.verify(&tree.root(), &[new.0]));
                        assert!(verdict.is_err(), "{forged}");
                    }
                }
            }
        }
    }
    // An inserted index without a result of its own.
    let honest = parse_transition(&honest).unwrap();
    assert_eq!(
        honest.verify(&tree.root(), &[new.0, at(0xd0)]),
        Err(IndexError::ResultCount {
            got: 1,
            expected: 2
        })
    );
}

/// Many indexes, half of them in combs: each shares one bit more with the first than the one
/// before, so that pages split as unevenly as they can.
fn many(seed: u8) -> Vec<(IndexKey, Hash)> {
    let mut all = Leaves::new();
    for number in 0..1500u16 {
        let hash = sha256(&[&[seed][..], &number.to_be_bytes()].concat());
        let mut comb = [seed; 32];
        comb[0] = number.to_be_bytes()[1] & 7;
        let bit = 8 + usize::from(number / 8) % 248;
        comb[bit / 8] ^= 0x80 >> (bit % 8);
        all.insert(IndexKey::from_bytes(*hash.as_bytes()), hash);
        all.insert(IndexKey::from_bytes(comb), hash);
    }
    all.into_iter().collect()
}

#[test]
fn any_order_of_arrival_builds_the_tree_of_the_reference() {
    let all = many(1);
    let expected = reference::root(&all.iter().copied().collect());
    let batched = |order: &[(IndexKey, Hash)], size: usize| {
        let mut tree = Tree::new();
        for batch in order.chunks(size) {
            let mut batch = batch.to_vec();
            batch.sort_unstable();
            tree.insert_batch(&batch).unwrap();
        }
        tree
    };
    let mut shuffled = all.clone();
    shuffled.sort_by_key(|(index, value)| sha256(&[*index.as_bytes(), *value.as_bytes()].concat()));
    let backward: Vec<_> = all.iter().rev().copied().collect();
    let searched: Vec<_> = shuffled.iter().take(40).map(|(index, _)| *index).collect();
    let proof = batched(&all, all.len()).prove(&searched);
    assert!(proof.verify(&expected, &searched).is_ok());
    for order in [&all, &shuffled, &backward] {
        for size in [1, 7, 256, 257, all.len()] {
            let tree = batched(order, size);
            assert_eq!(tree.root(), expected, "batches of {size}");
            assert_eq!(tree.len(), all.len() as u64);
            assert!(
                tree.iter()
                    .eq(all.iter().map(|(index, value)| (index, value)))
            );
            assert_eq!(tree.prove(&searched), proof);
        }
    }
}

#[test]
fn a_copy_stays_while_the_tree_grows() {
    let all = many(2);
    let (mut tree, mut held) = (Tree::new(), Leaves::new());
    let mut copies = Vec::new();
    let mut shuffled = all;
    shuffled.sort_by_key(|(_, value)| *value);
    for batch in shuffled.chunks(300) {
        copies.push((tree.clone(), held.clone()));
        let mut batch = batch.to_vec();
        batch.sort_unstable();
        tree.insert_batch(&batch).unwrap();
        held.extend(batch);
    }
    copies.push((tree, held));
    for (mut tree, mut held) in copies {
        assert_eq!(tree.root(), reference::root(&held));
        assert!(tree.iter().eq(held.iter()));
        // Each copy also grows on its own.
        tree.insert_batch(&[(at(0x77), value(1))]).unwrap();
        held.insert(at(0x77), value(1));
        assert_eq!(tree.root(), reference::root(&held));
    }
}

#[test]
fn a_large_batch_that_is_refused_late_leaves_the_tree_as_it_was() {
    let (old, mut batch) = (many(3), many(4));
    let mut tree = Tree::new();
    tree.insert_batch(&old).unwrap();
    batch.retain(|(index, _)| tree.value(index).is_none());
    let mut before = tree.clone();
    let (last, _) = *old.last().unwrap();
    batch.retain(|(index, _)| *index < last);
    assert!(batch.len() > 1000);
    let fresh = batch.clone();
    batch.push((last, value(0)));
    assert_eq!(tree.insert_batch(&batch), Err(IndexError::Present(last)));
    assert_eq!(tree.root(), before.root());
    assert_eq!(tree.len(), before.len());
    assert!(tree.iter().eq(before.iter()));
    tree.insert_batch(&fresh).unwrap();
    before.insert_batch(&fresh).unwrap();
    assert_eq!(tree.root(), before.root());
}

proptest! {
    #[test]
    fn parts_are_merged_into_the_proof_that_the_tree_gives(
        leaves in any_leaves(40),
        others in prop::collection::vec(any_index(), 0..8),
        places in prop::collection::vec((any::<prop::sample::Index>(), 0..4usize), 1..24),
    ) {
        let tree = tree(&leaves);
        let mut known: Vec<IndexKey> = leaves.keys().copied().chain(others).collect();
        known.push(at(1));
        let mut parts: [Vec<IndexKey>; 4] = Default::default();
        for (place, part) in &places {
            parts[*part].push(*place.get(&known));
        }
        let proofs: Vec<_> = parts.iter().map(|part| tree.prove(part)).collect();
        let given: Vec<_> = proofs.iter().zip(&parts).map(|(proof, part)| (proof, part.as_slice())).collect();
        let all = parts.concat();
        let merged = IndexProof::merge(&tree.root(), &given, &all).unwrap();
        prop_assert_eq!(&merged, &tree.prove(&all));
        // A part of another root, and an index that no part shows.
        prop_assert!(IndexProof::merge(&value(9), &given, &all).is_err());
        let missing = at(0x77);
        if !all.contains(&missing) {
            prop_assert!(IndexProof::merge(&tree.root(), &given, &[&all[..], &[missing]].concat()).is_err());
        }
    }
}
