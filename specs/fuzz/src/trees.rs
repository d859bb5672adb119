//! RFC 6962 trees: the edge, the frontier, tiles and proofs against the recursion of the RFC and
//! against `rs_merkle`, and proofs with one change, or none at all, against their verifiers.

use arbitrary::{Result, Unstructured};
use plainsight_specs::hash::{Hash, leaf_hash};
use plainsight_specs::merkle::build::{
    Rfc6962, consistency_proof, inclusion_proof, tiles_for_consistency, tiles_for_inclusion,
    tiles_for_root,
};
use plainsight_specs::merkle::verify::{
    consistency_length, inclusion_length, verify_consistency, verify_inclusion,
};
use plainsight_specs::merkle::{Frontier, LeafIndex, TreeHead, TreeSize};
use plainsight_specs::tile::{Edge, TilePath, TileSet};

use super::reference_log as reference;

/// More than two tiles.
const MAX_LEAVES: u16 = 600;

/// Builds a tree in steps, then asks about places in it.
pub fn run(input: &[u8]) {
    // An input that ends early has done what it could.
    let _ = tree(&mut Unstructured::new(input));
    let _ = hostile(&mut Unstructured::new(input));
}

fn size(leaves: usize) -> TreeSize {
    TreeSize::new(leaves as u64).unwrap()
}

fn tree(u: &mut Unstructured<'_>) -> Result<()> {
    let total = usize::from(u.int_in_range(1..=MAX_LEAVES)?);
    let seed: u8 = u.arbitrary()?;
    let leaves: Vec<Hash> = (0..total)
        .map(|n| leaf_hash(&[seed, n.to_be_bytes()[6], n.to_be_bytes()[7]]))
        .collect();
    let (mut edge, mut frontier, mut tiles) = (Edge::new(), Frontier::new(), TileSet::new());
    while edge.size() < size(total) {
        let at = usize::try_from(edge.size().get()).unwrap();
        // An input that has nothing more to say asks for no more steps.
        let rest = total - at;
        let end = at
            + if u.is_empty() {
                rest
            } else {
                u.int_in_range(1..=rest)?
            };
        for (path, bytes) in edge.append(&leaves[at..end]).unwrap() {
            tiles.insert(path, &bytes).unwrap();
        }
        for leaf in &leaves[at..end] {
            frontier.append(leaf).unwrap();
        }
        let root = reference::root(&leaves[..end]);
        assert_eq!(edge.root(), root);
        assert_eq!(frontier.root(), root);
        assert_eq!(Edge::from_tiles(size(end), &tiles).unwrap(), edge);
    }
    let raw: Vec<[u8; 32]> = leaves.iter().map(|leaf| *leaf.as_bytes()).collect();
    let theirs = rs_merkle::MerkleTree::<Rfc6962>::from_leaves(&raw).root();
    assert_eq!(theirs, Some(*edge.root().as_bytes()));
    for _ in 0..4 {
        questions(u, &leaves, &tiles)?;
    }
    Ok(())
}

fn questions(u: &mut Unstructured<'_>, leaves: &[Hash], tiles: &TileSet) -> Result<()> {
    let newer = u.int_in_range(1..=leaves.len())?;
    let older = u.int_in_range(0..=newer)?;
    let place = u.int_in_range(0..=newer - 1)?;
    let index = LeafIndex::new(place as u64).unwrap();
    let head = |leaves: &[Hash]| TreeHead {
        size: size(leaves.len()),
        root: reference::root(leaves),
    };
    let (old, new) = (head(&leaves[..older]), head(&leaves[..newer]));

    // The tiles that are named are enough: nothing else is looked at.
    let only = |paths: Vec<TilePath>| {
        let mut set = TileSet::new();
        for path in paths {
            let hashes = tiles.get(&path).unwrap();
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            set.insert(path, &bytes).unwrap();
        }
        set
    };
    let needed = only(tiles_for_root(new.size));
    assert_eq!(
        Edge::from_tiles(new.size, &needed).unwrap().root(),
        new.root
    );
    let needed = only(tiles_for_inclusion(index, new.size));
    let mut inclusion = inclusion_proof(index, new.size, &needed).unwrap();
    assert_eq!(inclusion, reference::inclusion(place, &leaves[..newer]));
    assert_eq!(inclusion_length(index, new.size), Some(inclusion.len()));
    verify_inclusion(&leaves[place], index, &new, &inclusion).unwrap();
    let needed = only(tiles_for_consistency(old.size, new.size));
    let mut consistency = consistency_proof(old.size, new.size, &needed).unwrap();
    assert_eq!(consistency, reference::consistency(older, &leaves[..newer]));
    assert_eq!(
        consistency_length(old.size, new.size),
        Some(consistency.len())
    );
    verify_consistency(&old, &new, &consistency).unwrap();

    // Another place, another leaf, or a changed proof is refused.
    let other = LeafIndex::new(u.int_in_range(0..=newer as u64)?).unwrap();
    assert_eq!(
        verify_inclusion(&leaves[place], other, &new, &inclusion).is_ok(),
        other == index
    );
    if change(u, &mut inclusion)? {
        assert!(verify_inclusion(&leaves[place], index, &new, &inclusion).is_err());
    }
    if change(u, &mut consistency)? {
        assert!(verify_consistency(&old, &new, &consistency).is_err());
    }
    Ok(())
}

/// Changes a proof in one way. Whether it did.
fn change(u: &mut Unstructured<'_>, proof: &mut Vec<Hash>) -> Result<bool> {
    let before = proof.clone();
    match u.int_in_range(0..=4u8)? {
        0 => drop(proof.pop()),
        1 => proof.push(Hash::from_bytes(u.arbitrary()?)),
        2 if !proof.is_empty() => {
            let at = u.choose_index(proof.len())?;
            proof.insert(at, proof[at]);
        }
        3 if proof.len() > 1 => {
            let at = u.choose_index(proof.len() - 1)?;
            proof.swap(at, at + 1);
        }
        _ if !proof.is_empty() => {
            let at = u.choose_index(proof.len())?;
            let mut bytes = *proof[at].as_bytes();
            bytes[u.choose_index(32)?] ^= 1 << u.int_in_range(0..=7u8)?;
            proof[at] = Hash::from_bytes(bytes);
        }
        _ => {}
    }
    Ok(*proof != before)
}

/// Sizes and positions of any size, and proofs of chance: no tree has such a root.
fn hostile(u: &mut Unstructured<'_>) -> Result<()> {
    let (newer, older): (u64, u64) = (u.arbitrary()?, u.arbitrary()?);
    let place: u64 = u.arbitrary()?;
    let (Some(newer), Some(older), Some(index)) = (
        TreeSize::new(newer),
        TreeSize::new(older),
        LeafIndex::new(place),
    ) else {
        return Ok(());
    };
    let mut proof = Vec::new();
    while !u.is_empty() && proof.len() < 70 {
        let bytes = u.arbitrary()?;
        proof.push(Hash::from_bytes(bytes));
    }
    let root = Hash::from_bytes([7; 32]);
    let head = |size| TreeHead { size, root };
    let leaf = Hash::from_bytes([8; 32]);
    assert_eq!(
        inclusion_length(index, newer).is_some(),
        index.get() < newer.get()
    );
    assert_eq!(consistency_length(older, newer).is_some(), older <= newer);
    for proof in [&proof[..], &[]] {
        assert!(verify_inclusion(&leaf, index, &head(newer), proof).is_err());
        let consistent = verify_consistency(&head(older), &head(newer), proof).is_ok();
        assert_eq!(
            consistent,
            older == newer && older.get() > 0 && proof.is_empty()
        );
    }
    assert!(tiles_for_inclusion(index, newer).len() <= 64);
    Ok(())
}
