//! A stream over time: what it said, and what is new since the last look.

use plainsight_specs::hash::Hash;
use plainsight_specs::query::{StreamAnswer, StreamRequest};
use plainsight_specs::statement::{Seq, Statement, Stream};

use crate::entries;
use crate::failure::{Failure, Refusal};
use crate::reader::{HeadSeen, MAX_ANSWER, Purpose, Reader};

/// How many statements are listed at the most.
pub const MAX_LISTED: usize = 1000;

/// The newest statements of a stream.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Which stream.
    pub stream: Stream,
    /// At which head.
    pub head: HeadSeen,
    /// Its latest place, proved.
    pub latest: Option<Place>,
    /// The statements, the latest first, each named by the one after it.
    pub statements: Vec<Statement>,
}

/// A place in a stream, and what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number.
    pub seq: Seq,
    /// The leaf hash of its entry.
    pub leaf: Hash,
}

/// Lists up to `limit` statements of a stream, those after the place `after` if it is given.
pub async fn list(
    reader: &mut Reader<'_>,
    stream: &Stream,
    purpose: Purpose,
    limit: usize,
    after: Option<Place>,
) -> Result<Listed, Failure> {
    let request = StreamRequest {
        stream: stream.clone(),
        since: Some(reader.since()),
        version: None,
        digest: None,
    };
    let body = reader
        .log()
        .ask("v1/stream", &request.to_json(), MAX_ANSWER)
        .await?;
    let answer = StreamAnswer::parse(&body).map_err(Failure::refused)?;
    let state = answer
        .verify(&reader.trust(purpose), &request)
        .map_err(|error| reader.refuse(error, &answer.head.checkpoint))?;
    let latest = state.latest().map(|latest| Place {
        seq: latest.seq,
        leaf: latest.leaf,
    });
    // What was proved once cannot go away: the index only grows.
    let back = after.filter(|seen| latest.is_none_or(|latest| latest.seq < seen.seq));
    if let Some(seen) = back {
        let seen = seen.seq.get();
        let shown = latest.map_or_else(|| "none".into(), |latest| latest.seq.to_string());
        let why = Refusal::StatementBack { seen, shown };
        return Err(reader.refuse(why, &answer.head.checkpoint));
    }
    let head = reader.accept(state.head());
    let statements = match latest {
        Some(latest) if after.is_none_or(|after| after.seq < latest.seq) => {
            let limit = limit.min(MAX_LISTED);
            let after = after.map(|after| after.seq.get());
            entries::statements(reader.log(), &head.head, &latest.leaf, limit, after).await?
        }
        _ => Vec::new(),
    };
    Ok(Listed {
        stream: stream.clone(),
        head,
        latest,
        statements,
    })
}
