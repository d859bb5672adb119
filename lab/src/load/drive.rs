//! Sends requests over a number of connections and counts what comes back.
//!
//! Closed loop: each connection sends its next request when it has the last answer, which finds
//! what a server can do. Open loop: requests are due at fixed times, whatever the server does, and
//! an answer's time counts from when its request was due: a stall is paid by all that it delays
//! (no coordinated omission). All on one thread, so that the generator takes one core at the most.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::wire::{Answer, Target, Wire};

/// The longest time that is told apart, in microseconds: ten minutes.
const LONGEST_US: u64 = 600_000_000;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// What a log that is busy asks its publishers to wait.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// As soon as a connection is free.
    Closed,
    /// One at each interval.
    Open(Duration),
}

/// How much is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
    /// No request begins after this time.
    pub(crate) limit: Duration,
    /// Before a server that is busy is asked again.
    pub(crate) pause: Duration,
}

/// Whether a request is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It has its answer.
    Done,
    /// The server asks for the same one later.
    Repeat,
}

/// Where requests come from and what answers mean.
pub(crate) trait Work {
    /// What is remembered between a request and its answer.
    type Job;
    /// The next request, written over `request`; `None` when there are no more.
    fn next(&mut self, request: &mut Vec<u8>) -> Result<Option<Self::Job>>;
    /// Counts an answer.
    fn answered(&mut self, job: &Self::Job, answer: &Answer<'_>, tally: &mut Tally)
    -> Result<Next>;
}

/// What was counted.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Requests that were answered.
    pub(crate) requests: u64,
    /// Items that succeeded.
    pub(crate) items: u64,
    /// What went wrong, by kind, in items or requests as each kind says.
    pub(crate) errors: BTreeMap<String, u64>,
    /// Microseconds until the answer.
    pub(crate) latency: Histogram<u64>,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
}

/// A histogram of microseconds.
pub(crate) fn microseconds() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).context("a histogram")
}

/// Adds a time to a histogram of microseconds.
pub(crate) fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(LONGEST_US));
}

impl Tally {
    fn new() -> Result<Self> {
        Ok(Self {
            requests: 0,
            items: 0,
            errors: BTreeMap::new(),
            latency: microseconds()?,
            elapsed: Duration::ZERO,
        })
    }

    /// Counts what went wrong.
    pub(crate) fn fail(&mut self, kind: &str, count: u64) {
        *self.errors.entry(kind.to_owned()).or_default() += count;
    }
}

/// What the connections share.
struct Shared<W> {
    work: W,
    tally: Tally,
    /// How many requests were due.
    tickets: u32,
}

/// Sends until the work or the time is up, and gives back the work with what was counted.
pub(crate) async fn drive<W: Work + 'static>(
    target: &Target,
    work: W,
    plan: Plan,
    bar: &ProgressBar,
) -> Result<(W, Tally)> {
    let shared = Rc::new(RefCell::new(Shared {
        work,
        tally: Tally::new()?,
        tickets: 0,
    }));
    let start = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..plan.connections {
        let connection = Connection {
            wire: Wire::new(target),
            shared: Rc::clone(&shared),
            plan,
            start,
            bar: bar.clone(),
        };
        connections.spawn_local(connection.run());
    }
    while let Some(ended) = connections.join_next().await {
        ended??;
    }
    let shared = Rc::into_inner(shared).context("a connection is still in use")?;
    let Shared {
        work, mut tally, ..
    } = shared.into_inner();
    tally.elapsed = start.elapsed();
    Ok((work, tally))
}

struct Connection<W> {
    wire: Wire,
    shared: Rc<RefCell<Shared<W>>>,
    plan: Plan,
    start: Instant,
    bar: ProgressBar,
}

impl<W: Work> Connection<W> {
    async fn run(mut self) -> Result<()> {
        let end = self.start + self.plan.limit;
        let mut request = Vec::new();
        loop {
            let due = self.due();
            if let Some(due) = due {
                sleep_until(due).await;
            }
            if Instant::now() >= end {
                return Ok(());
            }
            let job = self.shared.borrow_mut().work.next(&mut request)?;
            let Some(job) = job else { return Ok(()) };
            let since = due.unwrap_or_else(Instant::now);
            while self.send(&job, &request, since).await? == Next::Repeat {
                sleep(self.plan.pause).await;
                if Instant::now() >= end {
                    self.shared.borrow_mut().tally.fail("given up", 1);
                    break;
                }
            }
        }
    }

    /// When the next request is due, in the open loop.
    fn due(&self) -> Option<Instant> {
        let Pace::Open(interval) = self.plan.pace else {
            return None;
        };
        let mut shared = self.shared.borrow_mut();
        let due = self.start + interval * shared.tickets;
        shared.tickets = shared.tickets.saturating_add(1);
        Some(due)
    }

    async fn send(&mut self, job: &W::Job, request: &[u8], since: Instant) -> Result<Next> {
        let answer = timeout(PATIENCE, self.wire.exchange(request)).await;
        let mut shared = self.shared.borrow_mut();
        let Shared { work, tally, .. } = &mut *shared;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                tally.fail("connection", 1);
                return Ok(Next::Done);
            }
            Err(_) => {
                tally.fail("no answer", 1);
                return Ok(Next::Done);
            }
        };
        let before = tally.items;
        let next = work.answered(job, &answer, tally)?;
        if next == Next::Done {
            tally.requests += 1;
            record(&mut tally.latency, since.elapsed());
            self.bar.inc(tally.items - before);
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use plainsight_client::http::BaseUrl;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::LocalSet;

    use super::*;

    /// Counts its answers and repeats the first request once.
    struct Counting {
        left: u32,
        busy: u32,
    }

    impl Work for Counting {
        type Job = ();
        fn next(&mut self, request: &mut Vec<u8>) -> Result<Option<()>> {
            request.clear();
            request.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
            self.left = match self.left {
                0 => return Ok(None),
                left => left - 1,
            };
            Ok(Some(()))
        }
        fn answered(&mut self, (): &(), answer: &Answer<'_>, tally: &mut Tally) -> Result<Next> {
            assert_eq!(answer.body, b"ok");
            if self.busy > 0 {
                self.busy -= 1;
                tally.fail("busy", 1);
                return Ok(Next::Repeat);
            }
            tally.items += 3;
            Ok(Next::Done)
        }
    }

    async fn served() -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::task::spawn_local(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::task::spawn_local(async move {
                    let mut request = [0; 512];
                    while stream.read(&mut request).await.unwrap() > 0 {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        stream.write_all(answer).await.unwrap();
                    }
                });
            }
        });
        Target::resolve(&url, None).await.unwrap()
    }

    #[tokio::test]
    async fn every_request_is_sent_once_and_a_busy_server_asked_again() {
        let local = LocalSet::new();
        local.run_until(asks_a_busy_server_again()).await;
    }

    async fn asks_a_busy_server_again() {
        for pace in [Pace::Closed, Pace::Open(Duration::from_millis(1))] {
            let target = served().await;
            let plan = Plan {
                connections: 3,
                pace,
                limit: Duration::from_mins(1),
                pause: Duration::from_millis(1),
            };
            let work = Counting { left: 10, busy: 1 };
            let bar = ProgressBar::hidden();
            let (work, tally) = drive(&target, work, plan, &bar).await.unwrap();
            assert_eq!((work.left, tally.requests, tally.items), (0, 10, 30));
            assert_eq!(tally.errors, BTreeMap::from([("busy".into(), 1)]));
            assert_eq!(tally.latency.len(), 10);
        }
    }

    #[tokio::test]
    async fn nothing_begins_after_the_limit() {
        let local = LocalSet::new();
        let sent = local.run_until(async {
            let target = served().await;
            let plan = Plan {
                connections: 2,
                pace: Pace::Open(Duration::from_millis(1)),
                limit: Duration::ZERO,
                pause: RETRY_AFTER,
            };
            let work = Counting { left: 100, busy: 0 };
            let bar = ProgressBar::hidden();
            let (work, tally) = drive(&target, work, plan, &bar).await.unwrap();
            (work.left, tally.requests)
        });
        assert_eq!(sent.await, (100, 0));
    }
}
