//! Tells people by mail: one mail for one fact, in plain text.
//!
//! Out of scope: when to try again, which is [`super::courier`]'s; a mail that arrives twice has the same
//! `Message-ID`. What is written is in `letter`, the talk with the server in `smtp`.

mod letter;
mod smtp;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::channel::ChannelError;
use super::{Message, Severity};
use letter::{Letter, line};

/// Characters of an error that are repeated, at most.
const MAX_SAID: usize = 400;
/// Addresses of one channel, at most.
const MAX_TO: usize = 16;
/// The longest address that SMTP knows.
const MAX_ADDRESS: usize = 254;

/// How the way to the server is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// `STARTTLS`, and nothing is said without it.
    Required,
    /// TLS from the first byte.
    Wrapped,
    /// None, to this machine only.
    None,
}

impl MailTls {
    /// The port where a server usually listens for it.
    pub fn port(self) -> u16 {
        match self {
            Self::Required => 587,
            Self::Wrapped => 465,
            Self::None => 25,
        }
    }
}

/// An address of mail: ASCII, without quotes and comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The address in this text, if it is one and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        let label = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let are = |text: &str, one: &dyn Fn(char) -> bool| {
            text.split('.')
                .all(|part| !part.is_empty() && part.chars().all(one))
        };
        let is_one = text.len() <= MAX_ADDRESS
            && local.len() <= 64
            && are(local, &atom)
            && are(domain, &label);
        is_one.then(|| Self(text.to_owned()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

/// A mail server and who is told through it.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way to it is kept.
    pub tls: MailTls,
    /// Who logs in.
    pub login: Option<Login>,
    /// Who sends.
    pub from: Address,
    /// Who is told.
    pub to: Vec<Address>,
    /// The whole time for one mail.
    pub timeout: Duration,
}

/// Who logs in at a mail server.
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Why a table `[[mail]]` cannot be used. Always the operator's matter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// Mail would be readable on its way.
    #[error("tls = \"none\" is for a server on this machine (127.0.0.1, ::1 or localhost) only")]
    Open,
    /// No address.
    #[error("{0:?} is no mail address (name@example.org, and nothing else)")]
    Address(String),
    /// Nobody, or too many.
    #[error("it tells nobody, or more than {MAX_TO}")]
    To,
    /// Not the name or the address of a server.
    #[error("its host is not the name or the address of a server")]
    Host,
    /// One without the other.
    #[error("user and password_file go together")]
    Login,
}

/// A table `[[mail]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Its name in alerts and metrics.
    pub name: String,
    /// The server.
    pub host: String,
    /// Its port; by `tls`, if not given.
    pub port: Option<u16>,
    /// How the way to it is kept.
    #[serde(default = "required")]
    pub tls: MailTls,
    /// Who logs in.
    pub user: Option<String>,
    /// The file with the password, relative to the folder.
    pub password_file: Option<PathBuf>,
    /// Who sends.
    pub from: String,
    /// Who is told.
    pub to: Vec<String>,
    /// Its whole time for one mail, in seconds.
    #[serde(default = "default_timeout")]
    pub timeout_s: u64,
    /// What it wants to hear of; everything, if empty.
    #[serde(default)]
    pub severities: Vec<Severity>,
}

fn required() -> MailTls {
    MailTls::Required
}

fn default_timeout() -> u64 {
    30
}

impl MailConfig {
    /// The channel, as far as it can be known without its password.
    pub fn checked(&self) -> Result<Mail, MailError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        if self.host.is_empty() || self.host.len() > 253 || !self.host.chars().all(plain) {
            return Err(MailError::Host);
        }
        if self.tls == MailTls::None && !is_this_machine(&self.host) {
            return Err(MailError::Open);
        }
        if self.user.is_some() != self.password_file.is_some() {
            return Err(MailError::Login);
        }
        if self.to.is_empty() || self.to.len() > MAX_TO {
            return Err(MailError::To);
        }
        let address = |text: &String| {
            let parsed = Address::parse(text);
            parsed.ok_or_else(|| MailError::Address(text.clone()))
        };
        Ok(Mail {
            host: self.host.clone(),
            port: self.port.unwrap_or(self.tls.port()),
            tls: self.tls,
            login: None,
            from: address(&self.from)?,
            to: self.to.iter().map(address).collect::<Result<_, _>>()?,
            timeout: Duration::from_secs(self.timeout_s),
        })
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

impl Mail {
    /// Sends one message to everybody, or says why not. Taken for one of them is taken: sent again, it
    /// would come to that one again.
    pub(super) async fn send(&self, message: &Message, now: u64) -> Result<(), ChannelError> {
        let letter = Letter::of(message, &self.from, &self.to, now);
        let delivered = smtp::deliver(self, &letter);
        let refused = match tokio::time::timeout(self.timeout, delivered).await {
            Err(_) => Err("it took too long".to_owned()),
            Ok(sent) => sent.map_err(|error| error.to_string()),
        };
        let refused = refused.map_err(|why| ChannelError::Mail(line(&why, MAX_SAID)))?;
        for (address, why) in refused {
            let why = line(&why, MAX_SAID);
            tracing::warn!(to = address.as_str(), %why, "an address was refused; the others were told");
        }
        Ok(())
    }
}
