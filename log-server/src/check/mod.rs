//! Verifies the whole of a log: what `plainsight-log check` runs.
//!
//! One pass over the entries, in bounded memory but for the index. They are read from the
//! database and from the bundles, which must agree; where segments were pruned, the bundles are
//! the only copy. The log is replayed by the auditors' rules, and everything else is compared
//! with that: every root that was ever signed, every public object, every private row.
//!
//! Nothing is written, unless objects that are missing are to be made again, and even then
//! nothing that is there is touched. A server may run meanwhile; what it commits after the check
//! began is not looked at.

mod chunk;
mod notes;
mod objects;
mod partials;
mod report;
mod rows;
mod walk;

pub use report::Report;

use std::sync::Arc;

use plainsight_specs::checkpoint::{CheckpointError, Origin};

use crate::config::Config;
use crate::objects::{ObjectError, Objects};
use crate::signer::{KeyError, Keys};
use crate::store::{Store, StoreError};
use walk::Walk;

/// Why a log could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Entries that are neither in the database nor among the objects.
    #[error(transparent)]
    Source(#[from] crate::source::SourceError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The public objects.
    #[error(transparent)]
    Objects(#[from] ObjectError),
    /// A key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The configuration's origin is none.
    #[error(transparent)]
    Origin(#[from] CheckpointError),
    /// A thread of the check ended early.
    #[error("cancelled")]
    Cancelled,
}

/// Told how many entries are checked, and of how many.
type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// How a log is checked.
#[derive(Default)]
pub struct Options {
    /// Told how many entries are checked, and of how many.
    pub progress: Option<Progress>,
}

/// What a walk does about an object that should be there and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// Says so.
    Report,
    /// Writes it again.
    Write,
}

/// Checks the log of a configuration.
pub async fn check(config: &Config) -> Result<Report, CheckError> {
    check_with(config, &Options::default()).await
}

/// Checks the log of a configuration, with options.
pub async fn check_with(config: &Config, options: &Options) -> Result<Report, CheckError> {
    run(config, options, Missing::Report).await
}

/// Checks the log, and writes objects that are missing again if the entries are proven to be what
/// was signed. Nothing that is there is changed. The report is of the log as it then is.
pub async fn repair(config: &Config, options: &Options) -> Result<Report, CheckError> {
    let found = check_with(config, options).await?;
    if found.missing == 0 || !found.is_proven {
        return Ok(found);
    }
    // Only now: what is written must be what was signed, and that is known at the end of a pass.
    run(config, options, Missing::Write).await
}

async fn run(config: &Config, options: &Options, missing: Missing) -> Result<Report, CheckError> {
    let origin = Origin::parse(&config.origin)?;
    let store = Store::open_read_only(&config.database).await?;
    let keys = Arc::new(Keys::load(config, &origin)?);
    let objects = Objects::open(&config.objects)?;
    let walk = Walk::begin(origin, keys, store.clone(), objects, missing).await?;
    let report = walk.run(options.progress.as_ref()).await;
    store.close().await;
    report
}
