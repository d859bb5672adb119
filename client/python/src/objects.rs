//! Single objects of the protocol, for whoever looks into a log by themselves.

use plainsight_specs::Blame;
use plainsight_specs::ed25519::PublicKey;
use plainsight_specs::entry;
use plainsight_specs::hash::leaf_hash;
use plainsight_specs::head::Step;
use plainsight_specs::statement;
use plainsight_specs::vrf;
use pyo3::prelude::*;

use crate::error::{misuse, refused};

/// An entry of a log that parses.
#[pyclass(frozen, module = "plainsight")]
pub(crate) struct Entry {
    entry: entry::Entry,
    bytes: Vec<u8>,
}

/// A signed public claim that parses. Whether its signers are those of its role in a log is shown
/// by its presence in that log's index, not by its signatures alone.
#[pyclass(frozen, module = "plainsight")]
pub(crate) struct Statement(statement::Statement);

#[pymethods]
impl Entry {
    #[new]
    fn new(bytes: &[u8]) -> PyResult<Self> {
        let entry = entry::Entry::parse(bytes)
            .map_err(|error| refused(error.blame(), Some(Step::Parse), &error))?;
        let bytes = bytes.to_vec();
        Ok(Self { entry, bytes })
    }

    /// genesis, epoch, key, statement or close.
    #[getter]
    fn kind(&self) -> &'static str {
        self.entry.kind().as_str()
    }

    #[getter]
    fn leaf_hash(&self) -> [u8; 32] {
        *leaf_hash(&self.bytes).as_bytes()
    }

    /// The index and the commitment of a key entry.
    #[getter]
    fn key(&self) -> Option<([u8; 32], [u8; 32])> {
        match &self.entry {
            entry::Entry::Key(key) => Some((*key.index.as_bytes(), *key.commitment.as_bytes())),
            _ => None,
        }
    }

    /// The statement of a statement entry.
    #[getter]
    fn statement(&self) -> Option<Statement> {
        match &self.entry {
            entry::Entry::Statement(entry) => Some(Statement(entry.statement().clone())),
            _ => None,
        }
    }

    fn __bytes__(&self) -> Vec<u8> {
        self.entry.to_bytes()
    }
}

#[pymethods]
impl Statement {
    #[new]
    fn new(envelope: &[u8]) -> PyResult<Self> {
        statement::Statement::parse(envelope)
            .map(Self)
            .map_err(|error| refused(error.blame(), Some(Step::Statement), &error))
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind().as_str()
    }

    /// The role whose keys have to have signed it.
    #[getter]
    fn role(&self) -> &'static str {
        self.0.role().as_str()
    }

    #[getter]
    fn stream(&self) -> Vec<u8> {
        self.0.stream().as_bytes().to_vec()
    }

    #[getter]
    fn seq(&self) -> u32 {
        self.0.seq().get()
    }

    #[getter]
    fn prev(&self) -> Option<[u8; 32]> {
        self.0.prev().map(|prev| *prev.as_bytes())
    }

    /// The SHA-256 of each of its subjects, sorted.
    #[getter]
    fn digests(&self) -> Vec<[u8; 32]> {
        let digests = self.0.digests();
        digests.iter().map(|digest| *digest.as_bytes()).collect()
    }

    /// The indexes that it inserts.
    #[getter]
    fn indexes(&self) -> Vec<[u8; 32]> {
        let indexes = self.0.indexes();
        indexes.iter().map(|index| *index.as_bytes()).collect()
    }

    /// Which of these keys have signed it.
    fn signers(&self, keys: Vec<[u8; 32]>) -> PyResult<Vec<[u8; 32]>> {
        let keys = keys
            .iter()
            .map(|key| PublicKey::from_bytes(key).map_err(|error| misuse(&error.to_string())));
        let keys = keys.collect::<PyResult<Vec<_>>>()?;
        let signers = self.0.envelope().valid_signers(&keys);
        Ok(signers.iter().map(|key| *key.as_bytes()).collect())
    }
}

/// Verifies an Ed25519 signature as strictly as every component does.
#[pyfunction]
pub(crate) fn verify_signature(key: [u8; 32], message: &[u8], signature: [u8; 64]) -> PyResult<()> {
    let key =
        PublicKey::from_bytes(&key).map_err(|error| refused(Blame::Malformed, None, &error))?;
    key.verify(message, &signature)
        .map_err(|error| refused(Blame::Unproven, None, &error))
}

/// Verifies a VRF proof (RFC 9381, ECVRF-EDWARDS25519-SHA512-ELL2) and returns the output.
#[pyfunction]
pub(crate) fn verify_vrf(key: [u8; 32], alpha: &[u8], proof: &[u8]) -> PyResult<[u8; 64]> {
    let failed = |error: vrf::VrfError| refused(error.blame(), Some(Step::Vrf), &error);
    let key = vrf::PublicKey::from_bytes(&key).map_err(failed)?;
    let proof = vrf::Proof::parse(proof).map_err(failed)?;
    key.verify(alpha, &proof)
        .map(|output| *output.as_bytes())
        .map_err(failed)
}
