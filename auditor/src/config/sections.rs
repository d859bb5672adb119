//! The parts of `auditor.toml` about running a node: who is told, how much room it needs, who
//! answers for it. All of them may be left out.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plainsight_client::http::{BaseUrl, HttpError};
use serde::Deserialize;

use super::{ConfigError, read_secret};
use crate::alert::channel::{Channel, MAX_TIMEOUT, Way};
use crate::alert::mail::{Login, Mail, MailConfig};
use crate::alert::{Severity, WebhookKey};

/// Environment variables that go before the file.
pub const ENVIRONMENT: [&str; 7] = [
    "PLAINSIGHT_AUDITOR_LISTEN",
    "PLAINSIGHT_AUDITOR_ADMIN_LISTEN",
    "PLAINSIGHT_AUDITOR_URL",
    "PLAINSIGHT_AUDITOR_CONTACT",
    "PLAINSIGHT_AUDITOR_POLL_INTERVAL_MS",
    "PLAINSIGHT_AUDITOR_MIN_FREE_MB",
    "PLAINSIGHT_AUDITOR_DATABASE",
];

/// Channels of one kind, at most.
const MAX_CHANNELS: usize = 16;

/// How a node is run, as checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operations {
    /// Whom people write to about this auditor.
    pub contact: Option<String>,
    /// Its public address.
    pub url: Option<String>,
    /// Where metrics and health are shown to its operator; nowhere, if `None`.
    pub admin_listen: Option<SocketAddr>,
    /// With less room than this on its disk, in bytes, it stops cosigning.
    pub min_free: u64,
    /// A log that is behind and gets nowhere for so long is called stalled.
    pub stall_after: Duration,
    /// If the own clock is further off than so many seconds, as others say, nothing is signed; 0: nobody is
    /// asked.
    pub max_clock_offset_s: u64,
    /// The file of JSON lines.
    pub alert_file: Option<PathBuf>,
    /// Programs that are run.
    pub hooks: Vec<HookConfig>,
    /// Servers that are told.
    pub webhooks: Vec<WebhookConfig>,
    /// Mail servers through which people are told.
    pub mails: Vec<MailConfig>,
    /// The dead-man switch.
    pub heartbeat: Option<HeartbeatConfig>,
    /// Watches.
    pub watch: WatchConfig,
}

/// A program that is run for each message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookConfig {
    /// Its name in alerts and metrics.
    pub name: String,
    /// Its absolute path.
    pub program: PathBuf,
    /// It is killed after so many seconds.
    #[serde(default = "default_timeout")]
    pub timeout_s: u64,
    /// What it wants to hear of; everything, if empty.
    #[serde(default)]
    pub severities: Vec<Severity>,
}

/// A server that is told each message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its name in alerts and metrics.
    pub name: String,
    /// Where.
    pub url: String,
    /// A file with `whsec_…` or `whsk_…`, relative to the folder.
    pub key_file: PathBuf,
    /// Its time for an answer, in seconds.
    #[serde(default = "default_timeout")]
    pub timeout_s: u64,
    /// What it wants to hear of; everything, if empty.
    #[serde(default)]
    pub severities: Vec<Severity>,
}

/// An address that is read as long as auditing makes progress: whoever runs it tells the operator
/// when it stops.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// Where.
    pub url: String,
    /// How often, in seconds.
    #[serde(default = "default_heartbeat")]
    pub every_s: u64,
}

/// Watches: whether they are taken, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WatchConfig {
    /// Whether watches are taken at all.
    pub enabled: bool,
    /// Watches in all, at most.
    pub total: u32,
    /// Registrations from one address in an hour, at most.
    pub per_address: u32,
    /// A watch that nobody asked about for so many days is forgotten.
    pub days: u32,
    /// Whether the indexes that were inserted are served by their first bits. Takes some 60 bytes of
    /// disk an entry.
    pub bucket_feed: bool,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            total: 100_000,
            per_address: 60,
            days: 90,
            bucket_feed: false,
        }
    }
}

fn default_timeout() -> u64 {
    20
}

fn default_heartbeat() -> u64 {
    300
}

/// The members of the file that are about running a node.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Sections {
    pub(super) contact: Option<String>,
    pub(super) url: Option<String>,
    pub(super) admin_listen: Option<SocketAddr>,
    pub(super) min_free_mb: Option<u64>,
    pub(super) stall_after_s: Option<u64>,
    pub(super) max_clock_offset_s: Option<u64>,
    pub(super) alert_file: Option<PathBuf>,
    pub(super) hook: Vec<HookConfig>,
    pub(super) webhook: Vec<WebhookConfig>,
    pub(super) mail: Vec<MailConfig>,
    pub(super) heartbeat: Option<HeartbeatConfig>,
    pub(super) watch: WatchConfig,
}

impl Operations {
    /// With the defaults.
    pub fn new() -> Self {
        Self {
            contact: None,
            url: None,
            admin_listen: None,
            min_free: 256 << 20,
            stall_after: Duration::from_mins(5),
            max_clock_offset_s: 300,
            alert_file: None,
            hooks: Vec::new(),
            webhooks: Vec::new(),
            mails: Vec::new(),
            heartbeat: None,
            watch: WatchConfig::default(),
        }
    }

    pub(super) fn checked(sections: Sections, dir: &Path) -> Result<Self, ConfigError> {
        let defaults = Self::new();
        let operations = Self {
            contact: sections.contact,
            url: sections.url,
            admin_listen: sections.admin_listen,
            min_free: sections
                .min_free_mb
                .map_or(defaults.min_free, |mb| mb.saturating_mul(1 << 20)),
            stall_after: sections
                .stall_after_s
                .map_or(defaults.stall_after, |s| Duration::from_secs(s.max(1))),
            max_clock_offset_s: sections
                .max_clock_offset_s
                .unwrap_or(defaults.max_clock_offset_s),
            alert_file: sections.alert_file.map(|path| dir.join(path)),
            hooks: sections.hook,
            webhooks: sections.webhook,
            mails: sections.mail,
            heartbeat: sections.heartbeat,
            watch: sections.watch,
        };
        operations.check()?;
        Ok(operations)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |member: &str, reason: &str| ConfigError::Member {
            member: member.into(),
            reason: reason.into(),
        };
        let address = |member: &str, url: &str| {
            let scheme = url.strip_prefix("https://").or(url.strip_prefix("http://"));
            if scheme.is_none_or(str::is_empty) || url.chars().any(char::is_whitespace) {
                return Err(wrong(member, "it is not an http or https address"));
            }
            Ok(())
        };
        if let Some(url) = &self.url {
            BaseUrl::parse(url).map_err(|error: HttpError| wrong("url", &error.to_string()))?;
        }
        if let Some(heartbeat) = &self.heartbeat {
            address("heartbeat.url", &heartbeat.url)?;
            if !(10..=86_400).contains(&heartbeat.every_s) {
                return Err(wrong("heartbeat.every_s", "it is not within 10 to 86400"));
            }
        }
        let most = self.hooks.len().max(self.webhooks.len());
        if most.max(self.mails.len()) > MAX_CHANNELS {
            return Err(wrong("hook", "there are more than 16 of one kind"));
        }
        let mut names = BTreeSet::from(["file"]);
        for hook in &self.hooks {
            let member = format!("hook {:?}", hook.name);
            check_channel(&member, &hook.name, hook.timeout_s, &mut names)?;
            if !hook.program.is_absolute() {
                return Err(wrong(&member, "its program is not an absolute path"));
            }
        }
        for webhook in &self.webhooks {
            let member = format!("webhook {:?}", webhook.name);
            check_channel(&member, &webhook.name, webhook.timeout_s, &mut names)?;
            address(&member, &webhook.url)?;
        }
        for mail in &self.mails {
            let member = format!("mail {:?}", mail.name);
            check_channel(&member, &mail.name, mail.timeout_s, &mut names)?;
            mail.checked()
                .map_err(|error| wrong(&member, &error.to_string()))?;
        }
        if !matches!(self.max_clock_offset_s, 0 | 30..=86_400) {
            return Err(wrong(
                "max_clock_offset_s",
                "it is not 0, nor within 30 to 86400",
            ));
        }
        if self.watch.days == 0 || self.watch.days > 3650 {
            return Err(wrong("watch.days", "it is not within 1 to 3650"));
        }
        Ok(())
    }

    /// The channels, their keys read.
    pub fn channels(&self, dir: &Path) -> Result<Vec<Channel>, ConfigError> {
        let mut channels = Vec::new();
        channels.extend(self.alert_file.iter().map(|path| Channel {
            name: "file".into(),
            severities: Vec::new(),
            way: Way::File(path.clone()),
        }));
        channels.extend(self.hooks.iter().map(|hook| Channel {
            name: hook.name.clone(),
            severities: hook.severities.clone(),
            way: Way::Hook {
                program: hook.program.clone(),
                timeout: Duration::from_secs(hook.timeout_s),
            },
        }));
        for webhook in &self.webhooks {
            let path = dir.join(&webhook.key_file);
            let key = WebhookKey::read(&path).map_err(|error| ConfigError::Member {
                member: format!("webhook {:?}: {}", webhook.name, path.display()),
                reason: error.to_string(),
            })?;
            channels.push(Channel {
                name: webhook.name.clone(),
                severities: webhook.severities.clone(),
                way: Way::Webhook {
                    url: webhook.url.clone(),
                    timeout: Duration::from_secs(webhook.timeout_s),
                    key,
                },
            });
        }
        for mail in &self.mails {
            channels.push(Channel {
                name: mail.name.clone(),
                severities: mail.severities.clone(),
                way: Way::Mail(Box::new(with_login(mail, dir)?)),
            });
        }
        Ok(channels)
    }
}

impl Default for Operations {
    fn default() -> Self {
        Self::new()
    }
}

/// The mail server with who logs in there, the password read.
fn with_login(mail: &MailConfig, dir: &Path) -> Result<Mail, ConfigError> {
    let mut way = mail.checked().map_err(|error| ConfigError::Member {
        member: format!("mail {:?}", mail.name),
        reason: error.to_string(),
    })?;
    if let (Some(user), Some(path)) = (&mail.user, &mail.password_file) {
        let password = read_secret(&dir.join(path))?;
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        way.login = Some(Login {
            user: user.clone(),
            password: password.into(),
        });
    }
    Ok(way)
}

fn check_channel<'n>(
    member: &str,
    name: &'n str,
    timeout_s: u64,
    names: &mut BTreeSet<&'n str>,
) -> Result<(), ConfigError> {
    let wrong = |reason: &str| ConfigError::Member {
        member: member.into(),
        reason: reason.into(),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(wrong("its name is not 1 to 64 letters, digits, - and _"));
    }
    if !names.insert(name) {
        return Err(wrong("its name is taken"));
    }
    if timeout_s == 0 || Duration::from_secs(timeout_s) > MAX_TIMEOUT {
        return Err(wrong("its timeout_s is not within 1 to 300"));
    }
    Ok(())
}

/// What `init` writes below the members that must be there.
pub(super) const EXAMPLE: &str = r#"
# Who answers for this auditor, and where it is reached; both are shown at its address.
# contact = "security@example.org"
# url = "https://auditor.example.org"

# The database, if not the file auditor.sqlite3 in this folder; its password is in a file that only its
# owner can read.
# database = "postgres://auditor@db.example/auditor"
# database_password_file = "database.password"

# Metrics (/metrics) and health (/readyz) for its operator.
# admin_listen = "127.0.0.1:8091"

# With less room than this on the disk it stops cosigning and says so.
# min_free_mb = 256

# Nothing is signed while this machine's clock is further off than so many seconds, as two of the logs'
# and the other auditors' hosts say, and more than half of them. 0: nobody is asked.
# max_clock_offset_s = 300

# One JSON object a line for everything that should be known.
# alert_file = "alerts.jsonl"

# A program for each alert: no shell, the message on standard input and in PLAINSIGHT_* variables.
# [[hook]]
# name = "page"
# program = "/usr/local/bin/page-me"
# severities = ["tamper", "policy", "self"]

# A server for each alert, signed; `plainsight-auditor alert keygen` makes the key.
# [[webhook]]
# name = "chat"
# url = "https://hooks.example.org/plainsight"
# key_file = "webhook.key"

# Mail for each alert. tls: "required" (STARTTLS, port 587), "wrapped" (465), "none" (25, to this machine only).
# [[mail]]
# name = "mail"
# host = "mail.example.org"
# tls = "required"
# user = "auditor"
# password_file = "mail.password"
# from = "auditor@example.org"
# to = ["security@example.org"]

# Somebody who builds releases again, whose results are carried: an Ed25519 public key in base64.
# [[rebuilder]]
# name = "rebuilders.example"
# key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

# An address that is read only while auditing makes progress.
# [heartbeat]
# url = "https://deadman.example.org/ping/1234"
# every_s = 300

# The pages for people: "public" at listen, "admin" at admin_listen only, "off". The policy, if there is
# one, is shown as the quorum tree (<file>.toml beside it says who runs which auditor).
# [dashboard]
# serve = "public"
# policy = "policy"
"#;
