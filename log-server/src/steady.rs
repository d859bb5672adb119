//! Holds the wall clock against the one that only counts, so that a clock that leaps forward is not
//! signed into the log, where no time after it could follow until it has come.
//!
//! A leap is believed once the clock has gone on evenly from it for [`SETTLED`]. A clock that is set
//! back is believed at once: the log's times do not go back with it.

use std::time::Duration;

/// How long a clock that has leapt must go on evenly.
const SETTLED: Duration = Duration::from_mins(1);

/// The wall clock at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    wall_ms: u64,
    /// By a clock that only counts.
    at: Duration,
}

impl Reading {
    /// What the wall clock would show at `now`, had it gone on evenly.
    fn expected_ms(&self, now: Duration) -> u64 {
        let passed = now.saturating_sub(self.at).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        self.wall_ms.saturating_add(passed)
    }
}

/// A clock that is watched from one reading to the next.
#[derive(Debug)]
pub(crate) struct Steady {
    tolerance_ms: u64,
    believed: Reading,
    /// The first reading after a leap.
    leapt: Option<Reading>,
}

impl Steady {
    /// Believes the clock as it is, and later leaps of at most `tolerance_ms`.
    pub(crate) fn new(tolerance_ms: u64, wall_ms: u64, at: Duration) -> Self {
        Self {
            tolerance_ms,
            believed: Reading { wall_ms, at },
            leapt: None,
        }
    }

    /// The time, unless the clock has leapt and is not believed yet.
    pub(crate) fn read(&mut self, wall_ms: u64, at: Duration) -> Option<u64> {
        let reading = Reading { wall_ms, at };
        if wall_ms <= self.latest(self.believed, at) {
            (self.believed, self.leapt) = (reading, None);
            return Some(wall_ms);
        }
        let leapt = self.leapt.filter(|leapt| {
            let expected = leapt.expected_ms(at);
            wall_ms.abs_diff(expected) <= self.tolerance_ms
        });
        let leapt = *self.leapt.insert(leapt.unwrap_or(reading));
        if at.saturating_sub(leapt.at) < SETTLED {
            return None;
        }
        (self.believed, self.leapt) = (reading, None);
        Some(wall_ms)
    }

    fn latest(&self, from: Reading, at: Duration) -> u64 {
        from.expected_ms(at).saturating_add(self.tolerance_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LEAP_MS: u64 = 600_000;

    /// What is read at each second, of a clock that is off by so many milliseconds then.
    fn read(off_ms: impl IntoIterator<Item = u64>) -> Vec<Option<u64>> {
        let mut clock = Steady::new(30_000, 1_000_000, Duration::ZERO);
        (1..)
            .zip(off_ms)
            .map(|(second, off)| {
                clock.read(1_000_000 + u64::from(second) * 1_000 + off, SECOND * second)
            })
            .collect()
    }

    #[test]
    fn an_even_clock_and_small_steps_are_believed() {
        let off = [0, 0, 29_000, 29_000, 58_000, 0, 0];
        assert!(read(off).iter().all(Option::is_some));
    }

    #[test]
    fn a_leap_that_is_taken_back_is_never_shown() {
        let found = read([0, LEAP_MS, LEAP_MS, 0, 0]);
        let expected = [
            Some(1_001_000),
            None,
            None,
            Some(1_004_000),
            Some(1_005_000),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_leap_that_stays_is_believed_after_its_time() {
        let found = read(std::iter::repeat_n(LEAP_MS, 62));
        assert!(found[..60].iter().all(Option::is_none));
        assert_eq!(found[60], Some(1_000_000 + 61_000 + LEAP_MS));
        assert!(found[61].is_some());
    }

    #[test]
    fn a_clock_that_leaps_and_leaps_is_not_believed() {
        let found = read((0..100).map(|n| n * LEAP_MS));
        assert!(found[1..].iter().all(Option::is_none));
    }
}
