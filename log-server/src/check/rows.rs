//! Private rows against the entries that they belong to.

use std::collections::VecDeque;
use std::sync::Arc;

use plainsight_specs::commitment::{Opening, commit};
use plainsight_specs::entry::{Entry, KeyEntry};
use plainsight_specs::keyset::KeySet;
use plainsight_specs::rules::Judged;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::{CheckError, Report};
use crate::signer::Keys;
use crate::source::label_hash;
use crate::store::{KeyRow, StatementRow, Store};

/// Rows read at a time.
const PAGE: u32 = 2_048;

/// The private rows in the order of the log, a page of each kind at a time.
pub(super) struct Rows {
    keys: Arc<Keys>,
    of_keys: Pages<KeyRow>,
    of_statements: Pages<StatementRow>,
    /// Key entries whose rows are still to be opened.
    pending: Vec<(u64, KeyEntry, Option<KeyRow>)>,
}

struct Pages<R> {
    rows: VecDeque<R>,
    /// Where the next page begins.
    from: u64,
    is_last: bool,
}

impl<R> Pages<R> {
    fn new() -> Self {
        Self {
            rows: VecDeque::new(),
            from: 0,
            is_last: false,
        }
    }

    fn needs_more(&self) -> bool {
        self.rows.is_empty() && !self.is_last
    }

    fn add(&mut self, rows: Vec<R>, position: impl Fn(&R) -> u64) {
        self.is_last = rows.len() < PAGE as usize;
        self.from = rows.last().map_or(self.from, |row| position(row) + 1);
        self.rows = rows.into();
    }

    /// The row at a position; rows before it belong to nothing.
    fn at(
        &mut self,
        at: u64,
        position: impl Fn(&R) -> u64,
        mut surplus: impl FnMut(u64),
    ) -> Option<R> {
        while let Some(row) = self.rows.front() {
            match position(row) {
                found if found < at => surplus(found),
                found if found > at => return None,
                _ => return self.rows.pop_front(),
            }
            self.rows.pop_front();
        }
        None
    }
}

fn surplus(report: &mut Report) -> impl FnMut(u64) {
    |at| report.fault(format!("a private row at {at} belongs to no entry there"))
}

impl Rows {
    pub(super) fn new(keys: Arc<Keys>) -> Self {
        Self {
            keys,
            of_keys: Pages::new(),
            of_statements: Pages::new(),
            pending: Vec::new(),
        }
    }

    /// Looks for the row of an entry.
    pub(super) async fn entry(
        &mut self,
        store: &Store,
        judged: &Judged,
        report: &mut Report,
    ) -> Result<(), CheckError> {
        let at = judged.position.get();
        match &judged.entry {
            Some(Entry::Key(key)) => {
                let row = self.key_row(store, at, report).await?;
                self.pending.push((at, *key, row));
            }
            Some(Entry::Statement(statement)) => {
                let row = self.statement_row(store, at, report).await?;
                let statement = statement.statement();
                let is_right = row.is_some_and(|row| {
                    row.leaf == judged.leaf
                        && row.stream == statement.stream().as_bytes()
                        && row.seq == statement.seq().get()
                });
                report.rows += 1;
                if !is_right {
                    report.fault(format!("the row of statement {at} is missing or wrong"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn key_row(
        &mut self,
        store: &Store,
        at: u64,
        report: &mut Report,
    ) -> Result<Option<KeyRow>, CheckError> {
        let position = |row: &KeyRow| row.position.get();
        loop {
            if self.of_keys.needs_more() {
                let rows = store.keys_from(self.of_keys.from, PAGE).await?;
                self.of_keys.add(rows, position);
            }
            let found = self.of_keys.at(at, position, surplus(report));
            if found.is_some() || !self.of_keys.needs_more() {
                return Ok(found);
            }
        }
    }

    async fn statement_row(
        &mut self,
        store: &Store,
        at: u64,
        report: &mut Report,
    ) -> Result<Option<StatementRow>, CheckError> {
        let position = |row: &StatementRow| row.position.get();
        loop {
            if self.of_statements.needs_more() {
                let rows = store.statements_from(self.of_statements.from, PAGE).await?;
                self.of_statements.add(rows, position);
            }
            let found = self.of_statements.at(at, position, surplus(report));
            if found.is_some() || !self.of_statements.needs_more() {
                return Ok(found);
            }
        }
    }

    /// Opens the key entries that were put off, on all cores: each takes a VRF evaluation.
    pub(super) async fn flush(&mut self, report: &mut Report) -> Result<(), CheckError> {
        let pending = std::mem::take(&mut self.pending);
        report.rows += pending.len() as u64;
        let keys = Arc::clone(&self.keys);
        let wrong = tokio::task::spawn_blocking(move || {
            let is_wrong = |(at, entry, row): (u64, KeyEntry, Option<KeyRow>)| {
                let is_opened = row.is_some_and(|row| opens(&keys, row, &entry));
                (!is_opened).then_some(at)
            };
            pending
                .into_par_iter()
                .filter_map(is_wrong)
                .collect::<Vec<_>>()
        });
        for at in wrong.await.map_err(|_| CheckError::Cancelled)? {
            report.fault(format!(
                "the row of key entry {at} is missing or does not open it"
            ));
        }
        Ok(())
    }

    /// Rows below `size` that no entry asked for.
    pub(super) async fn surplus(
        &mut self,
        store: &Store,
        size: u64,
        report: &mut Report,
    ) -> Result<(), CheckError> {
        // The row of the entry at `size` itself is none of ours.
        self.key_row(store, size, report).await?;
        self.statement_row(store, size, report).await?;
        Ok(())
    }
}

/// Whether label, version and key set of a row lead to the index and the commitment of its entry.
/// Without the key set, which can be erased, nothing leads there, and there is nothing to compare.
fn opens(keys: &Keys, row: KeyRow, entry: &KeyEntry) -> bool {
    let Some(key_set) = row.key_set else {
        return row.opening.is_none();
    };
    let Ok(key_set) = KeySet::parse(&key_set) else {
        return false;
    };
    let (label, version) = (key_set.label(), key_set.version());
    let is_committed = || match row.opening.map(<[u8; 16]>::try_from) {
        // Erased: what is left is compared.
        None => true,
        Some(Err(_)) => false,
        Some(Ok(opening)) => {
            let opening = Opening::from_bytes(opening);
            commit(&opening, label, version, key_set.bytes()) == entry.commitment
        }
    };
    label_hash(label) == row.label_hash
        && version.get() == row.version
        && is_committed()
        && keys.vrf.evaluate(&label.vrf_input(version)).index_key() == entry.index
}
