//! VRF proofs that were made before. A proof depends on the label and the version alone, so one that
//! was made is good for as long as the log has its key.

use plainsight_specs::hash::sha256;
use plainsight_specs::index::IndexKey;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::vrf;
use quick_cache::sync::Cache;

use crate::directory::Prover;

/// How many are kept: 32,768 of about 400 bytes.
const CAPACITY: usize = 32_768;

/// What was proved lately. Labels are kept as hashes only.
pub(crate) struct Proofs(Cache<[u8; 32], (vrf::Proof, IndexKey)>);

impl Proofs {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// The proof by `key`, which must be the same each time.
    pub(crate) fn prove(
        &self,
        key: &vrf::SecretKey,
        label: &Label,
        version: Version,
    ) -> (vrf::Proof, IndexKey) {
        let asked = *sha256(&label.vrf_input(version)).as_bytes();
        if let Some(made) = self.0.get(&asked) {
            return made;
        }
        let made = Prover::prove(key, label, version);
        self.0.insert(asked, made);
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_proof_is_the_one_that_would_be_made() {
        let key = vrf::SecretKey::from_seed(&[7; 32]);
        let proofs = Proofs::new();
        let label = Label::email("anna@example.org").unwrap();
        for version in [0, 1, 0, 1] {
            let version = Version::new(version);
            let (kept, index) = proofs.prove(&key, &label, version);
            let (made, same) = Prover::prove(&key, &label, version);
            assert_eq!((kept.as_bytes(), index), (made.as_bytes(), same));
        }
        assert_eq!(proofs.0.len(), 2);
    }
}
