//! What a check says.

use std::fmt;

/// Faults and names listed; more are only counted.
const MAX_LISTED: usize = 100;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Entries that are sequenced.
    pub entries: u64,
    /// Entries that only the bundles hold: their segments were pruned.
    pub pruned: u64,
    /// The size that is published.
    pub published: u64,
    /// Checkpoints that were ever signed.
    pub checkpoints: u64,
    /// Public objects that were compared.
    pub objects: u64,
    /// Bytes of the entries.
    pub entry_bytes: u64,
    /// Bytes of all public objects.
    pub object_bytes: u64,
    /// Private rows that were compared.
    pub rows: u64,
    /// Objects that no signed size needs: a publication that was cut short. Right in themselves.
    pub early: u64,
    /// Objects of entries that were sequenced after the check began, and so not compared.
    pub newer: u64,
    /// Files that never got a final name.
    pub leftovers: u64,
    /// Objects that should be there and are not.
    pub missing: u64,
    /// Objects that were missing and were written again.
    pub rewritten: u64,
    /// Whether the entries hash to the database's head and to every checkpoint ever signed.
    pub is_proven: bool,
    /// Names of early objects and leftovers, the first of them.
    pub listed: Vec<String>,
    /// What is wrong.
    pub faults: Vec<String>,
    /// Faults beyond those that are listed.
    pub more_faults: u64,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_well(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn fault(&mut self, text: String) {
        if self.faults.len() < MAX_LISTED {
            self.faults.push(text);
        } else {
            self.more_faults += 1;
        }
    }

    pub(super) fn list(&mut self, name: &str, why: &str) {
        if self.listed.len() < MAX_LISTED {
            self.listed.push(format!("{name}: {why}"));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} entries, {} published", self.entries, self.published)?;
        if self.pruned > 0 {
            writeln!(
                f,
                "{} of them are in the bundles alone, since the database was pruned",
                self.pruned
            )?;
        }
        writeln!(
            f,
            "{} checkpoints, {} objects, {} private rows compared",
            self.checkpoints, self.objects, self.rows
        )?;
        if self.entry_bytes > 0 {
            let percent = u128::from(self.object_bytes) * 100 / u128::from(self.entry_bytes);
            writeln!(
                f,
                "{} bytes of objects for {} bytes of entries ({}.{:02} times)",
                self.object_bytes,
                self.entry_bytes,
                percent / 100,
                percent % 100
            )?;
        }
        writeln!(
            f,
            "{} early objects, {} leftovers",
            self.early, self.leftovers
        )?;
        for listed in &self.listed {
            writeln!(f, "  {listed}")?;
        }
        if self.newer > 0 {
            writeln!(
                f,
                "{} objects were written while the check ran, and not compared",
                self.newer
            )?;
        }
        if self.rewritten > 0 {
            writeln!(
                f,
                "{} objects were missing and were written again",
                self.rewritten
            )?;
        }
        for fault in &self.faults {
            writeln!(f, "fault: {fault}")?;
        }
        if self.more_faults > 0 {
            writeln!(f, "and {} faults more", self.more_faults)?;
        }
        if self.missing > 0 {
            let what = if self.is_proven {
                "the database and the bundles hold what they are made of: \
                 `plainsight-log check --repair` writes them again and changes nothing else"
            } else {
                "they cannot be made again, since the entries are not what was signed: \
                 restore a backup"
            };
            writeln!(f, "{} objects are missing; {what}", self.missing)?;
        }
        match self.faults.len() as u64 + self.more_faults {
            0 => f.write_str(
                "all is well: the database and the objects agree. Whether the log has signed more \
                 since, as after both were put back, only its auditors know",
            ),
            1 => f.write_str("1 fault"),
            faults => write!(f, "{faults} faults"),
        }
    }
}
