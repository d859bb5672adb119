//! What is told of a log.

use plainsight_specs::checkpoint::SignedCheckpoint;
use plainsight_specs::merkle::{TreeHead, TreeSize};

use super::Desk;
use crate::audit::{Break, Standing, State};
use crate::config::FollowedLog;
use crate::follow::Fatal;
use crate::peers::PeerView;

/// How a log does, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its newest head is cosigned.
    Ok,
    /// It broke a rule, or we may not sign.
    Stopped,
    /// It has heads that are not cosigned yet.
    Behind,
    /// It cannot be read.
    Unreachable,
}

impl Verdict {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stopped => "stopped",
            Self::Behind => "behind",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What is known of a log at a moment.
#[derive(Debug, Clone)]
pub struct Status {
    /// The origin.
    pub origin: String,
    /// The newest head of which everything is held.
    pub mirrored: TreeHead,
    /// The head cosigned last.
    pub signed: TreeHead,
    /// The time of the newest epoch, in milliseconds.
    pub epoch_ms: Option<u64>,
    /// In one word.
    pub verdict: Verdict,
    /// The first break that nobody acknowledged.
    pub open: Option<Break>,
    /// Why, if the verdict alone does not say it.
    pub detail: Option<String>,
    /// What other auditors show.
    pub peers: Vec<PeerView>,
    /// The largest size that the log signed, as far as was seen.
    pub seen: TreeSize,
    /// When the log's newest checkpoint was read last, in POSIX seconds.
    pub checked: Option<u64>,
    /// How often the log promised an epoch, in seconds.
    pub heartbeat_s: Option<u64>,
    /// Whether the log was closed.
    pub closed: bool,
}

impl Status {
    pub(super) fn new(log: &FollowedLog) -> Self {
        Self {
            origin: log.origin.to_string(),
            mirrored: State::nothing_signed(),
            signed: State::nothing_signed(),
            epoch_ms: None,
            verdict: Verdict::Behind,
            open: None,
            detail: Some("starting".into()),
            peers: Vec::new(),
            seen: TreeSize::ZERO,
            checked: None,
            heartbeat_s: None,
            closed: false,
        }
    }

    pub(super) fn fail(&mut self, error: &Fatal) {
        self.verdict = Verdict::Behind;
        self.detail = Some(format!("this auditor has a problem: {error}"));
    }
}

impl Desk {
    pub(super) fn tell_status(&self) {
        let mirrored = self.known.mirrored.as_ref().map(SignedCheckpoint::head);
        let mirrored = mirrored.unwrap_or_else(State::nothing_signed);
        let (verdict, detail) = match (self.state.standing, self.state.open) {
            (Standing::RolledBack(size), _) => (
                Verdict::Stopped,
                Some(format!(
                    "this auditor's database is older than its cosignature on size {size}"
                )),
            ),
            (_, Some(open)) => (Verdict::Stopped, Some(open.rule.meaning().into())),
            _ if self.state.unshown => (
                Verdict::Stopped,
                Some("it signs heads that it does not show; no more of them can be kept".into()),
            ),
            _ if self.is_without_memory() => (
                Verdict::Stopped,
                Some(
                    "nobody remembers what this auditor signed last; its alert says what to do"
                        .into(),
                ),
            ),
            _ if self.state.clock_off => (
                Verdict::Stopped,
                Some("this auditor's own clock is off; nothing is signed".into()),
            ),
            _ if self.is_unreachable() => (Verdict::Unreachable, None),
            (Standing::Unchecked, _) => (
                Verdict::Behind,
                Some("the log, or another auditor, was not yet looked at".into()),
            ),
            _ if self.seen > self.state.signed.size || mirrored != self.state.signed => {
                (Verdict::Behind, None)
            }
            _ => (Verdict::Ok, None),
        };
        let (signed, open) = (self.state.signed, self.state.open);
        let peers = self
            .peers
            .iter()
            .map(|watched| watched.view.clone())
            .collect();
        let epoch_ms = self.summary.epoch.map(|epoch| epoch.time_ms);
        let seen = self.seen.max(mirrored.size).max(signed.size);
        let (checked, heartbeat_s) = (self.checked, self.summary.heartbeat_s);
        let closed = self.summary.closed;
        self.status.send_modify(|status| {
            status.seen = seen;
            status.checked = checked.or(status.checked);
            status.heartbeat_s = heartbeat_s;
            status.closed = closed;
            status.mirrored = mirrored;
            status.signed = signed;
            status.epoch_ms = epoch_ms;
            status.verdict = verdict;
            status.open = open;
            status.detail = detail;
            status.peers = peers;
        });
    }
}
