//! Erases what opens key entries. The entries stay in the log for ever; without its opening, nobody
//! can show or guess what one was about.
//!
//! Out of scope: copies in backups, which whoever keeps them must let expire.

use plainsight_specs::hash::sha256;
use plainsight_specs::label::{Label, Version};

use crate::config::Config;
use crate::store::{Store, StoreError};

/// Erases the openings and key sets of a label: of one version, or of all. Which there were.
/// Running servers show them for at most a second more.
pub async fn forget(
    config: &Config,
    label: &Label,
    version: Option<Version>,
) -> Result<Vec<Version>, StoreError> {
    let store = Store::open(&config.database, 1).await?;
    let erased = erase(&store, label, version).await;
    store.close().await;
    erased
}

async fn erase(
    store: &Store,
    label: &Label,
    version: Option<Version>,
) -> Result<Vec<Version>, StoreError> {
    let hash = sha256(label.as_bytes());
    let versions = match version {
        Some(version) => version.get()..=version.get(),
        None => match store.latest_key(&hash).await? {
            Some(latest) => 0..=latest.version,
            None => return Ok(Vec::new()),
        },
    };
    let mut erased = Vec::new();
    for version in versions {
        if store.forget(&hash, version).await? {
            erased.push(Version::new(version));
        }
    }
    Ok(erased)
}
