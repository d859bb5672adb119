//! The owner's look when the log gives no answer that holds: auditors hold the whole index, and prove what
//! stands at the indexes that the log once proved to be the owner's. They learn the indexes, never
//! the label.

use plainsight_specs::checkpoint::{SignedCheckpoint, UnverifiedCheckpoint};
use plainsight_specs::cosignature::Cosignature;
use plainsight_specs::hash::Hash;
use plainsight_specs::head::{HeadBlock, Step};
use plainsight_specs::index::{IndexKey, IndexProof};
use plainsight_specs::json::{self, JsonError};
use plainsight_specs::label::Version;
use plainsight_specs::lookup::LookupError;
use plainsight_specs::note::SignatureLine;
use plainsight_specs::policy::Policy;
use serde_json::json;

use super::{Alarm, Monitored};
use crate::failure::{Failure, Refusal};
use crate::http::{BaseUrl, Http, Post};
use crate::own::OwnKeys;
use crate::reader::{HeadSeen, MAX_ANSWER, Purpose, Reader};

/// How many indexes an auditor answers for at once. A ladder has at most 66.
const MAX_INDEXES: usize = 256;

/// What one auditor answered.
struct Answered {
    auditor: String,
    block: HeadBlock,
    proof: IndexProof,
}

/// Asks auditors, each by name, whether anything was logged after one's newest version. Needs
/// indexes from an earlier look at the log. Each auditor shows its own cosignature on the head, so
/// that it takes as many of them as the policy's quorum. `log_failure` is why the log itself did not
/// do.
pub async fn look(
    http: &Http,
    auditors: &[(String, BaseUrl)],
    reader: &Reader<'_>,
    own: &OwnKeys,
    log_failure: Failure,
) -> Result<Monitored, Failure> {
    let newest = own.newest().map(|newest| newest.key_set.version());
    let known: Vec<(Version, IndexKey)> = own
        .indexes()
        .iter()
        .rev()
        .take(MAX_INDEXES)
        .map(|(version, index)| (*version, *index))
        .collect();
    if !known.iter().any(|(version, _)| Some(*version) > newest) {
        return Err(Failure::Question(
            "the log has never been looked at from here, so that there is nothing to ask an \
             auditor about"
                .into(),
        ));
    }
    let indexes: Vec<IndexKey> = known.iter().map(|(_, index)| *index).collect();
    let answers = ask(http, auditors, reader, &indexes).await?;
    let Agreed {
        auditors,
        head,
        found,
    } = agreed(reader, &answers, &indexes)?;
    let mut alarms = Vec::new();
    let mut confirmed = 0;
    for ((version, _), value) in known.iter().zip(found) {
        match value {
            Some(_) if own.is_before(*version) => {}
            Some(_) if own.is_published(*version) => confirmed += 1,
            Some(entry) => alarms.push(Alarm::Appeared {
                version: *version,
                entry,
            }),
            None => alarms.extend(missing(own, *version, &head)),
        }
    }
    alarms.sort_by_key(Alarm::version);
    Ok(Monitored {
        label: own.label().clone(),
        head,
        from: newest.unwrap_or(Version::FIRST),
        latest: newest,
        newest,
        confirmed,
        began: own.began(),
        before: Vec::new(),
        waiting: own.pending().map(|pending| pending.key_set.version()),
        alarms,
        records: Vec::new(),
        auditors,
        log_failure: Some(log_failure),
    })
}

/// A version of one's own that the head should cover.
fn missing(own: &OwnKeys, version: Version, head: &HeadSeen) -> Option<Alarm> {
    let mut versions = own.versions().iter();
    let own = versions.find(|own| own.key_set.version() == version)?;
    let position = own.position?;
    (position.get() < head.head.size.get()).then_some(Alarm::Missing { version, position })
}

/// The answers that came and parse; the last failure if none did.
async fn ask(
    http: &Http,
    auditors: &[(String, BaseUrl)],
    reader: &Reader<'_>,
    indexes: &[IndexKey],
) -> Result<Vec<Answered>, Failure> {
    let hex: Vec<_> = indexes.iter().map(IndexKey::to_hex).collect();
    let origin = reader.memory().genesis.origin().as_str();
    let question = json!({ "origin": origin, "indexes": hex }).to_string();
    let mut answers = Vec::new();
    let mut failure = Failure::Question("no address of an auditor is noted".into());
    for (auditor, url) in auditors {
        let body = http
            .ask(Post {
                url: &url.join("v1/index"),
                content_type: "application/json",
                body: question.as_bytes(),
                bearer: None,
                limit: MAX_ANSWER,
            })
            .await;
        match body
            .map_err(Failure::from)
            .and_then(|body| parse(&body).map_err(Failure::refused))
        {
            Ok((block, proof)) => answers.push(Answered {
                auditor: auditor.clone(),
                block,
                proof,
            }),
            Err(error) => failure = error,
        }
    }
    if answers.is_empty() {
        return Err(failure);
    }
    Ok(answers)
}

/// What auditors agree on.
struct Agreed {
    auditors: Vec<String>,
    head: HeadSeen,
    found: Vec<Option<Hash>>,
}

/// The first answer that holds under the cosignatures of all who answered at the same head.
fn agreed(
    reader: &Reader<'_>,
    answers: &[Answered],
    indexes: &[IndexKey],
) -> Result<Agreed, Failure> {
    let mut failure = Failure::Question("no auditor has shown a head of this log".into());
    let policy = reader.trust_policy().policy();
    let signed = answers.iter().filter_map(|answer| {
        let checkpoint = UnverifiedCheckpoint::parse(&answer.block.checkpoint).ok()?;
        let keys = policy.log_keys(checkpoint.origin());
        Some((answer, checkpoint.verify_log(&keys).ok()?))
    });
    let signed: Vec<_> = signed.collect();
    for (answer, checkpoint) in &signed {
        let same = signed
            .iter()
            .filter(|(_, other)| other.text() == checkpoint.text());
        // A line that does not hold would sink the others' too.
        let lines = same.clone().flat_map(|(_, other)| other.other_lines());
        let mut holding: Vec<SignatureLine> = Vec::new();
        for line in lines {
            if !holding.contains(line) && cosigns(policy, checkpoint, line) {
                holding.push(line.clone());
            }
        }
        let block = HeadBlock {
            checkpoint: checkpoint.to_bytes_with(&holding),
            ..answer.block.clone()
        };
        match prove(reader, &block, &answer.proof, indexes) {
            Ok((head, found)) => {
                let auditors = same.map(|(other, _)| other.auditor.clone()).collect();
                return Ok(Agreed {
                    auditors,
                    head,
                    found,
                });
            }
            // Two histories, both with a quorum: nobody else's answer mends that.
            Err(error) if error.step() == Some(Step::Consistency) && error.is_refuted() => {
                return Err(error);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Whether a line is a cosignature by one of the policy's auditors.
fn cosigns(policy: &Policy, checkpoint: &SignedCheckpoint, line: &SignatureLine) -> bool {
    let text = checkpoint.text();
    let mut witnesses = policy.witnesses().iter();
    witnesses.any(|witness| Cosignature::verify(line, text, &witness.key).is_ok())
}

/// What stands at these indexes, at a head that is not older than the one remembered.
fn prove(
    reader: &Reader<'_>,
    block: &HeadBlock,
    proof: &IndexProof,
    indexes: &[IndexKey],
) -> Result<(HeadSeen, Vec<Option<Hash>>), Failure> {
    let refuse = |why: Refusal| reader.refuse(why, &block.checkpoint);
    // An auditor gives no consistency proof. The quorum vouches for the head, and it may not be
    // older than the one seen last.
    let trust = reader.trust_without_memory(Purpose::Contacts);
    let head = block.verify(&trust).map_err(|error| refuse(error.into()))?;
    let (seen, shown) = (reader.memory().head, head.tree_head());
    if shown.size < seen.size {
        let (seen, shown) = (seen.size, shown.size);
        let back = plainsight_specs::head::HeadError::Rollback { seen, shown };
        return Err(refuse(back.into()));
    }
    if shown.size == seen.size && shown.root != seen.root {
        return Err(refuse(Refusal::OtherRoot { size: shown.size }));
    }
    let found = proof
        .verify(&head.epoch().index_root, indexes)
        .map_err(|error| refuse(LookupError::Index(error).into()))?;
    Ok((reader.seen(&head), found))
}

fn parse(body: &[u8]) -> Result<(HeadBlock, IndexProof), Refusal> {
    let mut answer = json::parse_object(body)?;
    let block = HeadBlock::take(&mut answer)?;
    let proof = IndexProof::from_json(answer.required("index")?);
    let proof = proof.map_err(LookupError::IndexForm)?;
    answer
        .finish()
        .map_err(|error: JsonError| Refusal::Json(error))?;
    Ok((block, proof))
}
