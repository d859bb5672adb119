#![doc = include_str!("../label.md")]

use crate::Blame;

/// Longest label in bytes, the type byte included: its length has to fit one byte.
pub const MAX_LABEL_LEN: usize = 255;

/// Why bytes or text are not a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Fewer than 2 or more than 255 bytes.
    #[error("a label has 2 to 255 bytes, this one has {got}")]
    Length {
        /// Bytes found, the type byte included.
        got: usize,
    },
    /// The first byte names no kind of label.
    #[error("no kind of label has type byte {found:#04x}")]
    UnknownType {
        /// The type byte.
        found: u8,
    },
    /// Not a user name that could be canonical.
    #[error("not a user name of UTF-8 without capitals, spaces, control characters and @")]
    UserName,
    /// Not a canonical e-mail address.
    #[error("not an e-mail address of printable ASCII with exactly one @, in lower case")]
    Email,
    /// Not a canonical phone number.
    #[error("not a phone number of 7 to 15 digits with its country code and no leading zero")]
    Phone,
    /// Not a UUID.
    #[error("not a UUID")]
    Uuid,
    /// What follows `opaque:` is not hex.
    #[error("opaque: is not followed by hex")]
    Opaque,
    /// Typed text that looks like no kind of label.
    #[error("neither an e-mail address, a phone number, a UUID, user:name nor opaque:hex")]
    Unrecognised,
}

impl LabelError {
    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Length { .. }
            | Self::UnknownType { .. }
            | Self::Email
            | Self::Phone
            | Self::Uuid
            | Self::UserName
            | Self::Opaque => Blame::Malformed,
            Self::Unrecognised => Blame::Misuse,
        }
    }
}

/// What a label names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelKind {
    /// Type 01.
    Email,
    /// Type 02.
    Phone,
    /// Type 03.
    UserName,
    /// Type 04.
    Uuid,
    /// Type 7f: bytes that the application gives a meaning.
    Opaque,
}

impl LabelKind {
    /// The type byte.
    pub fn type_byte(self) -> u8 {
        match self {
            Self::Email => 0x01,
            Self::Phone => 0x02,
            Self::UserName => 0x03,
            Self::Uuid => 0x04,
            Self::Opaque => 0x7f,
        }
    }

    fn of_type_byte(byte: u8) -> Result<Self, LabelError> {
        // SPEC(LABEL-2)
        match byte {
            0x01 => Ok(Self::Email),
            0x02 => Ok(Self::Phone),
            0x03 => Ok(Self::UserName),
            0x04 => Ok(Self::Uuid),
            0x7f => Ok(Self::Opaque),
            found => Err(LabelError::UnknownType { found }),
        }
    }

    /// Whether `bytes`, the type byte left off, are canonical.
    fn check(self, bytes: &[u8]) -> Result<(), LabelError> {
        match self {
            // SPEC(LABEL-3)
            Self::Email if !is_email(bytes) => Err(LabelError::Email),
            // SPEC(LABEL-4)
            Self::Phone if !is_phone(bytes) => Err(LabelError::Phone),
            // SPEC(LABEL-5)
            Self::UserName if !is_user_name(bytes) => Err(LabelError::UserName),
            // SPEC(LABEL-6)
            Self::Uuid if bytes.len() != 16 => Err(LabelError::Uuid),
            // SPEC(LABEL-7)
            Self::Email | Self::Phone | Self::UserName | Self::Uuid | Self::Opaque => Ok(()),
        }
    }
}

/// For people.
impl std::fmt::Display for LabelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Email => "e-mail",
            Self::Phone => "phone",
            Self::UserName => "user name",
            Self::Uuid => "UUID",
            Self::Opaque => "opaque",
        })
    }
}

/// A person's identifier in its canonical bytes, the type byte first. [`std::fmt::Debug`] shows
/// the kind only, so that no trace of a program names people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    kind: LabelKind,
    // Invariant: 2 to 255 bytes, the first is the kind's, the others are canonical for it.
    bytes: Vec<u8>,
}

impl Label {
    /// From canonical bytes. Nothing is repaired.
    pub fn parse(bytes: &[u8]) -> Result<Self, LabelError> {
        // SPEC(LABEL-1)
        if !(2..=MAX_LABEL_LEN).contains(&bytes.len()) {
            return Err(LabelError::Length { got: bytes.len() });
        }
        let (first, rest) = bytes
            .split_first()
            .ok_or(LabelError::Length { got: bytes.len() })?;
        let kind = LabelKind::of_type_byte(*first)?;
        kind.check(rest)?;
        Ok(Self {
            kind,
            bytes: bytes.to_vec(),
        })
    }

    /// An e-mail address as typed: A to Z are lowered, everything else stays or is refused.
    pub fn email(typed: &str) -> Result<Self, LabelError> {
        // SPEC(LABEL-8)
        Self::of(LabelKind::Email, typed.to_ascii_lowercase().as_bytes())
    }

    /// A phone number as typed: a leading `+` is dropped, everything else stays or is refused.
    pub fn phone(typed: &str) -> Result<Self, LabelError> {
        let digits = typed.strip_prefix('+').unwrap_or(typed);
        Self::of(LabelKind::Phone, digits.as_bytes())
    }

    /// A user name that a client has made canonical. Its tables of Unicode are not this crate's.
    pub fn user_name(canonical: &str) -> Result<Self, LabelError> {
        Self::of(LabelKind::UserName, canonical.as_bytes())
    }

    /// A UUID as typed: 8-4-4-4-12 hex digits in either case.
    pub fn uuid(typed: &str) -> Result<Self, LabelError> {
        let groups: Vec<&str> = typed.split('-').collect();
        if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
            return Err(LabelError::Uuid);
        }
        let bytes = hex::decode(groups.concat()).map_err(|_| LabelError::Uuid)?;
        Self::of(LabelKind::Uuid, &bytes)
    }

    /// 1 to 254 bytes that the application gives a meaning.
    pub fn opaque(bytes: &[u8]) -> Result<Self, LabelError> {
        Self::of(LabelKind::Opaque, bytes)
    }

    /// From what a person typed: an e-mail address, a phone number, a UUID, `opaque:` and hex, or
    /// `user:` and a name that is canonical already. The kinds cannot be confused, since only an
    /// e-mail address has an `@`.
    pub fn from_typed(text: &str) -> Result<Self, LabelError> {
        if text.contains('@') {
            return Self::email(text);
        }
        if let Some(digits) = text.strip_prefix("opaque:") {
            return Self::opaque(&hex::decode(digits).map_err(|_| LabelError::Opaque)?);
        }
        if let Some(name) = text.strip_prefix("user:") {
            return Self::user_name(name);
        }
        if text.contains('-') && text.len() == 36 {
            return Self::uuid(text);
        }
        if text.starts_with(|first: char| first == '+' || first.is_ascii_digit()) {
            return Self::phone(text);
        }
        Err(LabelError::Unrecognised)
    }

    fn of(kind: LabelKind, rest: &[u8]) -> Result<Self, LabelError> {
        let mut bytes = Vec::with_capacity(1 + rest.len());
        bytes.push(kind.type_byte());
        bytes.extend_from_slice(rest);
        Self::parse(&bytes)
    }

    /// The canonical bytes, the type byte first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it names.
    pub fn kind(&self) -> LabelKind {
        self.kind
    }

    /// The text that [`Self::from_typed`] turns into this label.
    pub fn display(&self) -> String {
        let rest = self.bytes.get(1..).unwrap_or_default();
        match self.kind {
            // ASCII, as the invariant has it.
            LabelKind::Email => String::from_utf8_lossy(rest).into_owned(),
            LabelKind::Phone => format!("+{}", String::from_utf8_lossy(rest)),
            // UTF-8, as the invariant has it.
            LabelKind::UserName => format!("user:{}", String::from_utf8_lossy(rest)),
            LabelKind::Uuid => {
                let mut text = hex::encode(rest);
                for hyphen in [20, 16, 12, 8] {
                    text.insert(hyphen, '-');
                }
                text
            }
            LabelKind::Opaque => format!("opaque:{}", hex::encode(rest)),
        }
    }

    /// `u8 len || label || u32 version`: the input of the VRF, and the middle of a commitment.
    pub fn vrf_input(&self, version: Version) -> Vec<u8> {
        let mut input = Vec::with_capacity(1 + self.bytes.len() + 4);
        // SPEC(LABEL-9): the length fits, by the invariant of the type.
        input.push(u8::try_from(self.bytes.len()).unwrap_or(u8::MAX));
        input.extend_from_slice(&self.bytes);
        input.extend_from_slice(&version.0.to_be_bytes());
        input
    }
}

/// For people: the kind, then the label.
impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            LabelKind::Opaque => f.write_str(&self.display()),
            LabelKind::UserName => {
                let name = self.display();
                write!(
                    f,
                    "user name {}",
                    name.strip_prefix("user:").unwrap_or(&name)
                )
            }
            kind => write!(f, "{kind} {}", self.display()),
        }
    }
}

impl std::fmt::Debug for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Label")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// The version of a label's key set, dense from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(u32);

impl Version {
    /// The first version of every label.
    pub const FIRST: Self = Self(0);

    /// Wraps the number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The version after this one; none after 2^32 - 1.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }

    /// The version before this one; none before 0.
    pub fn previous(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

impl From<u32> for Version {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<Version> for u32 {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Printable ASCII without capitals, exactly one `@`, something on each side of it.
fn is_email(bytes: &[u8]) -> bool {
    let allowed = |byte: &u8| matches!(byte, 0x21..=0x7e) && !byte.is_ascii_uppercase();
    let mut sides = bytes.split(|byte| *byte == b'@');
    let two_sides = matches!(
        (sides.next(), sides.next(), sides.next()),
        (Some([_, ..]), Some([_, ..]), None)
    );
    two_sides && bytes.iter().all(allowed)
}

/// UTF-8 without capitals of ASCII, `@`, spaces and control characters of ASCII.
fn is_user_name(bytes: &[u8]) -> bool {
    let allowed = |byte: &u8| {
        !byte.is_ascii_uppercase() && !byte.is_ascii_control() && !matches!(byte, b' ' | b'@')
    };
    std::str::from_utf8(bytes).is_ok() && bytes.iter().all(allowed)
}

/// `[1-9][0-9]{6,14}`: an E.164 number without its `+`.
fn is_phone(bytes: &[u8]) -> bool {
    matches!(bytes, [b'1'..=b'9', rest @ ..]
        if (6..=14).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests;
