//! The people of the story. Each uses the `plainsight` command line, in a process and a home of
//! their own, and believes nothing but its exit code and what it prints.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use plainsight_client::http::BaseUrl;

use crate::network::write_home;

/// How to run `plainsight`: a program and the words before its arguments.
#[derive(Debug, Clone)]
pub struct Plainsight {
    program: PathBuf,
    words: Vec<String>,
}

impl Plainsight {
    /// The command line inside of this very program.
    pub fn of_this_program() -> Result<Self> {
        let program = std::env::current_exe().context("this program's own file is not known")?;
        Ok(Self {
            program,
            words: vec!["plainsight".into()],
        })
    }

    /// Another program that has it as a subcommand.
    pub fn of_program(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            words: vec!["plainsight".into()],
        }
    }

    /// Runs it.
    pub async fn run(&self, args: &[&str]) -> Result<Ran> {
        let mut command = Command::new(&self.program);
        command.args(&self.words).args(args);
        for name in ["HOME", "LOG", "POLICY", "TOKEN_FILE"] {
            command.env_remove(format!("PLAINSIGHT_{name}"));
        }
        let output = tokio::task::spawn_blocking(move || command.output())
            .await?
            .context("plainsight did not start")?;
        Ok(Ran {
            code: output.status.code().context("plainsight was killed")?,
            said: String::from_utf8_lossy(&output.stdout).into_owned(),
            noted: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

/// What came of a command.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// What it printed as its result.
    pub said: String,
    /// What it printed besides.
    pub noted: String,
}

impl Ran {
    /// The first line that says something.
    pub fn headline(&self) -> &str {
        let mut lines = self.said.lines().chain(self.noted.lines()).map(str::trim);
        lines.find(|line| !line.is_empty()).unwrap_or("(nothing)")
    }
}

/// Somebody with a home.
#[derive(Debug)]
pub struct Person {
    plainsight: Plainsight,
    home: PathBuf,
}

impl Person {
    /// Somebody who relies on this policy and reads the log at this address.
    pub fn new(
        plainsight: &Plainsight,
        home: PathBuf,
        log: &BaseUrl,
        policy: &Path,
        token: &str,
    ) -> Result<Self> {
        write_home(&home, log, policy, token)?;
        Ok(Self {
            plainsight: plainsight.clone(),
            home,
        })
    }

    /// Runs a command in this home.
    pub async fn run(&self, args: &[&str]) -> Result<Ran> {
        let home = self.home.to_str().context("the home's path is not text")?;
        let mut all = vec!["--home", home];
        all.extend(args);
        self.plainsight.run(&all).await
    }
}
