//! Measures in the text format of Prometheus. Times are times, never ages; nothing is labelled by a
//! person, a key or an address.

use std::fmt::Write as _;

use crate::desk::{Handle, Status, Verdict};
use crate::pulse::Pulse;
use crate::store::{KeptBreak, LogRow, Store, StoreError};

/// What is measured of one log.
struct Measured {
    status: Status,
    row: LogRow,
    breaks: Vec<KeptBreak>,
}

/// Name, help and value of a gauge of each log.
type Gauge = (
    &'static str,
    &'static str,
    fn(&Measured, &Pulse) -> Option<u64>,
);

const GAUGES: [Gauge; 7] = [
    (
        "log_held_entries",
        "Entries held and replayed.",
        |log, _| Some(log.row.frontier.size().get()),
    ),
    (
        "log_cosigned_entries",
        "Size of the head cosigned last.",
        |log, _| Some(log.row.signed.size.get()),
    ),
    (
        "log_cosigned_timestamp_seconds",
        "When the newest cosignature was made.",
        |log, _| log.row.signed_time,
    ),
    (
        "log_epoch_timestamp_seconds",
        "The time of the newest epoch held.",
        |log, _| log.status.epoch_ms.map(|ms| ms / 1000),
    ),
    (
        "log_progress_timestamp_seconds",
        "When auditing of the log made progress last.",
        |log, pulse| {
            let mut logs = pulse.logs.iter();
            let found = logs.find(|found| found.origin == log.status.origin);
            found.map(|found| found.progress)
        },
    ),
    (
        "log_breaks",
        "Rules that the log broke, acknowledged or not.",
        |log, _| Some(log.breaks.len() as u64),
    ),
    (
        "log_breaks_open",
        "Broken rules that nobody acknowledged.",
        |log, _| Some(log.breaks.iter().filter(|kept| kept.is_open()).count() as u64),
    ),
];

/// All measures of a node.
pub async fn text<'d>(
    store: &Store,
    desks: impl Iterator<Item = &'d Handle>,
    pulse: &Pulse,
) -> Result<String, StoreError> {
    let mut page = Page::default();
    page.metric("build_info", "gauge", "The version that runs.");
    page.value("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.metric(
        "up_progressing",
        "gauge",
        "1 while auditing makes progress.",
    );
    page.value("up_progressing", &[], u64::from(pulse.is_progressing()));
    page.metric("disk_free_bytes", "gauge", "Room at the auditor's folder.");
    if let Some(free) = pulse.free {
        page.value("disk_free_bytes", &[], free);
    }
    let mut logs = Vec::new();
    for desk in desks {
        // The status is let go before anything is waited for.
        let status = desk.status.borrow().clone();
        logs.push(Measured {
            status,
            row: store.log(&desk.log.origin, &desk.log.keys).await?,
            breaks: store.breaks(desk.id, u32::MAX).await?,
        });
    }
    for (name, help, of) in GAUGES {
        page.metric(name, "gauge", help);
        for log in &logs {
            if let Some(value) = of(log, pulse) {
                page.value(name, &[("origin", &log.status.origin)], value);
            }
        }
    }
    page.metric(
        "log_verdict",
        "gauge",
        "1 at the word that says how the log does.",
    );
    for Measured { status, .. } in &logs {
        for verdict in [
            Verdict::Ok,
            Verdict::Behind,
            Verdict::Stopped,
            Verdict::Unreachable,
        ] {
            let labels = [
                ("origin", status.origin.as_str()),
                ("verdict", verdict.as_str()),
            ];
            page.value("log_verdict", &labels, u64::from(status.verdict == verdict));
        }
    }
    alerts(&mut page, store).await?;
    Ok(page.0)
}

async fn alerts(page: &mut Page, store: &Store) -> Result<(), StoreError> {
    page.metric(
        "alerts_open",
        "gauge",
        "Alerts that last and nobody acknowledged.",
    );
    let open = store.open_alerts().await?;
    for severity in crate::alert::Severity::ALL {
        let word = severity.as_str();
        let number = open.iter().find(|(found, _)| found == word);
        let number = number.map_or(0, |(_, number)| *number);
        page.value("alerts_open", &[("severity", word)], number);
    }
    let counts = store.delivery_counts().await?;
    page.metric(
        "alert_deliveries_total",
        "counter",
        "Messages by channel and what became of them.",
    );
    for (channel, [made, _, failed]) in &counts {
        for (result, number) in [("made", made), ("given_up", failed)] {
            let labels = [("channel", channel.as_str()), ("result", result)];
            page.value("alert_deliveries_total", &labels, *number);
        }
    }
    page.metric(
        "alert_deliveries_waiting",
        "gauge",
        "Messages that wait, by channel.",
    );
    for (channel, [_, waiting, _]) in &counts {
        page.value(
            "alert_deliveries_waiting",
            &[("channel", channel)],
            *waiting,
        );
    }
    page.metric("watches", "gauge", "Watches that are kept.");
    page.value("watches", &[], store.watch_count().await?);
    Ok(())
}

#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = write!(
            self.0,
            "# HELP plainsight_auditor_{name} {help}\n# TYPE plainsight_auditor_{name} {kind}\n"
        );
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, text)| format!("{label}=\"{}\"", escape(text)))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let _ = writeln!(self.0, "plainsight_auditor_{name}{labels} {value}");
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
