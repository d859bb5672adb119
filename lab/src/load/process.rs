//! What a process has used, as Linux tells it in `/proc`, and what a folder takes on disk.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// `USER_HZ`: the same on every architecture that Linux runs on today.
const TICKS_PER_SECOND: u32 = 100;
/// The unit of `st_blocks`.
const BLOCK: u64 = 512;

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// In user and kernel mode, all threads, those that ended included.
    pub(crate) cpu: Duration,
    /// The part of it in kernel mode.
    pub(crate) kernel: Duration,
    /// Memory at this moment, in bytes.
    pub(crate) rss: u64,
    /// Bytes that it caused to be written to disk.
    pub(crate) written: u64,
}

impl Usage {
    /// Of a process that runs.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let read = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
        };
        let (cpu, kernel) = time(&read("stat")?, 11).context("/proc/*/stat is not as expected")?;
        let rss = labelled(&read("status")?, "VmRSS:").map_or(0, |kib| kib * 1024);
        // Other users' processes do not show it.
        let written = read("io").ok();
        let written = written.and_then(|text| labelled(&text, "write_bytes:"));
        Ok(Self {
            cpu,
            kernel,
            rss,
            written: written.unwrap_or(0),
        })
    }

    /// Of a process, its children that run, and those that ended and that it has reaped: a database
    /// server has one for each connection.
    pub(crate) fn of_family(pid: u32) -> Result<Self> {
        let mut sum = Self::of(pid)?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (ended, kernel) = time(&stat, 13).context("/proc/*/stat is not as expected")?;
        sum.cpu += ended;
        sum.kernel += kernel;
        for item in std::fs::read_dir("/proc")?.flatten() {
            let stat = std::fs::read_to_string(item.path().join("stat"));
            let is_child = stat.is_ok_and(|stat| parent(&stat) == Some(pid));
            let child = item.file_name().to_str().and_then(|name| name.parse().ok());
            if let (true, Some(child)) = (is_child, child)
                && let Ok(child) = Self::of(child)
            {
                sum.add(&child);
            }
        }
        Ok(sum)
    }

    /// Of several processes together.
    pub(crate) fn of_all(pids: &[u32]) -> Result<Self> {
        let mut sum = Self::default();
        for pid in pids {
            sum.add(&Self::of(*pid)?);
        }
        Ok(sum)
    }

    fn add(&mut self, other: &Self) {
        self.cpu += other.cpu;
        self.kernel += other.kernel;
        self.rss += other.rss;
        self.written += other.written;
    }
}

/// The fields of `/proc/*/stat` after the program's name, which may hold anything, brackets
/// included: they are counted from the last bracket on.
fn fields(stat: &str) -> Option<std::str::SplitAsciiWhitespace<'_>> {
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_ascii_whitespace())
}

fn parent(stat: &str) -> Option<u32> {
    fields(stat)?.nth(1)?.parse().ok()
}

/// A pair of user and kernel time, as the sum and the time in the kernel.
fn time(stat: &str, field: usize) -> Option<(Duration, Duration)> {
    let mut fields = fields(stat)?.skip(field);
    let user: u32 = fields.next()?.parse().ok()?;
    let kernel: u32 = fields.next()?.parse().ok()?;
    let of = |ticks| Duration::from_secs(1) * ticks / TICKS_PER_SECOND;
    Some((of(user.checked_add(kernel)?), of(kernel)))
}

fn labelled(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// What a folder holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Disk {
    /// Files.
    pub(crate) files: u64,
    /// Bytes in them.
    pub(crate) bytes: u64,
    /// Bytes that the file system gave them.
    pub(crate) allocated: u64,
}

impl Disk {
    /// Less a part of it.
    pub(crate) fn without(&self, part: &Self) -> Self {
        Self {
            files: self.files.saturating_sub(part.files),
            bytes: self.bytes.saturating_sub(part.bytes),
            allocated: self.allocated.saturating_sub(part.allocated),
        }
    }

    /// Of a file, or of everything in a folder. What vanishes meanwhile does not count.
    pub(crate) fn of(path: &Path) -> Self {
        let mut disk = Self::default();
        let mut left = vec![path.to_owned()];
        while let Some(path) = left.pop() {
            let Ok(metadata) = std::fs::symlink_metadata(&path) else {
                continue;
            };
            if metadata.is_dir() {
                let items = std::fs::read_dir(&path).into_iter().flatten();
                left.extend(items.flatten().map(|item| item.path()));
            } else {
                disk.files += 1;
                disk.bytes += metadata.len();
                disk.allocated += metadata.blocks() * BLOCK;
            }
        }
        disk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_time_of_a_program_with_brackets_in_its_name() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0";
        let expected = (Duration::from_secs(3), Duration::from_millis(500));
        assert_eq!(time(stat, 11), Some(expected));
        assert_eq!(time("12 (a", 11), None);
        assert_eq!(parent(stat), Some(1));
    }

    #[test]
    fn this_process_has_used_something() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.rss > 0);
        assert!(Usage::of(u32::MAX).is_err());
        let family = Usage::of_family(std::process::id()).unwrap();
        assert!(family.cpu >= usage.cpu);
    }

    #[test]
    fn a_folder_is_the_sum_of_its_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        std::fs::write(dir.path().join("in/a"), [1; 1000]).unwrap();
        std::fs::write(dir.path().join("b"), [1; 10]).unwrap();
        let disk = Disk::of(dir.path());
        assert_eq!((disk.files, disk.bytes), (2, 1010));
        assert_eq!(Disk::of(&dir.path().join("none")), Disk::default());
    }
}
