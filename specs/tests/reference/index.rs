//! The index as its chapter describes it: bit by bit, recursive, and slow. It shares only SHA-256
//! with the code under test.

use std::collections::BTreeMap;

use plainsight_specs::codec::to_base64;
use plainsight_specs::hash::{Hash, sha256_parts};
use plainsight_specs::index::IndexKey;
use serde_json::{Value, json};

pub(crate) type Leaves = BTreeMap<IndexKey, Hash>;

const ZERO: Hash = Hash::from_bytes([0; 32]);

fn bit(index: &IndexKey, i: usize) -> u8 {
    (index.as_bytes()[i / 8] >> (7 - i % 8)) & 1
}

fn side(leaves: &Leaves, depth: usize, wanted: u8) -> Leaves {
    leaves
        .iter()
        .filter(|(index, _)| bit(index, depth) == wanted)
        .map(|(index, value)| (*index, *value))
        .collect()
}

pub(crate) fn leaf(index: &IndexKey, value: &Hash) -> Hash {
    sha256_parts(&[&[2], index.as_bytes(), value.as_bytes()])
}

pub(crate) fn parent(left: &Hash, right: &Hash) -> Hash {
    sha256_parts(&[&[3], left.as_bytes(), right.as_bytes()])
}

pub(crate) fn root(leaves: &Leaves) -> Hash {
    node(leaves, 0)
}

/// The node at `depth` on the way to `index`.
pub(crate) fn under(leaves: &Leaves, index: &IndexKey, depth: usize) -> Hash {
    let mut leaves = leaves.clone();
    for above in 0..depth {
        leaves = side(&leaves, above, bit(index, above));
    }
    node(&leaves, depth)
}

fn node(leaves: &Leaves, depth: usize) -> Hash {
    if leaves.is_empty() {
        return ZERO;
    }
    if leaves.len() == 1 {
        let (index, value) = leaves.iter().next().unwrap();
        return leaf(index, value);
    }
    let left = node(&side(leaves, depth, 0), depth + 1);
    let right = node(&side(leaves, depth, 1), depth + 1);
    parent(&left, &right)
}

/// The JSON of the one proof there is.
pub(crate) fn prove(leaves: &Leaves, searched: &[IndexKey]) -> Value {
    let mut results = vec![Value::Null; searched.len()];
    let mut elements = Vec::new();
    let all: Vec<usize> = (0..searched.len()).collect();
    if !all.is_empty() {
        walk(leaves, searched, &all, 0, &mut results, &mut elements);
    }
    json!({ "results": results, "elements": elements })
}

fn walk(
    leaves: &Leaves,
    searched: &[IndexKey],
    here: &[usize],
    depth: usize,
    results: &mut [Value],
    elements: &mut Vec<String>,
) {
    if here.is_empty() {
        elements.push(node(leaves, depth).to_base64());
        return;
    }
    if leaves.len() > 1 {
        for wanted in [0, 1] {
            let onward: Vec<usize> = here
                .iter()
                .copied()
                .filter(|position| bit(&searched[*position], depth) == wanted)
                .collect();
            let below = side(leaves, depth, wanted);
            walk(&below, searched, &onward, depth + 1, results, elements);
        }
        return;
    }
    for position in here {
        results[*position] = match leaves.iter().next() {
            None => json!({ "type": "empty", "depth": depth }),
            Some((index, value)) if *index == searched[*position] => {
                json!({ "type": "inclusion", "depth": depth, "value": value.to_base64() })
            }
            Some((index, value)) => json!({
                "type": "leaf",
                "depth": depth,
                "leaf": { "index": to_base64(index.as_bytes()), "value": value.to_base64() },
            }),
        };
    }
}
