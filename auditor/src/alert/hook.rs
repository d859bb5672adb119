//! Runs a program for a message: no shell, no arguments, a clean environment, a time limit.
//!
//! Standard input is the message as JSON. The environment has `PATH` and the variables of
//! [`environment`]; programs must expect new values in them. Exit code 0 means that the message was
//! taken; anything else is tried again, under the same id.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Message;
use super::channel::ChannelError;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// What programs are looked up in.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variables that a program is given.
pub(super) fn environment(message: &Message) -> [(&'static str, String); 10] {
    let alert = &message.alert;
    [
        ("PLAINSIGHT_MESSAGE_ID", message.id.clone()),
        ("PLAINSIGHT_EVENT", message.event.as_str().into()),
        ("PLAINSIGHT_ALERT_ID", alert.id.clone()),
        ("PLAINSIGHT_SEVERITY", alert.severity.clone()),
        ("PLAINSIGHT_CODE", alert.code.clone()),
        ("PLAINSIGHT_LOG", alert.origin.clone().unwrap_or_default()),
        ("PLAINSIGHT_SUBJECT", alert.subject.replace('\0', " ")),
        ("PLAINSIGHT_TIME", alert.time.to_string()),
        (
            "PLAINSIGHT_EVIDENCE",
            message.evidence.clone().unwrap_or_default(),
        ),
        ("PLAINSIGHT_SUMMARY", message.summary.clone()),
    ]
}

/// Runs it to its end, or kills it. What it starts itself and leaves behind is its own affair.
pub(super) async fn run(
    program: PathBuf,
    timeout: Duration,
    message: &Message,
) -> Result<(), ChannelError> {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", PATH)
        .envs(environment(message))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let body = message.body.clone();
    let ran = tokio::task::spawn_blocking(move || run_blocking(command, timeout, body));
    ran.await
        .unwrap_or_else(|_| Err(ChannelError::Start("interrupted".into())))
}

fn run_blocking(mut command: Command, timeout: Duration, body: String) -> Result<(), ChannelError> {
    let start = |error: std::io::Error| ChannelError::Start(error.to_string());
    let mut child = command.spawn().map_err(start)?;
    if let Some(mut input) = child.stdin.take() {
        // A program may end without reading. The thread ends with the pipe, at the latest when the
        // program is killed.
        std::thread::spawn(move || {
            let _unread = input.write_all(body.as_bytes());
        });
    }
    let began = Instant::now();
    loop {
        match child.try_wait().map_err(start)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(ChannelError::Exit(status.to_string())),
            None if began.elapsed() >= timeout => {
                // It may have ended by itself meanwhile; either way it is gone after this.
                let _gone = child.kill();
                let _reaped = child.wait();
                return Err(ChannelError::Slow(timeout));
            }
            None => std::thread::sleep(LOOK),
        }
    }
}
