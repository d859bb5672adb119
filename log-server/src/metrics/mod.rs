//! What the operators see of a running log: counters, gauges and histograms in the text format of
//! Prometheus.
//!
//! Cheap to record: an atomic or two, or a short lock. Nothing here names a label, a token or an
//! address: series are told apart by words of this program, and auditors by their name in the
//! policy, which is public. Sizes, the pool and the process are read when they are asked for (see
//! [`Snapshot`]). Out of scope: who may ask (see `http::admin`).

mod process;

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Milliseconds to tens of seconds.
const LATENCY: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Up to the largest commit.
const ENTRIES: [f64; 9] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 512.0, 1_024.0, 2_048.0, 4_096.0,
];

/// The media type of [`Metrics::encode`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A histogram for each set of labels.
type Latency<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics of one log.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    publish: Latency<WaitLabel>,
    items: Family<ResultLabel, Counter>,
    http: Latency<RouteLabel>,
    responses: Family<StatusLabel, Counter>,
    problems: Family<CodeLabel, Counter>,
    batch: Histogram,
    commit: Histogram,
    publication: Histogram,
    auditors: Family<AuditorLabel, Counter>,
    puts: Family<ResultLabel, Counter>,
    fsync: Histogram,
    demotions: Counter,
    cas_failures: Counter,
    term: Gauge,
    sequenced: Gauge,
    signed: Gauge,
    published: Gauge,
    unpublished: Gauge,
    published_at: Gauge,
    writable: Gauge,
    read_only: Gauge,
    pool_entries: Gauge,
    pool_bytes: Gauge,
    process: process::Process,
}

/// What is read at the moment that somebody asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Snapshot {
    /// Entries that are sequenced.
    pub sequenced: u64,
    /// Entries below the newest signed checkpoint.
    pub signed: u64,
    /// Entries below the newest published checkpoint.
    pub published: u64,
    /// Entries that wait to be sequenced.
    pub pool_entries: usize,
    /// Their bytes and those of their private rows.
    pub pool_bytes: usize,
    /// Whether entries are sequenced at present.
    pub writable: bool,
    /// Whether a person is needed before they are again.
    pub read_only: bool,
}

/// What became of a write of a public object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutResult {
    /// It is there.
    Written,
    /// It was there, with the same bytes.
    Same,
    /// Other bytes were there: the log freezes.
    Conflict,
    /// The store failed.
    Failed,
}

/// What an auditor answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditorAnswer {
    /// It cosigned.
    Cosigned,
    /// It was not reached, or said "later".
    Later,
    /// It last cosigned another size than was thought.
    OtherSize,
    /// It refused, or what it said does not verify.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WaitLabel {
    wait: &'static str,
}
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: String,
}
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    route: &'static str,
    status: u16,
}
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: &'static str,
}
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AuditorLabel {
    auditor: String,
    answer: &'static str,
}

fn latency() -> Histogram {
    Histogram::new(LATENCY)
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[allow(clippy::too_many_lines, reason = "one line a metric")]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let process = process::Process::register(&mut registry);
        let mut register = Register(registry.sub_registry_with_prefix("plainsight_log"));
        Self {
            publish: register.family(
                "publish_seconds",
                "Time to answer a publish request, by what it waited for",
            ),
            items: register.of("items", "Published items, by result or code of the error"),
            http: register.family("http_seconds", "Time to answer, by route"),
            responses: register.of("http_responses", "Answers, by route and status"),
            problems: register.of("problems", "Answers that are problem documents, by code"),
            batch: register.histogram("batch_entries", "Entries of one commit", &ENTRIES),
            commit: register.histogram("commit_seconds", "Time of one commit", &LATENCY),
            publication: register.histogram(
                "publication_seconds",
                "Time to publish a checkpoint, with its objects and cosignatures",
                &LATENCY,
            ),
            auditors: register.of("auditor_answers", "What auditors answered, by name"),
            puts: register.of("object_puts", "Writes of public objects, by result"),
            fsync: register.histogram(
                "fsync_seconds",
                "Time to make public objects durable",
                &LATENCY,
            ),
            demotions: register.of("demotions", "Terms that ended by a failure"),
            cas_failures: register.of(
                "cas_failures",
                "Writes refused since another writer took over",
            ),
            term: register.of("term", "The fencing token of this writer"),
            sequenced: register.of("sequenced_size", "Entries that are sequenced"),
            signed: register.of("signed_size", "Entries below the newest signed checkpoint"),
            published: register.of(
                "published_size",
                "Entries below the newest published checkpoint",
            ),
            unpublished: register.of("unpublished_entries", "Sequenced and not yet published"),
            published_at: register.of(
                "published_timestamp_seconds",
                "When a checkpoint was last published, in POSIX seconds; 0 if not since the start",
            ),
            writable: register.of("writable", "1 if entries are sequenced"),
            read_only: register.of("read_only", "1 if a person is needed before entries are"),
            pool_entries: register.of("pool_entries", "Entries that wait to be sequenced"),
            pool_bytes: register.of("pool_bytes", "Bytes that wait to be sequenced"),
            process,
            registry,
        }
    }

    /// A publish request was answered; `wait` is "sequenced" or "published".
    pub fn publish(&self, wait: &'static str, took: Duration) {
        let label = WaitLabel { wait };
        self.publish
            .get_or_create(&label)
            .observe(took.as_secs_f64());
    }

    /// One item was logged, or refused with this code. The codes are few: see the chapter.
    pub fn item(&self, result: Result<(), &str>) {
        let result = result.map_or_else(str::to_owned, |()| "logged".to_owned());
        self.items.get_or_create(&ResultLabel { result }).inc();
    }

    /// A request was answered; `problem` is the code of its problem document.
    pub fn http(
        &self,
        route: &'static str,
        status: u16,
        problem: Option<&'static str>,
        took: Duration,
    ) {
        let label = RouteLabel { route };
        self.http.get_or_create(&label).observe(took.as_secs_f64());
        let label = StatusLabel { route, status };
        self.responses.get_or_create(&label).inc();
        if let Some(code) = problem {
            self.problems.get_or_create(&CodeLabel { code }).inc();
        }
    }

    /// This many entries were committed in one transaction.
    #[allow(
        clippy::cast_precision_loss,
        reason = "a batch has a few thousand entries"
    )]
    pub fn commit(&self, entries: u64, took: Duration) {
        self.batch.observe(entries as f64);
        self.commit.observe(took.as_secs_f64());
    }

    /// A checkpoint was published at this time (POSIX milliseconds), and it took so long to write its
    /// objects and to be cosigned.
    pub fn published(&self, now_ms: u64, took: Duration) {
        self.published_at.set(signed(now_ms / 1_000));
        self.publication.observe(took.as_secs_f64());
    }

    /// An auditor of the policy answered.
    pub fn auditor(&self, name: &str, answer: AuditorAnswer) {
        let label = AuditorLabel {
            auditor: name.to_owned(),
            answer: match answer {
                AuditorAnswer::Cosigned => "cosigned",
                AuditorAnswer::Later => "later",
                AuditorAnswer::OtherSize => "other-size",
                AuditorAnswer::Refused => "refused",
            },
        };
        self.auditors.get_or_create(&label).inc();
    }

    /// A public object was written, or not.
    pub fn object_put(&self, result: PutResult) {
        let result = match result {
            PutResult::Written => "written",
            PutResult::Same => "same",
            PutResult::Conflict => "conflict",
            PutResult::Failed => "failed",
        };
        let label = ResultLabel {
            result: result.to_owned(),
        };
        self.puts.get_or_create(&label).inc();
    }

    /// Public objects were made durable.
    pub fn fsync(&self, took: Duration) {
        self.fsync.observe(took.as_secs_f64());
    }

    /// This process took over the log.
    pub fn term(&self, term: u64) {
        self.term.set(signed(term));
    }

    /// A term ended by a failure; `fenced` if another writer took over.
    pub fn demoted(&self, fenced: Fenced) {
        self.demotions.inc();
        if fenced == Fenced::Yes {
            self.cas_failures.inc();
        }
    }

    /// All metrics as text; see [`MEDIA_TYPE`].
    pub fn encode(&self, now: Snapshot) -> Result<String, std::fmt::Error> {
        self.sequenced.set(signed(now.sequenced));
        self.signed.set(signed(now.signed));
        self.published.set(signed(now.published));
        let unpublished = now.sequenced.saturating_sub(now.published);
        self.unpublished.set(signed(unpublished));
        self.pool_entries.set(signed(now.pool_entries as u64));
        self.pool_bytes.set(signed(now.pool_bytes as u64));
        self.writable.set(i64::from(now.writable));
        self.read_only.set(i64::from(now.read_only));
        self.process.read();
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// Whether another writer took over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fenced {
    /// It did: a conditional write changed nothing.
    Yes,
    /// Something else failed.
    No,
}

/// Gauges are signed; no log has 2^63 entries.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Registers a metric and gives its handle.
struct Register<'a>(&'a mut Registry);

impl Register<'_> {
    fn of<M>(&mut self, name: &str, help: &str) -> M
    where
        M: prometheus_client::registry::Metric + Clone + Default,
    {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    fn histogram(&mut self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let metric = Histogram::new(buckets.iter().copied());
        self.0.register(name, help, metric.clone());
        metric
    }

    fn family<L>(&mut self, name: &str, help: &str) -> Latency<L>
    where
        L: Clone + std::hash::Hash + Eq + EncodeLabelSet + std::fmt::Debug + Send + Sync + 'static,
    {
        let metric = Latency::<L>::new_with_constructor(latency);
        self.0.register(name, help, metric.clone());
        metric
    }
}

#[cfg(test)]
mod tests;
