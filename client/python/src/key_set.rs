//! Key sets.

use plainsight_specs::head::Step;
use plainsight_specs::keyset::{self, Continuity, ResetReason};
use pyo3::prelude::*;

use crate::error::refused;

/// All keys of a label at one version, signed by its owner.
#[pyclass(frozen, module = "plainsight")]
pub(crate) struct KeySet(pub(crate) keyset::KeySet);

/// One key of a set.
#[pyclass(frozen, get_all, module = "plainsight")]
pub(crate) struct Key {
    id: String,
    /// identity, device, recovery or escrow.
    role: String,
    alg: String,
    key: Vec<u8>,
}

#[pymethods]
impl KeySet {
    #[new]
    fn new(envelope: &[u8]) -> PyResult<Self> {
        keyset::KeySet::parse(envelope)
            .map(Self)
            .map_err(|error| refused(error.blame(), Some(Step::KeySet), &error))
    }

    /// The label as it is typed.
    #[getter]
    fn label(&self) -> String {
        self.0.label().display()
    }

    /// The label as it is signed.
    #[getter]
    fn label_bytes(&self) -> Vec<u8> {
        self.0.label().as_bytes().to_vec()
    }

    #[getter]
    fn version(&self) -> u32 {
        self.0.version().get()
    }

    /// The hash of the previous key set.
    #[getter]
    fn prev(&self) -> Option<[u8; 32]> {
        self.0.prev().map(|prev| *prev.as_bytes())
    }

    /// When its owner says that it was made, in seconds since 1970.
    #[getter]
    fn created(&self) -> u64 {
        self.0.created().seconds()
    }

    #[getter]
    fn keys(&self) -> Vec<Key> {
        let keys = self.0.keys().iter().map(|key| Key {
            id: key.id.clone(),
            role: key.role.as_str().to_owned(),
            alg: key.alg.clone(),
            key: key.key.clone(),
        });
        keys.collect()
    }

    #[getter]
    fn hash(&self) -> [u8; 32] {
        *self.0.hash().as_bytes()
    }

    /// How it follows the version before: `first`, `signed`, or why it is a reset.
    #[pyo3(signature = (previous = None))]
    fn continuity(&self, previous: Option<PyRef<'_, Self>>) -> &'static str {
        match self
            .0
            .continuity(previous.as_ref().map(|previous| &previous.0))
        {
            Continuity::First => "first",
            Continuity::Signed => "signed",
            Continuity::Reset(ResetReason::PreviousUnknown) => "previous-unknown",
            Continuity::Reset(ResetReason::NotPrevious) => "not-previous",
            Continuity::Reset(ResetReason::WrongLink) => "wrong-link",
            Continuity::Reset(ResetReason::NotSignedByPrevious) => "not-signed-by-previous",
        }
    }

    /// The signed bytes.
    fn __bytes__(&self) -> Vec<u8> {
        self.0.bytes().to_vec()
    }
}
