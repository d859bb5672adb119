//! Comparing a code that came another way than through the provider: whole, or not at all.

use plainsight_specs::keyset::{KeySet, ResetReason};
use plainsight_specs::label::Version;
use plainsight_specs::out_of_band::{CodeError, ContactCode, SafetyNumber};

use super::{Contact, follow};
use crate::failure::Failure;
use crate::reader::Reader;

/// A code as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// About the contact's keys.
    Contact(ContactCode),
    /// About the contact's keys and one's own.
    Number(SafetyNumber),
}

/// What a code says about the latest key set of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// It is the code of the latest key set.
    Matches,
    /// It is the code of an earlier version, and every version since is signed by the one before.
    MatchesBySignatures {
        /// The code's version.
        version: Version,
    },
    /// It is the code of an earlier version, and a later one is a reset: it says nothing about the
    /// latest keys.
    ResetSince {
        /// The code's version.
        version: Version,
        /// The first reset.
        reset: Version,
        /// Why it counts as one.
        reason: ResetReason,
    },
    /// It is of a version that the log says does not exist.
    LaterThanLatest {
        /// The code's version.
        version: Version,
    },
    /// It is of other keys.
    Differs,
}

impl Code {
    /// From what was typed or scanned. What has a letter is a contact code.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let text = text.trim();
        if text.chars().any(char::is_alphabetic) {
            return ContactCode::parse(text).map(Self::Contact);
        }
        SafetyNumber::parse(text).map(Self::Number)
    }
}

impl Compared {
    /// Whether the latest key set is the one that the code vouches for.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Matches | Self::MatchesBySignatures { .. })
    }
}

/// Compares a code with what a look-up showed. `own` is one's own newest key set, which a safety
/// number is about too. `None` if the contact has no key set.
pub async fn compare(
    reader: &mut Reader<'_>,
    contact: &Contact,
    code: &Code,
    own: Option<&KeySet>,
) -> Result<Option<Compared>, Failure> {
    let Some(found) = &contact.found else {
        return Ok(None);
    };
    let origin = reader.memory().genesis.origin().clone();
    let latest = &found.key_set;
    let code = match code {
        Code::Contact(code) => code,
        Code::Number(number) => {
            let own = own.ok_or_else(|| {
                Failure::Question("a safety number is about your own keys too: which?".into())
            })?;
            let shown = SafetyNumber::between(&origin, own, latest)
                .map_err(|error| Failure::Question(error.to_string()))?;
            // SPEC(OOB-7): all of it, and no more is told than that.
            let matches = shown == *number;
            return Ok(Some(if matches {
                Compared::Matches
            } else {
                Compared::Differs
            }));
        }
    };
    let version = code.version();
    if version > latest.version() {
        return Ok(Some(Compared::LaterThanLatest { version }));
    }
    if version == latest.version() {
        return Ok(Some(if code.is_of(&origin, latest) {
            Compared::Matches
        } else {
            Compared::Differs
        }));
    }
    let trail = follow(reader, &contact.label, version, latest.version(), None).await?;
    let is_of = |key_set: &KeySet| code.is_of(&origin, key_set);
    if !trail
        .start
        .as_ref()
        .is_some_and(|start| is_of(&start.key_set))
    {
        return Ok(Some(Compared::Differs));
    }
    let since = trail.resets.iter().find(|reset| reset.version > version);
    Ok(Some(match since {
        None => Compared::MatchesBySignatures { version },
        Some(reset) => Compared::ResetSince {
            version,
            reset: reset.version,
            reason: reset.reason,
        },
    }))
}
