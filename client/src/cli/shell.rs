//! `plainsight completions` and `plainsight man`: made from what can be typed.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::Cli;
use super::stop::Stop;
use crate::failure::Verdict;
use crate::home::file::create_dir;

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> Verdict {
    let mut command = Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "plainsight", &mut script);
    // A closed pipe is the reader's choice.
    let _closed = std::io::Write::write_all(&mut std::io::stdout(), &script);
    Verdict::Verified
}

/// Writes a manual page for each command into a folder.
pub(crate) fn man(dir: &Path) -> Result<Verdict, Stop> {
    create_dir(dir)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(|error| Stop::File {
        path: dir.into(),
        reason: error.to_string(),
    })?;
    Ok(Verdict::Verified)
}
