//! The logs: whether each is reached, and how its clock stands to ours.

use plainsight_client::http::Http;
use plainsight_client::source::Source;
use plainsight_specs::checkpoint::UnverifiedCheckpoint;

use super::{Line, PATIENCE, fail, ok, warn};
use crate::clock::{self, ask::date_of};
use crate::config::FollowedLog;

/// A clock that is off by more than this, in seconds, is worth a warning.
const CLOCK_WARN_S: u64 = 5;
/// And by more than this a failure: logs allow their own skew, seldom more than a minute.
const CLOCK_FAIL_S: u64 = 60;

/// The log's checkpoint, and what the log's clock says.
pub(super) async fn reach(http: &Http, log: &FollowedLog) -> Vec<Line> {
    let what = format!("log {}", log.origin);
    let source = Source::new(http.clone(), log.url.clone());
    let mut lines = Vec::new();
    match source.checkpoint().await {
        Err(error) => lines.push(fail(
            format!("{what}: {error}"),
            "Check the address in auditor.toml and this machine's network.",
        )),
        Ok(bytes) => {
            let signed = UnverifiedCheckpoint::parse(&bytes)
                .and_then(|checkpoint| checkpoint.verify_log(&log.keys));
            lines.push(match signed {
                Ok(signed) => ok(format!(
                    "{what}: size {} at {}",
                    signed.head().size,
                    log.url
                )),
                Err(error) => fail(
                    format!(
                        "{what}: what {} shows is no checkpoint of it: {error}",
                        log.url
                    ),
                    "Check the key and the address in auditor.toml.",
                ),
            });
        }
    }
    match date_of(log.url.as_str(), PATIENCE).await {
        Some(theirs) => lines.push(compare_clocks(&what, theirs, clock::now_s())),
        None => lines.push(warn(
            format!("clock: {what} does not say what time it is"),
            "Check this machine's clock by other means.",
        )),
    }
    lines
}

pub(super) fn compare_clocks(what: &str, theirs: u64, ours: u64) -> Line {
    let off = theirs.abs_diff(ours);
    let text = format!("clock: {off} s off that of {what}");
    let next = "Set this machine's clock by NTP. Whose is wrong, two clocks cannot tell.";
    if off > CLOCK_FAIL_S {
        fail(text, next)
    } else if off > CLOCK_WARN_S {
        warn(text, next)
    } else {
        ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_clock_that_is_off_warns_and_then_fails() {
        let level = |theirs| compare_clocks("log x", theirs, 1000).level;
        assert_eq!(level(1005), Level::Ok);
        assert_eq!(level(994), Level::Warn);
        assert_eq!(level(1061), Level::Fail);
    }
}
