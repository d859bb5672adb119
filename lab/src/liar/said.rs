//! What a dishonest log answers, before it is bytes, so that a script can change it on the way out.

use std::sync::Arc;

use anyhow::Result;
use plainsight_specs::hash::Hash;
use plainsight_specs::head::{GenesisAnswer, HeadBlock};
use plainsight_specs::history::{HistoryAnswer, HistoryRequest};
use plainsight_specs::index::{IndexKey, IndexProof};
use plainsight_specs::label::{Label, Version};
use plainsight_specs::ladder::rungs_for;
use plainsight_specs::lookup::{LookupAnswer, LookupRequest};
use plainsight_specs::query::{ArtifactAnswer, StreamAnswer, StreamRequest};
use plainsight_specs::statement::{Body, ReleaseVersion, artifact_index};
use plainsight_specs::watch::{RungsAnswer, RungsRequest};

use super::Liar;

/// An answer of the real directory, with the question.
#[derive(Debug)]
pub enum Said {
    /// To `GET /v1/genesis`.
    Genesis(GenesisAnswer),
    /// To a look-up.
    Lookup(LookupRequest, LookupAnswer),
    /// To a history.
    History(HistoryRequest, HistoryAnswer),
    /// To a stream query.
    Stream(StreamRequest, StreamAnswer),
    /// To a question about a file.
    Artifact(Hash, ArtifactAnswer),
    /// To a question about rungs to watch.
    Rungs(RungsRequest, RungsAnswer),
}

/// Changes an answer on its way out.
pub type Bend = Arc<dyn Fn(&Liar, &mut Said) -> Result<()> + Send + Sync>;

/// Changes the bytes of an answer on their way out.
pub type Garble = Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>;

impl Said {
    /// The head that the answer begins with.
    pub fn head(&mut self) -> &mut HeadBlock {
        match self {
            Self::Genesis(answer) => &mut answer.head,
            Self::Lookup(_, answer) => &mut answer.head,
            Self::History(_, answer) => &mut answer.lookup.head,
            Self::Stream(_, answer) => &mut answer.head,
            Self::Artifact(_, answer) => &mut answer.head,
            Self::Rungs(_, answer) => &mut answer.head,
        }
    }

    /// Its index proof, if it has one.
    pub fn index(&mut self) -> Option<&mut IndexProof> {
        match self {
            Self::Genesis(_) => None,
            Self::Lookup(_, answer) => Some(&mut answer.index),
            Self::History(_, answer) => Some(&mut answer.lookup.index),
            Self::Stream(_, answer) => Some(&mut answer.index),
            Self::Artifact(_, answer) => Some(&mut answer.index),
            Self::Rungs(_, answer) => Some(&mut answer.index),
        }
    }

    /// The indexes that a reader of the answer searches, in order.
    pub fn searched(&self, liar: &Liar) -> Vec<IndexKey> {
        let of = |label: &Label, version: Version| liar.index_of(label, version);
        match self {
            Self::Genesis(_) => Vec::new(),
            Self::Lookup(request, answer) => {
                let claimed = answer.found.as_ref().map(|found| found.version);
                let rungs = rungs_for(claimed).into_iter();
                rungs.map(|rung| of(&request.label, rung)).collect()
            }
            Self::History(request, answer) => {
                let claimed = answer.lookup.found.as_ref().map(|found| found.version);
                let listed = answer.versions.iter().map(|listed| listed.version);
                let rungs = rungs_for(claimed).into_iter().chain(listed);
                rungs.map(|rung| of(&request.label, rung)).collect()
            }
            Self::Stream(request, answer) => {
                let named = answer.entry.as_deref().and_then(version_of);
                let version = request.version.as_ref().or(named.as_ref());
                request.searched(version, answer.latest.as_ref().map(|latest| latest.seq))
            }
            Self::Artifact(digest, _) => vec![artifact_index(digest)],
            Self::Rungs(request, _) => {
                let rungs = request.rungs().into_iter();
                rungs.map(|rung| of(&request.label, rung)).collect()
            }
        }
    }

    /// The bytes.
    pub(super) fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Genesis(answer) => answer.to_json(),
            Self::Lookup(_, answer) => answer.to_json(),
            Self::History(_, answer) => answer.to_json(),
            Self::Stream(_, answer) => answer.to_json(),
            Self::Artifact(_, answer) => answer.to_json(),
            Self::Rungs(_, answer) => answer.to_json(),
        }
    }
}

fn version_of(entry: &[u8]) -> Option<ReleaseVersion> {
    let entry = plainsight_specs::entry::Entry::parse(entry).ok()?;
    let plainsight_specs::entry::Entry::Statement(entry) = entry else {
        return None;
    };
    match entry.statement().body() {
        Body::Release(release) => Some(release.version.clone()),
        _ => None,
    }
}
