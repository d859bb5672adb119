#![doc = include_str!("../lookup.md")]

use serde_json::{Map, Value, json};

use crate::Blame;
use crate::codec::to_base64;
use crate::commitment::{self, Opening};
use crate::entry::{Entry, Genesis, KeyEntry};
use crate::hash::{Hash, leaf_hash};
use crate::head::{Head, HeadBlock, HeadError, MAX_ENTRY, MAX_PROOF, Step, Trust, hashes};
use crate::index::{IndexError, IndexKey, IndexProof};
use crate::json::{self, JsonError, Object};
use crate::keyset::{KeySet, KeySetError};
use crate::label::{Label, LabelError, Version};
use crate::ladder::{self, LadderError};
use crate::merkle::verify::{ProofError, verify_inclusion};
use crate::merkle::{LeafIndex, TreeHead, TreeSize};
use crate::vrf::{self, Proof, VrfError};

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

/// The latest version as answered.
#[derive(Debug)]
pub struct FoundAnswer {
    /// Which.
    pub version: Version,
    /// The key entry.
    pub entry: Vec<u8>,
    /// What it was committed with; absent only in a history, if withheld.
    pub opening: Option<Opening>,
    /// What it commits to; absent only in a history, if withheld.
    pub key_set: Option<Vec<u8>>,
    /// When it was logged, if asked for.
    pub logged: Option<LoggedAnswer>,
}

/// Where an entry stands, and an epoch after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedAnswer {
    /// The entry's position.
    pub position: LeafIndex,
    /// Its inclusion.
    pub inclusion: Vec<Hash>,
    /// An epoch entry.
    pub epoch: Vec<u8>,
    /// Its position.
    pub epoch_position: LeafIndex,
    /// Its inclusion.
    pub epoch_inclusion: Vec<Hash>,
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

/// The latest key set of a label, proved.
#[derive(Debug, Clone)]
pub struct Found {
    key_set: KeySet,
    entry: KeyEntry,
    logged: Option<Logged>,
}

/// When an entry was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// Its position in the log.
    pub position: LeafIndex,
    /// The time of an epoch after it, in milliseconds: it was logged no later.
    pub no_later_than_ms: u64,
}

/// Why a look-up or a history is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The head is not accepted.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The request or answer is not the JSON it should be.
    #[error("it does not parse: {0}")]
    Json(#[from] JsonError),
    /// The answer's index proof does not parse.
    #[error("the index proof does not parse: {0}")]
    IndexForm(IndexError),
    /// The request's label is not canonical.
    #[error("the label is not acceptable: {0}")]
    Label(#[from] LabelError),
    /// Not one VRF proof for each rung.
    #[error("{got} VRF proofs for a ladder of {expected} rungs")]
    RungCount {
        /// Proofs given.
        got: usize,
        /// Rungs of the claimed version's ladder.
        expected: usize,
    },
    /// A VRF proof does not hold.
    #[error("the VRF proof of version {version} does not hold: {source}")]
    Vrf {
        /// Which version.
        version: Version,
        /// Why.
        source: VrfError,
    },
    /// The index proof does not hold.
    #[error("the index proof does not hold: {0}")]
    Index(IndexError),
    /// The ladder leads elsewhere.
    #[error("the index does not show the claimed version to be the latest: {0}")]
    Ladder(LadderError),
    /// The ladder leads to another version.
    #[error("the index shows {shown:?} to be the latest version, not {claimed:?}")]
    OtherVersion {
        /// What the ladder shows.
        shown: Option<Version>,
        /// What the answer claims.
        claimed: Option<Version>,
    },
    /// The entry is not the one that the index holds.
    #[error("the entry given for version {version} is not the one that the index holds: a decoy")]
    Decoy {
        /// Which version.
        version: Version,
    },
    /// The opening or the key set is missing.
    #[error("version {version} is not opened: the log withholds its key set")]
    Withheld {
        /// Which version.
        version: Version,
    },
    /// The entry commits to something else.
    #[error("the entry of version {version} commits to another key set")]
    Commitment {
        /// Which version.
        version: Version,
    },
    /// The key set breaks its own rules.
    #[error("the key set of version {version} is not acceptable: {source}")]
    KeySet {
        /// Which version.
        version: Version,
        /// Why.
        source: KeySetError,
    },
    /// The key set is of another label or version.
    #[error("the key set given for version {version} names another label or version")]
    OtherKeySet {
        /// Which version.
        version: Version,
    },
    /// When it was logged is not shown.
    #[error("where version {version} stands in the log is not shown: {source}")]
    Position {
        /// Which version.
        version: Version,
        /// Why.
        source: ProofError,
    },
    /// The epoch after it is not one, or not after it.
    #[error("no epoch after version {version} is shown")]
    LoggedEpoch {
        /// Which version.
        version: Version,
    },
    /// A history lists versions out of order, or outside of what was asked.
    #[error("the history lists version {version} out of place")]
    VersionOrder {
        /// Which version.
        version: Version,
    },
}

impl LookupError {
    /// The steps of a look-up and of a history, after those of the head.
    pub const STEPS: [Step; 6] = [
        Step::Vrf,
        Step::Index,
        Step::Ladder,
        Step::Commitment,
        Step::KeySet,
        Step::Logged,
    ];

    /// The step that failed.
    pub fn step(&self) -> Step {
        match self {
            Self::Head(error) => error.step(),
            Self::Json(_) | Self::IndexForm(_) | Self::Label(_) | Self::VersionOrder { .. } => {
                Step::Parse
            }
            Self::RungCount { .. } | Self::Vrf { .. } => Step::Vrf,
            Self::Index(_) | Self::Decoy { .. } => Step::Index,
            Self::Ladder(_) | Self::OtherVersion { .. } => Step::Ladder,
            Self::Withheld { .. } | Self::Commitment { .. } => Step::Commitment,
            Self::KeySet { .. } | Self::OtherKeySet { .. } => Step::KeySet,
            Self::Position { .. } | Self::LoggedEpoch { .. } => Step::Logged,
        }
    }

    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Head(error) => error.blame(),
            Self::Json(_) | Self::IndexForm(_) | Self::VersionOrder { .. } => Blame::Malformed,
            Self::Label(_) => Blame::Misuse,
            Self::Withheld { .. } => Blame::Unavailable,
            _ => Blame::Unproven,
        }
    }
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

/// Checks that `entry` is the key entry that the index holds for a version.
pub(crate) fn verify_entry(entry: &[u8], rung: &Rung) -> Result<KeyEntry, LookupError> {
    // SPEC(LOOKUP-4, HISTORY-1)
    match Entry::parse(entry) {
        Ok(Entry::Key(key)) if key.index == rung.index && rung.value == Some(leaf_hash(entry)) => {
            Ok(key)
        }
        _ => Err(LookupError::Decoy {
            version: rung.version,
        }),
    }
}

/// Opens a key entry: the key set of this label and version that it commits to.
pub(crate) fn open(
    entry: &KeyEntry,
    genesis: &Genesis,
    label: &Label,
    version: Version,
    opening: &Opening,
    key_set: &[u8],
) -> Result<KeySet, LookupError> {
    // SPEC(LOOKUP-5)
    commitment::check(&entry.commitment, opening, label, version, key_set)
        .map_err(|_| LookupError::Commitment { version })?;
    // SPEC(LOOKUP-6)
    let refused = |source| LookupError::KeySet { version, source };
    let key_set = KeySet::parse(key_set).map_err(refused)?;
    key_set.check_genesis(genesis).map_err(refused)?;
    if key_set.label() != label || key_set.version() != version {
        return Err(LookupError::OtherKeySet { version });
    }
    Ok(key_set)
}

impl FoundAnswer {
    fn take(answer: &mut Object, version: json::Json) -> Result<Self, LookupError> {
        let logged = match answer.take("logged") {
            None => None,
            Some(logged) => Some(LoggedAnswer::take(logged.into_object("logged")?)?),
        };
        Ok(Self {
            version: take_version(version, "version")?,
            entry: answer.base64("entry", MAX_ENTRY)?,
            opening: take_opening(answer)?,
            key_set: take_key_set(answer)?,
            logged,
        })
    }

    fn add_to(&self, members: &mut Map<String, Value>) {
        members.insert("version".into(), json!(self.version.get()));
        members.insert("entry".into(), json!(to_base64(&self.entry)));
        if let Some(opening) = &self.opening {
            members.insert("opening".into(), json!(to_base64(opening.as_bytes())));
        }
        if let Some(key_set) = &self.key_set {
            members.insert("key_set".into(), json!(to_base64(key_set)));
        }
        if let Some(logged) = &self.logged {
            members.insert("logged".into(), logged.to_value());
        }
    }

    fn verify(
        &self,
        genesis: &Genesis,
        request: &LookupRequest,
        rungs: &[Rung],
        head: &TreeHead,
    ) -> Result<Found, LookupError> {
        let version = self.version;
        let rung = rungs
            .iter()
            .find(|rung| rung.version == version)
            .ok_or(LookupError::Decoy { version })?;
        let entry = verify_entry(&self.entry, rung)?;
        let (Some(opening), Some(key_set)) = (&self.opening, &self.key_set) else {
            return Err(LookupError::Withheld { version });
        };
        let key_set = open(&entry, genesis, &request.label, version, opening, key_set)?;
        let logged = match &self.logged {
            Some(logged) => Some(logged.verify(version, &leaf_hash(&self.entry), head)?),
            None if request.logged => return Err(LookupError::LoggedEpoch { version }),
            None => None,
        };
        Ok(Found {
            key_set,
            entry,
            logged,
        })
    }
}

impl LoggedAnswer {
    fn take(mut logged: Object) -> Result<Self, LookupError> {
        let parsed = Self {
            position: take_position(&mut logged, "position")?,
            inclusion: logged.base64_hashes("inclusion", MAX_PROOF)?,
            epoch: logged.base64("epoch", MAX_ENTRY)?,
            epoch_position: take_position(&mut logged, "epoch_position")?,
            epoch_inclusion: logged.base64_hashes("epoch_inclusion", MAX_PROOF)?,
        };
        logged.finish()?;
        Ok(parsed)
    }

    fn to_value(&self) -> Value {
        json!({
            "position": self.position.get(),
            "inclusion": hashes(&self.inclusion),
            "epoch": to_base64(&self.epoch),
            "epoch_position": self.epoch_position.get(),
            "epoch_inclusion": hashes(&self.epoch_inclusion),
        })
    }

    fn verify(
        &self,
        version: Version,
        leaf: &Hash,
        head: &TreeHead,
    ) -> Result<Logged, LookupError> {
        // SPEC(LOOKUP-7)
        verify_inclusion(leaf, self.position, head, &self.inclusion)
            .map_err(|source| LookupError::Position { version, source })?;
        let Ok(Entry::Epoch(epoch)) = Entry::parse(&self.epoch) else {
            return Err(LookupError::LoggedEpoch { version });
        };
        if self.epoch_position <= self.position {
            return Err(LookupError::LoggedEpoch { version });
        }
        let epoch_leaf = leaf_hash(&self.epoch);
        verify_inclusion(
            &epoch_leaf,
            self.epoch_position,
            head,
            &self.epoch_inclusion,
        )
        .map_err(|source| LookupError::Position { version, source })?;
        Ok(Logged {
            position: self.position,
            no_later_than_ms: epoch.time_ms,
        })
    }
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

impl Found {
    /// The key set.
    pub fn key_set(&self) -> &KeySet {
        &self.key_set
    }

    /// The entry that commits to it.
    pub fn entry(&self) -> &KeyEntry {
        &self.entry
    }

    /// When it was logged, if asked for.
    pub fn logged(&self) -> Option<&Logged> {
        self.logged.as_ref()
    }
}

pub(crate) fn take_size(object: &mut Object, member: &str) -> Result<Option<TreeSize>, JsonError> {
    let size = object.optional_integer(member)?;
    // Integers in JSON are below 2^53, so every one of them is a size.
    Ok(size.and_then(TreeSize::new))
}

pub(crate) fn take_position(object: &mut Object, member: &str) -> Result<LeafIndex, JsonError> {
    LeafIndex::new(object.integer(member)?).ok_or_else(|| JsonError::Wrong {
        member: member.into(),
        expected: "a position",
    })
}

pub(crate) fn take_version(value: json::Json, member: &str) -> Result<Version, JsonError> {
    let number = value.into_integer(member)?;
    u32::try_from(number)
        .map(Version::new)
        .map_err(|_| JsonError::Wrong {
            member: member.into(),
            expected: "a version below 2^32",
        })
}

pub(crate) fn take_vrf(value: json::Json, member: &str) -> Result<Proof, JsonError> {
    let text = value.into_string(member)?;
    let bytes = crate::codec::base64_array(&text).map_err(|source| JsonError::Codec {
        member: member.into(),
        source,
    })?;
    Proof::from_bytes(&bytes).map_err(|_| JsonError::Wrong {
        member: member.into(),
        expected: "a VRF proof",
    })
}

pub(crate) fn take_opening(object: &mut Object) -> Result<Option<Opening>, JsonError> {
    let Some(text) = object.optional_string("opening")? else {
        return Ok(None);
    };
    let bytes = crate::codec::base64_array(&text).map_err(|source| JsonError::Codec {
        member: "opening".into(),
        source,
    })?;
    Ok(Some(Opening::from_bytes(bytes)))
}

pub(crate) fn take_key_set(object: &mut Object) -> Result<Option<Vec<u8>>, JsonError> {
    let Some(text) = object.optional_string("key_set")? else {
        return Ok(None);
    };
    crate::codec::base64_bytes(&text, MAX_KEY_SET)
        .map(Some)
        .map_err(|source| JsonError::Codec {
            member: "key_set".into(),
            source,
        })
}
