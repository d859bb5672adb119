//! One signature line: `— <key name> <base64(key id || signature)>`.

use crate::codec;

use super::{KeyId, KeyName, NoteError};

/// The longest signature that is decoded: larger than SLH-DSA-256f's 49,856 bytes.
pub const MAX_SIGNATURE_BYTES: usize = 1 << 16;

/// The em dash and the space that open a line.
const OPENING: &str = "\u{2014} ";

/// A signature line that parsed. Says nothing about whether the signature holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignatureLine {
    /// The signer's name.
    pub name: KeyName,
    /// The id of the signer's key.
    pub id: KeyId,
    /// What follows the key id; its form is the key type's. Not empty if parsed.
    pub body: Vec<u8>,
}

impl SignatureLine {
    /// From a line without its LF.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        // SPEC(NOTE-4): a name has no space, so the one after it ends it.
        let (name, signature) = text
            .strip_prefix(OPENING)
            .and_then(|rest| rest.split_once(' '))
            .ok_or(NoteError::SignatureLine)?;
        let name = KeyName::parse(name)?;
        let bytes = codec::base64_bytes(signature, MAX_SIGNATURE_BYTES)
            .map_err(NoteError::SignatureEncoding)?;
        // SPEC(NOTE-6)
        match bytes.split_first_chunk::<4>() {
            Some((id, body)) if !body.is_empty() => Ok(Self {
                name,
                id: KeyId::from_bytes(*id),
                body: body.to_vec(),
            }),
            _ => Err(NoteError::SignatureLine),
        }
    }
}

/// The line without its LF.
impl std::fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut signature = self.id.as_bytes().to_vec();
        signature.extend_from_slice(&self.body);
        let signature = codec::to_base64(&signature);
        write!(f, "{OPENING}{} {signature}", self.name)
    }
}

/// Parses lines that each end in LF, at most `limit` of them.
pub(crate) fn parse_lines(text: &str, limit: usize) -> Result<Vec<SignatureLine>, NoteError> {
    if text.is_empty() {
        return Err(NoteError::NoSignatures);
    }
    let Some(text) = text.strip_suffix('\n') else {
        return Err(NoteError::SignatureLine);
    };
    // Counted before anything is decoded.
    if text.bytes().filter(|byte| *byte == b'\n').count() >= limit {
        return Err(NoteError::TooManySignatures { limit });
    }
    text.split('\n').map(SignatureLine::parse).collect()
}

/// The lines, each with its LF.
pub(crate) fn lines_to_string<'a>(lines: impl IntoIterator<Item = &'a SignatureLine>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.to_string());
        text.push('\n');
    }
    text
}
