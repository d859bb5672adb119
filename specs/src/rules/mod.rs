#![doc = include_str!("../../rules.md")]

mod effects;
mod judge;
mod replay;

pub(crate) use effects::Effects;
pub use judge::{Judged, Phase, Succession, View, judge};
pub use replay::Replay;

/// A rule, in the order in which verdicts are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The entry does not parse.
    Malformed,
    /// Position 0 is not the genesis of this origin, or a genesis stands elsewhere.
    Genesis,
    /// Anything but one epoch after a close.
    AfterClose,
    /// A key entry in the public namespace.
    Namespace,
    /// An index inserted twice by key entries.
    DuplicateIndex,
    /// An epoch with the wrong number of indexes.
    EpochSize,
    /// An epoch with the wrong root.
    EpochRoot,
    /// Epoch time going back.
    Time,
    /// A statement without enough signatures of its role.
    Signature,
    /// A gap or fork in a stream.
    Seq,
    /// A statement that does not name its predecessor.
    Prev,
    /// A second digest set for one version of a stream.
    VersionConflict,
    /// A yank of something that was never logged like that.
    Yank,
    /// Two checkpoints of one size with other roots.
    Fork,
    /// A checkpoint that does not extend an earlier one.
    Extension,
    /// A checkpoint of size below 2 or not ending at an epoch.
    End,
}

impl Rule {
    /// All rules, in order.
    pub const ALL: [Self; 16] = [
        Self::Malformed,
        Self::Genesis,
        Self::AfterClose,
        Self::Namespace,
        Self::DuplicateIndex,
        Self::EpochSize,
        Self::EpochRoot,
        Self::Time,
        Self::Signature,
        Self::Seq,
        Self::Prev,
        Self::VersionConflict,
        Self::Yank,
        Self::Fork,
        Self::Extension,
        Self::End,
    ];

    /// The id used on the wire, in evidence and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Genesis => "genesis",
            Self::AfterClose => "after-close",
            Self::Namespace => "namespace",
            Self::DuplicateIndex => "duplicate-index",
            Self::EpochSize => "epoch-size",
            Self::EpochRoot => "epoch-root",
            Self::Time => "time",
            Self::Signature => "signature",
            Self::Seq => "seq",
            Self::Prev => "prev",
            Self::VersionConflict => "version-conflict",
            Self::Yank => "yank",
            Self::Fork => "fork",
            Self::Extension => "extension",
            Self::End => "end",
        }
    }

    /// The rule with this id.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == id)
    }

    /// What breaking it means, in plain words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Malformed => "the log holds an entry that is none of the protocol's",
            Self::Genesis => "the log does not begin with its own genesis, or holds a second one",
            Self::AfterClose => "the log went on after it was closed",
            Self::Namespace => "a key entry was hidden among the public statements",
            Self::DuplicateIndex => "one version of somebody's keys was logged twice",
            Self::EpochSize => "an epoch states a wrong number of indexes",
            Self::EpochRoot => "an epoch states an index that does not follow from the entries",
            Self::Time => "an epoch states a time before that of an earlier one",
            Self::Signature => "a statement lacks the signatures of the publisher's keys in force",
            Self::Seq => "a stream of statements has a gap or a fork",
            Self::Prev => "a statement does not continue the one before it",
            Self::VersionConflict => "a second, different build was logged under one version",
            Self::Yank => "a yank names something that was never logged like that",
            Self::Fork => "the log signed two different trees of the same size",
            Self::Extension => "the log signed a head that drops or changes what it had logged",
            Self::End => "the log signed a head that does not end at an epoch",
        }
    }

    /// Whether an auditor's operator may acknowledge a break and let cosigning go on. `position`
    /// is that of the entry, for rules about entries.
    pub fn can_be_acknowledged(self, position: Option<crate::merkle::LeafIndex>) -> bool {
        match self {
            Self::Fork | Self::Extension => false,
            Self::Genesis => position.is_some_and(|position| position.get() > 0),
            _ => true,
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
