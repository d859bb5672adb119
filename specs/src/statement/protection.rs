//! Protections and canaries: what the role `protections` says is offered, and for how long.

use super::StatementError;
use super::grammar::{Name, Region};
use super::stream::{Place, Stream};
use super::subject::Subjects;
use crate::hash::Hash;
use crate::json::Object;
use crate::time::Timestamp;

/// What became of a protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtectionState {
    /// It is there.
    Offered,
    /// It is gone.
    Withdrawn,
    /// It is there and protects less.
    Weakened,
}

impl ProtectionState {
    const ALL: [Self; 3] = [Self::Offered, Self::Withdrawn, Self::Weakened];

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Withdrawn => "withdrawn",
            Self::Weakened => "weakened",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl std::fmt::Display for ProtectionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What holds for a feature in a place from a date on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// Which feature.
    pub feature: Name,
    /// Where.
    pub place: Place,
    /// What holds.
    pub state: ProtectionState,
    /// From when on.
    pub effective: Timestamp,
    /// SHA-256 of the wording: the only subject.
    pub wording: Hash,
}

impl Protection {
    /// Its stream.
    pub fn stream(&self) -> Stream {
        Stream::protection(&self.feature, &self.place)
    }

    pub(super) fn take(predicate: &mut Object, subjects: Subjects) -> Result<Self, StatementError> {
        let feature = Name::parse(&predicate.string("feature")?)?;
        let place = match predicate.string("region")?.as_str() {
            "*" => Place::Everywhere,
            region => Place::Region(Region::parse(region)?),
        };
        // SPEC(STMT-17)
        let state = ProtectionState::parse(&predicate.string("state")?)
            .ok_or_else(|| super::wrong("state", "offered, withdrawn or weakened"))?;
        Ok(Self {
            feature,
            place,
            state,
            effective: predicate.time("effective")?,
            wording: subjects.single()?,
        })
    }

    pub(super) fn predicate(&self) -> serde_json::Value {
        serde_json::json!({
            "feature": self.feature.as_str(),
            "region": self.place.as_str(),
            "state": self.state.as_str(),
            "effective": self.effective.to_string(),
        })
    }
}

/// A promise that lapses unless it is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Which promise.
    pub name: Name,
    /// Until when it is renewed.
    pub valid_until: Timestamp,
    /// When the provider says that it was published.
    pub published: Timestamp,
    /// SHA-256 of the text: the only subject.
    pub text: Hash,
}

impl Canary {
    /// Its stream.
    pub fn stream(&self) -> Stream {
        Stream::canary(&self.name)
    }

    pub(super) fn take(predicate: &mut Object, subjects: Subjects) -> Result<Self, StatementError> {
        Ok(Self {
            name: Name::parse(&predicate.string("name")?)?,
            valid_until: predicate.time("valid_until")?,
            published: predicate.time("published")?,
            text: subjects.single()?,
        })
    }

    pub(super) fn predicate(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.name.as_str(),
            "valid_until": self.valid_until.to_string(),
            "published": self.published.to_string(),
        })
    }
}
