//! Points in time: POSIX seconds in notes, milliseconds in epochs, and their one text form in
//! JSON. Nothing here reads a clock.

use crate::codec::MAX_NUMBER;

/// POSIX seconds, at most 2^63 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// The text is not `YYYY-MM-DDTHH:MM:SSZ`, or no such second exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the form YYYY-MM-DDTHH:MM:SSZ between 1970 and 9999")]
pub struct TimeError;

impl Timestamp {
    /// From POSIX seconds; `None` above 2^63 - 1.
    pub fn from_seconds(seconds: u64) -> Option<Self> {
        (seconds <= MAX_NUMBER).then_some(Self(seconds))
    }

    /// POSIX seconds.
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// This time, `seconds` later; stays at the largest time.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds).min(MAX_NUMBER))
    }

    /// Seconds from `earlier` to `self`, zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// From `YYYY-MM-DDTHH:MM:SSZ`. The day must exist; there is no second 60.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        // SPEC(ENC-5)
        let bytes: &[u8; 20] = text.as_bytes().try_into().map_err(|_| TimeError)?;
        let mut fields = [0u64; 6];
        let layout = b"0000-11-22T33:44:55Z";
        for (&byte, &slot) in bytes.iter().zip(layout) {
            match slot {
                b'0'..=b'5' => {
                    let digit = byte
                        .checked_sub(b'0')
                        .filter(|d| *d < 10)
                        .ok_or(TimeError)?;
                    let field = fields.get_mut(usize::from(slot - b'0')).ok_or(TimeError)?;
                    *field = *field * 10 + u64::from(digit);
                }
                fixed if fixed == byte => {}
                _ => return Err(TimeError),
            }
        }
        let [year, month, day, hour, minute, second] = fields;
        if year < 1970
            || day == 0
            || day > days_in_month(year, month)
            || hour > 23
            || minute > 59
            || second > 59
        {
            return Err(TimeError);
        }
        let days = days_before_year(year)
            + (1..month)
                .map(|earlier| days_in_month(year, earlier))
                .sum::<u64>()
            + day
            - 1;
        Ok(Self(((days * 24 + hour) * 60 + minute) * 60 + second))
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ`; beyond the year 9999 the year has more digits.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (days, rest) = (self.0 / 86_400, self.0 % 86_400);
        // 400 years have 146,097 days; the estimate is at most a year late.
        let mut year = 1970 + days / 146_097 * 400 + days % 146_097 / 366;
        while days_before_year(year + 1) <= days {
            year += 1;
        }
        let mut day = days - days_before_year(year);
        let mut month = 1;
        while day >= days_in_month(year, month) {
            day -= days_in_month(year, month);
            month += 1;
        }
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        write!(
            f,
            "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
            day + 1
        )
    }
}

/// Days from 1970-01-01 to the first day of `year`.
fn days_before_year(year: u64) -> u64 {
    let leap_days = |y: u64| y / 4 - y / 100 + y / 400;
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969)
}

/// Zero for a month that does not exist, so that no day of it does.
fn days_in_month(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(leap),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_seconds() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2026-11-24T04:37:38Z", 1_795_495_058),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(Timestamp::parse(text), Ok(Timestamp(seconds)));
            assert_eq!(Timestamp(seconds).to_string(), text);
        }
    }

    #[test]
    fn refuses_seconds_that_do_not_exist() {
        for bad in [
            "1969-12-31T23:59:59Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2016-12-31T23:59:60Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00z",
            "2026-01-01T00:00:00+00:00",
            "2026-1-01T00:00:00Z",
            "",
            "1900-02-29T00:00:00Z",
            "2026-01-01T00:00:0:Z",
            "２026-01-01T00:00:00",
        ] {
            assert_eq!(Timestamp::parse(bad), Err(TimeError), "{bad}");
        }
    }

    #[test]
    fn every_day_prints_and_parses_back() {
        for day in 0..60_000 {
            let time = Timestamp(day * 86_400 + 86_399);
            assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
        }
    }
}
