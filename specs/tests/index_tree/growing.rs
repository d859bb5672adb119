//! Batches and transitions.

use super::*;

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
