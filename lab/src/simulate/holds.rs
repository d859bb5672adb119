//! What must hold: after each operation, and within a bound once the faults have ended.

use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result};
use plainsight_specs::hash::leaf_hash;
use plainsight_specs::merkle::Frontier;
use plainsight_specs::tile::{TILE_WIDTH, TilePath, parse_bundle};

use super::op::{AUDITORS, Op, PEOPLE, REPLICAS};
use super::person::Person;
use super::world::{BOUND, World, violated};

impl World {
    /// What must hold at any time.
    pub(super) async fn check(&mut self) -> Result<()> {
        if let Some(note) = self.published_note().await? {
            let head = note.head();
            let signed = note.verify_log(std::slice::from_ref(&self.vkey));
            if signed.is_err() {
                return violated("what is published is signed", format!("size {}", head.size));
            }
            if !self.is_old_copy {
                if head.size < self.published {
                    return violated(
                        "what is published only grows",
                        format!("{} after {}", head.size, self.published),
                    );
                }
                self.tally.published += u64::from(head.size > self.published);
                self.published = head.size;
                self.left(head)?;
            }
        }
        for (number, door) in (0u8..).zip(self.auditors.clone()) {
            let mut auditor = door.auditor.lock().await;
            for (size, head) in auditor.given.heads.clone() {
                if self
                    .signed
                    .get(&size)
                    .is_some_and(|root| *root != head.root)
                {
                    return violated(
                        "no auditor cosigns a second story",
                        format!("a{number} at {size}"),
                    );
                }
            }
            if let Some(found) = auditor
                .given
                .accused
                .filter(|_| self.lied_to != Some(number))
            {
                return violated(
                    "an honest log is never accused",
                    format!("a{number}: {found}"),
                );
            }
            if !std::mem::take(&mut auditor.is_touched)
                || auditor.is_rolled_back()
                || auditor.is_restored
            {
                continue;
            }
            let given = auditor.given.heads.last_key_value().map(|(size, _)| *size);
            let (kept, open) = auditor.on_disk().await?;
            if given.is_some_and(|given| given > kept.size.get()) {
                return violated(
                    "what an auditor gave out is on its disk",
                    format!("a{number}: {given:?} given, {} kept", kept.size),
                );
            }
            if let Some(open) = open.filter(|_| self.lied_to != Some(number)) {
                return violated(
                    "an honest log is never accused",
                    format!("a{number}: {open}"),
                );
            }
        }
        Ok(())
    }

    /// The faults end: within a bound everything works again, nothing that was acknowledged is
    /// missing, and a lie is found.
    pub(super) async fn end(&mut self) -> Result<()> {
        self.put_back_log().await?;
        self.net.weather().heal();
        for skew in &self.skews {
            skew.store(0, Ordering::Relaxed);
        }
        // The longest that a clock was ahead.
        self.time_ms.fetch_add(600_000, Ordering::Relaxed);
        for door in &self.auditors {
            let mut auditor = door.auditor.lock().await;
            auditor.dies_after = None;
        }
        let person = 0;
        for round in 0..BOUND {
            self.step(Op::TakeOver(round % REPLICAS)).await?;
            self.step(Op::Publish {
                person,
                replica: round % REPLICAS,
                epoch: true,
                lost: false,
            })
            .await?;
            // What was signed before goes first; and an auditor may have to say its size.
            for _ in 0..3 {
                self.step(Op::Round(round % REPLICAS)).await?;
            }
            for auditor in 0..AUDITORS {
                self.step(Op::Poll(auditor)).await?;
                for peer in 0..AUDITORS {
                    self.step(Op::Look { auditor, peer }).await?;
                }
            }
        }
        if let Some(liar) = self.lied_to {
            let door = self.door(liar)?;
            let mut auditor = door.auditor.lock().await;
            let (_, open) = auditor.on_disk().await?;
            if open.is_none() {
                return violated(
                    "a lie is found",
                    format!("a{liar} has nothing after {BOUND} rounds"),
                );
            }
        }
        self.one_history().await?;
        self.all_is_there().await
    }

    async fn all_is_there(&mut self) -> Result<()> {
        let well = {
            let mut well = 0;
            for door in &self.auditors {
                let auditor = door.auditor.lock().await;
                well += u32::from(!auditor.is_rolled_back() && auditor.given.accused.is_none());
            }
            well
        };
        if well < 2 {
            // No quorum is left that may sign.
            return Ok(());
        }
        let size = self.published;
        let newest = self.people.iter().filter_map(Person::newest_position).max();
        if newest.is_some_and(|newest| newest >= size.get()) {
            return violated(
                "what was acknowledged is published",
                format!("{newest:?} at size {size}"),
            );
        }
        for reader in 0..PEOPLE {
            for about in 0..PEOPLE {
                let label = self
                    .people
                    .get(usize::from(about))
                    .context("nobody")?
                    .label()
                    .clone();
                let now = self.now()?;
                let verifier = self
                    .verifiers
                    .get_mut(usize::from(reader))
                    .context("nobody")?;
                let contact = verifier.contact(&label, now).await;
                let contact = match contact {
                    Ok(contact) => contact,
                    Err(error) => {
                        return violated("readers are answered in the end", error.to_string());
                    }
                };
                let found = contact.found.as_ref();
                let about = self.people.get(usize::from(about)).context("nobody")?;
                about.is_shown(
                    found.map(|found| found.key_set.version()),
                    found.map(|found| found.key_set.bytes()),
                    contact.head.head.size,
                )?;
            }
        }
        Ok(())
    }

    /// Every head that was signed is of the history that is published.
    async fn one_history(&self) -> Result<()> {
        let objects = self.net.objects().context("no objects")?;
        let mut frontier = Frontier::new();
        for index in 0..self.published.get().div_ceil(u64::from(TILE_WIDTH)) {
            let path = TilePath::entries_at(index, self.published).context("no such bundle")?;
            let bytes = objects.get(&path).await?.context("a bundle is missing")?;
            for entry in parse_bundle(&bytes, path.width())? {
                frontier.append(&leaf_hash(entry));
                let size = frontier.size();
                let signed = self.signed.get(&size.get());
                if signed.is_some_and(|root| *root != frontier.root()) {
                    return violated("no two signed heads conflict", format!("size {size}"));
                }
            }
        }
        Ok(())
    }
}
