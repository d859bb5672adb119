//! A contact's keys: the latest key set that the log shows for a label, proved, and how it stands
//! to the one that this reader has pinned.

use plainsight_specs::history::{HistoryAnswer, HistoryRequest};
use plainsight_specs::keyset::{Continuity, KeySet, ResetReason};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::lookup::{Logged, LookupAnswer, LookupRequest};

use crate::failure::{Failure, Refusal};
use crate::reader::{HeadSeen, MAX_ANSWER, Purpose, Reader};

/// Bound of a history's answer: a thousand versions of some 20 KB.
pub(crate) const MAX_HISTORY: usize = 32 * 1024 * 1024;

/// What a look-up showed about a contact.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Whose keys.
    pub label: Label,
    /// At which head.
    pub head: HeadSeen,
    /// The latest key set; `None` if the label is proved to have none.
    pub found: Option<ContactKeys>,
    /// How it stands to the pinned one.
    pub standing: Standing,
}

/// The latest key set of a contact.
#[derive(Debug, Clone)]
pub struct ContactKeys {
    /// The key set.
    pub key_set: KeySet,
    /// When it was logged.
    pub logged: Logged,
}

/// How what the log shows stands to what was pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was pinned before.
    New,
    /// The very key set that is pinned.
    Unchanged,
    /// Another key set than the pinned one. An error until a person accepts it.
    Changed(Change),
}

/// How a contact's key set came to be another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Every version since the pinned one is signed by an identity key of the one before it.
    Signed,
    /// At this version the previous owner did not sign: the provider, or a new device without
    /// the old keys, set the keys.
    Reset {
        /// The first such version.
        version: Version,
        /// Why it counts as one.
        reason: ResetReason,
    },
    /// What is pinned did not come from the log, and is not what the log shows.
    NotFromLog,
}

/// What a reader has pinned for a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The key set.
    pub key_set: KeySet,
    /// Whether it was verified against the log, or merely seen.
    pub from_log: bool,
}

/// Looks a label up and compares with what is pinned.
pub async fn verify(
    reader: &mut Reader<'_>,
    label: &Label,
    pinned: Option<&Pinned>,
) -> Result<Contact, Failure> {
    let request = LookupRequest {
        label: label.clone(),
        since: Some(reader.since()),
        logged: true,
    };
    let body = reader
        .log()
        .ask("v1/lookup", &request.to_json(), MAX_ANSWER)
        .await?;
    let answer = LookupAnswer::parse(&body).map_err(Failure::refused)?;
    let refuse = |why: Refusal| reader.refuse(why, &answer.head.checkpoint);
    let lookup = answer
        .verify(&reader.trust(Purpose::Contacts), &request)
        .map_err(|error| refuse(error.into()))?;
    let found = match lookup.found() {
        None => None,
        Some(found) => {
            let genesis = &reader.memory().genesis;
            let version = found.key_set().version();
            found.key_set().check_genesis(genesis).map_err(|source| {
                refuse(plainsight_specs::lookup::LookupError::KeySet { version, source }.into())
            })?;
            // An answer without it was refused above, since it was asked for.
            let logged = found.logged().copied();
            logged.map(|logged| ContactKeys {
                key_set: found.key_set().clone(),
                logged,
            })
        }
    };
    let moved = moved(pinned, found.as_ref()).map_err(refuse)?;
    let head = reader.accept(lookup.head());
    let standing = match (moved, pinned) {
        (Moved::No(standing), _) => standing,
        (Moved::On, Some(pinned)) => Standing::Changed(change(reader, pinned).await?),
        (Moved::On, None) => Standing::New,
    };
    Ok(Contact {
        label: label.clone(),
        head,
        found,
        standing,
    })
}

/// Whether a pinned version was left behind.
enum Moved {
    No(Standing),
    On,
}

/// Compares with the pin. What the log showed once it cannot take back: the index only grows, and
/// the head was shown to extend the one of before.
fn moved(pinned: Option<&Pinned>, found: Option<&ContactKeys>) -> Result<Moved, Refusal> {
    let Some(pinned) = pinned else {
        return Ok(Moved::No(Standing::New));
    };
    let same = found.is_some_and(|found| found.key_set.hash() == pinned.key_set.hash());
    if same {
        return Ok(Moved::No(Standing::Unchanged));
    }
    if !pinned.from_log {
        return Ok(Moved::No(Standing::Changed(Change::NotFromLog)));
    }
    let seen = pinned.key_set.version();
    match found.map(|found| found.key_set.version()) {
        Some(shown) if shown > seen => Ok(Moved::On),
        Some(shown) if shown == seen => Err(Refusal::SecondKeySet {
            version: seen.get(),
        }),
        shown => Err(Refusal::VersionBack {
            seen: seen.get(),
            shown: shown.map_or_else(|| "none".into(), |shown| shown.to_string()),
        }),
    }
}

/// Follows the versions from the pinned one to the latest, and says who signed them.
async fn change(reader: &mut Reader<'_>, pinned: &Pinned) -> Result<Change, Failure> {
    let mut previous = pinned.key_set.clone();
    let mut from = previous.version();
    loop {
        let request = HistoryRequest {
            label: previous.label().clone(),
            from,
            since: Some(reader.since()),
        };
        let body = reader
            .log()
            .ask("v1/history", &request.to_json(), MAX_HISTORY)
            .await?;
        let answer = HistoryAnswer::parse(&body).map_err(Failure::refused)?;
        let refuse = |why: Refusal| reader.refuse(why, &answer.lookup.head.checkpoint);
        let history = answer
            .verify(&reader.trust(Purpose::Contacts), &request)
            .map_err(|error| refuse(error.into()))?;
        for listed in history.versions() {
            let version = listed.version;
            let Some(key_set) = &listed.key_set else {
                let reason = ResetReason::PreviousUnknown;
                return Ok(Change::Reset { version, reason });
            };
            if version == previous.version() {
                if key_set.hash() != previous.hash() {
                    return Err(refuse(Refusal::SecondKeySet {
                        version: version.get(),
                    }));
                }
                continue;
            }
            // A hole leaves a version that does not follow, which is a reset too.
            if let Continuity::Reset(reason) = key_set.continuity(Some(&previous)) {
                return Ok(Change::Reset { version, reason });
            }
            previous = key_set.clone();
        }
        let head = history.head().clone();
        if history.latest() <= Some(previous.version()) {
            reader.accept(&head);
            return Ok(Change::Signed);
        }
        // Only a full page goes on; anything less would be asked for without end.
        let (Some(next), true) = (previous.version().next(), previous.version() > from) else {
            let reason = ResetReason::PreviousUnknown;
            return Ok(Change::Reset {
                version: from,
                reason,
            });
        };
        reader.accept(&head);
        from = next;
    }
}
