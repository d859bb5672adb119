//! What a browser may do with a page: load what this program holds, and ask the logs.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::Url;

/// The headers of every page.
#[derive(Debug)]
pub(super) struct Policy {
    content: HeaderValue,
}

impl Policy {
    /// A page may ask the logs at these addresses, so that a look-up need not pass through here.
    pub(super) fn new<'u>(logs: impl IntoIterator<Item = &'u str>) -> Self {
        let origins: BTreeSet<String> = logs
            .into_iter()
            .filter_map(|url| Url::parse(url).ok())
            .map(|url| url.origin().ascii_serialization())
            // An opaque origin, which no http address has, prints like this.
            .filter(|origin| origin != "null")
            .collect();
        let mut connect = String::from("'self'");
        for origin in origins {
            connect.push(' ');
            connect.push_str(&origin);
        }
        let content = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
             connect-src {connect}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        let strict = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        Self {
            content: HeaderValue::from_str(&content).unwrap_or(strict),
        }
    }

    /// Puts them on an answer.
    pub(super) fn put_on(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_SECURITY_POLICY, self.content.clone());
        for (name, value) in [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            ),
            (
                HeaderName::from_static("permissions-policy"),
                "camera=(), geolocation=(), microphone=()",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origins_of_the_logs_can_be_asked() {
        let policy = Policy::new([
            "https://log.example/a/",
            "https://log.example/b",
            "http://127.0.0.1:7410",
            "not an address",
        ]);
        let text = policy.content.to_str().unwrap();
        assert!(
            text.contains("connect-src 'self' http://127.0.0.1:7410 https://log.example; base-uri"),
            "{text}"
        );
        assert!(!text.contains("unsafe"), "{text}");
    }
}
