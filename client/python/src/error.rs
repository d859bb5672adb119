//! Failures, by who is to blame.

#![allow(
    missing_docs,
    reason = "the macro that makes the classes documents them for Python"
)]

use std::fmt::Display;

use plainsight_specs::Blame;
use plainsight_specs::head::Step;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

create_exception!(
    plainsight,
    Refused,
    PyValueError,
    "Something was not accepted. `blame` says whose fault it is, `step` which check failed."
);
create_exception!(
    plainsight,
    Malformed,
    Refused,
    "The bytes are not the protocol's."
);
create_exception!(
    plainsight,
    Unproven,
    Refused,
    "A signature or proof does not hold, which proves nothing against anyone."
);
create_exception!(
    plainsight,
    Violation,
    Refused,
    "The log's own signatures contradict each other."
);
create_exception!(
    plainsight,
    Unavailable,
    Refused,
    "Something could not be had; never an accusation."
);
create_exception!(
    plainsight,
    Misuse,
    Refused,
    "The question or the configuration is wrong."
);

/// The exception for a failure.
pub(crate) fn refused(blame: Blame, step: Option<Step>, error: &impl Display) -> PyErr {
    let text = error.to_string();
    let exception = match blame {
        Blame::Malformed => Malformed::new_err(text),
        Blame::Unproven => Unproven::new_err(text),
        Blame::Violation => Violation::new_err(text),
        Blame::Unavailable => Unavailable::new_err(text),
        Blame::Misuse => Misuse::new_err(text),
    };
    Python::attach(|py| {
        let value = exception.value(py);
        value.setattr("blame", blame.as_str())?;
        value.setattr("step", step.map(Step::as_str))
    })
    .map_or_else(|error| error, |()| exception)
}

/// The exception for what the caller got wrong.
pub(crate) fn misuse(text: &str) -> PyErr {
    refused(Blame::Misuse, None, &text)
}
