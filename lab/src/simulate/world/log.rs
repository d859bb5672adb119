//! What happens to a simulated log and its replicas: they write, sign, are asked, crash, and are put
//! back from copies.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use plainsight_log_server::objects::Objects;
use plainsight_log_server::stepwise::{Epoch, Stopped};
use plainsight_log_server::store::WriterLock;
use plainsight_specs::merkle::{TreeHead, TreeSize};

use super::super::op::{AUDITORS, REPLICAS};
use super::super::person::Person;
use super::super::template;
use super::{World, copy, violated};

impl World {
    /// A term may end at any time. Only an old copy, or clocks that run back, may be refused.
    pub(super) fn honest<T>(&mut self, outcome: Result<T, Stopped>) -> Result<()> {
        match outcome {
            Ok(_) | Err(Stopped::NotWriting) => Ok(()),
            Err(Stopped::Ended(why)) => {
                self.tally.replaced += u64::from(why.contains("replaced"));
                Ok(())
            }
            Err(Stopped::Refused(_)) if self.is_old_copy => {
                self.tally.refused += 1;
                Ok(())
            }
            Err(Stopped::Refused(why)) if why.contains("clock") => Ok(()),
            Err(Stopped::Refused(why)) => violated("a log that is whole is written", why),
        }
    }

    pub(super) async fn take_over(&mut self, number: u8) -> Result<()> {
        self.replica(number).await?;
        let (Some(lock), Some(Some(replica))) =
            (&self.lock, self.replicas.get_mut(usize::from(number)))
        else {
            bail!("no replica or no lock");
        };
        let done = replica.take_over(lock).await;
        if matches!(&done, Err(Stopped::Refused(why)) if why.contains("clock")) {
            // Its operator sets the clock right and starts it again.
            self.crash(number).await;
        }
        self.honest(done)
    }

    pub(super) async fn publish(
        &mut self,
        person: u8,
        replica: u8,
        epoch: bool,
        lost: bool,
    ) -> Result<()> {
        let now = self.now()?;
        let place = usize::from(person);
        let item = self.people.get_mut(place).context("nobody")?.next(now)?;
        let epoch = if epoch { Epoch::Yes } else { Epoch::No };
        let done = self
            .replica(replica)
            .await?
            .publish(vec![item], epoch)
            .await;
        let person = self.people.get_mut(place).context("nobody")?;
        match done {
            // What an old copy says is lost with it; the newest is asked again.
            Ok(Ok(answer)) if !lost && !self.is_old_copy => {
                let result = answer.results.into_iter().next().context("no result")?;
                match result {
                    Ok(logged) => {
                        person.acknowledged(logged.position);
                        self.tally.acknowledged += 1;
                        Ok(())
                    }
                    Err(error) => {
                        violated("what was published once is taken again", error.to_string())
                    }
                }
            }
            // Nobody knows, and the same bytes are sent again.
            Ok(_) => Ok(()),
            Err(stopped) => self.honest::<()>(Err(stopped)),
        }
    }

    pub(super) async fn sign(&mut self, replica: u8) -> Result<Option<TreeHead>> {
        let signed = match self.replica(replica).await?.sign().await {
            Ok(signed) => signed.map(|signed| signed.head()),
            Err(stopped) => return self.honest::<()>(Err(stopped)).map(|()| None),
        };
        let newest = signed.map_or(TreeSize::ZERO, |head| head.size);
        self.newest_signed = self.newest_signed.max(newest);
        let is_new = |head: &TreeHead| self.signed.get(&head.size.get()) != Some(&head.root);
        match signed.filter(is_new).filter(|_| self.is_old_copy) {
            Some(head) => violated(
                "an old copy of the log signs nothing",
                format!("size {}", head.size),
            ),
            None => Ok(signed),
        }
    }

    pub(super) async fn ask(&mut self, replica: u8, auditor: u8, lost: bool) -> Result<()> {
        let name = template::auditor(auditor);
        // What is signed may leave from here on.
        match self.sign(replica).await? {
            Some(head) => self.left(head)?,
            None => return Ok(()),
        }
        self.net.weather().loses_answers = lost;
        let done = self.replica(replica).await?.ask(&name).await;
        self.net.weather().loses_answers = false;
        self.honest(done)
    }

    pub(super) async fn round(&mut self, number: u8) -> Result<()> {
        for auditor in 0..AUDITORS {
            self.ask(number, auditor, false).await?;
        }
        let done = self.replica(number).await?.finish().await;
        self.honest(done)
    }

    pub(super) async fn crash(&mut self, number: u8) {
        let place = self.replicas.get_mut(usize::from(number));
        if let Some(replica) = place.and_then(Option::take) {
            self.tell_readers();
            replica.crash().await;
        }
    }

    pub(super) async fn close_log(&mut self) {
        for number in 0..REPLICAS {
            self.crash(number).await;
        }
        self.lock = None;
    }

    pub(super) fn log_dir(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub(super) async fn open_log(&mut self) -> Result<()> {
        self.lock = Some(WriterLock::take(&self.config.database)?);
        self.net.publish_at(Objects::open(&self.config.objects)?);
        for replica in 0..REPLICAS {
            self.open_replica(replica).await?;
        }
        Ok(())
    }

    pub(super) async fn back_up_log(&mut self) -> Result<()> {
        if self.is_old_copy {
            return Ok(());
        }
        self.close_log().await;
        copy(&self.log_dir(), &self.dir.join("copy-log"))?;
        self.copied_at = self.newest_signed;
        self.open_log().await
    }

    pub(super) async fn restore_log(&mut self) -> Result<()> {
        let kept = self.dir.join("copy-log");
        if !kept.exists() || self.is_old_copy {
            return Ok(());
        }
        // What was acknowledged and never signed is in no auditor's memory, and lost with the newest
        // copy; so all of it is published first. That the auditors can be asked what the log signed
        // since is what restoring demands of an operator.
        self.net.weather().heal();
        for door in &self.auditors {
            let mut auditor = door.auditor.lock().await;
            auditor.dies_after = None;
            // An auditor that lost its memory too cannot tell.
            if auditor.is_restored {
                return Ok(());
            }
        }
        self.take_over(0).await?;
        let done = self.replica(0).await?.epoch().await;
        self.honest(done)?;
        // Once for what was signed and not published, and once for what came after.
        for _ in 0..2 {
            self.round(0).await?;
        }
        self.check().await?;
        let size = self.published.get();
        let unpublished = self.people.iter().filter_map(Person::newest_position);
        let is_unpublished = unpublished.max().is_some_and(|newest| newest >= size);
        if is_unpublished || self.is_behind() || self.copied_at >= self.published {
            return Ok(());
        }
        self.close_log().await;
        copy(&self.log_dir(), &self.dir.join("newest-log"))?;
        copy(&kept, &self.log_dir())?;
        self.is_old_copy = true;
        self.open_log().await
    }

    /// Whether something was signed that is not published.
    pub(super) fn is_behind(&self) -> bool {
        let newest = self.signed.last_key_value().map(|(size, _)| *size);
        newest.is_some_and(|newest| newest > self.published.get())
    }

    pub(in crate::simulate) async fn put_back_log(&mut self) -> Result<()> {
        if !self.is_old_copy {
            return Ok(());
        }
        self.close_log().await;
        copy(&self.dir.join("newest-log"), &self.log_dir())?;
        self.is_old_copy = false;
        self.open_log().await
    }
}
