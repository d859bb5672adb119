//! The process itself, under the names that every Prometheus client gives it. Read from `/proc`;
//! elsewhere they stay zero.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::clock::now_ms;

/// Clock ticks a second in `/proc`: `USER_HZ`, which Linux fixes at 100 for every program.
const TICKS: f64 = 100.0;
/// The unit of memory in `/proc/self/status`.
const KILOBYTE: i64 = 1024;

#[derive(Debug)]
pub(super) struct Process {
    resident: Gauge,
    open_files: Gauge,
    threads: Gauge,
    cpu: Counter<f64, AtomicU64>,
    started: Gauge,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let process = Self {
            resident: Gauge::default(),
            open_files: Gauge::default(),
            threads: Gauge::default(),
            cpu: Counter::default(),
            started: Gauge::default(),
        };
        process.started.set(super::signed(now_ms() / 1_000));
        let registry = registry.sub_registry_with_prefix("process");
        registry.register(
            "resident_memory_bytes",
            "Resident memory",
            process.resident.clone(),
        );
        registry.register(
            "open_fds",
            "Open file descriptors",
            process.open_files.clone(),
        );
        registry.register("threads", "Threads", process.threads.clone());
        registry.register(
            "start_time_seconds",
            "When the metrics began, in POSIX seconds",
            process.started.clone(),
        );
        registry.register("cpu_seconds", "Processor time used", process.cpu.clone());
        process
    }

    pub(super) fn read(&self) {
        if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
            let value = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name))?;
                line.split_whitespace().next()?.parse::<i64>().ok()
            };
            self.resident
                .set(value("VmRSS:").unwrap_or_default() * KILOBYTE);
            self.threads.set(value("Threads:").unwrap_or_default());
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.open_files
                .set(i64::try_from(files.count()).unwrap_or(i64::MAX));
        }
        if let Some(ticks) = cpu_ticks() {
            let more = ticks / TICKS - self.cpu.get();
            if more > 0.0 {
                self.cpu.inc_by(more);
            }
        }
    }
}

/// User and system time, fields 14 and 15 of `/proc/self/stat`: 11 and 12 after the command's name,
/// which may itself have spaces.
fn cpu_ticks() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}
