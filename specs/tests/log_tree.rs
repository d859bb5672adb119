//! The log's tree and its tiles against RFC 6962 as it is written, and every single change of a
//! proof against the verifiers.

#![allow(clippy::unwrap_used)]

#[path = "reference/log.rs"]
mod reference;

use plainsight_specs::hash::{Hash, empty_root, leaf_hash, node_hash};
use plainsight_specs::merkle::build::{self, BuildError, Frontier, Rfc6962};
use plainsight_specs::merkle::verify::{ProofError, verify_consistency, verify_inclusion};
use plainsight_specs::merkle::{LeafIndex, TreeHead, TreeSize};
use plainsight_specs::tile::{Edge, TileError, TilePath, TileSet};
use proptest::prelude::*;
use rs_merkle::{MerkleProof, MerkleTree};

fn leaf_hashes(count: usize) -> Vec<Hash> {
    (0..count)
        .map(|i| leaf_hash(format!("entry {i}").as_bytes()))
        .collect()
}

fn size(leaves: usize) -> TreeSize {
    TreeSize::new(leaves as u64).unwrap()
}

fn index(position: usize) -> LeafIndex {
    LeafIndex::new(position as u64).unwrap()
}

fn head(leaves: &[Hash]) -> TreeHead {
    TreeHead {
        size: size(leaves.len()),
        root: reference::root(leaves),
    }
}

/// All tiles that a log of these leaves publishes when it grows by `step`.
fn tiles(leaves: &[Hash], step: usize) -> TileSet {
    let (mut set, mut edge) = (TileSet::new(), Edge::new());
    for part in leaves.chunks(step) {
        for (path, bytes) in edge.append(part).unwrap() {
            set.insert(path, &bytes).unwrap();
        }
    }
    set
}

/// Every change of one bit in each byte, and of the list.
fn single_changes(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for at in 0..proof.len() {
        for byte in 0..32 {
            let mut bytes = *proof[at].as_bytes();
            bytes[byte] ^= 1 << (byte % 8);
            let mut other = proof.to_vec();
            other[at] = Hash::from_bytes(bytes);
            all.push(other);
        }
        let mut other = proof.to_vec();
        other.remove(at);
        all.push(other);
        let mut other = proof.to_vec();
        other.insert(at, proof[at]);
        all.push(other);
        for with in at + 1..proof.len() {
            let mut other = proof.to_vec();
            other.swap(at, with);
            all.push(other);
        }
    }
    for extra in [Hash::ZERO, empty_root()] {
        all.push([proof, &[extra]].concat());
        all.push([&[extra], proof].concat());
    }
    all
}

#[test]
fn frontier_has_the_root_of_the_reference() {
    let leaves = leaf_hashes(300);
    let mut frontier = Frontier::new();
    assert_eq!(frontier.root(), empty_root());
    for (position, leaf) in leaves.iter().enumerate() {
        assert_eq!(frontier.append(leaf), Some(index(position)));
        assert_eq!(frontier.size(), size(position + 1));
        assert_eq!(frontier.root(), reference::root(&leaves[..=position]));
        assert_eq!(
            Frontier::from_bytes(&frontier.to_bytes()),
            Ok(frontier.clone())
        );
    }
}

#[test]
fn a_frontier_takes_leaves_together_as_one_by_one() {
    let leaves = leaf_hashes(70);
    for before in 0..35 {
        let mut start = Frontier::new();
        for leaf in &leaves[..before] {
            start.append(leaf);
        }
        let mut one_by_one = start.clone();
        for more in 0..35 {
            let mut together = start.clone();
            let end = before + more;
            assert_eq!(together.append_all(&leaves[before..end]), Some(size(end)));
            assert_eq!(together, one_by_one, "{before} and {more}");
            one_by_one.append(&leaves[end]);
        }
    }
}

#[test]
fn refuses_a_frontier_of_another_length() {
    let mut frontier = Frontier::new();
    for leaf in leaf_hashes(7) {
        frontier.append(&leaf);
    }
    let bytes = frontier.to_bytes();
    assert_eq!(bytes.len(), 8 + 3 * 32);
    for length in 0..bytes.len() {
        assert!(Frontier::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    assert!(Frontier::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    let mut other_size = bytes.clone();
    other_size[7] = 3;
    assert!(Frontier::from_bytes(&other_size).is_err());
    let mut too_large = bytes;
    too_large[..8].copy_from_slice(&(1u64 << 63 | 3).to_be_bytes());
    assert!(Frontier::from_bytes(&too_large).is_err());
}

#[test]
fn a_full_tree_takes_no_leaf() {
    let mut bytes = (i64::MAX as u64).to_be_bytes().to_vec();
    bytes.resize(8 + 63 * 32, 1);
    let mut frontier = Frontier::from_bytes(&bytes).unwrap();
    assert_eq!(frontier.append(&Hash::ZERO), None);
    assert_eq!(frontier.append_all(&[Hash::ZERO; 2]), None);
    assert_eq!(frontier.to_bytes(), bytes);
}

#[test]
fn rs_merkle_agrees_on_every_root() {
    let leaves = leaf_hashes(300);
    let raw: Vec<[u8; 32]> = leaves.iter().map(|leaf| *leaf.as_bytes()).collect();
    for count in 1..=300 {
        let root = MerkleTree::<Rfc6962>::from_leaves(&raw[..count]).root();
        let expected = reference::root(&leaves[..count]);
        assert_eq!(root, Some(*expected.as_bytes()), "{count}");
    }
}

#[test]
fn inclusion_proofs_are_those_of_the_reference_and_verify() {
    let leaves = leaf_hashes(70);
    let set = tiles(&leaves, 1);
    for count in 1..=leaves.len() {
        let head = head(&leaves[..count]);
        assert_eq!(build::root(head.size, &set), Ok(head.root));
        for position in 0..count {
            let proof = build::inclusion_proof(index(position), head.size, &set).unwrap();
            assert_eq!(proof, reference::inclusion(position, &leaves[..count]));
            verify_inclusion(&leaves[position], index(position), &head, &proof).unwrap();
        }
    }
}

#[test]
fn consistency_proofs_are_those_of_the_reference_and_verify() {
    let leaves = leaf_hashes(66);
    let set = tiles(&leaves, 1);
    for newer in 0..=leaves.len() {
        let newer_head = head(&leaves[..newer]);
        for older in 0..=newer {
            let proof = build::consistency_proof(size(older), size(newer), &set).unwrap();
            assert_eq!(proof, reference::consistency(older, &leaves[..newer]));
            verify_consistency(&head(&leaves[..older]), &newer_head, &proof).unwrap();
        }
    }
}

#[test]
fn any_single_change_of_an_inclusion_proof_fails() {
    let leaves = leaf_hashes(20);
    for count in [1, 2, 3, 5, 8, 13, 20] {
        let head = head(&leaves[..count]);
        for position in 0..count {
            let proof = reference::inclusion(position, &leaves[..count]);
            let leaf = leaves[position];
            for changed in single_changes(&proof) {
                assert!(verify_inclusion(&leaf, index(position), &head, &changed).is_err());
            }
            for other in (0..2 * count + 2).filter(|other| *other != position) {
                assert!(verify_inclusion(&leaf, index(other), &head, &proof).is_err());
            }
            for other in leaves.iter().filter(|other| **other != leaf) {
                assert!(verify_inclusion(other, index(position), &head, &proof).is_err());
            }
            let root = Hash::ZERO;
            let other = TreeHead { root, ..head };
            assert_eq!(
                verify_inclusion(&leaf, index(position), &other, &proof),
                Err(ProofError::Root { size: head.size })
            );
        }
        let beyond = index(count);
        assert_eq!(
            verify_inclusion(&leaves[0], beyond, &head, &[]),
            Err(ProofError::IndexOutOfRange {
                index: beyond,
                size: head.size
            })
        );
    }
}

#[test]
fn no_leaf_is_in_the_empty_tree() {
    for root in [empty_root(), leaf_hashes(1)[0]] {
        let head = TreeHead {
            size: TreeSize::ZERO,
            root,
        };
        assert!(verify_inclusion(&root, index(0), &head, &[]).is_err());
    }
}

#[test]
fn any_single_change_of_a_consistency_proof_fails() {
    let leaves = leaf_hashes(20);
    for newer in [1, 2, 3, 6, 8, 13, 20] {
        let newer_head = head(&leaves[..newer]);
        for older in 0..=newer {
            let older_head = head(&leaves[..older]);
            let proof = reference::consistency(older, &leaves[..newer]);
            for changed in single_changes(&proof) {
                assert!(verify_consistency(&older_head, &newer_head, &changed).is_err());
            }
            for other in (0..newer + 2).filter(|other| *other != older) {
                let other = TreeHead {
                    size: size(other),
                    ..older_head
                };
                assert!(verify_consistency(&other, &newer_head, &proof).is_err());
            }
            let root = Hash::ZERO;
            let other = TreeHead { root, ..older_head };
            assert!(verify_consistency(&other, &newer_head, &proof).is_err());
            if older > 0 {
                let other = TreeHead { root, ..newer_head };
                assert!(verify_consistency(&older_head, &other, &proof).is_err());
            }
        }
    }
}

#[test]
fn size_zero_and_equal_sizes_are_decided_by_the_roots() {
    let leaves = leaf_hashes(5);
    let (none, five) = (head(&[]), head(&leaves));
    assert_eq!(verify_consistency(&none, &none, &[]), Ok(()));
    assert_eq!(verify_consistency(&none, &five, &[]), Ok(()));
    assert_eq!(verify_consistency(&five, &five, &[]), Ok(()));
    let wrong = |head: TreeHead| TreeHead {
        root: leaves[0],
        ..head
    };
    assert!(verify_consistency(&wrong(none), &five, &[]).is_err());
    assert!(verify_consistency(&wrong(none), &wrong(none), &[]).is_err());
    assert!(verify_consistency(&none, &wrong(none), &[]).is_err());
    assert!(verify_consistency(&wrong(five), &five, &[]).is_err());
    assert!(verify_consistency(&five, &wrong(five), &[]).is_err());
    assert_eq!(
        verify_consistency(&five, &none, &[]),
        Err(ProofError::OlderIsLarger {
            older: five.size,
            newer: none.size
        })
    );
}

/// Each of these verifies with `rs_merkle`, which is why it sees nothing from a peer.
// SPEC(MERKLE-9)
#[test]
fn refuses_what_rs_merkle_accepts() {
    let leaves = leaf_hashes(4);
    let raw: Vec<[u8; 32]> = leaves.iter().map(|leaf| *leaf.as_bytes()).collect();
    let four = MerkleTree::<Rfc6962>::from_leaves(&raw);
    let head_of_four = head(&leaves);
    let forged = leaf_hash(b"never logged");

    // A forged leaf at an index given twice.
    let theirs = four.proof(&[0, 1]);
    let shown = [raw[0], raw[1], *forged.as_bytes()];
    assert!(theirs.verify(*head_of_four.root.as_bytes(), &[0, 1, 1], &shown, 4));
    let ours = reference::inclusion(1, &leaves);
    assert!(verify_inclusion(&forged, index(1), &head_of_four, &ours).is_err());
    let single: Vec<Hash> = theirs
        .proof_hashes()
        .iter()
        .map(|hash| Hash::from_bytes(*hash))
        .collect();
    assert!(verify_inclusion(&forged, index(1), &head_of_four, &single).is_err());

    // An index out of range.
    let three = MerkleTree::<Rfc6962>::from_leaves(&raw[..3]);
    let head_of_three = head(&leaves[..3]);
    for beyond in [4, 8, 12] {
        let theirs = three.proof(&[0]);
        assert!(theirs.verify(*head_of_three.root.as_bytes(), &[beyond], &raw[..1], 3));
        let ours = reference::inclusion(0, &leaves[..3]);
        assert_eq!(
            verify_inclusion(&leaves[0], index(beyond), &head_of_three, &ours),
            Err(ProofError::IndexOutOfRange {
                index: index(beyond),
                size: size(3)
            })
        );
    }

    // Hashes after the end.
    for position in 0..4 {
        let mut junk = reference::inclusion(position, &leaves);
        junk.push(forged);
        let theirs =
            MerkleProof::<Rfc6962>::new(junk.iter().map(|hash| *hash.as_bytes()).collect());
        let shown = &raw[position..=position];
        assert!(theirs.verify(*head_of_four.root.as_bytes(), &[position], shown, 4));
        assert_eq!(
            verify_inclusion(&leaves[position], index(position), &head_of_four, &junk),
            Err(ProofError::Length {
                got: 3,
                expected: 2
            })
        );
    }

    // A node as a leaf of a tree half as large, and with it any wrong number of leaves: the size
    // is the signed one, and fixes the length.
    let node = node_hash(&leaves[0], &leaves[1]);
    let sibling = node_hash(&leaves[2], &leaves[3]);
    let theirs = MerkleProof::<Rfc6962>::new(vec![*sibling.as_bytes()]);
    assert!(theirs.verify(*head_of_four.root.as_bytes(), &[0], &[*node.as_bytes()], 2));
    assert_eq!(
        verify_inclusion(&node, index(0), &head_of_four, &[sibling]),
        Err(ProofError::Length {
            got: 1,
            expected: 2
        })
    );
}

#[test]
fn tiles_of_a_larger_log_give_its_roots_and_proofs() {
    let leaves = leaf_hashes(66_000);
    let set = tiles(&leaves, 700);
    for count in [255, 256, 257, 512, 65_535, 65_536, 65_537, 66_000] {
        let edge = Edge::from_tiles(size(count), &set).unwrap();
        let head = head(&leaves[..count]);
        assert_eq!(edge.root(), head.root, "{count}");
        for position in [0, 1, 254, count / 2, count - 2, count - 1] {
            let proof = build::inclusion_proof(index(position), head.size, &set).unwrap();
            verify_inclusion(&leaves[position], index(position), &head, &proof).unwrap();
        }
        for older in [1, 255, 256, 300, 512, 65_536, count - 1] {
            if older < count {
                let proof = build::consistency_proof(size(older), head.size, &set).unwrap();
                let older = self::head(&leaves[..older]);
                verify_consistency(&older, &head, &proof).unwrap();
            }
        }
    }
}

#[test]
fn the_tiles_that_are_named_suffice_and_are_needed() {
    let leaves = leaf_hashes(1500);
    let all = tiles(&leaves, 37);
    let only = |paths: &[TilePath]| {
        let mut set = TileSet::new();
        for path in paths {
            let hashes = all.get(path).unwrap();
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            set.insert(*path, &bytes).unwrap();
        }
        set
    };
    // Each plan: the tiles, and whether a set is enough for it.
    let check = |paths: &[TilePath], enough: &dyn Fn(&TileSet) -> Result<(), BuildError>| {
        assert_eq!(enough(&only(paths)), Ok(()));
        for gone in 0..paths.len() {
            let mut fewer = paths.to_vec();
            let path = fewer.remove(gone);
            assert_eq!(enough(&only(&fewer)), Err(BuildError::MissingTile(path)));
        }
    };
    for count in [1, 2, 255, 256, 257, 511, 512, 513, 1024, 1500] {
        let count = size(count);
        let paths = build::tiles_for_root(count);
        check(&paths, &|set| build::root(count, set).map(drop));
        for position in [0, 1, 255, 256, 700, 1499] {
            let paths = build::tiles_for_inclusion(index(position), count);
            if position < usize::try_from(count.get()).unwrap() {
                check(&paths, &|set| {
                    build::inclusion_proof(index(position), count, set).map(drop)
                });
            } else {
                assert!(paths.is_empty());
            }
        }
        for older in [0, 1, 255, 256, 257, 700, 1499] {
            let older = size(older);
            let paths = build::tiles_for_consistency(older, count);
            if older <= count {
                check(&paths, &|set| {
                    build::consistency_proof(older, count, set).map(drop)
                });
            } else {
                assert!(paths.is_empty());
            }
        }
    }
    assert_eq!(
        build::inclusion_proof(index(9), size(9), &all),
        Err(BuildError::IndexOutOfRange {
            index: index(9),
            size: size(9)
        })
    );
    assert_eq!(
        build::consistency_proof(size(9), size(8), &all),
        Err(BuildError::OlderIsLarger {
            older: size(9),
            newer: size(8)
        })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn an_edge_writes_the_tiles_of_the_new_size(
        steps in prop::collection::vec(1..600usize, 1..6),
    ) {
        let leaves = leaf_hashes(steps.iter().sum());
        let mut edge = Edge::new();
        let mut set = TileSet::new();
        let (mut frontier, mut rest) = (Frontier::new(), &leaves[..]);
        for step in steps {
            let (now, later) = rest.split_at(step);
            let before = edge.size();
            for (path, bytes) in edge.append(now).unwrap() {
                // Full, or as wide as the new size has it; and new.
                prop_assert!(path.is_full() || TilePath::right_edge(edge.size()).any(|at| at == path));
                prop_assert!(TilePath::right_edge(before).all(|at| at != path));
                prop_assert_eq!(bytes.len(), 32 * usize::from(path.width()));
                set.insert(path, &bytes).unwrap();
            }
            for leaf in now {
                frontier.append(leaf);
            }
            prop_assert_eq!(edge.root(), frontier.root());
            prop_assert_eq!(&Edge::from_tiles(edge.size(), &set).unwrap(), &edge);
            rest = later;
        }
    }

    #[test]
    fn proofs_in_larger_trees_fail_when_changed(
        count in 1..5000usize,
        at in any::<prop::sample::Index>(),
        older in any::<prop::sample::Index>(),
    ) {
        let leaves = leaf_hashes(count);
        let set = tiles(&leaves, 1024);
        let newer = head(&leaves);
        let position = at.index(count);
        let proof = build::inclusion_proof(index(position), newer.size, &set).unwrap();
        prop_assert_eq!(&proof, &reference::inclusion(position, &leaves));
        verify_inclusion(&leaves[position], index(position), &newer, &proof).unwrap();
        for changed in single_changes(&proof) {
            prop_assert!(verify_inclusion(&leaves[position], index(position), &newer, &changed).is_err());
        }
        let older = head(&leaves[..=older.index(count)]);
        let proof = build::consistency_proof(older.size, newer.size, &set).unwrap();
        verify_consistency(&older, &newer, &proof).unwrap();
        for changed in single_changes(&proof) {
            prop_assert!(verify_consistency(&older, &newer, &changed).is_err());
        }
    }
}

#[test]
fn a_tile_set_keeps_the_widest_tile_and_refuses_another() {
    let leaves = leaf_hashes(4);
    let bytes: Vec<u8> = leaves.iter().flat_map(|hash| *hash.as_bytes()).collect();
    let width = |width| TilePath::hashes(0, 0, width).unwrap();
    let mut set = TileSet::new();
    set.insert(width(2), &bytes[..64]).unwrap();
    assert_eq!(set.get(&width(3)), None);
    set.insert(width(4), &bytes).unwrap();
    set.insert(width(1), &bytes[..32]).unwrap();
    assert_eq!(set.get(&width(3)), Some(&leaves[..3]));
    assert_eq!(set.get(&width(5)), None);
    assert_eq!(
        set.insert(width(1), &bytes[32..64]),
        Err(TileError::Contradiction)
    );
    for length in [0, 31, 33, 96] {
        let expected = 64;
        assert_eq!(
            set.insert(width(2), &bytes[..length]),
            Err(TileError::Length {
                got: length,
                expected
            })
        );
    }
    let bundle = TilePath::entries(0, 2).unwrap();
    assert_eq!(set.insert(bundle, &bytes[..64]), Err(TileError::NotHashes));
    assert_eq!(set.get(&bundle), None);
}
