//! Why a command ended without a result, and what to do about it.

use std::path::{Path, PathBuf};

use plainsight_specs::Blame;
use plainsight_specs::evidence::EvidenceError;
use plainsight_specs::head::Step;
use plainsight_specs::label::{Label, Version};
use plainsight_specs::out_of_band::CodeError;
use serde_json::{Value, json};

use super::output::with_member;
use crate::failure::{Failure, Refusal, Verdict};
use crate::home::HomeError;
use crate::home::pins::AcceptError;
use crate::home::policies::PolicyChange;
use crate::http::HttpError;
use crate::own::OwnError;
use crate::report::{Report as _, blame_words, change_json, change_lines, plain};
use crate::trust::TrustError;

/// The next step after what was asked wrongly. The command's own name takes the place of `help`.
pub(crate) const USAGE: &str = "See `plainsight help`.";

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A flow failed; the refused head was kept there, and the evidence if it contradicts the one
    /// verified before.
    Failure {
        failure: Failure,
        kept: Option<Box<Path>>,
        evidence: Option<Box<Path>>,
    },
    /// The home.
    Home(HomeError),
    /// The policy or its annotations.
    Trust { path: PathBuf, error: TrustError },
    /// The policy says something else than the one pinned.
    PolicyChanged { path: PathBuf, change: PolicyChange },
    /// One's own keys.
    Own(OwnError),
    /// An evidence file that proves nothing.
    Evidence(EvidenceError),
    /// A file that was named is not what it should be, whoever made it.
    BadFile { path: PathBuf, failure: Failure },
    /// Neither told nor configured.
    NotConfigured {
        missing: &'static str,
        config: PathBuf,
    },
    /// A code that is none.
    Code(CodeError),
    /// A change of keys that is not accepted.
    Accept(AcceptError),
    /// A file that was named.
    File { path: PathBuf, reason: String },
    /// Anything else that was asked wrongly.
    Usage(String),
    /// The log gave no answer that holds; auditors prove that nothing came after one's own newest version.
    Seconded {
        stop: Box<Stop>,
        label: Label,
        newest: Option<Version>,
        auditors: Vec<String>,
    },
    /// A version of one's own was not published, and waits.
    Unpublished {
        stop: Box<Stop>,
        label: Label,
        version: Version,
    },
}

impl Stop {
    /// Why a file was refused that nobody sent: what does not parse in it is nobody's answer.
    pub(crate) fn of_file(path: &Path, failure: Failure) -> Self {
        if failure.blame() == Blame::Malformed {
            let path = path.into();
            return Self::BadFile { path, failure };
        }
        failure.into()
    }

    /// The same, said of a version that waits to be published.
    pub(crate) fn with_waiting(self, label: &Label, version: Version) -> Self {
        Self::Unpublished {
            stop: Box::new(self),
            label: label.clone(),
            version,
        }
    }

    /// The same, with what auditors prove instead of the log.
    pub(crate) fn with_auditors(
        self,
        label: &Label,
        newest: Option<Version>,
        auditors: &[String],
    ) -> Self {
        Self::Seconded {
            stop: Box::new(self),
            label: label.clone(),
            newest,
            auditors: auditors.to_vec(),
        }
    }

    /// Whether the place of the version that was to be published is taken.
    fn is_taken(&self) -> bool {
        let Self::Failure { failure, .. } = self else {
            return false;
        };
        failure.is_taken()
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Unpublished { stop, .. } | Self::Seconded { stop, .. } => stop.verdict(),
            Self::Failure { failure, .. } | Self::BadFile { failure, .. } => failure.verdict(),
            Self::Evidence(error) => match error.blame() {
                Blame::Malformed => Verdict::Undecided,
                _ => Verdict::Refuted,
            },
            Self::PolicyChanged { .. } => Verdict::PinChanged,
            Self::Accept(AcceptError::Unconfirmed(_)) => Verdict::Undecided,
            _ => Verdict::Usage,
        }
    }

    /// What went wrong, who is to blame, what to do.
    fn words(&self) -> (String, Blame, String) {
        let misuse = |text: String, next: &str| (text, Blame::Misuse, next.into());
        match self {
            Self::Unpublished { stop, .. } | Self::Seconded { stop, .. } => stop.words(),
            Self::BadFile { path, failure } => (
                format!("{}: {failure}", path.display()),
                failure.blame(),
                file_step(failure).into(),
            ),
            Self::Failure { failure, .. } => (
                failure.to_string(),
                failure.blame(),
                failure.next_step().into(),
            ),
            Self::Home(error @ HomeError::Damaged { .. }) => misuse(
                error.to_string(),
                "Restore the file from a backup, or move it away if you can do without it.",
            ),
            Self::Home(error) => misuse(
                error.to_string(),
                "Check the folder given by --home and its permissions.",
            ),
            Self::Trust { path, error } => misuse(
                format!("{}: {error}", path.display()),
                "Mend the file; nothing is trusted until it is right.",
            ),
            Self::PolicyChanged { path, change } => misuse(
                format!(
                    "{} is not the policy that you rely on since {}",
                    path.display(),
                    change.since
                ),
                "Nothing was asked. If it was you who changed it: plainsight policy accept. If \
                 not, put the old one back, and find out who did.",
            ),
            Self::Own(error) => misuse(error.to_string(), own_step(error)),
            Self::Evidence(error) => (
                format!("the file proves nothing: {error}"),
                error.blame(),
                "Accuse nobody on the strength of this file.".into(),
            ),
            Self::NotConfigured {
                missing: "policy",
                config,
            } => misuse(
                "no policy is configured, the file that says which log you mean and which \
                 auditors you believe"
                    .into(),
                &format!(
                    "Take one from somebody you trust, not from the provider alone, and give it: \
                     plainsight --policy FILE ...\n\
                     Or once for all: a line policy = \"FILE\" in {}",
                    config.display()
                ),
            ),
            Self::NotConfigured { missing, config } => misuse(
                format!("no address of the {missing} is configured, and the policy has none"),
                &format!(
                    "Give it: plainsight --{missing} URL ...\n\
                     Or once for all: a line {missing} = \"URL\" in {}",
                    config.display()
                ),
            ),
            Self::Code(error) => misuse(
                error.to_string(),
                "Nothing was compared. Type or scan all of it.",
            ),
            Self::Accept(error @ AcceptError::NothingPending) => {
                misuse(error.to_string(), "Run `plainsight contact verify` first.")
            }
            Self::Accept(error @ AcceptError::Unconfirmed(_)) => (
                error.to_string(),
                Blame::Unavailable,
                "Wait, compare a code with `plainsight contact verify LABEL --code CODE`, or take \
                 it upon yourself with --unconfirmed."
                    .into(),
            ),
            Self::File { path, reason } => {
                misuse(format!("{}: {reason}", path.display()), "Check the file.")
            }
            Self::Usage(text) => misuse(text.clone(), USAGE),
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        if let Self::Seconded {
            stop,
            label,
            newest,
            auditors,
        } = self
        {
            let mut lines = stop.lines();
            let after =
                newest.map_or_else(String::new, |newest| format!(" after version {newest}"));
            lines.push(format!(
                "Auditors were asked instead: nothing was logged for {label}{after}, as {} proved from their \
                 copies of the index.",
                auditors.join(" and ")
            ));
            return lines;
        }
        if let Self::Unpublished {
            stop,
            label,
            version,
        } = self
        {
            let mut lines = stop.lines();
            if !stop.is_taken() {
                lines.push(format!(
                    "Version {version} is made and waits in this home; to publish it: plainsight keys \
                     publish {}",
                    label.display()
                ));
            }
            return lines;
        }
        if let Self::Failure {
            failure,
            kept,
            evidence,
        } = self
        {
            let mut lines = failure.lines();
            lines.extend(evidence.as_ref().map(|path| {
                format!(
                    "The log has signed two histories, this one and the one verified before. The evidence \
                     is in {0}; anybody can check it: plainsight evidence verify {0}",
                    path.display()
                )
            }));
            lines.extend(
                kept.as_ref()
                    .map(|path| format!("The head shown was kept in {}.", path.display())),
            );
            return lines;
        }
        let (text, blame, next) = self.words();
        let mut lines = vec![format!("plainsight: {}.", plain(&text))];
        if let Self::PolicyChanged { change, .. } = self {
            lines.extend(change_lines(change));
        }
        match self {
            Self::NotConfigured { .. } => {}
            Self::Evidence(_) => lines.push("Blame: whoever made the file.".into()),
            Self::Accept(AcceptError::Unconfirmed(_)) => lines.push(
                "Blame: nobody yet; nothing was accepted, since whether the owner made that reset is \
                 not decided."
                    .into(),
            ),
            Self::BadFile { .. } => {
                lines.push("Blame: whoever made or copied the file.".into());
            }
            _ => lines.push(format!("Blame: {}.", blame_words(blame))),
        }
        lines.push(next);
        lines
    }

    pub(crate) fn json(&self) -> Value {
        if let Self::Seconded { stop, auditors, .. } = self {
            return with_member(stop.json(), "auditors", json!(auditors));
        }
        if let Self::Unpublished { stop, version, .. } = self {
            return with_member(stop.json(), "waiting", json!(version.get()));
        }
        if let Self::Failure {
            failure,
            kept,
            evidence,
        } = self
        {
            let path = |path: Option<&Path>| path.map(|path| path.display().to_string());
            let (kept, evidence) = (path(kept.as_deref()), path(evidence.as_deref()));
            let stopped = with_member(failure.json(), "kept", json!(kept));
            return with_member(stopped, "evidence", json!(evidence));
        }
        let (text, blame, next) = self.words();
        let stopped = json!({
            "verdict": self.verdict().as_str(),
            "error": plain(&text),
            "blame": blame.as_str(),
            "next": next,
        });
        match self {
            Self::PolicyChanged { change, .. } => {
                with_member(stopped, "change", change_json(change))
            }
            Self::BadFile { failure, .. } => {
                let step = failure.step().map(Step::as_str);
                with_member(stopped, "step", json!(step))
            }
            _ => stopped,
        }
    }
}

fn file_step(failure: &Failure) -> &'static str {
    match failure {
        Failure::Refused { why, .. } if matches!(**why, Refusal::Bundle(_)) => failure.next_step(),
        _ => "Check that it is the right file, and all of it.",
    }
}

fn own_step(error: &OwnError) -> &'static str {
    match error {
        OwnError::StillPending(_) => "Run `plainsight keys publish` first.",
        OwnError::NotLost(_) => {
            "Nothing is lost: run `plainsight keys monitor`, and `plainsight keys rotate` for new keys."
        }
        OwnError::WhoseAreThey { .. } => {
            "See them with `plainsight keys monitor`. If somebody else made them, go over them with the same \
             command and --not-mine: they stay alarms. If you made them yourself in a home that is lost, and \
             this is an old copy of it: --mine."
        }
        OwnError::NothingKnown => "Leave --mine and --not-mine off.",
        OwnError::NothingPending => "Run `plainsight keys rotate` to make a new version.",
        OwnError::NoDevice(_) | OwnError::DeviceTwice(_) => {
            "See the devices with `plainsight keys show`."
        }
        OwnError::NoIdentity => {
            "Restore the home from a backup; without that secret `plainsight keys reset` begins anew."
        }
        OwnError::KeySet(_) => {
            "Choose device names of letters, digits, dots, dashes and underscores."
        }
        OwnError::Random(_) | OwnError::LastVersion => "There is nothing to be done here.",
    }
}

impl From<HomeError> for Stop {
    fn from(error: HomeError) -> Self {
        Self::Home(error)
    }
}

impl From<CodeError> for Stop {
    fn from(error: CodeError) -> Self {
        Self::Code(error)
    }
}

impl From<AcceptError> for Stop {
    fn from(error: AcceptError) -> Self {
        Self::Accept(error)
    }
}

impl From<OwnError> for Stop {
    fn from(error: OwnError) -> Self {
        Self::Own(error)
    }
}

impl From<HttpError> for Stop {
    fn from(error: HttpError) -> Self {
        Self::Failure {
            failure: error.into(),
            kept: None,
            evidence: None,
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure {
            failure,
            kept: None,
            evidence: None,
        }
    }
}
