//! In which content coding an answer is sent: plain, or gzip for who accepts it.
//!
//! In scope: answers to look-ups of every kind, which are made for one reader. Out of scope: tiles,
//! bundles and checkpoints, which are sent as they are stored.
//!
//! An answer holds nothing that the asker chose beside the label it is about, so its compressed
//! length tells nobody a secret by trying. Whoever watches the line sees lengths in either coding.

use std::convert::Infallible;
use std::io::Write as _;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Below this many bytes an answer fits a packet as it is.
const SMALL: usize = 1_024;
/// From this many bytes on, compressing would keep others waiting.
const LARGE: usize = 64 * 1024;
/// Hashes and signatures do not compress beyond the six bits of each digit; more effort finds a
/// hundredth more at several times the time.
const LEVEL: Compression = Compression::fast();

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// None.
    Plain,
    /// RFC 1952.
    Gzip,
}

/// The coding that a request is best answered in.
impl<S: Sync> FromRequestParts<S> for Coding {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(if accepts_gzip(&parts.headers) {
            Self::Gzip
        } else {
            Self::Plain
        })
    }
}

/// RFC 9110, 12.5.3: gzip is acceptable if it is named, or all are, with a weight above zero.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut any) = (None, None);
    for list in headers.get_all(header::ACCEPT_ENCODING) {
        for item in list.to_str().unwrap_or_default().split(',') {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let is_wanted = !parts.any(is_weight_zero);
            if name.eq_ignore_ascii_case("gzip") {
                gzip = Some(is_wanted);
            } else if name == "*" {
                any = Some(is_wanted);
            }
        }
    }
    gzip.or(any).unwrap_or(false)
}

fn is_weight_zero(parameter: &str) -> bool {
    let weight = parameter.split_once('=');
    weight.is_some_and(|(name, weight)| {
        name.eq_ignore_ascii_case("q") && weight.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)
    })
}

/// The body of an answer, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Encoded {
    bytes: Bytes,
    coding: Coding,
}

impl Encoded {
    /// The answer in this coding, or plain where that is no longer.
    pub(crate) async fn new(answer: Vec<u8>, coding: Coding) -> Self {
        if coding == Coding::Plain || answer.len() < SMALL {
            return Self::plain(answer);
        }
        if answer.len() < LARGE {
            return Self::shorter(answer);
        }
        let answer = Bytes::from(answer);
        let kept = answer.clone();
        let compressed = tokio::task::spawn_blocking(move || Self::shorter(answer)).await;
        compressed.unwrap_or_else(|_| Self::plain(kept))
    }

    fn plain(answer: impl Into<Bytes>) -> Self {
        Self {
            bytes: answer.into(),
            coding: Coding::Plain,
        }
    }

    fn shorter(answer: impl Into<Bytes>) -> Self {
        let answer = answer.into();
        match gzip(&answer) {
            Ok(bytes) if bytes.len() < answer.len() => Self {
                bytes: bytes.into(),
                coding: Coding::Gzip,
            },
            _ => Self::plain(answer),
        }
    }

    /// Its length as it is sent, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len()), LEVEL);
    encoder.write_all(plain)?;
    encoder.finish()
}

impl IntoResponse for Encoded {
    /// JSON for one reader, which no cache keeps.
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-store"),
            (header::VARY, "accept-encoding"),
        ];
        let mut response = (headers, self.bytes).into_response();
        if self.coding == Coding::Gzip {
            let gzip = HeaderValue::from_static("gzip");
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, gzip);
        }
        response
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    dead_code,
    reason = "of all it makes, only the answer counts here"
)]
#[path = "../../../specs/tests/million/mod.rs"]
mod million;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::million::million;
    use super::*;

    #[test]
    fn gzip_is_for_who_accepts_it() {
        let accepts = |lists: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(list));
            }
            accepts_gzip(&headers)
        };
        for yes in [
            &["gzip"][..],
            &["GZip"],
            &["deflate, gzip;q=0.001, br"],
            &["br", "gzip"],
            &["*"],
            &["identity;q=0, *;q=0.5"],
            &["*;q=0, gzip"],
        ] {
            assert!(accepts(yes), "{yes:?}");
        }
        for no in [
            &[][..],
            &[""],
            &["identity"],
            &["br, deflate"],
            &["gzip;q=0"],
            &["gzip; Q=0.000"],
            &["*;q=0"],
            &["gzip;q=0, *"],
            &["xgzip"],
        ] {
            assert!(!accepts(no), "{no:?}");
        }
    }

    #[tokio::test]
    async fn what_is_sent_decodes_to_the_answer() {
        for length in [SMALL, 5_000, LARGE, 300_000] {
            let answer = b"half of it ".repeat(length.div_ceil(11));
            let sent = Encoded::new(answer.clone(), Coding::Gzip).await;
            assert_eq!(sent.coding, Coding::Gzip, "{length}");
            assert!(sent.len() < answer.len());
            let mut plain = Vec::new();
            let mut decoder = GzDecoder::new(&*sent.bytes);
            decoder.read_to_end(&mut plain).unwrap();
            assert_eq!(plain, answer);
            let sent = Encoded::new(answer.clone(), Coding::Plain).await;
            assert_eq!((sent.coding, sent.bytes), (Coding::Plain, answer.into()));
        }
    }

    /// What the chapter on look-ups promises, in bytes.
    const WIRE_LIMIT: usize = 3_700;

    #[tokio::test]
    async fn the_answer_at_a_million_labels_is_sent_within_its_bound() {
        let answer = million().answer.to_json();
        let sent = Encoded::new(answer, Coding::Gzip).await;
        assert_eq!(sent.coding, Coding::Gzip);
        assert!(sent.len() <= WIRE_LIMIT, "{}", sent.len());
    }

    #[tokio::test]
    async fn what_would_not_be_shorter_is_sent_plain() {
        let small = Encoded::new(vec![b'a'; SMALL - 1], Coding::Gzip).await;
        assert_eq!(small.coding, Coding::Plain);
        let mut noise = vec![0; 2 * SMALL];
        getrandom::fill(&mut noise).unwrap();
        let sent = Encoded::new(noise.clone(), Coding::Gzip).await;
        assert_eq!(sent, Encoded::plain(noise));
    }
}
