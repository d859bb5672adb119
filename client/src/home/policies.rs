//! Pinned policies: whom a person has decided to trust, so that a policy file which somebody else
//! changes is noticed before it is used.

use std::path::{Path, PathBuf};

use plainsight_specs::checkpoint::Origin;
use plainsight_specs::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Home, HomeError, file};

/// A pinned policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPin {
    /// The file that it was read from.
    pub path: PathBuf,
    /// The log that it was used for.
    pub origin: Origin,
    /// What it says: [`crate::trust::TrustPolicy::essence`].
    pub essence: Vec<String>,
    /// Since when it is relied on.
    pub since: Timestamp,
}

/// How a policy stands to the pinned ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyStanding {
    /// Neither this file nor this log was met before.
    New,
    /// It says what it said when it was pinned.
    Pinned(Timestamp),
    /// It says something else than the policy pinned for this file or this log.
    Changed(PolicyChange),
}

/// What changed in a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyChange {
    /// Since when the other one is pinned.
    pub since: Timestamp,
    /// What it said, and is gone.
    pub removed: Vec<String>,
    /// What is new.
    pub added: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    path: PathBuf,
    origin: String,
    essence: Vec<String>,
    since: String,
}

impl PolicyStanding {
    /// Compares a policy with the pinned ones.
    pub fn of(path: &Path, origin: &Origin, essence: &[String], pins: &[PolicyPin]) -> Self {
        let mut standing = Self::New;
        for pin in pins {
            if pin.path != path && pin.origin != *origin {
                continue;
            }
            if pin.essence != essence || pin.origin != *origin {
                return Self::Changed(PolicyChange::between(pin, essence));
            }
            standing = Self::Pinned(pin.since);
        }
        standing
    }
}

impl PolicyChange {
    fn between(pin: &PolicyPin, essence: &[String]) -> Self {
        let without = |these: &[String], those: &[String]| -> Vec<String> {
            let gone = these.iter().filter(|line| !those.contains(line));
            gone.cloned().collect()
        };
        Self {
            since: pin.since,
            removed: without(&pin.essence, essence),
            added: without(essence, &pin.essence),
        }
    }
}

impl Home {
    /// The pinned policies.
    pub fn policies(&self) -> Result<Vec<PolicyPin>, HomeError> {
        let path = self.policies_file();
        let kept = file::read_json::<Vec<Kept>>(&path)?.unwrap_or_default();
        kept.into_iter()
            .map(Kept::restore)
            .collect::<Option<_>>()
            .ok_or_else(|| HomeError::damaged(&path, "not a list of policies"))
    }

    /// Pins a policy in place of any other for the same file or the same log.
    pub fn pin_policy(&self, pin: &PolicyPin) -> Result<(), HomeError> {
        let mut pins = self.policies()?;
        pins.retain(|other| other.path != pin.path && other.origin != pin.origin);
        pins.push(pin.clone());
        let kept: Vec<_> = pins.iter().map(Kept::of).collect();
        file::replace_json(&self.policies_file(), &kept)
    }

    fn policies_file(&self) -> PathBuf {
        self.dir().join("policies.json")
    }
}

impl Kept {
    fn of(pin: &PolicyPin) -> Self {
        Self {
            path: pin.path.clone(),
            origin: pin.origin.to_string(),
            essence: pin.essence.clone(),
            since: pin.since.to_string(),
        }
    }

    fn restore(self) -> Option<PolicyPin> {
        Some(PolicyPin {
            origin: Origin::parse(&self.origin).ok()?,
            since: Timestamp::parse(&self.since).ok()?,
            path: self.path,
            essence: self.essence,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_policy_for_the_same_file_or_log_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let (one, other) = (
            Origin::parse("log.example").unwrap(),
            Origin::parse("other.example").unwrap(),
        );
        let lines = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let pin = |path: &str, origin: &Origin, essence| PolicyPin {
            path: path.into(),
            origin: origin.clone(),
            essence,
            since: Timestamp::from_seconds(1_800_000_000).unwrap(),
        };
        let first = pin("/a", &one, lines(&["x", "y"]));
        home.pin_policy(&first).unwrap();
        let standing = |path: &str, origin: &Origin, essence: &[String]| {
            PolicyStanding::of(Path::new(path), origin, essence, &home.policies().unwrap())
        };
        let same: Vec<String> = lines(&["x", "y"]);
        assert_eq!(
            standing("/a", &one, &same),
            PolicyStanding::Pinned(first.since)
        );
        assert_eq!(
            standing("/b", &one, &same),
            PolicyStanding::Pinned(first.since)
        );
        assert_eq!(standing("/b", &other, &same), PolicyStanding::New);
        // Another log in the same file is a change even if nothing else is.
        let moved = standing("/a", &other, &same);
        assert!(matches!(moved, PolicyStanding::Changed(_)));
        let changed: Vec<String> = lines(&["x", "z"]);
        let PolicyStanding::Changed(change) = standing("/b", &one, &changed) else {
            panic!("another policy for this log");
        };
        assert_eq!(
            (change.removed, change.added),
            (lines(&["y"]), lines(&["z"]))
        );
        home.pin_policy(&pin("/b", &one, changed.clone())).unwrap();
        assert_eq!(home.policies().unwrap().len(), 1);
        assert_eq!(
            standing("/b", &one, &changed),
            PolicyStanding::Pinned(first.since)
        );
    }
}
