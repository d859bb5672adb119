//! RFC 6962 section 2.1 as it is written: recursive, and slow.

use plainsight_specs::hash::{Hash, sha256, sha256_parts};

fn split(leaves: &[Hash]) -> usize {
    let mut k = 1;
    while 2 * k < leaves.len() {
        k *= 2;
    }
    k
}

/// MTH, over leaf hashes.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves));
            let (left, right) = (root(left), root(right));
            sha256_parts(&[&[1], left.as_bytes(), right.as_bytes()])
        }
    }
}

/// PATH.
pub(crate) fn inclusion(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves);
    let (left, right) = leaves.split_at(k);
    let (mut path, sibling) = if m < k {
        (inclusion(m, left), root(right))
    } else {
        (inclusion(m - k, right), root(left))
    };
    path.push(sibling);
    path
}

/// PROOF; empty for the two sizes that RFC 6962 leaves out.
pub(crate) fn consistency(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if m == 0 {
        return Vec::new();
    }
    subproof(m, leaves, true)
}

fn subproof(m: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if known {
            Vec::new()
        } else {
            vec![root(leaves)]
        };
    }
    let k = split(leaves);
    let (left, right) = leaves.split_at(k);
    let (mut proof, sibling) = if m <= k {
        (subproof(m, left, known), root(right))
    } else {
        (subproof(m - k, right, false), root(left))
    };
    proof.push(sibling);
    proof
}
