#![doc = include_str!("../../note.md")]

mod error;
mod key;
mod line;
#[cfg(test)]
pub(crate) mod tests;

use crate::cosignature::Cosignature;

pub use error::NoteError;
pub use key::{Algorithm, KeyId, KeyName, Signer, VerifierKey};
pub use line::{MAX_SIGNATURE_BYTES, SignatureLine};
pub(crate) use line::{lines_to_string, parse_lines};

/// The longest note that is looked at: 100 lines of any size in use, with room for the text.
pub const MAX_NOTE_BYTES: usize = 1_000_000;
/// How many signature lines a note may have; C2SP asks for at least 16.
pub const MAX_SIGNATURES: usize = 100;

/// A note that parsed. Nobody has been shown to have signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedNote {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl UnverifiedNote {
    /// From bytes; `to_bytes` gives the same bytes back.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        // SPEC(NOTE-3)
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong {
                limit: MAX_NOTE_BYTES,
            });
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::NotUtf8)?;
        refuse_control_characters(note)?;
        // SPEC(NOTE-2): the last empty line, since the text may have some of its own.
        let split = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, signatures) = note
            .split_at_checked(split + 1)
            .ok_or(NoteError::NoSignatures)?;
        let signatures = signatures
            .strip_prefix('\n')
            .ok_or(NoteError::NoSignatures)?;
        Ok(Self {
            text: text.into(),
            signatures: parse_lines(signatures, MAX_SIGNATURES)?,
        })
    }

    /// From a text that ends in LF and one to [`MAX_SIGNATURES`] lines.
    pub fn new(text: &str, signatures: Vec<SignatureLine>) -> Result<Self, NoteError> {
        refuse_control_characters(text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::TextEnd);
        }
        if signatures.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures {
                limit: MAX_SIGNATURES,
            });
        }
        Ok(Self {
            text: text.into(),
            signatures,
        })
    }

    /// The text, with its last LF. To be ignored until a signature has been verified.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines, in order, verified or not.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// The whole note.
    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{}\n{}", self.text, lines_to_string(&self.signatures)).into_bytes()
    }

    /// The lines by `keys` that hold, with the key of each: at least one, and one for each key.
    /// Which of the keys are acceptable for this text is for the caller to decide beforehand.
    pub fn verify(
        &self,
        keys: &[VerifierKey],
    ) -> Result<Vec<(VerifierKey, SignatureLine)>, NoteError> {
        let mut verified: Vec<(VerifierKey, SignatureLine)> = Vec::new();
        for line in &self.signatures {
            let Some(key) = known_key(line, keys)? else {
                continue;
            };
            // SPEC(NOTE-12): every line of a known key, repeated ones too.
            if verify_line(key, line, &self.text)? == LineVerdict::NotSigned {
                continue;
            }
            // SPEC(NOTE-14)
            if verified.iter().all(|(earlier, _)| earlier != key) {
                verified.push((key.clone(), line.clone()));
            }
        }
        // SPEC(NOTE-13)
        if verified.is_empty() {
            return Err(NoteError::NotSigned);
        }
        Ok(verified)
    }
}

/// What a line of a known key is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineVerdict {
    /// The signature holds.
    Signed,
    /// The key's type cannot be verified here, so the line is as good as absent.
    NotSigned,
}

/// The key that `line` names, if it is one of `keys`.
pub(crate) fn known_key<'k>(
    line: &SignatureLine,
    keys: impl IntoIterator<Item = &'k VerifierKey>,
) -> Result<Option<&'k VerifierKey>, NoteError> {
    let mut named = keys.into_iter().filter(|key| key.is_named_by(line));
    let key = named.next();
    if named.next().is_some() {
        // SPEC(NOTE-15)
        return Err(NoteError::AmbiguousKey {
            name: line.name.clone(),
            id: line.id,
        });
    }
    Ok(key)
}

fn verify_line(
    key: &VerifierKey,
    line: &SignatureLine,
    text: &str,
) -> Result<LineVerdict, NoteError> {
    let invalid = || NoteError::InvalidSignature {
        name: line.name.clone(),
        id: line.id,
    };
    match (key.algorithm(), key.ed25519()) {
        (Algorithm::Ed25519, Some(public)) => {
            // SPEC(NOTE-1)
            let signature = line.body.as_slice().try_into().map_err(|_| invalid())?;
            public
                .verify(text.as_bytes(), signature)
                .map_err(|_| invalid())?;
        }
        (Algorithm::CosignatureV1, _) => {
            Cosignature::verify(line, text, key).map_err(|_| invalid())?;
        }
        // SPEC(NOTE-16)
        (Algorithm::Ed25519 | Algorithm::MlDsa44, _) => return Ok(LineVerdict::NotSigned),
    }
    Ok(LineVerdict::Signed)
}

fn refuse_control_characters(text: &str) -> Result<(), NoteError> {
    // SPEC(NOTE-3): 0x7f and the C1 characters are not among them.
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::ControlCharacter);
    }
    Ok(())
}
