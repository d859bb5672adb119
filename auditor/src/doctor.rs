//! Looks a node over: each line says what was looked at, how it is, and what to do. Nothing is changed.

mod database;
mod peers;
mod reach;

use std::path::Path;
use std::time::Duration;

use plainsight_client::http::{Http, Patience};

use crate::config::{Config, KEY_FILE, WATCH_KEY_FILE};
use crate::pulse::Disk;

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
    lines.extend(database::database(config).await);
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
                lines.extend(reach::reach(&http, log).await);
            }
            lines.extend(peers::look(&http, config).await);
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
            "Add alert_file, [[hook]], [[webhook]] or [[mail]] to auditor.toml.",
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
    if let Some(Err(error)) = operations.alert_file.as_deref().map(can_append) {
        lines.push(fail(
            format!(
                "alert_file: {} cannot be written: {error}",
                operations
                    .alert_file
                    .as_deref()
                    .unwrap_or(&config.dir)
                    .display()
            ),
            "Make its folder, owned by the user that the auditor runs as, or name another file.",
        ));
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

/// Whether lines can be appended to a file that need not be there yet. Leaves nothing behind.
fn can_append(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return std::fs::OpenOptions::new()
            .append(true)
            .open(path)
            .map(drop);
    }
    let probe = path.with_extension(format!("probe-{}", std::process::id()));
    std::fs::File::create_new(&probe)?;
    std::fs::remove_file(&probe)
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
