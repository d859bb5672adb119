#![doc = include_str!("../../out_of_band.md")]

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};

use crate::Blame;
use crate::checkpoint::Origin;
use crate::hash::{Hash, sha256};
use crate::keyset::KeySet;
use crate::label::Version;

/// The prefix of a contact code.
pub const CONTACT_CODE_PREFIX: &str = "psk";
/// Characters of a contact code: prefix, separator, 60 for the data, 6 for the checksum.
pub const CONTACT_CODE_LEN: usize = 70;
/// Digits of a safety number.
pub const SAFETY_NUMBER_DIGITS: usize = 60;

/// The version of the form of a contact code.
const CONTACT_CODE_FORM: u8 = 1;
const CONTACT_CODE_DOMAIN: &[u8] = b"plainsight/contact-code/v1\n";
const SAFETY_NUMBER_DOMAIN: &[u8] = b"plainsight/safety-number/v1\n";
/// Groups of five digits in a half.
const HALF_GROUPS: usize = 6;
/// Bytes that make a group of digits.
const GROUP_BYTES: usize = 5;

/// Why a text is no code, or no code can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Not a whole contact code: other characters, length or prefix, or a wrong checksum.
    #[error(
        "not a whole contact code: it has {CONTACT_CODE_LEN} characters, begins with psk1, and was misspelt or cut"
    )]
    ContactCode,
    /// A contact code of a later form.
    #[error("a contact code of form {found}, which this program does not know")]
    LaterForm {
        /// The form's number.
        found: u8,
    },
    /// Not 60 digits.
    #[error("a safety number has {SAFETY_NUMBER_DIGITS} digits, this one has {got}")]
    Digits {
        /// How many there are.
        got: usize,
    },
    /// Something else than digits and white space.
    #[error("a safety number has digits only")]
    NotDigits,
    /// Both sides are the same label.
    #[error("a safety number is between two different people")]
    SamePerson,
}

impl CodeError {
    /// Who is to blame: whoever typed or posted it.
    pub fn blame(self) -> Blame {
        match self {
            Self::ContactCode | Self::LaterForm { .. } | Self::Digits { .. } | Self::NotDigits => {
                Blame::Malformed
            }
            Self::SamePerson => Blame::Misuse,
        }
    }
}

/// One person's keys, in a form to be posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactCode {
    version: Version,
    digest: Hash,
}

impl ContactCode {
    /// The code of a key set in a log.
    pub fn of(origin: &Origin, key_set: &KeySet) -> Self {
        // SPEC(OOB-2)
        Self {
            version: key_set.version(),
            digest: digest(CONTACT_CODE_DOMAIN, origin, key_set),
        }
    }

    /// From the text, in either case.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        // SPEC(OOB-3): the library refuses mixed case, a wrong checksum and padding.
        if text.len() != CONTACT_CODE_LEN {
            return Err(CodeError::ContactCode);
        }
        let checked = CheckedHrpstring::new::<Bech32m>(text).map_err(|_| CodeError::ContactCode)?;
        checked
            .validate_segwit_padding()
            .map_err(|_| CodeError::ContactCode)?;
        let prefix = checked.hrp().to_string().to_ascii_lowercase();
        let bytes: Vec<u8> = checked.byte_iter().collect();
        let (Some((form, rest)), true) = (bytes.split_first(), prefix == CONTACT_CODE_PREFIX)
        else {
            return Err(CodeError::ContactCode);
        };
        if *form != CONTACT_CODE_FORM {
            return Err(CodeError::LaterForm { found: *form });
        }
        let (version, digest) = rest.split_at_checked(4).ok_or(CodeError::ContactCode)?;
        let version = version.try_into().map_err(|_| CodeError::ContactCode)?;
        let digest = digest.try_into().map_err(|_| CodeError::ContactCode)?;
        Ok(Self {
            version: Version::new(u32::from_be_bytes(version)),
            digest: Hash::from_bytes(digest),
        })
    }

    /// The version whose key set it is about.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether it is the code of this key set.
    pub fn is_of(&self, origin: &Origin, key_set: &KeySet) -> bool {
        // SPEC(OOB-4): the whole of it.
        *self == Self::of(origin, key_set)
    }
}

/// In small letters.
impl std::fmt::Display for ContactCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = vec![CONTACT_CODE_FORM];
        bytes.extend_from_slice(&self.version.get().to_be_bytes());
        bytes.extend_from_slice(self.digest.as_bytes());
        let prefix = Hrp::parse(CONTACT_CODE_PREFIX).map_err(|_| std::fmt::Error)?;
        bech32::encode_lower_to_fmt::<Bech32m, _>(f, prefix, &bytes).map_err(|_| std::fmt::Error)
    }
}

/// Two people's keys, in digits to be read aloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyNumber {
    // Invariant: 60 ASCII digits.
    digits: String,
}

impl SafetyNumber {
    /// The number of two people's key sets in a log, the same from either side.
    pub fn between(origin: &Origin, one: &KeySet, other: &KeySet) -> Result<Self, CodeError> {
        // SPEC(OOB-6)
        if one.label() == other.label() {
            return Err(CodeError::SamePerson);
        }
        let (one, other) = (half(origin, one), half(origin, other));
        let digits = if one <= other {
            one + &other
        } else {
            other + &one
        };
        Ok(Self { digits })
    }

    /// From digits with any white space among them.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CodeError::NotDigits);
        }
        if digits.len() != SAFETY_NUMBER_DIGITS {
            return Err(CodeError::Digits { got: digits.len() });
        }
        Ok(Self { digits })
    }

    /// The 60 digits without spaces, as in a QR code.
    pub fn digits(&self) -> &str {
        &self.digits
    }
}

/// Twelve groups of five digits.
impl std::fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, digit) in self.digits.chars().enumerate() {
            if place > 0 && place % 5 == 0 {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

fn half(origin: &Origin, key_set: &KeySet) -> String {
    let digest = digest(SAFETY_NUMBER_DOMAIN, origin, key_set);
    // SPEC(OOB-5)
    let groups = digest
        .as_bytes()
        .chunks_exact(GROUP_BYTES)
        .take(HALF_GROUPS);
    let number = |group: &[u8]| {
        group
            .iter()
            .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let groups = groups.map(|group| format!("{:05}", number(group) % 100_000));
    groups.collect::<Vec<_>>().concat()
}

fn digest(domain: &[u8], origin: &Origin, key_set: &KeySet) -> Hash {
    // SPEC(OOB-1): both lengths fit, by the bounds of origins and labels.
    let origin = origin.as_str().as_bytes();
    let origin_len = u16::try_from(origin.len()).unwrap_or(u16::MAX);
    let mut input = domain.to_vec();
    input.extend_from_slice(&origin_len.to_be_bytes());
    input.extend_from_slice(origin);
    // `u8 len || label || u32 version`
    input.extend_from_slice(&key_set.label().vrf_input(key_set.version()));
    input.extend_from_slice(key_set.hash().as_bytes());
    sha256(&input)
}

#[cfg(test)]
mod tests;
