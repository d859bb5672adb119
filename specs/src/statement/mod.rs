#![doc = include_str!("../../statement.md")]

mod grammar;
mod protection;
mod publisher_keys;
mod release;
mod stream;
mod subject;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use grammar::{Audience, GrammarError, Name, Purl, Reason, Region, ReleaseVersion, Uri};
pub use protection::{Canary, Protection, ProtectionState};
pub use publisher_keys::PublisherKeys;
pub use release::{MAX_REFERENCES, Product, Reference, Release, Yank};
pub use stream::{Place, Seq, Stream, artifact_index};
pub use subject::{Artifact, MAX_SUBJECTS};

pub(crate) use release::{references_to_json, take_references};
pub(crate) use subject::{Subjects, subject_to_json};

use crate::Blame;
use crate::dsse::{DsseError, Envelope};
use crate::ed25519::SecretKey;
use crate::entry::{EntryError, RoleName};
use crate::hash::Hash;
use crate::index::IndexKey;
use crate::json::{self, JsonError, Object};

/// The payload type of every statement's envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The value of `_type`.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// Why a statement was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The envelope.
    #[error(transparent)]
    Dsse(#[from] DsseError),
    /// `payloadType` is another.
    #[error("the payload type is not {PAYLOAD_TYPE}")]
    PayloadType,
    /// The payload, or a member of it.
    #[error("statement: {0}")]
    Json(#[from] JsonError),
    /// `_type` is another.
    #[error("not an in-toto Statement v1")]
    StatementType,
    /// `predicateType` is not one of ours.
    #[error("not a predicate type of this protocol: {0:?}")]
    PredicateType(String),
    /// A member breaks its grammar.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
    /// No subject, or more than this kind may have.
    #[error("{0} subjects, which this kind of statement may not have")]
    SubjectCount(usize),
    /// A digest twice.
    #[error("two subjects have the same digest")]
    SubjectTwice,
    /// The new keys of a role do not make one.
    #[error(transparent)]
    RoleKeys(#[from] Box<EntryError>),
    /// The subjects of a publisher-keys statement are not its keys.
    #[error("the subjects are not the digests of the new keys")]
    KeySubjects,
}

impl StatementError {
    /// Who is to blame: a statement that does not parse is malformed.
    pub fn blame(&self) -> Blame {
        Blame::Malformed
    }
}

/// The five kinds of statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementKind {
    /// See [`Release`].
    Release,
    /// See [`Yank`].
    Yank,
    /// See [`Protection`].
    Protection,
    /// See [`Canary`].
    Canary,
    /// See [`PublisherKeys`].
    PublisherKeys,
}

impl StatementKind {
    /// The five kinds.
    pub const ALL: [Self; 5] = [
        Self::Release,
        Self::Yank,
        Self::Protection,
        Self::Canary,
        Self::PublisherKeys,
    ];

    /// The word in the predicate type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Yank => "yank",
            Self::Protection => "protection",
            Self::Canary => "canary",
            Self::PublisherKeys => "publisher-keys",
        }
    }

    /// `urn:plainsight:<kind>:v1`.
    pub fn predicate_type(self) -> String {
        // SPEC(STMT-4)
        format!("urn:plainsight:{}:v1", self.as_str())
    }

    /// The role whose keys sign it.
    pub fn role(self) -> RoleName {
        // SPEC(STMT-23)
        match self {
            Self::Release | Self::Yank => RoleName::Releases,
            Self::Protection | Self::Canary => RoleName::Protections,
            Self::PublisherKeys => RoleName::Root,
        }
    }

    fn from_predicate_type(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.predicate_type() == text)
    }
}

/// What a statement claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A version is shipped.
    Release(Release),
    /// A version is taken back.
    Yank(Yank),
    /// A protection is offered, withdrawn or weakened.
    Protection(Protection),
    /// A promise is renewed.
    Canary(Canary),
    /// A role has new keys.
    PublisherKeys(PublisherKeys),
}

impl Body {
    /// Its kind.
    pub fn kind(&self) -> StatementKind {
        match self {
            Self::Release(_) => StatementKind::Release,
            Self::Yank(_) => StatementKind::Yank,
            Self::Protection(_) => StatementKind::Protection,
            Self::Canary(_) => StatementKind::Canary,
            Self::PublisherKeys(_) => StatementKind::PublisherKeys,
        }
    }

    /// The stream it belongs to.
    pub fn stream(&self) -> Stream {
        match self {
            Self::Release(release) => release.product.stream(),
            Self::Yank(yank) => yank.product.stream(),
            Self::Protection(protection) => protection.stream(),
            Self::Canary(canary) => canary.stream(),
            Self::PublisherKeys(_) => Stream::publisher_keys(),
        }
    }

    /// The digest set of its subjects.
    pub fn digests(&self) -> BTreeSet<Hash> {
        match self {
            Self::Release(release) => release.artifacts.iter().map(|file| file.digest).collect(),
            Self::Yank(yank) => yank.digests.iter().copied().collect(),
            Self::Protection(protection) => [protection.wording].into(),
            Self::Canary(canary) => [canary.text].into(),
            Self::PublisherKeys(keys) => keys.digests().into_iter().collect(),
        }
    }

    fn take(
        kind: StatementKind,
        predicate: &mut Object,
        subjects: Subjects,
    ) -> Result<Self, StatementError> {
        Ok(match kind {
            StatementKind::Release => Self::Release(Release::take(predicate, subjects)?),
            StatementKind::Yank => Self::Yank(Yank::take(predicate, subjects)?),
            StatementKind::Protection => Self::Protection(Protection::take(predicate, subjects)?),
            StatementKind::Canary => Self::Canary(Canary::take(predicate, subjects)?),
            StatementKind::PublisherKeys => {
                Self::PublisherKeys(PublisherKeys::take(predicate, subjects)?)
            }
        })
    }

    fn predicate(&self) -> serde_json::Value {
        match self {
            Self::Release(release) => release.predicate(),
            Self::Yank(yank) => yank.predicate(),
            Self::Protection(protection) => protection.predicate(),
            Self::Canary(canary) => canary.predicate(),
            Self::PublisherKeys(keys) => keys.predicate(),
        }
    }

    fn subjects(&self) -> Vec<serde_json::Value> {
        match self {
            Self::Release(release) => release.subjects(),
            Self::Yank(yank) => yank.subjects(),
            Self::Protection(protection) => vec![subject_to_json(&protection.wording)],
            Self::Canary(canary) => vec![subject_to_json(&canary.text)],
            Self::PublisherKeys(keys) => keys.subjects(),
        }
    }
}

/// What a publisher wants to say, at the place in the stream that it believes to be the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementDraft {
    /// The place in the stream.
    pub seq: Seq,
    /// Leaf hash of the entry that holds `seq - 1`; absent for the first.
    pub prev: Option<Hash>,
    /// The claim.
    pub body: Body,
}

impl StatementDraft {
    /// Prints the in-toto Statement, to be signed in an envelope of type [`PAYLOAD_TYPE`].
    pub fn payload(&self) -> Vec<u8> {
        let mut predicate = self.body.predicate();
        if let Some(members) = predicate.as_object_mut() {
            members.insert("seq".into(), self.seq.get().into());
            if let Some(prev) = self.prev {
                members.insert("prev".into(), prev.to_hex().into());
            }
        }
        serde_json::json!({
            "_type": STATEMENT_TYPE,
            "subject": self.body.subjects(),
            "predicateType": self.body.kind().predicate_type(),
            "predicate": predicate,
        })
        .to_string()
        .into_bytes()
    }

    /// Prints the envelope, signed by each of `signers`.
    pub fn sign(&self, signers: &[&SecretKey]) -> Vec<u8> {
        Envelope::build(PAYLOAD_TYPE, &self.payload(), signers)
    }
}

/// A statement that parsed. That the right keys signed, and that it fits its stream, are rules of
/// the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    envelope: Envelope,
    seq: Seq,
    prev: Option<Hash>,
    body: Body,
}

impl Statement {
    /// Parses a DSSE envelope that fills `bytes`, and the Statement in it.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        Self::from_envelope(Envelope::parse(bytes)?)
    }

    /// Parses the Statement in `envelope`.
    pub fn from_envelope(envelope: Envelope) -> Result<Self, StatementError> {
        let (predicate_type, mut statement) = in_toto(&envelope)?;
        let Some(kind) = StatementKind::from_predicate_type(&predicate_type) else {
            return Err(StatementError::PredicateType(predicate_type));
        };
        let subjects = Subjects::take(&mut statement)?;
        let mut predicate = statement.object("predicate")?;
        // SPEC(STMT-5)
        let seq = Seq::new(predicate.u32("seq")?);
        let prev = predicate.optional_hex_hash("prev")?;
        let body = Body::take(kind, &mut predicate, subjects)?;
        predicate.finish()?;
        Ok(Self {
            envelope,
            seq,
            prev,
            body,
        })
    }

    /// The envelope, for the signatures.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Its kind.
    pub fn kind(&self) -> StatementKind {
        self.body.kind()
    }

    /// The role whose keys sign it.
    pub fn role(&self) -> RoleName {
        self.kind().role()
    }

    /// The stream it belongs to.
    pub fn stream(&self) -> Stream {
        self.body.stream()
    }

    /// Its place in the stream.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// What it says is the leaf hash of the entry that holds the place before its own.
    pub fn prev(&self) -> Option<Hash> {
        self.prev
    }

    /// What it claims.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The digest set of its subjects.
    pub fn digests(&self) -> BTreeSet<Hash> {
        self.body.digests()
    }

    /// The indexes that it inserts unless they are there already, in this order.
    pub fn indexes(&self) -> Vec<IndexKey> {
        // SPEC(STMT-24)
        let stream = self.stream();
        let mut indexes = vec![stream.seq_index(self.seq)];
        match &self.body {
            Body::Release(release) => {
                indexes.push(stream.version_index(&release.version));
                for artifact in &release.artifacts {
                    indexes.push(stream.digest_index(&artifact.digest));
                    indexes.push(artifact_index(&artifact.digest));
                }
            }
            Body::Yank(yank) => indexes.push(stream.yank_index(&yank.version)),
            Body::Protection(_) | Body::Canary(_) | Body::PublisherKeys(_) => {}
        }
        indexes
    }
}

/// The predicate type of the in-toto Statement in an envelope, and its other members.
pub(crate) fn in_toto(envelope: &Envelope) -> Result<(String, Object), StatementError> {
    // SPEC(STMT-1)
    if envelope.payload_type() != PAYLOAD_TYPE {
        return Err(StatementError::PayloadType);
    }
    // SPEC(STMT-3): what is left in the Statement after its members were taken is dropped.
    let mut statement = json::parse_object(envelope.payload())?;
    // SPEC(STMT-2)
    if statement.string("_type")? != STATEMENT_TYPE {
        return Err(StatementError::StatementType);
    }
    Ok((statement.string("predicateType")?, statement))
}

fn wrong(member: &str, expected: &'static str) -> StatementError {
    StatementError::Json(JsonError::Wrong {
        member: member.into(),
        expected,
    })
}
