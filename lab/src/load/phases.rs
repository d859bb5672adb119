//! The phases, one after another: what each sends, and what it used meanwhile.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};
use plainsight_client::contact;
use plainsight_client::http::{Http, Patience};
use plainsight_client::reader::Reader;
use plainsight_client::source::Source;
use plainsight_client::trust::TrustPolicy;

use super::children::Children;
use super::drive::{Pace, Plan, RETRY_AFTER, Tally, drive};
use super::lag::{Lag, published_size};
use super::looking::{Looking, requests, scattered};
use super::material::{Material, label};
use super::meter::Meter;
use super::process::Disk;
use super::publishing::Publishing;
use super::report::{OnDisk, PhaseReport, Report, Verified};
use super::wire::{Target, Wire};
use super::{LoadArgs, Phase};
use crate::clock;

/// How long publication may take after the last answer of a phase.
const SETTLE: Duration = Duration::from_mins(2);
/// How many look-ups are verified in full, by the client library.
const VERIFIED: u64 = 16;

/// Signs what is missing of the key sets.
pub(super) async fn prepare(cache: PathBuf, people: u64) -> Result<Rc<Material>> {
    let bar = bar("signing key sets", people)?;
    let made = tokio::task::spawn_blocking(move || {
        let material = Material::prepare(&cache, people, &bar);
        bar.finish_and_clear();
        material
    });
    Ok(Rc::new(made.await??))
}

/// A progress bar on standard error; hidden when that is not a terminal.
fn bar(what: &'static str, count: u64) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg:26} {wide_bar} {pos}/{len} {per_sec}")
        .context("the progress bar's template")?;
    Ok(ProgressBar::new(count).with_style(style).with_message(what))
}

/// One run over a log.
struct Run<'a> {
    args: &'a LoadArgs,
    target: Target,
    meter: Meter,
    material: Rc<Material>,
    /// The first person who is not published yet.
    next: u64,
    items: u64,
    phases: Vec<PhaseReport>,
}

/// Goes through the phases that were asked for.
pub(super) async fn measure(
    args: &LoadArgs,
    target: Target,
    meter: Meter,
    material: Rc<Material>,
    children: Option<&Children>,
) -> Result<Report> {
    let mut run = Run {
        args,
        target,
        meter,
        material,
        next: args.published,
        items: 0,
        phases: Vec::new(),
    };
    run.publishing_phases().await?;
    run.looking_phases().await?;
    if args.measures(Phase::Mixed) {
        run.mixed().await?;
    }
    let disk = children.map(|children| OnDisk {
        private: Disk::of(&children.log_dir()).without(&Disk::of(&children.objects())),
        objects: Disk::of(&children.objects()),
        auditors: Disk::of(&children.auditors_dir()),
        key_sets: run.items,
        payload: run.items * run.material.key_set_length() as u64,
    });
    let verified = match children {
        Some(children) => run.verified(children).await?,
        None => None,
    };
    Ok(Report {
        key_set_bytes: run.material.key_set_length() as u64,
        phases: run.phases,
        disk,
        verified,
    })
}

impl Run<'_> {
    async fn publishing_phases(&mut self) -> Result<()> {
        let args = self.args;
        let batches = Plan {
            connections: args.publishers.into(),
            pace: Pace::Closed,
            limit: args.limit(),
            pause: RETRY_AFTER,
        };
        if args.labels > 0 {
            // All of them, however long it takes: the phases after it are about a table this big.
            let plan = Plan {
                limit: Duration::from_hours(24),
                ..batches
            };
            self.publish("labels", args.labels, args.batch, plan)
                .await?;
        }
        if args.measures(Phase::Publish) {
            self.publish("publish", args.items, args.batch, batches)
                .await?;
        }
        if args.measures(Phase::Open) {
            let plan = Plan {
                pace: self.open(),
                ..batches
            };
            self.publish("open", args.open_items(), args.batch, plan)
                .await?;
        }
        if args.measures(Phase::Single) {
            let plan = Plan {
                connections: args.connections.into(),
                ..batches
            };
            self.publish("single", args.singles, 1, plan).await?;
        }
        Ok(())
    }

    /// The pace of batches at the rate that was asked for.
    fn open(&self) -> Pace {
        let nanos = self.args.batch.saturating_mul(1_000_000_000) / self.args.rate;
        Pace::Open(Duration::from_nanos(nanos))
    }

    /// Work that publishes the next people.
    async fn publishing(&self, items: u64, batch: u64, lag: &Rc<Lag>) -> Result<Publishing> {
        let mut wire = Wire::new(&self.target);
        Ok(Publishing {
            target: self.target.clone(),
            material: Rc::clone(&self.material),
            people: self.next..self.next.saturating_add(items),
            batch,
            wait: self.args.wait.into(),
            lag: Rc::clone(lag),
            floor: published_size(&self.target, &mut wire).await?,
        })
    }

    /// Notes what a publishing phase did, once the log has published it.
    async fn published(
        &mut self,
        name: &str,
        plan: Plan,
        sent: (Publishing, Tally),
        lag: &Lag,
    ) -> Result<PhaseReport> {
        let (work, tally) = sent;
        self.next = work.people.start;
        self.items += tally.items;
        let mut report = PhaseReport::new(name, plan, &tally);
        let unsent = work.people.end - work.people.start;
        if unsent > 0 && plan.pace != Pace::Closed {
            report.errors.insert("not sent in time".into(), unsent);
        }
        let left = lag.settle(SETTLE).await;
        if left > 0 {
            report.errors.insert("not published".into(), left as u64);
        }
        report.lag_us = Some((&lag.lags()).into());
        Ok(report)
    }

    async fn publish(
        &mut self,
        name: &'static str,
        items: u64,
        batch: u64,
        plan: Plan,
    ) -> Result<()> {
        let lag = Rc::new(Lag::new()?);
        let work = self.publishing(items, batch, &lag).await?;
        let following = lag.follow(&self.target);
        let bar = bar(name, items)?;
        let before = self.meter.read()?;
        let sent = drive(&self.target, work, plan, &bar).await?;
        let mut report = self.published(name, plan, sent, &lag).await?;
        following.abort();
        bar.finish_and_clear();
        self.meter.add_to(&mut report, &before)?;
        self.phases.push(report);
        Ok(())
    }

    async fn looking_phases(&mut self) -> Result<()> {
        let args = self.args;
        if args.measures(Phase::Cold) {
            let people = scattered(0, self.next, args.lookups);
            let requests = requests(&self.target, people)?;
            let count = requests.len() as u64;
            self.look("cold", requests, count).await?;
        }
        if args.measures(Phase::Warm) {
            let people = scattered(0, self.next, args.warm_labels);
            let requests = requests(&self.target, people)?;
            // Once each, so that all are answered from what the server remembers, if it does.
            let once = Looking::new(Rc::clone(&requests), requests.len() as u64);
            let hidden = ProgressBar::hidden();
            drive(&self.target, once, self.looking_plan(), &hidden).await?;
            self.look("warm", requests, args.warm_lookups).await?;
        }
        Ok(())
    }

    fn looking_plan(&self) -> Plan {
        Plan {
            connections: self.args.connections.into(),
            pace: Pace::Closed,
            limit: self.args.limit(),
            pause: RETRY_AFTER,
        }
    }

    async fn look(
        &mut self,
        name: &'static str,
        requests: Rc<Vec<Vec<u8>>>,
        total: u64,
    ) -> Result<()> {
        let plan = self.looking_plan();
        let bar = bar(name, total)?;
        let before = self.meter.read()?;
        let work = Looking::new(requests, total);
        let (_, tally) = drive(&self.target, work, plan, &bar).await?;
        let mut report = PhaseReport::new(name, plan, &tally);
        bar.finish_and_clear();
        self.meter.add_to(&mut report, &before)?;
        self.phases.push(report);
        Ok(())
    }

    /// Look-ups of what was there before, while key sets come in. What the processes used is for
    /// both, and stands with the look-ups.
    async fn mixed(&mut self) -> Result<()> {
        let args = self.args;
        let publish = Plan {
            connections: args.publishers.into(),
            pace: self.open(),
            limit: args.limit(),
            pause: RETRY_AFTER,
        };
        let look = Plan {
            limit: Duration::from_secs(args.open_seconds).min(args.limit()),
            ..self.looking_plan()
        };
        let lag = Rc::new(Lag::new()?);
        let work = self.publishing(args.open_items(), args.batch, &lag).await?;
        let people = scattered(0, self.next, args.lookups);
        let looking = Looking::new(requests(&self.target, people)?, u64::MAX);
        let following = lag.follow(&self.target);
        let bar = bar("mixed", args.open_items())?;
        let hidden = ProgressBar::hidden();
        let before = self.meter.read()?;
        let (sent, (_, looked)) = tokio::try_join!(
            drive(&self.target, work, publish, &bar),
            drive(&self.target, looking, look, &hidden),
        )?;
        let published = self
            .published("mixed: publish", publish, sent, &lag)
            .await?;
        following.abort();
        bar.finish_and_clear();
        let mut looked = PhaseReport::new("mixed: look up", look, &looked);
        self.meter.add_to(&mut looked, &before)?;
        self.phases.extend([published, looked]);
        Ok(())
    }

    /// Verifies a sample in full, as a contact would, if there are auditors to vouch for it.
    async fn verified(&self, children: &Children) -> Result<Option<Verified>> {
        let Some(policy) = &children.policy else {
            return Ok(None);
        };
        let trust = TrustPolicy::parse(&std::fs::read_to_string(policy)?, None)?;
        let log = Source::new(Http::new(Patience::default())?, children.url.clone());
        let mut reader = Reader::open(&log, &trust, None, clock::now()?).await?;
        let mut verified = Verified { asked: 0, held: 0 };
        for person in scattered(0, self.next, VERIFIED) {
            reader.set_now(clock::now()?);
            let contact = contact::verify(&mut reader, &label(person)?, None).await;
            verified.asked += 1;
            if contact.is_ok_and(|contact| contact.found.is_some()) {
                verified.held += 1;
            }
        }
        Ok(Some(verified))
    }
}
