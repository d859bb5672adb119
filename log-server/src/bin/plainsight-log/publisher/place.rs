//! The next place in a stream: from flags, or from a verified look-up at the log.
//!
//! A statement that is signed at another place than the next is void, so a log that lies about it
//! gains nothing but a statement that the publisher did not mean; it is verified all the same.
//! Nothing is remembered from one run to the next.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use plainsight_specs::hash::Hash;
use plainsight_specs::head::{GenesisAnswer, Trust};
use plainsight_specs::policy::Policy;
use plainsight_specs::query::{StreamAnswer, StreamRequest, StreamState};
use plainsight_specs::statement::{Body, ReleaseVersion, Seq, Stream};
use plainsight_specs::time::Timestamp;
use reqwest::Url;

use super::arguments::{PlaceArgs, YankArgs};
use super::ask::Log;
use super::{body, now};

/// How old the auditors' cosignatures may be, in seconds: that of readers who look up a contact.
const MAX_AGE_S: u64 = 86_400;
/// What to do where the log cannot be asked.
const WITHOUT: &str =
    "the log does not prove the next place; --seq and --prev give it without asking";

/// Where a statement goes.
pub(super) struct Next {
    pub(super) seq: Seq,
    pub(super) prev: Option<Hash>,
}

/// The place for `body`, whose release must not contradict one that is logged.
pub(super) async fn next(args: &PlaceArgs, body: &Body) -> Result<Next> {
    let Some(policy) = &args.policy else {
        return given(args);
    };
    let version = match body {
        Body::Release(release) => Some(release.version.clone()),
        _ => None,
    };
    let state = look_up(policy, args.url.as_ref(), body.stream(), version).await?;
    if let Some(release) = state.release().filter(|r| r.digests() != body.digests()) {
        bail!(
            "this version is logged with other files, at place {} of the stream; a version has one \
             set of files for ever",
            release.seq()
        );
    }
    after(&state)
}

/// The place for a yank, and the yank itself: of the files that the log holds.
pub(super) async fn yank(args: &YankArgs, now: Timestamp) -> Result<(Next, Body)> {
    let Some(policy) = &args.place.policy else {
        return Ok((given(&args.place)?, body::yank(args, None, now)?));
    };
    let stream = args.product.product().stream();
    let version = Some(args.version.clone());
    let state = look_up(policy, args.place.url.as_ref(), stream, version).await?;
    let Some(release) = state.release() else {
        bail!("no release of this version is logged in this stream");
    };
    if state.yank().is_some() {
        bail!("this version is yanked already");
    }
    let digests = release.digests().into_iter().collect();
    Ok((after(&state)?, body::yank(args, Some(digests), now)?))
}

fn given(args: &PlaceArgs) -> Result<Next> {
    let seq = args.seq.unwrap_or_default();
    if (seq == 0) != args.prev.is_none() {
        bail!("--prev belongs to every place but the first, --seq 0");
    }
    Ok(Next {
        seq: Seq::new(seq),
        prev: args.prev,
    })
}

fn after(state: &StreamState) -> Result<Next> {
    let Some(latest) = state.latest() else {
        return Ok(Next {
            seq: Seq::ZERO,
            prev: None,
        });
    };
    Ok(Next {
        seq: latest.seq.next().context("the stream is full")?,
        prev: Some(latest.leaf),
    })
}

async fn look_up(
    policy: &Path,
    url: Option<&Url>,
    stream: Stream,
    version: Option<ReleaseVersion>,
) -> Result<StreamState> {
    let text = std::fs::read_to_string(policy)
        .with_context(|| format!("the policy {}", policy.display()))?;
    let policy =
        Policy::parse(&text).with_context(|| format!("the policy {}", policy.display()))?;
    let log = Log::new(&match url {
        Some(url) => url.clone(),
        None => named(&policy)?,
    })?;
    let state = async {
        let answer = GenesisAnswer::parse(&log.get("v1/genesis").await?)?;
        let (head, genesis) = answer.verify(&policy, now()?, MAX_AGE_S)?;
        let request = StreamRequest {
            stream,
            since: Some(head.tree_head().size),
            version,
            digest: None,
        };
        let body = log.post("v1/stream", request.to_json()).await?;
        let trust = Trust {
            policy: &policy,
            genesis: &genesis,
            remembered: Some(head.tree_head()),
            now: now()?,
            max_age_s: MAX_AGE_S,
        };
        anyhow::Ok(StreamAnswer::parse(&body)?.verify(&trust, &request)?)
    };
    state.await.context(WITHOUT)
}

/// The address of the policy's log.
fn named(policy: &Policy) -> Result<Url> {
    let mut urls = policy.logs().iter().filter_map(|log| log.url.as_deref());
    match (urls.next(), urls.next()) {
        (Some(url), None) => url.parse().context("the log's URL in the policy"),
        _ => bail!("the policy does not have one log with its URL; --url gives it"),
    }
}
