//! A contact's keys: the latest key set that the log shows for a label, proved, how it stands to
//! the one that this reader has pinned, and whether the owner signed the way there.
//!
//! In scope: the flow over HTTP, and the judgement. Out of scope: keeping pins ([`crate::home`]),
//! codes that a person compares ([`codes`]), and words for it ([`crate::report`]).

pub mod codes;
mod trail;

use plainsight_specs::keyset::{KeySet, ResetReason};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::lookup::{Logged, LookupAnswer, LookupRequest};
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::time::Timestamp;

use crate::failure::{Failure, Refusal};
use crate::logged;
use crate::reader::{HeadSeen, MAX_ANSWER, Purpose, Reader};

pub(crate) use trail::{MAX_HISTORY, page};
use trail::{Trail, TrailReset, follow};

/// How many versions before the latest are looked at first for a reset.
const WINDOW: u32 = 64;
/// How many at the most. Nobody rotates that often within the delay.
const WIDE_WINDOW: u32 = 1000;

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
    /// The newest reset on the way to the latest key set, as far as it was looked for: from the
    /// pinned version on, or back until everything is older than the delay.
    pub reset: Option<Reset>,
}

/// The latest key set of a contact.
#[derive(Debug, Clone)]
pub struct ContactKeys {
    /// The key set.
    pub key_set: KeySet,
    /// When it was logged.
    pub logged: Logged,
}

/// A version that the owner of the version before did not sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// Which version.
    pub version: Version,
    /// Why it counts as one.
    pub reason: ResetReason,
    /// It was logged no later than this, in milliseconds; `None` if the log does not prove it.
    pub no_later_than_ms: Option<u64>,
    /// Until when it is unconfirmed; `None` if it is older than the reader's delay.
    pub unconfirmed_until: Option<Timestamp>,
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

impl Contact {
    /// The key set, if it can be relied on: found, as pinned or new, and no reset is unconfirmed.
    pub fn relied_on(&self) -> Option<&KeySet> {
        let is_settled = !matches!(self.standing, Standing::Changed(_)) && !self.is_unconfirmed();
        let found = self.found.as_ref().filter(|_| is_settled);
        found.map(|found| &found.key_set)
    }

    /// Whether a reset on the way is younger than the reader's delay.
    pub fn is_unconfirmed(&self) -> bool {
        let reset = self.reset.as_ref();
        reset.is_some_and(|reset| reset.unconfirmed_until.is_some())
    }
}

/// Looks a label up, compares with what is pinned, and looks for resets on the way.
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
    let mut contact = Contact {
        label: label.clone(),
        head,
        found,
        standing: Standing::New,
        reset: None,
    };
    let trail = match (moved, pinned, &contact.found) {
        (Moved::No(standing), _, found) => {
            contact.standing = standing;
            match found {
                Some(found) if contact.standing != Standing::Unchanged => {
                    look_back(reader, label, found).await?
                }
                _ => None,
            }
        }
        (Moved::On, Some(pinned), Some(found)) => {
            let known = &pinned.key_set;
            let (from, to) = (known.version(), found.key_set.version());
            let trail = follow(reader, label, from, to, Some(known)).await?;
            contact.standing = Standing::Changed(change(&trail));
            Some(trail)
        }
        (Moved::On, _, _) => None,
    };
    if let Some(trail) = trail {
        contact.reset = newest_reset(reader, &contact, &trail).await;
    }
    Ok(contact)
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

fn change(trail: &Trail) -> Change {
    match trail.resets.first() {
        None => Change::Signed,
        Some(TrailReset {
            version, reason, ..
        }) => Change::Reset {
            version: *version,
            reason: *reason,
        },
    }
}

/// Looks back from the latest version for a reset, as far as one could still be unconfirmed.
async fn look_back(
    reader: &mut Reader<'_>,
    label: &Label,
    found: &ContactKeys,
) -> Result<Option<Trail>, Failure> {
    let to = found.key_set.version();
    if to == Version::FIRST {
        return Ok(None);
    }
    for window in [WINDOW, WIDE_WINDOW] {
        let from = Version::new(to.get().saturating_sub(window));
        let mut trail = follow(reader, label, from, to, None).await?;
        let reached = from == Version::FIRST || !trail.resets.is_empty();
        if reached || starts_before_the_delay(reader, &trail).await {
            return Ok(Some(trail));
        }
        if window == WIDE_WINDOW {
            // So many versions within the delay that nobody can say where they come from.
            trail.resets.push(TrailReset {
                version: from,
                reason: ResetReason::PreviousUnknown,
                position: None,
            });
            return Ok(Some(trail));
        }
    }
    Ok(None)
}

async fn starts_before_the_delay(reader: &Reader<'_>, trail: &Trail) -> bool {
    let Some(start) = &trail.start else {
        return false;
    };
    let time = logged::no_later_than(reader.log(), &trail.head, start.position).await;
    time.is_some_and(|time| unconfirmed_until(reader, time).is_none())
}

/// The newest reset of a trail, with its time.
async fn newest_reset(reader: &Reader<'_>, contact: &Contact, trail: &Trail) -> Option<Reset> {
    let newest = trail.resets.last()?;
    let found = contact.found.as_ref()?;
    let time = match newest.position {
        _ if newest.version == found.key_set.version() => Some(found.logged.no_later_than_ms),
        Some(position) => time_of(reader, trail, position).await,
        None => None,
    };
    // The log's clock may lag; by how much it does now is what its cosigners can say of it.
    let lag_ms = (contact.head.fresh.seconds() * 1000).saturating_sub(contact.head.epoch_ms);
    let until = match time {
        Some(time) => unconfirmed_until(reader, time.saturating_add(lag_ms)),
        // Not proved to be old.
        None => Some(reader.now().plus(reader.reset_delay_s())),
    };
    Some(Reset {
        version: newest.version,
        reason: newest.reason,
        no_later_than_ms: time,
        unconfirmed_until: until,
    })
}

async fn time_of(reader: &Reader<'_>, trail: &Trail, position: LeafIndex) -> Option<u64> {
    logged::no_later_than(reader.log(), &trail.head, position).await
}

/// Until when something that was logged no later than `time_ms` is unconfirmed.
fn unconfirmed_until(reader: &Reader<'_>, time_ms: u64) -> Option<Timestamp> {
    let logged = Timestamp::from_seconds(time_ms.div_ceil(1000))?;
    let until = logged.plus(reader.reset_delay_s());
    (until > reader.now()).then_some(until)
}
