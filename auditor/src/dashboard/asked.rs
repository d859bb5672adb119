//! Which page is asked for, and in which form.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::header::HOST;
use axum::http::request::Parts;

use crate::http::{Problem, Site};

/// HTML for people, JSON for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Html,
    Json,
}

/// What the address of a page's JSON ends in.
const TWIN: &str = ".json";

/// A question for a page.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(super) format: Format,
    /// The page's own path, without the ending of the JSON.
    path: String,
    /// Where in a list one is, if anywhere: part of the address, unlike the rest of the query.
    place: String,
    params: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    /// Where the auditor was reached, as whoever asks says.
    host: Option<String>,
}

impl Asked {
    /// A part of the path.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// A member of the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A number in the query.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.query(name)?.parse().ok()
    }

    /// The address that this page was reached at, for commands that are to be copied from it.
    pub(super) fn base(&self, site: &Site) -> String {
        let reached = || self.host.as_ref().map(|host| format!("http://{host}"));
        let known = site.sender.url.as_deref();
        let known = known.map(|url| url.trim_end_matches('/').to_owned());
        known.or_else(reached).unwrap_or_else(|| "ADDRESS".into())
    }

    /// Makes a member of the query part of the page's own address.
    pub(super) fn keep(&mut self, name: &str, value: &str) {
        let sign = if self.place.is_empty() { '?' } else { '&' };
        self.place.push(sign);
        self.place.push_str(name);
        self.place.push('=');
        self.place.push_str(&encoded(value));
    }

    /// The page with the form that was sent to this address.
    pub(super) fn tried_from(&self) -> Option<String> {
        let page = self.path.strip_suffix("/acknowledge")?;
        page.starts_with("/alerts/").then(|| page.to_owned())
    }

    /// The one address of the page.
    pub(super) fn canonical(&self) -> String {
        format!("{}{}", self.path, self.place)
    }

    /// The address of its JSON.
    pub(super) fn json_path(&self) -> String {
        let path = if self.path == "/" {
            "/index"
        } else {
            &self.path
        };
        format!("{path}{TWIN}{}", self.place)
    }
}

/// The route of a page's JSON; `None` if the page's own takes it, since it ends in a parameter.
pub(crate) fn twin_route(path: &str) -> Option<String> {
    match path {
        "/" => Some(format!("/index{TWIN}")),
        _ if path.ends_with('}') => None,
        _ => Some(format!("{path}{TWIN}")),
    }
}

/// Text within an address.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

/// A name or an address with a port, and nothing that a shell would take for more.
fn host(parts: &Parts) -> Option<String> {
    let text = parts.headers.get(HOST)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    (text.len() <= 253 && text.chars().all(plain)).then(|| text.to_owned())
}

impl FromRequestParts<Site> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Problem> {
        let raw = parts.uri.path();
        let (path, format) = match raw.strip_suffix(TWIN) {
            Some("/index") => ("/", Format::Json),
            Some(path) => (path, Format::Json),
            None => (raw, Format::Html),
        };
        let path = path.to_owned();
        let params = RawPathParams::from_request_parts(parts, site).await;
        let params = params.map_err(|error| Problem::malformed(error.to_string()))?;
        let mut params: BTreeMap<String, String> = params
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if format == Format::Json {
            // Of what an address can name here, nothing else ends like this.
            for value in params.values_mut() {
                value.truncate(value.strip_suffix(TWIN).unwrap_or(value).len());
            }
        }
        let query = Query::<BTreeMap<String, String>>::from_request_parts(parts, site).await;
        let Query(query) = query.unwrap_or_default();
        Ok(Self {
            format,
            path,
            place: String::new(),
            params,
            query,
            host: host(parts),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_one_twin() {
        assert_eq!(twin_route("/").as_deref(), Some("/index.json"));
        assert_eq!(twin_route("/heads").as_deref(), Some("/heads.json"));
        assert_eq!(twin_route("/logs/{hash}"), None);
        let mut asked = Asked {
            format: Format::Html,
            path: "/logs/ab/entries".into(),
            place: String::new(),
            params: BTreeMap::new(),
            query: BTreeMap::new(),
            host: None,
        };
        assert_eq!(asked.json_path(), "/logs/ab/entries.json");
        assert_eq!(asked.tried_from(), None);
        asked.keep("from", "5 6");
        assert_eq!(asked.canonical(), "/logs/ab/entries?from=5%206");
        assert_eq!(asked.json_path(), "/logs/ab/entries.json?from=5%206");
    }
}
