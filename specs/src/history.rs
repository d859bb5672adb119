//! Every version of a label from a given one on: what its owner checks. Rules in the chapter
//! [lookup](crate::lookup).

use serde_json::{Map, Value, json};

use crate::codec::to_base64;
use crate::commitment::Opening;
use crate::entry::Genesis;
use crate::hash::{Hash, leaf_hash};
use crate::head::{Head, MAX_ENTRY, MAX_PROOF, Trust, hashes};
use crate::json::{self, Object};
use crate::keyset::KeySet;
use crate::label::{Label, Version};
use crate::lookup::{
    LookupAnswer, LookupError, Rung, Searched, open, take_key_set, take_opening, take_position,
    take_size, take_version, take_vrf, verify_entry, verify_ladder,
};
use crate::merkle::verify::verify_inclusion;
use crate::merkle::{LeafIndex, TreeSize};
use crate::vrf::Proof;

/// How many versions an answer lists at the most.
pub const MAX_VERSIONS: usize = 1000;

/// A history as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRequest {
    /// Whose key sets.
    pub label: Label,
    /// The first version wanted.
    pub from: Version,
    /// The reader's last size, for a consistency proof.
    pub since: Option<TreeSize>,
}

/// A history as answered.
#[derive(Debug)]
pub struct HistoryAnswer {
    /// The look-up, whose index proof covers the versions too.
    pub lookup: LookupAnswer,
    /// The versions, ascending.
    pub versions: Vec<VersionAnswer>,
}

/// One version as answered.
#[derive(Debug)]
pub struct VersionAnswer {
    /// Which.
    pub version: Version,
    /// The proof of its index.
    pub vrf: Proof,
    /// The key entry.
    pub entry: Vec<u8>,
    /// What it was committed with, unless withheld.
    pub opening: Option<Opening>,
    /// What it commits to, unless withheld.
    pub key_set: Option<Vec<u8>>,
    /// Where the entry stands.
    pub position: LeafIndex,
    /// Its inclusion.
    pub inclusion: Vec<Hash>,
}

/// A history of which every listed version is proved.
#[derive(Debug, Clone)]
pub struct History {
    head: Head,
    latest: Option<Version>,
    rungs: Vec<Rung>,
    versions: Vec<LoggedVersion>,
    holes: Vec<Version>,
}

/// One version, proved to be what the index holds for it.
#[derive(Debug, Clone)]
pub struct LoggedVersion {
    /// Which.
    pub version: Version,
    /// Where its entry stands in the log.
    pub position: LeafIndex,
    /// The key set; `None` if the log withholds what the entry commits to.
    pub key_set: Option<KeySet>,
}

impl HistoryRequest {
    /// From the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, LookupError> {
        let mut request = json::parse_object(body)?;
        let parsed = Self {
            label: Label::parse(&request.base64("label", 255)?)?,
            from: take_version(request.required("from")?, "from")?,
            since: take_size(&mut request, "since")?,
        };
        request.finish()?;
        Ok(parsed)
    }

    /// The body of a request.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = Map::new();
        members.insert("label".into(), json!(to_base64(self.label.as_bytes())));
        members.insert("from".into(), json!(self.from.get()));
        if let Some(since) = self.since {
            members.insert("since".into(), json!(since.get()));
        }
        Value::Object(members).to_string().into_bytes()
    }
}

impl HistoryAnswer {
    /// From the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, LookupError> {
        let mut answer = json::parse_object(body)?;
        let lookup = LookupAnswer::take(&mut answer)?;
        let versions = answer
            .array("versions", MAX_VERSIONS)?
            .into_iter()
            .map(|version| VersionAnswer::take(version.into_object("versions")?))
            .collect::<Result<_, _>>()?;
        answer.finish()?;
        Ok(Self { lookup, versions })
    }

    /// The body of an answer.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = self.lookup.members();
        let versions: Value = self.versions.iter().map(VersionAnswer::to_value).collect();
        members.insert("versions".into(), versions);
        Value::Object(members).to_string().into_bytes()
    }

    /// Verifies every step, for the label asked for.
    pub fn verify(
        &self,
        trust: &Trust<'_>,
        request: &HistoryRequest,
    ) -> Result<History, LookupError> {
        let head = self.lookup.head.verify(trust)?;
        let latest = self.lookup.found.as_ref().map(|found| found.version);
        let mut earlier = None;
        for version in self.versions.iter().map(|listed| listed.version) {
            let in_place = version >= request.from
                && Some(version) <= latest
                && earlier.is_none_or(|earlier| earlier < version);
            if !in_place {
                return Err(LookupError::VersionOrder { version });
            }
            earlier = Some(version);
        }
        let listed: Vec<_> = self
            .versions
            .iter()
            .map(|listed| (listed.version, listed.vrf))
            .collect();
        let looks = verify_ladder(&Searched {
            label: &request.label,
            claimed: latest,
            vrf_key: trust.genesis.vrf_key(),
            proofs: &self.lookup.vrf,
            index: &self.lookup.index,
            root: &head.epoch().index_root,
            listed: &listed,
        })?;
        let (rungs, of_versions) = looks
            .split_at_checked(self.lookup.vrf.len())
            .unwrap_or_default();
        let versions = self
            .versions
            .iter()
            .zip(of_versions)
            .map(|(listed, rung)| listed.verify(trust.genesis, &request.label, rung, &head))
            .collect::<Result<Vec<_>, _>>()?;
        // SPEC(HISTORY-3)
        let holes = holes(request.from, latest, &versions);
        Ok(History {
            head,
            latest,
            rungs: rungs.to_vec(),
            versions,
            holes,
        })
    }
}

/// The versions that should have been listed and were not. A full answer may end early.
fn holes(from: Version, latest: Option<Version>, listed: &[LoggedVersion]) -> Vec<Version> {
    let Some(latest) = latest else {
        return Vec::new();
    };
    let last = match listed.last() {
        Some(last) if listed.len() == MAX_VERSIONS => last.version,
        _ => latest,
    };
    let mut listed = listed.iter().map(|version| version.version).peekable();
    (from.get()..=last.get())
        .map(Version::new)
        .filter(|version| listed.next_if_eq(version).is_none())
        .take(MAX_VERSIONS)
        .collect()
}

impl VersionAnswer {
    fn take(mut object: Object) -> Result<Self, LookupError> {
        let parsed = Self {
            version: take_version(object.required("version")?, "version")?,
            vrf: take_vrf(object.required("vrf")?, "vrf")?,
            entry: object.base64("entry", MAX_ENTRY)?,
            opening: take_opening(&mut object)?,
            key_set: take_key_set(&mut object)?,
            position: take_position(&mut object, "position")?,
            inclusion: object.base64_hashes("inclusion", MAX_PROOF)?,
        };
        object.finish()?;
        Ok(parsed)
    }

    fn to_value(&self) -> Value {
        let mut members = Map::new();
        members.insert("version".into(), json!(self.version.get()));
        members.insert("vrf".into(), json!(to_base64(self.vrf.as_bytes())));
        members.insert("entry".into(), json!(to_base64(&self.entry)));
        if let Some(opening) = &self.opening {
            members.insert("opening".into(), json!(to_base64(opening.as_bytes())));
        }
        if let Some(key_set) = &self.key_set {
            members.insert("key_set".into(), json!(to_base64(key_set)));
        }
        members.insert("position".into(), json!(self.position.get()));
        members.insert("inclusion".into(), hashes(&self.inclusion));
        Value::Object(members)
    }

    fn verify(
        &self,
        genesis: &Genesis,
        label: &Label,
        rung: &Rung,
        head: &Head,
    ) -> Result<LoggedVersion, LookupError> {
        let version = self.version;
        let entry = verify_entry(&self.entry, rung)?;
        // SPEC(HISTORY-2)
        verify_inclusion(
            &leaf_hash(&self.entry),
            self.position,
            &head.tree_head(),
            &self.inclusion,
        )
        .map_err(|source| LookupError::Position { version, source })?;
        let key_set = match (&self.opening, &self.key_set) {
            (Some(opening), Some(key_set)) => {
                Some(open(&entry, genesis, label, version, opening, key_set)?)
            }
            _ => None,
        };
        Ok(LoggedVersion {
            version,
            position: self.position,
            key_set,
        })
    }
}

impl History {
    /// The head at which the answer holds.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The latest version, by ladder.
    pub fn latest(&self) -> Option<Version> {
        self.latest
    }

    /// The ladder's looks, each at an index that is proved to be the label's.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// The versions listed, ascending.
    pub fn versions(&self) -> &[LoggedVersion] {
        &self.versions
    }

    /// Versions asked for that the log did not list.
    pub fn holes(&self) -> &[Version] {
        &self.holes
    }
}
