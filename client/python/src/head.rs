//! Heads, and with what they are verified.

use plainsight_specs::Blame;
use plainsight_specs::entry::{self, Entry};
use plainsight_specs::hash::Hash;
use plainsight_specs::head::{self, GenesisAnswer, Step};
use plainsight_specs::merkle::{self, TreeSize};
use plainsight_specs::time::Timestamp;
use pyo3::prelude::*;

use crate::error::{misuse, refused};
use crate::policy::{Checkpoint, Policy};

/// The size and the root of a log: what a reader remembers of it.
#[pyclass(frozen, get_all, eq, module = "plainsight")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TreeHead {
    size: u64,
    root: [u8; 32],
}

/// The first entry of a log, which a reader remembers for the life of the log.
#[pyclass(frozen, module = "plainsight")]
pub(crate) struct Genesis(pub(crate) entry::Genesis);

/// A head that passed every step.
#[pyclass(frozen, get_all, module = "plainsight")]
pub(crate) struct Head {
    checkpoint: Py<Checkpoint>,
    /// To be remembered.
    tree_head: Py<TreeHead>,
    /// The time that the quorum vouches for, in seconds since 1970.
    fresh: u64,
    /// The time of the epoch it ends at, in milliseconds since 1970.
    epoch_ms: u64,
    index_size: u64,
    index_root: [u8; 32],
}

/// With what an answer is verified.
#[pyclass(frozen, module = "plainsight")]
pub(crate) struct Trust {
    pub(crate) policy: Py<Policy>,
    genesis: Py<Genesis>,
    remembered: Option<merkle::TreeHead>,
    now: Timestamp,
    max_age_s: u64,
}

#[pymethods]
impl TreeHead {
    #[new]
    fn new(size: u64, root: [u8; 32]) -> PyResult<Self> {
        Self { size, root }.inner().map(|_| Self { size, root })
    }

    fn __repr__(&self) -> String {
        let root = Hash::from_bytes(self.root);
        format!("TreeHead(size={}, root={})", self.size, root.to_hex())
    }
}

impl TreeHead {
    fn of(head: merkle::TreeHead) -> Self {
        Self {
            size: head.size.get(),
            root: *head.root.as_bytes(),
        }
    }

    fn inner(self) -> PyResult<merkle::TreeHead> {
        Ok(merkle::TreeHead {
            size: TreeSize::new(self.size).ok_or_else(|| misuse("no log has that size"))?,
            root: Hash::from_bytes(self.root),
        })
    }
}

#[pymethods]
impl Genesis {
    /// From the bytes that were kept of it.
    #[new]
    fn new(entry: &[u8]) -> PyResult<Self> {
        match Entry::parse(entry) {
            Ok(Entry::Genesis(genesis)) => Ok(Self(*genesis)),
            Ok(_) => Err(misuse("the entry is no genesis")),
            Err(error) => Err(refused(error.blame(), Some(Step::Parse), &error)),
        }
    }

    #[getter]
    fn origin(&self) -> String {
        self.0.origin().as_str().to_owned()
    }

    #[getter]
    fn vrf_key(&self) -> [u8; 32] {
        *self.0.vrf_key().as_bytes()
    }

    /// The entry, to be kept.
    fn __bytes__(&self) -> Vec<u8> {
        self.0.to_bytes()
    }
}

#[pymethods]
impl Trust {
    /// `now` in seconds since 1970. `remembered` is the head that was verified last, from which the
    /// answer has to prove consistency.
    #[new]
    #[pyo3(signature = (policy, genesis, now, *, max_age_s = 86_400, remembered = None))]
    fn new(
        policy: Py<Policy>,
        genesis: Py<Genesis>,
        now: u64,
        max_age_s: u64,
        remembered: Option<PyRef<'_, TreeHead>>,
    ) -> PyResult<Self> {
        Ok(Self {
            policy,
            genesis,
            remembered: remembered.map(|head| head.inner()).transpose()?,
            now: time(now)?,
            max_age_s,
        })
    }
}

impl Trust {
    pub(crate) fn inner(&self) -> head::Trust<'_> {
        head::Trust {
            policy: &self.policy.get().0,
            genesis: &self.genesis.get().0,
            remembered: self.remembered,
            now: self.now,
            max_age_s: self.max_age_s,
        }
    }

    /// The size that the question has to have been asked with.
    pub(crate) fn since(&self) -> Option<TreeSize> {
        self.remembered.map(|head| head.size)
    }
}

impl Head {
    pub(crate) fn of(py: Python<'_>, policy: &Policy, head: &head::Head) -> PyResult<Self> {
        Ok(Self {
            checkpoint: Py::new(py, Checkpoint::of(&policy.0, head.checkpoint()))?,
            tree_head: Py::new(py, TreeHead::of(head.tree_head()))?,
            fresh: head.fresh().seconds(),
            epoch_ms: head.epoch().time_ms,
            index_size: head.epoch().index_size,
            index_root: *head.epoch().index_root.as_bytes(),
        })
    }
}

/// Verifies the answer to `GET v1/genesis` of a log that is met for the first time.
#[pyfunction]
#[pyo3(signature = (answer, policy, now, *, max_age_s = 604_800))]
pub(crate) fn verify_genesis(
    py: Python<'_>,
    answer: &[u8],
    policy: &Policy,
    now: u64,
    max_age_s: u64,
) -> PyResult<(Head, Genesis)> {
    let answer = GenesisAnswer::parse(answer)
        .map_err(|error| refused(Blame::Malformed, Some(Step::Parse), &error))?;
    let (head, genesis) = answer
        .verify(&policy.0, time(now)?, max_age_s)
        .map_err(|error| refused(error.blame(), Some(error.step()), &error))?;
    Ok((Head::of(py, policy, &head)?, Genesis(genesis)))
}

fn time(seconds: u64) -> PyResult<Timestamp> {
    Timestamp::from_seconds(seconds).ok_or_else(|| misuse("no such time"))
}
