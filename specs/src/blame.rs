//! Who is to blame when something does not hold.

/// The five kinds of failure. Every error of this crate can say which one it is, so that no
/// outage is ever shown as an accusation and no accusation as an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Bytes do not parse or are not canonical.
    Malformed,
    /// A signature or a proof does not hold. Refused, but not evidence: anyone could have sent it.
    Unproven,
    /// The log's own signatures contradict each other or the rules.
    Violation,
    /// Something could not be had. Never an accusation.
    Unavailable,
    /// Our own caller, or the configuration.
    Misuse,
}

impl Blame {
    /// The word used in messages and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unproven => "unproven",
            Self::Violation => "violation",
            Self::Unavailable => "unavailable",
            Self::Misuse => "misuse",
        }
    }
}

impl std::fmt::Display for Blame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
