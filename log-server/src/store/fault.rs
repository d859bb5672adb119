//! Faults of single writes, for tests: what a real engine does when its disk, its network or its
//! process fails at the worst moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::StoreError;

/// How a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing was written.
    Failed,
    /// All was written, and the writer is told that it failed.
    FailedButPersisted,
}

/// The faults that are still to come, by the name of the write.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<BTreeMap<&'static str, Fault>>>);

/// The fault of a write that is under way.
pub(super) struct Coming(Option<Fault>);

impl Faults {
    /// Lets the next write of this name fail.
    pub(crate) fn plan(&self, what: &'static str, fault: Fault) {
        self.0.lock().unwrap().insert(what, fault);
    }

    /// Whether what was planned has happened.
    pub(crate) fn are_over(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }

    pub(super) fn next(&self, what: &'static str) -> Result<Coming, StoreError> {
        match self.0.lock().unwrap().remove(what) {
            Some(Fault::Failed) => Err(StoreError::Timeout),
            coming => Ok(Coming(coming)),
        }
    }
}

impl Coming {
    pub(super) fn after(self) -> Result<(), StoreError> {
        match self.0 {
            Some(_) => Err(StoreError::Timeout),
            None => Ok(()),
        }
    }
}
