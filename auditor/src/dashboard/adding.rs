//! The operator adds a log: its key and its address are tried before they are written down.
//!
//! The address may be an internal one. Whoever has the token may make this auditor follow a log on a
//! private network, as whoever edits its configuration may; of what answers there nothing is shown but
//! in which of four ways it is no log of this key. Out of scope: what the configuration file looks
//! like, which is [`crate::config`]'s, and starting again, which is the program's.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use plainsight_client::http::{Http, HttpError, Patience};
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::UnverifiedCheckpoint;

use super::admin::{Fields, is_own};
use super::asked::{Asked, Format};
use super::error::{PageError, Refusal};
use super::pages::{self, Added, Field, LogForm, Wrong};
use crate::clock;
use crate::config::{self, ConfigError, FollowedLog, LogConfig};
use crate::http::Site;

/// How long the log is waited for.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(3),
    answer: Duration::from_secs(8),
    attempts: 1,
    pause: Duration::ZERO,
};
/// Of a name that the log gives itself, characters that are repeated.
const MAX_NAME: usize = 128;

/// `POST /logs`.
pub(super) async fn add_log(
    State(site): State<Site>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    asked: Asked,
    body: Bytes,
) -> Response {
    let address = site.limits.client(Some(peer), &headers);
    let drawn = match tried(&site, address, &headers, &body).await {
        Ok((status, form)) => {
            let is_added = form.is_added();
            let page = pages::logs_with(site.clone(), asked.clone(), form).await;
            page.map(|page| (status, is_added, page))
        }
        Err(error) => Err(error),
    };
    match drawn {
        Ok((status, is_added, page)) => {
            let response = super::answer(&site, Format::Html, status, &page);
            if is_added {
                // Last, since this may be the end of this very site.
                site.dashboard.again.send_modify(|times| *times += 1);
            }
            response
        }
        Err(error) => super::refuse(&site, &asked, &error).await,
    }
}

/// Adds it, or says what is wrong with it.
async fn tried(
    site: &Site,
    address: Option<IpAddr>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(StatusCode, LogForm), PageError> {
    let desk = site.dashboard.desk.as_ref().ok_or(Refusal::Off)?;
    if !is_own(headers) {
        return Err(Refusal::OtherSite.into());
    }
    let fields = Fields::read(body)?;
    let given = |name| Ok::<_, Refusal>(fields.text(name)?.trim().to_owned());
    let log = LogConfig::new(given("vkey")?, given("url")?);
    if let Err(refusal) = desk.admit(&fields.token()?, address, clock::now_s()) {
        let status = refusal.status();
        let wrong = Wrong::new(Field::Token, refusal.to_string());
        return Ok((status, LogForm::wrong(site, log, wrong)));
    }
    match added(site, &log).await {
        Ok(added) => Ok((StatusCode::OK, LogForm::added(site, added))),
        Err(wrong) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok((status, LogForm::wrong(site, log, wrong)))
        }
    }
}

async fn added(site: &Site, log: &LogConfig) -> Result<Added, Wrong> {
    let followed = FollowedLog::new(log).map_err(|error| of_config(&error))?;
    if site.desk(followed.origin.as_str()).is_some() {
        return Err(Wrong::new(Field::Key, "This log is followed already."));
    }
    let entries = reached(&followed).await?;
    let _alone = site.dashboard.writing.lock().await;
    let (dir, log) = (site.dashboard.dir.clone(), log.clone());
    let written = tokio::task::spawn_blocking(move || config::add_log(&dir, &log)).await;
    match written {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(of_config(&error)),
        Err(error) => {
            tracing::error!(%error, "a log could not be added");
            return Err(Wrong::new(
                Field::None,
                "This auditor has a problem; nothing was changed.",
            ));
        }
    }
    tracing::warn!(log = %followed.origin, url = %followed.url, "added by the operator in the dashboard");
    Ok(Added {
        origin: followed.origin.to_string(),
        entries,
        begins_now: site.dashboard.again.receiver_count() > 0,
    })
}

/// How many entries the checkpoint covers that is shown there, signed with the log's key.
async fn reached(log: &FollowedLog) -> Result<u64, Wrong> {
    let at = |text: String| Wrong::new(Field::Address, text);
    let http = Http::new(PATIENCE).map_err(|error| Wrong::new(Field::None, error.to_string()))?;
    let shown = Source::new(http, log.url.clone()).checkpoint().await;
    let bytes = shown.map_err(|error| {
        at(match error {
            HttpError::Unreachable { .. } => {
                "Nothing answers there. Is the address right, and can this auditor reach it?".into()
            }
            HttpError::Status { status, .. } => {
                format!("Something answers there, but has no checkpoint to show (HTTP {status}).")
            }
            _ => "What answers there is no log.".into(),
        })
    })?;
    let Ok(checkpoint) = UnverifiedCheckpoint::parse(&bytes) else {
        return Err(at("What answers there is no log.".into()));
    };
    if *checkpoint.origin() != log.origin {
        let name: String = checkpoint
            .origin()
            .as_str()
            .chars()
            .take(MAX_NAME)
            .collect();
        return Err(at(format!(
            "The log there is called {name}; this key is that of {}.",
            log.origin
        )));
    }
    let signed = checkpoint.verify_log(&log.keys).map_err(|_| {
        Wrong::new(
            Field::Key,
            "What the log there shows is not signed with this key. Compare the key with what you have \
             from somewhere else than the log itself.",
        )
    })?;
    Ok(signed.head().size.get())
}

/// What is wrong, beside the field that it is about.
fn of_config(error: &ConfigError) -> Wrong {
    match error {
        ConfigError::Address(_) => Wrong::new(
            Field::Address,
            "This is no address of a server: it begins with https:// or http://, and has no user name, \
             no ? and no #.",
        ),
        ConfigError::Key { .. } => Wrong::new(
            Field::Key,
            "This is no verifier key: it has the form name+8 hex digits+base64, in one line, as the \
             log's own page shows it.",
        ),
        ConfigError::Log { reason, .. } => {
            Wrong::new(Field::Key, format!("This key cannot be used: {reason}."))
        }
        error => {
            tracing::error!(%error, "a log could not be added");
            Wrong::new(
                Field::None,
                "The configuration could not be written; this auditor's log says why. Nothing was \
                 changed.",
            )
        }
    }
}
