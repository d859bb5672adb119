//! How a version is found: the ladder against a scan of all versions, labels against their VRF
//! outputs, and the VRF against `vrf-rfc9381`.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder::{self, Ladder, LadderStep};
use plainsight_specs::vrf;
use vrf_rfc9381::ec::edwards25519::EdVrfProof;
use vrf_rfc9381::ec::edwards25519::elligator2::{
    EdVrfEdwards25519Ell2PublicKey, EdVrfEdwards25519Ell2SecretKey,
};
use vrf_rfc9381::{Proof as _, Prover as _, Verifier as _};

/// Climbs, then proves.
pub fn run(input: &[u8]) {
    // An input that ends early has done what it could.
    let _ = ladders(&mut Unstructured::new(input));
    let _ = proofs(&mut Unstructured::new(input));
}

fn version(u: &mut Unstructured<'_>) -> Result<u32> {
    let number: u32 = u.arbitrary()?;
    Ok(number >> u.int_in_range(0..=31u8)?)
}

fn ladders(u: &mut Unstructured<'_>) -> Result<()> {
    // Dense, as an honest log has them: the answer is the last one.
    let dense = version(u)?;
    for latest in [Some(dense), None] {
        let rungs = ladder::rungs_for(latest.map(Version::new));
        assert!(rungs.len() <= 66);
        let results: Vec<_> = rungs
            .iter()
            .map(|rung| (*rung, latest.is_some_and(|latest| rung.get() <= latest)))
            .collect();
        assert_eq!(ladder::verify(&results), Ok(latest.map(Version::new)));
        // A rung more, less, twice or out of order is refused.
        let at = u.choose_index(results.len())?;
        let mut less = results.clone();
        less.remove(at);
        assert!(ladder::verify(&less).is_err() || less.is_empty());
        let mut twice = results.clone();
        twice.insert(at, results[at]);
        assert!(ladder::verify(&twice).is_err());
        let mut other = results.clone();
        other.swap(0, at);
        assert!(at == 0 || ladder::verify(&other).is_err());
    }
    // Any set: one answer, which is in the set with the next one absent where the ladder looked,
    // and which never falls when more is there.
    let mut present = BTreeSet::new();
    for _ in 0..u.int_in_range(0..=40u8)? {
        present.insert(version(u)?);
    }
    let before = climb(&present);
    assert_eq!(before.is_some(), present.contains(&0));
    if let Some(latest) = before {
        assert!(present.contains(&latest));
        assert!(latest == u32::MAX || !present.contains(&(latest + 1)));
    }
    let dense = (0..=u32::MAX)
        .take_while(|number| present.contains(number))
        .last();
    assert!(before >= dense, "all that is dense is seen");
    present.insert(version(u)?);
    assert!(climb(&present) >= before);
    if let Some(latest) = before {
        watched(u, latest)?;
    }
    Ok(())
}

fn climb(present: &BTreeSet<u32>) -> Option<u32> {
    let mut ladder = Ladder::<Version>::new();
    loop {
        match ladder.next() {
            LadderStep::Look(rung) => ladder.answer(present.contains(&rung.get())),
            LadderStep::Found(latest) => return latest.map(Version::get),
        }
    }
}

/// Nothing above the latest can become the latest but by an index that is watched.
fn watched(u: &mut Unstructured<'_>, latest: u32) -> Result<()> {
    let honest: BTreeSet<u32> = (0..=latest.min(5000)).collect();
    let latest = latest.min(5000);
    let watched: BTreeSet<u32> = ladder::watched_rungs(Version::new(latest))
        .iter()
        .map(|rung| rung.get())
        .collect();
    let mut lied = honest.clone();
    for _ in 0..u.int_in_range(0..=8u8)? {
        let planted = version(u)?;
        if !watched.contains(&planted) {
            lied.insert(planted);
        }
    }
    assert_eq!(climb(&lied), Some(latest));
    // And not at the next rotation either.
    if !watched.contains(&(latest + 1)) {
        return Ok(());
    }
    lied.insert(latest + 1);
    assert_eq!(climb(&lied), Some(latest + 1));
    Ok(())
}

fn proofs(u: &mut Unstructured<'_>) -> Result<()> {
    let seed: [u8; 32] = [u.arbitrary()?; 32];
    let secret = vrf::SecretKey::from_seed(&seed);
    let mut alpha = Vec::new();
    while alpha.len() < 64 && !u.is_empty() {
        alpha.push(u.arbitrary()?);
    }
    if let Ok(label) = Label::opaque(&alpha) {
        let zero = secret.evaluate(&label.vrf_input(Version::new(0)));
        let one = secret.evaluate(&label.vrf_input(Version::new(1)));
        assert_ne!(zero.index_key(), one.index_key());
    }
    let (proof, output) = secret.prove(&alpha);
    assert_eq!(secret.evaluate(&alpha), output);
    assert_eq!(secret.public().verify(&alpha, &proof), Ok(output));
    let theirs = EdVrfEdwards25519Ell2SecretKey::from_slice(&seed).unwrap();
    let their_proof = theirs.prove(&alpha).unwrap();
    assert_eq!(proof.as_bytes().to_vec(), their_proof.encode_to_pi());

    // A changed proof: what we take the other one takes too, and only the proof itself is taken.
    let mut bytes = *proof.as_bytes();
    bytes[u.choose_index(bytes.len())?] ^= u.arbitrary::<u8>()?;
    let ours = vrf::Proof::parse(&bytes).and_then(|proof| secret.public().verify(&alpha, &proof));
    let key = EdVrfEdwards25519Ell2PublicKey::from_slice(secret.public().as_bytes()).unwrap();
    let theirs = EdVrfProof::decode_pi(&bytes).and_then(|proof| key.verify(&alpha, proof));
    assert!(ours.is_err() || theirs.is_ok());
    assert_eq!(ours.is_ok(), bytes == *proof.as_bytes());
    Ok(())
}
