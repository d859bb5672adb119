//! The publishers' door.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::publish::PublishRequest;

use super::ApiError;
use super::directory::body;
use crate::shared::{Shared, Status};

pub(super) async fn publish(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    request: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or(ApiError::Unauthorized)?;
    let role = shared.tokens.role(&shared.source.store, token).await?;
    let role = role.ok_or(ApiError::Unauthorized)?;
    let request = body(request)?;
    let following = match &*shared.status.borrow() {
        Status::Following(holder) => Some(holder.clone()),
        _ => None,
    };
    if let Some(holder) = following {
        return shared.forwarder.publish(&holder, &headers, request).await;
    }
    let request =
        PublishRequest::parse(&request).map_err(|error| ApiError::Malformed(error.to_string()))?;
    let answer = crate::publish::publish(&shared, role, request).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, answer.to_json()).into_response())
}
