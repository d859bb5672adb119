#![doc = include_str!("../lookup.md")]

mod error;
mod found;
mod members;

pub use error::LookupError;
pub use found::{Found, FoundAnswer, Logged, LoggedAnswer};
pub(crate) use found::{open, verify_entry};
pub(crate) use members::{
    take_key_set, take_opening, take_position, take_size, take_version, take_vrf,
};

use serde_json::{Map, Value, json};

use crate::codec::to_base64;
use crate::hash::Hash;
use crate::head::{Head, HeadBlock, Trust};
use crate::index::{IndexKey, IndexProof};
use crate::json::{self, JsonError, Object};
use crate::label::{Label, Version};
use crate::ladder;
use crate::merkle::TreeSize;
use crate::vrf::{self, Proof};

/// The longest key set that is read, in bytes.
pub const MAX_KEY_SET: usize = 65_535;
/// More rungs than any ladder has: two for each bit of a version, and the first.
const MAX_RUNGS: usize = 66;

/// A look-up as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupRequest {
    /// Whose key set.
    pub label: Label,
    /// The reader's last size, for a consistency proof.
    pub since: Option<TreeSize>,
    /// Whether to show when the version was logged.
    pub logged: bool,
}

/// A look-up as answered.
#[derive(Debug)]
pub struct LookupAnswer {
    /// At which head.
    pub head: HeadBlock,
    /// A proof for each rung.
    pub vrf: Vec<Proof>,
    /// For all rungs.
    pub index: IndexProof,
    /// The latest version, unless there is none.
    pub found: Option<FoundAnswer>,
}

/// A look-up that passed every step.
#[derive(Debug, Clone)]
pub struct Lookup {
    head: Head,
    rungs: Vec<Rung>,
    found: Option<Found>,
}

/// One look of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// The version looked up.
    pub version: Version,
    /// Its index, proved by VRF.
    pub index: IndexKey,
    /// The leaf hash that the index holds there.
    pub value: Option<Hash>,
}

impl LookupRequest {
    /// From the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, LookupError> {
        let mut request = json::parse_object(body)?;
        let label = Label::parse(&request.base64("label", 255)?)?;
        let since = take_size(&mut request, "since")?;
        let logged = match request.take("logged") {
            None => false,
            Some(json::Json::Bool(true)) => true,
            Some(_) => {
                return Err(JsonError::Wrong {
                    member: "logged".into(),
                    expected: "true",
                }
                .into());
            }
        };
        request.finish()?;
        Ok(Self {
            label,
            since,
            logged,
        })
    }

    /// The body of a request.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = Map::new();
        members.insert("label".into(), json!(to_base64(self.label.as_bytes())));
        if let Some(since) = self.since {
            members.insert("since".into(), json!(since.get()));
        }
        if self.logged {
            members.insert("logged".into(), json!(true));
        }
        Value::Object(members).to_string().into_bytes()
    }
}

impl LookupAnswer {
    /// From the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, LookupError> {
        let mut answer = json::parse_object(body)?;
        let parsed = Self::take(&mut answer)?;
        answer.finish()?;
        Ok(parsed)
    }

    /// Takes the members of a look-up out of an answer.
    pub(crate) fn take(answer: &mut Object) -> Result<Self, LookupError> {
        let head = HeadBlock::take(answer)?;
        let vrf = answer
            .array("vrf", MAX_RUNGS)?
            .into_iter()
            .map(|proof| take_vrf(proof, "vrf"))
            .collect::<Result<_, _>>()?;
        let index =
            IndexProof::from_json(answer.required("index")?).map_err(LookupError::IndexForm)?;
        let found = match answer.take("version") {
            None => None,
            Some(version) => Some(FoundAnswer::take(answer, version)?),
        };
        Ok(Self {
            head,
            vrf,
            index,
            found,
        })
    }

    /// The members of the answer.
    pub(crate) fn members(&self) -> Map<String, Value> {
        let mut members = self.head.members();
        let proofs: Value = self
            .vrf
            .iter()
            .map(|proof| to_base64(proof.as_bytes()))
            .collect();
        members.insert("vrf".into(), proofs);
        members.insert("index".into(), self.index.to_json());
        if let Some(found) = &self.found {
            found.add_to(&mut members);
        }
        members
    }

    /// The body of an answer.
    pub fn to_json(&self) -> Vec<u8> {
        Value::Object(self.members()).to_string().into_bytes()
    }

    /// Verifies every step, for the label asked for.
    pub fn verify(
        &self,
        trust: &Trust<'_>,
        request: &LookupRequest,
    ) -> Result<Lookup, LookupError> {
        let head = self.head.verify(trust)?;
        let claimed = self.found.as_ref().map(|found| found.version);
        let rungs = verify_ladder(&Searched {
            label: &request.label,
            claimed,
            vrf_key: trust.genesis.vrf_key(),
            proofs: &self.vrf,
            index: &self.index,
            root: &head.epoch().index_root,
            listed: &[],
        })?;
        let found = match &self.found {
            None => None,
            Some(answer) => {
                Some(answer.verify(trust.genesis, request, &rungs, &head.tree_head())?)
            }
        };
        Ok(Lookup { head, rungs, found })
    }
}

/// What a ladder is verified from.
pub(crate) struct Searched<'a> {
    pub(crate) label: &'a Label,
    pub(crate) claimed: Option<Version>,
    pub(crate) vrf_key: &'a vrf::PublicKey,
    pub(crate) proofs: &'a [Proof],
    pub(crate) index: &'a IndexProof,
    pub(crate) root: &'a Hash,
    /// Versions that the index proof covers after the rungs, each with its proof.
    pub(crate) listed: &'a [(Version, Proof)],
}

/// The rungs of the claimed version's ladder and then the listed versions, each with what the
/// index holds for it.
pub(crate) fn verify_ladder(searched: &Searched<'_>) -> Result<Vec<Rung>, LookupError> {
    // SPEC(LOOKUP-1)
    let ladder = ladder::rungs_for(searched.claimed);
    if searched.proofs.len() != ladder.len() {
        return Err(LookupError::RungCount {
            got: searched.proofs.len(),
            expected: ladder.len(),
        });
    }
    let rungs = ladder.iter().copied().zip(searched.proofs);
    let listed = searched
        .listed
        .iter()
        .map(|(version, proof)| (*version, proof));
    let mut looks = Vec::with_capacity(ladder.len() + searched.listed.len());
    for (version, proof) in rungs.chain(listed) {
        let output = searched
            .vrf_key
            .verify(&searched.label.vrf_input(version), proof)
            .map_err(|source| LookupError::Vrf { version, source })?;
        looks.push((version, output.index_key()));
    }
    // SPEC(LOOKUP-2)
    let keys: Vec<_> = looks.iter().map(|(_, index)| *index).collect();
    let values = searched
        .index
        .verify(searched.root, &keys)
        .map_err(LookupError::Index)?;
    let rungs: Vec<_> = looks
        .into_iter()
        .zip(values)
        .map(|((version, index), value)| Rung {
            version,
            index,
            value,
        })
        .collect();
    // SPEC(LOOKUP-3)
    let results: Vec<_> = rungs
        .iter()
        .take(ladder.len())
        .map(|rung| (rung.version, rung.value.is_some()))
        .collect();
    let shown = ladder::verify(&results).map_err(LookupError::Ladder)?;
    if shown != searched.claimed {
        return Err(LookupError::OtherVersion {
            shown,
            claimed: searched.claimed,
        });
    }
    Ok(rungs)
}

impl Lookup {
    /// The head at which the answer holds.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The rungs of the ladder, in order, with their proved indexes.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// The latest key set; `None` if the label is proved to have none.
    pub fn found(&self) -> Option<&Found> {
        self.found.as_ref()
    }
}
