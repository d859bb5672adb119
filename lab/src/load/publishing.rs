//! Publishing as load: requests of prepared key sets, and what the log made of them.

use std::ops::Range;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use plainsight_specs::publish::{PublishAnswer, Wait};

use super::drive::{Next, Tally, Work};
use super::lag::Lag;
use super::material::Material;
use super::report::ASKED_AGAIN;
use super::wire::{Answer, Target};

/// Publishes a run of people.
pub(crate) struct Publishing {
    pub(crate) target: Target,
    pub(crate) material: Rc<Material>,
    /// Who is left.
    pub(crate) people: Range<u64>,
    /// How many key sets go into a request.
    pub(crate) batch: u64,
    pub(crate) wait: Wait,
    /// Where to note what was acknowledged.
    pub(crate) lag: Rc<Lag>,
    /// The size of the log when this began: a position below it is that of an earlier run.
    pub(crate) floor: u64,
}

/// How many key sets a request holds.
pub(crate) struct Batch(u64);

impl Work for Publishing {
    type Job = Batch;

    fn next(&mut self, request: &mut Vec<u8>) -> Result<Option<Batch>> {
        let start = self.people.start;
        let end = self.people.end.min(start.saturating_add(self.batch));
        if start >= end {
            return Ok(None);
        }
        self.people.start = end;
        let count = end - start;
        let head = "{\"items\":[";
        let tail = match self.wait {
            Wait::Sequenced => "],\"wait\":\"sequenced\"}",
            Wait::Published => "],\"wait\":\"published\"}",
        };
        let items = self.material.length(usize::try_from(count)?);
        let length = head.len() + items + tail.len();
        self.target.post("v1/publish", length, request);
        request.extend_from_slice(head.as_bytes());
        self.material.append(start..end, request)?;
        request.extend_from_slice(tail.as_bytes());
        Ok(Some(Batch(count)))
    }

    fn answered(
        &mut self,
        Batch(count): &Batch,
        answer: &Answer<'_>,
        tally: &mut Tally,
    ) -> Result<Next> {
        match answer.status {
            200 => {}
            503 => {
                tally.fail(ASKED_AGAIN, 1);
                return Ok(Next::Repeat);
            }
            status => {
                tally.fail(&status.to_string(), *count);
                return Ok(Next::Done);
            }
        }
        let answer = PublishAnswer::parse(answer.body).context("the log's answer")?;
        let mut last = None;
        for result in &answer.results {
            match result {
                Ok(logged) if logged.position.get() < self.floor => tally.fail("logged before", 1),
                Ok(logged) => {
                    tally.items += 1;
                    last = last.max(Some(logged.position.get()));
                }
                Err(error) => tally.fail(&error.code, 1),
            }
        }
        let missing = count.saturating_sub(answer.results.len() as u64);
        if missing > 0 {
            tally.fail("no result", missing);
        }
        if let Some(position) = last {
            self.lag.acknowledged(position);
        }
        Ok(Next::Done)
    }
}
