//! `plainsight-lab story`: everything that this system is for, once through. Honest steps must
//! verify; every lie must be caught by the party that should catch it, and where the log convicts
//! itself, a stranger must be able to check the evidence offline.

mod answers;
mod honest;
mod people;
mod signed;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

pub use honest::forged;
pub use people::{Person, Plainsight, Ran};

use crate::network::Network;

/// What `story` can be told.
#[derive(Debug, Args)]
pub struct StoryArgs {
    /// Print one line of JSON for each step
    #[arg(long)]
    json: bool,
    /// Keep everything here; the folder must not hold a network. Without it, a new folder for
    /// temporary files, which is removed at the end
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Whether a step is honest or a lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It must verify.
    Honest,
    /// It must be caught.
    Lie,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Lie => "lie",
        }
    }
}

/// One step of the story.
#[derive(Debug, Clone)]
pub struct Step {
    /// Honest or a lie.
    pub kind: Kind,
    /// What happened.
    pub title: String,
    /// What had to come of it.
    pub expected: String,
    /// What somebody saw.
    pub seen: String,
    /// Whether that is it.
    pub held: bool,
    /// The address of the evidence that a stranger checked.
    pub evidence: Option<String>,
}

/// Tells the story and keeps what came of each step.
#[derive(Debug)]
pub struct Telling {
    json: bool,
    steps: Vec<Step>,
}

impl Telling {
    /// Prints as it goes, unless `json` wants lines of JSON.
    pub fn new(json: bool) -> Self {
        Self {
            json,
            steps: Vec::new(),
        }
    }

    /// What was told so far.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Adds a step.
    pub fn step(&mut self, step: Step) {
        if self.json {
            println!(
                "{}",
                json!({
                    "step": self.steps.len() + 1,
                    "kind": step.kind.as_str(),
                    "title": step.title,
                    "expected": step.expected,
                    "seen": step.seen,
                    "held": step.held,
                    "evidence": step.evidence,
                })
            );
        } else {
            let mark = match (step.kind, step.held) {
                (Kind::Honest, true) => "verified",
                (Kind::Lie, true) => "caught",
                (_, false) => "FAILED",
            };
            println!("{:3}. [{mark}] {}", self.steps.len() + 1, step.title);
            println!("     {}", step.seen);
            if let Some(id) = &step.evidence {
                println!("     evidence {id}");
            }
            if !step.held {
                println!("     expected: {}", step.expected);
            }
        }
        self.steps.push(step);
    }

    /// Adds a step that a command decides by its exit code, and by words that it must print.
    pub fn command(&mut self, kind: Kind, title: &str, ran: &Ran, code: i32, words: &[&str]) {
        let printed = format!("{}{}", ran.said, ran.noted);
        let missing = words.iter().find(|word| !printed.contains(**word));
        let held = ran.code == code && missing.is_none();
        let mut expected = format!("exit code {code}");
        if let Some(word) = missing {
            expected = format!("{expected}, and {word:?} in: {printed}");
        }
        self.step(Step {
            kind,
            title: title.to_owned(),
            expected,
            seen: format!("exit code {}: {}", ran.code, ran.headline()),
            held,
            evidence: None,
        });
    }
}

/// Runs the whole story; the exit code is 0 if every step held.
pub async fn run(args: StoryArgs) -> Result<ExitCode> {
    let plainsight = Plainsight::of_this_program()?;
    let is_temporary = args.dir.is_none();
    let dir = args.dir.unwrap_or_else(|| {
        std::env::temp_dir().join(format!("plainsight-story-{}", std::process::id()))
    });
    let mut telling = Telling::new(args.json);
    let told = tell(&mut telling, &plainsight, &dir).await;
    if is_temporary {
        std::fs::remove_dir_all(&dir)?;
    }
    told?;
    let failed = telling.steps().iter().filter(|step| !step.held).count();
    let lies = telling
        .steps()
        .iter()
        .filter(|step| step.kind == Kind::Lie)
        .count();
    if !args.json {
        let honest = telling.steps().len() - lies;
        println!("\n{honest} honest steps, {lies} lies; {failed} did not come out as they must.");
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Everything, in order.
pub async fn tell(
    telling: &mut Telling,
    plainsight: &Plainsight,
    dir: &std::path::Path,
) -> Result<()> {
    let network = Network::start(&dir.join("network"), 0).await?;
    honest::tell(telling, plainsight, &network).await?;
    network.shutdown().await;
    answers::tell(telling, plainsight, dir).await?;
    signed::tell(telling, plainsight, dir).await
}
