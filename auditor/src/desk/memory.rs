//! What is remembered outside the database of what was signed last.
//!
//! The file is written with each cosignature, before that leaves. At the start it is held against the
//! database; where it is missing, somebody else's memory is waited for, or the operator's word, which
//! writes the file.

use super::Desk;
use crate::alert::{Alert, Severity};
use crate::audit::{Event, Memory, Standing};
use crate::follow::Fatal;
use crate::high_water::{Mark, Recalled};

/// The code of the alert that nobody remembers what was signed last.
pub const MEMORY_LOST: &str = "memory-lost";

impl Desk {
    /// Looks, before anything is signed, whether the database is older than what was signed.
    pub(super) async fn recall(&mut self) -> Result<(), Fatal> {
        // SPEC(WIT-17)
        let mark = self.mark().await?;
        let signed = self.state.signed;
        let is_new = matches!(mark, Mark::None);
        match mark.recall(signed) {
            Recalled::As(memory) => {
                self.is_forgotten = memory != Memory::Fits;
                if is_new && memory == Memory::Fits {
                    // From now on a folder without this file has lost it.
                    self.remember(Vec::new()).await?;
                }
                if memory == Memory::Fits {
                    self.resolve(MEMORY_LOST).await?;
                }
                self.happen(Event::Recalled(memory)).await
            }
            Recalled::Ahead(checkpoint) => {
                // The log signed it: it is held against the log as any other.
                self.hear(&checkpoint).await?;
                self.happen(Event::OwnFound(*checkpoint)).await
            }
        }
    }

    /// Whether the operator has said meanwhile that the database is the newest.
    pub(super) async fn recall_again(&mut self) -> Result<(), Fatal> {
        if self.state.memory == Memory::Fits {
            return Ok(());
        }
        self.recall().await?;
        self.take_deferred().await
    }

    /// Whether everybody was asked, and nobody remembers what was signed last.
    pub(super) fn is_without_memory(&self) -> bool {
        let looked = self.failures > 0 || self.state.has_seen_published();
        self.state.standing == Standing::Unchecked
            && self.state.memory != Memory::Fits
            && self.state.peers_asked
            && looked
    }

    /// Tells the operator that nobody remembers, or goes on if somebody did.
    pub(super) async fn tell_of_memory(&mut self) -> Result<(), Fatal> {
        if self.is_without_memory() {
            // Dropping them answers "later".
            self.deferred.clear();
            let (origin, size) = (&self.log.origin, self.state.signed.size);
            let why = match self.state.memory {
                Memory::Unreadable => "cannot be read",
                Memory::Missing | Memory::Fits => {
                    "is missing, or a copy, and no other auditor and no published checkpoint has shown \
                     since the start what this key signed"
                }
            };
            return self
                .raise(&Alert {
                    severity: Severity::Own,
                    code: MEMORY_LOST,
                    subject: String::new(),
                    text: format!(
                        "the database says that size {size} was cosigned last; the file in the folder \
                         high-water that says so too {why}. So nobody knows whether the database is an \
                         old copy, and nothing of this log is signed. Put the newest database back; if \
                         this is the newest: `plainsight-auditor resume --log {origin} --reason TEXT`"
                    ),
                })
                .await;
        }
        if self.state.memory == Memory::Fits && self.is_forgotten {
            self.is_forgotten = false;
            self.resolve(MEMORY_LOST).await?;
            self.keep_again().await?;
        }
        Ok(())
    }

    /// Writes the file from the database, which somebody else's memory has borne out.
    async fn keep_again(&self) -> Result<(), Fatal> {
        let row = self.shared.store.log(&self.log.origin, &self.log.keys);
        match row.await?.signed_note {
            Some(note) => self.remember(note).await,
            None => Ok(()),
        }
    }

    async fn mark(&self) -> Result<Mark, Fatal> {
        let (water, log) = (self.shared.water.clone(), self.log.clone());
        let own = self.shared.signer.verifier_key();
        let read = move || water.read(&log.origin, &log.keys, &own);
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(|_| Fatal::Task)
    }

    /// Writes what was signed last; it is durable when this returns.
    pub(super) async fn remember(&self, note: Vec<u8>) -> Result<(), Fatal> {
        // SPEC(WIT-17)
        let (water, origin) = (self.shared.water.clone(), self.log.origin.clone());
        let write = move || water.write(&origin, &note);
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(|_| Fatal::Task)?.map_err(Fatal::HighWater)
    }
}
