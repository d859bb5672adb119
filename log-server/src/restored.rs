//! A database and objects that were both put back to an earlier day: nothing in them shows it, but
//! the auditors remember what the log signed since.
//!
//! Their word alone is nobody's evidence. The log's own signature on a head that its database does
//! not know is: whoever went on from here would sign a second story.

use std::collections::BTreeSet;
use std::time::Duration;

use plainsight_specs::merkle::TreeSize;

use crate::cosigners::Auditors;
use crate::recovery::{WriteError, refuse};
use crate::shared::Shared;

/// How long an auditor has: it delays a take-over.
const WITHIN: Duration = Duration::from_secs(1);

/// Refuses to go on if an auditor shows a head with the log's signature that the database does not
/// know. Gives who answered: an auditor that does not says nothing, and before a quorum has answered
/// nothing new is signed (see [`crate::publication`]).
pub(crate) async fn not_restored(
    shared: &Shared,
    auditors: &Auditors,
) -> Result<BTreeSet<String>, WriteError> {
    let store = &shared.source.store;
    let mut answered = BTreeSet::new();
    for (auditor, shown) in auditors.shown(&shared.origin, &shared.vkey, WITHIN).await {
        answered.insert(auditor.clone());
        let Some(shown) = shown else { continue };
        let known = store.checkpoint(shown.size).await?;
        if known.is_some_and(|row| row.tree == shown) {
            continue;
        }
        let newest = store.newest_checkpoint().await?;
        let newest = newest.map_or(TreeSize::ZERO, |row| row.tree.size);
        return refuse(&format!(
            "{auditor} shows a checkpoint of size {} that this log has signed, and the database, \
             which ends at {newest}, does not know it: it is an old copy, or one of several",
            shown.size
        ));
    }
    Ok(answered)
}
