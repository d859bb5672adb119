//! What each party used in a phase.

use anyhow::Result;

use super::process::Usage;
use super::report::{PhaseReport, Used};

/// The processes whose use is reported.
pub(crate) struct Meter {
    log: Vec<u32>,
    auditors: Vec<u32>,
    database: Option<u32>,
}

/// What they had used at a moment.
pub(crate) struct Reading {
    log: Usage,
    auditors: Usage,
    database: Usage,
    generator: Usage,
}

impl Meter {
    /// Of these processes, and of this one.
    pub(crate) fn new(log: Vec<u32>, auditors: Vec<u32>, database: Option<u32>) -> Self {
        Self {
            log,
            auditors,
            database,
        }
    }

    /// What they have used by now.
    pub(crate) fn read(&self) -> Result<Reading> {
        Ok(Reading {
            log: Usage::of_all(&self.log)?,
            auditors: Usage::of_all(&self.auditors)?,
            database: match self.database {
                Some(pid) => Usage::of_family(pid)?,
                None => Usage::default(),
            },
            generator: Usage::of(std::process::id())?,
        })
    }

    /// Adds to a report what was used since `before`.
    pub(crate) fn add_to(&self, report: &mut PhaseReport, before: &Reading) -> Result<()> {
        let after = self.read()?;
        let items = report.items;
        let used = |before, after| Used::between(before, after, items);
        if !self.log.is_empty() {
            report.log = Some(used(&before.log, &after.log));
        }
        if !self.auditors.is_empty() {
            report.auditors = Some(used(&before.auditors, &after.auditors));
        }
        if self.database.is_some() {
            report.database = Some(used(&before.database, &after.database));
        }
        report.generator = Some(used(&before.generator, &after.generator));
        Ok(())
    }
}
