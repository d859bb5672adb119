//! Proofs of misbehaviour.

use plainsight_specs::evidence::{Evidence, EvidenceError};
use plainsight_specs::merkle::LeafIndex;
use pyo3::prelude::*;

use crate::error::refused;

/// What an evidence file proves, and what it does not.
#[pyclass(frozen, get_all, module = "plainsight")]
pub(crate) struct Finding {
    /// The id of the rule that was broken.
    rule: String,
    /// About which log, by the name and the text of its key.
    log: String,
    log_key: String,
    /// Where, if it is about an entry.
    position: Option<u64>,
    proves: String,
    does_not_show: String,
}

/// Verifies an evidence file with nothing but the file.
#[pyfunction]
pub(crate) fn verify_evidence(py: Python<'_>, file: &[u8]) -> PyResult<Finding> {
    let failed = |error: EvidenceError| refused(error.blame(), None, &error);
    let finding = py.detach(|| Evidence::parse(file).and_then(|evidence| evidence.verify()));
    let finding = finding.map_err(failed)?;
    Ok(Finding {
        rule: finding.rule.as_str().to_owned(),
        log: finding.log_key.name().as_str().to_owned(),
        log_key: finding.log_key.to_string(),
        position: finding.position.map(LeafIndex::get),
        proves: finding.proves,
        does_not_show: finding.does_not_show,
    })
}
