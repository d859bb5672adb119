//! Shows how far long work has come: bars on a terminal, lines in the log elsewhere.
//!
//! Out of scope: what the work is. Nothing is decided by what is shown here.

use std::io::{self, IsTerminal as _, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work of fewer steps is over before anybody looks.
const SMALL: u64 = 20_000;
/// The pause between two lines about the same work.
const PAUSE: Duration = Duration::from_secs(10);

/// Where progress is shown. Clones show at the same place.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    bars: Option<MultiProgress>,
}

impl Progress {
    /// Bars if standard error is a terminal, else lines by `tracing`.
    pub fn to_stderr() -> Self {
        let is_terminal = io::stderr().is_terminal();
        let bars =
            is_terminal.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Self { bars }
    }

    /// Begins to show work from `from` to `to`.
    pub fn begin(&self, what: &'static str, log: &str, from: u64, to: u64) -> Task {
        let is_small = to.saturating_sub(from) < SMALL;
        let bar = self.bars.as_ref().filter(|_| !is_small).map(|bars| {
            let bar = bars.add(ProgressBar::new(to));
            // A template that does not parse costs the looks, not the work.
            if let Ok(style) = ProgressStyle::with_template(
                "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}",
            ) {
                bar.set_style(style);
            }
            bar.set_message(format!("{log}: {what}"));
            bar.set_position(from);
            bar.reset_eta();
            bar
        });
        Task {
            bar,
            is_small,
            what,
            log: log.into(),
            from,
            to,
            began: Instant::now(),
            told: Instant::now(),
        }
    }

    /// Standard error for lines that are not to run into the bars.
    pub fn writer(&self) -> Writer {
        Writer(self.bars.clone())
    }
}

/// Work that is being shown. Dropping it takes it off the screen.
#[derive(Debug)]
pub struct Task {
    bar: Option<ProgressBar>,
    is_small: bool,
    what: &'static str,
    log: String,
    from: u64,
    to: u64,
    began: Instant,
    told: Instant,
}

impl Task {
    /// It has come this far.
    pub fn reach(&mut self, size: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(size);
            return;
        }
        if self.is_small || self.told.elapsed() < PAUSE {
            return;
        }
        self.told = Instant::now();
        let done = size.saturating_sub(self.from);
        let seconds = self.began.elapsed().as_secs().max(1);
        let (log, what, to) = (&self.log, self.what, self.to);
        tracing::info!(log, size, to, per_second = done / seconds, "{what}");
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// See [`Progress::writer`].
#[derive(Debug)]
pub struct Writer(Option<MultiProgress>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Some(bars) => bars.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
