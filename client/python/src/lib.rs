//! The pure layer for Python: bytes in, a proven value or a named failure out. The verdicts are those
//! of [`plainsight_specs`], which does all the work.
//!
//! Out of scope: fetching anything, remembering anything, and clocks. Whoever calls says what time
//! it is, and keeps the head that was verified last.

mod error;
mod evidence;
mod head;
mod key_set;
mod lookup;
mod objects;
mod policy;
mod proofs;
mod release;

use pyo3::prelude::*;

/// What `import plainsight` gives; see `__init__.pyi`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::error::{Malformed, Misuse, Refused, Unavailable, Unproven, Violation};
    #[pymodule_export]
    use crate::evidence::{Finding, verify_evidence};
    #[pymodule_export]
    use crate::head::{Genesis, Head, TreeHead, Trust, verify_genesis};
    #[pymodule_export]
    use crate::key_set::{Key, KeySet};
    #[pymodule_export]
    use crate::lookup::{Found, Lookup, lookup_request, verify_lookup};
    #[pymodule_export]
    use crate::objects::{Entry, Statement, verify_signature, verify_vrf};
    #[pymodule_export]
    use crate::policy::{Checkpoint, Policy};
    #[pymodule_export]
    use crate::proofs::{leaf_hash, verify_consistency, verify_inclusion, verify_tlog_proof};
    #[pymodule_export]
    use crate::release::{Release, verify_bundle};
}
