//! Printing. A closed pipe ends the printing and nothing else.

use std::io::{IsTerminal as _, Write};

use serde_json::Value;

use super::args::Places;
use super::stop::{Stop, USAGE};
use crate::failure::Verdict;
use crate::qr::Colour;
use crate::report::Report;

/// Where results go, and in which form.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    colour: bool,
    /// The command that was typed, such as `keys new`.
    command: String,
}

impl Output {
    /// Colour only for a person at a terminal who has not asked for none.
    pub(crate) fn new(places: &Places, command: String) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            json: places.json,
            quiet: places.quiet,
            colour: !no_colour && std::io::stdout().is_terminal(),
            command,
        }
    }

    /// For what cannot be parsed: JSON or one line if that was asked for, `None` for a person.
    pub(crate) fn of_form(json: bool, quiet: bool) -> Option<Self> {
        (json || quiet).then_some(Self {
            json,
            quiet,
            colour: false,
            command: String::new(),
        })
    }

    /// Whether a drawing may set colours.
    pub(crate) fn colour(&self) -> Colour {
        if self.colour {
            Colour::Ansi
        } else {
            Colour::Plain
        }
    }

    /// Prints a result.
    pub(crate) fn report(&mut self, report: &impl Report) -> Verdict {
        let verdict = report.verdict();
        if self.json {
            print(&mut std::io::stdout(), &[report.json().to_string()]);
        } else {
            let mut lines = report.lines();
            if self.quiet {
                lines.truncate(1);
            }
            if let Some(first) = lines.first_mut() {
                *first = self.coloured(first, verdict);
            }
            print(&mut std::io::stdout(), &lines);
        }
        verdict
    }

    /// Prints why there is no result.
    pub(crate) fn stop(&mut self, stop: &Stop) -> Verdict {
        if self.json {
            print(&mut std::io::stdout(), &[stop.json().to_string()]);
        } else {
            let mut lines = stop.lines();
            if let Some(next) = lines.last_mut().filter(|next| *next == USAGE)
                && !self.command.is_empty()
            {
                *next = format!("See `plainsight {} --help`.", self.command);
            }
            if self.quiet {
                lines.truncate(1);
            }
            print(&mut std::io::stderr(), &lines);
        }
        stop.verdict()
    }

    /// Prints what makes a result that was printed before worthless, to standard error in any form.
    pub(crate) fn alarm(&self, report: &impl Report) -> Verdict {
        let lines = if self.json {
            vec![report.json().to_string()]
        } else {
            report.lines()
        };
        print(&mut std::io::stderr(), &lines);
        report.verdict()
    }

    /// Says something that is not the result.
    pub(crate) fn note(&self, text: &str) {
        if !self.json && !self.quiet {
            print(&mut std::io::stderr(), &[text.into()]);
        }
    }

    /// Says that an answer is awaited, to a person who sits there.
    pub(crate) fn is_watched(&self) -> bool {
        !self.json && !self.quiet && std::io::stderr().is_terminal()
    }

    fn coloured(&self, line: &str, verdict: Verdict) -> String {
        let colour = match verdict {
            Verdict::Verified => "32",
            Verdict::Refuted | Verdict::PinChanged => "31",
            _ => "33",
        };
        match line.split_once(':') {
            Some((word, rest)) if self.colour => format!("\x1b[1;{colour}m{word}\x1b[0m:{rest}"),
            _ => line.into(),
        }
    }
}

fn print(to: &mut impl Write, lines: &[String]) {
    for line in lines {
        if writeln!(to, "{line}").is_err() {
            return;
        }
    }
    let _closed = to.flush();
}

/// Members of `json`, and one more.
pub(crate) fn with_member(mut json: Value, name: &str, value: Value) -> Value {
    if let Some(members) = json.as_object_mut() {
        members.insert(name.into(), value);
    }
    json
}
