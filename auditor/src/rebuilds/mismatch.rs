//! Tells of mismatches about files that a followed log has released, once for each rebuilder and file.

use std::time::Duration;

use plainsight_specs::index::IndexKey;
use plainsight_specs::statement::artifact_index;
use tokio::sync::oneshot;

use super::Rebuilds;
use crate::alert::{Alert, Severity};
use crate::desk::{Command, Handle};
use crate::store::{StoreError, WaitingMismatch};

/// Mismatches that are looked at in a round.
const AT_ONCE: u32 = 64;
/// For the answer of a log's task.
const PATIENCE: Duration = Duration::from_secs(10);
/// The code of the alert.
const MISMATCH: &str = "rebuild-mismatch";

impl Rebuilds {
    pub(super) async fn tell_mismatches(&self, desks: &[Handle]) -> Result<(), StoreError> {
        let now = self.clock.now_s();
        let waiting = self.store.waiting_mismatches(AT_ONCE, now).await?;
        // One whose rebuilder was struck from the list is neither served nor told.
        let waiting: Vec<(&str, WaitingMismatch)> = waiting
            .into_iter()
            .filter_map(|one| Some((self.name_of(&one.rebuilder)?, one)))
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let indexes: Vec<IndexKey> = waiting
            .iter()
            .map(|(_, one)| artifact_index(&one.file))
            .collect();
        for desk in desks {
            let Some(released) = holds(desk, indexes.clone()).await else {
                continue;
            };
            for ((name, one), released) in waiting.iter().zip(released) {
                if released {
                    self.tell(desk, name, one, now).await?;
                }
            }
        }
        Ok(())
    }

    async fn tell(
        &self,
        desk: &Handle,
        name: &str,
        one: &WaitingMismatch,
        now: u64,
    ) -> Result<(), StoreError> {
        let file = one.file.to_hex();
        let subject = format!("{file} {name}");
        if let Some(built) = one.built {
            let alert = Alert {
                severity: Severity::Policy,
                code: MISMATCH,
                text: format!(
                    "{name} built the file {file}, which this log has released, again from its \
                     source and got another one: {}",
                    built.to_hex()
                ),
                subject,
            };
            if self.store.raise(Some(desk.id), &alert, now).await? {
                tracing::warn!(log = %desk.log.origin, code = MISMATCH, "{}", alert.text);
            }
        } else {
            self.store
                .resolve_subject(Some(desk.id), MISMATCH, &subject, now)
                .await?;
        }
        // Last, so that a crash tells it again under the same name rather than never.
        self.store.mismatch_told(one).await
    }
}

/// Whether the log's index holds each of these; `None` if that cannot be said now.
async fn holds(desk: &Handle, indexes: Vec<IndexKey>) -> Option<Vec<bool>> {
    let (reply, answer) = oneshot::channel();
    let command = Command::Holds { indexes, reply };
    desk.inbox.try_send(command).ok()?;
    tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()?
}
