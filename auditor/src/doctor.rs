//! Looks a node over: each line says what was looked at, how it is, and what to do. Nothing is changed.

use std::path::Path;
use std::time::Duration;

use plainsight_client::http::{Http, Patience};
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::UnverifiedCheckpoint;

use crate::clock;
use crate::config::{Config, FollowedLog, KEY_FILE, WATCH_KEY_FILE};
use crate::pulse::Disk;
use crate::store::{Store, StoreError};

/// A clock that is off by more than this, in seconds, is worth a warning.
const CLOCK_WARN_S: u64 = 5;
/// And by more than this a failure: logs allow their own skew, seldom more than a minute.
const CLOCK_FAIL_S: u64 = 60;
/// A cosignature older than this many seconds is worth a warning: readers ask for a day.
const OLD_S: u64 = 6 * 3600;
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, and should be looked at.
    Warn,
    /// It does not work.
    Fail,
}

impl Level {
    /// The word at the beginning of its line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How it is.
    pub level: Level,
    /// What was looked at, and what was seen.
    pub text: String,
    /// What to do; empty if nothing.
    pub next: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:4} {}", self.level.as_str(), self.text)?;
        if !self.next.is_empty() {
            write!(f, "\n     next: {}", self.next)?;
        }
        Ok(())
    }
}

fn ok(text: impl Into<String>) -> Line {
    Line {
        level: Level::Ok,
        text: text.into(),
        next: String::new(),
    }
}

fn warn(text: impl Into<String>, next: impl Into<String>) -> Line {
    Line {
        level: Level::Warn,
        text: text.into(),
        next: next.into(),
    }
}

fn fail(text: impl Into<String>, next: impl Into<String>) -> Line {
    Line {
        level: Level::Fail,
        text: text.into(),
        next: next.into(),
    }
}

/// Looks everything over.
pub async fn examine(config: &Config, disk: &Disk) -> Vec<Line> {
    let mut lines = keys(config);
    lines.push(room(config, disk));
    lines.extend(database(config).await);
    lines.extend(channels(config));
    match Http::new(Patience {
        connect: PATIENCE,
        answer: PATIENCE,
        attempts: 1,
        ..Patience::default()
    }) {
        Err(error) => lines.push(fail(
            format!("HTTP: {error}"),
            "Reinstall the program: its TLS cannot be set up.",
        )),
        Ok(http) => {
            if config.logs.is_empty() {
                lines.push(warn(
                    "logs: none is followed",
                    "Add one: `plainsight-auditor add-log`.",
                ));
            }
            for log in &config.logs {
                lines.extend(reach(&http, log).await);
            }
        }
    }
    lines.push(running(config).await);
    lines
}

fn keys(config: &Config) -> Vec<Line> {
    let mut lines = Vec::new();
    let restore = "Restore the key file from its backup. A second key under this name would be a \
                   second auditor.";
    match config.signer() {
        Ok(signer) => {
            let key = signer.verifier_key();
            lines.push(ok(format!(
                "key: {KEY_FILE} is that of {} ({})",
                key.name(),
                key.id()
            )));
        }
        Err(error) => lines.push(fail(format!("key: {error}"), restore)),
    }
    if config.dir.join(WATCH_KEY_FILE).exists() {
        match config.watch_signer() {
            Ok(signer) => lines.push(ok(format!(
                "watch key: {WATCH_KEY_FILE} is that of {}",
                signer.verifier_key().name()
            ))),
            Err(error) => lines.push(fail(format!("watch key: {error}"), restore)),
        }
    } else {
        lines.push(warn(
            format!("watch key: there is no {WATCH_KEY_FILE}"),
            "It is made at the next start; hand out its verifier key with the other one.",
        ));
    }
    for name in [KEY_FILE, WATCH_KEY_FILE] {
        lines.extend(permissions(&config.dir.join(name)));
    }
    lines
}

#[cfg(unix)]
fn permissions(path: &Path) -> Option<Line> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    Some(if mode & 0o077 == 0 {
        ok(format!(
            "permissions: {} is for its owner only",
            path.display()
        ))
    } else {
        fail(
            format!(
                "permissions: {} can be used by others ({mode:o})",
                path.display()
            ),
            format!(
                "chmod 600 {}; if others were on this machine, retire the key.",
                path.display()
            ),
        )
    })
}

#[cfg(not(unix))]
fn permissions(_: &Path) -> Option<Line> {
    None
}

fn room(config: &Config, disk: &Disk) -> Line {
    let needed = config.operations.min_free;
    match disk.free(&config.dir) {
        Err(error) => warn(
            format!("disk: how much room there is cannot be found out: {error}"),
            "Watch it by other means.",
        ),
        Ok(free) if free < needed => fail(
            format!(
                "disk: {} MB are free, {} MB are needed",
                free >> 20,
                needed >> 20
            ),
            "Make room, or lower min_free_mb. Until then nothing is cosigned.",
        ),
        Ok(free) if free < needed.saturating_mul(4) => warn(
            format!(
                "disk: {} MB are free; below {} MB cosigning stops",
                free >> 20,
                needed >> 20
            ),
            "Make room soon.",
        ),
        Ok(free) => ok(format!("disk: {} MB are free", free >> 20)),
    }
}

async fn database(config: &Config) -> Vec<Line> {
    let path = config.database();
    if !path.exists() {
        return vec![warn(
            "database: there is none yet",
            "It is made at the first start. If this auditor has run before, restore it: with an old \
             or empty one it signs nothing that it signed before.",
        )];
    }
    match look_into(config).await {
        Ok(lines) => lines,
        Err(error) => vec![fail(
            format!("database: {error}"),
            "Look at the disk and the file's owner; then `plainsight-auditor check`.",
        )],
    }
}

async fn look_into(config: &Config) -> Result<Vec<Line>, StoreError> {
    let store = Store::open(&config.database()).await?;
    let mut lines = Vec::new();
    match store.quick_check().await? {
        None => lines.push(ok("database: whole")),
        Some(damage) => lines.push(fail(
            format!("database: {damage}"),
            "Stop the auditor and restore the newest backup.",
        )),
    }
    for log in &config.logs {
        lines.push(cosigned(&store, log).await?);
    }
    let open: u64 = store
        .open_alerts()
        .await?
        .iter()
        .map(|(_, number)| number)
        .sum();
    lines.push(match open {
        0 => ok("alerts: none is open"),
        1 => warn(
            "alerts: 1 is open",
            "Read it: `plainsight-auditor alert list`.",
        ),
        many => warn(
            format!("alerts: {many} are open"),
            "Read them: `plainsight-auditor alert list`.",
        ),
    });
    store.close().await;
    Ok(lines)
}

async fn cosigned(store: &Store, log: &FollowedLog) -> Result<Line, StoreError> {
    let what = format!("last cosignature of {}", log.origin);
    let row = match store.log(&log.origin, &log.keys).await {
        Ok(row) => row,
        Err(error @ StoreError::OtherKey { .. }) => {
            return Ok(fail(
                format!("{what}: {error}"),
                "Put the log's first key back into the configuration.",
            ));
        }
        Err(error) => return Err(error),
    };
    if let Some(size) = row.rolled_back {
        return Ok(fail(
            format!("{what}: this database is older than the one on size {size}"),
            "Restore the newest database, or retire the key.",
        ));
    }
    if let Some(open) = store.open_break(row.id).await? {
        return Ok(warn(
            format!(
                "{what}: none is made while {open} is open ({})",
                open.rule.meaning()
            ),
            "Read the evidence; `plainsight-auditor acknowledge` goes on where that is allowed.",
        ));
    }
    let Some(time) = row.signed_time else {
        return Ok(warn(
            format!("{what}: none yet"),
            "Start the auditor, and wait until it has read the log.",
        ));
    };
    let age = clock::now_s().saturating_sub(time);
    let text = format!("{what}: {age} s ago, at size {}", row.signed.size);
    Ok(if age > OLD_S {
        warn(
            text,
            "Is the auditor running, and does the log publish? See the lines below.",
        )
    } else {
        ok(text)
    })
}

fn channels(config: &Config) -> Vec<Line> {
    let operations = &config.operations;
    let mut lines = Vec::new();
    match operations.channels(&config.dir) {
        Err(error) => lines.push(fail(
            format!("channels: {error}"),
            "Mend it in auditor.toml.",
        )),
        Ok(channels) if channels.is_empty() => lines.push(warn(
            "channels: nobody is told of alerts",
            "Add alert_file, [[hook]] or [[webhook]] to auditor.toml.",
        )),
        Ok(channels) => {
            let names: Vec<_> = channels
                .iter()
                .map(|channel| channel.name.as_str())
                .collect();
            lines.push(ok(format!(
                "channels: {}; `plainsight-auditor alert test` tries them",
                names.join(", ")
            )));
        }
    }
    for hook in &operations.hooks {
        if !hook.program.is_file() {
            lines.push(fail(
                format!("hook {}: {} is no file", hook.name, hook.program.display()),
                "Put the program there, or take the hook out.",
            ));
        }
    }
    if operations.heartbeat.is_none() {
        lines.push(warn(
            "heartbeat: none is sent",
            "A machine that is gone sends no alert: add [heartbeat] to auditor.toml.",
        ));
    }
    lines
}

/// The log's checkpoint, and what the log's clock says.
async fn reach(http: &Http, log: &FollowedLog) -> Vec<Line> {
    let what = format!("log {}", log.origin);
    let source = Source::new(http.clone(), log.url.clone());
    let mut lines = Vec::new();
    match source.checkpoint().await {
        Err(error) => lines.push(fail(
            format!("{what}: {error}"),
            "Check the address in auditor.toml and this machine's network.",
        )),
        Ok(bytes) => {
            let signed = UnverifiedCheckpoint::parse(&bytes)
                .and_then(|checkpoint| checkpoint.verify_log(&log.keys));
            lines.push(match signed {
                Ok(signed) => ok(format!(
                    "{what}: size {} at {}",
                    signed.head().size,
                    log.url
                )),
                Err(error) => fail(
                    format!(
                        "{what}: what {} shows is no checkpoint of it: {error}",
                        log.url
                    ),
                    "Check the key and the address in auditor.toml.",
                ),
            });
        }
    }
    match date_of(log.url.as_str()).await {
        Some(theirs) => lines.push(compare_clocks(&what, theirs, clock::now_s())),
        None => lines.push(warn(
            format!("clock: {what} does not say what time it is"),
            "Check this machine's clock by other means.",
        )),
    }
    lines
}

fn compare_clocks(what: &str, theirs: u64, ours: u64) -> Line {
    let off = theirs.abs_diff(ours);
    let text = format!("clock: {off} s off that of {what}");
    let next = "Set this machine's clock by NTP. Whose is wrong, two clocks cannot tell.";
    if off > CLOCK_FAIL_S {
        fail(text, next)
    } else if off > CLOCK_WARN_S {
        warn(text, next)
    } else {
        ok(text)
    }
}

/// The `Date` of a server's answer, in POSIX seconds.
async fn date_of(url: &str) -> Option<u64> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build().ok()?;
    let answer = client.head(url).send().await.ok()?;
    let date = answer.headers().get("date")?.to_str().ok()?;
    http_date(date)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that servers send.
fn http_date(text: &str) -> Option<u64> {
    let mut words = text.strip_suffix(" GMT")?.split(' ').skip(1);
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|name| *name == month)? + 1;
    let text = format!("{year}-{month:02}-{day}T{time}Z");
    let time = plainsight_specs::time::Timestamp::parse(&text).ok()?;
    Some(time.seconds())
}

/// Whether the auditor of this folder answers at its own address.
async fn running(config: &Config) -> Line {
    let what = format!("running: http://{}/readyz", config.listen);
    let client = reqwest::Client::builder().timeout(PATIENCE).build();
    let answer = match client {
        Ok(client) => {
            client
                .get(format!("http://{}/readyz", config.listen))
                .send()
                .await
        }
        Err(error) => Err(error),
    };
    match answer {
        Err(_) => warn(
            format!("{what} does not answer"),
            "Start it: `plainsight-auditor serve`, or the service.",
        ),
        Ok(answer) if answer.status().is_success() => ok(format!("{what} says ready")),
        Ok(answer) => {
            let status = answer.status().as_u16();
            let body = answer.text().await.unwrap_or_default();
            let body: String = body.chars().take(300).collect();
            warn(
                format!("{what} says {status}: {}", body.trim().replace('\n', "; ")),
                "See the lines above, and the program's own log.",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_servers_are_read() {
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        for bad in [
            "",
            "GMT",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nof 1994 08:49:37 GMT",
        ] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_clock_that_is_off_warns_and_then_fails() {
        let level = |theirs| compare_clocks("log x", theirs, 1000).level;
        assert_eq!(level(1005), Level::Ok);
        assert_eq!(level(994), Level::Warn);
        assert_eq!(level(1061), Level::Fail);
    }
}
