//! What a person sees: pages that the server draws whole, each with the same content as JSON, and a
//! stream of what happens.
//!
//! A page is a struct of small views, which a template draws and `serde` prints, so that neither says
//! what the other does not. Nothing is asked of any other server, no page needs a script, and the
//! answers carry a policy that lets a browser load nothing but what this program holds. Out of
//! scope: what a browser checks for itself, which is in `assets/js`.

mod adding;
mod admin;
mod asked;
mod assets;
mod config;
mod error;
mod events;
mod headers;
mod pages;
mod view;

use std::path::PathBuf;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use plainsight_client::trust::TrustPolicy;
use serde::Serialize;
use tokio::sync::watch;

use crate::clock;
use crate::config::{Config, ConfigError};
use crate::http::{Problem, Site};

use asked::{Asked, Format};
use error::PageError;
use view::{Frame, Nav, When};

pub(crate) use asked::twin_route;
pub use config::{DashboardConfig, Serve};
pub(crate) use events::{Herald, Hub};

/// What the pages need beside the rest of the site.
#[derive(Debug)]
pub(crate) struct Dashboard {
    /// What browsers may load.
    policy: headers::Policy,
    /// What happens.
    pub(crate) events: Hub,
    /// The policy whose quorum is shown, if one is configured.
    pub(crate) trust: Option<TrustPolicy>,
    /// Knows the operator, if there is a token to know by.
    desk: Option<admin::FrontDesk>,
    /// What the evidence files turned out to be.
    findings: pages::Findings,
    /// The auditor's folder, whose configuration a log is added to.
    dir: PathBuf,
    /// Held while the configuration is written.
    writing: tokio::sync::Mutex<()>,
    /// Counts up when the configuration was changed here.
    again: watch::Sender<u64>,
}

impl Dashboard {
    /// As configured; browsers may ask the logs that are followed.
    pub(crate) fn new(config: &Config, events: Hub) -> Result<Arc<Self>, ConfigError> {
        Ok(Arc::new(Self {
            policy: headers::Policy::new(config.logs.iter().map(|log| log.url.as_str())),
            events,
            trust: config.dashboard.trust(&config.dir)?,
            desk: match &config.dashboard.token_file {
                Some(file) => Some(admin::FrontDesk::open(&config.dir.join(file))?),
                None => None,
            },
            findings: pages::Findings::default(),
            dir: config.dir.clone(),
            writing: tokio::sync::Mutex::default(),
            again: watch::Sender::new(0),
        }))
    }

    /// Counts up when the configuration was changed here, for whoever can start the node again.
    pub(crate) fn again(&self) -> watch::Receiver<u64> {
        self.again.subscribe()
    }
}

/// Whether the pages could be served as configured, and whether an operator could acknowledge
/// there.
pub fn check(config: &Config) -> Result<bool, ConfigError> {
    config.dashboard.trust(&config.dir)?;
    match &config.dashboard.token_file {
        Some(file) => admin::FrontDesk::open(&config.dir.join(file)).map(|_| true),
        None => Ok(false),
    }
}

/// The routes of the pages.
pub(crate) fn routes() -> Router<Site> {
    let router = Router::new()
        .route("/assets/{digest}/{*name}", get(assets::asset))
        .route("/favicon.ico", get(assets::favicon))
        .route("/v1/events", get(events::stream))
        .route("/alerts/{id}/acknowledge", post(admin::acknowledge))
        .route("/logs", post(adding::add_log));
    pages::add(router)
}

/// A page: its HTML at `path`, its JSON beside it.
fn page<V, P, F>(router: Router<Site>, path: &'static str, draw: P) -> Router<Site>
where
    V: Template + Serialize + Send + 'static,
    P: Fn(Site, Asked) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<V, PageError>> + Send,
{
    let handler = move |State(site): State<Site>, asked: Asked| {
        let draw = draw.clone();
        async move {
            let format = asked.format;
            let again = asked.clone();
            match draw(site.clone(), asked).await {
                Ok(view) => answer(&site, format, StatusCode::OK, &view),
                Err(error) => refuse(&site, &again, &error).await,
            }
        }
    };
    let router = router.route(path, get(handler.clone()));
    match asked::twin_route(path) {
        Some(twin) => router.route(&twin, get(handler)),
        None => router,
    }
}

/// What is not there: a page for people, a problem document for programs.
pub(crate) async fn nowhere(
    State(site): State<Site>,
    headers: HeaderMap,
    asked: Asked,
) -> Response {
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("text/html")) {
        let error = PageError::not_found("There is no page at this address.");
        return refuse(&site, &asked, &error).await;
    }
    Problem::not_found("there is nothing here").into_response()
}

/// A page for what cannot be shown.
async fn refuse(site: &Site, asked: &Asked, error: &PageError) -> Response {
    let shown = pages::error::of(site, asked, error).await;
    answer(site, asked.format, error.status(), &shown)
}

fn answer<V: Template + Serialize>(
    site: &Site,
    format: Format,
    status: StatusCode,
    view: &V,
) -> Response {
    let (media, body) = match format {
        Format::Html => match view.render() {
            Ok(body) => ("text/html; charset=utf-8", body),
            Err(error) => return broken(&error),
        },
        Format::Json => match serde_json::to_string(view) {
            Ok(body) => ("application/json", body),
            Err(error) => return broken(&error),
        },
    };
    let headers = [
        (header::CONTENT_TYPE, media),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut response = (status, headers, body).into_response();
    site.dashboard.policy.put_on(response.headers_mut());
    response
}

/// Nothing that a page holds can fail to be printed; were it to, the operator's log says so.
fn broken(error: &dyn std::error::Error) -> Response {
    Problem::internal(error).into_response()
}

/// The frame of a page that was asked for.
async fn frame(
    site: &Site,
    asked: &Asked,
    title: impl Into<String>,
    here: impl Into<Option<Nav>>,
) -> Result<Frame, PageError> {
    // Before anything else is read, so that what happens meanwhile is not missed by a listener.
    let after = site.dashboard.events.newest();
    let open = site.store.open_alerts().await?;
    let now = clock::now_s();
    let base = site.sender.url.as_deref().unwrap_or("");
    Ok(Frame {
        title: title.into(),
        here: here.into(),
        canonical: format!("{}{}", base.trim_end_matches('/'), asked.canonical()),
        json: asked.json_path(),
        auditor: site.sender.name.clone(),
        organisation: site.organisation.clone(),
        jurisdiction: site.jurisdiction.clone(),
        software: concat!("plainsight-auditor/", env!("CARGO_PKG_VERSION")),
        made: When::new(now, now),
        open_alerts: open.iter().map(|(_, number)| number).sum(),
        after,
    })
}
