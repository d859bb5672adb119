#![doc = include_str!("../cosignature.md")]

use crate::Blame;
use crate::checkpoint::SignedCheckpoint;
use crate::codec::Reader;
use crate::note::{Algorithm, KeyName, NoteError, SignatureLine, Signer, VerifierKey};
use crate::time::Timestamp;

/// A cosignature that was verified, or made, over the text of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The cosigner's key name.
    pub name: KeyName,
    /// When the cosigner says it signed.
    pub time: Timestamp,
    /// The line to send on.
    pub line: SignatureLine,
}

/// Why a cosignature was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// The key is not one for cosignatures, or of a type that cannot be verified or made here.
    #[error(transparent)]
    Key(NoteError),
    /// The line is by another key.
    #[error("the line is not by {0}")]
    OtherKey(KeyName),
    /// Not eight bytes of time and 64 of signature.
    #[error("the cosignature has {got} bytes where 72 were expected")]
    Length {
        /// Bytes found after the key id.
        got: usize,
    },
    /// The time is above 2^63 - 1.
    #[error("the time of the cosignature is out of range")]
    Time,
    /// The signature does not hold.
    #[error("the cosignature by {0} does not verify")]
    Invalid(KeyName),
}

impl CosignatureError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Key(error) => error.blame(),
            Self::OtherKey(_) => Blame::Misuse,
            Self::Length { .. } | Self::Time => Blame::Malformed,
            Self::Invalid(_) => Blame::Unproven,
        }
    }
}

impl Cosignature {
    /// Cosigns a checkpoint whose log signature was verified. What else the signature states is
    /// bound to the signer's key, and is for the caller to have made true.
    pub fn sign(
        checkpoint: &SignedCheckpoint,
        signer: &Signer,
        time: Timestamp,
    ) -> Result<Self, CosignatureError> {
        signer
            .require(Algorithm::CosignatureV1)
            .map_err(CosignatureError::Key)?;
        let signature = signer.sign_bytes(signed_message(time, checkpoint.text()).as_bytes());
        // SPEC(COS-2)
        let mut body = time.seconds().to_be_bytes().to_vec();
        body.extend_from_slice(&signature);
        let line = signer.line(body);
        Ok(Self {
            name: line.name.clone(),
            time,
            line,
        })
    }

    /// Verifies `line` over `text`, the text of a checkpoint with its last LF.
    pub fn verify(
        line: &SignatureLine,
        text: &str,
        key: &VerifierKey,
    ) -> Result<Self, CosignatureError> {
        let public = match (key.algorithm(), key.ed25519()) {
            (Algorithm::CosignatureV1, Some(public)) => public,
            (found, _) => {
                return Err(CosignatureError::Key(NoteError::WrongAlgorithm {
                    found,
                    needed: Algorithm::CosignatureV1,
                }));
            }
        };
        if !key.is_named_by(line) {
            return Err(CosignatureError::OtherKey(key.name().clone()));
        }
        // SPEC(COS-2)
        let length = |_| CosignatureError::Length {
            got: line.body.len(),
        };
        let mut body = Reader::new(&line.body);
        let seconds = body.u64().map_err(length)?;
        let signature = body.array().map_err(length)?;
        body.finish().map_err(length)?;
        // SPEC(COS-3)
        let time = Timestamp::from_seconds(seconds).ok_or(CosignatureError::Time)?;
        public
            .verify(signed_message(time, text).as_bytes(), &signature)
            .map_err(|_| CosignatureError::Invalid(key.name().clone()))?;
        Ok(Self {
            name: key.name().clone(),
            time,
            line: line.clone(),
        })
    }
}

/// The bytes that a 0x04 key signs. The cosigner's name is not among them.
fn signed_message(time: Timestamp, text: &str) -> String {
    // SPEC(COS-1): the whole text, extension lines included.
    format!("cosignature/v1\ntime {}\n{text}", time.seconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tests::{head, signed};
    use crate::note::tests::signer;

    fn witness() -> Signer {
        signer("witness.example/w", Algorithm::CosignatureV1, 2)
    }

    fn cosigned() -> (SignedCheckpoint, Cosignature) {
        let checkpoint = signed(head(3, 7));
        let time = Timestamp::from_seconds(1_767_225_603).unwrap();
        let cosignature = Cosignature::sign(&checkpoint, &witness(), time).unwrap();
        (checkpoint, cosignature)
    }

    fn verify(line: &SignatureLine, text: &str) -> Result<Cosignature, CosignatureError> {
        Cosignature::verify(line, text, &witness().verifier_key())
    }

    #[test]
    fn what_a_witness_signs_verifies() {
        let (checkpoint, cosignature) = cosigned();
        assert_eq!(
            verify(&cosignature.line, checkpoint.text()),
            Ok(cosignature)
        );
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_chapter() {
        assert_eq!(
            signed_message(Timestamp::from_seconds(7).unwrap(), "o\n1\nr\nextension\n"),
            "cosignature/v1\ntime 7\no\n1\nr\nextension\n"
        );
    }

    #[test]
    fn any_changed_bit_fails() {
        let (checkpoint, cosignature) = cosigned();
        for place in 0..cosignature.line.body.len() {
            let mut line = cosignature.line.clone();
            line.body[place] ^= 1;
            assert!(verify(&line, checkpoint.text()).is_err(), "byte {place}");
        }
        assert_eq!(
            verify(&cosignature.line, signed(head(4, 7)).text()),
            Err(CosignatureError::Invalid(cosignature.name))
        );
    }

    #[test]
    fn refuses_other_lengths() {
        let (checkpoint, cosignature) = cosigned();
        for length in [0, 7, 8, 64, 71, 73, 2428] {
            let mut line = cosignature.line.clone();
            line.body.resize(length, 0);
            assert_eq!(
                verify(&line, checkpoint.text()),
                Err(CosignatureError::Length { got: length })
            );
        }
    }

    #[test]
    fn refuses_a_time_above_the_largest_even_if_signed() {
        let (checkpoint, cosignature) = cosigned();
        let seconds = crate::codec::MAX_NUMBER + 1;
        let message = format!("cosignature/v1\ntime {seconds}\n{}", checkpoint.text());
        let mut line = cosignature.line;
        line.body = seconds.to_be_bytes().to_vec();
        line.body
            .extend_from_slice(&witness().sign_bytes(message.as_bytes()));
        assert_eq!(
            verify(&line, checkpoint.text()),
            Err(CosignatureError::Time)
        );
    }

    #[test]
    fn the_time_is_big_endian() {
        let (_, cosignature) = cosigned();
        assert_eq!(cosignature.line.body[..8], 1_767_225_603u64.to_be_bytes());
    }

    #[test]
    fn keys_of_other_names_and_types_are_misuse() {
        let (checkpoint, cosignature) = cosigned();
        let other = signer("witness.example/x", Algorithm::CosignatureV1, 2);
        let log = signer("witness.example/w", Algorithm::Ed25519, 2);
        for (signer, error) in [
            (
                &other,
                CosignatureError::OtherKey(other.verifier_key().name().clone()),
            ),
            (
                &log,
                CosignatureError::Key(NoteError::WrongAlgorithm {
                    found: Algorithm::Ed25519,
                    needed: Algorithm::CosignatureV1,
                }),
            ),
        ] {
            let key = signer.verifier_key();
            let found = Cosignature::verify(&cosignature.line, checkpoint.text(), &key);
            assert_eq!(found, Err(error.clone()));
            assert_eq!(error.blame(), Blame::Misuse);
        }
        assert!(Cosignature::sign(&checkpoint, &log, cosignature.time).is_err());
    }
}
