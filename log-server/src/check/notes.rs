//! Everything that the log's key ever signed.

use std::collections::VecDeque;

use plainsight_specs::checkpoint::UnverifiedCheckpoint;
use plainsight_specs::merkle::{TreeHead, TreeSize};
use plainsight_specs::note::VerifierKey;

use super::CheckError;
use super::walk::Walk;
use crate::objects::ObjectError;
use crate::store::{CheckpointRow, Store, StoreError};

/// Rows read at a time.
const PAGE: u32 = 1_000;

/// The signed heads up to the newest of when the check began, a page at a time.
pub(super) struct Signed {
    page: VecDeque<CheckpointRow>,
    above: TreeSize,
    newest: TreeSize,
}

impl Signed {
    pub(super) fn new(newest: TreeSize) -> Self {
        Self {
            page: VecDeque::new(),
            above: TreeSize::ZERO,
            newest,
        }
    }

    /// The next size that was signed and not yet asked for.
    pub(super) async fn next_size(
        &mut self,
        store: &Store,
    ) -> Result<Option<TreeSize>, StoreError> {
        if self.page.is_empty() && self.above < self.newest {
            let rows = store.checkpoints_above(self.above, PAGE).await?;
            self.above = rows.last().map_or(self.newest, |row| row.tree.size);
            let newest = self.newest;
            self.page = rows
                .into_iter()
                .filter(|row| row.tree.size <= newest)
                .collect();
        }
        Ok(self.page.front().map(|row| row.tree.size))
    }

    /// The head that was signed at exactly `size`. Sizes must be asked for in ascending order.
    pub(super) async fn at(
        &mut self,
        store: &Store,
        size: TreeSize,
    ) -> Result<Option<CheckpointRow>, StoreError> {
        let is_next = self.next_size(store).await? == Some(size);
        Ok(is_next.then(|| self.page.pop_front()).flatten())
    }
}

impl Walk {
    pub(super) fn check_notes(&mut self, row: &CheckpointRow) {
        let size = row.tree.size;
        let notes = [Some(&row.note), row.cosigned.as_ref()];
        for note in notes.into_iter().flatten() {
            if !is_signed(note, &row.tree, &self.vkey) {
                self.report
                    .fault(format!("the note of size {size} is not the log's"));
            }
        }
    }

    /// The public checkpoint is one that was signed, and not behind the progress.
    pub(super) async fn check_public(&mut self) -> Result<(), CheckError> {
        let public = match self.objects.checkpoint().await {
            Ok(public) => public,
            Err(ObjectError::Checkpoint) => {
                self.report
                    .fault("the published checkpoint does not parse".into());
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let size = public
            .as_ref()
            .map_or(TreeSize::ZERO, |note| note.head().size);
        if size < self.progress.published {
            self.report.fault(format!(
                "the public checkpoint is of size {size}, behind what was published; \
                 the server writes it again when it starts"
            ));
        }
        if let Some(public) = public {
            let row = self.store.checkpoint(size).await?;
            let head = public.head();
            let is_known = row.is_some_and(|row| row.tree == head);
            let vkey = std::slice::from_ref(&self.vkey);
            let is_signed = public.verify_log(vkey).is_ok();
            let newest = self.signed.newest;
            if !is_signed {
                self.report.fault(format!(
                    "the public checkpoint of size {size} is not signed by the log's key"
                ));
            } else if !is_known && size > newest {
                self.report.fault(format!(
                    "this database is older than the objects: the public checkpoint of size {size} \
                     is signed by the log's key, and the newest that the database knows of is of \
                     size {newest}. It is a backup that was put back, or a copy. A server answers \
                     readers from it and writes nothing; put back the newest database"
                ));
            } else if !is_known {
                self.report.fault(format!(
                    "the public checkpoint of size {size} is signed by the log's key, and the \
                     database does not know of it: they are of two histories of the log. Let no \
                     server write; auditors will show which one they cosigned"
                ));
            }
        }
        Ok(())
    }
}

fn is_signed(note: &[u8], tree: &TreeHead, vkey: &VerifierKey) -> bool {
    UnverifiedCheckpoint::parse(note)
        .and_then(|note| note.verify_log(std::slice::from_ref(vkey)))
        .is_ok_and(|signed| signed.head() == *tree)
}
