//! The document of the API (`OpenAPI` 3.1), made from the handlers and the types of `schema`.
//!
//! `log-server/openapi.json` is what this makes; a test holds the two together, another that every
//! route is in it.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::{admin, directory, objects, page, problem, publish, schema};

/// The checked-in document.
const DOCUMENT: &str = include_str!("../../openapi.json");

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Plainsight log",
        description = "The HTTP interface of a Plainsight log server. What the members mean and how \
            a reader verifies them is in the chapters of `specs`. Nothing an answer says is to be \
            believed before it is verified."
    ),
    paths(
        page::page,
        objects::checkpoint,
        objects::tile,
        directory::genesis,
        directory::lookup,
        directory::rungs,
        directory::history,
        directory::stream,
        directory::artifact,
        publish::publish,
        document,
        admin::live,
        admin::ready,
    ),
    components(schemas(schema::Problem)),
    tags(
        (name = "objects", description = "C2SP tlog-tiles: what auditors mirror"),
        (name = "look-ups", description = "Answers with every proof in them"),
        (name = "publishing", description = "For publishers with a token"),
        (name = "operations", description = "For people and machines that look after the log"),
    ),
    modifiers(&Token, &Problems),
)]
struct Api;

/// How publishers say who they are.
struct Token;

impl Modify for Token {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token from `plainsight-log token add`"))
            .build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Every route may answer with any of the problems.
struct Problems;

impl Modify for Problems {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let codes: Vec<_> = problem::PROBLEMS
            .iter()
            .map(|problem| format!("{} `{}`", problem.status, problem.code))
            .collect();
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let response = ResponseBuilder::new()
            .description(format!(
                "A problem document: {}. 429 and 503 have Retry-After.",
                codes.join(", ")
            ))
            .content(problem::MEDIA_TYPE, content)
            .build();
        let components = api.components.get_or_insert_default();
        components
            .responses
            .insert("Problem".into(), RefOr::T(response));
        for item in api.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                operation.responses.responses.insert(
                    "default".into(),
                    RefOr::Ref(Ref::from_response_name("Problem")),
                );
            }
        }
    }
}

/// The document as it is checked in.
pub fn openapi() -> String {
    let mut text = Api::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// This document.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")),
)]
pub(super) async fn document() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::{GET, ROUTES};

    #[test]
    fn the_checked_in_document_is_what_the_code_makes() {
        assert!(
            openapi() == DOCUMENT,
            "run: plainsight-log openapi > log-server/openapi.json"
        );
    }

    #[test]
    fn every_route_is_in_the_document_and_nothing_else() {
        let routes: BTreeSet<_> = ROUTES
            .iter()
            .map(|route| {
                let method = if route.method == GET { "get" } else { "post" };
                (method, route.path.replace("{*", "{"))
            })
            .collect();
        let api = Api::openapi();
        let mut documented = BTreeSet::new();
        for (path, item) in &api.paths.paths {
            for (method, operation) in [("get", &item.get), ("post", &item.post)] {
                if operation.is_some() {
                    documented.insert((method, path.clone()));
                }
            }
        }
        assert_eq!(documented, routes);
    }
}
