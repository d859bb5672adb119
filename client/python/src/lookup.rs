//! Look-ups.

use plainsight_specs::head::Step;
use plainsight_specs::label::Label;
use plainsight_specs::lookup::{LookupAnswer, LookupError, LookupRequest};
use plainsight_specs::merkle::TreeSize;
use pyo3::prelude::*;

use crate::error::{misuse, refused};
use crate::head::{Head, Trust};
use crate::key_set::KeySet;

/// A look-up that passed every step.
#[pyclass(frozen, get_all, module = "plainsight")]
pub(crate) struct Lookup {
    head: Py<Head>,
    /// `None`: the label is proved to have no key set.
    found: Option<Py<Found>>,
}

/// The latest key set of a label, proved.
#[pyclass(frozen, get_all, module = "plainsight")]
pub(crate) struct Found {
    version: u32,
    key_set: Py<KeySet>,
    /// The key entry.
    entry: Vec<u8>,
    /// Where the entry stands, if that was asked for.
    position: Option<u64>,
    /// It was logged no later than this, in milliseconds since 1970, if that was asked for.
    logged_no_later_than_ms: Option<u64>,
}

/// The body of a question, for `POST v1/lookup`.
#[pyfunction]
#[pyo3(signature = (label, *, since = None, logged = false))]
pub(crate) fn lookup_request(label: &str, since: Option<u64>, logged: bool) -> PyResult<Vec<u8>> {
    let since = match since {
        None => None,
        Some(since) => Some(TreeSize::new(since).ok_or_else(|| misuse("no log has that size"))?),
    };
    Ok(question(label, since, logged)?.to_json())
}

/// Verifies an answer to that question, asked with the size of the head that `trust` remembers.
#[pyfunction]
#[pyo3(signature = (answer, label, trust, *, logged = false))]
pub(crate) fn verify_lookup(
    py: Python<'_>,
    answer: &[u8],
    label: &str,
    trust: &Trust,
    logged: bool,
) -> PyResult<Lookup> {
    let asked = question(label, trust.since(), logged)?;
    let failed = |error: LookupError| refused(error.blame(), Some(error.step()), &error);
    let verified = py.detach(|| {
        let answer = LookupAnswer::parse(answer)?;
        answer.verify(&trust.inner(), &asked)
    });
    let lookup = verified.map_err(failed)?;
    let found = match lookup.found() {
        None => None,
        Some(found) => Some(Py::new(
            py,
            Found {
                version: found.key_set().version().get(),
                key_set: Py::new(py, KeySet(found.key_set().clone()))?,
                entry: found.entry().to_bytes().to_vec(),
                position: found.logged().map(|logged| logged.position.get()),
                logged_no_later_than_ms: found.logged().map(|logged| logged.no_later_than_ms),
            },
        )?),
    };
    let head = Head::of(py, trust.policy.get(), lookup.head())?;
    Ok(Lookup {
        head: Py::new(py, head)?,
        found,
    })
}

fn question(label: &str, since: Option<TreeSize>, logged: bool) -> PyResult<LookupRequest> {
    let label = Label::from_typed(label)
        .map_err(|error| refused(error.blame(), Some(Step::Parse), &error))?;
    Ok(LookupRequest {
        label,
        since,
        logged,
    })
}
