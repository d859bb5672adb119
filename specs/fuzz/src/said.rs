//! What an honest log answers about its releases, and what a rebuilder says of one: seeds that reach
//! past their parsers.

use plainsight_specs::bundle::{UnverifiedBundle, searched};
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::entry::Entry;
use plainsight_specs::hash::{leaf_hash, sha256};
use plainsight_specs::index::IndexKey;
use plainsight_specs::ladder;
use plainsight_specs::query::{ArtifactAnswer, LatestAnswer, StreamAnswer, StreamRequest};
use plainsight_specs::rebuild::{Outcome, RebuildClaim};
use plainsight_specs::statement::{ReleaseVersion, artifact_index};
use plainsight_specs::tlog_proof::TlogProof;

use super::tiny_log::{TinyLog, now, product, secret};

/// The entry that the index holds at `index`.
fn held(log: &TinyLog, index: &IndexKey) -> Option<Vec<u8>> {
    let leaf = log.replay.value(index)?;
    let mut entries = log.entries.iter();
    entries.find(|entry| leaf_hash(entry) == leaf).cloned()
}

/// The answer about a version of the product.
pub fn stream(log: &TinyLog, version: &str) -> StreamAnswer {
    let version = ReleaseVersion::parse(version).unwrap();
    let request = StreamRequest {
        stream: product().stream(),
        since: None,
        version: Some(version.clone()),
        digest: None,
    };
    let stream = &request.stream;
    let latest = log.replay.last_of(stream).map(|(seq, _)| seq);
    let searched = request.searched(Some(&version), latest);
    StreamAnswer {
        head: log.head_block(None),
        index: log.replay.index().prove(&searched),
        entry: held(log, &stream.version_index(&version)),
        yank: held(log, &stream.yank_index(&version)),
        latest: latest.map(|seq| LatestAnswer {
            seq,
            entry: held(log, &stream.seq_index(seq)).unwrap(),
        }),
    }
}

/// The answer about a file.
pub fn artifact(log: &TinyLog, file: &[u8]) -> ArtifactAnswer {
    let index = artifact_index(&sha256(file));
    ArtifactAnswer {
        head: log.head_block(None),
        index: log.replay.index().prove(&[index]),
        entry: held(log, &index),
    }
}

/// The bundle of a version of the product.
pub fn bundle(log: &TinyLog, version: &str) -> UnverifiedBundle {
    let (stream, version) = (product().stream(), ReleaseVersion::parse(version).unwrap());
    let entry = held(log, &stream.version_index(&version)).unwrap();
    let Ok(Entry::Statement(statement)) = Entry::parse(&entry) else {
        panic!("a statement")
    };
    let mut keys = searched(statement.statement()).unwrap();
    let latest = log.replay.last_of(&stream).map(|(seq, _)| seq);
    let rungs = ladder::rungs_for(latest).into_iter();
    keys.extend(rungs.map(|seq| stream.seq_index(seq)));
    let head = log.head_block(None);
    let proof = TlogProof {
        extra: None,
        index: log.size().last().unwrap(),
        inclusion: head.epoch_proof,
        checkpoint: UnverifiedCheckpoint::parse(&head.checkpoint).unwrap(),
    };
    UnverifiedBundle::new(proof, head.epoch, entry, log.replay.index().prove(&keys))
}

/// What a rebuilder signed about a file.
pub fn rebuild(file: &[u8]) -> Vec<u8> {
    let claim = RebuildClaim {
        file: sha256(file),
        outcome: Outcome::Mismatch {
            built: sha256(b"what the source gives"),
        },
        time: now(),
        references: Vec::new(),
    };
    claim.sign(&[&secret(30)])
}
