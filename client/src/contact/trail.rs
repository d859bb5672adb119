//! How a label's key sets came to be what they are: who signed each version, and which of them
//! are resets.

use plainsight_specs::history::{History, HistoryAnswer, HistoryRequest, LoggedVersion};
use plainsight_specs::keyset::{Continuity, KeySet, ResetReason};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::merkle::{LeafIndex, TreeHead};

use crate::failure::{Failure, Refusal};
use crate::reader::{Purpose, Reader};

/// Bound of a history's answer: a thousand versions of some 20 KB.
pub(crate) const MAX_HISTORY: usize = 32 * 1024 * 1024;

/// The versions from one on, up to another.
#[derive(Debug, Clone)]
pub(super) struct Trail {
    /// The first version of it that was opened.
    pub(super) start: Option<Step>,
    /// The resets, ascending.
    pub(super) resets: Vec<TrailReset>,
    /// The head of the newest page.
    pub(super) head: TreeHead,
}

/// An opened version on a trail.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) key_set: KeySet,
    pub(super) position: LeafIndex,
}

/// A version that its predecessor's owner did not sign.
#[derive(Debug, Clone)]
pub(super) struct TrailReset {
    pub(super) version: Version,
    pub(super) reason: ResetReason,
    /// Where it stands; `None` if the log does not list it.
    pub(super) position: Option<LeafIndex>,
}

/// One page of a label's history, verified.
pub(crate) async fn page(
    reader: &Reader<'_>,
    label: &Label,
    from: Version,
) -> Result<(History, Vec<u8>), Failure> {
    let request = HistoryRequest {
        label: label.clone(),
        from,
        since: Some(reader.since()),
    };
    let body = reader
        .log()
        .ask("v1/history", &request.to_json(), MAX_HISTORY)
        .await?;
    let answer = HistoryAnswer::parse(&body).map_err(Failure::refused)?;
    let history = answer
        .verify(&reader.trust(Purpose::Contacts), &request)
        .map_err(|error| reader.refuse(error, &answer.lookup.head.checkpoint))?;
    Ok((history, body))
}

/// Follows the versions `from` to `to`. With `known`, the key set of `from` as it was seen before,
/// that version must be the very same. Without it, `from` itself is not judged, unless it is the
/// very first.
pub(super) async fn follow(
    reader: &mut Reader<'_>,
    label: &Label,
    from: Version,
    to: Version,
    known: Option<&KeySet>,
) -> Result<Trail, Failure> {
    let mut trail = Trail {
        start: None,
        resets: Vec::new(),
        head: reader.memory().head,
    };
    let mut before: Option<KeySet> = None;
    let mut next = from;
    loop {
        let (history, _) = page(reader, label, next).await?;
        for listed in history.versions() {
            if listed.version > to {
                break;
            }
            if let Some(known) = known.filter(|_| listed.version == from) {
                let shown = listed.key_set.as_ref();
                if shown.is_some_and(|shown| shown.hash() != known.hash()) {
                    let version = from.get();
                    let note = history.head().checkpoint().to_bytes();
                    return Err(reader.refuse(Refusal::SecondKeySet { version }, &note));
                }
                // Even if its opening is erased by now: it was seen.
                before = Some(known.clone());
                continue;
            }
            trail.step(from, before.as_ref(), listed);
            before.clone_from(&listed.key_set);
        }
        let head = history.head().clone();
        trail.head = head.tree_head();
        reader.accept(&head);
        let last = history.versions().last().map(|listed| listed.version);
        if last >= Some(to) {
            return Ok(trail);
        }
        // Only a page that brought something goes on; anything less would be asked for for ever.
        let Some(after) = last.filter(|last| *last >= next).and_then(Version::next) else {
            trail.resets.push(TrailReset {
                version: next,
                reason: ResetReason::PreviousUnknown,
                position: None,
            });
            return Ok(trail);
        };
        next = after;
    }
}

impl Trail {
    fn step(&mut self, from: Version, before: Option<&KeySet>, listed: &LoggedVersion) {
        let (version, position) = (listed.version, listed.position);
        let reset = |reason| TrailReset {
            version,
            reason,
            position: Some(position),
        };
        let Some(key_set) = &listed.key_set else {
            self.resets.push(reset(ResetReason::PreviousUnknown));
            return;
        };
        if self.start.is_none() && version == from {
            self.start = Some(Step {
                key_set: key_set.clone(),
                position,
            });
            if from > Version::FIRST {
                return;
            }
        }
        // A hole leaves a version that does not follow, which is a reset too.
        if let Continuity::Reset(reason) = key_set.continuity(before) {
            self.resets.push(reset(reason));
        }
    }
}
