//! Whom a reader trusts.

use plainsight_specs::Blame;
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::head::Step;
use plainsight_specs::policy::{self, PolicyError};
use pyo3::prelude::*;

use crate::error::refused;

/// A C2SP tlog-policy: which logs, and whose cosignatures count.
#[pyclass(frozen, module = "plainsight")]
pub(crate) struct Policy(pub(crate) policy::Policy);

/// A checkpoint under which a policy is met.
#[pyclass(frozen, get_all, module = "plainsight")]
pub(crate) struct Checkpoint {
    origin: String,
    size: u64,
    root: [u8; 32],
    /// The policy's witnesses whose cosignatures were verified, each with its time.
    cosigned: Vec<(String, u64)>,
}

#[pymethods]
impl Policy {
    #[new]
    fn new(text: &str) -> PyResult<Self> {
        policy::Policy::parse(text)
            .map(Self)
            .map_err(|error| refused(error.blame(), None, &error))
    }

    /// The origins of the logs.
    #[getter]
    fn logs(&self) -> Vec<String> {
        let logs = self.0.logs().iter();
        logs.map(|log| log.key.name().as_str().to_owned()).collect()
    }

    /// The names of the witnesses.
    #[getter]
    fn witnesses(&self) -> Vec<String> {
        let witnesses = self.0.witnesses().iter();
        witnesses.map(|witness| witness.name.clone()).collect()
    }

    /// Verifies a checkpoint: the log's signature and the quorum. Not how old it is.
    fn verify(&self, note: &[u8]) -> PyResult<Checkpoint> {
        let unverified = UnverifiedCheckpoint::parse(note)
            .map_err(|error| refused(error.blame(), Some(Step::Parse), &error))?;
        let checkpoint = self.0.verify(unverified).map_err(|error| {
            let step = match &error {
                PolicyError::Quorum { .. } => Step::Quorum,
                _ => Step::LogSignature,
            };
            // As in a head: whatever a policy does not accept is not proved.
            refused(Blame::Unproven, Some(step), &error)
        })?;
        Ok(Checkpoint::of(&self.0, &checkpoint))
    }
}

impl Checkpoint {
    /// As it is shown.
    pub(crate) fn of(policy: &policy::Policy, checkpoint: &policy::Checkpoint) -> Self {
        let head = checkpoint.head();
        let cosigned = policy.witnesses().iter().filter_map(|witness| {
            let mut lines = checkpoint.cosignatures().iter();
            let cosigned = lines.find(|one| witness.key.is_named_by(&one.line))?;
            Some((witness.name.clone(), cosigned.time.seconds()))
        });
        Self {
            origin: checkpoint.origin().as_str().to_owned(),
            size: head.size.get(),
            root: *head.root.as_bytes(),
            cosigned: cosigned.collect(),
        }
    }
}
