//! What a check says.

/// Faults listed; more are only counted by their absence from the list.
const MAX_FAULTS: usize = 100;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Entries that are sequenced.
    pub entries: u64,
    /// The size that is published.
    pub published: u64,
    /// Checkpoints that were ever signed.
    pub checkpoints: u64,
    /// Public objects that were compared.
    pub objects: u64,
    /// Private rows that were compared.
    pub rows: u64,
    /// Objects that no signed size needs: a publication that was cut short. Right in themselves.
    pub early: u64,
    /// Files that never got a final name.
    pub leftovers: u64,
    /// What is wrong.
    pub faults: Vec<String>,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} entries, {} published", self.entries, self.published)?;
        writeln!(
            f,
            "{} checkpoints, {} objects, {} private rows compared",
            self.checkpoints, self.objects, self.rows
        )?;
        writeln!(
            f,
            "{} early objects, {} leftovers",
            self.early, self.leftovers
        )?;
        for fault in &self.faults {
            writeln!(f, "fault: {fault}")?;
        }
        match self.faults.len() {
            0 => f.write_str("all is well"),
            faults => write!(f, "{faults} faults"),
        }
    }
}

impl Report {
    pub(super) fn fault(&mut self, text: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(text);
        }
    }
}
