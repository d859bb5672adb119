//! The document of the interface (`OpenAPI` 3.1).
//!
//! It is made from the table in `table`; `auditor/openapi.json` is what is made. Tests hold the two
//! together, and the table against the routers. What the members of each answer mean is in the handbook
//! and in the chapters of `specs`.

mod table;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use table::{ANY, Answer, FORMS, NUMBER, PAGES, PLACE, Parameter, ROUTES, Route, Shape};

/// The checked-in document.
const DOCUMENT: &str = include_str!("../../openapi.json");

/// Statuses and codes of the problem documents, for people.
const PROBLEMS: &str = "A problem document (RFC 9457). Any route: 400 malformed, 404 not-found, 405 \
                        method-not-allowed, 408 too-slow, 413 too-large, 429 too-many, 500 unavailable, 503 busy. \
                        429 and 503 have Retry-After.";

/// The document as it is checked in.
pub fn openapi() -> String {
    // A value made here can be written.
    let mut text = serde_json::to_string_pretty(&made()).unwrap_or_default();
    text.push('\n');
    text
}

/// `GET /v1/openapi.json`.
pub(super) async fn document() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, DOCUMENT).into_response()
}

fn made() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(route.method.into(), operation(route));
        }
    }
    for (path, summary, parameters) in PAGES {
        paths.insert(
            (*path).into(),
            json!({ "get": page(path, summary, parameters) }),
        );
        if let Some(twin) = crate::dashboard::twin_route(path) {
            let twin_page = page(&twin, summary, parameters);
            paths.insert(twin, json!({ "get": twin_page }));
        }
    }
    for (path, summary, parameters) in FORMS {
        let item = paths.entry(*path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert("post".into(), form(path, summary, parameters));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plainsight auditor",
            "description": "The HTTP interface of a Plainsight auditor. What the members of its answers mean \
                is in its handbook and in the chapters of `specs`; nothing that it says is to be believed \
                before its signatures are verified. Pages for people are here too where the operator shows \
                them in public.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "version": env!("CARGO_PKG_VERSION"),
        },
        "paths": paths,
        "components": {
            "schemas": { "Problem": problem_schema() },
            "responses": { "Problem": {
                "description": PROBLEMS,
                "content": { "application/problem+json": problem() },
            } },
        },
        "tags": [
            { "name": "witness", "description": "C2SP tlog-witness and tlog-tiles: for logs and mirrors" },
            { "name": "readers", "description": "What is known of each log, and proofs of it" },
            { "name": "watches", "description": "For owners who watch indexes" },
            { "name": "rebuilds", "description": "What rebuilders found" },
            { "name": "operations", "description": "For those who look after the auditor" },
            { "name": "pages", "description": "For people; the same as JSON" },
        ],
    })
}

fn operation(route: &Route) -> Value {
    let mut responses = Map::new();
    for answer in route.answers {
        let response = responses
            .entry(answer.status.to_string())
            .or_insert_with(|| json!({ "description": answer.what, "content": {} }));
        let content = response.get_mut("content").and_then(Value::as_object_mut);
        if let Some(content) = content {
            content.insert(answer.media.into(), schema(answer));
        }
    }
    responses.insert(
        "default".into(),
        json!({ "$ref": "#/components/responses/Problem" }),
    );
    let mut operation = json!({
        "tags": [route.tag],
        "summary": route.summary,
        "operationId": name(route.method, route.path),
        "parameters": parameters(route.parameters),
        "responses": responses,
    });
    if let (Some(members), Some(body)) = (operation.as_object_mut(), &route.body) {
        members.insert(
            "requestBody".into(),
            json!({
                "description": body.what,
                "required": true,
                "content": { body.media: { "schema": shape(body.shape) } },
            }),
        );
    }
    operation
}

fn page(path: &str, summary: &str, of: &[Parameter]) -> Value {
    let both = json!({
        "text/html": { "schema": { "type": "string" } },
        "application/json": { "schema": { "type": "object" } },
    });
    json!({
        "tags": ["pages"],
        "summary": summary,
        "operationId": name("get", path),
        "parameters": parameters(of),
        "responses": {
            "200": { "description": "The page, or its JSON at the address with .json", "content": both },
            "default": refused(),
        },
    })
}

/// How pages and forms say that there is nothing to show: as they would show it.
fn refused() -> Value {
    json!({
        "description": "Why there is none",
        "content": {
            "text/html": { "schema": { "type": "string" } },
            "application/json": { "schema": { "type": "object" } },
            "application/problem+json": problem(),
        },
    })
}

/// A form of the operator's, sent from a page of this auditor's own.
fn form(path: &str, summary: &str, of: &[Parameter]) -> Value {
    json!({
        "tags": ["pages"],
        "summary": summary,
        "operationId": name("post", path),
        "parameters": parameters(of),
        "requestBody": {
            "required": true,
            "content": { "application/x-www-form-urlencoded": { "schema": { "type": "object" } } },
        },
        "responses": {
            "303": { "description": "It is done: see the page" },
            "default": refused(),
        },
    })
}

fn parameters(of: &[Parameter]) -> Value {
    let described = of.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "in": parameter.place,
            "required": parameter.pattern != ANY,
            "description": parameter.what,
            "schema": parameter_schema(parameter),
        })
    });
    Value::Array(described.collect())
}

fn parameter_schema(parameter: &Parameter) -> Value {
    match parameter.pattern {
        NUMBER => json!({ "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64 }),
        PLACE => json!({ "type": "integer", "minimum": 0 }),
        pattern => json!({ "type": "string", "pattern": pattern }),
    }
}

fn schema(answer: &Answer) -> Value {
    if answer.media == "application/problem+json" {
        return problem();
    }
    json!({ "schema": shape(answer.shape) })
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Object => json!({ "type": "object" }),
        Shape::List => json!({ "type": "array", "items": { "type": "object" } }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Bytes => json!({ "type": "string", "format": "binary" }),
    }
}

fn problem() -> Value {
    json!({ "schema": { "$ref": "#/components/schemas/Problem" } })
}

fn problem_schema() -> Value {
    json!({
        "type": "object",
        "description": "Why a request failed (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": false,
        "properties": {
            "type": {
                "type": "string",
                "pattern": "^urn:plainsight:error:[a-z-]+$",
                "description": "`urn:plainsight:error:` and a stable code",
            },
            "title": { "type": "string", "description": "What the code means" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "For people" },
        },
    })
}

/// A name that programs give to the operation.
fn name(method: &str, path: &str) -> String {
    let words: String = path
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    format!("{method}{words}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_checked_in_document_is_what_the_code_makes() {
        assert!(
            openapi() == DOCUMENT,
            "run: plainsight-auditor openapi > auditor/openapi.json"
        );
    }

    /// The paths in calls of `.route(` and `page(router, ` in a source file.
    fn paths_in(source: &str) -> BTreeSet<String> {
        let calls = source
            .split(".route(")
            .skip(1)
            .chain(source.split("page(router, ").skip(1));
        calls
            .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
            .map(|path| path.replace("{*", "{"))
            .collect()
    }

    #[test]
    fn every_route_is_in_the_document_and_nothing_else() {
        // What pages refer to, by names of their own.
        let assets = ["/assets/{digest}/{name}", "/favicon.ico"];
        let mut routes = paths_in(include_str!("mod.rs"));
        routes.extend(paths_in(include_str!("../dashboard/mod.rs")));
        routes.extend(paths_in(include_str!("../dashboard/pages/mod.rs")));
        let twins = PAGES
            .iter()
            .filter_map(|(path, ..)| crate::dashboard::twin_route(path));
        routes.extend(twins);
        routes.retain(|path| !assets.contains(&path.as_str()));
        assert!(routes.len() > 40, "{routes:?}");
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let documented = document["paths"].as_object().unwrap().keys().cloned();
        assert_eq!(documented.collect::<BTreeSet<_>>(), routes);
    }
}
