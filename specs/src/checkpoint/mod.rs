#![doc = include_str!("../../checkpoint.md")]

#[cfg(test)]
pub(crate) mod tests;

use crate::Blame;
use crate::codec::{self, CodecError};
use crate::hash::{self, Hash};
use crate::merkle::{TreeHead, TreeSize};
use crate::note::{
    Algorithm, KeyName, NoteError, SignatureLine, Signer, UnverifiedNote, VerifierKey,
    lines_to_string,
};

/// The longest origin, in bytes.
pub const MAX_ORIGIN_BYTES: usize = 255;

/// The identity of a log: 1 to 255 bytes on one line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin of a log of this protocol, which is also the name of the log's key.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        // SPEC(CHK-3)
        KeyName::parse(text).map_err(|_| CheckpointError::Origin)?;
        Self::foreign(text)
    }

    /// The origin of any log: opaque, and may have spaces, as the Go checksum database's has.
    pub fn foreign(text: &str) -> Result<Self, CheckpointError> {
        // SPEC(CHK-2)
        let bounded = (1..=MAX_ORIGIN_BYTES).contains(&text.len());
        if !bounded || text.bytes().any(|byte| byte < 0x20) {
            return Err(CheckpointError::Origin);
        }
        Ok(Self(text.into()))
    }

    /// The origin.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the bare origin in lower-case hex: the log's folder under a witness's or
    /// mirror's monitoring prefix.
    pub fn origin_hash(&self) -> String {
        hash::sha256(self.0.as_bytes()).to_hex()
    }

    /// Whether a key by this name is this log's by the rule that names and origins agree.
    pub fn is_name_of(&self, key: &VerifierKey) -> bool {
        key.name().as_str() == self.0
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Origin({})", self.0)
    }
}

/// Why a checkpoint was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note itself.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Empty, longer than 255 bytes, or for our own logs not a key name.
    #[error("not an origin: 1 to {MAX_ORIGIN_BYTES} bytes that can be a key name")]
    Origin,
    /// Fewer than three lines.
    #[error("a checkpoint has an origin, a size and a root, each on its line")]
    Lines,
    /// The second line.
    #[error("the tree size: {0}")]
    Size(CodecError),
    /// The third line.
    #[error("the root: {0}")]
    Root(CodecError),
    /// A line after the third is empty.
    #[error("an extension line is empty")]
    EmptyExtension,
    /// The checkpoint is of another log than the keys.
    #[error("the checkpoint is of {found}, not of {expected}")]
    OtherOrigin {
        /// The origin in the checkpoint.
        found: Origin,
        /// The origin that the keys are configured for.
        expected: Origin,
    },
    /// Signed by the log, of size 0, and the root is not that of the empty tree.
    #[error("the tree is empty but the root is not the empty tree's")]
    EmptyTreeRoot,
}

impl CheckpointError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Note(error) => error.blame(),
            Self::OtherOrigin { .. } | Self::EmptyTreeRoot => Blame::Unproven,
            _ => Blame::Malformed,
        }
    }
}

/// The signed part, parsed, beside the bytes that were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Body {
    text: String,
    origin: Origin,
    head: TreeHead,
    /// Where the extension lines begin in the text.
    extensions: usize,
}

impl Body {
    fn parse(text: &str) -> Result<Self, CheckpointError> {
        // SPEC(CHK-1)
        let (origin, rest) = text.split_once('\n').ok_or(CheckpointError::Lines)?;
        let (size, rest) = rest.split_once('\n').ok_or(CheckpointError::Lines)?;
        let (root, extensions) = rest.split_once('\n').ok_or(CheckpointError::Lines)?;
        let size = codec::decimal(size)
            .and_then(|size| TreeSize::new(size).ok_or(CodecError::Decimal))
            .map_err(CheckpointError::Size)?;
        let root = Hash::from_base64(root).map_err(CheckpointError::Root)?;
        // SPEC(CHK-4)
        if extensions.split_terminator('\n').any(str::is_empty) {
            return Err(CheckpointError::EmptyExtension);
        }
        Ok(Self {
            origin: Origin::foreign(origin)?,
            head: TreeHead { size, root },
            extensions: text.len() - extensions.len(),
            text: text.into(),
        })
    }

    fn extensions(&self) -> &str {
        self.text.get(self.extensions..).unwrap_or_default()
    }
}

/// A checkpoint that parsed. Nobody has been shown to have signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedCheckpoint {
    body: Body,
    note: UnverifiedNote,
}

impl UnverifiedCheckpoint {
    /// From a signed note.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = UnverifiedNote::parse(bytes)?;
        let body = Body::parse(note.text())?;
        Ok(Self { body, note })
    }

    /// The origin that the checkpoint claims.
    pub fn origin(&self) -> &Origin {
        &self.body.origin
    }

    /// The head that the checkpoint claims.
    pub fn head(&self) -> TreeHead {
        self.body.head
    }

    /// The extension lines, each with its LF; empty if there are none.
    pub fn extensions(&self) -> &str {
        self.body.extensions()
    }

    /// The note.
    pub fn note(&self) -> &UnverifiedNote {
        &self.note
    }

    /// The bytes it was parsed from.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.note.to_bytes()
    }

    /// Verifies the log's signature with those of `keys` that are Ed25519 note keys (0x01) named
    /// as the checkpoint's origin. A key of another name is never tried: its owner may sign any
    /// origin.
    pub fn verify_log(self, keys: &[VerifierKey]) -> Result<SignedCheckpoint, CheckpointError> {
        // SPEC(CHK-5)
        let of_origin: Vec<VerifierKey> = keys
            .iter()
            .filter(|key| self.body.origin.is_name_of(key))
            .cloned()
            .collect();
        self.verify_with(&of_origin)
    }

    /// Verifies the log's signature with keys that are configured for `origin`, whatever their
    /// names. For logs older than the rule that names and origins agree.
    pub fn verify_log_of(
        self,
        origin: &Origin,
        keys: &[VerifierKey],
    ) -> Result<SignedCheckpoint, CheckpointError> {
        if self.body.origin != *origin {
            return Err(CheckpointError::OtherOrigin {
                found: self.body.origin,
                expected: origin.clone(),
            });
        }
        self.verify_with(keys)
    }

    fn verify_with(self, keys: &[VerifierKey]) -> Result<SignedCheckpoint, CheckpointError> {
        let keys: Vec<VerifierKey> = keys
            .iter()
            .filter(|key| key.algorithm() == Algorithm::Ed25519)
            .cloned()
            .collect();
        // SPEC(CHK-6)
        let verified = self.note.verify(&keys)?;
        // SPEC(CHK-7)
        if self.body.head.size == TreeSize::ZERO && self.body.head.root != hash::empty_root() {
            return Err(CheckpointError::EmptyTreeRoot);
        }
        let other_lines = self
            .note
            .signatures()
            .iter()
            .filter(|line| !verified.iter().any(|(key, _)| key.is_named_by(line)))
            .cloned()
            .collect();
        Ok(SignedCheckpoint {
            body: self.body,
            log_lines: verified.into_iter().map(|(_, line)| line).collect(),
            other_lines,
        })
    }
}

/// A checkpoint that the log signed: a key configured for its origin verifies it. Whether anyone
/// else has seen it is for a [policy](crate::policy) to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    body: Body,
    log_lines: Vec<SignatureLine>,
    other_lines: Vec<SignatureLine>,
}

impl SignedCheckpoint {
    /// Signs a head as the log `origin`, whose name the signer must bear.
    pub fn sign(origin: &Origin, head: TreeHead, signer: &Signer) -> Result<Self, CheckpointError> {
        let name = signer.verifier_key().name().to_string();
        if name != origin.0 {
            return Err(CheckpointError::OtherOrigin {
                found: origin.clone(),
                expected: Origin::foreign(&name)?,
            });
        }
        if head.size == TreeSize::ZERO && head.root != hash::empty_root() {
            return Err(CheckpointError::EmptyTreeRoot);
        }
        // SPEC(CHK-8): no extension lines.
        let text = format!("{origin}\n{}\n{}\n", head.size, head.root.to_base64());
        let log_lines = vec![signer.sign(&text)?];
        Ok(Self {
            body: Body::parse(&text)?,
            log_lines,
            other_lines: Vec::new(),
        })
    }

    /// The log.
    pub fn origin(&self) -> &Origin {
        &self.body.origin
    }

    /// The head that the log signed.
    pub fn head(&self) -> TreeHead {
        self.body.head
    }

    /// The extension lines, each with its LF; empty if there are none.
    pub fn extensions(&self) -> &str {
        self.body.extensions()
    }

    /// The signed text, with its last LF.
    pub fn text(&self) -> &str {
        &self.body.text
    }

    /// The log's lines, verified.
    pub fn log_lines(&self) -> &[SignatureLine] {
        &self.log_lines
    }

    /// All other lines as they came, unverified: cosignatures, perhaps.
    pub fn other_lines(&self) -> &[SignatureLine] {
        &self.other_lines
    }

    /// A note of the text and the log's lines, without what was not verified.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes_with(&[])
    }

    /// A note of the text, the log's lines and `lines`.
    pub fn to_bytes_with(&self, lines: &[SignatureLine]) -> Vec<u8> {
        // SPEC(CHK-9)
        let lines = lines_to_string(self.log_lines.iter().chain(lines));
        format!("{}\n{lines}", self.body.text).into_bytes()
    }
}
