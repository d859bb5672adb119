//! What the operator may do here: acknowledge, and add a log ([`super::adding`]), with a token that is typed into the form and kept
//! nowhere. There is no session and no cookie, so that no other site can act in the operator's name;
//! requests that come from another site are refused all the same.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path as Part, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use plainsight_specs::hash::{Hash, sha256};
use reqwest::Url;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::asked::Asked;
use super::error::{PageError, Refusal};
use super::pages;
use crate::acknowledge::{AcknowledgeError, record_alert, record_break};
use crate::clock;
use crate::config::ConfigError;
use crate::http::Site;

/// The longest form, in bytes.
const MAX_FORM: usize = 16 * 1024;
/// The shortest token.
const MIN_TOKEN: usize = 16;
/// Wrong tokens of one address within [`WINDOW_S`].
const MAX_WRONG: u32 = 5;
/// Addresses whose wrong tokens are counted.
const MAX_ADDRESSES: usize = 1024;
/// In seconds.
const WINDOW_S: u64 = 600;

/// Whether a form is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    offered: bool,
}

impl Form {
    /// Where there is something to do and a token is configured.
    pub(super) fn of(site: &Site, is_needed: bool) -> Self {
        Self {
            offered: is_needed && site.dashboard.desk.is_some(),
        }
    }

    /// Whether it is shown.
    pub(super) fn is_offered(self) -> bool {
        self.offered
    }
}

/// Knows the operator by the token.
pub(super) struct FrontDesk {
    /// Of the token only the hash is kept, which is compared in a time that tells nothing.
    token: Hash,
    wrong: Mutex<Wrong>,
}

impl std::fmt::Debug for FrontDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FrontDesk")
    }
}

#[derive(Debug, Default)]
struct Wrong {
    since: u64,
    of: HashMap<Option<IpAddr>, u32>,
}

impl FrontDesk {
    /// With the token in a file that only its owner can read.
    pub(super) fn open(path: &Path) -> Result<Self, ConfigError> {
        let file = |source| ConfigError::File {
            path: path.into(),
            source,
        };
        let refused = |reason: &str| ConfigError::Member {
            member: "dashboard.token_file".into(),
            reason: format!("{}: {reason}", path.display()),
        };
        let meta = std::fs::metadata(path).map_err(file)?;
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&meta.permissions());
            if mode & 0o077 != 0 {
                return Err(refused("others can read it; chmod 600"));
            }
        }
        if meta.len() > MAX_FORM as u64 {
            return Err(refused("it is too long for a token"));
        }
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(file)?;
        let token = text.trim();
        if token.len() < MIN_TOKEN {
            return Err(refused("a token has at least 16 characters"));
        }
        Ok(Self {
            token: sha256(token.as_bytes()),
            wrong: Mutex::default(),
        })
    }

    /// Lets the operator pass, and nobody who guesses for long.
    pub(super) fn admit(
        &self,
        token: &str,
        address: Option<IpAddr>,
        now: u64,
    ) -> Result<(), Refusal> {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(wrong.since) > WINDOW_S {
            *wrong = Wrong {
                since: now,
                of: HashMap::new(),
            };
        }
        let is_full = wrong.of.len() >= MAX_ADDRESSES && !wrong.of.contains_key(&address);
        if is_full || wrong.of.get(&address).is_some_and(|of| *of >= MAX_WRONG) {
            return Err(Refusal::Guesses);
        }
        let given = sha256(token.trim().as_bytes());
        if bool::from(given.as_bytes().ct_eq(self.token.as_bytes())) {
            return Ok(());
        }
        let of = wrong.of.entry(address).or_default();
        *of = of.saturating_add(1);
        Err(Refusal::Token)
    }
}

/// Whether a browser says that this very site sent the form. Programs use the command line.
pub(super) fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => site == "same-origin",
        (None, Some(origin), Some(host)) => Url::parse(origin).is_ok_and(|origin| {
            let port = origin
                .port()
                .map_or_else(String::new, |port| format!(":{port}"));
            origin
                .host_str()
                .is_some_and(|name| format!("{name}{port}") == host)
        }),
        _ => false,
    }
}

/// What a form holds.
pub(super) struct Fields {
    url: Url,
}

impl Fields {
    /// Of the body of a request.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(body)
            .ok()
            .filter(|text| text.len() <= MAX_FORM)
            .ok_or(Refusal::Form)?;
        // The parser of addresses is the parser of forms.
        let url = Url::parse(&format!("http://form/?{text}")).map_err(|_| Refusal::Form)?;
        Ok(Self { url })
    }

    /// The field of this name.
    pub(super) fn text(&self, name: &str) -> Result<String, Refusal> {
        let mut pairs = self.url.query_pairs();
        let found = pairs.find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.into_owned())
            .ok_or(Refusal::Form)
    }

    /// The token, which is wiped when it was compared.
    pub(super) fn token(&self) -> Result<Zeroizing<String>, Refusal> {
        self.text("token").map(Zeroizing::new)
    }
}

/// `POST /alerts/<id>/acknowledge`.
pub(super) async fn acknowledge(
    State(site): State<Site>,
    Part(id): Part<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    asked: Asked,
    body: Bytes,
) -> Response {
    let address = site.limits.client(Some(peer), &headers);
    match acknowledged(&site, &id, address, &headers, &body).await {
        Ok(()) => {
            let location = [(header::LOCATION, pages::alert_path(&id))];
            (StatusCode::SEE_OTHER, location).into_response()
        }
        Err(error) => super::refuse(&site, &asked, &error).await,
    }
}

async fn acknowledged(
    site: &Site,
    id: &str,
    address: Option<IpAddr>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), PageError> {
    let desk = site.dashboard.desk.as_ref().ok_or(Refusal::Off)?;
    if !is_own(headers) {
        return Err(Refusal::OtherSite.into());
    }
    let fields = Fields::read(body)?;
    let (token, reason) = (fields.token()?, fields.text("reason")?);
    desk.admit(&token, address, clock::now_s())?;
    let alert = site.store.alert(id).await?;
    let alert =
        alert.ok_or_else(|| PageError::not_found("This auditor knows of no such alert."))?;
    let done = match (pages::found_break(&alert), &alert.origin) {
        (Some(found), Some(origin)) => record_break(&site.store, origin, found, &reason).await,
        _ => record_alert(&site.store, id, &reason).await,
    };
    match done {
        Ok(()) => {
            tracing::warn!(%id, "acknowledged by the operator in the dashboard");
            Ok(())
        }
        Err(AcknowledgeError::Store(error)) => Err(error.into()),
        Err(error) => Err(Refusal::Acknowledge(error.to_string()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> FrontDesk {
        FrontDesk {
            token: sha256(b"0123456789abcdef"),
            wrong: Mutex::default(),
        }
    }

    #[test]
    fn guessing_ends_soon_and_begins_again_later() {
        let desk = desk();
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        for _ in 0..MAX_WRONG {
            assert_eq!(desk.admit("guess", address, 5000), Err(Refusal::Token));
        }
        let right = |address, now| desk.admit("0123456789abcdef", address, now);
        assert_eq!(right(address, 5000), Err(Refusal::Guesses));
        assert_eq!(right(None, 5000), Ok(()));
        assert_eq!(right(address, 5000 + WINDOW_S + 1), Ok(()));
    }

    #[test]
    fn only_the_own_pages_send_forms() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, axum::http::HeaderValue::from_static(value));
            }
            is_own(&headers)
        };
        assert!(with(&[("sec-fetch-site", "same-origin")]));
        assert!(with(&[
            ("origin", "http://a.example:81"),
            ("host", "a.example:81")
        ]));
        assert!(!with(&[
            ("sec-fetch-site", "cross-site"),
            ("host", "a.example")
        ]));
        assert!(!with(&[("sec-fetch-site", "same-site")]));
        assert!(!with(&[("sec-fetch-site", "none")]));
        assert!(!with(&[
            ("origin", "http://b.example"),
            ("host", "a.example")
        ]));
        assert!(!with(&[("origin", "null"), ("host", "a.example")]));
        assert!(!with(&[("host", "a.example")]));
    }

    #[cfg(unix)]
    #[test]
    fn a_token_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let open = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            FrontDesk::open(&path)
        };
        assert!(open("0123456789abcdef\n", 0o600).is_ok());
        assert!(open("0123456789abcdef\n", 0o640).is_err());
        assert!(open("short\n", 0o600).is_err());
    }
}
