//! The files that the pages load: in the program, below an address that changes whenever one of them
//! does, so that caches may keep them for ever and none is ever mixed with another build's.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::hash::sha256_parts;

use crate::http::Problem;

/// Name, as in the folder `assets`, and bytes.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard_assets.rs"));

/// Over the names and bytes of all files.
static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for (name, bytes) in FILES {
        for part in [name.as_bytes(), bytes] {
            parts.push((part.len() as u64).to_be_bytes().to_vec());
            parts.push(part.to_vec());
        }
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    sha256_parts(&parts).to_hex().chars().take(16).collect()
});

/// The address of a file, such as `style.css`, of this build.
pub(crate) fn address(name: &str) -> String {
    format!("/assets/{}/{name}", *DIGEST)
}

/// Whether there is such a file.
pub(crate) fn has(name: &str) -> bool {
    find(name).is_some()
}

fn find(name: &str) -> Option<&'static [u8]> {
    let mut files = FILES.iter();
    files
        .find(|(known, _)| *known == name)
        .map(|(_, bytes)| *bytes)
}

/// `GET /assets/<digest>/<name>`.
pub(super) async fn asset(Path((digest, name)): Path<(String, String)>) -> Response {
    let found = find(&name).filter(|_| digest == *DIGEST);
    let (Some(bytes), Some(media)) = (found, media_type(&name)) else {
        return Problem::not_found("no such file is in this build").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, media),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    (StatusCode::OK, headers, bytes).into_response()
}

/// `GET /favicon.ico`, which browsers ask for where no page has told them another address.
pub(super) async fn favicon() -> Response {
    let Some(bytes) = find("icon.svg") else {
        return Problem::not_found("no such file is in this build").into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    (StatusCode::OK, headers, bytes).into_response()
}

fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "wasm" => "application/wasm",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served_as_what_it_is() {
        assert!(has("style.css"));
        for (name, bytes) in FILES {
            assert!(!bytes.is_empty(), "{name}");
            assert!(media_type(name).is_some(), "{name}");
        }
    }
}
