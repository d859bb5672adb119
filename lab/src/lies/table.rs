//! Reads the chapter: its tables are what is told and what must be noticed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};

/// The chapter.
const CHAPTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/lies.md");

/// The sections that have a table, in the order of the chapter.
pub const SECTIONS: [&str; 6] = [
    "In the log",
    "To readers",
    "About releases",
    "By auditors",
    "By clients",
    "To strangers",
];

/// Who notices a lie, by what, and what it comes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caught {
    /// Who.
    pub party: String,
    /// By which rule, step, alert or alarm.
    pub by: String,
    /// Evidence, an alert, an exit code, a status.
    pub comes_to: String,
}

impl Caught {
    /// Somebody noticed it.
    pub fn new(party: &str, by: impl Into<String>, comes_to: impl Into<String>) -> Self {
        Self {
            party: party.to_owned(),
            by: by.into(),
            comes_to: comes_to.into(),
        }
    }
}

/// The lies of one section.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// What must be noticed of each lie.
    pub lies: BTreeMap<String, BTreeSet<Caught>>,
}

/// The tables of the chapter.
#[derive(Debug)]
pub struct Table {
    sections: Vec<Section>,
}

impl Table {
    /// The chapter's.
    pub fn of_the_chapter() -> Result<Self> {
        Self::parse(&std::fs::read_to_string(CHAPTER).context(CHAPTER)?)
    }

    /// From the text of a chapter: a row is a line that begins with a name in backticks.
    pub fn parse(chapter: &str) -> Result<Self> {
        let mut sections: Vec<Section> = Vec::new();
        for line in chapter.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                sections.push(Section {
                    title: title.to_owned(),
                    lies: BTreeMap::new(),
                });
            } else if line.starts_with("| `") {
                let section = sections.last_mut().context("a row before any section")?;
                let (name, words, caught) = row(line).with_context(|| line.to_owned())?;
                let known = section.lies.entry(name).or_default();
                ensure!(known.is_empty() == words, "said once: {line}");
                for one in caught {
                    ensure!(known.insert(one), "said twice: {line}");
                }
            }
        }
        sections.retain(|section| !section.lies.is_empty());
        Ok(Self { sections })
    }

    /// The sections that have lies.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// A section by its title.
    pub fn section(&self, title: &str) -> Result<&Section> {
        let mut sections = self.sections.iter();
        sections
            .find(|section| section.title == title)
            .with_context(|| format!("no section {title:?} with lies"))
    }

    /// All that is to be noticed, by the names of the lies.
    pub fn all(&self) -> impl Iterator<Item = (&String, &Caught)> {
        let lies = self.sections.iter().flat_map(|section| &section.lies);
        lies.flat_map(|(name, caught)| caught.iter().map(move |one| (name, one)))
    }
}

/// name, lie, told to, caught by, by, comes to. What is done stands in the first row of a lie.
fn row(line: &str) -> Result<(String, bool, Vec<Caught>)> {
    let inner = line
        .strip_prefix('|')
        .and_then(|line| line.strip_suffix('|'));
    let cells: Vec<&str> = inner.context("no row")?.split('|').map(str::trim).collect();
    let [name, lie, told, by_whom, by, comes_to] = cells[..] else {
        anyhow::bail!("a row has six cells");
    };
    let name = name.trim_matches('`').to_owned();
    let parties = if by_whom == "each" { told } else { by_whom };
    let caught = parties
        .split(',')
        .map(|party| Caught::new(party.trim(), by, comes_to))
        .collect();
    Ok((name, !lie.is_empty(), caught))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_who_notices() {
        let text = "## One\n| lie | is | told to | caught by | by | comes to |\n|---|---|---|---|---|---|\n\
                    | `a` | x | contact, owner | each | step quorum | exit 4 |\n\
                    | `a` | | contact | auditors | rule fork | evidence |\n";
        let table = Table::parse(text).unwrap();
        let section = table.section("One").unwrap();
        let expected = BTreeSet::from([
            Caught::new("contact", "step quorum", "exit 4"),
            Caught::new("owner", "step quorum", "exit 4"),
            Caught::new("auditors", "rule fork", "evidence"),
        ]);
        assert_eq!(section.lies["a"], expected);
        assert!(table.section("Two").is_err());
        assert!(Table::parse("| `a` | b | c | d | e | f |").is_err());
        assert!(Table::parse("## A\n| `a` | b | c | d | e |").is_err());
        let twice = "## A\n| `a` | b | c | d | e | f |\n| `a` | b | c | d | e | f |";
        assert!(Table::parse(twice).is_err());
    }
}
