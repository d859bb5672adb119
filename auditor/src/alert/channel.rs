//! The ways out: a file, a program, a web hook, mail. Each takes a [`Message`] or says why not.
//!
//! Out of scope: when to try again, which is [`super::courier`]'s.

use std::path::PathBuf;
use std::time::Duration;

use super::mail::Mail;
use super::{Message, Severity, WebhookKey};
use super::{file, hook, webhook};

/// The longest that a channel may take for one message.
pub const MAX_TIMEOUT: Duration = Duration::from_mins(5);

/// One way out.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name: in alerts about itself, in metrics, and in the queue.
    pub name: String,
    /// What it wants to hear of; everything, if empty.
    pub severities: Vec<Severity>,
    /// Which way.
    pub way: Way,
}

/// Which way out.
#[derive(Debug, Clone)]
pub enum Way {
    /// One JSON object a line is appended.
    File(PathBuf),
    /// A program is run.
    Hook {
        /// Its absolute path; no shell is involved.
        program: PathBuf,
        /// It is killed after this time.
        timeout: Duration,
    },
    /// A server is told.
    Webhook {
        /// Where.
        url: String,
        /// Its whole time for an answer.
        timeout: Duration,
        /// What the message is signed with.
        key: WebhookKey,
    },
    /// People are told by mail.
    Mail(Box<Mail>),
}

/// Why a message did not get out. Never anybody's fault but the channel's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The file cannot be written.
    #[error("the file cannot be written: {0}")]
    File(String),
    /// The program cannot be started.
    #[error("the program cannot be started: {0}")]
    Start(String),
    /// The program took too long and was killed.
    #[error("the program was killed after {0:?}")]
    Slow(Duration),
    /// The program ended with something else than success.
    #[error("the program ended with {0}")]
    Exit(String),
    /// The server cannot be reached.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The mail did not get out.
    #[error("the mail was not taken: {0}")]
    Mail(String),
    /// The server answered with something else than success.
    #[error("the server answered {0}")]
    Status(u16),
}

impl Channel {
    /// Sends one message, whole.
    pub async fn send(&self, message: &Message, now: u64) -> Result<(), ChannelError> {
        match &self.way {
            Way::File(path) => {
                let (path, message) = (path.clone(), message.clone());
                let appended = tokio::task::spawn_blocking(move || file::append(&path, &message));
                appended
                    .await
                    .unwrap_or_else(|_| Err(std::io::Error::other("interrupted")))
                    .map_err(|error| ChannelError::File(error.to_string()))
            }
            Way::Hook { program, timeout } => hook::run(program.clone(), *timeout, message).await,
            Way::Webhook { url, timeout, key } => {
                webhook::post(url, *timeout, key, message, now).await
            }
            Way::Mail(mail) => mail.send(message, now).await,
        }
    }
}
