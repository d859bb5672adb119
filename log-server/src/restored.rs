//! A database and objects that were both put back to an earlier day: nothing in them shows it, but
//! the auditors remember what the log signed since.
//!
//! Their word alone is nobody's evidence. The log's own signature on a head that its database does
//! not know is: whoever went on from here would sign a second story. So nothing new is signed in a
//! term before as many auditors as a quorum takes have shown what they remember. That delays
//! nothing: without them nothing could be published.

use std::collections::BTreeSet;
use std::time::Duration;

use plainsight_specs::merkle::TreeSize;

use crate::cosigners::{Auditors, Memory};
use crate::recovery::{WriteError, refuse};
use crate::shared::Shared;

/// How long an auditor has: it delays a take-over.
const WITHIN: Duration = Duration::from_secs(1);

/// Refuses to go on if an auditor shows a head with the log's signature that the database does not
/// know. The names of those that answered, which says nothing of the others.
pub(crate) async fn not_restored(
    shared: &Shared,
    auditors: &Auditors,
) -> Result<BTreeSet<String>, WriteError> {
    let store = &shared.source.store;
    let mut answered = BTreeSet::new();
    let memories = auditors.memories(&shared.origin, &shared.vkey, WITHIN);
    for (auditor, memory) in memories.await {
        if let Memory::Head(shown) = memory {
            let known = store.checkpoint(shown.size).await?;
            if known.is_none_or(|row| row.tree != shown) {
                let newest = store.newest_checkpoint().await?;
                let newest = newest.map_or(TreeSize::ZERO, |row| row.tree.size);
                return refuse(&format!(
                    "{auditor} shows a checkpoint of size {} that this log has signed, and the \
                     database, which ends at {newest}, does not know it: it is an old copy, or one \
                     of several",
                    shown.size
                ));
            }
        }
        answered.insert(auditor);
    }
    Ok(answered)
}
