//! A refusal: a device was refused a protection that the log, at a head that auditors vouch for,
//! still offers. The file shows what the log says; that a device was refused is its holder's word.

use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::codec::to_base64;
use plainsight_specs::entry::Genesis;
use plainsight_specs::hash::{Hash, sha256};
use plainsight_specs::head::{HeadError, Trust};
use plainsight_specs::json::{self, JsonError};
use plainsight_specs::policy::StaleError;
use plainsight_specs::query::{MAX_STREAM, QueryError, StreamAnswer, StreamRequest};
use plainsight_specs::statement::{Body, Protection, Seq, Stream};
use plainsight_specs::time::Timestamp;
use serde_json::json;

use crate::failure::{Failure, Refusal};
use crate::reader::{HeadSeen, MAX_ANSWER};
use crate::trust::TrustPolicy;

/// What the file calls itself.
const FORMAT: &str = "plainsight-refusal/v1";

/// What a refusal shows.
#[derive(Debug)]
pub struct Shown {
    /// SHA-256 of the file.
    pub id: Hash,
    /// At which head, its age not judged.
    pub head: HeadSeen,
    /// The statement's place in its stream.
    pub seq: Seq,
    /// The latest statement at that head.
    pub protection: Protection,
    /// When, by the holder's word, a device was refused.
    pub refused: Timestamp,
}

/// The file about an answer that was verified.
pub(super) fn file(stream: &Stream, refused: Timestamp, answer: &[u8]) -> Option<Vec<u8>> {
    let mut answer = StreamAnswer::parse(answer).ok()?;
    // Of no use to others, and it tells when the reader looked last.
    answer.head.consistency = None;
    let file = json!({
        "format": FORMAT,
        "stream": to_base64(stream.as_bytes()),
        "refused": refused.to_string(),
        "answer": to_base64(&answer.to_json()),
    });
    Some(file.to_string().into_bytes())
}

/// Whether a file says that it is a refusal.
pub fn is_refusal(bytes: &[u8]) -> bool {
    let format = json::parse_object(bytes).and_then(|mut file| file.string("format"));
    format.is_ok_and(|format| format == FORMAT)
}

/// Checks a refusal by one's own policy and the log's genesis.
pub fn check(trust: &TrustPolicy, genesis: &Genesis, bytes: &[u8]) -> Result<Shown, Failure> {
    let (stream, refused, answer) = parse(bytes).map_err(Failure::refused)?;
    let unverified = UnverifiedCheckpoint::parse(&answer.head.checkpoint)
        .map_err(|error| Failure::refused(HeadError::Checkpoint(error)))?;
    let cosigned = trust.policy().verify(unverified);
    let cosigned = cosigned.map_err(|error| Failure::refused(HeadError::from(error)))?;
    let stale = || Failure::refused(HeadError::from(StaleError::NoQuorum));
    let now = cosigned.freshest().ok_or_else(stale)?;
    let request = StreamRequest {
        stream,
        since: None,
        version: None,
        digest: None,
    };
    let state = answer
        .verify(
            &Trust {
                policy: trust.policy(),
                genesis,
                remembered: None,
                now,
                max_age_s: 0,
            },
            &request,
        )
        .map_err(Failure::refused)?;
    let other = || Failure::refused(QueryError::OtherEntry { what: "protection" });
    let latest = state.latest().ok_or_else(other)?;
    let Body::Protection(protection) = latest.statement.body() else {
        return Err(other());
    };
    Ok(Shown {
        id: sha256(bytes),
        head: HeadSeen::of(trust, state.head(), now),
        seq: latest.seq,
        protection: protection.clone(),
        refused,
    })
}

fn parse(bytes: &[u8]) -> Result<(Stream, Timestamp, StreamAnswer), Refusal> {
    let mut file = json::parse_object(bytes)?;
    if file.string("format")? != FORMAT {
        return Err(Refusal::Json(JsonError::Wrong {
            member: "format".into(),
            expected: "a refusal",
        }));
    }
    let stream = Stream::parse(&file.base64("stream", MAX_STREAM)?).map_err(QueryError::Stream)?;
    let refused = file.time("refused")?;
    let answer = StreamAnswer::parse(&file.base64("answer", MAX_ANSWER)?)?;
    file.finish()?;
    Ok((stream, refused, answer))
}
