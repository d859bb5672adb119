//! The publishers' door: who publishes is known before a byte of what is published is read.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::publish::{PublishRequest, Wait};

use super::body::Items;
use super::{ApiError, schema};
use crate::keep::RequestKey;
use crate::limit::Rate;
use crate::shared::{Shared, Status};
use crate::token::Holder;

/// The holder of a token that counts and has not used up its rate.
pub(super) struct Publisher(Holder);

impl FromRequestParts<Arc<Shared>> for Publisher {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or(ApiError::Unauthorized)?;
        let holder = shared.tokens.holder(&shared.source.store, token).await?;
        let publisher = Self(holder.ok_or(ApiError::Unauthorized)?);
        publisher.spend(shared, 0)?;
        Ok(publisher)
    }
}

impl Publisher {
    /// Counts items against the token's rate.
    fn spend(&self, shared: &Shared, items: u32) -> Result<(), ApiError> {
        let limits = shared.limits();
        let per_s = self.0.items_per_s.unwrap_or(limits.token_items_per_s);
        let Some(rate) = Rate::new(per_s, limits.token_burst) else {
            return Ok(());
        };
        let spent = shared
            .publishers
            .spend(self.0.hash, items, rate, Instant::now());
        spent.map_err(|retry| ApiError::Limited {
            whose: "token",
            retry,
        })
    }
}

/// Logs key sets and statements.
#[utoipa::path(
    post, path = "/v1/publish", tag = "publishing",
    security(("token" = [])),
    params(("Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 visible characters: the first answer to this key is given again")),
    request_body = schema::PublishRequest,
    responses(
        (status = 200, description = "What became of each item, in order", body = schema::PublishAnswer),
        (status = 401, description = "No token that counts",
            content_type = "application/problem+json", body = schema::Problem),
        (status = 422, description = "The idempotency key came with another body",
            content_type = "application/problem+json", body = schema::Problem),
        (status = 403, description = "The token does not cover every item",
            content_type = "application/problem+json", body = schema::Problem),
    ),
)]
pub(super) async fn publish(
    State(shared): State<Arc<Shared>>,
    publisher: Publisher,
    headers: HeaderMap,
    Items(body): Items,
) -> Result<Response, ApiError> {
    let start = Instant::now();
    let following = match &*shared.status.borrow() {
        Status::Following(holder) => Some(holder.clone()),
        _ => None,
    };
    if let Some(holder) = following {
        return shared.forwarder.publish(&holder, &headers, body).await;
    }
    let request =
        PublishRequest::parse(&body).map_err(|error| ApiError::Malformed(error.to_string()))?;
    publisher.spend(
        &shared,
        u32::try_from(request.items.len()).unwrap_or(u32::MAX),
    )?;
    let wait = match request.wait {
        Wait::Sequenced => "sequenced",
        Wait::Published => "published",
    };
    let key = RequestKey::of(&headers, publisher.0.hash, &body)?;
    let answer = crate::publish::publish(&shared, publisher.0.role, request, key).await?;
    shared.metrics.publish(wait, start.elapsed());
    for result in &answer.results {
        let result = result.as_ref();
        shared
            .metrics
            .item(result.map(|_| ()).map_err(|error| error.code.as_str()));
    }
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, answer.to_json()).into_response())
}
