//! `/releases` and `/releases/<log>?purl=…`: was I given the same build as everyone.

use std::collections::BTreeMap;

use askama::Template;
use plainsight_specs::entry::Entry;
use plainsight_specs::hash::Hash;
use plainsight_specs::statement::{Audience, Body, Release, Stream};
use serde::Serialize;

use super::super::asked::{Asked, encoded};
use super::super::error::PageError;
use super::super::frame;
use super::super::view::{Badge, Digest, Frame, Nav, Tone, When, counted, grouped, span};
use super::logs::found;
use super::overview::concerns;
use super::rebuilt::{Finding, Rebuilt};
use super::words::verdict_of;
use crate::clock;
use crate::desk::Handle;
use crate::http::Site;
use crate::store::{MarkedEntry, StreamRow};

/// Streams of one page, of each log.
const STREAMS: u32 = 60;
/// Versions of a stream on its page.
const VERSIONS: u32 = 200;
/// Files of a version that are named.
const FILES: usize = 16;
/// Longest text that is searched for, in characters.
const MAX_SEARCH: usize = 128;
/// What the bytes of a stream of releases begin with.
const PREFIX: &str = "release\n";

/// All streams.
#[derive(Debug, Template, Serialize)]
#[template(path = "releases.html")]
pub(super) struct Releases {
    #[serde(rename = "page")]
    frame: Frame,
    /// What is searched for.
    search: String,
    logs: Vec<LogStreams>,
}

/// The streams of one log.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LogStreams {
    origin: String,
    /// Its page.
    path: String,
    /// What is wrong with it, if it broke a rule.
    broke: Option<String>,
    streams: Vec<StreamLine>,
    /// The address of the further ones.
    further: Option<String>,
}

/// A stream in a list.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StreamLine {
    product: String,
    channel: String,
    arch: String,
    path: String,
    /// How many statements it has.
    statements: u64,
    /// The version shipped last.
    version: String,
    badge: Badge,
    logged: Option<When>,
}

/// Draws the list.
pub(super) async fn list(site: Site, mut asked: Asked) -> Result<Releases, PageError> {
    let now = clock::now_s();
    let search: String = asked
        .query("q")
        .unwrap_or("")
        .trim()
        .chars()
        .take(MAX_SEARCH)
        .collect();
    let only = asked.query("log").map(str::to_owned);
    let after = asked.query("after").unwrap_or("").to_owned();
    for (name, value) in [
        ("q", Some(&search)),
        ("log", only.as_ref()),
        ("after", Some(&after)),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            asked.keep(name, value);
        }
    }
    let frame = frame(&site, &asked, "Releases", Nav::Releases).await?;
    let mut logs = Vec::new();
    for desk in site.desks.values() {
        let hash = desk.log.origin.origin_hash();
        if only.as_ref().is_some_and(|only| *only != hash) {
            continue;
        }
        let rows = site
            .store
            .streams(desk.id, PREFIX, &after, &search, STREAMS)
            .await?;
        let mut further = None;
        if let Some(last) = rows.last().filter(|_| rows.len() == STREAMS as usize) {
            let (search, last) = (encoded(&search), encoded(&last.stream));
            further = Some(format!("/releases?log={hash}&q={search}&after={last}"));
        }
        let mut streams = Vec::new();
        for row in &rows {
            streams.extend(stream_line(&site, desk, row, now).await?);
        }
        let is_broken = desk.status.borrow().open.is_some();
        for stream in streams.iter_mut().filter(|_| is_broken) {
            // Whatever such a log says of its builds, nothing is well.
            stream.badge = Badge::new(Tone::Bad, "The log broke a rule");
        }
        logs.push(LogStreams {
            origin: desk.log.origin.to_string(),
            path: super::log_path(desk),
            broke: broke(&site, desk).await?,
            streams,
            further,
        });
    }
    Ok(Releases {
        frame,
        search,
        logs,
    })
}

async fn stream_line(
    site: &Site,
    desk: &Handle,
    row: &StreamRow,
    now: u64,
) -> Result<Option<StreamLine>, PageError> {
    let mut lines = row.stream.lines().skip(1);
    let (Some(product), Some(channel), Some(arch)) = (lines.next(), lines.next(), lines.next())
    else {
        return Ok(None);
    };
    let body = site.store.entries(desk.id, row.last..row.last + 1).await?;
    let entry = body.first().and_then(|body| Entry::parse(body).ok());
    let (version, badge) = match &entry {
        Some(Entry::Statement(entry)) => match entry.statement().body() {
            Body::Release(release) => (release.version.to_string(), audience(release)),
            Body::Yank(yank) => (
                yank.version.to_string(),
                Badge::new(Tone::Warn, "Taken back"),
            ),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    let logged = site.store.logged_at(desk.id, row.last).await?;
    Ok(Some(StreamLine {
        path: stream_path(desk, product, channel, arch),
        product: product.into(),
        channel: channel.into(),
        arch: arch.into(),
        statements: row.statements,
        version,
        badge,
        logged: logged.map(|ms| When::new(ms / 1000, now)),
    }))
}

/// What is wrong with a log that broke a rule, and what it concerns.
async fn broke(site: &Site, desk: &Handle) -> Result<Option<String>, PageError> {
    let verdict = verdict_of(&desk.status.borrow());
    if verdict.tone != Tone::Bad {
        return Ok(None);
    }
    let concerns = concerns(site, desk).await?;
    let concerns = concerns.map_or_else(String::new, |about| format!(" It concerns {about}."));
    Ok(Some(format!("{}{concerns}", verdict.sentence)))
}

pub(super) fn stream_path(desk: &Handle, product: &str, channel: &str, arch: &str) -> String {
    format!(
        "/releases/{}?purl={}&channel={}&arch={}",
        desk.log.origin.origin_hash(),
        encoded(product),
        encoded(channel),
        encoded(arch)
    )
}

/// Whom a release is for.
fn audience(release: &Release) -> Badge {
    match (&release.audience, release.emergency) {
        (Audience::All, false) => Badge::new(Tone::Good, "For everybody"),
        (Audience::All, true) => Badge::new(Tone::Warn, "Emergency, for everybody"),
        (audience, emergency) => {
            let word = match audience {
                Audience::Region(region) => format!("For the region {region} only"),
                Audience::Cohort(cohort) => format!("For the group {cohort} only"),
                Audience::All => String::new(),
            };
            let hurry = if emergency { "Emergency. " } else { "" };
            Badge::new(Tone::Warn, format!("{hurry}{word}"))
        }
    }
}

/// One stream.
#[derive(Debug, Template, Serialize)]
#[template(path = "stream.html")]
pub(super) struct StreamPage {
    #[serde(rename = "page")]
    frame: Frame,
    /// The log.
    log: String,
    /// Its page.
    log_path: String,
    /// What is wrong with the log, if it broke a rule.
    broke: Option<String>,
    product: String,
    channel: String,
    arch: String,
    /// What was shipped, the newest first.
    versions: Vec<Version>,
    /// Whether there are more than are shown.
    is_cut: bool,
    /// How old a release has to be by the configured policy, in seconds.
    min_age_s: Option<u64>,
}

/// A version of a stream.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Version {
    #[serde(rename = "version")]
    name: String,
    seq: u64,
    /// Where it is logged.
    position: u64,
    path: String,
    badge: Badge,
    /// Whether its entry breaks a rule.
    is_void: bool,
    /// Why it was taken back.
    yanked: Option<String>,
    logged: Option<When>,
    /// From when on it is old enough for the configured policy.
    ready: Option<When>,
    /// What rebuilders say of it, in words.
    rebuilt: Rebuilt,
    files: Vec<File>,
    /// Files that are not named here.
    further_files: usize,
}

/// A file that was shipped.
#[derive(Debug, Clone, Serialize)]
pub(super) struct File {
    name: Option<String>,
    sha256: Digest,
    #[serde(skip)]
    digest: Hash,
    size: u64,
    /// What each rebuilder found about it.
    rebuilds: Vec<Finding>,
}

impl File {
    /// The length for people.
    fn bytes(&self) -> String {
        counted(self.size, "byte", "bytes")
    }
}

impl Version {
    /// The position for people.
    fn place(&self) -> String {
        grouped(self.position)
    }
}

impl StreamPage {
    /// The age for people.
    fn min_age(&self) -> Option<String> {
        self.min_age_s.filter(|age| *age > 0).map(span)
    }
}

/// Draws a stream.
pub(super) async fn one(site: Site, mut asked: Asked) -> Result<StreamPage, PageError> {
    let desk = found(&site, &asked)?;
    let now = clock::now_s();
    let member = |name: &str| asked.query(name).unwrap_or("").to_owned();
    let [product, channel, arch] = ["purl", "channel", "arch"].map(member);
    for (name, value) in [("purl", &product), ("channel", &channel), ("arch", &arch)] {
        asked.keep(name, value);
    }
    let missing = || PageError::not_found("No such stream is in this log.");
    let bytes = format!("{PREFIX}{product}\n{channel}\n{arch}");
    // Only what can be a stream is looked for.
    Stream::parse(bytes.as_bytes()).map_err(|_| missing())?;
    let marked = site.store.stream_entries(desk.id, &bytes, VERSIONS).await?;
    if marked.is_empty() {
        return Err(missing());
    }
    let frame = frame(&site, &asked, product.clone(), Nav::Releases).await?;
    let trust = site.dashboard.trust.as_ref();
    let min_age_s = trust.map(|trust| trust.annotations().release.min_age_s);
    let mut yanks: BTreeMap<String, String> = BTreeMap::new();
    let mut versions = Vec::new();
    for MarkedEntry { mark, body } in &marked {
        let Ok(Entry::Statement(entry)) = Entry::parse(body) else {
            continue;
        };
        match entry.statement().body() {
            Body::Yank(yank) if !mark.void => {
                yanks.insert(yank.version.to_string(), yank.reason.to_string());
            }
            Body::Release(release) => {
                let logged = site.store.logged_at(desk.id, mark.position).await?;
                let logged = logged.map(|ms| ms / 1000);
                let badge = if mark.void {
                    Badge::new(Tone::Bad, "Breaks a rule: do not install it")
                } else {
                    audience(release)
                };
                let ready = min_age_s.filter(|age| *age > 0);
                versions.push(Version {
                    name: release.version.to_string(),
                    seq: mark.seq.unwrap_or_default(),
                    position: mark.position,
                    path: super::entry_path(desk, mark.position),
                    badge,
                    yanked: None,
                    logged: logged.map(|time| When::new(time, now)),
                    ready: logged
                        .zip(ready)
                        .map(|(time, age)| When::new(time.saturating_add(age), now)),
                    is_void: mark.void,
                    rebuilt: Rebuilt::default(),
                    files: files(release),
                    further_files: release.artifacts.len().saturating_sub(FILES),
                });
            }
            _ => {}
        }
    }
    let is_broken = desk.status.borrow().open.is_some();
    for version in &mut versions {
        if is_broken && version.badge.tone == Tone::Good {
            version.badge = Badge::new(Tone::Unknown, version.badge.word.clone());
        }
        version.yanked = yanks.get(&version.name).cloned();
    }
    rebuilt(&site, &mut versions, now).await?;
    Ok(StreamPage {
        frame,
        log: desk.log.origin.to_string(),
        log_path: super::log_path(desk),
        broke: broke(&site, desk).await?,
        product,
        channel,
        arch,
        versions,
        is_cut: marked.len() == VERSIONS as usize,
        min_age_s,
    })
}

/// Says of each version what rebuilders found about its files.
async fn rebuilt(site: &Site, versions: &mut [Version], now: u64) -> Result<(), PageError> {
    let files = versions.iter().flat_map(|version| &version.files);
    let digests: Vec<Hash> = files.map(|file| file.digest).collect();
    let results = site.rebuilds.found(&digests).await?;
    for version in versions {
        for file in &mut version.files {
            let about = results.iter().filter(|one| one.claim.file == file.digest);
            file.rebuilds = about.map(|result| Finding::of(result, now)).collect();
        }
        let findings: Vec<&[Finding]> = version
            .files
            .iter()
            .map(|file| file.rebuilds.as_slice())
            .collect();
        let others = version.further_files;
        version.rebuilt = Rebuilt::of(&findings, others, site.rebuilds.listened_to());
    }
    Ok(())
}

fn files(release: &Release) -> Vec<File> {
    let files = release.artifacts.iter().take(FILES);
    files
        .map(|file| File {
            name: file.name.clone(),
            sha256: Digest::hash(&file.digest),
            digest: file.digest,
            size: file.size,
            rebuilds: Vec::new(),
        })
        .collect()
}
