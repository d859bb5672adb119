//! What happened in simulations.

/// What happened, so that a simulation in which nothing does is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Publications that were acknowledged.
    pub acknowledged: u64,
    /// Heads that were published.
    pub published: u64,
    /// Heads that auditors cosigned.
    pub cosigned: u64,
    /// Look-ups that verified.
    pub verified: u64,
    /// Writers that found that they were replaced.
    pub replaced: u64,
    /// Old copies of the log that were refused.
    pub refused: u64,
    /// Auditors that found that they are old copies.
    pub rolled_back: u64,
    /// Lies that were found.
    pub found: u64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            acknowledged: self.acknowledged + other.acknowledged,
            published: self.published + other.published,
            cosigned: self.cosigned + other.cosigned,
            verified: self.verified + other.verified,
            replaced: self.replaced + other.replaced,
            refused: self.refused + other.refused,
            rolled_back: self.rolled_back + other.rolled_back,
            found: self.found + other.found,
        }
    }

    /// Each of them.
    pub fn each(&self) -> [(&'static str, u64); 8] {
        [
            ("publications acknowledged", self.acknowledged),
            ("heads published", self.published),
            ("heads cosigned", self.cosigned),
            ("look-ups verified", self.verified),
            ("writers replaced", self.replaced),
            ("old copies of the log refused", self.refused),
            ("old copies of auditors found", self.rolled_back),
            ("lies found", self.found),
        ]
    }
}
