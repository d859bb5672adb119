//! The index: insertions, proofs and transitions against the bit-by-bit reference, and changed
//! proofs against their verifiers.

use arbitrary::{Result, Unstructured};
use plainsight_specs::hash::Hash;
use plainsight_specs::index::{IndexKey, IndexProof, TransitionProof, Tree};
use plainsight_specs::json;
use serde_json::Value;

use super::reference_index::{self as reference, Leaves};

/// Steps of one input.
const MAX_STEPS: usize = 24;
/// Searches of one proof.
const MAX_SEARCHED: usize = 6;

/// Inserts in batches; after each, asks for proofs and changes them.
pub fn run(input: &[u8]) {
    // An input that ends early has done what it could.
    let _ = steps(&mut Unstructured::new(input));
}

fn steps(u: &mut Unstructured<'_>) -> Result<()> {
    let (mut tree, mut leaves) = (Tree::new(), Leaves::new());
    for _ in 0..MAX_STEPS {
        if u.is_empty() {
            break;
        }
        let (before, root) = (leaves.clone(), tree.root());
        let batch = batch(u)?;
        let proved = tree.prove_insertion(&batch);
        let is_new = batch.is_sorted_by(|one, next| one.0 < next.0)
            && batch.iter().all(|(index, _)| !leaves.contains_key(index));
        assert_eq!(tree.insert_batch(&batch).is_ok(), is_new);
        assert_eq!(proved.is_ok(), is_new);
        if is_new {
            leaves.extend(batch.iter().copied());
        }
        assert_eq!(tree.root(), reference::root(&leaves));
        assert_eq!(tree.len(), leaves.len() as u64);
        assert!(tree.iter().eq(leaves.iter()));
        if let Ok(transition) = proved {
            transitions(u, &transition, &before, &root, &batch, &tree)?;
        }
        searches(u, &tree, &leaves)?;
    }
    Ok(())
}

/// Indexes that share long prefixes are as likely as those that do not.
fn index(u: &mut Unstructured<'_>) -> Result<IndexKey> {
    let fill: u8 = *u.choose(&[0x00, 0xff, 0x5a])?;
    let mut bytes = [fill; 32];
    match u.int_in_range(0..=2u8)? {
        0 => bytes[0] = u.arbitrary()?,
        1 => {
            let bit = u.int_in_range(0..=255usize)?;
            bytes[bit / 8] ^= 0x80 >> (bit % 8);
            bytes[31] ^= u.int_in_range(0..=3u8)?;
        }
        _ => bytes = u.arbitrary()?,
    }
    Ok(IndexKey::from_bytes(bytes))
}

fn batch(u: &mut Unstructured<'_>) -> Result<Vec<(IndexKey, Hash)>> {
    let mut batch = Vec::new();
    for _ in 0..u.int_in_range(0..=5u8)? {
        batch.push((index(u)?, Hash::from_bytes([u.arbitrary()?; 32])));
    }
    // Mostly in order, so that mostly something is inserted.
    if u.ratio(7u8, 8u8)? {
        batch.sort_unstable();
        batch.dedup_by_key(|(index, _)| *index);
    }
    Ok(batch)
}

fn searches(u: &mut Unstructured<'_>, tree: &Tree, leaves: &Leaves) -> Result<()> {
    let mut searched = Vec::new();
    for _ in 0..u.int_in_range(1..=MAX_SEARCHED)? {
        let known = leaves.keys().nth(u.int_in_range(0..=31usize)?);
        searched.push(match known {
            Some(known) if u.arbitrary()? => *known,
            _ => index(u)?,
        });
    }
    let json = reference::prove(leaves, &searched);
    let proof = tree.prove(&searched);
    assert_eq!(proof.to_json(), json);
    let found: Vec<_> = searched
        .iter()
        .map(|key| leaves.get(key).copied())
        .collect();
    assert_eq!(proof.verify(&tree.root(), &searched), Ok(found.clone()));
    let other = change(u, &json)?;
    if other != json
        && let Ok(parsed) = parse(&other)
        && let Ok(told) = parsed.verify(&tree.root(), &searched)
    {
        assert_eq!(told, found, "a changed proof says something else");
        panic!("a changed proof is accepted: {other}");
    }
    Ok(())
}

fn parse(proof: &Value) -> std::result::Result<IndexProof, ()> {
    let json = json::parse(proof.to_string().as_bytes()).map_err(|_| ())?;
    IndexProof::from_json(json).map_err(|_| ())
}

fn transitions(
    u: &mut Unstructured<'_>,
    transition: &TransitionProof,
    before: &Leaves,
    root: &Hash,
    batch: &[(IndexKey, Hash)],
    after: &Tree,
) -> Result<()> {
    let indexes: Vec<_> = batch.iter().map(|(index, _)| *index).collect();
    let json = transition.to_json();
    assert_eq!(
        json["results"],
        reference::prove(before, &indexes)["results"]
    );
    if indexes.is_empty() {
        return Ok(());
    }
    assert_eq!(transition.verify(root, &indexes), Ok(after.root()));
    let other = change(u, &json)?;
    let parsed = json::parse(other.to_string().as_bytes()).map(TransitionProof::from_json);
    if other != json
        && let Ok(Ok(parsed)) = parsed
        && let Ok(told) = parsed.verify(root, &indexes)
    {
        // Values are the prover's own, so another value is another true transition.
        assert_ne!(told, after.root(), "two proofs of one transition: {other}");
        assert_ne!(other["values"], json["values"], "{other}");
    }
    Ok(())
}

/// A proof with one part changed, removed, repeated or exchanged; perhaps the same.
fn change(u: &mut Unstructured<'_>, proof: &Value) -> Result<Value> {
    let mut other = proof.clone();
    let list = *u.choose(&["results", "elements", "values"])?;
    let Some(values) = other.get_mut(list).and_then(Value::as_array_mut) else {
        return Ok(other);
    };
    if values.is_empty() {
        if list == "elements" {
            values.push(Hash::ZERO.to_base64().into());
        }
        return Ok(other);
    }
    let at = u.choose_index(values.len())?;
    match u.int_in_range(0..=3u8)? {
        0 => drop(values.remove(at)),
        1 => values.insert(at, values[at].clone()),
        2 => {
            let with = u.choose_index(values.len())?;
            values.swap(at, with);
        }
        _ => part(u, &mut values[at])?,
    }
    Ok(other)
}

fn part(u: &mut Unstructured<'_>, value: &mut Value) -> Result<()> {
    if let Some(depth) = value.get_mut("depth") {
        let changed: u16 = u.int_in_range(0..=256)?;
        if u.arbitrary()? {
            *depth = changed.into();
            return Ok(());
        }
        let kind = *u.choose(&["empty", "inclusion", "leaf"])?;
        if u.ratio(1u8, 4u8)? {
            value["type"] = kind.into();
            return Ok(());
        }
        for pointer in ["/value", "/leaf/value", "/leaf/index"] {
            if let Some(hash) = value.pointer_mut(pointer) {
                return digit(u, hash);
            }
        }
        return Ok(());
    }
    digit(u, value)
}

fn digit(u: &mut Unstructured<'_>, hash: &mut Value) -> Result<()> {
    let mut text = hash.as_str().unwrap_or_default().to_owned();
    let at = u.choose_index(text.len().max(1))?;
    let digit = *u.choose(b"0aAbfgoEMIYkw48+/=")?;
    if at < text.len() {
        text.replace_range(at..=at, &char::from(digit).to_string());
        *hash = text.into();
    }
    Ok(())
}
