//! What a log and its auditing did over time: drawn by the server, said in words, and listed in numbers.

use std::fmt::Write as _;

use askama::Template;
use serde::Serialize;

use super::super::error::PageError;
use super::super::view::{When, counted, grouped, span};
use crate::store::{LogId, Store};

/// Points of a line.
const POINTS: u64 = 48;
/// Bars of a drawing, at most.
const BARS: u64 = 60;
/// Alerts that are counted, the newest.
const ALERTS: u32 = 4096;
/// The drawing's size, in its own units.
const WIDTH: u64 = 640;
const HEIGHT: u64 = 160;
/// What is counted together, the shortest first.
const UNITS: [(u64, &str); 5] = [
    (60, "minute"),
    (3600, "hour"),
    (86_400, "day"),
    (7 * 86_400, "week"),
    (30 * 86_400, "month"),
];

/// How a value is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    Line,
    Bars,
}

/// A drawing of one value over time.
#[derive(Debug, Clone, Serialize, Template)]
#[template(path = "parts/chart.html")]
pub(super) struct Chart {
    /// Its name in the page.
    id: &'static str,
    /// What is counted.
    name: String,
    /// What a number is of.
    of: &'static str,
    /// In one sentence, for those who do not see the drawing.
    words: String,
    shape: Shape,
    points: Vec<Point>,
}

impl askama::filters::HtmlSafe for Chart {}

/// A value at a time, or within the stretch that begins then.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Point {
    time: When,
    value: u64,
}

impl Point {
    /// The value for people.
    fn number(&self) -> String {
        grouped(self.value)
    }
}

/// What is drawn of a log with so many entries, as far as there is anything to draw.
pub(super) async fn of(
    store: &Store,
    log: LogId,
    held: u64,
    now: u64,
) -> Result<Vec<Chart>, PageError> {
    let Some((first, last)) = store.epoch_times(log).await? else {
        return Ok(Vec::new());
    };
    let cosigned = store.cosigned_times(log).await?;
    let times: Vec<u64> = cosigned.iter().map(|(time, _)| *time).collect();
    let alerts = store.alert_times(log, ALERTS).await?;
    let charts = [
        growth(store, log, (first, last), held, now).await?,
        heads(&times, now),
        backlog(store, log, &cosigned, now).await?,
        alerts_over_time(&alerts, first / 1000, now),
    ];
    Ok(charts.into_iter().flatten().collect())
}

/// Entries over the time of the log's own epochs.
async fn growth(
    store: &Store,
    log: LogId,
    (first, last): (u64, u64),
    held: u64,
    now: u64,
) -> Result<Option<Chart>, PageError> {
    let length = last.saturating_sub(first);
    if length < 1000 {
        return Ok(None);
    }
    let mut points = Vec::new();
    for ms in steps(first, length) {
        points.push(Point {
            time: When::new(ms / 1000, now),
            value: store.size_at(log, ms).await?,
        });
    }
    let words = format!(
        "{} within {}, by the log's own epochs.",
        counted(held, "entry", "entries"),
        span(length / 1000)
    );
    Ok(Some(Chart {
        id: "growth",
        name: "How it grew".into(),
        of: "Entries",
        words,
        shape: Shape::Line,
        points,
    }))
}

/// Heads cosigned by this auditor.
fn heads(times: &[u64], now: u64) -> Option<Chart> {
    let from = *times.first()?;
    let (unit, points) = counts(times, from, now);
    let all = counted(times.len() as u64, "head", "heads");
    Some(Chart {
        id: "heads",
        name: format!("Heads cosigned here, each {unit}"),
        of: "Heads",
        words: format!(
            "{all} within {}, at most {} in one {unit}; older ones are not counted.",
            span(now.saturating_sub(from).max(1)),
            grouped(most(&points))
        ),
        shape: Shape::Bars,
        points,
    })
}

/// What the log had logged and this auditor had not cosigned yet.
async fn backlog(
    store: &Store,
    log: LogId,
    cosigned: &[(u64, u64)],
    now: u64,
) -> Result<Option<Chart>, PageError> {
    let Some(from) = cosigned.first().map(|(time, _)| *time) else {
        return Ok(None);
    };
    let length = now.saturating_sub(from);
    if length < 1 {
        return Ok(None);
    }
    let mut points = Vec::new();
    for ms in steps(from.saturating_mul(1000), length.saturating_mul(1000)) {
        let done = cosigned.iter().filter(|(time, _)| *time <= ms / 1000);
        let done = done.map(|(_, size)| *size).max().unwrap_or(0);
        points.push(Point {
            time: When::new(ms / 1000, now),
            value: store.size_at(log, ms).await?.saturating_sub(done),
        });
    }
    let last = points.last().map_or(0, |point| point.value);
    let words = match most(&points) {
        0 => "Nothing waited, by the log's clock and this auditor's.".to_owned(),
        most => format!(
            "{} at most, {} now, by the log's clock and this auditor's.",
            counted(most, "entry waited", "entries waited"),
            grouped(last)
        ),
    };
    Ok(Some(Chart {
        id: "backlog",
        name: "Logged, and not cosigned here yet".into(),
        of: "Entries",
        words,
        shape: Shape::Line,
        points,
    }))
}

/// Alerts about the log.
fn alerts_over_time(times: &[u64], from: u64, now: u64) -> Option<Chart> {
    if times.is_empty() {
        return None;
    }
    let from = times.first().map_or(from, |first| from.min(*first));
    let (unit, points) = counts(times, from, now);
    Some(Chart {
        id: "alerts",
        name: format!("Alerts about it, each {unit}"),
        of: "Alerts",
        words: format!(
            "{} within {}, at most {} in one {unit}.",
            counted(times.len() as u64, "alert", "alerts"),
            span(now.saturating_sub(from).max(1)),
            grouped(most(&points))
        ),
        shape: Shape::Bars,
        points,
    })
}

/// Times at even distances.
fn steps(from: u64, length: u64) -> impl Iterator<Item = u64> {
    // Both factors are far from the bound: milliseconds of a log's life, and 48.
    (0..=POINTS).map(move |step| from.saturating_add(length.saturating_mul(step) / POINTS))
}

/// How many of these times lie in each stretch up to now, in the shortest unit that has room.
fn counts(times: &[u64], from: u64, now: u64) -> (&'static str, Vec<Point>) {
    let room = |(length, _): &(u64, &str)| now / length - from.min(now) / length < BARS;
    let (length, unit) = UNITS
        .into_iter()
        .find(room)
        .unwrap_or(UNITS[UNITS.len() - 1]);
    let last = now / length;
    let first = (from.min(now) / length).max((last + 1).saturating_sub(BARS));
    let points = (first..=last).map(|place| Point {
        time: When::new(place * length, now),
        value: times.iter().filter(|time| **time / length == place).count() as u64,
    });
    (unit, points.collect())
}

fn most(points: &[Point]) -> u64 {
    points.iter().map(|point| point.value).max().unwrap_or(0)
}

impl Chart {
    /// The height of a value.
    fn height(&self, value: u64) -> u64 {
        value.saturating_mul(HEIGHT) / most(&self.points).max(1)
    }

    /// The path of the line.
    fn line(&self) -> String {
        let mut path = String::new();
        let last = (self.points.len() as u64).saturating_sub(1).max(1);
        for (step, point) in (0u64..).zip(&self.points) {
            let letter = if step == 0 { 'M' } else { 'L' };
            let (x, y) = (step * WIDTH / last, HEIGHT - self.height(point.value));
            // Writing to a String cannot fail.
            let _ = write!(path, "{letter}{x} {y}");
        }
        path
    }

    /// The path of what is below the line.
    fn area(&self) -> String {
        format!("{}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z", self.line())
    }

    /// The path of all bars.
    fn bars(&self) -> String {
        let mut path = String::new();
        let number = (self.points.len() as u64).max(1);
        for (step, point) in (0u64..).zip(&self.points) {
            let height = self.height(point.value);
            let (x, end) = (step * WIDTH / number, (step + 1) * WIDTH / number);
            let wide = (end - x).saturating_sub(2).max(1);
            if height > 0 {
                let _ = write!(path, "M{x} {HEIGHT}v-{height}h{wide}v{height}z");
            }
        }
        path
    }

    /// The largest value, for people.
    fn top(&self) -> String {
        grouped(most(&self.points))
    }

    /// The first and the last time, to the minute.
    fn ends(&self) -> Option<(String, String)> {
        let minute = |point: &Point| {
            let utc = &point.time.utc;
            format!("{} UTC", utc.get(..16).unwrap_or(utc))
        };
        Some((minute(self.points.first()?), minute(self.points.last()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_in_a_unit_that_has_room() {
        let (unit, points) = counts(&[10, 20, 70, 7199], 10, 7199);
        assert_eq!(unit, "hour");
        assert_eq!(points.len(), 2);
        let (unit, points) = counts(&[10, 20, 70], 10, 100);
        let values: Vec<u64> = points.iter().map(|point| point.value).collect();
        assert_eq!((unit, values), ("minute", vec![2, 1]));
        let years = 20 * 365 * 86_400;
        let (unit, points) = counts(&[0, years], 0, years);
        assert_eq!((unit, points.len() as u64), ("month", BARS));
        assert_eq!(points.last().map(|point| point.value), Some(1));
    }

    #[test]
    fn a_drawing_stays_within_itself() {
        let (_, points) = counts(&[10, 20, 70, 200], 10, 250);
        let chart = Chart {
            id: "heads",
            name: "Heads".into(),
            of: "Heads",
            words: "4 heads.".into(),
            shape: Shape::Bars,
            points,
        };
        assert!(chart.bars().starts_with("M0 160v-160h"), "{}", chart.bars());
        let html = chart.render().unwrap();
        assert!(html.contains("aria-labelledby=\"chart-heads\"") && html.contains("4 heads."));
    }
}
