//! What was measured, as tables for people and as JSON for scripts.

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::drive::{Pace, Plan, Tally};
use super::process::{Disk, Usage};

/// A kind of error that costs a publisher time and nothing else.
pub(crate) const ASKED_AGAIN: &str = "503, asked again";

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The length of each key set.
    pub(crate) key_set_bytes: u64,
    /// In the order in which they ran.
    pub(crate) phases: Vec<PhaseReport>,
    /// What the parties take on disk at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disk: Option<OnDisk>,
    /// A sample that the client library verified in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verified: Option<Verified>,
}

/// One phase.
#[derive(Debug, Serialize)]
pub(crate) struct PhaseReport {
    pub(crate) name: String,
    pub(crate) connections: usize,
    /// `closed` or `open`; in an open loop times count from when a request was due.
    pub(crate) pace: &'static str,
    pub(crate) requests: u64,
    /// Key sets logged, or labels found.
    pub(crate) items: u64,
    pub(crate) seconds: f64,
    pub(crate) items_per_second: f64,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) latency_us: Percentiles,
    /// From the answer to a published checkpoint that covers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lag_us: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<Used>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auditors: Option<Used>,
    /// The database server with its children, if its process is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<Used>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) generator: Option<Used>,
}

/// Times in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

/// What a party used in a phase, until all of it was published.
#[derive(Debug, Serialize)]
pub(crate) struct Used {
    pub(crate) cpu_seconds: f64,
    pub(crate) cpu_us_per_item: f64,
    pub(crate) kernel_us_per_item: f64,
    pub(crate) rss_before: u64,
    pub(crate) rss_after: u64,
    /// Bytes that it caused to be written to disk.
    pub(crate) written: u64,
}

/// What the parties take on disk.
#[derive(Debug, Serialize)]
pub(crate) struct OnDisk {
    /// The log's database and keys.
    pub(crate) private: Disk,
    /// Tiles, bundles and the checkpoint.
    pub(crate) objects: Disk,
    pub(crate) auditors: Disk,
    /// How many key sets were logged.
    pub(crate) key_sets: u64,
    /// How many bytes they are.
    pub(crate) payload: u64,
}

/// How many look-ups were verified in full, and held.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    pub(crate) asked: u64,
    pub(crate) held: u64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "figures are read by people; below 2^53 they are exact"
)]
fn float(number: u64) -> f64 {
    number as f64
}

impl From<&Histogram<u64>> for Percentiles {
    fn from(histogram: &Histogram<u64>) -> Self {
        Self {
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

impl PhaseReport {
    /// What was sent and answered.
    pub(crate) fn new(name: &str, plan: Plan, tally: &Tally) -> Self {
        let seconds = tally.elapsed.as_secs_f64();
        Self {
            name: name.into(),
            connections: plan.connections,
            pace: match plan.pace {
                Pace::Closed => "closed",
                Pace::Open(_) => "open",
            },
            requests: tally.requests,
            items: tally.items,
            seconds,
            items_per_second: float(tally.items) / seconds.max(f64::MIN_POSITIVE),
            errors: tally.errors.clone(),
            latency_us: (&tally.latency).into(),
            lag_us: None,
            log: None,
            auditors: None,
            database: None,
            generator: None,
        }
    }
}

impl Used {
    /// Between two readings.
    pub(crate) fn between(before: &Usage, after: &Usage, items: u64) -> Self {
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
        let kernel = after.kernel.saturating_sub(before.kernel).as_secs_f64();
        let per_item = 1e6 / float(items.max(1));
        Self {
            cpu_seconds: cpu,
            cpu_us_per_item: cpu * per_item,
            kernel_us_per_item: kernel * per_item,
            rss_before: before.rss,
            rss_after: after.rss,
            written: after.written.saturating_sub(before.written),
        }
    }
}

impl Report {
    /// Whether everything that was sent came to what it should.
    pub(crate) fn succeeded(&self) -> bool {
        let phases = self
            .phases
            .iter()
            .all(|phase| phase.errors.keys().all(|kind| kind == ASKED_AGAIN));
        let verified = self.verified.as_ref();
        phases && verified.is_none_or(|verified| verified.asked == verified.held)
    }
}

/// Microseconds as milliseconds.
fn ms(us: u64) -> String {
    format!("{:.2}", float(us) / 1e3)
}

fn mb(bytes: u64) -> String {
    format!("{:.1}", float(bytes) / 1e6)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rates(f)?;
        self.used(f)?;
        if let Some(disk) = &self.disk {
            let times = |bytes| float(bytes) / float(disk.payload.max(1));
            writeln!(
                f,
                "\non disk after {} key sets ({} MB of {} bytes each)",
                disk.key_sets,
                mb(disk.payload),
                self.key_set_bytes
            )?;
            for (what, of) in [
                ("log, private", &disk.private),
                ("log, public", &disk.objects),
                ("auditors", &disk.auditors),
            ] {
                writeln!(
                    f,
                    "  {what:14} {:>9} MB in {} files, {:.2} times the payload",
                    mb(of.allocated),
                    of.files,
                    times(of.allocated)
                )?;
            }
        }
        if let Some(Verified { asked, held }) = &self.verified {
            writeln!(
                f,
                "\nlook-ups verified in full by the client library: {held} of {asked}"
            )?;
        }
        Ok(())
    }
}

impl Report {
    fn rates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:15} {:>6} {:>5} {:>9} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9}  errors",
            "phase",
            "loop",
            "conns",
            "requests",
            "items",
            "items/s",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "p99.9 ms",
            "max ms"
        )?;
        for phase in &self.phases {
            let Percentiles {
                p50,
                p90,
                p99,
                p999,
                max,
            } = phase.latency_us;
            let errors: Vec<_> = phase
                .errors
                .iter()
                .map(|(kind, count)| format!("{kind}: {count}"))
                .collect();
            writeln!(
                f,
                "{:15} {:>6} {:>5} {:>9} {:>9} {:>8.0} {:>9} {:>9} {:>9} {:>9} {:>9}  {}",
                phase.name,
                phase.pace,
                phase.connections,
                phase.requests,
                phase.items,
                phase.items_per_second,
                ms(p50),
                ms(p90),
                ms(p99),
                ms(p999),
                ms(max),
                if errors.is_empty() {
                    "none".into()
                } else {
                    errors.join(", ")
                }
            )?;
        }
        Ok(())
    }

    fn used(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:15} {:>44}   {:>17} {:>10}   {:>24}",
            "", "CPU us per item", "log memory MB", "log wrote", "publication lag ms"
        )?;
        writeln!(
            f,
            "{:15} {:>8} {:>8} {:>8} {:>8} {:>8}   {:>8} {:>8} {:>10}   {:>8} {:>7} {:>7}",
            "phase",
            "log",
            "(kernel)",
            "database",
            "auditors",
            "load",
            "before",
            "after",
            "B/item",
            "p50",
            "p99",
            "max"
        )?;
        for phase in &self.phases {
            let cpu = |used: &Option<Used>| match used {
                Some(used) => format!("{:.1}", used.cpu_us_per_item),
                None => "-".into(),
            };
            let of_log = |value: &dyn Fn(&Used) -> String| match &phase.log {
                Some(used) => value(used),
                None => "-".into(),
            };
            let lag = |value: &dyn Fn(&Percentiles) -> u64| match &phase.lag_us {
                Some(lag) => format!("{:.0}", float(value(lag)) / 1e3),
                None => "-".into(),
            };
            writeln!(
                f,
                "{:15} {:>8} {:>8} {:>8} {:>8} {:>8}   {:>8} {:>8} {:>10}   {:>8} {:>7} {:>7}",
                phase.name,
                cpu(&phase.log),
                of_log(&|used| format!("{:.1}", used.kernel_us_per_item)),
                cpu(&phase.database),
                cpu(&phase.auditors),
                cpu(&phase.generator),
                of_log(&|used| mb(used.rss_before)),
                of_log(&|used| mb(used.rss_after)),
                of_log(&|used| format!("{}", used.written / phase.items.max(1))),
                lag(&|lag| lag.p50),
                lag(&|lag| lag.p99),
                lag(&|lag| lag.max),
            )?;
        }
        Ok(())
    }
}
