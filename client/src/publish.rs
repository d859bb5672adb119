//! Publishing a key set of one's own. That the log then shows it is for [`crate::monitor`] to see.

use plainsight_specs::commitment::Opening;
use plainsight_specs::json::JsonError;
use plainsight_specs::merkle::LeafIndex;
use plainsight_specs::publish::{PublishAnswer, PublishItem, PublishRequest, Wait};

use crate::failure::Failure;
use crate::http::{self, HttpError};
use crate::own::{OwnError, OwnKeys};
use crate::source::Source;

/// Bound of the answer: one result.
const MAX_PUBLISHED: usize = 16 * 1024;

/// Sends the pending version and waits until a published checkpoint covers it. The caller has it
/// on disk before; sending it again after a crash gets the same position.
pub async fn publish(
    log: &Source,
    own: &mut OwnKeys,
    token: Option<&str>,
) -> Result<LeafIndex, Failure> {
    let question = |error: OwnError| Failure::Question(error.to_string());
    let pending = own
        .pending()
        .ok_or_else(|| question(OwnError::NothingPending))?;
    let item = PublishItem::KeySet {
        key_set: pending.key_set.bytes().to_vec(),
        opening: Opening::from_bytes(*pending.opening.as_bytes()),
    };
    let request = PublishRequest {
        items: vec![item],
        wait: Wait::Published,
    };
    let path = "v1/publish";
    let answer = log
        .send(path, &request.to_json(), token, MAX_PUBLISHED)
        .await?;
    let body = http::success(&log.base().join(path), answer).map_err(not_allowed)?;
    let answer = PublishAnswer::parse(&body).map_err(Failure::refused)?;
    let Ok([result]) = <[_; 1]>::try_from(answer.results) else {
        return Err(Failure::refused(JsonError::Wrong {
            member: "results".into(),
            expected: "one result for one item",
        }));
    };
    let position = result?.position;
    own.published(Some(position)).map_err(question)?;
    Ok(position)
}

/// A token that does not do is the publisher's own matter, and no outage.
fn not_allowed(error: HttpError) -> Failure {
    match error {
        HttpError::Status {
            status: 401 | 403,
            detail,
            ..
        } => Failure::Token { detail },
        error => error.into(),
    }
}
