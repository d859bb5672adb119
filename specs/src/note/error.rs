//! Why a note or a key was refused.

use crate::Blame;
use crate::codec::CodecError;

use super::{Algorithm, KeyId, KeyName};

/// Why a note, a signature line or a verifier key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`super::MAX_NOTE_BYTES`]; nothing was looked at.
    #[error("the note is longer than the {limit} bytes allowed")]
    TooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// Not UTF-8.
    #[error("the note is not UTF-8")]
    NotUtf8,
    /// A byte below 0x20 other than LF.
    #[error("the note has a control character other than the line feed")]
    ControlCharacter,
    /// The text does not end in LF.
    #[error("the text of the note does not end in a line feed")]
    TextEnd,
    /// No empty line followed by at least one signature line.
    #[error("the note has no signatures")]
    NoSignatures,
    /// More lines than [`super::MAX_SIGNATURES`]; none was decoded.
    #[error("the note has more than the {limit} signatures allowed")]
    TooManySignatures {
        /// The bound.
        limit: usize,
    },
    /// Not `— <key name> <base64>`, or the line feed is missing.
    #[error("a line after the text is not a signature line")]
    SignatureLine,
    /// The base64 of a signature line does not decode.
    #[error("a signature does not decode: {0}")]
    SignatureEncoding(CodecError),
    /// Empty, or has white space, a `+` or a control character.
    #[error("not a key name: empty, or with white space, a plus or a control character")]
    KeyName,
    /// Not `<name>+<8 hex digits>+<base64>`.
    #[error("not a verifier key of the form name+id+key")]
    KeyForm,
    /// The key does not decode.
    #[error("the verifier key does not decode: {0}")]
    KeyEncoding(CodecError),
    /// A type byte that no specification assigns.
    #[error("signature type {0:#04x} is unknown")]
    UnknownAlgorithm(u8),
    /// A type byte that is assigned, and that this protocol has no use for.
    #[error("signature type {0:#04x} is not supported")]
    NotSupported(u8),
    /// The key has another length than its type.
    #[error("the public key has {got} bytes where its type has {expected}")]
    KeyLength {
        /// Bytes found.
        got: usize,
        /// Bytes the type has.
        expected: usize,
    },
    /// The key is not a canonical Ed25519 point of large order.
    #[error("not a canonical Ed25519 public key of large order")]
    WeakKey,
    /// The id inside the verifier key is not the one that name, type and key give.
    #[error("the key id is {stated}, but name and key give {computed}")]
    KeyIdMismatch {
        /// The id in the text.
        stated: KeyId,
        /// The id by the rule.
        computed: KeyId,
    },
    /// Two of the caller's keys have this name and id, and the note uses it.
    #[error("two configured keys are {name}+{id}")]
    AmbiguousKey {
        /// The name.
        name: KeyName,
        /// The id.
        id: KeyId,
    },
    /// A line of a known key does not verify.
    #[error("the signature by {name}+{id} does not verify")]
    InvalidSignature {
        /// The name.
        name: KeyName,
        /// The id.
        id: KeyId,
    },
    /// No line is by a known key.
    #[error("no signature is by a known key")]
    NotSigned,
    /// The key has another type than the operation needs.
    #[error("the key is for {found}, and this needs one for {needed}")]
    WrongAlgorithm {
        /// The key's type.
        found: Algorithm,
        /// The type needed.
        needed: Algorithm,
    },
}

impl NoteError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::InvalidSignature { .. } | Self::NotSigned => Blame::Unproven,
            Self::NotSupported(_) | Self::AmbiguousKey { .. } | Self::WrongAlgorithm { .. } => {
                Blame::Misuse
            }
            _ => Blame::Malformed,
        }
    }
}
