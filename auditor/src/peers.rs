//! Other auditors: who they are, and what they are thought to show.
//!
//! Asking them is the [`crate::desk`]'s, one log at a time.

use plainsight_client::http::BaseUrl;
use plainsight_specs::merkle::TreeHead;
use plainsight_specs::note::{Algorithm, VerifierKey};
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;

/// Other auditors that one auditor compares itself with, at most.
pub const MAX_PEERS: usize = 64;

/// Another auditor, as written in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// The verifier key of its cosignatures.
    pub vkey: String,
    /// Its monitoring prefix.
    pub url: String,
}

/// Another auditor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The key of its cosignatures.
    pub key: VerifierKey,
    /// Its monitoring prefix.
    pub url: BaseUrl,
}

impl Peer {
    /// Checks a peer's key and address.
    pub fn new(peer: &PeerConfig) -> Result<Self, ConfigError> {
        let key = VerifierKey::parse(&peer.vkey).map_err(|source| ConfigError::Key {
            what: format!("peer key {:?}", peer.vkey),
            source,
        })?;
        if key.algorithm() != Algorithm::CosignatureV1 {
            return Err(ConfigError::Peer {
                name: key.name().to_string(),
                reason: "the key is not one for cosignatures (type 0x04)",
            });
        }
        let url = BaseUrl::parse(&peer.url)?;
        Ok(Self { key, url })
    }
}

/// How a head that somebody else shows fits what is held here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadVerdict {
    /// It is the newest head held here.
    Same,
    /// One extends the other.
    Consistent,
    /// It could not be found out.
    Unproven,
    /// An earlier head, cosigned long ago, or an earlier one than was shown before.
    Stale,
    /// They contradict each other: the log signed both.
    Conflict,
}

impl HeadVerdict {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Same,
        Self::Consistent,
        Self::Unproven,
        Self::Stale,
        Self::Conflict,
    ];

    /// Whether nothing is wrong with such a head.
    pub fn is_innocent(self) -> bool {
        matches!(self, Self::Same | Self::Consistent)
    }

    /// The word in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Consistent => "consistent",
            Self::Unproven => "unproven",
            Self::Stale => "stale",
            Self::Conflict => "conflict",
        }
    }

    /// From the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == text)
    }
}

/// A head that somebody else showed, with the one that it was held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownHead {
    /// Who: a peer's verifier key; empty for a reader, who is not known.
    pub source: String,
    /// The head.
    pub head: TreeHead,
    /// The note: the log's lines and the peer's own, all verified.
    pub note: Vec<u8>,
    /// How it fits.
    pub verdict: HeadVerdict,
    /// For people.
    pub detail: String,
    /// The address of the evidence of a conflict.
    pub evidence: Option<String>,
    /// The newest head held here at that time.
    pub own: TreeHead,
    /// When it was compared, in POSIX seconds.
    pub time: u64,
}

/// What is known about a peer and one log.
#[derive(Debug, Clone)]
pub struct PeerView {
    /// The peer.
    pub peer: Peer,
    /// How it fits now.
    pub verdict: HeadVerdict,
    /// For people.
    pub detail: String,
    /// The newest head that it showed.
    pub shown: Option<ShownHead>,
}

impl PeerView {
    /// Before it was asked.
    pub fn new(peer: Peer, shown: Option<ShownHead>) -> Self {
        let verdict = shown
            .as_ref()
            .map_or(HeadVerdict::Unproven, |shown| shown.verdict);
        let detail = shown.as_ref().map_or_else(
            || "it was not asked yet".into(),
            |shown| shown.detail.clone(),
        );
        Self {
            peer,
            verdict,
            detail,
            shown,
        }
    }
}
