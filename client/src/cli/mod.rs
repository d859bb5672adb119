//! The command line: nouns and verbs over the library. Results go to standard output, everything
//! else to standard error; the exit code is the [`Verdict`].

mod args;
mod contact;
mod draw;
mod evidence;
mod files;
mod keys;
mod keys_reset;
mod keys_watch;
mod log;
mod monitor;
mod output;
mod policy;
mod protection;
mod release;
mod session;
mod shell;
mod stop;
mod submit;
mod watch;

use std::ffi::OsString;
use std::time::{SystemTime, UNIX_EPOCH};

use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use plainsight_specs::time::Timestamp;

use crate::failure::Verdict;
use args::{Cli, Noun};
use output::Output;
use stop::Stop;

/// How long somebody at a terminal sees nothing.
const SILENCE: Duration = Duration::from_secs(3);

/// Runs one command and returns its exit code.
pub async fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let parsed = Cli::command().try_get_matches_from(&args);
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return typed_wrongly(&error, &args).code(),
    };
    let mut output = Output::new(&cli.places, named(&matches));
    let places = cli.places.clone();
    let asks_a_log = cli.noun.asks_a_log();
    let is_watched = output.is_watched();
    let done = Box::pin(command(cli, &mut output));
    let verdict = match told_of_waiting(is_watched, done).await {
        Ok(verdict) => verdict,
        Err(stop) => output.stop(&stop),
    };
    if !asks_a_log {
        return verdict.code();
    }
    // The answer stands on standard output already; only a proved fork changes the exit code.
    submit::verified_head(&places, &output)
        .await
        .unwrap_or(verdict)
        .code()
}

/// The command that was typed, such as `keys new`.
fn named(matches: &ArgMatches) -> String {
    let mut names = Vec::new();
    let mut below = matches.subcommand();
    while let Some((name, matches)) = below {
        names.push(name);
        below = matches.subcommand();
    }
    names.join(" ")
}

/// Waits, and says so to somebody at a terminal who has waited for a while.
async fn told_of_waiting<T>(is_watched: bool, mut done: impl Future<Output = T> + Unpin) -> T {
    tokio::select! {
        done = &mut done => return done,
        () = tokio::time::sleep(SILENCE), if is_watched => {}
    }
    eprintln!("No answer yet; waiting on. Ctrl-C ends it and changes nothing.");
    done.await
}

/// Help and version are answers; everything else is a usage error, in the form that was asked for.
fn typed_wrongly(error: &clap::Error, args: &[OsString]) -> Verdict {
    let has = |flag: &str| {
        args.iter()
            .take_while(|arg| *arg != "--")
            .any(|arg| arg == flag)
    };
    if !error.use_stderr() {
        // A closed pipe is the reader's choice.
        let _closed = error.print();
        return Verdict::Verified;
    }
    if let Some(mut output) = Output::of_form(has("--json"), has("--quiet")) {
        return output.stop(&Stop::Usage(usage_words(error)));
    }
    let _closed = error.print();
    Verdict::Usage
}

/// What was typed wrongly, without the usage and the hints that stand below it.
fn usage_words(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing".into();
    }
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first.split_whitespace().collect();
    words.join(" ").trim_start_matches("error: ").into()
}

async fn command(cli: Cli, output: &mut Output) -> Result<Verdict, Stop> {
    match cli.noun {
        Noun::Contact(verb) => contact::run(&cli.places, verb, output).await,
        Noun::Keys(verb) => keys::run(&cli.places, verb, output).await,
        Noun::Release(verb) => release::run(&cli.places, verb, output).await,
        Noun::Protection(verb) => protection::run(&cli.places, verb, output).await,
        Noun::Evidence(verb) => evidence::run(&cli.places, verb, output).await,
        Noun::Log(verb) => log::run(&cli.places, verb, output).await,
        Noun::Policy(verb) => policy::run(&cli.places, verb, output),
        Noun::Completions { shell } => Ok(shell::completions(shell)),
        Noun::Man { dir } => shell::man(&dir),
    }
}

/// The only place where this program reads a clock.
fn clock() -> Result<Timestamp, Stop> {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .map(|since| since.as_secs());
    seconds
        .and_then(Timestamp::from_seconds)
        .ok_or_else(|| Stop::Usage("the system's clock is not set".into()))
}
