//! The rungs that an owner watches, proved by the log.

use serde_json::{Map, Value, json};

use crate::codec::to_base64;
use crate::hash::Hash;
use crate::head::{Head, HeadBlock, Trust};
use crate::index::{IndexKey, IndexProof};
use crate::json;
use crate::label::{Label, Version};
use crate::ladder;
use crate::merkle::TreeSize;
use crate::vrf::Proof;

use super::{MAX_WATCHED, WatchError};

/// The request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RungsRequest {
    /// Whose.
    pub label: Label,
    /// The version that is the latest, for the reader.
    pub latest: Version,
    /// The reader's last size, for a consistency proof.
    pub since: Option<TreeSize>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct RungsAnswer {
    /// At which head.
    pub head: HeadBlock,
    /// A proof for each rung, ascending.
    pub vrf: Vec<Proof>,
    /// For all of them.
    pub index: IndexProof,
}

/// A rung that is to be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchedRung {
    /// The version that it stands for.
    pub version: Version,
    /// Its index, proved by VRF.
    pub index: IndexKey,
    /// What the index holds there: nothing, or somebody planted it.
    pub value: Option<Hash>,
}

/// The rungs to watch, proved.
#[derive(Debug, Clone)]
pub struct WatchedRungs {
    head: Head,
    rungs: Vec<WatchedRung>,
}

impl RungsRequest {
    /// From the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, WatchError> {
        let mut request = json::parse_object(body)?;
        let label = Label::parse(&request.base64("label", 255)?)?;
        let latest = Version::new(request.u32("latest")?);
        let since = request
            .optional_integer("since")?
            .map(|size| TreeSize::new(size).ok_or(WatchError::Text("since is out of range")))
            .transpose()?;
        request.finish()?;
        Ok(Self {
            label,
            latest,
            since,
        })
    }

    /// The body of a request.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = Map::new();
        members.insert("label".into(), json!(to_base64(self.label.as_bytes())));
        members.insert("latest".into(), json!(self.latest.get()));
        if let Some(since) = self.since {
            members.insert("since".into(), json!(since.get()));
        }
        Value::Object(members).to_string().into_bytes()
    }

    /// The rungs asked for, ascending.
    pub fn rungs(&self) -> Vec<Version> {
        ladder::watched_rungs(self.latest)
    }
}

impl RungsAnswer {
    /// From the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, WatchError> {
        let mut answer = json::parse_object(body)?;
        let head = HeadBlock::take(&mut answer)?;
        let mut proofs = Vec::new();
        for proof in answer.array("vrf", MAX_WATCHED)? {
            let bytes = crate::codec::base64_array::<{ Proof::LEN }>(&proof.into_string("vrf")?)?;
            let proof = Proof::from_bytes(&bytes);
            proofs.push(proof.map_err(|_| WatchError::Text("a VRF proof is not canonical"))?);
        }
        let index =
            IndexProof::from_json(answer.required("index")?).map_err(WatchError::IndexForm)?;
        answer.finish()?;
        Ok(Self {
            head,
            vrf: proofs,
            index,
        })
    }

    /// The body of an answer.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = self.head.members();
        let proofs: Value = self
            .vrf
            .iter()
            .map(|proof| to_base64(proof.as_bytes()))
            .collect();
        members.insert("vrf".into(), proofs);
        members.insert("index".into(), self.index.to_json());
        Value::Object(members).to_string().into_bytes()
    }

    /// Verifies every step, for the label and version asked for.
    pub fn verify(
        &self,
        trust: &Trust<'_>,
        request: &RungsRequest,
    ) -> Result<WatchedRungs, WatchError> {
        let head = self.head.verify(trust)?;
        // SPEC(WATCH-1)
        let versions = request.rungs();
        if versions.len() != self.vrf.len() {
            return Err(WatchError::RungCount {
                got: self.vrf.len(),
                expected: versions.len(),
            });
        }
        let mut indexes = Vec::with_capacity(versions.len());
        for (version, proof) in versions.iter().zip(&self.vrf) {
            let output = trust
                .genesis
                .vrf_key()
                .verify(&request.label.vrf_input(*version), proof)
                .map_err(|source| WatchError::Vrf {
                    version: *version,
                    source,
                })?;
            indexes.push(output.index_key());
        }
        // SPEC(WATCH-2)
        let values = self
            .index
            .verify(&head.epoch().index_root, &indexes)
            .map_err(WatchError::Index)?;
        let rungs = versions
            .into_iter()
            .zip(indexes)
            .zip(values)
            .map(|((version, index), value)| WatchedRung {
                version,
                index,
                value,
            })
            .collect();
        Ok(WatchedRungs { head, rungs })
    }
}

impl WatchedRungs {
    /// At which head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The rungs, ascending by version.
    pub fn rungs(&self) -> &[WatchedRung] {
        &self.rungs
    }

    /// Those that are in the index already: each a version that somebody planted.
    pub fn planted(&self) -> impl Iterator<Item = &WatchedRung> {
        self.rungs.iter().filter(|rung| rung.value.is_some())
    }

    /// The index of a version among them.
    pub fn index_of(&self, version: Version) -> Option<IndexKey> {
        let mut rungs = self.rungs.iter();
        let found = rungs.find(|rung| rung.version == version);
        found.map(|rung| rung.index)
    }
}
