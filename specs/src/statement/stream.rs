//! Streams and the indexes that statements insert.

use super::grammar::{GrammarError, Name, Purl, Region, ReleaseVersion};
use crate::hash::{Hash, sha256_parts};
use crate::index::IndexKey;

/// A statement's place in its stream, dense from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u32);

impl Seq {
    /// The first of every stream.
    pub const ZERO: Self = Self(0);

    /// Any 32-bit number.
    pub fn new(seq: u32) -> Self {
        Self(seq)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The one after it; `None` at the end of the stream.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// The one before it; `None` at the first.
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

impl From<u32> for Seq {
    fn from(seq: u32) -> Self {
        Self(seq)
    }
}

impl From<Seq> for u32 {
    fn from(seq: Seq) -> Self {
        seq.0
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a protection holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// `*`.
    Everywhere,
    /// One region.
    Region(Region),
}

impl Place {
    /// `*` or a region.
    pub fn parse(text: &str) -> Result<Self, GrammarError> {
        match text {
            "*" => Ok(Self::Everywhere),
            region => Region::parse(region).map(Self::Region),
        }
    }

    /// As in stream bytes and in JSON.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Everywhere => "*",
            Self::Region(region) => region.as_str(),
        }
    }
}

/// The bytes that name a dense sequence of statements. Only valid fields make a stream, and no
/// field can hold a line feed, so different fields are different bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream(String);

impl Stream {
    /// The releases and yanks of one product, channel and architecture.
    pub fn release(purl: &Purl, channel: &Name, arch: &Name) -> Self {
        // SPEC(STMT-20)
        Self(format!("release\n{purl}\n{channel}\n{arch}"))
    }

    /// What holds for one feature in one place.
    pub fn protection(feature: &Name, place: &Place) -> Self {
        Self(format!("protection\n{feature}\n{}", place.as_str()))
    }

    /// One canary.
    pub fn canary(name: &Name) -> Self {
        Self(format!("canary\n{name}"))
    }

    /// Every change of the roles' keys.
    pub fn publisher_keys() -> Self {
        Self("publisher-keys".into())
    }

    /// From the bytes of a stream: a line for each field, each in its grammar.
    pub fn parse(bytes: &[u8]) -> Result<Self, GrammarError> {
        let text = std::str::from_utf8(bytes).map_err(|_| GrammarError::Stream)?;
        let mut lines = text.split('\n');
        let mut next = || lines.next().ok_or(GrammarError::Stream);
        let stream = match next()? {
            "release" => {
                let (purl, channel, arch) = (Purl::parse(next()?)?, next()?, next()?);
                Self::release(&purl, &Name::parse(channel)?, &Name::parse(arch)?)
            }
            "protection" => {
                let feature = Name::parse(next()?)?;
                Self::protection(&feature, &Place::parse(next()?)?)
            }
            "canary" => Self::canary(&Name::parse(next()?)?),
            "publisher-keys" => Self::publisher_keys(),
            _ => return Err(GrammarError::Stream),
        };
        // What was built from the fields is all that there was.
        if stream.as_bytes() == bytes {
            Ok(stream)
        } else {
            Err(GrammarError::Stream)
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Where the statement with this number is.
    pub fn seq_index(&self, seq: Seq) -> IndexKey {
        self.index("seq", &[&seq.get().to_be_bytes()])
    }

    /// Where the release of this version is.
    pub fn version_index(&self, version: &ReleaseVersion) -> IndexKey {
        let text = version.as_str().as_bytes();
        self.index("version", &[&u16_len(text), text])
    }

    /// Where the first release of this stream that shipped the file is.
    pub fn digest_index(&self, digest: &Hash) -> IndexKey {
        self.index("digest", &[digest.as_bytes()])
    }

    /// Where the first yank of this version is.
    pub fn yank_index(&self, version: &ReleaseVersion) -> IndexKey {
        let text = version.as_str().as_bytes();
        self.index("yank", &[&u16_len(text), text])
    }

    fn index(&self, what: &str, fields: &[&[u8]]) -> IndexKey {
        // SPEC(STMT-21)
        let stream = self.as_bytes();
        let (tag, len) = (format!("plainsight/{what}/v1\n"), u16_len(stream));
        let mut parts = vec![tag.as_bytes(), &len, stream];
        parts.extend_from_slice(fields);
        IndexKey::public(sha256_parts(&parts))
    }
}

/// As people read it, on one line.
impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.replace('\n', " "))
    }
}

/// Where the first release of any stream that shipped the file is. For discovery, never a verdict.
pub fn artifact_index(digest: &Hash) -> IndexKey {
    // SPEC(STMT-22)
    IndexKey::public(sha256_parts(&[
        b"plainsight/artifact/v1\n",
        digest.as_bytes(),
    ]))
}

/// The length before a text. The grammars keep versions within 128 bytes and streams within 1,200.
fn u16_len(text: &[u8]) -> [u8; 2] {
    u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes()
}
