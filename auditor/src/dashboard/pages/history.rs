//! How a log grew, as a drawing and in words.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::error::PageError;
use super::super::view::{When, counted, grouped, span};
use crate::store::{LogId, Store};

/// Points of the line.
const POINTS: u64 = 48;
/// The drawing's inner size, in its own units.
const WIDTH: u64 = 640;
const HEIGHT: u64 = 160;

/// How a log grew.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Growth {
    /// The time of its first epoch.
    pub(super) from: When,
    /// The time of its newest epoch.
    pub(super) to: When,
    /// In one sentence, for those who do not see the drawing.
    pub(super) words: String,
    /// Times and sizes.
    pub(super) points: Vec<Point>,
}

/// How many entries there were at a time.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Point {
    time: When,
    size: u64,
}

impl Growth {
    /// Of a log with so many entries; `None` while it has no two epochs apart in time.
    pub(super) async fn of(
        store: &Store,
        log: LogId,
        held: u64,
        now: u64,
    ) -> Result<Option<Self>, PageError> {
        let Some((first, last)) = store.epoch_times(log).await? else {
            return Ok(None);
        };
        let length = last.saturating_sub(first);
        if length < 1000 {
            return Ok(None);
        }
        let mut points = Vec::new();
        for step in 0..=POINTS {
            // Both factors are far from the bound: milliseconds of a log's life, and 48.
            let ms = first.saturating_add(length.saturating_mul(step) / POINTS);
            points.push(Point {
                time: When::new(ms / 1000, now),
                size: store.size_at(log, ms).await?,
            });
        }
        let words = format!(
            "{} within {}.",
            counted(held, "entry", "entries"),
            span(length / 1000)
        );
        Ok(Some(Self {
            from: When::new(first / 1000, now),
            to: When::new(last / 1000, now),
            words,
            points,
        }))
    }

    /// The path of the line.
    pub(super) fn line(&self) -> String {
        let most = self.most().max(1);
        let mut path = String::new();
        for (step, point) in (0u64..).zip(&self.points) {
            let x = step * WIDTH / POINTS;
            let y = HEIGHT - point.size.saturating_mul(HEIGHT) / most;
            let letter = if step == 0 { 'M' } else { 'L' };
            // Writing to a String cannot fail.
            let _ = write!(path, "{letter}{x} {y}");
        }
        path
    }

    /// The path of what is below the line.
    pub(super) fn area(&self) -> String {
        format!("{}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z", self.line())
    }

    /// The size at the end, for people.
    pub(super) fn top(&self) -> String {
        grouped(self.most())
    }

    fn most(&self) -> u64 {
        self.points
            .iter()
            .map(|point| point.size)
            .max()
            .unwrap_or(0)
    }
}
