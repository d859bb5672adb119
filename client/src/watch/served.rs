//! Whether contacts are shown a version that must not be. The rungs prove that it is in the index; only
//! the log's ladder says what a contact is given.

use plainsight_specs::merkle::LeafIndex;

use super::{Watch, WatchAlarm, rungs};
use crate::contact::page;
use crate::failure::Failure;
use crate::logged;
use crate::own::{OwnKeys, Pending};
use crate::reader::{HeadSeen, Reader};

/// Tells the planted versions that contacts are shown from those that wait for the next rotation.
/// Returns the head at which it was asked; `None` if there was nothing to ask, or no answer that
/// holds: then nothing is said about contacts.
pub(super) async fn weighed(
    reader: &mut Reader<'_>,
    own: &OwnKeys,
    alarms: &mut [WatchAlarm],
) -> Option<HeadSeen> {
    let planted = alarms.iter().filter_map(|alarm| match alarm {
        WatchAlarm::Planted { version, .. } => Some(*version),
        _ => None,
    });
    let first = planted.min()?;
    let (history, _) = page(reader, own.label(), first).await.ok()?;
    let head = reader.accept(history.head());
    for alarm in alarms {
        let WatchAlarm::Planted { version, hidden } = alarm else {
            continue;
        };
        let version = *version;
        let Some(latest) = history.latest().filter(|latest| version <= *latest) else {
            *hidden = true;
            continue;
        };
        let mut listed = history.versions().iter();
        let position = listed.find(|listed| listed.version == version);
        let position: Option<LeafIndex> = position.map(|listed| listed.position);
        let no_later_than_ms = match position {
            None => None,
            Some(position) => logged::no_later_than(reader.log(), &head.head, position).await,
        };
        *alarm = WatchAlarm::Served {
            version,
            latest,
            position,
            no_later_than_ms,
        };
    }
    Some(head)
}

/// What stands in the place of the version that waits to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Nothing,
    /// That very version: the log's answer never arrived here.
    Own,
    /// Another one.
    Other,
}

/// Asks the log, with proof, what stands in the place of a version that waits, of a watch's owner.
pub async fn standing_at(
    reader: &mut Reader<'_>,
    watch: &Watch,
    pending: &Pending,
) -> Result<Standing, Failure> {
    let (label, version) = (pending.key_set.label(), pending.key_set.version());
    let (seen, _) = rungs(reader, label, watch.latest).await?;
    let mut planted = seen.planted();
    let planted = planted.find(|rung| rung.version == version);
    Ok(match planted {
        None => Standing::Nothing,
        Some(rung) if rung.value == Some(pending.leaf(rung.index)) => Standing::Own,
        Some(_) => Standing::Other,
    })
}
