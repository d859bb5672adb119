//! Runs a program for a message: no shell, no arguments, a clean environment, a time limit.
//!
//! Standard input is the message as JSON. The environment has `PATH` and the variables of
//! [`environment`]; programs must expect new values in them. Exit code 0 means that the message was
//! taken; anything else is tried again, under the same id.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use super::Message;
use super::channel::ChannelError;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes of what a program says to its standard error that are repeated, at most.
const MAX_SAID: usize = 300;
/// How long what it said is waited for after its end: what it started may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// What programs are looked up in.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variables that a program is given.
pub(super) fn environment(message: &Message) -> [(&'static str, String); 11] {
    let alert = &message.alert;
    let acknowledged = alert.acknowledged.as_ref();
    [
        ("PLAINSIGHT_MESSAGE_ID", message.id.clone()),
        ("PLAINSIGHT_EVENT", message.event.as_str().into()),
        ("PLAINSIGHT_ALERT_ID", alert.id.clone()),
        ("PLAINSIGHT_SEVERITY", alert.severity.clone()),
        ("PLAINSIGHT_CODE", alert.code.clone()),
        ("PLAINSIGHT_LOG", alert.log().unwrap_or_default().into()),
        ("PLAINSIGHT_SUBJECT", alert.subject.replace('\0', " ")),
        ("PLAINSIGHT_TIME", alert.time.to_string()),
        (
            "PLAINSIGHT_EVIDENCE",
            message.evidence.clone().unwrap_or_default(),
        ),
        (
            "PLAINSIGHT_REASON",
            acknowledged.map_or_else(String::new, |(_, reason)| reason.replace('\0', " ")),
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
        .stderr(Stdio::piped());
    let body = message.body.clone();
    let ran = tokio::task::spawn_blocking(move || run_blocking(command, timeout, body));
    ran.await
        .unwrap_or_else(|_| Err(ChannelError::Start("interrupted".into())))
}

/// What a program says to its standard error. All of it is read, so that the program does not wait for
/// that or fail by it; the beginning is kept. The thread ends with the pipe.
struct Said {
    words: Arc<Mutex<Vec<u8>>>,
    end: mpsc::Receiver<()>,
}

impl Said {
    fn hear(mut errors: ChildStderr) -> Self {
        let words = Arc::new(Mutex::new(Vec::new()));
        let (ended, end) = mpsc::channel();
        let heard = words.clone();
        std::thread::spawn(move || {
            let mut chunk = [0u8; 4096];
            while let Ok(read @ 1..) = errors.read(&mut chunk) {
                let mut words = heard.lock().unwrap_or_else(PoisonError::into_inner);
                let room = MAX_SAID - words.len().min(MAX_SAID);
                let said = chunk.iter().take(read.min(room));
                words.extend(said);
            }
            // Nobody may wait for it.
            let _gone = ended.send(());
        });
        Self { words, end }
    }

    fn words(self) -> Vec<u8> {
        // What it started may hold the pipe open: then what was said so far has to do.
        let _open = self.end.recv_timeout(LAST_WORDS);
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *words)
    }
}

/// How it ended, and what it said itself, as one line.
fn ended(status: std::process::ExitStatus, said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    let said: String = said
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if said.is_empty() {
        return status.to_string();
    }
    format!("{status}, and said: {said}")
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
    let said = child.stderr.take().map(Said::hear);
    let began = Instant::now();
    loop {
        match child.try_wait().map_err(start)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                let said = said.map(Said::words).unwrap_or_default();
                return Err(ChannelError::Exit(ended(status, &said)));
            }
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
