//! Offline bundles: one made of a log's answers, and a file verified by one. Chapter
//! [`plainsight_specs::bundle`].

use plainsight_specs::bundle::{self, BundleError, UnverifiedBundle};
use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::entry::Entry;
use plainsight_specs::head::{Head, HeadError, Trust};
use plainsight_specs::index::{IndexKey, IndexProof};
use plainsight_specs::ladder;
use plainsight_specs::query::StreamAnswer;
use plainsight_specs::statement::{Artifact, Body, Release, Seq};
use plainsight_specs::time::Timestamp;
use plainsight_specs::tlog_proof::TlogProof;

use super::{
    AskedVersion, FileFound, FileQuestion, FileState, LoggedFile, Offline, Unmet, ask_stream,
    audience, verify,
};
use crate::failure::{Failure, Refusal};
use crate::reader::{HeadSeen, Memory, Purpose, Reader};
use crate::rebuilds::RebuildsUnmet;
use crate::trust::TrustPolicy;

/// Verifies a file against an offline bundle, without any network. A bundle whose head is of the size of
/// the one remembered and not the same is refused with [`Refusal::OtherRoot`]; heads of other sizes
/// cannot be held against it offline.
pub fn verify_bundle(
    trust: &TrustPolicy,
    remembered: &Memory,
    now: Timestamp,
    question: FileQuestion,
    bundle: &[u8],
) -> Result<FileFound, Failure> {
    let Memory {
        genesis,
        head: remembered,
        ..
    } = remembered;
    let unverified = UnverifiedBundle::parse(bundle).map_err(Failure::refused)?;
    let bundle = unverified
        .verify(&Trust {
            policy: trust.policy(),
            genesis,
            remembered: None,
            now,
            max_age_s: trust.annotations().max_age_releases_s,
        })
        .map_err(Failure::refused)?;
    let head = HeadSeen::of(trust, &bundle.head, now);
    if head.head.size == remembered.size && head.head.root != remembered.root {
        return Err(Failure::Refused {
            why: Box::new(Refusal::OtherRoot {
                size: remembered.size,
            }),
            shown: Some(bundle.head.checkpoint().to_bytes()),
        });
    }
    let Body::Release(release) = bundle.release.body() else {
        return Err(Failure::refused(BundleError::NotARelease));
    };
    let lists = release
        .artifacts
        .iter()
        .any(|artifact| artifact.digest == question.digest);
    let is_asked = question
        .product
        .as_ref()
        .is_none_or(|asked| *asked == release.product)
        && question
            .version
            .as_ref()
            .is_none_or(|asked| *asked == release.version);
    let state = if lists && is_asked {
        FileState::Logged(Box::new(LoggedFile {
            release: release.clone(),
            seq: bundle.release.seq(),
            latest: bundle.latest,
            latest_version: None,
            rebuilds: None,
            unmet: {
                let rules = trust.annotations().release;
                let min_age_s = rules.min_age_s;
                let age = (min_age_s > 0).then_some(Unmet::AgeNotShown { min_age_s });
                let rebuilds =
                    (rules.rebuilds > 0).then_some(Unmet::Rebuilds(RebuildsUnmet::NotAsked {
                        wanted: rules.rebuilds,
                    }));
                let unmet = audience(rules, release).into_iter();
                unmet.chain(age).chain(rebuilds).collect()
            },
        }))
    } else if lists {
        FileState::OtherRelease {
            release: Box::new(release.clone()),
            asked: AskedVersion::NotShown,
            yanked: false,
        }
    } else {
        FileState::OtherFile {
            release: Box::new(release.clone()),
        }
    };
    Ok(FileFound {
        question,
        head,
        state,
        also: None,
        offline: Some(Offline {
            remembered: remembered.size,
        }),
    })
}

/// How often all files of a release are asked about, until the answers are under one head.
const ROUNDS: u32 = 8;

/// Makes an offline bundle of the release that lists a file, with which each of its files can be
/// verified. The log's answer proves one file at a time, so it is asked about each.
pub async fn bundle(
    reader: &mut Reader<'_>,
    question: FileQuestion,
) -> Result<(FileFound, Vec<u8>), Failure> {
    let found = verify(reader, question).await?;
    let FileState::Logged(logged) = &found.state else {
        return Ok((found, Vec::new()));
    };
    for _ in 0..ROUNDS {
        if let Some(bundle) = bundle_at_one_head(reader, &logged.release).await? {
            return Ok((found, bundle.to_json()));
        }
    }
    Err(Failure::Moving {
        files: logged.release.artifacts.len(),
    })
}

/// An answer about one file, verified.
struct OneFile {
    answer: StreamAnswer,
    searched: Vec<IndexKey>,
    head: Head,
    latest: Option<Seq>,
}

/// The bundle, if the log has published nothing between its answers.
async fn bundle_at_one_head(
    reader: &mut Reader<'_>,
    release: &Release,
) -> Result<Option<UnverifiedBundle>, Failure> {
    let mut files: Vec<OneFile> = Vec::new();
    for artifact in &release.artifacts {
        let file = one_file(reader, release, artifact).await?;
        let first = files.first().map(|first| first.head.tree_head());
        if first.is_some_and(|first| first != file.head.tree_head()) {
            return Ok(None);
        }
        files.push(file);
    }
    let gone = || Failure::Question("the log no longer shows the release".into());
    let first = files.first().ok_or_else(gone)?;
    let answer = &first.answer;
    let refuse = |why: Refusal| reader.refuse(why, &answer.head.checkpoint);
    let entry = answer.entry.clone().ok_or_else(gone)?;
    let index = first.head.tree_head().size.last().ok_or_else(gone)?;
    let Ok(Entry::Statement(statement)) = Entry::parse(&entry) else {
        return Err(gone());
    };
    let mut searched = bundle::searched(statement.statement()).ok_or_else(gone)?;
    let stream = release.product.stream();
    let rungs = ladder::rungs_for(first.latest).into_iter();
    searched.extend(rungs.map(|seq| stream.seq_index(seq)));
    let parts: Vec<_> = files
        .iter()
        .map(|file| (&file.answer.index, file.searched.as_slice()))
        .collect();
    let root = &first.head.epoch().index_root;
    let merged = IndexProof::merge(root, &parts, &searched)
        .map_err(|error| refuse(BundleError::Index(error).into()))?;
    let checkpoint = UnverifiedCheckpoint::parse(&answer.head.checkpoint)
        .map_err(|error| refuse(HeadError::Checkpoint(error).into()))?;
    let proof = TlogProof {
        extra: None,
        index,
        inclusion: answer.head.epoch_proof.clone(),
        checkpoint,
    };
    let bundle = UnverifiedBundle::new(proof, answer.head.epoch.clone(), entry, merged);
    bundle
        .verify(&reader.trust(Purpose::Releases))
        .map_err(|error| refuse(error.into()))?;
    Ok(Some(bundle))
}

async fn one_file(
    reader: &mut Reader<'_>,
    release: &Release,
    artifact: &Artifact,
) -> Result<OneFile, Failure> {
    let asked = FileQuestion {
        digest: artifact.digest,
        size: artifact.size,
        product: Some(release.product.clone()),
        version: Some(release.version.clone()),
    };
    let (answer, request) = ask_stream(reader, &release.product, &asked).await?;
    let state = answer
        .verify(&reader.trust(Purpose::Releases), &request)
        .map_err(|error| reader.refuse(error, &answer.head.checkpoint))?;
    let head = state.head().clone();
    reader.accept(&head);
    let latest = state.latest().map(|latest| latest.seq);
    Ok(OneFile {
        searched: request.searched(Some(&release.version), latest),
        answer,
        head,
        latest,
    })
}
