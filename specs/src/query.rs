#![doc = include_str!("../query.md")]

use serde_json::{Map, Value, json};

use crate::Blame;
use crate::codec::to_base64;
use crate::entry::Entry;
use crate::hash::{Hash, leaf_hash};
use crate::head::{Head, HeadBlock, HeadError, MAX_ENTRY, Step, Trust};
use crate::index::{IndexError, IndexKey, IndexProof};
use crate::json::{self, JsonError};
use crate::ladder::{self, LadderError};
use crate::lookup::take_size;
use crate::merkle::TreeSize;
use crate::statement::{self, Body, GrammarError, ReleaseVersion, Seq, Statement, Stream};

/// The longest stream that is read, in bytes.
pub const MAX_STREAM: usize = 4096;

/// A stream query as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRequest {
    /// Which stream.
    pub stream: Stream,
    /// The reader's last size, for a consistency proof.
    pub since: Option<TreeSize>,
    /// Which version of a release stream.
    pub version: Option<ReleaseVersion>,
    /// Which file.
    pub digest: Option<Hash>,
}

/// A stream query as answered.
#[derive(Debug, Clone)]
pub struct StreamAnswer {
    /// At which head.
    pub head: HeadBlock,
    /// For everything searched.
    pub index: IndexProof,
    /// The release entry of the version.
    pub entry: Option<Vec<u8>>,
    /// Its yank.
    pub yank: Option<Vec<u8>>,
    /// The latest statement.
    pub latest: Option<LatestAnswer>,
}

/// The latest statement of a stream as answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestAnswer {
    /// Its place in the stream.
    pub seq: Seq,
    /// The entry.
    pub entry: Vec<u8>,
}

/// What a stream holds, proved.
#[derive(Debug, Clone)]
pub struct StreamState {
    head: Head,
    release: Option<Statement>,
    shipped: Option<Hash>,
    yank: Option<Statement>,
    latest: Option<Latest>,
}

/// The latest statement of a stream.
#[derive(Debug, Clone)]
pub struct Latest {
    /// Its place in the stream.
    pub seq: Seq,
    /// Its leaf hash: the `prev` of the next one.
    pub leaf: Hash,
    /// The statement.
    pub statement: Statement,
}

/// Why an answer to a query is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The head is not accepted.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The request or answer is not the JSON it should be.
    #[error("it does not parse: {0}")]
    Json(#[from] JsonError),
    /// The request's stream or version is none.
    #[error("the stream or version asked for is not acceptable: {0}")]
    Stream(GrammarError),
    /// The answer's index proof does not parse.
    #[error("the index proof does not parse: {0}")]
    IndexForm(IndexError),
    /// The index proof does not hold.
    #[error("the index proof does not hold: {0}")]
    Index(IndexError),
    /// The ladder leads elsewhere.
    #[error("the index does not show which statement is the latest: {0}")]
    Ladder(LadderError),
    /// The ladder leads to another statement.
    #[error("the index shows {shown:?} to be the latest statement, not {claimed:?}")]
    OtherSeq {
        /// What the ladder shows.
        shown: Option<Seq>,
        /// What the answer claims.
        claimed: Option<Seq>,
    },
    /// An entry is missing, or given though the index does not hold it, or is another one.
    #[error("the {what} given is not the one that the index holds")]
    OtherEntry {
        /// Which entry.
        what: &'static str,
    },
}

impl QueryError {
    /// The steps of a stream query, after those of the head.
    pub const STEPS: [Step; 3] = [Step::Index, Step::Ladder, Step::Statement];

    /// The step that failed.
    pub fn step(&self) -> Step {
        match self {
            Self::Head(error) => error.step(),
            Self::Json(_) | Self::IndexForm(_) | Self::Stream(_) => Step::Parse,
            Self::Index(_) => Step::Index,
            Self::Ladder(_) | Self::OtherSeq { .. } => Step::Ladder,
            Self::OtherEntry { .. } => Step::Statement,
        }
    }

    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Head(error) => error.blame(),
            Self::Json(_) | Self::IndexForm(_) => Blame::Malformed,
            Self::Stream(_) => Blame::Misuse,
            _ => Blame::Unproven,
        }
    }
}

impl StreamRequest {
    /// From the body of a request.
    pub fn parse(body: &[u8]) -> Result<Self, QueryError> {
        let mut request = json::parse_object(body)?;
        let parsed = Self {
            stream: Stream::parse(&request.base64("stream", MAX_STREAM)?)
                .map_err(QueryError::Stream)?,
            since: take_size(&mut request, "since")?,
            version: match request.optional_string("version")? {
                None => None,
                Some(text) => Some(ReleaseVersion::parse(&text).map_err(QueryError::Stream)?),
            },
            digest: match request.take("digest") {
                None => None,
                Some(value) => Some(hex_hash(value, "digest")?),
            },
        };
        request.finish()?;
        Ok(parsed)
    }

    /// The body of a request.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = Map::new();
        members.insert("stream".into(), json!(to_base64(self.stream.as_bytes())));
        if let Some(since) = self.since {
            members.insert("since".into(), json!(since.get()));
        }
        if let Some(version) = &self.version {
            members.insert("version".into(), json!(version.as_str()));
        }
        if let Some(digest) = &self.digest {
            members.insert("digest".into(), json!(digest.to_hex()));
        }
        Value::Object(members).to_string().into_bytes()
    }

    /// The indexes to search, in order, once the version is known.
    pub fn searched(&self, version: Option<&ReleaseVersion>, latest: Option<Seq>) -> Vec<IndexKey> {
        let stream = &self.stream;
        let mut searched = Vec::new();
        searched.extend(version.map(|version| stream.version_index(version)));
        searched.extend(self.digest.iter().map(|digest| stream.digest_index(digest)));
        searched.extend(version.map(|version| stream.yank_index(version)));
        searched.extend(
            ladder::rungs_for(latest)
                .into_iter()
                .map(|seq| stream.seq_index(seq)),
        );
        searched
    }
}

impl StreamAnswer {
    /// From the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, QueryError> {
        let mut answer = json::parse_object(body)?;
        let head = HeadBlock::take(&mut answer)?;
        let index =
            IndexProof::from_json(answer.required("index")?).map_err(QueryError::IndexForm)?;
        let entry = optional_entry(&mut answer, "entry")?;
        let yank = optional_entry(&mut answer, "yank")?;
        let latest = match answer.take("latest") {
            None => None,
            Some(latest) => {
                let mut latest = latest.into_object("latest")?;
                let parsed = LatestAnswer {
                    seq: Seq::new(latest.u32("seq")?),
                    entry: latest.base64("entry", MAX_ENTRY)?,
                };
                latest.finish()?;
                Some(parsed)
            }
        };
        answer.finish()?;
        Ok(Self {
            head,
            index,
            entry,
            yank,
            latest,
        })
    }

    /// The body of an answer.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = self.head.members();
        members.insert("index".into(), self.index.to_json());
        if let Some(entry) = &self.entry {
            members.insert("entry".into(), json!(to_base64(entry)));
        }
        if let Some(yank) = &self.yank {
            members.insert("yank".into(), json!(to_base64(yank)));
        }
        if let Some(latest) = &self.latest {
            let entry = to_base64(&latest.entry);
            members.insert(
                "latest".into(),
                json!({"seq": latest.seq.get(), "entry": entry}),
            );
        }
        Value::Object(members).to_string().into_bytes()
    }

    /// Verifies every step, for the stream asked for.
    pub fn verify(
        &self,
        trust: &Trust<'_>,
        request: &StreamRequest,
    ) -> Result<StreamState, QueryError> {
        let head = self.head.verify(trust)?;
        let stream = &request.stream;
        let release = self
            .entry
            .as_deref()
            .map(|entry| release_of(entry, stream, request.version.as_ref()))
            .transpose()?;
        let named = release.as_ref().map(|(_, version)| version);
        let version = request.version.as_ref().or(named).cloned();
        // SPEC(QUERY-1)
        let claimed = self.latest.as_ref().map(|latest| latest.seq);
        let searched = request.searched(version.as_ref(), claimed);
        let values = self
            .index
            .verify(&head.epoch().index_root, &searched)
            .map_err(QueryError::Index)?;
        let mut values = values.into_iter();
        let mut next = || values.next().flatten();
        let at_version = version.is_some().then(&mut next).flatten();
        let shipped = request.digest.is_some().then(&mut next).flatten();
        let at_yank = version.is_some().then(&mut next).flatten();
        // SPEC(QUERY-2)
        let ladder = ladder::rungs_for(claimed);
        let results: Vec<_> = ladder.into_iter().zip(values).collect();
        let looks: Vec<_> = results
            .iter()
            .map(|(seq, value)| (*seq, value.is_some()))
            .collect();
        let shown = ladder::verify(&looks).map_err(QueryError::Ladder)?;
        if shown != claimed {
            return Err(QueryError::OtherSeq { shown, claimed });
        }
        // SPEC(QUERY-3)
        refuse_other("release", self.entry.as_deref(), at_version)?;
        refuse_other("yank", self.yank.as_deref(), at_yank)?;
        // SPEC(QUERY-4)
        if request.version.is_none() {
            refuse_other("release", self.entry.as_deref(), shipped)?;
        }
        let yank = match (&self.yank, &version) {
            (Some(entry), Some(version)) => Some(yank_of(entry, stream, version)?),
            _ => None,
        };
        let latest = match &self.latest {
            None => None,
            Some(latest) => {
                let found = results.iter().find(|(seq, _)| *seq == latest.seq);
                refuse_other(
                    "latest statement",
                    Some(&latest.entry),
                    found.and_then(|(_, value)| *value),
                )?;
                Some(latest.parse(stream)?)
            }
        };
        Ok(StreamState {
            head,
            release: release.map(|(release, _)| release),
            shipped,
            yank,
            latest,
        })
    }
}

impl LatestAnswer {
    fn parse(&self, stream: &Stream) -> Result<Latest, QueryError> {
        let statement = statement_of(&self.entry, stream, "latest statement")?;
        if statement.seq() != self.seq {
            return Err(QueryError::OtherEntry {
                what: "latest statement",
            });
        }
        Ok(Latest {
            seq: self.seq,
            leaf: leaf_hash(&self.entry),
            statement,
        })
    }
}

/// An entry must be given if and only if the index holds its leaf hash.
fn refuse_other(
    what: &'static str,
    entry: Option<&[u8]>,
    held: Option<Hash>,
) -> Result<(), QueryError> {
    if entry.map(leaf_hash) == held {
        Ok(())
    } else {
        Err(QueryError::OtherEntry { what })
    }
}

fn statement_of(
    entry: &[u8],
    stream: &Stream,
    what: &'static str,
) -> Result<Statement, QueryError> {
    match Entry::parse(entry) {
        Ok(Entry::Statement(entry)) if entry.statement().stream() == *stream => {
            Ok(entry.statement().clone())
        }
        _ => Err(QueryError::OtherEntry { what }),
    }
}

fn release_of(
    entry: &[u8],
    stream: &Stream,
    version: Option<&ReleaseVersion>,
) -> Result<(Statement, ReleaseVersion), QueryError> {
    let statement = statement_of(entry, stream, "release")?;
    match statement.body() {
        Body::Release(release) if version.is_none_or(|asked| release.version == *asked) => {
            let version = release.version.clone();
            Ok((statement, version))
        }
        _ => Err(QueryError::OtherEntry { what: "release" }),
    }
}

fn yank_of(
    entry: &[u8],
    stream: &Stream,
    version: &ReleaseVersion,
) -> Result<Statement, QueryError> {
    let statement = statement_of(entry, stream, "yank")?;
    match statement.body() {
        Body::Yank(yank) if yank.version == *version => Ok(statement),
        _ => Err(QueryError::OtherEntry { what: "yank" }),
    }
}

impl StreamState {
    /// The head at which the answer holds.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The release at the version asked for, or the first that shipped the file.
    pub fn release(&self) -> Option<&Statement> {
        self.release.as_ref()
    }

    /// The leaf hash of the entry that first shipped the file asked for in this stream.
    pub fn shipped(&self) -> Option<&Hash> {
        self.shipped.as_ref()
    }

    /// The yank of that version.
    pub fn yank(&self) -> Option<&Statement> {
        self.yank.as_ref()
    }

    /// The latest statement of the stream.
    pub fn latest(&self) -> Option<&Latest> {
        self.latest.as_ref()
    }

    /// Whether the release at the version lists `digest` and was not yanked: what an install
    /// requires of the log.
    pub fn may_install(&self, digest: &Hash) -> bool {
        // SPEC(QUERY-5)
        self.yank.is_none()
            && self
                .release
                .as_ref()
                .is_some_and(|release| release.digests().contains(digest))
    }
}

/// The answer about a file alone.
#[derive(Debug, Clone)]
pub struct ArtifactAnswer {
    /// At which head.
    pub head: HeadBlock,
    /// For the artifact's index.
    pub index: IndexProof,
    /// The first entry that listed it.
    pub entry: Option<Vec<u8>>,
}

impl ArtifactAnswer {
    /// From the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, QueryError> {
        let mut answer = json::parse_object(body)?;
        let parsed = Self {
            head: HeadBlock::take(&mut answer)?,
            index: IndexProof::from_json(answer.required("index")?)
                .map_err(QueryError::IndexForm)?,
            entry: optional_entry(&mut answer, "entry")?,
        };
        answer.finish()?;
        Ok(parsed)
    }

    /// The body of an answer.
    pub fn to_json(&self) -> Vec<u8> {
        let mut members = self.head.members();
        members.insert("index".into(), self.index.to_json());
        if let Some(entry) = &self.entry {
            members.insert("entry".into(), json!(to_base64(entry)));
        }
        Value::Object(members).to_string().into_bytes()
    }

    /// The head, and the first release that listed the file, if any did.
    pub fn verify(
        &self,
        trust: &Trust<'_>,
        digest: &Hash,
    ) -> Result<(Head, Option<Statement>), QueryError> {
        let head = self.head.verify(trust)?;
        let searched = [statement::artifact_index(digest)];
        let values = self
            .index
            .verify(&head.epoch().index_root, &searched)
            .map_err(QueryError::Index)?;
        // SPEC(QUERY-6)
        refuse_other(
            "release",
            self.entry.as_deref(),
            values.into_iter().next().flatten(),
        )?;
        let Some(entry) = &self.entry else {
            return Ok((head, None));
        };
        match Entry::parse(entry) {
            Ok(Entry::Statement(entry)) if entry.statement().digests().contains(digest) => {
                Ok((head, Some(entry.statement().clone())))
            }
            _ => Err(QueryError::OtherEntry { what: "release" }),
        }
    }
}

fn optional_entry(object: &mut json::Object, member: &str) -> Result<Option<Vec<u8>>, JsonError> {
    let Some(text) = object.optional_string(member)? else {
        return Ok(None);
    };
    crate::codec::base64_bytes(&text, MAX_ENTRY)
        .map(Some)
        .map_err(|source| JsonError::Codec {
            member: member.into(),
            source,
        })
}

fn hex_hash(value: json::Json, member: &str) -> Result<Hash, JsonError> {
    Hash::from_hex(&value.into_string(member)?).map_err(|source| JsonError::Codec {
        member: member.into(),
        source,
    })
}
