//! The index against a naive reference, and every single change of a proof against its verifier.

#![allow(clippy::unwrap_used)]

mod growing;
#[path = "../reference/index.rs"]
mod reference;
mod refused;

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
