//! `plainsight keys monitor --every`: the same look, again and again, until a signal.

use std::io::Write as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use plainsight_specs::label::Label;

use super::args::Places;
use super::keys::look_all;
use super::output::Output;
use super::session::Session;
use super::stop::Stop;
use crate::failure::Verdict;
use crate::report::Report;

/// How long the command for an alarm may run.
const COMMAND: Duration = Duration::from_mins(1);
/// Between looks at whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// A monitor that goes on.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) label: Option<Label>,
    pub(super) every: Duration,
    pub(super) on_alarm: Option<String>,
}

/// What a look came to: it is told when it is another one than last time.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    verdict: Verdict,
    alarms: Vec<String>,
}

/// A look, and what the command for alarms is to be given.
struct Look {
    told: Told,
    alarm: Option<String>,
}

impl Service {
    /// Looks until it is told to end. Only what cannot pass by itself ends it before.
    pub(super) async fn run(self, places: &Places, output: &mut Output) -> Result<Verdict, Stop> {
        let mut last = None;
        let mut end = std::pin::pin!(told_to_end());
        loop {
            let look = tokio::select! {
                look = self.look(places, output, last.as_ref()) => look?,
                () = &mut end => break,
            };
            last = Some(look.told);
            let rest = async {
                if let Some(text) = look.alarm {
                    self.alarm(&text, output).await;
                }
                tokio::time::sleep(self.every).await;
            };
            tokio::select! {
                () = rest => {}
                () = &mut end => break,
            }
        }
        Ok(last.map_or(Verdict::Verified, |told| told.verdict))
    }

    async fn look(
        &self,
        places: &Places,
        output: &mut Output,
        last: Option<&Told>,
    ) -> Result<Look, Stop> {
        // The home is opened for each look, so that other commands can have it between.
        let looks = match Session::open(places) {
            Ok(session) => look_all(&session, self.label.as_ref()).await,
            Err(stop) => Err(stop),
        };
        let looks = match looks {
            Ok(looks) => looks,
            Err(stop) if stop.verdict() == Verdict::Undecided => {
                let told = Told {
                    verdict: Verdict::Undecided,
                    alarms: Vec::new(),
                };
                if last.is_none_or(|last| last.verdict != told.verdict) {
                    output.stop(&stop);
                }
                return Ok(Look { told, alarm: None });
            }
            Err(stop) => return Err(stop),
        };
        let bad = looks
            .iter()
            .filter(|monitored| monitored.verdict() != Verdict::Verified);
        let alarms: Vec<String> = bad
            .flat_map(|monitored| {
                let name = std::iter::once(monitored.label.to_string());
                name.chain(monitored.alarms.iter().map(|alarm| format!("{alarm:?}")))
            })
            .collect();
        let told = Told {
            verdict: if alarms.is_empty() {
                Verdict::Verified
            } else {
                Verdict::Refuted
            },
            alarms,
        };
        if last == Some(&told) {
            return Ok(Look { told, alarm: None });
        }
        for monitored in &looks {
            output.report(monitored);
        }
        let alarm = (told.verdict == Verdict::Refuted).then(|| {
            let lines: Vec<_> = looks.iter().flat_map(Report::lines).collect();
            lines.join("\n")
        });
        Ok(Look { told, alarm })
    }

    /// Labels go to the command's input only: what is in its words, everybody on the machine sees.
    async fn alarm(&self, text: &str, output: &Output) {
        let Some(command) = &self.on_alarm else {
            return;
        };
        let failed = match run(command, text).await {
            Ok(status) if status.success() => return,
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        output.note(&format!("The command for alarms failed: {failed}."));
    }
}

/// Runs a command by a shell with a text on its input, within [`COMMAND`].
async fn run(command: &str, text: &str) -> std::io::Result<ExitStatus> {
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::piped())
        .spawn()?;
    let started = Instant::now();
    if let Some(mut input) = child.stdin.take() {
        let text = text.to_owned();
        // On a thread of its own, since a command may not read; one that does not is no failure.
        tokio::task::spawn_blocking(move || input.write_all(text.as_bytes()));
    }
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() > COMMAND {
            child.kill()?;
            return child.wait();
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Until a signal to end.
pub(super) async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without a handler the signal ends the process all the same.
    let _unhandled = tokio::signal::ctrl_c().await;
}
