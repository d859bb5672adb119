//! Why a flow ended without what it was asked for, and the one mapping from that to a verdict.

use plainsight_specs::Blame;
use plainsight_specs::bundle::BundleError;
use plainsight_specs::head::{HeadError, Step};
use plainsight_specs::json::JsonError;
use plainsight_specs::label::Version;
use plainsight_specs::lookup::LookupError;
use plainsight_specs::merkle::TreeSize;
use plainsight_specs::policy::{PolicyError, StaleError};
use plainsight_specs::publish::PublishError;
use plainsight_specs::query::QueryError;
use plainsight_specs::watch::WatchError;

use crate::http::HttpError;

/// How a question was decided. The number is the exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Everything that was asked holds.
    Verified = 0,
    /// A proof or signature does not hold, or something was found that must not be.
    Refuted = 1,
    /// The question or the configuration is wrong.
    Usage = 2,
    /// Nothing could be decided: no answer, an old one, or one that does not parse.
    Undecided = 3,
    /// The reader's policy does not accept the head.
    PolicyNotMet = 4,
    /// A contact's keys are others than those pinned.
    PinChanged = 5,
    /// Proved not to be in the log.
    NotFound = 6,
}

impl Verdict {
    /// The exit code.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Refuted => "refuted",
            Self::Usage => "usage",
            Self::Undecided => "undecided",
            Self::PolicyNotMet => "policy-not-met",
            Self::PinChanged => "pin-changed",
            Self::NotFound => "not-found",
        }
    }
}

/// Why a flow has nothing to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nothing usable came back.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// An answer came and was refused.
    #[error("{why}")]
    Refused {
        /// At which step, and why.
        why: Box<Refusal>,
        /// The checkpoint shown, if it bears the log's signature: worth handing to an auditor.
        shown: Option<Vec<u8>>,
    },
    /// The log did not log what it was given.
    #[error("the log refused the key set: {0}")]
    Publish(#[from] PublishError),
    /// Somebody else's version stands where one's own next version was to be published.
    #[error(
        "version {version} is in the log already, and it is not the one made in this home (proved): \
         somebody else published keys in your name"
    )]
    Taken {
        /// Which version.
        version: Version,
    },
    /// The token does not do for publishing keys.
    #[error("the log does not let this token publish keys: {detail}")]
    Token {
        /// The log's words.
        detail: String,
    },
    /// The question makes no sense.
    #[error("{0}")]
    Question(String),
    /// Answers that must be under one head never were.
    #[error(
        "the log grows faster than it answers about {files} files, so that no head has all of them"
    )]
    Moving {
        /// How many files.
        files: usize,
    },
}

/// Why an answer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The answer is not the JSON it should be.
    #[error("the answer does not parse: {0}")]
    Json(#[from] JsonError),
    /// Its head.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A look-up or a history.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// A stream or an artifact.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// An offline bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Something about a watch.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The genesis is another than the one remembered.
    #[error("the log shows another genesis than the one remembered from the first contact")]
    OtherGenesis,
    /// Another root than the one remembered for this size.
    #[error("a head of size {size} is shown with another root than the one verified before")]
    OtherRoot {
        /// The size.
        size: TreeSize,
    },
    /// The public entries are not those of the head.
    #[error("the public entry at position {position} is not shown to be of this head")]
    Entries {
        /// Where.
        position: u64,
    },
    /// A latest statement below one that was proved before.
    #[error("the log shows statement {shown} as the latest of a stream, after {seen} was verified")]
    StatementBack {
        /// Verified before.
        seen: u32,
        /// What is shown now; `none` if nothing is.
        shown: String,
    },
    /// A latest version below one that was proved before.
    #[error("the log shows version {shown} as the latest, after version {seen} was verified")]
    VersionBack {
        /// Version verified before.
        seen: u32,
        /// What is shown now; `none` if nothing is.
        shown: String,
    },
    /// One version with two key sets.
    #[error("the log shows a second key set as version {version}")]
    SecondKeySet {
        /// Which version.
        version: u32,
    },
}

impl Refusal {
    /// The step that failed.
    pub fn step(&self) -> Step {
        match self {
            Self::Json(_) => Step::Parse,
            Self::Head(error) => error.step(),
            Self::Lookup(error) => error.step(),
            Self::Query(error) => error.step(),
            Self::Bundle(error) => bundle_step(error),
            Self::Watch(error) => watch_step(error),
            Self::OtherGenesis | Self::OtherRoot { .. } => Step::Consistency,
            Self::VersionBack { .. } | Self::StatementBack { .. } => Step::Ladder,
            Self::Entries { .. } => Step::Logged,
            Self::SecondKeySet { .. } => Step::KeySet,
        }
    }

    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Json(_) => Blame::Malformed,
            Self::Head(error) => error.blame(),
            Self::Lookup(error) => error.blame(),
            Self::Query(error) => error.blame(),
            Self::Bundle(error) => error.blame(),
            Self::Watch(error) => error.blame(),
            Self::OtherGenesis
            | Self::OtherRoot { .. }
            | Self::Entries { .. }
            | Self::StatementBack { .. }
            | Self::VersionBack { .. }
            | Self::SecondKeySet { .. } => Blame::Unproven,
        }
    }

    /// The error of the head, if that is what was refused.
    fn head(&self) -> Option<&HeadError> {
        match self {
            Self::Head(error)
            | Self::Lookup(LookupError::Head(error))
            | Self::Query(QueryError::Head(error))
            | Self::Bundle(BundleError::Head(error))
            | Self::Watch(WatchError::Head(error)) => Some(error),
            _ => None,
        }
    }
}

fn watch_step(error: &WatchError) -> Step {
    match error {
        WatchError::Head(error) => error.step(),
        WatchError::RungCount { .. } | WatchError::Vrf { .. } => Step::Vrf,
        WatchError::Index(_) => Step::Index,
        _ => Step::Parse,
    }
}

fn bundle_step(error: &BundleError) -> Step {
    match error {
        BundleError::Head(error) => error.step(),
        BundleError::NotLast => Step::Epoch,
        BundleError::Index(_) => Step::Index,
        BundleError::Ladder(_) | BundleError::LatestBefore => Step::Ladder,
        BundleError::OtherEntry | BundleError::MissingDigest | BundleError::Yanked => {
            Step::Statement
        }
        _ => Step::Parse,
    }
}

impl Failure {
    /// An answer that was refused, whose head nobody needs to see.
    pub(crate) fn refused(why: impl Into<Refusal>) -> Self {
        Self::Refused {
            why: Box::new(why.into()),
            shown: None,
        }
    }

    /// The step of verification that failed, if it came to that.
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::Refused { why, .. } => Some(why.step()),
            _ => None,
        }
    }

    /// Who is to blame.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Http(error) => error.blame(),
            Self::Refused { why, .. } => why.blame(),
            Self::Publish(_) | Self::Moving { .. } => Blame::Unavailable,
            Self::Taken { .. } => Blame::Unproven,
            Self::Token { .. } | Self::Question(_) => Blame::Misuse,
        }
    }

    /// Whether nothing that can be judged came back: the log is down, or refuses to answer.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Http(error) if error.blame() == Blame::Unavailable)
    }

    /// Whether others are to be asked instead: whenever the log has given no answer that holds, for
    /// whatever reason, and this side has asked as it should. What they show never makes good what the
    /// log did, unless it merely did not answer ([`Self::is_outage`]).
    pub fn is_for_others(&self) -> bool {
        self.verdict() != Verdict::Usage
    }

    /// Whether a server said that what it has is in the way of what was asked.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Http(HttpError::Status { status: 409, .. }))
    }

    /// Whether the place of the version that was to be published is taken.
    pub fn is_taken(&self) -> bool {
        match self {
            Self::Publish(error) => error.code == "exists",
            Self::Taken { .. } => true,
            _ => false,
        }
    }

    /// Whether something was shown that must not be.
    pub fn is_refuted(&self) -> bool {
        self.verdict() == Verdict::Refuted
    }

    /// The checkpoint that was shown and refused, if it bears the log's signature.
    pub fn shown(&self) -> Option<&[u8]> {
        match self {
            Self::Refused { shown, .. } => shown.as_deref(),
            _ => None,
        }
    }

    /// The verdict: the only place where a failure becomes one.
    pub fn verdict(&self) -> Verdict {
        let head = match self {
            Self::Refused { why, .. } => why.head(),
            _ => None,
        };
        match head {
            Some(HeadError::Policy(PolicyError::Quorum { .. } | PolicyError::UnknownLog(_))) => {
                return Verdict::PolicyNotMet;
            }
            Some(HeadError::Stale(StaleError::NoQuorum)) => return Verdict::Usage,
            _ => {}
        }
        match self.blame() {
            Blame::Unproven | Blame::Violation => Verdict::Refuted,
            Blame::Malformed | Blame::Unavailable => Verdict::Undecided,
            Blame::Misuse => Verdict::Usage,
        }
    }

    /// What a person can do next, in a sentence.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Http(HttpError::Status { status: 404, .. }) => {
                "Check the address: this does not look like a log of this protocol."
            }
            Self::Http(HttpError::Status {
                status: 300..=399, ..
            }) => {
                "Check the address: it points to another one, and who serves a log is for you to \
                 say."
            }
            Self::Http(HttpError::Status {
                code: Some(code), ..
            }) => status_step(code),
            Self::Http(error) => match error.blame() {
                Blame::Misuse => "Check the address.",
                Blame::Malformed => {
                    "Check that the address is a log's; if it is, tell whoever runs it."
                }
                _ => "Try again later; nothing is wrong with what was verified before.",
            },
            Self::Publish(error) if error.code == "exists" => {
                "Somebody logged this version already. If it was not you, run `plainsight keys monitor` at \
                 once; if it was you, from a home that is lost, `plainsight keys reset` begins anew."
            }
            Self::Taken { .. } => {
                "Nothing was published. Run `plainsight keys monitor` to see whose keys they are, and \
                 warn your contacts in another way; `plainsight keys reset --not-mine` then goes over \
                 that version with new keys."
            }
            Self::Publish(_) => "Mend what the log objects to, then publish again.",
            Self::Token { .. } => {
                "Give the token for publishing keys with --token-file or in config.toml."
            }
            Self::Question(_) => "Check what was asked.",
            Self::Moving { .. } => "Try again when less is published.",
            Self::Refused { why, .. } => refusal_step(why),
        }
    }
}

fn status_step(code: &str) -> &'static str {
    match code {
        "size-ahead" => {
            "The log claims to be smaller than a head it showed before. If that does not pass \
             soon, history was cut: hand the remembered head to an auditor with `plainsight log submit`."
        }
        "busy" | "unavailable" => "Try again in a moment.",
        _ => "Try again later.",
    }
}

fn refusal_step(why: &Refusal) -> &'static str {
    if let Some(error) = why.head() {
        return match error {
            HeadError::Policy(PolicyError::Quorum { .. }) => {
                "Do not rely on this answer. Ask again later, or ask the auditors that are \
                 missing why they have not cosigned."
            }
            HeadError::Policy(PolicyError::UnknownLog(_)) => {
                "Check that the policy is the one for this log."
            }
            HeadError::Stale(StaleError::NoQuorum) => {
                "Put a quorum into the policy; without one nobody vouches for anything."
            }
            HeadError::Stale(_) => {
                "The log may be down, or is being kept from you. Check your clock, then try \
                 another network."
            }
            HeadError::Rollback { .. } => {
                "Ask again in a moment. If it does not pass, hand the head to an auditor with \
                 `plainsight log submit`."
            }
            HeadError::Consistency(_) => {
                "You were shown two histories. The head was kept: hand it to an auditor with \
                 `plainsight log submit`."
            }
            _ => "Do not rely on this answer; hand the head to an auditor if one was kept.",
        };
    }
    if let Refusal::Bundle(error) = why
        && error.blame() == Blame::Malformed
    {
        return "Check that this is the bundle that came with the file, and all of it.";
    }
    match why.blame() {
        Blame::Malformed => "Check that the address is a log's; if it is, tell whoever runs it.",
        Blame::Unavailable => {
            "Ask again later; if the log goes on withholding, treat it as a reset."
        }
        Blame::Misuse => "Check what was asked.",
        Blame::Unproven | Blame::Violation => {
            "Do not rely on this answer. It convicts nobody by itself, since anyone on the way \
             could have made it."
        }
    }
}
