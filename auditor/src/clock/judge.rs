//! Whether the own clock is off, judged by what other hosts say that the time is. Pure.
//!
//! One host cannot stop an auditor: it takes two that agree, and more than half of those heard.
//! Nobody is accused either way: whose clock is wrong, clocks alone cannot tell.

/// What one host's clock shows, held against ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The host.
    pub host: String,
    /// Seconds that its clock is ahead of ours; negative if it is behind.
    pub ahead_s: i64,
}

/// How the own clock stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Verdict {
    /// There are not two hosts to compare with, or fewer than two answered.
    #[default]
    Alone,
    /// No majority says that it is off.
    Fits,
    /// It is off.
    Off(Off),
}

/// By how much, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Off {
    /// Seconds that the others are ahead of us; negative if they are behind.
    pub ahead_s: i64,
    /// Who agrees on that.
    pub hosts: Vec<String>,
    /// How many were heard.
    pub heard: usize,
}

impl Off {
    /// What it is, for people.
    pub fn text(&self) -> String {
        let (seconds, way) = match self.ahead_s {
            theirs if theirs < 0 => (theirs.unsigned_abs(), "ahead of"),
            theirs => (theirs.unsigned_abs(), "behind"),
        };
        format!(
            "this auditor's own clock is {seconds} s {way} that of {} of the {} hosts that it asked: {}",
            self.hosts.len(),
            self.heard,
            self.hosts.join(", ")
        )
    }
}

/// Judges by one reading of each host. More than `bound_s` is off.
pub(crate) fn judge(readings: &[Reading], bound_s: u64) -> Verdict {
    // SPEC(WIT-18)
    if readings.len() < 2 {
        return Verdict::Alone;
    }
    let mut off: Vec<&Reading> = readings
        .iter()
        .filter(|reading| reading.ahead_s.unsigned_abs() > bound_s)
        .collect();
    off.sort_by_key(|reading| reading.ahead_s);
    let agree = (0..off.len())
        .map(|first| agreeing(&off, first, bound_s))
        .max_by_key(|agreeing| agreeing.len())
        .unwrap_or_default();
    if agree.len() < 2 || agree.len() * 2 <= readings.len() {
        return Verdict::Fits;
    }
    Verdict::Off(Off {
        ahead_s: agree
            .get(agree.len() / 2)
            .map_or(0, |middle| middle.ahead_s),
        hosts: agree.iter().map(|reading| reading.host.clone()).collect(),
        heard: readings.len(),
    })
}

/// Those from `first` on that are on its side of our clock and within the bound of it.
fn agreeing<'r>(off: &'r [&'r Reading], first: usize, bound_s: u64) -> &'r [&'r Reading] {
    let from = off.get(first..).unwrap_or_default();
    let Some(least) = from.first() else {
        return from;
    };
    let end = from
        .iter()
        .take_while(|reading| {
            reading.ahead_s.signum() == least.ahead_s.signum()
                && reading.ahead_s.abs_diff(least.ahead_s) <= bound_s
        })
        .count();
    from.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: u64 = 300;
    const DAYS: i64 = 3 * 86_400;

    fn judged(ahead: &[i64]) -> Verdict {
        let readings: Vec<_> = ahead
            .iter()
            .enumerate()
            .map(|(n, &ahead_s)| Reading {
                host: format!("h{n}"),
                ahead_s,
            })
            .collect();
        judge(&readings, BOUND)
    }

    fn off_by(ahead: &[i64]) -> Option<i64> {
        match judged(ahead) {
            Verdict::Off(off) => Some(off.ahead_s),
            Verdict::Alone | Verdict::Fits => None,
        }
    }

    #[test]
    fn it_takes_two_that_agree_and_more_than_half() {
        assert_eq!(off_by(&[-DAYS, -DAYS]), Some(-DAYS));
        assert_eq!(off_by(&[DAYS, DAYS + 200]), Some(DAYS + 200));
        assert_eq!(off_by(&[0, -DAYS, -DAYS]), Some(-DAYS));
        assert_eq!(off_by(&[0, 0, -DAYS, -DAYS]), None, "no majority");
        assert_eq!(off_by(&[0, 0, 0, -DAYS, -DAYS, -DAYS, -DAYS]), Some(-DAYS));
    }

    #[test]
    fn one_host_stops_nobody() {
        assert_eq!(judged(&[]), Verdict::Alone);
        assert_eq!(judged(&[-DAYS]), Verdict::Alone);
        assert_eq!(judged(&[0, -DAYS]), Verdict::Fits);
        assert_eq!(judged(&[0, 1, i64::MIN]), Verdict::Fits);
        assert_eq!(judged(&[0, 1, i64::MAX]), Verdict::Fits);
    }

    #[test]
    fn hosts_that_disagree_say_nothing() {
        assert_eq!(judged(&[-DAYS, DAYS]), Verdict::Fits);
        assert_eq!(judged(&[DAYS, 2 * DAYS, 3 * DAYS]), Verdict::Fits);
        assert_eq!(judged(&[-301, 301]), Verdict::Fits);
        assert_eq!(judged(&[i64::MIN, i64::MAX]), Verdict::Fits);
    }

    #[test]
    fn within_the_bound_is_not_off() {
        assert_eq!(judged(&[300, 300]), Verdict::Fits);
        assert_eq!(off_by(&[301, 301]), Some(301));
        assert_eq!(off_by(&[-301, -301]), Some(-301));
    }

    #[test]
    fn says_which_way_and_who() {
        let Verdict::Off(off) = judged(&[-400, 0, -400]) else {
            panic!("it is off");
        };
        let text = off.text();
        assert!(
            text.contains("400 s ahead of that of 2 of the 3 hosts"),
            "{text}"
        );
        assert!(text.contains("h0, h2"), "{text}");
    }
}
